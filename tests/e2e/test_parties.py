"""Three in a call: the customer is 1 kHz, the agent 440 Hz, the third 2 kHz. Who hears whom, told by the spectrum.

Runs in a network namespace of its own (run.sh).
"""
import asyncio

import numpy as np

import peer as peers
import sound
import test_aiortc
from stack import Stack
from test_aiortc import SETTINGS, CallTest, eventually

CUSTOMER, AGENT, THIRD = 1000, 440, 2000


PARTS = 15  # of 0.2 s


def tone_db(pcm, hz, parts=1):
    """Strength of a tone in what was heard, relative to full scale; -150 for none at all. In one part
    the least traces of it are found; in several, it may begin anew: who speaks with a machine too
    busy to be on time is heard with a cut, behind which the phase is another."""
    if len(pcm) < parts:
        return -150.0
    powers = []
    for part in np.array_split(pcm, parts):
        n = np.arange(len(part))
        window = np.hanning(len(part))
        powers.append((2 * abs(np.sum(part * window * np.exp(-2j * np.pi * hz * n / sound.RATE))) / window.sum()) ** 2)
    return float(10 * np.log10(max(np.mean(powers), 1e-15)))


class Parties(CallTest):
    settings = SETTINGS

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings=cls.settings, staff=("agent", "agent2", "supervisor")).start()
        cls.database = cls.stack.postgres.connect()

    async def person(self, key, available=False):
        client = await self.client(key, self.stack.http(), account=self.stack.staff[key])
        await client.request("PUT", "/me/presence", {"chosen": "available" if available else "away"})
        return client

    async def talking(self):
        """Customer and agent talk: their clients and peers, and the call."""
        agent = await self.person("agent")
        client, caller, call = await self.waiting_call(hz=CUSTOMER)
        offer = await self.ring(agent)
        answerer = self.peer(agent, hz=AGENT)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await asyncio.sleep(1)
        return client, caller, agent, answerer, call["id"]

    async def check(self, *who):
        """Each of (peer, what it hears, what it must not): tones above -20 dB, and 60 dB below their -10.5 or more."""
        await asyncio.sleep(1)
        heard = await asyncio.gather(*(peer.listen(3) for peer, _, _ in who))
        for n, (pcm, (_, there, absent)) in enumerate(zip(heard, who)):
            levels = {hz: round(tone_db(pcm, hz, 1 if hz in absent else PARTS), 1) for hz in (CUSTOMER, AGENT, THIRD)}
            for hz in there:
                self.assertGreater(levels[hz], -20, f"peer {n} hears {levels}")
            for hz in absent:
                self.assertLess(levels[hz], -10.5 - 60, f"peer {n} hears {levels}")

    def state(self, client, call_id):
        states = [f["call"] for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call_id]
        return states[-1] if states else None

    async def end(self, client, call_id):
        await client.request("POST", f"/calls/{call_id}/end", {})
        self.assertEqual(self.rows("select * from support.check_invariants()"), [])

    def assertOneStream(self, peer):
        """Every number once, in order; what a switch leaves out would be a gap."""
        self.assertEqual(len({ssrc for ssrc, _ in peer.numbers}), 1)
        numbers = [n for _, n in peer.numbers]
        steps = [(b - a) % 65536 for a, b in zip(numbers, numbers[1:])]
        self.assertEqual(set(steps), {1}, [(i, s) for i, s in enumerate(steps) if s != 1][:10])

    async def test_listen_whisper_barge(self):
        client, caller, agent, answerer, call_id = await self.talking()
        chief = await self.person("supervisor")
        path = f"/calls/{call_id}/supervise"
        await chief.request("POST", path, {"mode": "listen"})
        third = self.peer(chief, hz=THIRD)
        self.assertTrue(await third.connect(call_id))

        with self.subTest("listen: hears both, heard by none"):
            await self.check((caller, [AGENT], [THIRD, CUSTOMER]), (answerer, [CUSTOMER], [THIRD]), (third, [CUSTOMER, AGENT], []))
            await agent.wait(lambda: [p["role"] for p in self.state(agent, call_id)["parties"]] == ["listen"], 5, "shown to the agent")
        with self.subTest("whisper: the agent alone"):
            await chief.request("POST", path, {"mode": "whisper"})
            await self.check((caller, [AGENT], [THIRD]), (answerer, [CUSTOMER, THIRD], []), (third, [CUSTOMER, AGENT], []))
        with self.subTest("barge: all"):
            await chief.request("POST", path, {"mode": "barge"})
            await self.check((caller, [AGENT, THIRD], []), (answerer, [CUSTOMER, THIRD], []), (third, [CUSTOMER, AGENT], []))
        with self.subTest("gone: as before"):
            await chief.request("DELETE", path)
            await self.check((caller, [AGENT], [THIRD]), (answerer, [CUSTOMER], [THIRD]))
            self.assertEqual(self.state(client, call_id)["parties"], [])
        self.assertOneStream(caller)
        self.assertOneStream(answerer)
        metrics = await self.metrics()
        self.assertEqual(metrics["supportd_mixes"], 0)
        self.assertGreater(metrics["supportd_mix_frames_total"], 500)
        self.assertLess(metrics["supportd_mix_encode_seconds_total"] / metrics["supportd_mix_frames_total"], 0.01)
        await self.end(client, call_id)
        roles = self.rows("select role, state, reason from support.call_parties where call_id = %s order by id", call_id)
        self.assertEqual(roles, [("listen", "closed", "switched"), ("whisper", "closed", "switched"), ("barge", "closed", "left")])
        legs = self.rows("select leg, direction, bool_or(packets > 0) from support.call_quality_samples where call_id = %s group by 1, 2", call_id)
        self.assertEqual(set(legs), {(leg, way, True) for leg in ("customer", "agent", "listen", "whisper", "barge") for way in ("in", "out")})

    async def metrics(self):
        import aiohttp
        async with aiohttp.ClientSession() as http, http.get(self.stack.http() + "/metrics") as answer:
            lines = [x.split() for x in (await answer.text()).splitlines() if x and not x.startswith("#")]
        return {name: float(value) for name, value in lines if "{" not in name}

    async def test_warm_transfer(self):
        client, caller, agent, answerer, call_id = await self.talking()
        other = await self.person("agent2", available=True)
        them = self.rows("select id::text from support.support_staff where email = %s", self.stack.staff["agent2"]["email"])[0][0]
        path = f"/calls/{call_id}/consult"
        await agent.request("POST", path, {"staff_id": them})
        await other.wait(lambda: any(f["type"] == "call.party" and f["party"]["state"] == "asked" for f in other.frames), 5, "asked")
        third = self.peer(other, hz=THIRD)
        self.assertTrue(await third.connect(call_id))
        with self.subTest("asked: the customer hears music, the colleague nothing yet"):
            await self.check((answerer, [], [CUSTOMER, THIRD]), (third, [], [CUSTOMER, AGENT]))
            self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        await other.request("POST", path + "/accept", {})
        with self.subTest("agent and colleague talk"):
            await self.check((answerer, [THIRD], [CUSTOMER]), (third, [AGENT], [CUSTOMER]))
            self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        with self.subTest("back to the customer"):
            await agent.request("POST", path + "/talk", {"with": "customer"})
            await self.check((caller, [AGENT], [THIRD]), (answerer, [CUSTOMER], [THIRD]), (third, [], [CUSTOMER, AGENT]))
        with self.subTest("all three"):
            await agent.request("POST", path + "/talk", {"with": "all"})
            await self.check((caller, [AGENT, THIRD], []), (answerer, [CUSTOMER, THIRD], []), (third, [CUSTOMER, AGENT], []))
        await agent.request("POST", path + "/complete", {})
        with self.subTest("the colleague has the call, by the same leg"):
            await self.check((caller, [THIRD], [AGENT]), (third, [CUSTOMER], [AGENT]))
            await eventually(lambda: self.state(client, call_id)["staff"]["id"] == them, "the colleague's name")
        self.assertOneStream(caller)
        self.assertOneStream(third)
        await self.end(other, call_id)
        self.assertEqual(self.rows("select state, staff_id::text from support.voice_calls where id = %s", call_id), [("ended", them)])

    async def test_who_vanishes_does_not_disturb(self):
        client, caller, agent, answerer, call_id = await self.talking()
        chief = await self.person("supervisor")
        await chief.request("POST", f"/calls/{call_id}/supervise", {"mode": "barge"})
        third = self.peer(chief, hz=THIRD)
        self.assertTrue(await third.connect(call_id))
        await self.check((caller, [AGENT, THIRD], []), (answerer, [CUSTOMER, THIRD], []))
        await third.pc.close()
        await self.check((caller, [AGENT], [THIRD]), (answerer, [CUSTOMER], [THIRD]))
        self.assertOneStream(caller)
        await self.end(client, call_id)


if __name__ == "__main__":
    test_aiortc.run_tests()
