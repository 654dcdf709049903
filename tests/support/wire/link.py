"""The seeded link (wire.c) and the light peers (peer.c) from Python.

    async with Link(seed, directory) as link:      # in a network namespace of one's own, as root
        peers = await link.peers()                  # a wire_peer process on the far side
        await link.set("up", loss=0.05)             # all flows
        await link.set("down", port=40123, delay_us=200000)
        records = await link.log()                  # numpy: one row per packet so far

The near side is 10.78.0.1 (and fd78::1) in the namespace of the caller, the far side 10.78.0.2
and .3 (fd78::2) in another one. Times are those of time.monotonic(), in microseconds.
"""
import asyncio
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, "build", "release")
NEAR, FAR, FAR_TOO = "10.78.0.1", "10.78.0.2", "10.78.0.3"
TURN_PORT = 30000  # and 99 more for its clients
NEAR6, FAR6 = "fd78::1", "fd78::2"
UP, DOWN = 0, 1
OTHER, STUN, DTLS, RTP, RTCP = range(5)
PASSED, LOST, BURST, BLACKHOLE, OVERFLOW, UNMAPPED = range(6)
COPY, HELD, MARKER = 1, 2, 4
# struct wire_record of wire.h
RECORD = np.dtype([("at_us", "u8"), ("out_us", "u8"), ("ts", "u4"), ("ssrc", "u4"), ("seq", "u2"), ("size", "u2"),
                   ("client_port", "u2"), ("server_port", "u2"), ("dir", "u1"), ("class", "u1"), ("fate", "u1"),
                   ("flags", "u1"), ("payload_type", "u1"), ("family", "u1"), ("protocol", "u1"), ("spare", "u1"),
                   ("client", "S16"), ("server", "S16")])
assert RECORD.itemsize == 72


class Program:
    """A process that answers commands by lines of JSON."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, *argv):
        return cls(await asyncio.create_subprocess_exec(*map(str, argv), stdin=asyncio.subprocess.PIPE,
                                                        stdout=asyncio.subprocess.PIPE, limit=1 << 20))

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self, patience_s=30):
        line = await asyncio.wait_for(self.process.stdout.readline(), patience_s)
        if not line:
            raise RuntimeError(f"a program ended: {await self.process.wait()}")
        return json.loads(line)

    async def stop(self):
        if self.process.returncode is None:
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except asyncio.TimeoutError:
                self.process.kill()
                await self.process.wait()


class Peers(Program):
    """wire_peer: many legs on the far side."""

    async def begin(self):
        self.answers = {"leg": [], "report": []}  # futures, in order of asking
        self.connected = {}
        self.reader = asyncio.create_task(self._read())
        return self

    async def _read(self):
        while line := await self.process.stdout.readline():
            answer = json.loads(line)
            if "connected" in answer:
                self._connection(answer["connected"]).set_result(answer.get("port"))
            else:
                self.answers["leg" if "leg" in answer else "report"].pop(0).set_result(answer)

    def _connection(self, number):
        return self.connected.setdefault(number, asyncio.get_running_loop().create_future())

    async def _ask(self, kind, **command):
        future = asyncio.get_running_loop().create_future()
        self.answers[kind].append(future)
        self.tell(**command)
        return await asyncio.wait_for(future, 30)

    async def leg(self, sound="talk", fec=True, dtx=True, rtcp_ms=1000, ipv6=False, mic=False, turn=None):
        """mic and turn: for a browser; the others for wire_peer."""
        return await self._ask("leg", leg=True, sound=sound, fec=fec, dtx=dtx, rtcp_ms=rtcp_ms, ipv6=ipv6, mic=mic, turn=turn)

    async def restart(self, number, moved=False):
        """A new offer from a new socket; moved: at the far side's other address."""
        return await self._ask("leg", restart=number, moved=moved)

    async def report(self, number):
        return await self._ask("report", report=number)

    async def until_connected(self, number):
        """A browser's own port of the path that it chose; None from others, which have one."""
        return await asyncio.wait_for(asyncio.shield(self._connection(number)), 30)

    async def stop(self):
        self.reader.cancel()
        await super().stop()


class Server(Program):
    """A program that takes no commands, and its directory."""

    def __init__(self, process, directory):
        super().__init__(process)
        self.directory = directory

    async def stop(self):
        self.process.terminate()
        await self.process.wait()
        shutil.rmtree(self.directory)


def ip(*argv, pid=None):
    """`ip` here, or in the namespace of a process."""
    prefix = ["nsenter", "-t", str(pid), "-n"] if pid else []
    subprocess.run([*prefix, "ip", *argv], check=True)


class Link(Program):
    """The link; the far namespace lives as long as its process."""

    def __init__(self, seed, directory):
        self.seed, self.path = seed, os.path.join(directory, "wire.log")
        self.lock = asyncio.Lock()
        self.others = []

    async def __aenter__(self):
        program = await Program.start(os.path.join(BUILD, "wire"), self.seed, self.path, "w0", "w1")
        self.process = program.process
        self.pid = (await self.hear())["pid"]
        for name, own, own6, net, net6, pid in (("w0", NEAR, NEAR6, "10.78.0.0/16", "fd78::/16", None),
                                                ("w1", FAR, FAR6, "default", "default", self.pid)):
            ip("addr", "add", own + "/32", "dev", name, pid=pid)
            ip("addr", "add", own6 + "/128", "dev", name, "nodad", pid=pid)
            ip("link", "set", "lo", "up", pid=pid)
            ip("link", "set", name, "up", "txqueuelen", "5000", pid=pid)
            ip("route", "add", net, "dev", name, pid=pid)
            ip("-6", "route", "add", net6, "dev", name, pid=pid)
        ip("addr", "add", FAR_TOO + "/32", "dev", "w1", pid=self.pid)
        return self

    async def __aexit__(self, *exc):
        for other in self.others:
            await other.stop()
        await self.stop()

    async def command(self, **command):
        """Monotonic time at which it took effect, in seconds."""
        async with self.lock:
            self.tell(**command)
            return (await self.hear())["at_us"] / 1e6

    async def set(self, direction, port=None, address=FAR, **rule):
        """The rule of one flow (port of the far side), or of all; what is not named is 0."""
        if port is None:
            return await self.command(set="*", dir=direction, **rule)
        return await self.command(set=address, port=port, dir=direction, **rule)

    async def log(self):
        await self.command(flush=True)
        return np.fromfile(self.path, dtype=RECORD)

    def far(self, *argv):
        """A command line for the far side."""
        return ["nsenter", "-t", str(self.pid), "-n", *argv]

    async def rebind(self, port, to_port, address=FAR):
        """As a NAT that has lost its mapping: from now on the near side sees the flow at another port."""
        return await self.command(rebind=address, port=port, to_port=to_port)

    async def turn(self, secret):
        """coturn on the far side: between a client there and the link."""
        directory = tempfile.mkdtemp(prefix="supportd-turn-")
        process = await asyncio.create_subprocess_exec(
            *self.far("turnserver", "-n", "--use-auth-secret", f"--static-auth-secret={secret}", "--realm=bank.example",
                      f"--listening-ip={FAR}", f"--listening-port={TURN_PORT}", f"--relay-ip={FAR}", f"--min-port={TURN_PORT + 1}",
                      f"--max-port={TURN_PORT + 99}", "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout",
                      f"--pidfile={directory}/turn.pid", f"--userdb={directory}/turn.db"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        self.others.append(Server(process, directory))

    async def peers(self):
        program = await Program.start(*self.far(os.path.join(BUILD, "wire_peer"), FAR, FAR_TOO, FAR6))
        self.others.append(await Peers(program.process).begin())
        return self.others[-1]

    async def browser(self, name="chromium"):
        """Peers that are connections of one page in a browser (chromium, firefox), or of aiortc; their reports are what getStats tells about the sound."""
        folder = os.path.join(ROOT, "tests", "wire")
        peers = (["/usr/bin/python3", os.path.join(folder, "aiortc_peers.py"), FAR] if name == "aiortc"
                 else ["node", os.path.join(folder, "browser_peers.mjs"), name])
        program = await Program.start(*self.far(*peers))
        await program.hear(60)
        self.others.append(await Peers(program.process).begin())
        return self.others[-1]
