"""Runs tests/api/test_*.py against one stack; the last line is "N passed, N failed"."""
import argparse
import os
import signal
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402

# In this order: what disturbs the stack comes last.
FILES = ["documents", "examples", "session", "chat", "access", "mask", "queue", "calls", "call_life", "call_party", "recordings", "sounds", "commands", "system", "desk", "permissions", "admin", "refusals", "same_id", "priority",
         "secrets", "audit", "kills", "coverage"]


class Result(unittest.TestResult):
    """One line per test; faults at once and in full."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = set()

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _line(self, word, test):
        print(f"{word} {test.id()} ({time.monotonic() - self.started:.1f} s)", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok  ", test)

    def _bad(self, test, error):
        if test.id() not in self.failed:
            self.failed.add(test.id())
            self._line("FAIL", test)
        print("".join(traceback.format_exception(*error))[-6000:], flush=True)

    def addFailure(self, test, err):
        self._bad(test, err)

    def addError(self, test, err):
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"in {subtest.id()}")
            self._bad(test, err)

    def addSkip(self, test, reason):
        self._bad(test, (AssertionError, AssertionError("skipped: " + reason), None))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", choices=FILES + [[]])
    parser.add_argument("-k", default="", help="part of a test's name")
    parser.add_argument("--keep", action="store_true", help="leave the stack's directory")
    args = parser.parse_args()
    print(f"seed {harness.SEED}" + (", full counts" if harness.FULL else ""), flush=True)
    suite = unittest.TestSuite()
    for name in args.files or FILES:
        for group in unittest.defaultTestLoader.loadTestsFromName("test_" + name):
            for test in group:
                if args.k in test.id():
                    suite.addTest(test)
    result = Result()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if set(args.files or FILES) - {"documents"}:
            print(f"stack {harness.stack().dir}", flush=True)
        suite.run(result)
        if harness._stack is not None:
            harness._stack.keep = args.keep
    finally:
        harness.stop_stack()
    print(f"{result.passed} passed, {len(result.failed)} failed")
    return 1 if result.failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
