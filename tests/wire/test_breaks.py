"""Breaks of a customer's path in the middle of a call: nothing passes for 5, 12 (and 35) s, the NAT gives the flow another
port, the customer's address changes. One call and one stream throughout; sound is back within 3 s of the path, or of the
offer that restarts ICE. Each break is in a call of its own, all at once."""
import asyncio
import time
import unittest

import desk as desks
from desk import FULL, evidence, links

HOLES_S = (5, 12, 35) if FULL else (5, 12)
BACK_S = 3.0
LOST_S = 10.0
REBOUND_PORT = 61000


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
        call.legs["customer"] = leg
        at = time.monotonic()
        await call.offer("customer", leg)
        await asyncio.sleep(BACK_S + 1)
        return {"at": at, "port": leg["port"]}

    async def rebinding(self, call):
        await self.desk.link.rebind(call.legs["customer"]["port"], REBOUND_PORT)
        asked = await call.customer.wait(lambda f: f["type"] == "call.restart", LOST_S)
        self.assertEqual(asked["reason"], "moved")
        return await self.restart(call, False)

    async def test_one_call_one_stream(self):
        async with desks.Desk() as self.desk:
            *holes, rebound, moved = await self.desk.calls(len(HOLES_S) + 2, sound="talk")
            await asyncio.sleep(2)
            figures = await asyncio.gather(*(self.hole(c, s) for c, s in zip(holes, HOLES_S)), self.rebinding(rebound),
                                           self.restart(moved, True))
            names = [f"{s} s without a path" for s in HOLES_S] + ["NAT rebinding", "change of address"]
            calls = [*holes, rebound, moved]
            log = await self.desk.link.log()
            states = [c.agent.states[-1][1]["call"] for c in calls]
        for name, call, state, found in zip(names, calls, states, figures):
            with self.subTest(name):
                self.assertEqual((state["id"], state["state"]), (call.id, "active"))
                found.update(self.look(call, log, found.pop("at"), found.pop("port")))
                print(f"     {name}: {found}", flush=True)
        evidence("wire_breaks", {"calls": len(calls)}, dict(zip(names, figures)))

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
