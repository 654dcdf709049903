"""Calls through the daemon beside the least a relay can do (relay_floor.c), in turns."""
import asyncio
import uuid

import aiohttp

from rig import Person, Program, Rig, cpu_s, middle, rss_kb, summary


async def connect_leg(load, person, call_id, pending):
    """One leg from offer to keys; returns its number."""
    load.tell(leg=True)
    offer = await pending("leg")
    number = offer["leg"]
    await person.send(type="call.offer", id=f"o{number}", call_id=call_id, sdp=offer["offer"])
    answer = await person.wait(lambda f: f["type"] == "call.answer" and f.get("id") == f"o{number}")
    load.tell(answer=number, sdp=answer["sdp"])
    if "a=candidate:" not in answer["sdp"]:
        frame = await person.wait(lambda f: f["type"] == "call.candidate" and f["call_id"] == call_id)
        load.tell(candidate=number, text=frame["candidate"])
    await pending("connected")
    return number


def hearing(load):
    """Waits for the generator's next answer that has the key."""
    async def pending(key):
        while True:
            answer = await load.hear()
            if key in answer:
                return answer
    return pending


async def make_call(rig, http, load, pending, number, agent_token):
    """A customer's call, offered to the one free agent, answered: both legs connected."""
    base = rig.http(0)
    customer = Person(http, base, rig.token(f"caller-{number}", f"Caller {number}"))
    agent = Person(http, base, agent_token)
    await agent.connect()
    await agent.rest("PUT", "/me/presence", {"chosen": "available"})
    await customer.connect()
    call = (await customer.rest("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]
    await connect_leg(load, customer, call["id"], pending)
    offer = (await agent.wait(lambda f: f["type"] == "offer.new" and f["offer"]["call_id"] == call["id"]))["offer"]
    await connect_leg(load, agent, call["id"], pending)
    await agent.rest("POST", f"/offers/{offer['id']}/accept", {})
    await customer.wait(lambda f: f["type"] == "call.state" and f["call"]["state"] == "active")
    return [customer, agent]


async def connect_calls(rig, http, load, calls):
    agents, pending, people = rig.add_agents(calls), hearing(load), []
    for n in range(calls):
        people += await make_call(rig, http, load, pending, n, agents[n][1])
    return people


async def window(load, kind, pid, args):
    load.tell(window=kind, pid=pid, seconds=args.seconds, calls=args.calls)
    while True:
        answer = await load.hear(args.seconds + 30)
        if answer.get("window") == kind:
            return answer


async def measure(rig, args):
    load = await Program.start("relay_load")
    floor = await Program.start("relay_floor", args.calls * 2)
    people = []
    pending = hearing(load)
    try:
        hello = await floor.hear()
        load.tell(floor=hello["ports"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            agents = rig.add_agents(args.calls + 1)
            # What the first call alone costs lasts: it counts for no call.
            people += await make_call(rig, http, load, pending, 0, agents[0][1])
            before = rss_kb(rig.pid)
            for n in range(1, args.calls):
                people += await make_call(rig, http, load, pending, n, agents[n][1])
            if args.recording:
                await asyncio.sleep(2)  # the notice that takes the place of the voices lasts a second
            turns = []
            for _ in range(args.rounds):
                standing = cpu_s(rig.pid)
                least = await window(load, "floor", hello["pid"], args)
                standing = cpu_s(rig.pid) - standing
                loop = cpu_s(rig.pid, main_thread=True)
                ours = await window(load, "daemon", rig.pid, args)
                ours["loop_us"] = (cpu_s(rig.pid, main_thread=True) - loop) * 1e6 / ours["received"]
                ours["standing_us"] = standing * 1e6 / ours["received"]
                turns.append((least, ours))
            after = rss_kb(rig.pid)
            for person in people:
                await person.close()
        return turns, (after - before) / max(args.calls - 1, 1)
    finally:
        await load.stop()
        await floor.stop()


def run(args):
    with Rig() as rig:
        rig.set("queue.capacity", 1)
        if args.recording:
            rig.set("recording.policy", "all")
        turns, rss = asyncio.run(measure(rig, args))
        recorded = int(rig.sql("select count(*) from support.call_recordings;", role="postgres"))
    ours = [daemon for _, daemon in turns]
    floor = [f for f, _ in turns]
    if recorded != (args.calls if args.recording else 0):
        raise RuntimeError(f"{recorded} of {args.calls} calls are recorded")
    result = {"calls": args.calls, "recording": args.recording, "seconds": args.seconds, "rounds": args.rounds}
    ratios = [{"ratio": d["cpu_us"] / f["cpu_us"], "daemon_us": d["cpu_us"], "floor_us": f["cpu_us"]} for f, d in turns]
    result.update(summary(ratios, ["ratio", "daemon_us", "floor_us"]))
    result.update(summary(ours, ["loss_percent", "latency_p50_us", "latency_p99_us"]))
    result["loop_us"] = round(middle([d["loop_us"] for d in ours]), 3)
    result["standing_us"] = round(middle([d["standing_us"] for d in ours]), 3)
    result["rss_kb_per_call"] = round(rss, 1)
    for key in ("loss_percent", "latency_p50_us", "latency_p99_us"):
        result["floor_" + key] = round(middle([f[key] for f in floor]), 3)
    result["daemon_cores"] = round(middle([d["cores"] for d in ours]), 3)
    result["generator_cores"] = round(middle([d["generator_cores"] for d in ours]), 3)
    result["generator_late_us"] = max(d["late_us"] for d in ours)
    result["packets"] = sum(d["sent"] for d in ours)
    result["lost"] = sum(d["sent"] - d["received"] for d in ours)
    result["floor_lost"] = sum(f["sent"] - f["received"] for f in floor)
    return result
