"""From the agent's click to the first packet of the agent's voice at the customer."""
import asyncio
import time
import uuid

import aiohttp

from relay import connect_leg, hearing
from rig import Person, Program, Rig, part


async def answer_one(rig, http, load, pending, number, agent):
    """The agent's browser sends sound since it rang; returns the microseconds from the request on."""
    customer = Person(http, rig.http(0), rig.token(f"caller-{number}", f"Caller {number}"))
    await customer.connect()
    call = (await customer.rest("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]
    listening = await connect_leg(load, customer, call["id"], pending)
    offer = (await agent.wait(lambda f: f["type"] == "offer.new" and f["offer"]["call_id"] == call["id"]))["offer"]
    talking = await connect_leg(load, agent, call["id"], pending)
    load.tell(talk=talking)
    load.tell(listen=listening)
    clicked_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    await agent.rest("POST", f"/offers/{offer['id']}/accept", {})
    heard = await pending("heard")
    await customer.rest("POST", f"/calls/{call['id']}/end", {})
    await agent.wait(lambda f: f["type"] == "call.state" and f["call"]["state"] == "ended")
    await customer.close()
    return (heard["at_ns"] - clicked_ns) / 1000


async def measure(rig, args):
    load = await Program.start("relay_load")
    pending = hearing(load)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            agent = Person(http, rig.http(0), rig.add_agents(1)[0][1])
            await agent.connect()
            await agent.rest("PUT", "/me/presence", {"chosen": "available"})
            times = [await answer_one(rig, http, load, pending, n, agent) for n in range(args.calls)]
            await agent.close()
            return times
    finally:
        await load.stop()


def run(args):
    with Rig() as rig:
        rig.set("queue.capacity", 1)
        rig.set("queue.wrap_up_s", 0)
        times = sorted(asyncio.run(measure(rig, args)))
    return {"calls": args.calls, "answer_p50_us": round(part(times, 0.5)), "answer_p99_us": round(part(times, 0.99)),
            "answer_max_us": round(times[-1]), "lost": 0}
