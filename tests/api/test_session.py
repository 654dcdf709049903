"""Who is calling: tokens, staff accounts, tickets, Origin, health."""
import asyncio
import base64
import datetime
import json
import time

import websockets

from client import FRAMES, Client, Rest
from harness import BANK_COOKIE, SITE, ApiTest, uid
from stack import PUBLIC_SITE, make_jwt


class Tokens(ApiTest):
    async def test_me(self):
        rest = self.customer("Wanja Kimani")
        first = (await rest.get("/me")).body
        self.assertEqual((first["kind"], first["role"], first["name"]), ("customer", "customer", "Wanja Kimani"))
        self.assertNotIn("presence", first)
        self.assertEqual((await rest.get("/me", base=1)).body, first)

    async def test_bad_tokens(self):
        s = self.stack
        good = s.claims("bad-tokens", "Nobody")
        none = make_jwt(good, s.secret, {"alg": "none", "typ": "JWT"})
        cases = {
            "wrong key": make_jwt(good, "x" * 64),
            "alg none": none.rsplit(".", 1)[0] + ".",
            "alg none with signature": none,
            "alg HS384": make_jwt(good, s.secret, {"alg": "HS384", "typ": "JWT"}),
            "expired": s.token("bad", "N", exp=int(time.time()) - 3600),
            "not yet": s.token("bad", "N", nbf=int(time.time()) + 3600),
            "no expiry": s.token("bad", "N", exp=None),
            "wrong issuer": s.token("bad", "N", iss="https://evil.example"),
            "no issuer": s.token("bad", "N", iss=None),
            "wrong audience": s.token("bad", "N", aud="other"),
            "no audience": s.token("bad", "N", aud=None),
            "no subject": s.token("bad", "N", sub=None),
            "empty subject": s.token("", "N"),
            "subject not text": s.token(5, "N"),
            "issued in the future": s.token("bad", "N", iat=int(time.time()) + 3600),
            "three dots": "a.b.c",
            "two parts": s.token("bad", "N").rsplit(".", 1)[0],
            "padding": s.token("bad", "N") + "==",
            "garbage": "%%%",
            "long": "a" * 7000,
        }
        for name, token in cases.items():
            with self.subTest(name):
                answer = await Rest(self.bases, token).get("/me")
                self.assertEqual(answer.status, 401, (name, answer))
                self.assertIn(answer.code, ("token_invalid", "token_expired", "unauthenticated"))
        self.assertEqual((await Rest(self.bases, cases["expired"]).get("/me")).code, "token_expired")
        self.assertEqual((await Rest(self.bases, None).get("/me")).code, "unauthenticated")

    async def test_audience_may_be_a_list(self):
        token = self.stack.token("list-audience", "N", aud=["other", "support"])
        self.assertEqual((await Rest(self.bases, token).get("/me")).status, 200)

    async def test_a_role_in_the_token_counts_nothing(self):
        rest = self.customer(role="super_admin", roles=["admin"])
        self.assertEqual((await rest.get("/me")).body["role"], "customer")
        self.assert_problem(await rest.get("/settings"), 403, "denied")


class BankCookie(ApiTest):
    def caller(self, token=None, origin=SITE):
        rest = Rest(self.bases, None, origin)
        rest.cookie = f"theme=dark; {BANK_COOKIE}={token or self.customer('Wanja Kimani').token}"
        return rest

    async def test_the_banks_cookie_is_its_token(self):
        rest = self.customer("Wanja Kimani")
        me = (await rest.get("/me")).body
        by_cookie = self.caller(rest.token)
        self.assertEqual((await by_cookie.get("/me")).body, me)
        started = await by_cookie.post("/chat/start", {"client_key": uid()})
        self.assertEqual(started.status, 201)
        self.assertEqual((await rest.get(f"/chats/{started.body['chat']['id']}")).status, 200)
        self.assertEqual((await by_cookie.post(f"/chats/{started.body['chat']['id']}/close")).status, 200)

    async def test_a_write_by_it_needs_an_allowed_origin(self):
        for origin in (None, "https://evil.example", "null", SITE + ":444"):
            answer = await self.caller(origin=origin).post("/chat/start", {"client_key": uid()})
            self.assert_problem(answer, 403, "origin_refused")

    async def test_what_is_no_good_token_is_none_in_a_cookie_either(self):
        claims = self.stack.claims("cookie-tokens", "Nobody")
        for token in (make_jwt(claims, "x" * 64), make_jwt(dict(claims, exp=int(time.time()) - 3600), self.stack.secret), "x", ""):
            self.assertEqual((await self.caller(token or " ").get("/me")).status, 401, token)
        other = self.caller()
        other.cookie = other.cookie.replace(BANK_COOKIE, BANK_COOKIE + "s")
        self.assertEqual((await other.get("/me")).status, 401)

    async def test_a_token_in_the_head_goes_before_it(self):
        rest = self.customer("Otieno")
        rest.cookie = self.caller().cookie
        self.assertEqual((await rest.get("/me")).body["name"], "Otieno")


class Sessions(ApiTest):
    async def test_login_and_logout(self):
        account = self.stack.staff["agent2"]
        rest = Rest(self.bases, None, SITE)
        me = await rest.login(account["email"], account["password"])
        self.assertEqual((me["kind"], me["role"], me["name"]), ("staff", "agent", account["name"]))
        session = await rest.get("/session", base=1)
        self.assertEqual((session.status, session.body["me"]["id"]), (200, me["id"]))
        self.assertEqual((await rest.delete("/session")).status, 204)
        gone = await rest.get("/me")
        self.assertEqual(gone.status, 401)

    async def test_the_cookie(self):
        account = self.stack.staff["agent2"]
        answer = await Rest(self.bases, None, SITE).post("/session", {"email": account["email"].upper(), "password": account["password"]})
        parts = [p.strip().lower() for p in answer.headers["Set-Cookie"].split(";")]
        self.assertTrue(parts[0].startswith("supportd_session="))
        self.assertIn("httponly", parts)
        self.assertIn("samesite=strict", parts)
        self.assertEqual(answer.headers.get("Cache-Control"), "no-store")

    async def test_wrong_password(self):
        rest = Rest(self.bases, None, SITE)
        email = self.stack.staff["agent2"]["email"]
        for body in ({"email": email, "password": "wrong"}, {"email": "nobody@bank.example", "password": "wrong"}):
            self.assert_problem(await rest.post("/session", body), 401, "bad_credentials")

    async def test_lockout(self):
        account = self.stack.add_staff("locked", "agent", "Lock Me")
        rest = Rest(self.bases, None, SITE)
        for n in range(5):
            answer = await rest.post("/session", {"email": account["email"], "password": "no"}, base=n)
            self.assertEqual(answer.status, 401 if n < 4 else 429)
        answer = await rest.post("/session", {"email": account["email"], "password": account["password"]})
        self.assert_problem(answer, 429, "locked")

    async def test_csrf(self):
        rest = await self.staff("agent")
        for headers in ({"X-CSRF-Token": None}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": ""}):
            answer = await rest.put("/me/presence", {"chosen": "away"}, headers=headers)
            self.assert_problem(answer, 403, "csrf_refused")
        self.assertEqual((await rest.put("/me/presence", {"chosen": "away"})).status, 200)

    async def test_origin_of_cookie_requests(self):
        rest = await self.staff("agent")
        for origin in (None, "https://evil.example", "null", "https://www.bank.example.evil.example", SITE + ":444", "http://www.bank.example"):
            answer = await rest.put("/me/presence", {"chosen": "away"}, headers={"Origin": origin})
            self.assert_problem(answer, 403, "origin_refused")
        own = self.bases[0]
        self.assertEqual((await rest.put("/me/presence", {"chosen": "away"}, headers={"Origin": own})).status, 200)

    async def test_origin_of_bearer_requests(self):
        rest = self.customer()
        self.assertEqual((await rest.get("/me", headers={"Origin": None})).status, 200)
        self.assert_problem(await rest.get("/me", headers={"Origin": "https://evil.example"}), 403, "origin_refused")
        answer = await rest.get("/me")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Origin"), SITE)
        self.assertIn("origin", answer.headers.get("Vary", "").lower())

    async def test_preflight(self):
        rest = Rest(self.bases, None)
        rest.check = False
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        good = await rest.request("OPTIONS", "/api/support/chat/start", headers=dict(asked, Origin=SITE))
        self.assertIn(good.status, (200, 204))
        self.assertEqual(good.headers.get("Access-Control-Allow-Origin"), SITE)
        bad = await rest.request("OPTIONS", "/api/support/chat/start", headers=dict(asked, Origin="https://evil.example"))
        self.assertNotIn("Access-Control-Allow-Origin", bad.headers)

    async def test_a_read_only_site(self):
        rest = self.customer()
        answer = await rest.post("/chat/start", {"client_key": uid()}, headers={"Origin": PUBLIC_SITE})
        self.assert_problem(answer, 403, "feature_off")
        self.assertEqual((await rest.get("/widget-config", headers={"Origin": PUBLIC_SITE})).body["features"],
                         {"chat": False, "call": False, "callback": False, "ratings": False})
        self.assertEqual((await rest.get("/widget-config", headers={"Origin": SITE})).body["features"],
                         {"chat": True, "call": True, "callback": True, "ratings": True})


class Sockets(ApiTest):
    async def closed(self, origin=SITE, first=None, socket=0, wait=5):
        """Sends one frame and waits for the close; (frames, close code)."""
        async with websockets.connect(self.sockets[socket], subprotocols=["support.v1"], origin=origin, compression=None) as ws:
            if first is not None:
                await ws.send(first)
            frames = []
            try:
                while True:
                    frames.append(await asyncio.wait_for(ws.recv(), wait))
            except websockets.ConnectionClosed as e:
                return frames, e.rcvd.code if e.rcvd else None

    async def test_upgrade_refuses_a_foreign_origin(self):
        for origin in ("https://evil.example", "null", SITE + ":444"):
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                await websockets.connect(self.sockets[0], subprotocols=["support.v1"], origin=origin)
            self.assertEqual(caught.exception.status_code, 403)

    async def test_hello_must_come_first(self):
        for first in ('{"type":"ping"}', '{"type":"hello"}', '{"type":"hello","token":"a.b.c"}', '{"type":"hello","ticket":"no"}', "[]", "x"):
            with self.subTest(first):
                _, code = await self.closed(first=first)
                self.assertEqual(code, 4401)

    def token_of(self, rest, left_s):
        """A token of the same customer that is refused in left_s: the clocks may differ by 30 s."""
        return self.stack.token(rest.subject, rest.name, exp=int(time.time()) - 30 + left_s)

    async def greet(self, ws, rest, left_s):
        await ws.send(json.dumps({"type": "hello", "token": self.token_of(rest, left_s)}))
        while (frame := json.loads(await asyncio.wait_for(ws.recv(), 5)))["type"] != "welcome":
            pass
        return datetime.datetime.fromisoformat(frame["expires_at"]).timestamp()

    async def renewed(self, ws, **credential):
        await ws.send(json.dumps({"type": "auth.renew", "id": "r", **credential}))
        while (frame := json.loads(await asyncio.wait_for(ws.recv(), 5))).get("id") != "r":
            pass
        FRAMES.check(frame)
        return frame

    async def test_a_socket_ends_with_its_token(self):
        rest = self.customer()
        async with websockets.connect(self.sockets[0], subprotocols=["support.v1"], origin=SITE) as ws:
            ends = await self.greet(ws, rest, 3)
            with self.assertRaises(websockets.ConnectionClosed) as caught:
                while True:
                    await asyncio.wait_for(ws.recv(), 15)
            self.assertGreaterEqual(time.time(), ends - 0.1)
            self.assertEqual(caught.exception.rcvd.code, 4402)

    async def test_a_renewed_socket_goes_on(self):
        rest, other = self.customer(), self.customer()
        async with websockets.connect(self.sockets[0], subprotocols=["support.v1"], origin=SITE) as ws:
            ends = await self.greet(ws, rest, 3)
            refused = [await self.renewed(ws, token="a.b.c"), await self.renewed(ws, ticket="no"), await self.renewed(ws),
                       await self.renewed(ws, token=other.token), await self.renewed(ws, token=rest.token, ticket="both"),
                       await self.renewed(ws, token=self.token_of(rest, -1))]
            self.assertEqual([f["error"]["code"] for f in refused], ["token_invalid", "ticket_invalid", "missing", "denied",
                             "missing", "token_expired"])
            done = await self.renewed(ws, token=rest.token)
            self.assertGreater(datetime.datetime.fromisoformat(done["expires_at"]).timestamp(), ends + 60)
            await asyncio.sleep(max(0, ends + 1 - time.time()))
            await ws.send('{"type":"ping","id":"p"}')
            while json.loads(await asyncio.wait_for(ws.recv(), 5)).get("id") != "p":
                pass

    async def test_renewed_by_ticket(self):
        staff = await self.staff("agent")
        client = await self.connect(staff, "agent", 0)
        self.assertTrue(client.of_type("welcome")[-1]["expires_at"])
        ticket = (await staff.post("/ws-ticket", base=0)).body["ticket"]
        self.assertEqual((await client.ask(type="auth.renew", ticket=ticket))["type"], "auth.renewed")
        foreign = (await self.customer().post("/ws-ticket", base=0)).body["ticket"]
        await self.assert_refused(client.ask(type="auth.renew", ticket=foreign), "denied", 403)

    async def test_no_hello_in_time(self):
        started = time.monotonic()
        _, code = await self.closed(wait=15)
        self.assertEqual(code, 4401)
        self.assertGreater(time.monotonic() - started, 8)

    async def ticket(self, base):
        answer = await self.customer_.post("/ws-ticket", base=base)
        self.assertEqual(answer.status, 201)
        return answer.body["ticket"]

    async def hello(self, socket, ticket):
        async with websockets.connect(self.sockets[socket], subprotocols=["support.v1"], origin=SITE) as ws:
            await ws.send('{"type":"hello","ticket":"%s"}' % ticket)
            try:
                return "welcome" in await ws.recv()
            except websockets.ConnectionClosed:
                return False

    async def test_a_ticket_is_good_once(self):
        self.customer_ = self.customer()
        ticket = await self.ticket(0)
        self.assertTrue(await self.hello(0, ticket))
        self.assertFalse(await self.hello(0, ticket))
        self.assertFalse(await self.hello(1, ticket))

    async def test_a_ticket_of_another_daemon(self):
        self.customer_ = self.customer()
        frames, code = await self.closed(first='{"type":"hello","ticket":"%s"}' % await self.ticket(0), socket=1)
        self.assertEqual(code, 4401)
        self.assertIn("ticket_invalid", frames[0])

    async def test_deactivated_staff_are_cut_off(self):
        account = self.stack.add_staff("leaver", "agent", "Leaver")
        rest = Rest(self.bases, None, SITE)
        me = await rest.login(account["email"], account["password"])
        client = Client(self.sockets, rest, "leaver", SITE, True)
        async with client:
            admin = await self.staff("admin")
            self.assertEqual((await admin.delete(f"/staff/{me['id']}")).status, 204)
            for _ in range(100):
                if client.last_close == 4403:
                    break
                await asyncio.sleep(0.05)
            self.assertEqual(client.last_close, 4403)
        self.assertEqual((await rest.get("/me")).status, 401)
        self.assert_problem(await rest.post("/session", {"email": account["email"], "password": account["password"]}), 401, "bad_credentials")

    async def by_hand(self, rest, socket):
        """A socket of this login that does not come back by itself."""
        ticket = (await rest.post("/ws-ticket", base=socket)).body["ticket"]
        ws = await websockets.connect(self.sockets[socket], subprotocols=["support.v1"], origin=SITE, compression=None)
        self.addAsyncCleanup(ws.close)
        await ws.send(json.dumps({"type": "hello", "ticket": ticket}))
        while json.loads(await asyncio.wait_for(ws.recv(), 10))["type"] != "welcome":
            pass
        return ws

    async def close_code(self, ws):
        try:
            while True:
                await asyncio.wait_for(ws.recv(), 15)
        except websockets.ConnectionClosed as e:
            return e.rcvd.code if e.rcvd else None

    async def answers(self, ws):
        await ws.send('{"type":"ping","id":"still"}')
        while json.loads(await asyncio.wait_for(ws.recv(), 10)).get("id") != "still":
            pass

    async def login_of(self, account):
        rest = Rest(self.bases, None, SITE)
        rest.me = await rest.login(account["email"], account["password"])
        return rest

    async def test_logging_out_closes_the_sockets_of_that_login_everywhere(self):
        account = self.stack.add_staff(f"out-{uid()[:8]}", "agent", "Out Goer")
        here, there = await self.login_of(account), await self.login_of(account)
        own = [await self.by_hand(here, 0), await self.by_hand(here, 1), await self.by_hand(here, 1)]
        others = [await self.by_hand(there, 0), await self.by_hand(there, 1), await self.by_hand(await self.staff("agent"), 1)]
        moved_in, moved_out = await self.by_hand(there, 1), await self.by_hand(here, 1)
        self.assertEqual((await self.renewed(moved_in, ticket=(await here.post("/ws-ticket", base=1)).body["ticket"]))["type"], "auth.renewed")
        self.assertEqual((await self.renewed(moved_out, ticket=(await there.post("/ws-ticket", base=1)).body["ticket"]))["type"], "auth.renewed")
        unused = [(await here.post("/ws-ticket", base=n)).body["ticket"] for n in (0, 1)]
        self.assertEqual((await here.delete("/session")).status, 204)
        for ws in [*own, moved_in]:
            self.assertEqual(await self.close_code(ws), 4404)
        for ws in [*others, moved_out]:
            await self.answers(ws)
        for socket, ticket in enumerate(unused):
            _, code = await self.closed(first=json.dumps({"type": "hello", "ticket": ticket}), socket=socket)
            self.assertEqual(code, 4401)
        self.assertEqual((await there.get("/me", base=1)).status, 200)

    async def test_a_logout_whose_news_were_lost(self):
        """Nobody is told that the row has gone; a process that was without news looks itself."""
        account = self.stack.add_staff(f"deaf-{uid()[:8]}", "agent", "Deaf Goer")
        here, there = await self.login_of(account), await self.login_of(account)
        own, other = await self.by_hand(here, 1), await self.by_hand(there, 1)
        unused = (await here.post("/ws-ticket", base=1)).body["ticket"]
        kept = (await there.post("/ws-ticket", base=1)).body["ticket"]
        token = base64.urlsafe_b64decode(here.cookie.split("=", 1)[1] + "==")
        self.assertEqual(self.sql("delete from support.staff_sessions where token_hash = sha256(%s) returning 1", token), [(1,)])
        _, code = await self.closed(first=json.dumps({"type": "hello", "ticket": unused}), socket=1)
        self.assertEqual(code, 4404)
        await self.answers(own)
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%%'")
        self.assertEqual(await self.close_code(own), 4404)
        await self.answers(other)
        self.assertEqual((await self.renewed(other, ticket=kept))["type"], "auth.renewed")

    async def test_changes_of_people_whose_news_were_lost(self):
        gone, risen = [await self.login_of(self.stack.add_staff(f"deaf-{uid()[:8]}", "agent", "Deaf")) for _ in range(2)]
        sockets = [await self.by_hand(rest, 1) for rest in (gone, risen)]
        other = await self.by_hand(await self.staff("agent"), 1)
        self.sql("update support.support_staff set active = false, deactivated_at = now() where id = %s", gone.me["id"])
        self.sql("update support.support_staff set role = 'team_lead' where id = %s", risen.me["id"])
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%%'")
        self.assertEqual([await self.close_code(ws) for ws in sockets], [4403, 1012])
        await self.answers(other)

    async def test_what_the_database_could_not_say_is_asked_again(self):
        gone = await self.login_of(self.stack.add_staff(f"deaf-{uid()[:8]}", "agent", "Deaf"))
        own, other = await self.by_hand(gone, 1), await self.by_hand(await self.staff("agent"), 1)
        self.sql("update support.support_staff set active = false, deactivated_at = now() where id = %s", gone.me["id"])

        def failures():
            with open(self.stack.daemons[1].log) as log:
                return log.read().count("session not checked")
        before = failures()
        self.sql("revoke execute on function support.staff_me(text) from supportd_app")
        try:
            self.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%%'")
            for _ in range(600):  # of two persons, more often than gaps in the news alone would have it
                if failures() >= before + 12:
                    break
                await asyncio.sleep(0.05)
            self.assertGreaterEqual(failures(), before + 12)
            await self.answers(own)
        finally:
            self.sql("grant execute on function support.staff_me(text) to supportd_app")
        self.assertEqual(await self.close_code(own), 4403)
        await self.answers(other)

    async def test_a_deactivated_account_loses_its_sockets_everywhere(self):
        account = self.stack.add_staff(f"off-{uid()[:8]}", "agent", "Off Goer")
        here, there = await self.login_of(account), await self.login_of(account)
        own = [await self.by_hand(rest, socket) for rest in (here, there) for socket in (0, 1)]
        other = await self.by_hand(await self.staff("agent"), 1)
        unused = (await here.post("/ws-ticket", base=1)).body["ticket"]
        admin = await self.staff("admin")
        self.assertEqual((await admin.delete(f"/staff/{here.me['id']}", base=0)).status, 204)
        for ws in own:
            self.assertEqual(await self.close_code(ws), 4403)
        await self.answers(other)
        _, code = await self.closed(first=json.dumps({"type": "hello", "ticket": unused}), socket=1)
        self.assertEqual(code, 4401)

    async def test_what_admins_do_by_sql_holds_at_once(self):
        account = self.stack.add_staff(f"sql-{uid()[:8]}", "agent", "Es Kuell")
        rest = await self.login_of(account)
        for change, code in (("staff_set_role('system:admin', %s, 'supervisor', null)", 1012),
                             ("staff_deactivate('system:admin', %s, null)", 4403)):
            sockets = [await self.by_hand(rest, socket) for socket in (0, 1)]
            self.sql(f"select support.{change}", rest.me["id"])
            for ws in sockets:
                self.assertEqual(await self.close_code(ws), code)
        self.assertEqual((await rest.get("/me")).status, 401)

    async def test_ping(self):
        client = await self.connect(self.customer())
        self.assertEqual((await client.ask(type="ping"))["type"], "pong")

    async def test_drain_says_goodbye(self):
        client = await self.connect(self.customer(), socket=1)
        daemon = self.stack.daemons[1]
        code = await asyncio.get_running_loop().run_in_executor(None, daemon.stop)
        self.assertEqual(code, 0)
        await client.wait(lambda: client.of_type("bye"), what="bye")
        self.assertGreaterEqual(client.of_type("bye")[0]["retry_after_ms"], 0)
        await asyncio.wait_for(client.welcomed.wait(), 10)
        daemon.start()


class Health(ApiTest):
    async def test_health(self):
        rest = Rest(self.bases, None)
        for path in ("/healthz", "/readyz", "/metrics"):
            for base in (0, 1):
                self.assertEqual((await rest.request("GET", path, base=base)).status, 200, path)

    async def test_not_ready_without_database(self):
        rest = Rest(self.bases, None)
        self.stack.postgres.stop("fast")
        try:
            for _ in range(100):
                answer = await rest.request("GET", "/readyz")
                if answer.status == 503:
                    break
                await asyncio.sleep(0.1)
            self.assertEqual(answer.status, 503)
            self.assertEqual((await rest.request("GET", "/healthz")).status, 200)
        finally:
            self.stack.postgres.start()
        for daemon in self.stack.daemons:
            daemon.wait_ready()
