"""The full run of a test, on record: docs/evidence/NAME.json."""
import json
import os
import random
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FULL = os.environ.get("SUPPORTD_TEST_FULL") == "1"
SEED = int(os.environ.get("SUPPORTD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))


def evidence(name, counts, figures):
    """Writes nothing but with the full counts."""
    if not FULL:
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    folder = os.path.join(ROOT, "docs", "evidence")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        json.dump({"test": name, "commit": commit, "seed": SEED, "date": time.strftime("%Y-%m-%d", time.gmtime()),
                   "counts": counts, "figures": figures}, f, indent=1, default=float)  # numpy's numbers
        f.write("\n")
