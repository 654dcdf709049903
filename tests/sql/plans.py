"""Reads plans that auto_explain wrote as JSON and judges every scan of a growing table. Prints TAP lines.

usage: plans.py LOG FUNCTIONS     FUNCTIONS: names that must occur, one a line
"""
import json
import re
import sys

GROWING = {
    "customers", "customer_salts", "chat_sessions", "chat_messages", "chat_participants", "chat_queue", "call_queue", "offers", "voice_calls", "call_parties",
    "call_quality_samples", "call_client_stats", "call_recordings", "webrtc_signaling", "staff_sessions", "presence_leases", "support_activity_logs", "audit_seals",
}
LIMIT = 1000  # rows one scan may touch in tables of 100,000


def plans(path):
    """Yields (query, plan tree) for each plan in the log."""
    block = None
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            if block is None and line.rstrip("\n").endswith("{") and line.startswith("{"):
                block = [line]
            elif block is not None:
                block.append(line)
                if line.startswith("}"):
                    tree = json.loads("".join(block))
                    block = None
                    yield tree.get("Query Text", ""), tree["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def table(node):
    name = node.get("Relation Name", "")
    return re.sub(r"_(default|\d{6})$", "", name)


def judge(node):
    """Returns what is wrong with a scan, or None."""
    if table(node) not in GROWING or not node["Node Type"].endswith("Scan"):
        return None
    if node["Node Type"] == "Seq Scan" and node.get("Actual Loops", 0) > 0:
        return "sequential scan"
    touched = (node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
    if touched > LIMIT:
        return f"{touched} rows touched"
    return None


def main():
    seen, text, wrong, scans = 0, set(), {}, 0
    for query, plan in plans(sys.argv[1]):
        seen += 1
        text.update(re.findall(r"support\.([a-z_0-9]+)\(", query))
        for node in nodes(plan):
            fault = judge(node)
            scans += table(node) in GROWING
            if fault:
                wrong.setdefault((fault.split()[0] if fault[0].isdigit() else fault, " ".join(query.split())[:300], node.get("Index Name")), fault)
    with open(sys.argv[2], encoding="utf-8") as names:
        missing = sorted({n.strip() for n in names} - text)
    ok = "ok" if seen > 1000 and scans > 1000 else "not ok"
    print(f"{ok} 2 - {seen} plans with {scans} scans of growing tables were read")
    print(("ok" if not missing else "not ok") + f" 3 - every function was run {' '.join(missing)}")
    print(("ok" if not wrong else "not ok") + " 4 - no scan of a growing table goes through it")
    for (_, query, index), fault in list(wrong.items())[:20]:
        print(f"# {fault} by {index}: {query}")
    return 1 if missing or wrong or ok != "ok" else 0


sys.exit(main())
