"""A private stack for tests: PostgreSQL as its own user, migrations, staff accounts, 1-3 daemons.

    with Stack(daemons=2) as stack:
        stack.http(0), stack.token("sub-1", "Wanja Kimani"), stack.staff["agent"]

    python3 tests/support/stack.py serve --json [--daemons N] [--set section.name=value]...

`serve` prints one line of JSON (ports, accounts, tokens, paths), then obeys lines on standard input
(`kill N`, `start N`, `stop N`, `pg kill`, `pg start`, `pg restart`), answering `ok` or `error TEXT`,
until standard input closes; then everything is stopped and the directory removed.

Only what this object started is ended, by process id. The daemon is configured by environment alone.
"""
import argparse
import atexit
import base64
import ctypes
import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("SUPPORTD_BINARY", os.path.join(ROOT, "build", "release", "supportd"))
DATABASE = "supportd"
ISSUER = "https://login.bank.example"
AUDIENCE = "support"
SITE = "https://www.bank.example"  # chat and call
PUBLIC_SITE = "https://public.bank.example"  # read-only
ROLES = ["agent", "agent2", "team_lead", "supervisor", "admin", "super_admin"]
NAMES = {"agent": "Amina Otieno", "agent2": "Brian Mwangi", "team_lead": "Chebet Korir",
         "supervisor": "Daudi Njoroge", "admin": "Esther Wambui", "super_admin": "Farah Abdi"}
# The test's own traffic comes from one address: rates that would stop it are raised.
GENEROUS = {
    "SUPPORTD_LIMITS_REQUESTS_PER_MINUTE": "1000000",
    "SUPPORTD_LIMITS_MESSAGES_PER_MINUTE": "10000",
    "SUPPORTD_LIMITS_LOGINS_PER_MINUTE": "10000",
    "SUPPORTD_LIMITS_CALLS_PER_HOUR": "10000",
    "SUPPORTD_LIMITS_CONNECTIONS_PER_ADDRESS": "10000",
}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_jwt(claims, secret, header=None):
    """A compact HS256 token over the given claims."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    text = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(claims).encode())
    return text + "." + b64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


# Where the daemons listen for HTTP: ::1 where a test has no IPv4.
HOST = os.environ.get("SUPPORTD_TEST_HOST", "127.0.0.1")


def free_port():
    with socket.socket(socket.AF_INET6 if ":" in HOST else socket.AF_INET) as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def at_host(port):
    return f"[{HOST}]:{port}" if ":" in HOST else f"{HOST}:{port}"


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class StackError(Exception):
    """The stack could not be brought into the wanted state; the text says why."""


class Postgres:
    """A cluster in DIR, reachable over its own socket directory only."""

    PORT = "5432"  # names the socket file; no TCP

    def __init__(self, directory):
        self.dir = directory

    def _sh(self, script, check=True):
        env = dict(os.environ, PG_DIR=self.dir, PG_PORT=self.PORT, PG_ROOT=ROOT)
        script = '. tests/support/pg.sh; PG_BIN=$(pg_bindir); export PG_BIN; ' + script
        done = subprocess.run(["sh", "-c", script, "sh", self.dir, self.PORT], cwd=ROOT, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if check and done.returncode != 0:
            raise StackError("postgresql: " + done.stdout.strip()[-1000:])
        return done

    def start(self, patience_s=60):
        """Starts the cluster. After a SIGKILL of the postmaster the orphans must go first: tries again."""
        end = time.monotonic() + patience_s
        while True:
            done = self._sh('pg_start "$1" "$2"', check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > end:
                raise StackError("postgresql: " + done.stdout.strip()[-1000:])
            time.sleep(0.1)

    def create(self):
        self._sh(f"pg_create_db {DATABASE}")

    def stop(self, mode="fast"):
        self._sh(f"pg_stop {mode}", check=False)

    def pid(self):
        with open(os.path.join(self.dir, "data", "postmaster.pid"), encoding="ascii") as f:
            return int(f.readline())

    def kill(self):
        """SIGKILL to the postmaster alone."""
        os.kill(self.pid(), signal.SIGKILL)

    def url(self, role):
        return f"postgresql://{role}@/{DATABASE}?host={self.dir}/socket&port={self.PORT}"

    def connect(self, role="postgres"):
        """A psycopg2 connection in autocommit, by default as superuser."""
        import psycopg2
        connection = psycopg2.connect(self.url(role))
        connection.autocommit = True
        return connection


class Daemon:
    """One process of supportd on its own port."""

    def __init__(self, number, directory, env):
        self.number = number
        self.port = free_port()
        self.log = os.path.join(directory, f"daemon-{number}.log")
        self.env = dict(env, SUPPORTD_LISTEN_HTTP=f'["{at_host(self.port)}"]')
        self.process = None
        self.ends = []  # exit codes of processes that ended

    @property
    def http(self):
        return "http://" + at_host(self.port)

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def start(self, wait=True):
        """In the main thread: the kernel ends the process with the thread that started it."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BINARY, "run"], env=self.env, cwd=os.path.dirname(self.log),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        if wait:
            self.wait_ready()

    def status(self, path):
        """Status code of a GET, or None while nobody answers."""
        try:
            with urllib.request.urlopen(self.http + path, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return None

    def wait_ready(self, patience_s=30):
        end = time.monotonic() + patience_s
        while self.status("/readyz") != 200:
            if self.process.poll() is not None:
                raise StackError(f"daemon {self.number} ended with {self.process.returncode}: " + self.tail())
            if time.monotonic() > end:
                raise StackError(f"daemon {self.number} is not ready: " + self.tail())
            time.sleep(0.02)

    def tail(self, size=2000):
        with open(self.log, "rb") as f:
            return f.read()[-size:].decode("utf-8", "replace")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def _reap(self, patience_s):
        self.ends.append(self.process.wait(patience_s))
        self.process = None

    def kill(self):
        if self.alive():
            self.process.kill()
        if self.process:
            self._reap(30)

    def stop(self, patience_s=60):
        """SIGTERM, which drains; returns the exit code."""
        if self.process is None:
            return None
        if self.alive():
            self.process.terminate()
        try:
            self._reap(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self._reap(30)
            raise StackError(f"daemon {self.number} did not end on SIGTERM: " + self.tail()) from None
        return self.ends[-1]


class Stack:
    """See the top of the file. `settings` are configuration keys, `section.name: value`."""

    def __init__(self, daemons=1, directory=None, settings=None, staff=tuple(ROLES), keep=False):
        self.keep = keep
        self.dir = directory or tempfile.mkdtemp(prefix="supportd-stack-")
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.secret = secrets.token_hex(32)
        self.key_file = os.path.join(self.dir, "audit.pem")
        self.recording_keys = os.path.join(self.dir, "recording.keys")
        self.recording_dir = os.path.join(self.dir, "recordings")
        self.postgres = Postgres(os.path.join(self.dir, "pg"))
        self.env = self._environment(settings or {})
        self.daemons = [Daemon(n, self.dir, self.env) for n in range(daemons)]
        self.staff_roles = staff
        self.staff = {}
        self.stopped = False

    def _environment(self, settings):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SUPPORTD_")}
        env.update(GENEROUS)
        env.update({
            "SUPPORTD_DATABASE_URL": self.postgres.url("supportd_app"),
            "SUPPORTD_DATABASE_OWNER_URL": self.postgres.url("supportd_migrate"),
            "SUPPORTD_AUTH_JWT_SECRET": self.secret,
            "SUPPORTD_AUTH_ISSUER": ISSUER,
            "SUPPORTD_AUTH_AUDIENCE": AUDIENCE,
            "SUPPORTD_AUDIT_KEY_FILE": self.key_file,
            "SUPPORTD_RECORDING_KEY_FILE": self.recording_keys,
            "SUPPORTD_RECORDING_DIR": self.recording_dir,
            "SUPPORTD_WEB_SITES": f'( {{ origin = "{SITE}"; name = "Bank"; features = ["chat", "call"]; }},'
                                  f' {{ origin = "{PUBLIC_SITE}"; name = "Public"; }} )',
            "SUPPORTD_DRAIN_SPREAD_MS": "100",
            "SUPPORTD_DRAIN_CALL_LIMIT_MS": "3s",
        })
        for key, value in settings.items():
            env["SUPPORTD_" + key.replace(".", "_").upper()] = str(value)
        return env

    def run(self, *args, stdin="", check=True, env=None):
        """One subcommand of supportd; the completed process."""
        done = subprocess.run([BINARY, *args], env=dict(self.env, **(env or {})), input=stdin, text=True,
                              cwd=self.dir, capture_output=True, timeout=120, check=False)
        if check and done.returncode != 0:
            raise StackError(f"supportd {' '.join(args)}: {done.returncode}: {done.stdout}{done.stderr}"[:2000])
        return done

    def sound_of(self, *args):
        """A subcommand that writes sound: (status, standard output as bytes, standard error)."""
        done = subprocess.run([BINARY, *args], env=self.env, stdin=subprocess.DEVNULL, cwd=self.dir, capture_output=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def add_staff(self, key, role, name, email=None, password=None):
        account = {"email": email or f"{key}@bank.example", "name": name, "role": role,
                   "password": password or secrets.token_urlsafe(12)}
        self.run("add-staff", "--email", account["email"], "--name", name, "--role", role,
                 stdin=account["password"] + "\n")
        self.staff[key] = account
        return account

    def start(self):
        if not os.access(BINARY, os.X_OK):
            raise StackError(f"{BINARY} is not built")
        atexit.register(self.stop)
        try:
            self.postgres.start()
            self.postgres.create()
            self.run("migrate")
            self.run("audit", "make-key", self.key_file)
            self.run("recording", "make-key", self.recording_keys)
            os.makedirs(self.recording_dir, exist_ok=True)
            for key in self.staff_roles:
                self.add_staff(key, key.rstrip("2"), NAMES[key])
            for daemon in self.daemons:
                daemon.start(wait=False)
            for daemon in self.daemons:
                daemon.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        if self.stopped:
            return
        self.stopped = True
        atexit.unregister(self.stop)
        for daemon in self.daemons:
            if daemon.alive():
                daemon.process.terminate()
        for daemon in self.daemons:
            try:
                daemon.stop(20)
            except StackError as e:
                print(e, file=sys.stderr)
        self.postgres.stop("immediate")
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def http(self, number=0):
        return self.daemons[number % len(self.daemons)].http

    def ws(self, number=0):
        return self.http(number).replace("http://", "ws://") + "/ws"

    def claims(self, subject, name, **more):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "name": name,
                  "email": f"{subject}@mail.example", "iat": now, "exp": now + 3600}
        claims.update(more)
        return {k: v for k, v in claims.items() if v is not None}

    def token(self, subject, name, **more):
        """A good token of a customer; claims given as None are left out."""
        return make_jwt(self.claims(subject, name, **more), self.secret)

    def describe(self):
        customers = [("wanja", "Wanja Kimani"), ("otieno", "Peter Otieno"), ("achieng", "Grace Achieng")]
        return {
            "http": [d.http for d in self.daemons],
            "ws": [self.ws(d.number) for d in self.daemons],
            "pids": [d.pid for d in self.daemons],
            "logs": [d.log for d in self.daemons],
            "sites": {"full": SITE, "public": PUBLIC_SITE},
            "staff": self.staff,
            "customers": [{"subject": s, "name": n, "token": self.token(s, n, exp=int(time.time()) + 12 * 3600)}
                          for s, n in customers],
            "jwt": {"alg": "HS256", "secret": self.secret, "issuer": ISSUER, "audience": AUDIENCE},
            "database": {"superuser_url": self.postgres.url("postgres"),
                         "app_url": self.postgres.url("supportd_app"),
                         "data": os.path.join(self.postgres.dir, "data"), "log": os.path.join(self.postgres.dir, "log")},
            "dir": self.dir,
        }


def obey(stack, words):
    """One line of `serve`."""
    if words[0] == "pg":
        actions = {"kill": stack.postgres.kill, "start": stack.postgres.start, "stop": stack.postgres.stop}
        if words[1] == "restart":
            stack.postgres.stop("immediate")
            stack.postgres.start()
        else:
            actions[words[1]]()
        return
    daemon = stack.daemons[int(words[1])]
    {"kill": daemon.kill, "start": daemon.start, "stop": daemon.stop}[words[0]]()


def serve(args):
    settings = dict(pair.split("=", 1) for pair in args.set)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Stack(args.daemons, args.dir, settings, keep=args.keep) as stack:
        info = stack.describe()
        print(json.dumps(info) if args.json else json.dumps(info, indent=2), flush=True)
        for line in sys.stdin:
            if not line.strip():
                continue
            try:
                obey(stack, line.split())
                print("ok", flush=True)
            except (StackError, LookupError, ValueError, OSError) as e:
                print("error " + repr(e), flush=True)


def main():
    parser = argparse.ArgumentParser(description="A private supportd stack for tests")
    command = parser.add_subparsers(dest="command", required=True).add_parser("serve")
    command.add_argument("--json", action="store_true", help="one line instead of indented JSON")
    command.add_argument("--daemons", type=int, default=1, choices=[1, 2, 3])
    command.add_argument("--dir", help="where everything lives (default: a new temporary directory)")
    command.add_argument("--keep", action="store_true", help="leave the directory at the end")
    command.add_argument("--set", action="append", default=[], metavar="section.name=value")
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
