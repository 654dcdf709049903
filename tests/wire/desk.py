"""Calls over the link for the tests here: a daemon on the near side, light peers on the far side, signaling beside it."""
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid

import aiohttp

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[1:1] = [os.path.join(ROOT, "tests", "bench"), os.path.join(ROOT, "tests", "support", "wire")]
import link as links  # noqa: E402
from rig import Person, Rig  # noqa: E402
from evidence import FULL, SEED, evidence  # noqa: E402,F401  (found by rig's path)

SIDES = ("customer", "agent")
# What else the machine does must not look like a bad network: real-time priority, inherited by all that is started here.
os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


class Party(Person):
    """A person who keeps the quality frames: `quality` is a list of (monotonic time, {party: leg})."""

    def __init__(self, http, base, token):
        super().__init__(http, base, token)
        self.quality = []
        self.pulse = None
        self.news = asyncio.Event()
        self.states = []

    async def connect(self):
        await super().connect()
        self.pulse = asyncio.create_task(self._ping())

    async def _ping(self):
        while True:
            await asyncio.sleep(20)
            await self.send(type="ping", id="ping")

    async def close(self):
        if self.pulse:
            self.pulse.cancel()
        await super().close()

    async def _read(self):
        async for message in self.ws:
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            frame = json.loads(message.data)
            if frame["type"] == "call.quality":
                self.quality.append((time.monotonic(), {leg["party"]: leg for leg in frame["legs"]}))
                self.news.set()
            else:
                if frame["type"] == "call.state":
                    self.states.append((time.monotonic(), frame))
                await self.frames.put(frame)
        await self.frames.put({"type": "closed", "code": self.ws.close_code})

    async def until(self, test, patience_s):
        """The first value of test(time, legs) that is true, looked at for each frame from now on; None when time is up."""
        end, seen = time.monotonic() + patience_s, len(self.quality)
        while True:
            for entry in self.quality[seen:]:
                seen += 1
                if found := test(*entry):
                    return found
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), max(end - time.monotonic(), 0))
            except asyncio.TimeoutError:
                return None


class Call:
    """One call with both legs on the far side. `agent.quality` has both legs."""

    def __init__(self, desk, customer, agent):
        self.desk, self.customer, self.agent = desk, customer, agent
        self.legs = {}  # party -> {"leg", "port", "ssrc"}
        self.id = None

    def person(self, side):
        return self.customer if side == "customer" else self.agent

    async def offer(self, side, leg, peers=None):
        """Sends a leg's offer, hands the answer to the peer."""
        person, peers = self.person(side), peers or self.desk.peers
        key = uuid.uuid4().hex
        await person.send(type="call.offer", id=key, call_id=self.id, sdp=leg["offer"])
        answer = await person.wait(lambda f: f["type"] == "call.answer" and f.get("id") == key)
        peers.tell(answer=leg["leg"], sdp=answer["sdp"])
        if "a=candidate:" not in answer["sdp"]:
            frame = await person.wait(lambda f: f["type"] == "call.candidate" and f["call_id"] == self.id)
            peers.tell(candidate=leg["leg"], text=frame["candidate"])

    async def connect(self, side, leg, peers=None):
        self.legs[side] = leg
        await self.offer(side, leg, peers)
        port = await (peers or self.desk.peers).until_connected(leg["leg"])
        leg["port"] = port or leg["port"]

    async def begin(self, leg_of):
        """leg_of(side) makes a peer's leg and connects it: a coroutine function of (call, side)."""
        await self.agent.connect()
        await self.agent.rest("PUT", "/me/presence", {"chosen": "available"})
        await self.customer.connect()
        self.id = (await self.customer.rest("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]["id"]
        await leg_of(self, "customer")
        offer = (await self.agent.wait(lambda f: f["type"] == "offer.new" and f["offer"]["call_id"] == self.id))["offer"]
        await leg_of(self, "agent")
        await self.agent.rest("POST", f"/offers/{offer['id']}/accept", {})
        await self.customer.wait(lambda f: f["type"] == "call.state" and f["call"]["state"] == "active")
        return self

    def send(self, side, what):
        self.desk.peers.tell(send=self.legs[side]["leg"], what=what)

    async def set(self, side, direction, **rule):
        leg = self.legs[side]
        return await self.desk.link.set(direction, leg["port"], leg.get("address", links.FAR), **rule)

    async def end(self):
        """Hangs up; returns the summary of voice_calls.quality."""
        await self.customer.rest("POST", f"/calls/{self.id}/end", {})
        for _ in range(80):
            row = await asyncio.to_thread(
                self.desk.rig.sql, f"select quality from support.voice_calls where id = '{self.id}' and quality is not null;", "postgres")
            if row:
                return json.loads(row)
            await asyncio.sleep(0.25)
        raise AssertionError("no summary")


class Desk:
    """Daemon, link, peers: `async with Desk() as desk: calls = await desk.calls(20)`."""

    def __init__(self, **settings):
        self.settings = {"media__addresses": json.dumps([links.NEAR]), "media__dtx": "true", **settings}
        self.people = 0

    async def __aenter__(self):
        self.rig = Rig(**self.settings)
        self.rig.__enter__()
        self.rig.set("queue.capacity", 1)
        self.dir = tempfile.mkdtemp(prefix="supportd-wire-")
        self.link = await links.Link(SEED, self.dir).__aenter__()
        self.peers = await self.link.peers()
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.opened = []
        return self

    async def __aexit__(self, *exc):
        for person in self.opened:
            await person.close()
        await self.http.close()
        await self.link.__aexit__(*exc)
        self.rig.__exit__(*exc)
        os.unlink(self.link.path)
        os.rmdir(self.dir)

    def _party(self, token):
        party = Party(self.http, self.rig.http(0), token)
        self.opened.append(party)
        return party

    async def calls(self, count, leg_of=None, **leg):
        """Connected calls, made one after the other (each goes to the one free agent)."""
        async def light(call, side):
            await call.connect(side, await self.peers.leg(**leg))
        made = []
        for _, token in self.rig.add_agents(count):
            self.people += 1
            customer = self._party(self.rig.token(f"caller-{self.people}", f"Caller {self.people}"))
            made.append(await Call(self, customer, self._party(token)).begin(leg_of or light))
        return made
