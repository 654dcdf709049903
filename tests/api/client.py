"""An independent client of supportd, written from docs/protocol.md alone.

Rest      one caller over HTTP; every answer is held against docs/openapi.yaml
Client    one connection that never gives up: hello, resume, send until acknowledged, gaps, state store
Chat      what a client knows of one chat; its list of messages has no gaps and nothing twice

Faults that a client sees in what the daemon sends (a gap not closed, a message that changed, a wrong
hash, an undocumented frame) are kept in `Client.faults`; tests demand that there are none.
"""
import asyncio
import itertools
import json
import random
import uuid

import aiohttp
import websockets

from protocol import Fault, Frames, OpenApi, state_hash

API = OpenApi()
FRAMES = Frames(API)
PREFIX = "/api/support"


def dumps(value):
    """JSON in UTF-8: escapes would make a frame larger than its text."""
    return json.dumps(value, ensure_ascii=False)


class Answer:
    """Status, headers and body of one HTTP answer."""

    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def body(self):
        return json.loads(self.raw) if self.raw else None

    @property
    def code(self):
        """The problem's code, None for a success."""
        return self.body.get("code") if self.status >= 400 else None

    def __repr__(self):
        return f"<{self.status} {self.raw[:300]!r}>"


class Refused(Exception):
    """An answer or error frame that a repetition would not change."""

    def __init__(self, problem):
        super().__init__(json.dumps(problem))
        self.problem = problem
        self.code = problem.get("code")
        self.status = problem.get("status")


class Rest:
    """One caller: a bearer token, or a staff session (cookie and CSRF token), or nobody.
    `bases` are the daemons' addresses; `base` picks one of them."""

    def __init__(self, bases, token=None, origin=None, check=True):
        self.bases = [bases] if isinstance(bases, str) else list(bases)
        self.token = token
        self.origin = origin
        self.cookie = None
        self.csrf = None
        self.check = check
        self.base = 0

    def headers(self, method):
        headers = {}
        if self.origin:
            headers["Origin"] = self.origin
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if self.cookie:
            headers["Cookie"] = self.cookie
            if method != "GET" and self.csrf:
                headers["X-CSRF-Token"] = self.csrf
        return headers

    async def request(self, method, path, body=None, headers=None, data=None, base=None):
        """One request; body is sent as JSON, data as it stands. Raises OSError or aiohttp.ClientError."""
        url = self.bases[(self.base if base is None else base) % len(self.bases)] + path
        sent = dict(self.headers(method), **(headers or {}))
        sent = {k: v for k, v in sent.items() if v is not None}
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            async with session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
                answer = Answer(answer.status, answer.headers, await answer.read())
        if self.check:
            API.check(method, path, answer.status, answer.headers, answer.raw)
        return answer

    async def get(self, path, **more):
        return await self.request("GET", PREFIX + path, **more)

    async def post(self, path, body=None, **more):
        return await self.request("POST", PREFIX + path, {} if body is None else body, **more)

    async def put(self, path, body=None, **more):
        return await self.request("PUT", PREFIX + path, body, **more)

    async def delete(self, path, **more):
        return await self.request("DELETE", PREFIX + path, **more)

    async def must(self, method, path, body=None, status=(200, 201, 204)):
        """The body of a successful answer; what may pass (no connection, 429, 5xx) is tried again for a minute."""
        for attempt in itertools.count():
            try:
                answer = await self.request(method, PREFIX + path, body)
            except (OSError, aiohttp.ClientError, asyncio.TimeoutError):
                if attempt > 300:
                    raise
                self.base += 1
                await asyncio.sleep(0.2)
                continue
            if answer.status in status:
                return answer.body
            if (answer.status >= 500 or answer.status == 429) and attempt < 300:
                await asyncio.sleep(0.2)
                continue
            raise Refused(answer.body)

    async def login(self, email, password):
        answer = await self.post("/session", {"email": email, "password": password})
        if answer.status != 201:
            raise Refused(answer.body)
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.csrf = answer.body["csrf_token"]
        return answer.body["me"]


class Chat:
    """What one client knows of one chat."""

    def __init__(self, chat_id):
        self.id = chat_id
        self.messages = {}  # seq -> message
        self.notes = {}  # note_seq -> note
        self.state = None
        self.rev = 0
        self.remasked = []  # ids replaced in place
        self.typing = []
        self.presence = None

    @property
    def seq(self):
        return len(self.messages)

    @property
    def note_seq(self):
        return len(self.notes)

    def bodies(self, kind="message"):
        return [m["body"] for _, m in sorted(self.messages.items()) if m["kind"] == kind]

    def add(self, message):
        """Stores a message or note that is next or known; False: there is a gap before it."""
        number = "note_seq" if message["kind"] == "note" else "seq"
        held = self.notes if message["kind"] == "note" else self.messages
        n = message[number]
        if n in held:
            if held[n] != message and held[n]["masked"] == message["masked"]:
                raise Fault(f"message {n} changed: {held[n]} {message}")
            return True
        if n != len(held) + 1:
            return False
        held[n] = message
        if self.state is not None:
            self.state[number] = max(self.state[number], n)
        return True

    def replace(self, message):
        """A message that was masked in place; one not yet held comes with the others."""
        held = self.notes if message["kind"] == "note" else self.messages
        n = message["note_seq" if message["kind"] == "note" else "seq"]
        if n in held:
            if held[n]["id"] != message["id"]:
                raise Fault(f"re-masked message {n} has another id")
            held[n] = message
            self.remasked.append(message["id"])

    def set_state(self, state):
        """False: messages are missing that the state counts."""
        if state["rev"] >= self.rev:
            seq = max(state["seq"], self.state["seq"] if self.state else 0)
            notes = max(state.get("note_seq", 0), self.state.get("note_seq", 0) if self.state else 0)
            self.state = dict(state, seq=seq)
            if "note_seq" in state:
                self.state["note_seq"] = notes
            self.rev = state["rev"]
        return state["seq"] <= self.seq and state.get("note_seq", 0) <= self.note_seq

    def hash(self):
        return state_hash(self.state)

    def picture(self):
        """Everything that must be equal at all clients of one role."""
        return [m for _, m in sorted(self.messages.items())], [m for _, m in sorted(self.notes.items())], self.hash()


class Client:
    """A WebSocket that is always connected, or about to be. `rest` says who; with a bearer token it says hello by
    token, with a session by ticket. `sockets` are the daemons' WebSocket addresses, tried in turn."""

    def __init__(self, sockets, rest, name, origin, staff=False, seed=0):
        self.sockets = [sockets] if isinstance(sockets, str) else list(sockets)
        self.rest = rest
        self.name = name
        self.origin = origin
        self.staff = staff
        self.random = random.Random(f"{seed}-{name}")
        self.chats = {}
        self.faults = []
        self.frames = []  # all frames received, newest last
        self.offers = {}
        self.offered = set()  # ids that came over this connection
        self.listing = None
        self.pending = {}  # client id -> (frame, future)
        self.asked = {}  # frame id -> future
        self.ids = itertools.count(1)
        self.waiters = []
        self.ws = None
        self.me = None
        self.welcomed = asyncio.Event()
        self.connects = 0
        self.closing = False
        self.task = None
        self.last_close = None
        self.trouble = None  # the last reason for not being connected

    # -- life

    async def __aenter__(self):
        self.task = asyncio.create_task(self._run())
        welcome = asyncio.create_task(self.welcomed.wait())
        await asyncio.wait((self.task, welcome), timeout=20, return_when=asyncio.FIRST_COMPLETED)
        welcome.cancel()
        if not self.welcomed.is_set():
            raise Fault(f"{self.name}: no welcome: {self.faults} {self.last_close} {self.trouble}")
        return self

    async def __aexit__(self, *exc):
        await self.close()

    async def close(self):
        self.closing = True
        if self.ws is not None:
            await self.ws.close()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def drop(self):
        """Loses the connection without a close frame, as a network does."""
        if self.ws is not None:
            self.ws.transport.abort()
        await asyncio.sleep(0)

    async def _run(self):
        wait = 0.05
        while not self.closing:
            try:
                await self._connect()
                wait = 0.05
                await self._read()
            except websockets.ConnectionClosed as e:
                self.last_close = e.rcvd.code if e.rcvd else None
            except (OSError, EOFError, asyncio.TimeoutError, websockets.WebSocketException, aiohttp.ClientError) as e:
                self.trouble = repr(e)
            except Refused as e:
                self.faults.append(f"hello refused: {e}")
            except Exception as e:
                self.faults.append(f"client: {e!r}")
                raise
            finally:
                self.welcomed.clear()
                self.ws = None
                for future in self.asked.values():
                    if not future.done():
                        future.set_exception(ConnectionError("dropped"))
                self.asked.clear()
            await asyncio.sleep(wait * self.random.uniform(0.5, 1))
            wait = min(wait * 2, 1.0)

    async def _connect(self):
        url = self.sockets[self.connects % len(self.sockets)]
        self.connects += 1
        hello = {"type": "hello", "id": str(next(self.ids))}
        if self.rest.token:
            hello["token"] = self.rest.token
        else:
            # From the daemon that it is for; test_session has the other case.
            base = self.rest.bases.index(url.replace("ws://", "http://").removesuffix("/ws"))
            answer = await self.rest.post("/ws-ticket", base=base)
            if answer.status != 201:
                raise OSError(f"no ticket now: {answer}")
            hello["ticket"] = answer.body["ticket"]
        if self.chats:
            hello["resume"] = [self._position(c) for c in list(self.chats.values())[-50:]]
        ws = await websockets.connect(url, subprotocols=["support.v1"], origin=self.origin, open_timeout=15,
                                      ping_interval=None, close_timeout=1, compression=None, max_size=None)
        if ws.subprotocol != "support.v1":
            raise Fault("the daemon did not choose the subprotocol")
        await ws.send(dumps(hello))
        first = json.loads(await asyncio.wait_for(ws.recv(), 15))
        FRAMES.check(first)
        if first["type"] == "error":
            raise Refused(first["error"]) if first["error"]["status"] < 429 else OSError("not now")
        if first["type"] != "welcome" or first.get("id") != hello["id"]:
            raise Fault(f"instead of welcome came {first}")
        self.me, self.ws = first["me"], ws
        self.offered = set()
        self.frames.append(first)
        for frame, _ in list(self.pending.values()):
            await ws.send(dumps(frame))
        self.welcomed.set()
        if self.staff:
            self.listing = asyncio.create_task(self._list_offers())

    async def _list_offers(self):
        """What was offered or withdrawn while nobody listened."""
        try:
            answer = await self.rest.get("/offers")
        except (OSError, aiohttp.ClientError, asyncio.TimeoutError):
            return
        if answer.status == 200:
            listed = {o["id"]: o for o in answer.body["items"]}
            gone = {f["offer_id"] for f in self.of_type("offer.gone")}
            held = {i: o for i, o in self.offers.items() if i in listed or i in self.offered}
            self.offers = {**{i: o for i, o in listed.items() if i not in gone}, **held}
            self._wake()

    def _position(self, chat):
        position = {"chat_id": chat.id, "seq": chat.seq, "rev": chat.rev}
        if self.staff:
            position["note_seq"] = chat.note_seq
        return position

    async def _read(self):
        pinger = asyncio.create_task(self._ping())
        try:
            async for text in self.ws:
                if not isinstance(text, str):
                    self.faults.append("binary frame from the daemon")
                    continue
                frame = json.loads(text)
                self.frames.append(frame)
                try:
                    FRAMES.check(frame)
                    await self._take(frame)
                except Fault as e:
                    self.faults.append(str(e))
                self._wake()
        finally:
            pinger.cancel()

    async def _ping(self):
        while True:
            await asyncio.sleep(25)
            await self.ws.send(dumps({"type": "ping"}))

    # -- frames

    async def _take(self, frame):
        handler = getattr(self, "_on_" + frame["type"].replace(".", "_"), None)
        if handler is not None:
            await handler(frame)
        future = self.asked.pop(frame.get("id"), None)
        if future is not None and not future.done():
            if frame["type"] == "error":
                future.set_exception(Refused(frame["error"]))
            else:
                future.set_result(frame)

    def chat(self, chat_id):
        return self.chats.setdefault(chat_id, Chat(chat_id))

    async def _ask_from_here(self, chat):
        await self.ws.send(dumps(dict(self._position(chat), type="chat.open")))

    async def _on_message_new(self, frame):
        chat = self.chat(frame["chat_id"])
        if not chat.add(frame["message"]):
            await self._ask_from_here(chat)

    async def _on_message_ack(self, frame):
        chat = self.chat(frame["chat_id"])
        if frame["message"]["client_id"] != frame["client_id"] or frame["message"]["chat_id"] != chat.id:
            raise Fault(f"acknowledgement of another message: {frame}")
        chat.add(frame["message"])
        entry = self.pending.pop(frame["client_id"], None)
        if entry and not entry[1].done():
            entry[1].set_result(frame)

    async def _on_message_masked(self, frame):
        chat = self.chat(frame["chat_id"])
        chat.replace(frame["message"])

    async def _on_chat_resumed(self, frame):
        chat = self.chat(frame["chat_id"])
        for message in frame["messages"] + frame["notes"]:
            if not chat.add(message):
                await self._ask_from_here(chat)
                return
        for message in frame["remasked"]:
            chat.replace(message)
        if frame["more"]:
            await self._ask_from_here(chat)
        elif not chat.set_state(frame["state"]):
            await self._ask_from_here(chat)

    async def _on_chat_state(self, frame):
        chat = self.chat(frame["chat_id"])
        if not chat.set_state(frame["state"]):
            await self._ask_from_here(chat)

    async def _on_chat_typing(self, frame):
        self.chat(frame["chat_id"]).typing.append((frame["who"], frame["active"]))

    async def _on_chat_presence(self, frame):
        self.chat(frame["chat_id"]).presence = (frame["customer_connected"], frame["agent_connected"])

    async def _on_offer_new(self, frame):
        self.offers[frame["offer"]["id"]] = frame["offer"]
        self.offered.add(frame["offer"]["id"])

    async def _on_offer_gone(self, frame):
        self.offers.pop(frame["offer_id"], None)

    async def _on_error(self, frame):
        for client_id, (sent, future) in list(self.pending.items()):
            if sent["id"] == frame.get("id"):
                if frame["error"]["status"] in (429, 500, 503):
                    asyncio.get_running_loop().call_later(0.3, self._again, client_id)
                elif not future.done():
                    self.pending.pop(client_id)
                    future.set_exception(Refused(frame["error"]))

    def _again(self, client_id):
        if client_id in self.pending and self.welcomed.is_set():
            asyncio.ensure_future(self.ws.send(dumps(self.pending[client_id][0])))

    # -- what tests call

    def _wake(self):
        for predicate, future in list(self.waiters):
            if not future.done() and predicate():
                future.set_result(None)

    async def wait(self, predicate, timeout=10, what="condition"):
        """Until the predicate holds, looked at after each frame."""
        if predicate():
            return
        future = asyncio.get_running_loop().create_future()
        entry = (predicate, future)
        self.waiters.append(entry)
        try:
            await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.name}: no {what} within {timeout} s; last frames: "
                                 f"{json.dumps(self.frames[-4:])[:3000]}") from None
        finally:
            self.waiters.remove(entry)

    async def post(self, **frame):
        """Sends a frame that has no answer."""
        await self.welcomed.wait()
        await self.ws.send(dumps(frame))

    async def ask(self, timeout=10, **frame):
        """Sends a frame with an id; its answer, or Refused."""
        await self.welcomed.wait()
        frame["id"] = str(next(self.ids))
        future = asyncio.get_running_loop().create_future()
        self.asked[frame["id"]] = future
        await self.ws.send(dumps(frame))
        return await asyncio.wait_for(future, timeout)

    async def open(self, chat_id):
        chat = self.chat(chat_id)
        await self.ask(type="chat.open", **self._position(chat))
        return chat

    async def send(self, chat_id, body, client_id=None, kind="message.send", timeout=60):
        """Sends until acknowledged, over as many connections as it takes; the message.ack."""
        client_id = client_id or str(uuid.uuid4())
        frame = {"type": kind, "id": str(next(self.ids)), "chat_id": chat_id, "client_id": client_id, "body": body}
        future = asyncio.get_running_loop().create_future()
        self.pending[client_id] = (frame, future)
        if self.welcomed.is_set():
            try:
                await self.ws.send(dumps(frame))
            except (websockets.ConnectionClosed, OSError):
                pass
        return await asyncio.wait_for(future, timeout)

    async def note(self, chat_id, body, client_id=None):
        return await self.send(chat_id, body, client_id, "note.send")

    async def wait_seq(self, chat_id, seq, timeout=10):
        await self.wait(lambda: self.chat(chat_id).seq >= seq, timeout, f"seq {seq} of {chat_id}")

    def of_type(self, kind):
        return [f for f in self.frames if f["type"] == kind]
