"""The least client that a call needs: REST and one WebSocket, over aiohttp (docs/protocol.md)."""
import asyncio
import itertools
import json

import aiohttp

PREFIX = "/api/support"


class Refused(AssertionError):
    """The daemon answered with an error: a problem document or an error frame."""


class Client:
    """One person: a customer by token, or staff by login(). `origin` is the page's site."""

    def __init__(self, http, name, origin, token=None):
        self.http = http
        self.name = name
        self.origin = origin
        self.token = token
        self.csrf = None
        self.frames = []  # all received, newest last
        self.offers = {}
        self.asked = {}
        self.ids = itertools.count(1)
        self.session = self.ws = self.reader = None
        self.news = asyncio.Event()

    async def request(self, method, path, body=None):
        """The body of a successful answer."""
        headers = {"Origin": self.origin}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if self.csrf:
            headers["X-CSRF-Token"] = self.csrf
        async with self.session.request(method, self.http + PREFIX + path, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise Refused(f"{method} {path}: {answer.status} {text}")
            return json.loads(text) if text else None

    async def open(self, account=None):
        """Logs in (staff account) if one is given, connects, says hello."""
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True),
                                             timeout=aiohttp.ClientTimeout(total=30))
        if account:
            login = {"email": account["email"], "password": account["password"]}
            self.csrf = (await self.request("POST", "/session", login))["csrf_token"]
        await self.connect()
        return self

    async def connect(self, **more):
        """A socket, and hello on it; more: its other fields."""
        hello = {"type": "hello", "token": self.token, **more}
        if self.csrf:
            del hello["token"]
            hello["ticket"] = (await self.request("POST", "/ws-ticket", {}))["ticket"]
        self.ws = await self.session.ws_connect(self.http.replace("http", "ws", 1) + "/ws", origin=self.origin,
                                                protocols=["support.v1"])
        self.reader = asyncio.ensure_future(self._read())
        welcome = await self.ask(**hello)
        self.me, self.ice_servers = welcome["me"], welcome["ice_servers"]

    async def drop(self):
        """The connection is gone, without a close frame."""
        self.ws._writer.transport.abort()
        await asyncio.gather(self.reader, return_exceptions=True)

    async def close(self):
        if self.ws:
            await self.ws.close()
        if self.reader:
            self.reader.cancel()
            await asyncio.gather(self.reader, return_exceptions=True)
        if self.session:
            await self.session.close()

    async def _read(self):
        async for message in self.ws:
            frame = json.loads(message.data)
            self.frames.append(frame)
            if frame["type"] == "offer.new":
                self.offers[frame["offer"]["id"]] = frame["offer"]
            elif frame["type"] == "offer.gone":
                self.offers.pop(frame["offer_id"], None)
            future = self.asked.pop(frame.get("id"), None)
            if future and not future.done():
                if frame["type"] == "error":
                    future.set_exception(Refused(json.dumps(frame["error"])))
                else:
                    future.set_result(frame)
            self.news.set()

    async def post(self, **frame):
        await self.ws.send_json(frame)

    async def ask(self, timeout=10, **frame):
        """Sends a frame with an id; its answer."""
        frame["id"] = str(next(self.ids))
        future = self.asked[frame["id"]] = asyncio.get_running_loop().create_future()
        await self.ws.send_json(frame)
        return await asyncio.wait_for(future, timeout)

    async def wait(self, predicate, seconds, what):
        """Until the predicate holds, looked at after each frame."""
        end = asyncio.get_running_loop().time() + seconds
        while not predicate():
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), end - asyncio.get_running_loop().time())
            except asyncio.TimeoutError:
                raise AssertionError(f"{self.name}: no {what} within {seconds} s; last frames: "
                                     f"{json.dumps(self.frames[-3:])[:2000]}") from None
