"""The daemon's prediction against a browser's ears.

The customer's uplink loses packets in many ways, with and without FEC in the stream; the agent is Chromium, which hears what
comes through. Beside each other stand the residual loss and the MOS that the daemon works out from headers and Opus flags, and
the share of samples that Chromium had to conceal. The ranks must agree: Spearman's correlation of at least 0.95 for both."""
import asyncio
import time
import unittest

import numpy as np

import desk as desks
from desk import FULL, evidence, links

SECONDS = 60 if FULL else 15
RANDOM = (0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3) if FULL else (0, 0.03, 0.1, 0.2, 0.3)
BURSTS = (0.02, 0.05, 0.1, 0.2) if FULL else (0.06, 0.15)  # share that is lost, three in a row on average
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


class Prediction(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def measure(self, call, rule):
        await call.set("customer", "up", **rule)
        await asyncio.sleep(3)
        before, seen = await self.browser.report(call.legs["agent"]["leg"]), len(call.agent.quality)
        await asyncio.sleep(SECONDS)
        after = await self.browser.report(call.legs["agent"]["leg"])
        samples = {legs["customer"]["sample"]: legs["customer"]["in"] for _, legs in call.agent.quality[seen:]}.values()
        weights = [s["packets"] + s["lost"] for s in samples]
        heard = after["totalSamplesReceived"] - before["totalSamplesReceived"]
        return {"loss_pct": 100 * sum(s["lost"] for s in samples) / sum(weights),
                "residual_pct": float(np.average([s["residual_loss_pct"] for s in samples], weights=weights)),
                "mos_lq": float(np.mean([s["mos_lq"] for s in samples if s["mos_lq"] is not None])),
                "concealed_pct": 100 * (after["concealedSamples"] - before["concealedSamples"]) / heard,
                "browser_lost_pct": 100 * (after["packetsLost"] - before["packetsLost"]) / sum(weights),
                "seconds": heard / 48000}

    async def test_ranks_agree(self):
        rules = [(f"random {100 * p:g} %", {"loss": p, "classes": ["rtp"]}) for p in RANDOM]
        rules += [(f"bursts {100 * p:g} %", {"to_bad": p / (3 * (1 - p)), "to_good": 1 / 3, "bad_loss": 1.0, "classes": ["rtp"]})
                  for p in BURSTS]
        rules += [("jitter 30 ms", {"jitter_us": 30000, "classes": ["rtp"]})]
        cases = [(name, fec, rule) for fec in (True, False) for name, rule in rules]
        async with desks.Desk() as desk:
            self.browser = await desk.link.browser()

            def leg_of(fec):
                async def make(call, side):
                    if side == "customer":
                        await call.connect(side, await desk.peers.leg(sound="talk", fec=fec, dtx=False))
                    else:
                        await call.connect(side, await self.browser.leg(), self.browser)
                return make
            calls = [c for fec in (True, False) for c in await desk.calls(len(rules), leg_of=leg_of(fec))]
            await asyncio.sleep(3)
            found = await asyncio.gather(*(self.measure(call, rule) for call, (_, _, rule) in zip(calls, cases)))
        rows = [{"case": name, "fec": fec, **{k: round(v, 3) for k, v in f.items()}} for (name, fec, _), f in zip(cases, found)]
        for r in sorted(rows, key=lambda r: r["concealed_pct"]):
            print(f"     {r['case']}, FEC {r['fec']}: lost {r['loss_pct']:.2f} %, residual {r['residual_pct']:.2f} %, "
                  f"MOS {r['mos_lq']:.2f}; concealed {r['concealed_pct']:.2f} %, lost {r['browser_lost_pct']:.2f} %", flush=True)
        concealed = [r["concealed_pct"] for r in rows]
        loss = rank_correlation([r["residual_pct"] for r in rows], concealed)
        mos = rank_correlation([-r["mos_lq"] for r in rows], concealed)
        straight = float(np.corrcoef([r["residual_pct"] for r in rows], concealed)[0, 1])
        print(f"     rank correlation with concealed samples: residual loss {loss:.3f}, MOS {mos:.3f}; "
              f"linear {straight:.3f}", flush=True)
        evidence("wire_prediction", {"calls": len(rows), "seconds": SECONDS},
                 {"rank_correlation_loss": round(loss, 3), "rank_correlation_mos": round(mos, 3),
                  "correlation_loss": round(straight, 3), "cases": rows})
        # The two begin and end their counting up to a second apart, and how much bursts lose in that second varies by half of it.
        edge = 100 * 25 / (50 * SECONDS)
        for r in rows:
            delta = 1 + 0.05 * r["loss_pct"] + (edge if r["case"].startswith("bursts") else 0)
            self.assertAlmostEqual(r["browser_lost_pct"], r["loss_pct"], delta=delta, msg=r["case"])
        self.assertGreaterEqual(straight, PEARSON_LEAST)
        self.assertGreaterEqual(loss, RANK_LEAST)
        self.assertGreaterEqual(mos, RANK_LEAST)


if __name__ == "__main__":
    unittest.main(verbosity=2)
