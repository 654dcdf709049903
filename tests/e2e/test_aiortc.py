"""A call between two aiortc peers through the daemon: hold music, tones both ways, rows, wrong certificate.

Runs in a network namespace of its own (run.sh), where 10.77.0.1 is the machine's address.
"""
import asyncio
import os
import sys
import unittest
import uuid

import numpy as np

import peer as peers
import sound
import wire
from stack import SITE, Stack

MEDIA = os.environ.get("E2E_ADDRESS", "10.77.0.1")
SETTINGS = {"media.addresses": MEDIA}


async def eventually(predicate, what, seconds=8):
    for _ in range(int(seconds / 0.05)):
        value = predicate()
        if value:
            return value
        await asyncio.sleep(0.05)
    raise AssertionError("never: " + what)


class CallTest(unittest.IsolatedAsyncioTestCase):
    """Starts a stack per class; `settings` are the daemon's."""

    settings = SETTINGS

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings=cls.settings, staff=("agent",)).start()
        cls.database = cls.stack.postgres.connect()

    @classmethod
    def tearDownClass(cls):
        cls.database.close()
        cls.stack.stop()

    def rows(self, sql, *args):
        with self.database.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # unittest turns it on, which costs the sound its time
        self.open = []

    async def asyncTearDown(self):
        for thing in reversed(self.open):
            await thing.close()

    async def client(self, name, origin, token=None, account=None):
        client = wire.Client(self.stack.http(), name, origin, token)
        self.open.append(client)
        return await client.open(account)

    async def customer(self):
        token = self.stack.token("c-" + uuid.uuid4().hex[:8], "Wanja Kimani")
        return await self.client("customer", SITE, token=token)

    async def agent(self):
        agent = await self.client("agent", self.stack.http(), account=self.stack.staff["agent"])
        await agent.request("PUT", "/me/presence", {"chosen": "away"})
        return agent

    def peer(self, client, **more):
        peer = peers.Peer(client, **more)
        self.open.append(peer)
        return peer

    async def waiting_call(self, hz=1000):
        """A customer whose leg is connected: (client, peer, call)."""
        client = await self.customer()
        call = await peers.start_call(client)
        self.assertEqual(call["state"], "queued")
        peer = self.peer(client, hz=hz)
        self.assertTrue(await peer.connect(call["id"]), "customer's leg: " + peer.pc.connectionState)
        return client, peer, call

    def told(self, client, call_id):
        """The verdicts and what to do of the newest frame."""
        frames = [f for f in client.frames if f["type"] == "call.advice" and f["call_id"] == call_id]
        return [(a["verdict"], a["advice"]) for a in frames[-1]["advice"]] if frames else None

    def seen(self, agent, party):
        """The verdicts about a leg in the newest picture."""
        pictures = [f for f in agent.frames if f["type"] == "call.quality"]
        return next((leg["verdicts"] for leg in pictures[-1]["legs"] if leg["party"] == party), None) if pictures else None

    async def ring(self, agent):
        """The agent becomes available; the offer of the call."""
        await agent.request("PUT", "/me/presence", {"chosen": "available"})
        await agent.wait(lambda: any(o["kind"] == "call" for o in agent.offers.values()), 10, "offer of the call")
        return next(o for o in agent.offers.values() if o["kind"] == "call")

    def assertTone(self, pcm, hz, who):
        self.assertGreater(len(pcm), 0, who + " hears nothing")
        self.assertAlmostEqual(sound.peak_hz(pcm), hz, delta=3, msg=who)
        self.assertGreater(sound.share(pcm, hz), 0.9, who)
        self.assertGreater(sound.level_dbov(pcm), -30, who)


class WholeCall(CallTest):
    async def test_call(self):
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=1000)
        self.assertEqual(caller.profile, 1, "AES128_CM_HMAC_SHA1_80")
        self.assertIn("a=setup:passive", caller.answer)

        with self.subTest("hold music"):
            pcm = await caller.listen(4)
            self.assertEqual(len(pcm), 4 * sound.RATE)
            self.assertGreater(sound.note_share(pcm, sound.BUILTIN_NOTES), 0.9)
            self.assertLess(sound.note_share(pcm, sound.BUILTIN_NOTES, 0.5), 0.3)
            self.assertAlmostEqual(sound.level_dbov(pcm), -21, delta=5)

        offer = await self.ring(agent)
        self.assertEqual(offer["call_id"], call["id"])
        await client.wait(lambda: self.state(client, call["id"]) == "ringing", 5, "ringing")
        answerer = self.peer(agent)
        self.assertTrue(await answerer.connect(call["id"]), "agent's leg: " + answerer.pc.connectionState)

        with self.subTest("before the answer the agent hears nothing, the customer music"):
            self.assertLess(sound.level_dbov(await answerer.listen(0.5)), -60)
            self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)

        accepted = await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        self.assertEqual((accepted["call"]["id"], accepted["call"]["state"]), (call["id"], "active"))
        self.assertEqual(accepted["chat"]["call"]["state"], "active")
        answerer.attach(440)
        await client.wait(lambda: self.state(client, call["id"]) == "active", 5, "active")
        await asyncio.sleep(1)
        heard = await asyncio.gather(caller.listen(2), answerer.listen(2))
        self.assertTone(heard[0], 440, "customer")
        self.assertTone(heard[1], 1000, "agent")

        with self.subTest("quality"):
            await agent.wait(lambda: any(f["type"] == "call.quality" and len(f["legs"]) == 2 for f in agent.frames), 5,
                             "quality of both legs")
            await asyncio.sleep(2)
            for leg in [f for f in agent.frames if f["type"] == "call.quality"][-1]["legs"]:
                self.assertTrue(leg["connected"])
                self.assertGreaterEqual(leg["in"]["packets"], 40)
                self.assertEqual(leg["in"]["lost"], 0)
                self.assertGreater(leg["in"]["mos_cq"] or 0, 2.5)
                self.assertIn(leg["in"]["level_dbov"], range(-25, -5))
            self.assertEqual([f for f in client.frames if f["type"] == "call.quality"], [], "figures to a customer")
            own = [f for f in client.frames if f["type"] == "call.advice"][-1]
            self.assertEqual((own["connected"], own["other_connected"]), (True, True))
            # A busy machine delivers late, and is told so: nothing else may be, and to both the same.
            late = {"high_jitter", "high_delay", "low_mos"}
            await agent.wait(lambda: {v for v, _ in self.told(client, call["id"])} == set(self.seen(agent, "customer")), 10,
                              "the verdicts of the agent's picture")
            self.assertLessEqual({v for v, _ in self.told(client, call["id"])}, late)

        with self.subTest("what the browsers report"):
            for n in (1, 2):
                await client.post(type="call.stats", call_id=call["id"], received=100 * n, lost=n, samples=96000 * n, concealed=960 * n, rtt_us=8000, path="host")
                await asyncio.sleep(1.2)

            def reported():
                legs = [f for f in agent.frames if f["type"] == "call.quality"][-1]["legs"]
                return next(leg["client"] for leg in legs if leg["party"] == "customer")
            await agent.wait(reported, 5, "the customer's report")
            self.assertEqual((reported()["concealed_pct"], reported()["rtt_ms"], reported()["path"], reported()["jitter_ms"]), (1.0, 8.0, "host", None))
            page = await agent.request("GET", f"/calls/{call['id']}/quality?limit=7")
            self.assertEqual(len(page["items"]), 7)
            rest = await agent.request("GET", f"/calls/{call['id']}/quality?limit=4000&cursor={page['next']}")
            self.assertIsNone(rest["next"])
            every = page["items"] + rest["items"]
            self.assertEqual(len({(i["at"], i["party"], i["direction"]) for i in every}), len(every))
            self.assertEqual([i["at"] for i in every], sorted((i["at"] for i in every), reverse=True))
            self.assertEqual({(i["party"], i["direction"]) for i in every}, {(p, d) for p in ("customer", "agent") for d in ("in", "out")})
            both = page["client"] + rest["client"]
            self.assertEqual([(c["party"], c["received"], c["lost"], c["samples"], c["concealed"], c["discarded"]) for c in both],
                             [("customer", 100, 1, 96000, 960, None)])
            own = await client.request("GET", f"/calls/{call['id']}/quality")
            self.assertEqual({i["party"] for i in own["items"] + own["client"]}, {"customer"})

        with self.subTest("mute is told to the other side"):
            await agent.post(type="call.mute", call_id=call["id"], muted=True)
            await client.wait(lambda: self.muted(client, call["id"])["agent"], 5, "mute")

        ended = await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual((ended["call"]["state"], ended["call"]["end_reason"]), ("ended", "customer_hangup"))
        await agent.wait(lambda: self.state(agent, call["id"]) == "ended", 5, "end")
        await self.check_rows(call)

    def state(self, client, call_id):
        states = [f["call"]["state"] for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call_id]
        return states[-1] if states else None

    def muted(self, client, call_id):
        return [f["muted"] for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call_id][-1]

    async def check_rows(self, call):
        def summary():
            return self.rows("select state, end_reason, staff_id is not null, answered_at > ringing_at, ended_at > answered_at,"
                             " quality, mos_low from support.voice_calls where id = %s and quality is not null", call["id"])
        row = (await eventually(summary, "summary in voice_calls"))[0]
        self.assertEqual(row[:5], ("ended", "customer_hangup", True, True, True))
        self.assertEqual(row[5]["customer"]["client"]["concealed_pct"], 1.0)
        self.assertNotIn("client", row[5]["agent"])
        for party in ("customer", "agent"):
            for part in (row[5][party]["in"], row[5][party]["out"]):
                self.assertLessEqual(part["jitter_p50_ms"], part["jitter_p95_ms"])
                self.assertLessEqual(part["mos_cq_min"], part["mos_cq"])
        self.assertGreater(row[6] or 0, 2.5, row[5])  # late packets of a busy machine count
        actions = [a for (a,) in self.rows("select action from support.support_activity_logs where subject_ref = %s"
                                           " and outcome = 'done' order by id", call["id"])]
        self.assertEqual(actions, ["call.start", "call.transition", "call.summary"])
        on_chat = [a for (a,) in self.rows("select action from support.support_activity_logs where subject_ref = %s"
                                           " order by id", call["chat_id"])]
        self.assertEqual([a for a in on_chat if a in ("offer.make", "call.assign")], ["offer.make", "call.assign"])
        samples = await eventually(lambda: self.rows(
            "select leg, direction, count(*) from support.call_quality_samples where call_id = %s group by 1, 2", call["id"]),
            "quality samples")
        self.assertGreaterEqual(len(samples), 4, samples)
        problems = self.rows("select * from support.check_invariants()")
        self.assertEqual(problems, [])


class Advice(CallTest):
    """Faults on the customer's own side: what the customer's socket is told, and what the agent's."""

    async def test_the_customer_is_told_what_to_do(self):
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=1000)
        offer = await self.ring(agent)
        answerer = self.peer(agent)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        answerer.attach(440)

        # A busy machine delivers late, which is told as well: only the faults made here are asked for.
        async def raised(verdict, advice):
            await client.wait(lambda: (verdict, advice) in (self.told(client, call["id"]) or []), 20, f"{verdict}: {advice}")
            await agent.wait(lambda: verdict in (self.seen(agent, "customer") or []), 10, f"{verdict} in the agent's picture")

        async def cleared(*verdicts):
            def none(seen):
                return seen is not None and not set(seen) & set(verdicts)
            await client.wait(lambda: none([v for v, _ in self.told(client, call["id"])]), 20, f"no more advice of {verdicts}")
            await agent.wait(lambda: none(self.seen(agent, "customer")), 10, f"no more {verdicts} in the agent's picture")

        await client.wait(lambda: self.told(client, call["id"]) is not None, 10, "the first advice")
        await cleared("silent_microphone", "loss_up")
        caller.attach(0)
        await raised("silent_microphone", "check_microphone")

        def silent_seconds():
            legs = [leg for f in agent.frames if f["type"] == "call.quality" for leg in f["legs"]]
            return {leg["sample"] for leg in legs if leg["party"] == "customer" and "silent_microphone" in leg["verdicts"]}
        await agent.wait(lambda: len(silent_seconds()) > 2, 10, "whole seconds of silence")
        caller.attach(1000)
        await cleared("silent_microphone")
        link = caller.lose(0.3)
        await raised("loss_up", "move_closer")
        link.heal()
        await cleared("silent_microphone", "loss_up")
        for frame in client.frames:
            self.assertNotEqual(frame["type"], "call.quality", "figures to a customer")
            if frame["type"] == "call.advice":
                self.assertEqual(set(frame) - {"type", "call_id", "at", "connected", "other_connected", "advice"}, set())
        self.assertEqual([f for f in agent.frames if f["type"] == "call.advice"], [])
        self.assertFalse({"silent_microphone", "loss_up"} & set(self.seen(agent, "agent")), "the agent's own side was well")
        await client.request("POST", f"/calls/{call['id']}/end", {})
        seconds = await eventually(lambda: self.rows("select quality->'customer'->'verdict_s' from support.voice_calls"
                                                     " where id = %s and quality is not null", call["id"]), "the summary")
        self.assertGreater(seconds[0][0]["silent_microphone"], 0)
        self.assertGreater(seconds[0][0]["loss_up"], 0)


class GivenMusic(CallTest):
    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.files = tempfile.TemporaryDirectory()
        opus = os.path.join(cls.files.name, "music.opus")
        cls.reference = sound.make_music(os.path.join(cls.files.name, "music.wav"), opus)
        cls.settings = dict(SETTINGS, **{"media.hold_music_files": opus})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.files.cleanup()

    async def test_music_of_the_file(self):
        client, caller, call = await self.waiting_call()
        pcm = await caller.listen(4)
        self.assertEqual(len(pcm), 4 * sound.RATE)
        self.assertGreater(sound.likeness(pcm, self.reference), 0.97)
        self.assertAlmostEqual(sound.level_dbov(pcm), sound.level_dbov(self.reference), delta=1.5)
        self.assertLess(sound.likeness(np.random.default_rng(1).normal(0, 0.1, len(pcm)), self.reference), 0.8)
        ended = await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual(ended["call"]["end_reason"], "abandoned")
        self.assertEqual(self.rows("select state from support.call_queue where call_id = %s", call["id"]), [("abandoned",)])


class Seam(CallTest):
    """Two seconds of a tone, again and again: where the file repeats nothing is missing."""

    @classmethod
    def setUpClass(cls):
        import subprocess
        import tempfile
        cls.files = tempfile.TemporaryDirectory()
        wav, opus = (os.path.join(cls.files.name, "tone" + end) for end in (".wav", ".opus"))
        sound.write_wav(wav, sound.tone(1000, 2.0))
        subprocess.run(["opusenc", "--quiet", "--bitrate", "48", "--framesize", "20", wav, opus], check=True)
        cls.settings = dict(SETTINGS, **{"media.hold_music_files": opus})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.files.cleanup()

    async def test_no_gap_where_the_music_repeats(self):
        client, caller, call = await self.waiting_call()
        await caller.listen(0.5)
        pcm = await caller.listen(4.5)
        self.assertTone(pcm, 1000, "caller")
        power = np.array([np.mean(pcm[at:at + 960] ** 2) for at in range(0, len(pcm) - 960, 240)])
        self.assertGreater(power.min(), np.median(power) / 4, "no 20 ms are silent")
        numbers = [number for _, number in caller.numbers]
        self.assertEqual([b - a & 0xFFFF for a, b in zip(numbers, numbers[1:])], [1] * (len(numbers) - 1))
        await client.request("POST", f"/calls/{call['id']}/end", {})


class SpokenPlace(CallTest):
    """Prompts are tones here: 500 Hz please wait, 900 Hz place 2, 700 Hz place 1; each 1.5 s."""

    @classmethod
    def setUpClass(cls):
        import subprocess
        import tempfile
        cls.files = tempfile.TemporaryDirectory()
        folder = os.path.join(cls.files.name, "en")
        os.mkdir(folder)
        for name, hz in (("please_wait", 500), ("position_1", 700), ("position_2", 900)):
            wav = os.path.join(cls.files.name, name + ".wav")
            sound.write_wav(wav, sound.tone(hz, 1.5))
            subprocess.run(["opusenc", "--quiet", "--framesize", "20", wav, os.path.join(folder, name + ".opus")], check=True)
        cls.settings = dict(SETTINGS, **{"media.prompts_dir": cls.files.name, "media.prompt_interval_ms": "5000"})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.files.cleanup()

    def spoken(self, pcm):
        """What each quarter of a second holds: the tone of a prompt, 0 for anything else."""
        step = sound.RATE // 4
        parts = [pcm[n:n + step] for n in range(0, len(pcm) - step + 1, step)]
        return [next((hz for hz in (500, 700, 900) if sound.share(part, hz) > 0.9), 0) for part in parts]

    async def test_the_place_is_spoken_and_the_music_goes_on(self):
        first, first_peer, first_call = await self.waiting_call()
        third_place = [await self.waiting_call() for _ in range(2)]
        (_, second_peer, _), (_, third_peer, _) = third_place
        heard = await asyncio.gather(second_peer.listen(3), third_peer.listen(3))
        self.assertEqual({hz for hz in self.spoken(heard[0]) if hz} - {900}, set())
        self.assertGreaterEqual(self.spoken(heard[1]).count(500), 3, "no file of its own: please wait")
        self.assertEqual(self.spoken(heard[1])[-2:], [0, 0])
        await first.request("POST", f"/calls/{first_call['id']}/end", {})
        heard = await asyncio.gather(second_peer.listen(8), third_peer.listen(8))
        for pcm, hz in zip(heard, (700, 900)):
            spoken = self.spoken(pcm)
            begin = spoken.index(hz)
            self.assertEqual(set(spoken), {0, hz})
            self.assertIn(spoken.count(hz), (5, 6), spoken)
            self.assertEqual(set(spoken[begin:begin + spoken.count(hz)]), {hz}, "in one piece")
            after = pcm[(begin + 7) * sound.RATE // 4:]
            self.assertGreater(sound.note_share(after[:2 * sound.RATE], sound.BUILTIN_NOTES), 0.9, "then music again")


class WrongCertificate(CallTest):
    async def test_nothing_for_a_wrong_certificate(self):
        client = await self.customer()
        call = await peers.start_call(client)
        thief = self.peer(client, hz=1000, fingerprint=":".join(["5A"] * 32))
        await thief.connect(call["id"], timeout=5)
        self.assertGreater(len(thief.dtls.transport._connection._nominated), 0, "ICE itself must have succeeded")
        self.assertNotEqual(thief.pc.connectionState, "connected")
        await client.wait(lambda: any(f["type"] == "call.state" and f["call"]["state"] == "ended" for f in client.frames),
                          10, "end of the call")
        ended = [f["call"] for f in client.frames if f["type"] == "call.state"][-1]
        self.assertEqual(ended["end_reason"], "media_refused")
        try:
            while True:
                await asyncio.wait_for(thief.dtls.transport._recv(), 2)
        except (asyncio.TimeoutError, ConnectionError):
            pass
        self.assertEqual(thief.rtp_bytes, [], "not one packet")
        row = self.rows("select state, end_reason, answered_at from support.voice_calls where id = %s", call["id"])
        self.assertEqual(row, [("ended", "media_refused", None)])

    async def test_the_right_certificate_gets_sound(self):
        """The control: the same peer, told truthfully, is sent packets."""
        client, caller, call = await self.waiting_call()
        await caller.listen(0.5)
        self.assertGreater(len(caller.rtp_bytes), 20)
        await client.request("POST", f"/calls/{call['id']}/end", {})


class Result(unittest.TextTestResult):
    """Counts every test once, however many of its subtests fail."""

    def counts(self, run):
        bad = {str(getattr(t, "test_case", t)) for t, _ in self.failures + self.errors}
        return max(run - len(bad), 0), len(bad)


def run_tests():
    """For a program of tests: its last line is "N passed, N failed"."""
    program = unittest.main(module="__main__", verbosity=2, exit=False,
                            testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result))
    good, bad = program.result.counts(program.result.testsRun)
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)


if __name__ == "__main__":
    run_tests()
