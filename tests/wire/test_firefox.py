"""Firefox over the link, as Chromium in test_browsers.py: its own getStats (packets, losses, jitter, round trip) beside the daemon's
counts and the link's log, and faults named in time."""
import unittest

import test_browsers as browsers
from desk import FULL


class Firefox(browsers.Browsers):
    browser_name = "firefox"
    record = "firefox"
    faults = browsers.FAULTS if FULL else {name: browsers.FAULTS[name] for name in ("random loss down", "random loss up")}
    counts = {name: rule for name, rule in browsers.COUNTS.items() if "TURN" not in name}


if __name__ == "__main__":
    unittest.main(verbosity=2)
