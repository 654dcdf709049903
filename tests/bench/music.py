"""Waiting callers who all hear the hold music."""
import asyncio
import uuid

import aiohttp

from relay import connect_leg, hearing, window
from rig import Person, Program, Rig, rss_kb, summary


async def measure(rig, args):
    load = await Program.start("relay_load")
    pending = hearing(load)
    callers = args.calls * 2  # the generator counts by pairs of legs
    people = []
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            for n in range(callers):
                if n == 1:
                    before = rss_kb(rig.pid)
                customer = Person(http, rig.http(0), rig.token(f"caller-{n}", f"Caller {n}"))
                await customer.connect()
                call = (await customer.rest("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]
                await connect_leg(load, customer, call["id"], pending)
                people.append(customer)
            turns = [await window(load, "music", rig.pid, args) for _ in range(args.rounds)]
            rss = (rss_kb(rig.pid) - before) / (callers - 1)
            for person in people:
                await person.close()
        return turns, rss
    finally:
        await load.stop()


def run(args):
    args.calls = args.callers // 2
    with Rig() as rig:
        rig.set("queue.timeout_s", 3600)
        turns, rss = asyncio.run(measure(rig, args))
    result = {"callers": args.callers, "seconds": args.seconds, "rounds": args.rounds}
    result.update(summary(turns, ["cpu_us", "cores", "loss_percent"]))
    result["per_caller_per_s"] = round(min(t["received"] for t in turns) / args.seconds / args.callers, 2)
    result["rss_kb_per_caller"] = round(rss, 1)
    result["packets"] = sum(t["received"] for t in turns)
    result["lost"] = sum(t["sent"] - t["received"] for t in turns)
    return result
