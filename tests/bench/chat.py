"""Chats through the daemon beside a bare libwebsockets program over the same database, in turns."""
import asyncio
import json
import os
import uuid

import aiohttp

from rig import Person, Program, Rig, middle, stacks, summary


async def make_pairs(rig, count, prefix):
    """Chats with a customer and an assigned agent each: tokens, ids, the chat."""
    agents = rig.add_agents(count)
    gate = asyncio.Semaphore(8)

    async def one(http, n):
        async with gate:
            customer = Person(http, rig.http(0), rig.token(f"{prefix}-{n}", f"Writer {n}"))
            agent_id, agent_token = agents[n]
            state = (await customer.rest("POST", "/chat/start", {"client_key": str(uuid.uuid4())}))["chat"]
            agent = Person(http, rig.http(0), agent_token)
            await agent.rest("POST", f"/queue/{state['queue']['entry_id']}/pick", {})
            return {"chat": state["id"], "customer": state["customer"]["id"], "agent": agent_id,
                    "tokens": [customer.token, agent_token]}

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        return await asyncio.gather(*(one(http, n) for n in range(count)))


async def connect(rig, port, people, name):
    """A generator with all its people connected."""
    path = os.path.join(rig.dir, f"{name}.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(people, f)
    load = await Program.start("chat_load")
    load.tell(connect=port, origin=stacks.SITE, file=path)
    await load.hear(120)
    return load


async def start_floor(rig):
    port = stacks.free_port()
    floor = await Program.start("chat_floor", port, rig.cert, rig.key, rig.postgres.url("supportd_app"))
    return floor, port, (await floor.hear())["pid"]


async def measure(rig, args):
    mine = await make_pairs(rig, args.pairs, "writer")
    theirs = await make_pairs(rig, args.pairs, "floor")
    floor, port, floor_pid = await start_floor(rig)
    loads = []
    try:
        loads.append(await connect(rig, port, [
            {"token": token, "chat": p["chat"]} for p in theirs
            for token in (f"customer:{p['customer']}", f"staff:{p['agent']}")], "floor"))
        loads.append(await connect(rig, rig.tls_port, [
            {"token": token, "chat": p["chat"]} for p in mine for token in p["tokens"]], "daemon"))
        turns = []
        for _ in range(args.rounds):
            turn = []
            for load, pid in zip(loads, (floor_pid, rig.pid)):
                load.tell(window=args.rate, pid=pid, seconds=args.seconds)
                turn.append(await load.hear(args.seconds + 30))
            turns.append(turn)
        return turns
    finally:
        for load in loads:
            await load.stop()
        await floor.stop()


def run(args):
    with Rig() as rig:
        turns = asyncio.run(measure(rig, args))
    result = {"pairs": args.pairs, "rate": args.rate, "seconds": args.seconds, "rounds": args.rounds}
    result.update(summary([{"ratio": d["delivered_per_s"] / f["delivered_per_s"]} for f, d in turns], ["ratio"]))
    keys = ["delivered_per_s", "latency_p50_ms", "latency_p99_ms"]
    result.update(summary([d for _, d in turns], keys + ["cpu_us"]))
    for key in keys + ["cpu_us"]:
        result["floor_" + key] = round(middle([f[key] for f, _ in turns]), 3)
    result["generator_cores"] = round(middle([d["generator_cores"] for _, d in turns]), 3)
    result["messages"] = sum(d["sent"] for _, d in turns)
    result["lost"] = sum(d["sent"] - min(d["delivered"], d["acked"]) for _, d in turns)
    result["twice"] = sum(d["twice"] for _, d in turns)
    result["floor_lost"] = sum(f["sent"] - min(f["delivered"], f["acked"]) for f, _ in turns)
    return result
