"""Malformed requests and frames of many kinds: a clear error each, no crash, no state changed."""
import asyncio
import contextlib
import json
import time

from client import API, FRAMES
from harness import SITE, ApiTest, evidence, rng, uid
from stack import Stack, make_jwt
from wire import Wire

COUNT = 500
# Tables that live on by themselves: leases, heartbeats, and the record of the refusals.
ALIVE = ("support_activity_logs", "audit_seals", "processes", "presence_leases", "staff_sessions")
DEEP = "[" * 3000 + "]" * 3000


def without(value, key):
    return {k: v for k, v in value.items() if k != key}


class Refusals(ApiTest):
    @classmethod
    def setUpClass(cls):
        """A stack of its own: in the shared one, leases and deadlines of the tests before pass meanwhile."""
        cls.own = Stack(daemons=2, staff=("agent",)).start()
        cls.addClassCleanup(cls.own.stop)

    def setUp(self):
        super().setUp()
        self.stack = self.own

    def content(self):
        """{(table, row)} of all tables but those that move without being asked."""
        found, tables = set(), 0
        for table, in self.sql("select table_name::text from information_schema.tables where table_schema = 'support' and table_type = 'BASE TABLE' order by 1"):
            if table not in ALIVE:
                found |= {(table, row) for row, in self.sql(f"select t::text from support.{table} t")}
                tables += 1
        self.assertGreater(tables, 7)
        return found

    # -- requests

    def http_cases(self, chat_id, token):
        """(what, bytes, status) without end, in a seeded order: each kind has one right answer, and none may be met by silence."""
        r = self.random
        path = f"/api/support/chats/{chat_id}/messages"

        def request(method, where, body=b"", kind="application/json", more="", length=True, auth=True):
            head = f"{method} {where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}"
            if auth:
                head += f"Authorization: Bearer {token}\r\n"
            if kind and (body or method in ("POST", "PUT")):
                head += f"Content-Type: {kind}\r\n"
            if length and (body or method in ("POST", "PUT")):
                head += f"Content-Length: {len(body)}\r\n"
            return head.encode("utf-8", "surrogateescape") + b"\r\n" + body

        def plain(where="/healthz", version="HTTP/1.1", more=""):
            return f"GET {where} {version}\r\nHost: x\r\nConnection: close\r\n{more}\r\n".encode("latin-1")

        def text(value):
            return json.dumps(value).encode()
        good = {"client_id": uid(), "body": "x"}
        wrong_types = [1, 1.5, True, None, [], {}, [good], "text", {"a": {}}]
        bad_ids = ["x", "", "0" * 36, uid()[:-1], uid() + "0", uid().replace("-", ""), "../../etc/passwd", "%00", "'; drop table x;--", "g" * 36]
        s = self.stack
        claims = s.claims("refused", "R")
        tokens = [make_jwt(claims, s.secret, {"alg": "none"}), make_jwt(claims, "y" * 40), s.token("r", "R", exp=int(time.time()) - 999),
                  s.token("r", "R", aud="x"), s.token("r", "R", iss="x"), "a.b.c", "", "....", "a" * 5000, make_jwt(claims, s.secret, {"alg": "HS512"}),
                  make_jwt(claims, s.secret, {"alg": ["HS256"]}), make_jwt([claims], s.secret), make_jwt(claims, s.secret, {"alg": "HS256", "crit": ["x"]})]
        makers = [
            lambda: ("truncated JSON", request("POST", path, text(good)[:r.randrange(1, 20)]), 400),
            lambda: ("JSON with junk behind", request("POST", path, text(good) + b"x"), 400),
            lambda: ("bytes that are no JSON", request("POST", path, r.randbytes(r.randrange(1, 200))), 400),
            lambda: ("bad UTF-8", request("POST", path, text(good).replace(b'"x"', b'"\xff\xfe"')), 400),
            lambda: ("overlong UTF-8", request("POST", path, text(good).replace(b'"x"', b'"\xc0\xaf"')), 400),
            lambda: ("surrogate", request("POST", path, text(good).replace(b'"x"', b'"\\ud800"')), 400),
            lambda: ("NUL in text", request("POST", path, text(good).replace(b'"x"', b'"a\\u0000b"')), 400),
            lambda: ("key twice", request("POST", path, b'{"body":"a",' + text(good)[1:]), 400),
            lambda: ("not an object", request("POST", path, text(r.choice(wrong_types[:8]))), 400),
            lambda: ("wrong type of body", request("POST", path, text(dict(good, body=r.choice(wrong_types[:7])))), 400),
            lambda: ("wrong type of client_id", request("POST", path, text(dict(good, client_id=r.choice(wrong_types[:7])))), 400),
            lambda: ("bad client_id", request("POST", path, text(dict(good, client_id=r.choice(bad_ids)))), 400),
            lambda: ("unknown field", request("POST", path, text(dict(good, **{r.choice(["kind", "seq", "sender", "x", "__proto__"]): 1}))), 400),
            lambda: ("missing field", request("POST", path, text(without(good, r.choice(list(good))))), 400),
            lambda: ("empty text", request("POST", path, text(dict(good, body=""))), 422),
            lambda: ("long text", request("POST", path, text(dict(good, body="y" * r.randrange(4001, 9000)))), 422),
            lambda: ("deep nesting", request("POST", path, DEEP.encode()), 400),
            lambda: ("deep objects", request("POST", path, b'{"a":' * 2000 + b"1" + b"}" * 2000), 400),
            lambda: ("huge number", request("POST", path, text(good).replace(b'"x"', b"9" * 400)), 400),
            lambda: ("too large a body", request("POST", path, b" " * (70 * 1024)), 413),
            lambda: ("announced too large", request("POST", path, b"", more="Content-Length: 999999999\r\n", length=False), 413),
            lambda: ("no Content-Length", request("POST", path, b"", length=False), 411),
            lambda: ("chunked", request("POST", path, b"5\r\nhello\r\n0\r\n\r\n", more="Transfer-Encoding: chunked\r\n", length=False), 411),
            lambda: ("not JSON by type", request("POST", path, text(good), kind=r.choice(["text/plain", "application/x-www-form-urlencoded", "application/xml", "x"])), 415),
            lambda: ("no type", request("POST", path, text(good), kind=None), 415),
            lambda: ("wrong method", request(r.choice(["PUT", "PATCH"]), path, b"{}"), 405),
            lambda: ("DELETE", request("DELETE", path), 405),
            lambda: ("DELETE with a body", request("DELETE", path, b"{}"), 413),
            lambda: ("unknown method", request("BREW", path), 501),
            lambda: ("unknown route", request("GET", r.choice(["/api/support/nothing", "/api/support/", "/api/support/chat", "/api/x", "/api/support/chats/" + chat_id + "/x"])), 404),
            lambda: ("bad id in the path", request("GET", "/api/support/chats/" + r.choice(["x", "0" * 36, "..%2f..", "g" * 36])), 404),
            lambda: ("no text in the path", request("GET", "/api/support/chats/" + r.choice(["%00", "%ff", "%zz", "%", "%4"])), 400),
            lambda: ("path upwards", request("GET", r.choice(["/../../etc/passwd", "/panel/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"])), 404),
            lambda: ("bad query", request("GET", path + r.choice(["?limit=0", "?limit=201", "?limit=-1", "?limit=1e3", "?limit=" + "9" * 30, "?after_seq=x", "?before_seq=", "?after_seq=1&before_seq=2"])), 422),
            lambda: ("bad cursor", request("GET", "/api/support/chats?cursor=" + r.choice(["x", "a" * 300, "'--"])), 400),
            lambda: ("NUL in the address", request("GET", "/api/support/chats?cursor=%00"), 400),
            lambda: ("long path", request("GET", "/api/support/" + "a" * r.choice([3000, 20000])), 414),
            lambda: ("long header", request("GET", "/api/support/me", more="X-Long: " + "a" * 30000 + "\r\n"), 431),
            lambda: ("bad token", request("GET", "/api/support/me", more=f"Authorization: Bearer {r.choice(tokens)}\r\n", auth=False), 401),
            lambda: ("other scheme", request("GET", "/api/support/me", more=r.choice(["Authorization: Basic YTpi\r\n", "Authorization: Bearer\r\n", "Authorization:\r\n", f"Authorization: {token}\r\n"]), auth=False), 401),
            lambda: ("nobody", request("POST", path, text(good), auth=False), 401),
            lambda: ("foreign Origin", request("POST", path, text(good), more="Origin: https://evil.example\r\n"), 403),
            lambda: ("bad cookie", request("GET", "/api/support/me", more=f"Cookie: supportd_session={r.choice(['x', '', 'a' * 3000, '%00'])}\r\n", auth=False), 401),
            lambda: ("asked by a foreign Origin", request("OPTIONS", path, more="Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"), 403),
            lambda: ("keys differ", request("POST", path, text(good), more=f"Idempotency-Key: {uid()}\r\n"), 422),
            lambda: ("bad key", request("POST", path, text(good), more="Idempotency-Key: x\r\n"), 400),
            lambda: ("role is too low", request("GET", "/api/support/" + r.choice(["queue", "staff", "settings", "activity", "offers"])), 403),
            lambda: ("setting by a customer", request("PUT", "/api/support/settings/queue.offer_s", b'{"value":1}'), 403),
            lambda: ("bad chat start", request("POST", "/api/support/chat/start", text(r.choice([{}, {"client_key": "x"}, {"client_key": uid(), "x": 1}, {"client_key": uid(), "language": 5},
                                                                                         {"client_key": uid(), "message": "x"}, {"client_key": uid(), "message": {"body": "x"}}]))), 400),
            lambda: ("bad receipts", request("POST", path.replace("messages", "receipts"), text(r.choice([{"read_seq": "1"}, {"read_seq": 1.5}, {"x": 1}, []]))), 400),
            lambda: ("receipts below nothing", request("POST", path.replace("messages", "receipts"), text({"read_seq": -1})), 422),
            lambda: ("no HTTP", r.randbytes(r.randrange(5, 300)) + b"\r\n\r\n", 400),
            lambda: ("nothing before HTTP", b"\r\n" * r.randrange(5, 9) + request("GET", "/healthz"), 400),
            lambda: ("TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + r.randbytes(300), 400),
            lambda: ("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 505),
            lambda: ("bad version", plain(version=r.choice(["HTTP/9.9", "HTTP/0.9", "HTTP/2.0", "HTTP/3.0"])), 505),
            lambda: ("no version", plain(version=r.choice(["", "HTTP", "HTTP/1", "HTTP/1.11", "http/1.1", "XTTP/1.1", "1.1"])), 400),
            lambda: ("no request line", r.choice([b"GET\r\n\r\n", b"GET \r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET\t/\tHTTP/1.1\r\n\r\n", b"GET / / HTTP/1.1\r\n\r\n"]), 400),
            lambda: ("no path", plain(where=r.choice(["healthz", "http:/healthz", "ftp://x/healthz", "http://x", "http://x@y/healthz", "*", "?x"])), 400),
            lambda: ("tunnel", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
            lambda: ("method in small letters", request("get", "/healthz"), 501),
            lambda: ("lines without CR", plain().replace(b"\r", b""), 400),
            lambda: ("lines without LF", plain().replace(b"\n", b""), 400),
            lambda: ("no Host", plain().replace(b"Host: x\r\n", b""), 400),
            lambda: ("two Hosts", plain(more="host: y\r\n"), 400),
            lambda: ("no header line", plain(more=r.choice(["nothing\r\n", ": x\r\n", "X : y\r\n", "X y: z\r\n", " X: y\r\n", "X: y\r\n folded\r\n", "X\xff: y\r\n", "(X): y\r\n"])), 400),
            lambda: ("control character in a header", plain(more=f"X: a{chr(r.choice([0, 1, 8, 10, 27, 127]))}b\r\n"), 400),
            lambda: ("many headers", plain(more="".join(f"X-{n}: a\r\n" for n in range(r.choice([61, 500, 3000])))), 431),
            lambda: ("long cookie", plain(more="Cookie: a=" + "b" * 20000 + "\r\n"), 431),
            lambda: ("many fields", plain(where="/healthz?" + "&".join("abc" for _ in range(40))), 414),
            lambda: ("other upgrade", plain(where="/ws", more=f"Connection: Upgrade\r\nUpgrade: {r.choice(['h2c', 'TLS/1.0', 'x', '', 'websocket, h2c'])}\r\n"), 404),
            lambda: ("two lengths", request("POST", path, text(good), more="Content-Length: 5\r\n"), 400),
            lambda: ("negative length", request("POST", path, b"", more="Content-Length: -5\r\n", length=False), 400),
            lambda: ("length and chunks", request("POST", path, text(good), more="Transfer-Encoding: chunked\r\n"), 411),
        ]
        while True:
            for maker in r.sample(makers, len(makers)):
                yield maker()

    async def one_request(self, what, data, expected):
        async with Wire(self.stack.daemons[self.random.randrange(2)].port) as wire:
            self.check_problem(what, expected, await wire.http(data), data)

    def check_problem(self, what, expected, answer, data=b""):
        """A problem document with this status that says what is wrong."""
        status, headers, body = answer
        self.assertEqual(status, expected, f"{what}: {body[:300]!r} for {data[:400]!r}")
        self.assertEqual(headers.get("content-type", "").split(";")[0], "application/problem+json", f"{what}: {headers} {body[:200]!r}")
        problem = json.loads(body)
        API.check_schema("Problem", problem, what)
        API.check_code(problem, what)
        self.assertNotIn("select ", body.decode().lower(), what)

    # -- frames

    def frame_cases(self, chat_id):
        """(what, function of the wire, expected): the status of an error frame, or ("close", code); code None: the connection ends without a close frame."""
        r = self.random

        def t(value):
            return lambda w: w.frame(json.dumps(value) if not isinstance(value, str) else value)
        send = {"type": "message.send", "id": "9", "chat_id": chat_id, "client_id": uid(), "body": "x"}
        makers = [
            lambda: ("no JSON", t(r.choice(["x", "{", '{"type":', "", " ", "nul", '{"type":"ping"}}'])), 400),
            lambda: ("no object", t(r.choice(["[]", "1", '"x"', "null", "true"])), 400),
            lambda: ("no type", t(r.choice([{}, {"id": "1"}, {"type": 1}, {"type": None}, {"type": ["ping"]}])), 400),
            lambda: ("unknown type", t({"type": r.choice(["", "x", "message.new", "welcome", "call.state", "PING", "__proto__"]), "id": "1"}), 400),
            lambda: ("bad id", t({"type": "ping", "id": r.choice([1, None, {}, "a" * 65])}), 400),
            lambda: ("unknown field", t(dict(send, **{r.choice(["seq", "kind", "x"]): 1})), 400),
            lambda: ("missing field", t(without(send, r.choice(["chat_id", "client_id", "body"]))), 400),
            lambda: ("wrong type of a field", t(dict(send, **{r.choice(["chat_id", "client_id", "body"]): r.choice([1, None, [], {}, True])})), 400),
            lambda: ("bad chat id", t(dict(send, chat_id=r.choice(["x", "", "0" * 36, "g" * 36]))), 400),
            lambda: ("unknown chat", t(dict(send, chat_id=uid())), 404),
            lambda: ("empty text", t(dict(send, body="")), 422),
            lambda: ("long text", t(dict(send, body="z" * 4001)), 422),
            lambda: ("NUL", t(json.dumps(send).replace('"x"', '"a\\u0000"')), 400),
            lambda: ("deep nesting", t(DEEP), 400),
            lambda: ("second hello", t({"type": "hello", "id": "1", "token": "x"}), 409),
            lambda: ("note by a customer", t({"type": "note.send", "id": "1", "chat_id": chat_id, "client_id": uid(), "body": "x"}), 403),
            lambda: ("bad positions", t({"type": "chat.open", "id": "1", "chat_id": chat_id, "seq": r.choice(["1", 1.5, None]), "rev": 0}), 400),
            lambda: ("positions below nothing", t({"type": "chat.open", "id": "1", "chat_id": chat_id, "seq": -1, "rev": 0}), 422),
            lambda: ("bad receipt", t({"type": "chat.receipt", "id": "1", "chat_id": chat_id, "read_seq": r.choice(["x", 2.5])}), 400),
            lambda: ("receipt below nothing", t({"type": "chat.receipt", "id": "1", "chat_id": chat_id, "read_seq": -1}), 422),
            lambda: ("bad typing", t({"type": "chat.typing", "id": "1", "chat_id": chat_id, "active": r.choice([1, "true", None])}), 400),
            lambda: ("unknown call", t({"type": r.choice(["call.offer"]), "id": "1", "call_id": uid(), "sdp": "v=0\r\n"}), 404),
            lambda: ("bad mute", t({"type": "call.mute", "id": "1", "call_id": uid(), "muted": r.choice([1, "x"])}), 400),
            lambda: ("unknown call of figures", t({"type": "call.stats", "id": "1", "call_id": uid(), "received": 1, "lost": -1}), 404),
            lambda: ("bad figures", t(dict({"type": "call.stats", "id": "1", "call_id": uid(), "received": 1, "lost": 0}, **{
                r.choice(["received", "samples", "concealed", "sent", "rtt_us", "path"]): r.choice([1.5, [], True])})), 400),
            lambda: ("figures out of range", t(dict({"type": "call.stats", "id": "1", "call_id": uid(), "received": 1, "lost": 0}, **{
                r.choice(["received", "samples", "concealed", "sent", "rtt_us"]): r.choice([-1, 10 ** 15])})), 422),
            lambda: ("loud figures", t({"type": "call.stats", "id": "1", "call_id": uid(), "received": 1, "lost": 0, r.choice(["level_dbov", "mic_dbov"]): r.choice([1, -128])}), 422),
            lambda: ("figures without packets", t({"type": "call.stats", "id": "1", "call_id": uid(), "lost": 0}), 400),
            lambda: ("bad candidate", t({"type": "call.candidate", "id": "1", "call_id": uid(), "candidate": r.choice([1, None, {}])}), 400),
            lambda: ("binary", lambda w: w.frame(b"\x00\x01", opcode=2), ("close", 1003)),
            lambda: ("too large", lambda w: w.frame("x" * 40000), ("close", 1009)),
            lambda: ("bad UTF-8", lambda w: w.frame(b'{"type":"\xff"}'), ("close", 1007)),
            lambda: ("reserved bits", lambda w: w.frame('{"type":"ping"}', rsv=r.choice([1, 2, 3])), ("close", 1002)),
            lambda: ("reserved opcode", lambda w: w.frame("x", opcode=r.choice([3, 7, 11, 15])), ("close", 1002)),
            # libwebsockets ends the connection at the length field itself; RFC 6455 7.1.7 leaves the close frame to it.
            lambda: ("long control frame", lambda w: w.frame("x" * 200, opcode=9), ("close", None)),
            lambda: ("continuation of nothing", lambda w: w.frame("x", opcode=0), ("close", 1002)),
            lambda: ("huge length", lambda w: w.frame("x", length=1 << 62), ("close", 1009)),
            lambda: ("too many frames", lambda w: [w.frame('{"type":"ping"}') for _ in range(120)], ("close", 1008)),
            lambda: ("raw bytes", lambda w: w.writer.write(b"\xf3" + r.randbytes(400)), ("close", 1002)),
        ]
        while True:
            for maker in r.sample(makers, len(makers)):
                yield maker()

    async def one_frame(self, what, action, expected, token):
        async with Wire(self.stack.daemons[self.random.randrange(2)].port) as wire:
            self.assertEqual((await wire.upgrade())[0], 101)
            wire.frame(json.dumps({"type": "hello", "id": "h", "token": token}))
            await wire.receive()
            action(wire)
            end = time.monotonic() + 10
            while True:
                opcode, payload = await wire.receive(max(0.1, end - time.monotonic()))
                if opcode == 1:
                    frame = json.loads(payload)
                    FRAMES.check(frame)
                    if frame["type"] != "error":
                        continue
                    if expected == ("close", 1008):
                        self.assertEqual(frame["error"]["status"], 429, f"{what}: {frame}")
                        continue  # the close follows
                    self.assertEqual(frame["error"]["status"], expected, f"{what}: {frame}")
                    return
                if opcode in (8, None):
                    code = int.from_bytes(payload[:2], "big") if opcode == 8 else None
                    self.assertEqual(("close", code), expected, f"{what}: {payload!r}")
                    return

    # -- handshakes

    def handshake_cases(self):
        r = self.random
        makers = [
            lambda: ("wrong subprotocol", {"protocol": r.choice(["support.v2", "chat", "support.v1x", "x, y"])}, 400),
            lambda: ("no subprotocol", {"protocol": None}, 400),
            lambda: ("foreign Origin of a socket", {"origin": r.choice(["https://evil.example", "null", SITE + ".evil.example", "http://www.bank.example", SITE + ":8443"])}, 403),
            lambda: ("old version", {"extra": "Sec-WebSocket-Version: 7\r\n"}, 426),
            lambda: ("no key", {"key": r.choice([None, " ", "x", "dGhlIHNhbXBsZSBub25jZQ=", "a" * 24, "a" * 200])}, 400),
            lambda: ("socket elsewhere", {"line": "GET /socket HTTP/1.1"}, 404),
            lambda: ("socket by POST", {"line": "POST /ws HTTP/1.1", "extra": "Content-Length: 0\r\n"}, 400),
            lambda: ("socket by HTTP/1.0", {"line": "GET /ws HTTP/1.0"}, 400),
        ]
        while True:
            yield r.choice(makers)()

    async def test_refusals(self):
        self.random = rng("refusals")
        customer, agent, chat_id = await self.pair(text="something to lose")
        await agent.note(chat_id, "a note")
        await agent.rest.put("/me/presence", {"chosen": "away"})
        token = customer.rest.token
        await self.settle(chat_id, customer, agent)
        pids = [d.pid for d in self.stack.daemons]
        before = self.content()
        wrong, kinds = [], {}
        stored = self.sql("select count(*) from support.chat_messages")
        http, frames, hands = self.http_cases(chat_id, token), self.frame_cases(chat_id), self.handshake_cases()
        for n in range(COUNT):
            try:
                if n % 20 == 19:
                    what, more, expected = next(hands)
                    async with Wire(self.stack.daemons[n % 2].port) as wire:
                        self.check_problem(what, expected, await wire.upgrade(**more))
                elif n % 5 < 3:
                    what, data, expected = next(http)
                    await self.one_request(what, data, expected)
                else:
                    what, action, expected = next(frames)
                    await self.one_frame(what, action, expected, token)
            except (AssertionError, asyncio.TimeoutError) as e:
                wrong.append(f"{what}: {e!r}"[:900])
            kinds[what] = kinds.get(what, 0) + 1
            rows, stored = stored, self.sql("select count(*) from support.chat_messages")
            if rows != stored:
                wrong.append(f"{what}: a message was stored")
            self.assertTrue(all(d.alive() for d in self.stack.daemons), f"the daemon died of: {what}")
        await asyncio.sleep(0.3)
        self.assertEqual([d.pid for d in self.stack.daemons], pids)
        self.assertEqual(sorted(before ^ self.content()), [], f"rows that changed; wrong: {wrong}")
        await customer.send(chat_id, "still works")
        await self.settle(chat_id, customer, agent)
        seen = sorted(set(w.split(": Assert")[0] for w in wrong))
        evidence("refusals", {"cases": COUNT, "kinds": len(kinds)}, {"wrong": len(wrong), "crashes": 0, "tables_changed": 0})
        self.assertEqual(len(wrong), 0, f"{len(wrong)} of {COUNT}: {seen}\n" + "\n".join({w.split(':')[0]: w for w in wrong}.values()))

    @contextlib.contextmanager
    def short_patience(self):
        """The second daemon, with 700 ms for a head and for a body."""
        daemon = self.stack.daemons[1]
        usual = dict(daemon.env)
        try:
            daemon.stop()
            daemon.env.update(SUPPORTD_LIMITS_HEAD_TIMEOUT_MS="700ms", SUPPORTD_LIMITS_BODY_TIMEOUT_MS="700ms")
            daemon.start()
            yield daemon
        finally:
            daemon.stop()
            daemon.env.clear()
            daemon.env.update(usual)
            daemon.start()

    async def test_what_never_ends_is_told_so(self):
        """Nothing wrong was sent, but never all of it: 408 when its time is over. A connection on which nothing was sent is closed as it is: there is no request to answer (RFC 9110 15.5.9)."""
        parts = [b"G", b"GET /healthz HTTP/1.1\r\nHost: x", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"]
        with self.short_patience() as daemon:
            wires = [await Wire(daemon.port).__aenter__() for _ in range(5)]
            body = b"POST /api/support/chat/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            answers = await asyncio.gather(*(w.http(part) for w, part in zip(wires, [*parts, body, b""])))
            for what, answer in zip(["G", "no end of a line", "no empty line", "no end of the body"], answers):
                self.check_problem(what, 408, answer)
            self.assertEqual(answers[4][0], 0)
            # The end of the stream in the middle of a head.
            async with Wire(daemon.port) as wire:
                self.check_problem("cut head", 400, await wire.http(parts[1], end=True))
