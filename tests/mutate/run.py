"""Applies each mutation to a copy of the tree and runs the test that must notice it; see run.sh."""
import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LANE = os.environ.get("SUPPORTD_MUTATE_LANE", "0/1")  # which of how many, each with a tree of its own
TREE = os.path.join(ROOT, "build", "mutate", "tree" + LANE.split("/")[0])
BUILD = os.path.join(TREE, "build", "debug")  # where the test commands look
LOGS = os.path.join(ROOT, "build", "mutate", "log")
sys.path.insert(0, HERE)
from mutations import MUTATIONS  # noqa: E402

BUILD_TIMEOUT_S, TEST_TIMEOUT_S, STOP_S = 900, 240, 30
SUM = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
# Lines that name a failed check: Check, pgTAP, unittest, ctest.
NAMED = re.compile(r":[FE]:[^:]*:([a-z0-9_]+):|^#\s+Failed test (?:\d+: )?'?([^'\n]+)|^FAIL (?:test_)?(\S+)|^(?:FAIL|ERROR): (\S+)|^not ok \d+ - (.*)$", re.M)


def sync():
    """Makes the copy equal to the tracked files, touching only what differs."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout
    names = {n for n in listed.split("\0") if n and os.path.isfile(os.path.join(ROOT, n))}
    for name in names:
        source, target = os.path.join(ROOT, name), os.path.join(TREE, name)
        with open(source, "rb") as f:
            data = f.read()
        if os.path.exists(target):
            with open(target, "rb") as f:
                if f.read() == data:
                    continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(data)
        os.chmod(target, os.stat(source).st_mode & 0o777)
    for folder, _, files in os.walk(TREE):
        if os.path.relpath(folder, TREE).split(os.sep)[0] == "build":
            continue
        for file in files:
            path = os.path.join(folder, file)
            if os.path.relpath(path, TREE) not in names and not file.endswith(".pyc"):
                os.unlink(path)


class Command:
    """KIND ARGUMENTS of the table: what to build, what to run."""

    def __init__(self, text):
        self.text = text
        kind, *args = text.split()
        if kind == "unit":  # FOLDER.test_UNIT
            self.target = args[0].replace(".", "_")
            self.argv = ["sh", "-c", f"ctest --test-dir build/debug -R '^{args[0]}$' -V >build/one.log 2>&1;"
                         " python3 tests/style/sum_check.py build/one.log"]
        elif kind == "db":  # test_UNIT
            self.target = "db_" + args[0]
            self.argv = ["sh", "tests/db/run.sh", f"^db.{args[0]}$"]
        elif kind == "sql":  # FILE
            self.target = None
            self.argv = ["sh", "tests/sql/run.sh", "tests/sql/" + args[0]]
        elif kind == "api":  # FILE PART
            self.target = "supportd"
            self.argv = ["sh", "tests/api/run.sh", args[0], "-k", args[1]]
        elif kind == "e2e":  # PROGRAM TEST
            self.target = "supportd long_call" if args[0] == "test_long_call" else "supportd"
            self.argv = ["sh", "tests/e2e/netns.sh", "/usr/bin/python3", f"tests/e2e/{args[0]}.py", args[1]]
        else:
            raise ValueError(text)

    def run(self, log):
        """"passed", or why not: "failed", "no build", "broken" (ran no check), "too long"."""
        if self.target and spawn(["cmake", "--build", "build/debug", "-j", str(os.cpu_count()), "--target", *self.target.split()],
                                 log, BUILD_TIMEOUT_S) != 0:
            return "no build"
        start = os.path.getsize(log)
        code = spawn(self.argv, log, TEST_TIMEOUT_S)
        with open(log, encoding="utf-8", errors="replace") as f:
            f.seek(start)
            output = f.read()
        if code is None:
            return "too long"
        sums = SUM.findall(output)
        if not sums or "StackError" in output or (sums[-1][0] == "0" and not NAMED.search(output)):
            return "broken"
        return "failed" if int(sums[-1][1]) > 0 else "passed"


def spawn(argv, log, timeout_s):
    """Exit status, or None after the time limit: then it is told to stop, which ends what it started."""
    env = dict(os.environ, SUPPORTD_BINARY=os.path.join(BUILD, "supportd"), SUPPORTD_TEST_SEED="1")
    with open(log, "ab") as f:
        child = subprocess.Popen(argv, cwd=TREE, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env,
                                 start_new_session=True)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            for signum in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(child.pid, signum)
                    child.wait(STOP_S)
                    break
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            return None


def names_in(log):
    with open(log, encoding="utf-8", errors="replace") as f:
        found = [next(filter(None, m)) for m in NAMED.findall(f.read())]
    return list(dict.fromkeys(n.strip(" '\"")[:60] for n in found))


def fresh_log(name):
    path = os.path.join(LOGS, re.sub(r"[^a-z0-9]+", "-", name) + ".log")
    with open(path, "wb"):
        return path


def mutate(mutation):
    """(noticed, one line about it)"""
    path = os.path.join(TREE, mutation["file"])
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = text.count(mutation["find"])
    if found != 1:
        return False, f"the text is {found} times in {mutation['file']}"
    log = fresh_log(mutation["name"])
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(mutation["find"], mutation["put"]))
        verdict = Command(mutation["test"]).run(log)
    finally:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    if verdict in ("failed", "too long"):
        names = names_in(log)
        return True, ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "") or verdict
    return False, f"NOT NOTICED ({verdict}, {os.path.relpath(log, ROOT)})"


def report(ok, word, name, test, seconds, detail):
    print(f"{'ok  ' if ok else 'FAIL'} {word:9} {seconds:5.1f} s  {name}  [{test}]  {detail}", flush=True)


def mine(mutations):
    """The mutations of this lane: whole tests, each kind shared out evenly."""
    lane, lanes = map(int, LANE.split("/"))
    tests = sorted({m["test"] for m in mutations}, key=lambda test: (test.split()[0], test))[lane::lanes]
    return [m for m in mutations if m["test"] in tests]


def run_lane(chosen):
    """(noticed, not noticed)"""
    sync()
    log = fresh_log("configure " + LANE)
    if spawn(["cmake", "-S", ".", "-B", "build/debug", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
              "-DCMAKE_C_FLAGS=-O0 -w", "-DSUP_WEB=OFF"], log, 120) != 0:
        print(open(log, encoding="utf-8", errors="replace").read()[-3000:])
        return 0, 1
    passed = failed = 0
    broken = set()
    for test in dict.fromkeys(m["test"] for m in chosen):
        begun = time.monotonic()
        verdict = Command(test).run(fresh_log("whole " + test))
        report(verdict == "passed", "unbroken", test, test.split()[0], time.monotonic() - begun, verdict)
        if verdict != "passed":
            broken.add(test)
    for m in chosen:
        begun = time.monotonic()
        noticed, detail = (False, "its test fails without it") if m["test"] in broken else mutate(m)
        report(noticed, "mutation", m["name"], m["test"], time.monotonic() - begun, detail)
        passed += noticed
        failed += not noticed
    return passed, failed


def run_lanes(count):
    """The same in so many processes; what they print comes as it is."""
    argv = [sys.executable, *sys.argv]
    lanes = [subprocess.Popen(argv, env=dict(os.environ, SUPPORTD_MUTATE_LANE=f"{n}/{count}"), stdout=subprocess.PIPE, text=True)
             for n in range(count)]
    texts = [""] * count

    def follow(n):
        for line in lanes[n].stdout:
            texts[n] += line
            if not SUM.match(line):
                print(line, end="", flush=True)
    threads = [threading.Thread(target=follow, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sums = [SUM.findall(text) or [("0", "1")] for text in texts]  # a lane that died has failed
    return sum(int(s[-1][0]) for s in sums), sum(int(s[-1][1]) for s in sums)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="", help="pattern in a mutation's name")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    chosen = [m for m in MUTATIONS if re.search(args.k, m["name"])]
    for m in chosen:
        Command(m["test"])  # says so if there is no such test
    if args.list:
        for m in chosen:
            print(f"{m['name']}: {m['file']} [{m['test']}]")
        return 0
    os.makedirs(LOGS, exist_ok=True)
    single = "SUPPORTD_MUTATE_LANE" in os.environ or len({m["test"] for m in chosen}) == 1
    passed, failed = run_lane(mine(chosen)) if single else run_lanes(os.cpu_count())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
