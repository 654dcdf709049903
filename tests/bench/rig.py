"""What the benchmarks share: the stack under load, accounts, a client for REST and WebSocket, medians."""
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid

import aiohttp

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import stack as stacks  # noqa: E402  (found by the line above)

BUILD = os.path.dirname(stacks.BINARY)
# Limits that stop one address or one person are not what is measured.
SETTINGS = {
    "limits.frames_per_second": 1000,
    "limits.frames_burst": 1000,
    "call.max_calls": 2000,
    "media.addresses": '["127.0.0.1"]',
    "media.port_min": 20000,
    "media.port_max": 31999,
    "log.level": "warn",
    "drain.call_limit_ms": 0,
    "drain.spread_ms": 0,
}


class Rig(stacks.Stack):
    """A stack with TLS, a short-lived certificate, and people made by SQL."""

    def __init__(self, **settings):
        self.tls_port = stacks.free_port()
        keys = {**SETTINGS, "listen.https": f"127.0.0.1:{self.tls_port}",
                **{key.replace("__", "."): value for key, value in settings.items()}}
        super().__init__(staff=(), directory=tempfile.mkdtemp(prefix="supportd-bench-"), settings=keys)
        self.cert, self.key = os.path.join(self.dir, "cert.pem"), os.path.join(self.dir, "key.pem")
        self.env["SUPPORTD_LISTEN_TLS_CERT_FILE"] = self.cert
        self.env["SUPPORTD_LISTEN_TLS_KEY_FILE"] = self.key
        for daemon in self.daemons:
            daemon.env.update(self.env, SUPPORTD_LISTEN_HTTP=daemon.env["SUPPORTD_LISTEN_HTTP"])
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.cert],
                       check=True, capture_output=True)

    @property
    def pid(self):
        return self.daemons[0].pid

    def sql(self, text, role="supportd_app"):
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.postgres.url(role)],
                              input=text, text=True, capture_output=True, check=True).stdout.strip()

    def set(self, key, value):
        self.sql(f"select * from support.setting_set('system:admin', '{key}', '{json.dumps(value)}', null);")

    def add_agents(self, count):
        """Makes agents who come in by tokens; returns (id, token) of each."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self.sql("".join(
            f"select * from support.staff_create('system:admin', '{id}', 'a{n}-{id}@bank.example', 'Agent {n}', 'agent',"
            f" null, '{stacks.ISSUER}', 'agent-{id}', null, null);\n" for n, id in enumerate(ids)))
        return [(id, self.token(f"agent-{id}", "Agent")) for id in ids]


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not built: cmake --build {BUILD} --target bench")
    return path


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def cpu_s(pid, main_thread=False):
    """User and system time so far, in steps of 10 ms."""
    with open(f"/proc/{pid}/task/{pid}/stat" if main_thread else f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Program:
    """A generator or floor that answers commands by lines of JSON."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, name, *args):
        return cls(await asyncio.create_subprocess_exec(
            program(name), *map(str, args), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=1 << 20))

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


class Person:
    """A customer or agent: REST by bearer token, one WebSocket."""

    def __init__(self, http, base, token):
        self.http, self.base, self.token, self.ws, self.frames = http, base, token, None, asyncio.Queue()
        self.reader = None

    async def rest(self, method, path, body=None):
        async with self.http.request(method, f"{self.base}/api/support{path}", json=body,
                                     headers={"Authorization": f"Bearer {self.token}"}) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text) if text else None

    async def connect(self):
        self.ws = await self.http.ws_connect(self.base.replace("http", "ws", 1) + "/ws", protocols=("support.v1",),
                                             headers={"Origin": stacks.SITE}, max_msg_size=0)
        await self.send(type="hello", id="hello", token=self.token)
        first = json.loads(await self.ws.receive_str())
        if first["type"] != "welcome":
            raise RuntimeError(f"no welcome: {first}")
        self.ice_servers = first["ice_servers"]
        self.reader = asyncio.create_task(self._read())

    async def _read(self):
        async for message in self.ws:
            if message.type == aiohttp.WSMsgType.TEXT and '"call.quality"' not in message.data[:400]:
                await self.frames.put(json.loads(message.data))
        await self.frames.put({"type": "closed", "code": self.ws.close_code})

    async def send(self, **frame):
        await self.ws.send_str(json.dumps(frame))

    async def wait(self, test, patience_s=20):
        """The first frame that passes test; those before it are dropped."""
        async def search():
            while True:
                frame = await self.frames.get()
                if frame["type"] in ("error", "closed"):
                    raise RuntimeError(json.dumps(frame))
                if test(frame):
                    return frame
        return await asyncio.wait_for(search(), patience_s)

    async def close(self):
        if self.reader:
            self.reader.cancel()
        if self.ws:
            await self.ws.close()


def part(ordered, share):
    """The value below which this share of the ordered ones lies."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def middle(values):
    return statistics.median(values)


def summary(runs, keys):
    """Medians under their names, lowest and highest under NAME_range."""
    out = {}
    for key in keys:
        values = [run[key] for run in runs]
        out[key] = round(middle(values), 3)
        out[key + "_range"] = [round(min(values), 3), round(max(values), 3)]
    return out
