"""Each benchmark once, small: figures come out and nothing is lost. No assertion on time. With SUPPORTD_TEST_FULL=1 the
answers are as many as are told in docs/performance.md, and their figures go to docs/evidence/answer.json."""
import json
import os
import subprocess
import sys

import rig  # noqa: F401  (it knows where evidence is)
from evidence import FULL, evidence

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERS = 200 if FULL else 10
FIGURES = {
    "relay": ["ratio", "daemon_us", "floor_us", "loss_percent", "latency_p50_us", "latency_p99_us", "rss_kb_per_call"],
    "chat": ["ratio", "delivered_per_s", "latency_p50_ms", "latency_p99_ms"],
    "answer": ["answer_p50_us", "answer_p99_us"],
    "music": ["cpu_us", "cores", "loss_percent", "rss_kb_per_caller"],
    "idle": ["kb_per_connection"],
}
RUNS = [
    ("relay", "--calls", "2", "--seconds", "1"),
    ("relay", "--calls", "2", "--seconds", "1", "--recording"),
    ("answer", "--calls", str(ANSWERS)),
    ("music", "--callers", "4", "--seconds", "1"),
    ("chat", "--pairs", "2", "--seconds", "1"),
    ("chat", "--pairs", "2", "--seconds", "1", "--rate", "40"),
    ("idle", "--connections", "60"),
]


def problems(name, result):
    for key in FIGURES[name]:
        if not isinstance(result.get(key), (int, float)):
            yield f"no figure {key}"
    for key in ("lost", "floor_lost", "twice"):
        if result.get(key, 0) != 0:
            yield f"{key}: {result[key]}"
    for key in ("packets", "messages"):
        if key in result and result[key] < 20:
            yield f"{key}: only {result[key]}"
    if name == "answer" and result.get("calls") != ANSWERS:
        yield f"calls: {result.get('calls')}"


def main():
    bad = 0
    for run in RUNS:
        done = subprocess.run([sys.executable, os.path.join(HERE, "bench.py"), *run, "--rounds", "1", "--json"],
                              stdout=subprocess.PIPE, text=True, timeout=180, check=False)
        result = {} if done.returncode else json.loads(done.stdout)
        found = [f"ended with {done.returncode}"] if done.returncode else list(problems(run[0], result))
        if run[0] == "answer":
            evidence("answer", {"calls": ANSWERS}, result)
        print(("not ok " if found else "ok ") + " ".join(run), *found, sep=" | ")
        bad += bool(found)
    leaks = subprocess.run([sys.executable, os.path.join(HERE, "leaks.py")], stdout=subprocess.PIPE, text=True,
                           timeout=1800, check=False)
    print(leaks.stdout.splitlines()[0] if leaks.stdout else f"not ok leaks | ended with {leaks.returncode}")
    bad += leaks.returncode != 0
    print(f"{len(RUNS) + 1 - bad} passed, {bad} failed")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
