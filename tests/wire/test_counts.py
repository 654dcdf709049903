"""What the daemon counts against what the link did: packets, losses, duplicates and reordering exactly, jitter and round trip
within stated errors, in several calls at once with another impairment each, some of them over IPv6 alone.

The link's log is the truth: it sees every packet, its clear header and its fate. Packets in flight when a number is looked up
would blur it, so the peers fall silent before the sums are taken, after a second without any impairment (the last packets must
arrive: of a loss with no packet behind it nobody can know).

Errors: jitter 10 % + 1 ms, against RFC 3550 A.8 over the log's times of release (what the daemon's own scheduling adds is
within it); round trip 10 % + 2 ms of the delay injected, by the lower quartile of the samples: what a busy machine adds only
lengthens it."""
import asyncio
import itertools
import json
import random
import socket
import statistics
import time
import unittest

import numpy as np

import desk as desks
from desk import FULL, SEED, SIDES, evidence, links

SECONDS = 30 if FULL else 10
JITTER_ERROR = (0.1, 1.0)  # part, ms
RTT_ERROR = (0.1, 2.0)
CASES = {
    "nothing": {},
    **{f"loss {p} %": {d: {"loss": p / 100, "classes": ["rtp"]} for d in ("up", "down")} for p in (1, 3, 5, 10, 20)},
    "bursts": {d: {"to_bad": 0.03, "to_good": 0.3, "bad_loss": 1.0, "classes": ["rtp"]} for d in ("up", "down")},
    "duplicates": {"up": {"duplicate": 0.1, "classes": ["rtp"]}},
    "reordering": {"up": {"reorder": 0.1, "reorder_us": 50000, "classes": ["rtp"]}},
    "all of it": {"up": {"loss": 0.05, "duplicate": 0.05, "reorder": 0.05, "reorder_us": 50000, "classes": ["rtp"]}},
    "jitter 30 ms": {d: {"jitter_us": 30000, "classes": ["rtp"]} for d in ("up", "down")},
    "jitter 60 ms in order": {"up": {"jitter_us": 60000, "classes": ["rtp"]}},
    "jitter 90 ms": {"up": {"jitter_us": 90000, "disorder": True, "classes": ["rtp"]}},
    "rate 40 kbit/s": {"up": {"rate": 40000, "queue_us": 100000, "classes": ["rtp"]}},
    **{f"delay {ms} ms": {d: {"delay_us": ms * 1000} for d in ("up", "down")} for ms in (20, 100, 200, 400)},
    "IPv6 only, loss 5 %": {d: {"loss": 0.05, "classes": ["rtp"]} for d in ("up", "down")},
    "IPv6 only, all of it": {"up": {"loss": 0.05, "duplicate": 0.05, "reorder": 0.05, "reorder_us": 50000, "classes": ["rtp"]}},
    "IPv6 only, delay 100 ms": {d: {"delay_us": 100000} for d in ("up", "down")},
}
IPV6 = [name for name in CASES if "IPv6" in name]


def jitter_ms(records):
    """RFC 3550 A.8 in order of arrival, without what begins a talk spurt: the first of marked packets (aiortc marks all) and
    a timestamp step that no packet fills (DTX). The value behind each packet."""
    arrived = np.sort(records, order="out_us", kind="stable")
    course, jitter, before, highest, marked = [], 0.0, None, None, False
    for r in arrived:
        transit = r["out_us"] / 1000 - r["ts"] / 48
        if before is not None:
            step = (int(r["ts"]) - int(highest["ts"])) / 48
            spurt = r["flags"] & links.MARKER and not marked
            pause = spurt or ((int(r["seq"]) - int(highest["seq"])) % 65536 == 1 and step > 120)
            if not pause:
                jitter += (abs(transit - before) - jitter) / 16
        course.append(jitter)
        before, marked = transit, r["flags"] & links.MARKER
        if highest is None or (int(r["seq"]) - int(highest["seq"])) % 65536 < 32768:
            highest = r
    return course


class Counts(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def one(self, call, rules, side):
        call.seen = len(call.agent.quality)
        begun = [await call.set(side, direction, **rule) for direction, rule in rules.items()]
        call.begun = begun[-1] if begun else time.monotonic()
        await asyncio.sleep(SECONDS)
        for direction in rules:
            call.ended = await call.set(side, direction)
        if not rules:
            call.ended = time.monotonic()
        await asyncio.sleep(2)  # what was delayed arrives, and more behind it
        for s in SIDES:
            call.send(s, "none")
        await asyncio.sleep(4)  # the last packets are judged, the last reports come

    async def test_counts_equal_the_log(self):
        random_ = random.Random(SEED)
        sides = {name: random_.choice(SIDES) for name in CASES}
        async with desks.Desk(media__addresses=json.dumps([links.NEAR, links.NEAR6])) as desk:
            made = [c for ipv6, count in ((False, len(CASES) - len(IPV6)), (True, len(IPV6)))
                    for c in await desk.calls(count, sound="talk", fec=True, ipv6=ipv6)]
            calls = dict(zip(CASES, made))
            await asyncio.gather(*(self.one(call, CASES[name], sides[name]) for name, call in calls.items()))
            log = await desk.link.log()
            self.reports = {name: await desk.peers.report(call.legs[sides[name]]["leg"]) for name, call in calls.items()}
        figures = {}
        for name, call in calls.items():
            with self.subTest(name):
                figures[name] = self.compare(name, call, sides[name], log, CASES[name])
        evidence("wire_counts", {"calls": len(calls), "seconds": SECONDS}, figures)

    def compare(self, name, call, side, log, rules):
        leg = call.legs[side]
        mine = of_leg(log, leg)
        self.assertEqual(set(mine["family"].tolist()), {6 if name in IPV6 else 4})
        self.assertGreater(len(mine), 0)
        mine = mine[mine["class"] == links.RTP]
        up, down = mine[(mine["dir"] == links.UP) & (mine["ssrc"] == leg["ssrc"])], mine[mine["dir"] == links.DOWN]
        samples = whole_seconds(call, side)
        sums = {d: {k: sum(s[d][k] for s in samples) for k in ("packets", "lost")} for d in ("in", "out")}
        for key in ("duplicates", "reordered"):
            sums["in"][key] = sum(s["in"][key] for s in samples)
        came = up[up["fate"] == links.PASSED]
        copies = came["flags"] & links.COPY > 0
        overtaken = count_overtaken(came[~copies])
        truth = {"in": {"packets": int((~copies).sum()), "lost": int((up["fate"] != links.PASSED).sum()),
                        "duplicates": int(copies.sum()), "reordered": overtaken},
                 "out": {"packets": len(down), "lost": int((down["fate"] != links.PASSED).sum())}}
        print(f"     {name} at {side}: {sums}", flush=True)
        self.assertEqual(sums, truth, f"{name} at {side}")
        self.assertEqual(self.reports[name]["received"], int((down["fate"] == links.PASSED).sum()))
        return {"side": side, **truth, **self.compare_times(call, side, rules, came, samples)}

    def compare_times(self, call, side, rules, came, samples):
        course = jitter_ms(came[came["flags"] & links.COPY == 0])
        pairs = [(s["in"]["jitter_ms"], course[n - 1]) for s, n in zip(samples, packets_so_far(samples))
                 if call.begun + 2 < s["at"] < call.ended]
        daemon, truth = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        self.assertLessEqual(abs(daemon - truth), JITTER_ERROR[0] * truth + JITTER_ERROR[1], "jitter, ms")
        delay_ms = sum(rule.get("delay_us", 0) for rule in rules.values()) / 1000
        late = [s for s in samples if call.begun + 4 < s["at"] < call.ended]
        rtt = statistics.quantiles((s["rtt_ms"] for s in late), n=4)[0]
        if "rate" not in rules.get("up", {}):
            self.assertLessEqual(abs(rtt - delay_ms), RTT_ERROR[0] * delay_ms + RTT_ERROR[1], "round trip, ms")
        return {"jitter_ms": round(daemon, 2), "jitter_log_ms": round(truth, 2), "rtt_ms": round(rtt, 2), "delay_ms": delay_ms}


def of_leg(log, leg):
    """The records of a peer's flow."""
    family = socket.AF_INET6 if ":" in leg["address"] else socket.AF_INET
    return log[(log["client_port"] == leg["port"]) & (log["client"] == socket.inet_pton(family, leg["address"]).rstrip(b"\0"))]


def whole_seconds(call, side):
    """The samples of a leg, one a second; pictures in between repeat the last one."""
    samples = []
    for at, legs in call.agent.quality:
        if side in legs and (not samples or legs[side]["sample"] != samples[-1]["sample"]):
            samples.append({**legs[side], "at": at})
    return samples


def packets_so_far(samples):
    """What each sample had counted: it tells which packet was its last, however late its news came."""
    return itertools.accumulate(s["in"]["packets"] for s in samples)


def count_overtaken(came):
    """Packets that came behind a higher number."""
    highest, count = None, 0
    for seq in np.sort(came, order="out_us", kind="stable")["seq"]:
        if highest is None or 0 < (int(seq) - highest) % 65536 < 32768:
            highest = int(seq)
        else:
            count += 1
    return count


if __name__ == "__main__":
    unittest.main(verbosity=2)
