"""Breaks of a customer's path in the middle of a call: nothing passes for 5, 12 (and 35) s, the NAT gives the flow another
port, the customer's address changes. One call and one stream throughout; sound is back within 3 s of the path, or of the
offer that restarts ICE. Each break is in a call of its own, all at once.

In the end the daemon's packets and losses, both ways and at both sides, equal the link's log: what fell into the hole or came
for a mapping that was gone, and, after a change of address, what reached the old one when nobody listened there any more. From
a NAT's new mapping nothing is heard before a check of ICE has come through it: until then it is anybody's."""
import asyncio
import time
import unittest

import numpy as np

import desk as desks
from desk import FULL, SIDES, evidence, links
from test_counts import of_leg, whole_seconds

HOLES_S = (5, 12, 35) if FULL else (5, 12)
BACK_S = 3.0
LOST_S = 10.0
CHECKED_US = 30000  # between a check and the next packet that is surely heard
JUDGED_S = 4  # by then the last packets are judged, the last reports have come
REBOUND_PORT = 61000
REBINDING = "NAT rebinding"


class Breaks(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    def leg_states(self, call, since):
        """(seconds since, state of the customer's leg) as the agent was told."""
        return [(at - since, frame["legs"]["customer"]) for at, frame in call.agent.states if at > since]

    async def until_leg(self, call, state, since, patience_s):
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            for seconds, told in self.leg_states(call, since):
                if told == state:
                    return seconds
            await asyncio.sleep(0.05)
        return None

    async def hole(self, call, seconds):
        rule = {"blackhole_us": int(seconds * 1e6)}
        at = await call.set("customer", "up", **rule)
        await call.set("customer", "down", **rule)
        lost = await self.until_leg(call, "lost", at, seconds)
        await asyncio.sleep(max(0, at + seconds - time.monotonic()))
        if lost is not None:
            self.assertIsNotNone(await self.until_leg(call, "connected", at + lost, BACK_S + 2), f"{seconds} s: never back")
        await asyncio.sleep(BACK_S + 1)
        if seconds > LOST_S:
            self.assertIsNotNone(lost, f"{seconds} s: nobody was told")
            self.assertLessEqual(lost, LOST_S)
        else:
            self.assertIsNone(lost)
        return {"at": at + seconds, "lost_told_s": lost, "port": call.legs["customer"]["port"]}

    async def restart(self, call, moved):
        leg = await self.desk.peers.restart(call.legs["customer"]["leg"], moved)
        leg["before"], call.legs["customer"] = call.legs["customer"], leg
        at = time.monotonic()
        await call.offer("customer", leg)
        await asyncio.sleep(BACK_S + 1)
        return {"at": at, "port": leg["port"]}

    async def rebinding(self, call):
        call.rebound_us = 1e6 * await self.desk.link.rebind(call.legs["customer"]["port"], REBOUND_PORT)
        asked = await call.customer.wait(lambda f: f["type"] == "call.restart", LOST_S)
        self.assertEqual(asked["reason"], "moved")
        return await self.restart(call, False)

    async def test_one_call_one_stream(self):
        async with desks.Desk() as self.desk:
            *holes, rebound, moved = await self.desk.calls(len(HOLES_S) + 2, sound="talk")
            await asyncio.sleep(2)
            figures = await asyncio.gather(*(self.hole(c, s) for c, s in zip(holes, HOLES_S)), self.rebinding(rebound),
                                           self.restart(moved, True))
            for call in (*holes, rebound, moved):
                for side in SIDES:
                    call.send(side, "none")
            await asyncio.sleep(JUDGED_S)
            names = [f"{s} s without a path" for s in HOLES_S] + [REBINDING, "change of address"]
            calls = [*holes, rebound, moved]
            log = await self.desk.link.log()
            states = [c.agent.states[-1][1]["call"] for c in calls]
        for name, call, state, found in zip(names, calls, states, figures):
            with self.subTest(name):
                self.assertEqual((state["id"], state["state"]), (call.id, "active"))
                found.update(self.look(call, log, found.pop("at"), found.pop("port")))
                found["counts"] = {side: self.count(name, call, side, log) for side in SIDES}
                print(f"     {name}: {found}", flush=True)
        evidence("wire_breaks", {"calls": len(calls)}, dict(zip(names, figures)))

    def count(self, name, call, side, log):
        leg = call.legs[side]
        flows = [f for f in (leg.get("before"), leg) if f]
        mine = np.concatenate([of_leg(log, f) for f in flows])
        checks = mine["at_us"][(mine["class"] == links.STUN) & (mine["dir"] == links.UP)]
        mine = mine[mine["class"] == links.RTP]
        up, down = mine[(mine["dir"] == links.UP) & (mine["ssrc"] == leg["ssrc"])], mine[mine["dir"] == links.DOWN]
        gone = (down["client_port"] == flows[0]["port"]) & (down["out_us"] > leg["closed_us"]) if leg["closed_us"] else False
        samples = whole_seconds(call, side)
        sums = {d: {k: sum(s[d][k] for s in samples) for k in ("packets", "lost")} for d in ("in", "out")}
        came = up["fate"] == links.PASSED
        if name == REBINDING and side == "customer":
            checked_us = checks[checks > call.rebound_us].min()
            heard = [came & ((up["at_us"] < call.rebound_us) | (up["at_us"] > checked_us + more)) for more in (0, CHECKED_US)]
            came = heard[0] if heard[0].sum() == sums["in"]["packets"] else heard[1]
        self.assertEqual(sums, {"in": {"packets": int(came.sum()), "lost": int((~came).sum())},
                                "out": {"packets": len(down), "lost": int(((down["fate"] != links.PASSED) | gone).sum())}}, f"{name}, {side}")
        return sums

    def look(self, call, log, at, port):
        """Seconds until sound passes again, each way; the agent's stream must be one."""
        rtp = log[(log["class"] == links.RTP) & (log["fate"] == links.PASSED)]
        later = rtp[rtp["at_us"] >= at * 1e6]
        back = {}
        for name, flow, way in (("to_customer_s", port, links.DOWN), ("to_agent_s", call.legs["agent"]["port"], links.DOWN)):
            packets = later[(later["client_port"] == flow) & (later["dir"] == way)]
            self.assertGreater(len(packets), 20, name)
            back[name] = round(float(packets["at_us"][0]) / 1e6 - at, 2)
            self.assertLessEqual(back[name], BACK_S, name)
        heard = rtp[(rtp["client_port"] == call.legs["agent"]["port"]) & (rtp["dir"] == links.DOWN)]
        self.assertEqual(len(set(heard["ssrc"].tolist())), 1, "one stream")
        numbers = heard["seq"].tolist()
        self.assertEqual(len(numbers), len(set(numbers)), "no number twice")
        return back


if __name__ == "__main__":
    unittest.main(verbosity=2)
