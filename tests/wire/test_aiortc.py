"""aiortc over the link, as the browsers in test_browsers.py, with RTCP as all that it tells: its own statistics beside the daemon's
counts and the link's log, and faults named in time. Its own round trip is left out: it is a mean that never forgets the start."""
import unittest

import test_browsers as browsers
from desk import FULL


class Aiortc(browsers.Browsers):
    browser_name = "aiortc"
    record = "aiortc"
    tells = measures_rtt = False
    faults = browsers.FAULTS if FULL else {name: browsers.FAULTS[name] for name in ("random loss down", "random loss up")}
    counts = {name: rule for name, rule in browsers.COUNTS.items() if "TURN" not in name}


if __name__ == "__main__":
    unittest.main(verbosity=2)
