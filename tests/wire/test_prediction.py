"""The daemon's prediction against a browser's ears.

The customer's uplink loses packets in many ways, with and without FEC in the stream, or delays them unevenly, reorders or
repeats them, or has short holes; the agent is Chromium, which hears what
comes through. Beside each other stand the residual loss and the MOS that the daemon works out from headers and Opus flags, and
the share of samples that Chromium had to conceal. The ranks must agree: Spearman's correlation of at least 0.95 for both, over
random loss and bursts, with the full counts over all kinds. What the machine's own delays make Chromium conceal in runs without
any fault tells nothing about ours: shares up to the most of those runs count as equal, on both sides; the correlation without that is printed and recorded
beside it ("_raw"). The MOS is that of the call as one ("mos_call" of its summary), against all that was concealed in it. The
mean of the seconds' MOS is recorded beside it: it cannot fall by more than the one second in five that a hole spoils, however
much is concealed in it, and is judged without the holes."""
import asyncio
import time
import unittest

import numpy as np

import desk as desks
from desk import FULL, evidence, links

SECONDS = 60 if FULL else 15
RANDOM = (0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3) if FULL else (0, 0.03, 0.1, 0.2, 0.3)
BURSTS = (0.02, 0.05, 0.1, 0.2) if FULL else (0.06, 0.15)  # share that is lost, three in a row on average
# Chromium takes a step of 50 numbers or more for a new start and counts no loss: the holes are shorter.
# What loses nothing, or all for a while: it is late packets that have to be concealed, or holes.
OTHERS = {
    "jitter 30 ms": {"jitter_us": 30000},
    "jitter 60 ms": {"jitter_us": 60000},
    "jitter 90 ms, order lost": {"jitter_us": 90000, "disorder": True},
    "reordering": {"reorder": 0.1, "reorder_us": 50000},
    "duplicates": {"duplicate": 0.1},
    "holes of 0.2 s": {"hole_s": 0.2},
    "holes of 0.8 s": {"hole_s": 0.8},
}
HOLE_EVERY_S = 5
CLEAN = ("random 0 %", "duplicates")  # nothing is lost or late
CLEAN_MOST = 0.5  # %
PEARSON_LEAST, RANK_LEAST = 0.9, 0.95


def ranks(values):
    """1, 2, ...; equal values share the mean of their ranks."""
    values = np.asarray(values, float)
    order = np.argsort(values, kind="stable")
    out = np.empty(len(values))
    out[order] = np.arange(1, len(values) + 1)
    for v in np.unique(values):
        out[values == v] = out[values == v].mean()
    return out


def rank_correlation(a, b):
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def floor(rows, value):
    """The most that a run without any fault has."""
    return max(value(r) for r in rows if r["case"] in CLEAN)


class Prediction(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def measure(self, call, rule):
        """Of the customer's sound: the seconds under the rule, and the whole call."""
        rule = dict(rule)
        hole_us = int(1e6 * rule.pop("hole_s", 0))
        await call.set("customer", "up", **rule)
        await asyncio.sleep(3)
        before, seen = await self.browser.report(call.legs["agent"]["leg"]), len(call.agent.quality)
        for _ in range(SECONDS // HOLE_EVERY_S):
            await asyncio.sleep(HOLE_EVERY_S / 2)  # no hole at the edges of what is counted
            if hole_us:
                await call.set("customer", "up", blackhole_us=hole_us, **rule)
            await asyncio.sleep(HOLE_EVERY_S / 2)
        after = await self.browser.report(call.legs["agent"]["leg"])
        samples = {legs["customer"]["sample"]: legs["customer"]["in"] for _, legs in call.agent.quality[seen:]}.values()
        weights = [s["packets"] + s["lost"] for s in samples]
        heard = after["totalSamplesReceived"] - before["totalSamplesReceived"]
        summary = await call.end()
        return {"loss_pct": 100 * sum(s["lost"] for s in samples) / sum(weights),
                "residual_pct": float(np.average([s["residual_loss_pct"] for s in samples], weights=weights)),
                "mos_lq": float(np.mean([s["mos_lq"] for s in samples if s["mos_lq"] is not None])),
                "mos_call": summary["customer"]["in"]["mos_call"],
                "concealed_call_pct": 100 * after["concealedSamples"] / after["totalSamplesReceived"],
                "concealed_pct": 100 * (after["concealedSamples"] - before["concealedSamples"]) / heard,
                "browser_lost_pct": 100 * (after["packetsLost"] - before["packetsLost"]) / sum(weights),
                "seconds": heard / 48000}

    async def test_ranks_agree(self):
        rules = [(f"random {100 * p:g} %", {"loss": p, "classes": ["rtp"]}) for p in RANDOM]
        rules += [(f"bursts {100 * p:g} %", {"to_bad": p / (3 * (1 - p)), "to_good": 1 / 3, "bad_loss": 1.0, "classes": ["rtp"]})
                  for p in BURSTS]
        others = [(name, {**rule, "classes": ["rtp"]}) for name, rule in OTHERS.items()]
        cases = [(name, fec, rule) for fec in (True, False) for name, rule in rules + (others if fec or FULL else [])]
        async with desks.Desk() as desk:
            self.browser = await desk.link.browser()

            def leg_of(fec):
                async def make(call, side):
                    if side == "customer":
                        await call.connect(side, await desk.peers.leg(sound="talk", fec=fec, dtx=False))
                    else:
                        await call.connect(side, await self.browser.leg(), self.browser)
                return make
            calls = [c for fec in (True, False)
                     for c in await desk.calls(sum(f == fec for _, f, _ in cases), leg_of=leg_of(fec))]
            await asyncio.sleep(3)
            found = await asyncio.gather(*(self.measure(call, rule) for call, (_, _, rule) in zip(calls, cases)))
        rows = [{"case": name, "fec": fec, **{k: round(v, 3) for k, v in f.items()}} for (name, fec, _), f in zip(cases, found)]
        for r in sorted(rows, key=lambda r: r["concealed_pct"]):
            print(f"     {r['case']}, FEC {r['fec']}: lost {r['loss_pct']:.2f} %, residual {r['residual_pct']:.2f} %, "
                  f"MOS {r['mos_lq']:.2f}, of the call {r['mos_call']:.2f}; concealed {r['concealed_pct']:.2f} %, lost {r['browser_lost_pct']:.2f} %", flush=True)

        def residual(r):
            return r["residual_pct"]

        def concealed(r):
            return r["concealed_pct"]
        figures = {}
        for part, of_part in (("", lambda r: True), ("_without_holes", lambda r: not r["case"].startswith("holes")),
                              ("_of_losses", lambda r: r["case"] not in OTHERS)):
            those = [r for r in rows if of_part(r)]
            for key, (value, heard) in {"loss": (residual, concealed), "mos_mean": (lambda r: -r["mos_lq"], concealed),
                                        "mos": (lambda r: -r["mos_call"], lambda r: r["concealed_call_pct"])}.items():
                least, clean = floor(rows, value), floor(rows, heard)
                figures[f"rank_correlation_{key}{part}"] = rank_correlation(
                    [max(value(r), least) for r in those], [max(heard(r), clean) for r in those])
                figures[f"rank_correlation_{key}{part}_raw"] = rank_correlation(list(map(value, those)), list(map(heard, those)))
            figures["correlation_loss" + part] = float(np.corrcoef(list(map(residual, those)), list(map(concealed, those)))[0, 1])
        figures = {key: round(value, 3) for key, value in figures.items()}
        print(f"     with concealed samples: {figures}", flush=True)
        evidence("wire_prediction", {"calls": len(rows), "seconds": SECONDS}, {**figures, "cases": rows})
        # The two begin and end their counting up to a second apart: what bursts lose in that second varies by half of it, random
        # loss by its deviation in the 100 packets of both ends (five of them: there are many cases).
        for r in rows:
            share = r["loss_pct"] / 100
            apart = 25 if r["case"].startswith("bursts") else 5 * (100 * share * (1 - share)) ** 0.5
            delta = 1 + 100 * apart / (50 * SECONDS)
            self.assertAlmostEqual(r["browser_lost_pct"], r["loss_pct"], delta=delta, msg=r["case"])
        for value in (residual, concealed):
            self.assertLess(floor(rows, value), CLEAN_MOST, "% in a run without any fault")
        self.assertGreaterEqual(figures["correlation_loss"], PEARSON_LEAST)
        judged = ("loss_of_losses", "mos_of_losses") + (("loss", "mos", "mos_mean_without_holes") if FULL else ())
        for key in judged:
            self.assertGreaterEqual(figures["rank_correlation_" + key], RANK_LEAST, key)


if __name__ == "__main__":
    unittest.main(verbosity=2)
