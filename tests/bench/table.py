"""The relay at growing numbers of calls: a table in Markdown."""
import sys

import relay

COLUMNS = ["calls", "ratio", "daemon_us", "floor_us", "daemon_cores", "lost", "latency_p50_us", "latency_p99_us",
           "floor_latency_p99_us", "rss_kb_per_call"]


def run(args):
    print("| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS), sep="\n", file=sys.stderr, flush=True)
    rows = []
    for args.calls in args.steps:
        result = relay.run(args)
        rows.append({key: result[key] for key in COLUMNS})
        print("| " + " | ".join(str(result[key]) for key in COLUMNS) + " |", file=sys.stderr, flush=True)
    return {"rows": rows}
