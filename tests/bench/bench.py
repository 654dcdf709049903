"""Benchmarks with generators of the project's own: see docs/performance.md."""
import argparse
import importlib
import json


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    one = names.add_parser("relay", help="CPU per relayed packet, loss, delay, memory per call")
    one.add_argument("--calls", type=int, default=100)
    one.add_argument("--seconds", type=float, default=5, help="of one window")
    one = names.add_parser("table", help="relay at growing numbers of calls, as a table on standard error")
    one.add_argument("--steps", type=lambda text: [int(n) for n in text.split(",")], default=[50, 100, 200, 400, 600])
    one.add_argument("--seconds", type=float, default=5, help="of one window")
    for name in ("relay", "table"):
        names.choices[name].add_argument("--recording", action="store_true", help="every call is recorded")
    one = names.add_parser("janus", help="relay beside Debian's Janus (apt-get install janus)")
    one.add_argument("--calls", type=int, default=50)
    one.add_argument("--seconds", type=float, default=5, help="of one window")
    one = names.add_parser("answer", help="from the agent's click to the agent's voice at the customer")
    one.add_argument("--calls", type=int, default=200, help="one after the other")
    one = names.add_parser("music", help="hold music to waiting callers")
    one.add_argument("--callers", type=int, default=200, help="an even number")
    one.add_argument("--seconds", type=float, default=5, help="of one window")
    one = names.add_parser("chat", help="messages delivered, closed loop and at a fixed rate")
    one.add_argument("--pairs", type=int, default=32)
    one.add_argument("--rate", type=float, default=0, help="messages a second of all pairs; 0: closed loop")
    one.add_argument("--seconds", type=float, default=5, help="of one window")
    one = names.add_parser("idle", help="memory of an idle TLS WebSocket")
    one.add_argument("--connections", type=int, default=1000)
    for one in names.choices.values():
        one.add_argument("--rounds", type=int, default=5, help="turns of floor and daemon")
        one.add_argument("--json", action="store_true", help="one line")
    return parser.parse_args()


def main():
    args = arguments()
    result = importlib.import_module(args.name).run(args)
    if args.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:24} {value}")


if __name__ == "__main__":
    main()
