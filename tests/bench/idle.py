"""Memory of an idle TLS WebSocket: of the daemon, and of a bare libwebsockets program."""
import asyncio

from chat import connect, start_floor
from rig import Rig, rss_kb, summary

WARM = 50  # connections before the first reading: what the first ones make lasts


async def grow(rig, port, pid, people, name):
    """kB that each connection behind the first WARM has added."""
    first = await connect(rig, port, people[:WARM], f"{name}-warm")
    rest = None
    try:
        await asyncio.sleep(1)
        before = rss_kb(pid)
        rest = await connect(rig, port, people[WARM:], name)
        await asyncio.sleep(2)
        return (rss_kb(pid) - before) / (len(people) - WARM)
    finally:
        await first.stop()
        if rest:
            await rest.stop()


async def measure(rig, args, turn):
    count = args.connections + WARM
    people = [{"token": rig.token(f"idle-{turn}-{n}", f"Idle {n}"), "chat": None} for n in range(count)]
    ours = await grow(rig, rig.tls_port, rig.pid, people, f"daemon-{turn}")
    floor, port, pid = await start_floor(rig)
    try:
        bare = await grow(rig, port, pid, [{"token": f"customer:{n}", "chat": None} for n in range(count)], f"floor-{turn}")
    finally:
        await floor.stop()
    return {"kb_per_connection": ours, "floor_kb_per_connection": bare}


def run(args):
    with Rig() as rig:
        turns = []
        for turn in range(args.rounds):
            turns.append(asyncio.run(measure(rig, args, turn)))
            if turn + 1 < args.rounds:  # memory once used is not given back: a fresh process
                rig.daemons[0].stop()
                rig.daemons[0].start()
    result = {"connections": args.connections, "rounds": args.rounds}
    result.update(summary(turns, ["kb_per_connection", "floor_kb_per_connection"]))
    return result
