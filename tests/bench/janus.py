"""The relay beside Janus (Debian's package) on the same machine: the same generator, in turns.

Janus' echo test sends each leg's packets back to it: as many packets relayed as in as many calls."""
import asyncio
import os
import shutil
import socket
import uuid

import aiohttp

from relay import connect_calls, hearing, window
from rig import Program, Rig, middle, stacks, summary

CONFIG = """general: { configs_folder = "%(dir)s" plugins_folder = "%(lib)s/plugins" transports_folder = "%(lib)s/transports"
  events_folder = "%(lib)s/events" loggers_folder = "%(lib)s/loggers" debug_level = 2 session_timeout = 0 }
certificates: {}
media: { rtp_port_range = "32000-60000" }
nat: {}
plugins: { disable = "%(plugins)s" }
transports: { disable = "%(transports)s" }
loggers: { disable = "libjanus_jsonlog.so" }
"""
HTTP = 'general: { json = "compact" base_path = "/janus" http = true ip = "127.0.0.1" port = %d https = false }\nadmin: { admin_http = false }\n'


def own_address():
    """Janus offers no loopback address: the machine's other one, which stays inside the machine too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("198.51.100.1", 9))  # sends nothing
        return s.getsockname()[0]


def others(folder, but):
    return ",".join(sorted(name for name in os.listdir(folder) if name.endswith(".so") and name != but))


class Janus:
    """A Janus of our own with the echo test and its HTTP interface only."""

    def __init__(self, directory):
        self.dir, self.port, self.process = directory, stacks.free_port(), None
        self.base = f"http://127.0.0.1:{self.port}/janus"
        binary = shutil.which("janus")
        if not binary:
            raise SystemExit("janus is not installed: apt-get install janus")
        self.lib = next(f"/usr/lib/{name}/janus" for name in os.listdir("/usr/lib")
                        if os.path.isdir(f"/usr/lib/{name}/janus/plugins"))
        self.binary = binary

    async def start(self):
        os.makedirs(self.dir, exist_ok=True)
        with open(os.path.join(self.dir, "janus.jcfg"), "w", encoding="utf-8") as f:
            f.write(CONFIG % {"dir": self.dir, "lib": self.lib,
                              "plugins": others(self.lib + "/plugins", "libjanus_echotest.so"),
                              "transports": others(self.lib + "/transports", "libjanus_http.so")})
        with open(os.path.join(self.dir, "janus.transport.http.jcfg"), "w", encoding="utf-8") as f:
            f.write(HTTP % self.port)
        with open(os.path.join(self.dir, "janus.log"), "wb") as log:
            self.process = await asyncio.create_subprocess_exec(self.binary, "-F", self.dir,
                                                                stdout=log, stderr=log)

    async def stop(self):
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


class Session:
    """One session of Janus' HTTP interface with many handles."""

    def __init__(self, http, base):
        self.http, self.base, self.url = http, base, None

    async def post(self, url, **body):
        async with self.http.post(url, json={"transaction": str(uuid.uuid4()), **body}) as answer:
            return await answer.json(content_type=None)

    async def open(self):
        for _ in range(100):
            try:
                made = await self.post(self.base, janus="create")
                self.url = f"{self.base}/{made['data']['id']}"
                return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
        raise RuntimeError("Janus does not answer")

    async def echo(self, offer):
        """A leg that hears itself; returns Janus' answer."""
        handle = (await self.post(self.url, janus="attach", plugin="janus.plugin.echotest"))["data"]["id"]
        await self.post(f"{self.url}/{handle}", janus="message", body={"audio": True, "video": False},
                        jsep={"type": "offer", "sdp": offer})
        while True:
            async with self.http.get(self.url, params={"maxev": "1"}) as answer:
                event = await answer.json(content_type=None)
            if event.get("sender") == handle and "jsep" in event:
                return event["jsep"]["sdp"]

    async def keep(self):
        """Sessions end without a poll each minute."""
        while True:
            async with self.http.get(self.url, params={"maxev": "10"}) as answer:
                await answer.read()


async def connect_echoes(load, session, pending, legs):
    load.tell(address=own_address())
    for _ in range(legs):
        load.tell(leg="echo")
        offer = await pending("leg")
        load.tell(answer=offer["leg"], sdp=await session.echo(offer["offer"]))
        await pending("connected")


async def measure(rig, args):
    load, echoes, janus = await Program.start("relay_load"), await Program.start("relay_load"), Janus(os.path.join(rig.dir, "janus"))
    people, keeper, turns = [], None, []
    try:
        await janus.start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            session = Session(http, janus.base)
            await session.open()
            await connect_echoes(echoes, session, hearing(echoes), args.calls * 2)
            keeper = asyncio.create_task(session.keep())
            people = await connect_calls(rig, http, load, args.calls)
            for _ in range(args.rounds):
                ours = await window(load, "daemon", rig.pid, args)
                turns.append((ours, await window(echoes, "daemon", janus.process.pid, args)))
            keeper.cancel()
            for person in people:
                await person.close()
        return turns
    finally:
        await load.stop()
        await echoes.stop()
        await janus.stop()


def run(args):
    with Rig() as rig:
        rig.set("queue.capacity", 1)
        turns = asyncio.run(measure(rig, args))
    result = {"calls": args.calls, "seconds": args.seconds, "rounds": args.rounds}
    pairs = [{"ratio": ours["cpu_us"] / theirs["cpu_us"], "daemon_us": ours["cpu_us"], "janus_us": theirs["cpu_us"]}
             for ours, theirs in turns]
    result.update(summary(pairs, ["ratio", "daemon_us", "janus_us"]))
    for name, at in (("daemon", 0), ("janus", 1)):
        for key in ("loss_percent", "latency_p50_us", "latency_p99_us", "cores"):
            result[f"{name}_{key}"] = round(middle([turn[at][key] for turn in turns]), 3)
    return result
