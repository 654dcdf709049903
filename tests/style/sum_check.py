"""Adds up the summary lines of Check programs in a ctest -V log; the last line is the sum.

A program that ends without a summary (a crash, a sanitizer's report) counts as one failure.
"""
import re
import sys

log = open(sys.argv[1], encoding="utf-8", errors="replace").read()
passed = failed = 0
for checks, failures, errors in re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", log):
    bad = int(failures) + int(errors)
    passed += int(checks) - bad
    failed += bad
results = re.findall(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) \.*\s*(Passed|\S.*)", log, re.M)
for name, verdict in results:
    if verdict.startswith("Passed"):
        continue
    block = re.search(r"Start +\d+: %s$" % re.escape(name), log, re.M)
    print("FAILED:", name, verdict.strip())
    if failed == 0:
        failed += 1
for line in re.findall(r"^.*(?::[FE]:|ERROR: \w+Sanitizer|runtime error:).*$", log, re.M)[:40]:
    print(line)
if not results:
    failed += 1
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
