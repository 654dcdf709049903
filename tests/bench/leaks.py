"""Many calls one after the other, a few at a time: afterwards the daemon holds no more than before.

    python3 tests/bench/leaks.py [CALLS]      default 100; 2,000 with SUPPORTD_TEST_FULL=1

Every call has two legs of relay_load (ICE, DTLS, SRTP), is offered, answered, recorded, put on hold, resumed and ended; every
fourth leg goes without a word, so that it is the end of the call that must clean up. Ends in "N passed, N failed"; with the
full count the figures go to docs/evidence/leaks.json.
"""
import asyncio
import os
import re
import sys
import urllib.request
import uuid

import aiohttp

from rig import Person, Program, Rig, rss_kb
from evidence import FULL, evidence  # noqa: E402  (found by rig's path)

AT_ONCE = 8
WARM = 24  # calls before the first look: what the first ones cost alone is no leak
# The allocator's pools fill over the first two or three thousand calls, then nothing is added (docs/performance.md).
RSS_KB, RSS_KB_PER_CALL, RSS_KB_MAX = 2048, 2, 5632
ONCE = 4  # blocks made at the first use of something, which may come after the first look
GAUGES = ["supportd_calls", "supportd_call_legs", "supportd_media_timers", "supportd_memory_blocks"]


class Legs:
    """relay_load, asked by many at once."""

    def __init__(self, load):
        self.load, self.offers, self.connected = load, asyncio.Queue(), {}
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        while True:
            answer = await self.load.hear(3600)
            if "leg" in answer:
                self.offers.put_nowait(answer)
            else:
                self.connected.pop(answer["connected"]).set_result(True)

    async def connect(self, person, call_id):
        self.load.tell(leg=True)
        offer = await self.offers.get()
        number = offer["leg"]
        connected = self.connected[number] = asyncio.get_running_loop().create_future()
        name = str(uuid.uuid4())
        await person.send(type="call.offer", id=name, call_id=call_id, sdp=offer["offer"])
        answer = await person.wait(lambda f: f["type"] == "call.answer" and f.get("id") == name)
        self.load.tell(answer=number, sdp=answer["sdp"])
        await asyncio.wait_for(connected, 20)
        return number

    def close(self, number):
        self.load.tell(close=number)


def state(call_id, wanted):
    return lambda f: f["type"] == "call.state" and f["call"]["id"] == call_id and f["call"]["state"] == wanted


def resumed(call_id):
    """The state itself may come only once it is over."""
    return lambda f: state(call_id, "active")(f) and f["call"]["hold_ms"] > 0


async def answer_calls(agent, legs):
    """An agent's day: every call that is offered."""
    await agent.connect()
    await agent.rest("PUT", "/me/presence", {"chosen": "available"})
    while True:
        offer = (await agent.wait(lambda f: f["type"] == "offer.new", 3600))["offer"]
        leg = await legs.connect(agent, offer["call_id"])
        await agent.rest("POST", f"/offers/{offer['id']}/accept", {})
        for step in ("hold", "resume"):
            await agent.rest("POST", f"/calls/{offer['call_id']}/{step}", {})
        await agent.wait(state(offer["call_id"], "ended"))
        legs.close(leg)


async def make_calls(person, legs, numbers):
    await person.connect()
    for number in numbers:
        call = (await person.rest("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]
        leg = await legs.connect(person, call["id"])
        await person.wait(resumed(call["id"]), 60)
        if number % 4 == 0:
            legs.close(leg)
        await person.rest("POST", f"/calls/{call['id']}/end", {})
        await person.wait(state(call["id"], "ended"))
        if number % 4 != 0:
            legs.close(leg)
        await person.rest("POST", f"/chats/{call['chat_id']}/close", {})
    await person.close()


def gauges(rig):
    page = urllib.request.urlopen(rig.http(0) + "/metrics").read().decode()
    return {name: int(float(re.search(rf"^{name} (\S+)$", page, re.M)[1])) for name in GAUGES}


async def look(rig):
    """What the daemon holds once it is at rest."""
    loop = asyncio.get_running_loop()
    last = None
    for _ in range(100):
        now = await loop.run_in_executor(None, gauges, rig)
        now["fds"] = len(os.listdir(f"/proc/{rig.pid}/fd"))
        if now == last and now["supportd_calls"] == 0:
            break
        last = now
        await asyncio.sleep(0.3)
    return dict(last, rss_kb=rss_kb(rig.pid))


async def work(rig, legs, agent_tokens, caller_tokens, count):
    """So many calls, by people who come for them and go home afterwards: what the daemon keeps for a connection is no leak."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        people = [Person(http, rig.http(0), token) for token in agent_tokens]
        agents = [asyncio.create_task(answer_calls(person, legs)) for person in people]
        callers = asyncio.gather(*(make_calls(
            Person(http, rig.http(0), token), legs, range(n, count, AT_ONCE)) for n, token in enumerate(caller_tokens)))
        done, _ = await asyncio.wait([callers, *agents], return_when=asyncio.FIRST_COMPLETED)
        for task in agents:
            task.cancel()
        for person in people:
            await person.close()
        for task in done:
            task.result()


async def run(rig, calls):
    load = await Program.start("relay_load")
    legs = Legs(load)
    looks = []
    try:
        agents = [token for _, token in rig.add_agents(AT_ONCE)]
        callers = [rig.token(f"caller-{n}", f"Caller {n}") for n in range(AT_ONCE)]
        for count in (WARM, calls):
            await work(rig, legs, agents, callers, count)
            looks.append(await look(rig))
        return looks
    finally:
        legs.reader.cancel()
        await load.stop()


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2000 if FULL else 100
    with Rig() as rig:
        rig.set("queue.capacity", 1)
        rig.set("queue.wrap_up_s", 0)
        rig.set("recording.policy", "all")
        before, after = asyncio.run(run(rig, calls))
        recorded = int(rig.sql("select count(*) from support.call_recordings;", role="postgres"))
    grown = {key: after[key] - before[key] for key in before}
    evidence("leaks", {"calls": calls, "recorded": recorded}, {"before": before, "after": after})
    good = (recorded >= calls and all(grown[key] <= (ONCE if key == "supportd_memory_blocks" else 0) for key in grown if key != "rss_kb") and grown["rss_kb"] <= min(RSS_KB + RSS_KB_PER_CALL * calls, RSS_KB_MAX)
            and after["supportd_calls"] == after["supportd_call_legs"] == 0)
    print(f"{'ok' if good else 'not ok'} {calls} calls: before {before}, after {after}")
    print(f"{int(good)} passed, {int(not good)} failed")
    return not good


if __name__ == "__main__":
    sys.exit(main())
