"""A recorded call between two aiortc peers: both tracks on one time line through loss, pause, hold and a reload;
what is on the disk; what a kill leaves.

Runs in a network namespace of its own (run.sh), like test_aiortc.py.
"""
import asyncio
import datetime
import glob
import json
import os
import signal
import subprocess
import tempfile
import time
import wave

import numpy as np

import peer as peers
from peer import STEP
import sound
from stack import Stack
from test_aiortc import SETTINGS, CallTest, run_tests

BEEP_S = 0.3
PERIOD_S = 2


class Beeps(peers.Tone):
    """Silence, and a beep from each whole second of the wall clock that is `turn` modulo 2. Loses one packet in 20, but for those
    around a beginning: they would only tell where the next packet lies."""

    def __init__(self, hz, turn):
        super().__init__(hz)
        self.turn = turn
        self.wall = None
        self.lost = 0
        self.skipped = 0  # by DTX

    def since(self, n):
        return (self.wall + n * STEP / sound.RATE - self.turn) % PERIOD_S

    async def recv(self):
        frame = await super().recv()
        if self.wall is None:
            self.wall = time.time() - (time.monotonic() - self.start)
        n = self.n - 1
        t = self.wall + (n * STEP + np.arange(STEP)) / sound.RATE
        on = (t - self.turn) % PERIOD_S < BEEP_S
        pcm = (on * self.gain * np.sin(2 * np.pi * self.hz * t) * 32767).astype("<i2")
        frame.planes[0].update(pcm.tobytes())
        return frame

    def lose(self):
        since = self.since(self.n - 1)
        lost = self.n % 20 == 7 and 0.1 < since < PERIOD_S - 0.1
        self.lost += lost
        return lost


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def decode(path):
    """Samples at 48 kHz by opusdec, and the length that ffprobe tells."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as out:
        subprocess.run(["opusdec", "--quiet", "--rate", "48000", path, out.name], check=True, capture_output=True)
        with wave.open(out.name, "rb") as f:
            pcm = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float64) / 32768
    told = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", path],
                          check=True, capture_output=True, text=True)
    return pcm, float(json.loads(told.stdout)["format"]["duration"])


def onsets(pcm):
    """Where sound begins after 0.5 s of silence, in seconds (1 ms exact)."""
    size = sound.RATE // 1000
    loud = np.sqrt(np.mean(pcm[: len(pcm) // size * size].reshape(-1, size) ** 2, axis=1)) > 0.03
    found, quiet = [], 500
    for ms, on in enumerate(loud):
        if on and quiet >= 500:
            found.append(ms / 1000)
        quiet = 0 if on else quiet + 1
    return found


def whole_beeps(pcm):
    """Onsets of what goes on: the rest of a beep that a switch cut off may be just loud enough in one of two decodings."""
    parts = [(at, pcm[int((at + 0.01) * sound.RATE):int((at + 0.11) * sound.RATE)]) for at in onsets(pcm)]
    return [at for at, part in parts if len(part) and np.sqrt(np.mean(part ** 2)) > 0.06]


class RecordingTest(CallTest):
    settings = SETTINGS

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings=cls.settings, staff=("agent", "admin", "supervisor")).start()
        cls.database = cls.stack.postgres.connect()

    async def policy(self, value):
        admin = await self.client("admin", self.stack.http(), account=self.stack.staff["admin"])
        await admin.request("PUT", "/settings/recording.policy", {"value": value})

    def beeping(self, peer, hz, turn, dtx=False):
        """Attaches the beeps, and takes from what the peer sends. dtx: of the silence between beeps only one packet in 20, of one
        byte (a TOC without a frame), with sequence numbers that go on."""
        track = Beeps(hz, turn)
        peer.transceiver.sender.replaceTrack(track)
        send = peer.dtls._send_rtp
        self.sent = getattr(self, "sent", [])
        self.late = getattr(self, "late", [])  # when, and by how much, the peers of this busy process sent later than they would

        async def lossy(data):
            if track.wall is not None:
                due = track.wall + (track.n - 1) * STEP / sound.RATE
                self.late.append((due, time.time() - due))
                if track.lose():
                    return
            if dtx and track.wall is not None and not 64 <= data[1] & 127 <= 95:  # RFC 5761: else RTCP
                if 0.5 < track.since(track.n - 1) < PERIOD_S - 0.1:
                    if track.n % 20:
                        track.skipped += 1
                        return
                    at = 12 + 4 * (data[0] & 15)
                    at += 4 + 4 * int.from_bytes(data[at + 2:at + 4], "big") if data[0] & 16 else 0
                    data = data[:at] + bytes([data[at] & 0xFC])
                number = (int.from_bytes(data[2:4], "big") - track.skipped) & 0xFFFF
                data = data[:2] + number.to_bytes(2, "big") + data[4:]
            if len(data) > 60:
                self.sent.append(bytes(data[12:]))
            await send(data)

        peer.dtls._send_rtp = lossy
        return track

    async def recorded_call(self, dtx=False):
        """(customer's client, its peer, agent, its peer, call), talking and recorded."""
        await self.policy("all")
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=0)
        offer = await self.ring(agent)
        answerer = self.peer(agent, hz=0)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await client.wait(lambda: self.recording(client, call["id"]) == "on", 5, "recording on")
        self.beeping(caller, 1000, 0, dtx)
        self.beeping(answerer, 700, 1)
        return client, caller, agent, answerer, call

    def recording(self, client, call_id):
        told = [f["call"]["recording"] for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call_id]
        return told[-1] if told else None

    def row(self, call):
        return self.rows("select id::text, extract(epoch from started_at)::float8, duration_ms, state, incomplete, pauses, path"
                         " from support.call_recordings where call_id = %s", call["id"])

    async def finished(self, call):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            row = self.row(call)
            if row and row[0][3] == "ended":
                return row[0]
            await asyncio.sleep(0.05)
        self.fail("the recording does not end")

    def export(self, recording):
        out = tempfile.mkdtemp(dir=self.stack.dir)
        os.chmod(out, 0o755)
        self.stack.run("recording", "export", recording, out)
        return [decode(os.path.join(out, f"{recording}.{party}.opus")) for party in ("customer", "agent")]

    def check_beeps(self, pcm, started, turn, spans, who):
        """All beeps that begin within spans (wall seconds) are where they were made; none elsewhere. Returns the errors."""
        found = onsets(pcm)
        errors, excess = [], []
        for first, last in spans:
            due = [s for s in range(int(first), int(last) + 1) if s % PERIOD_S == turn and first + 0.2 < s < last - 0.4]
            for second in due:
                at = min(found, key=lambda x: abs(x + started - second), default=-99)
                errors.append(at + started - second)
                late = max((late for wall, late in self.late if second - 2.5 < wall < second + 0.5), default=0)
                excess.append(abs(errors[-1]) - max(late, 0))
        self.assertTrue(errors, who)
        # The beeps replace a silent track, and timestamps begin anew: a leap back by one packet cannot be told from delay.
        self.assertLess(max(excess), 0.030, f"{who}: {[round(e * 1000) for e in errors]} ms, found {found} from {started}")
        return errors


class TimeLine(RecordingTest):
    async def test_a_call_with_everything(self):
        client, caller, agent, answerer, call = await self.recorded_call(dtx=True)
        t0 = time.time() + 4  # the new tracks' timestamps begin anew
        await asyncio.sleep(9)
        await agent.request("PUT", f"/calls/{call['id']}/recording", {"state": "paused"})
        await client.wait(lambda: self.recording(client, call["id"]) == "paused", 5, "paused")
        t1 = time.time()
        await asyncio.sleep(4.3)
        t2 = time.time()
        await agent.request("PUT", f"/calls/{call['id']}/recording", {"state": "on"})
        await client.wait(lambda: self.recording(client, call["id"]) == "on", 5, "on")
        t3 = time.time()
        await asyncio.sleep(5)
        t4 = time.time()
        await agent.request("POST", f"/calls/{call['id']}/hold", {})
        t5 = time.time()
        await asyncio.sleep(4.2)
        t6 = time.time()
        await agent.request("POST", f"/calls/{call['id']}/resume", {})
        t7 = time.time()
        await asyncio.sleep(4)
        t8 = time.time()
        caller.vanish()  # the page is loaded anew: another leg, another SSRC
        again = self.peer(client, hz=0)
        again._seen = len(client.frames)
        self.assertTrue(await again.connect(call["id"]))
        beeps = self.beeping(again, 1000, 0, dtx=True)
        await asyncio.sleep(4)
        t9 = time.time()
        await asyncio.sleep(5)
        t10 = time.time()
        await agent.request("POST", f"/calls/{call['id']}/end", {})
        recording, started, duration_ms, _, incomplete, pauses, path = await self.finished(call)
        self.assertFalse(incomplete)
        self.assertGreater(beeps.lost, 5)
        self.assertGreater(beeps.skipped, 100)
        length, = self.rows("select extract(epoch from ended_at - answered_at)::float8 from support.voice_calls where id = %s", call["id"])[0]
        print(f"# call {length:.3f} s, recording {duration_ms / 1000:.3f} s", flush=True)
        self.assertLess(abs(length - duration_ms / 1000), 0.020)
        tracks = self.export(recording)
        for (pcm, told), who in zip(tracks, ("customer", "agent")):
            self.assertLess(abs(len(pcm) / sound.RATE - duration_ms / 1000), 0.020, who)
            self.assertLess(abs(told - duration_ms / 1000), 0.020, who)  # counts the pre-skip of 6.5 ms
            for first, last in ((t1, t2), (t5, t6)):  # neither pause nor hold is heard
                # A beep that is cut off is concealed for 0.1 s after its last packet, which a decoder fades out in.
                part = pcm[int((first - started + 0.2) * sound.RATE):int((last - started - 0.05) * sound.RATE)]
                loud = np.flatnonzero(np.abs(part) > 0.01 * float(np.abs(pcm).max())) / sound.RATE
                self.assertEqual(len(loud), 0, f"{who}: sound from {loud[:1]} to {loud[-1:]} s of {last - first:.2f} s")
        spans = [(t0, t1 - 0.3), (t3, t4), (t7, t8)]
        for index, turn, more in ((0, 0, [(t9, t10)]), (1, 1, [(t9, t10)])):
            errors = self.check_beeps(tracks[index][0], started, turn, spans + more, ("customer", "agent")[index])
            print(f"# {('customer', 'agent')[index]}: {[round(e * 1000) for e in errors]} ms", flush=True)
        self.assertEqual(len(pauses), 1)
        self.assertLess(abs(pauses[0]["from_ms"] / 1000 - (t1 - started)), 0.3)
        self.assertLess(abs(pauses[0]["to_ms"] / 1000 - (t2 - started)), 0.3)
        self.assertIn("whole", self.stack.run("recording", "verify").stdout)
        files = glob.glob(os.path.join(self.stack.recording_dir, path + "*"))
        self.assertEqual(len(files), 2)
        data = b"".join(open(f, "rb").read() for f in files)
        self.assertGreater(len(self.sent), 500)
        for payload in self.sent[::7]:
            self.assertNotIn(payload[-24:], data, "Opus in the clear on the disk")
        await self.check_waveform(recording, tracks)

    async def check_waveform(self, recording, tracks):
        supervisor = await self.client("supervisor", self.stack.http(), account=self.stack.staff["supervisor"])
        for number, (pcm, _) in enumerate(tracks):
            shown = await supervisor.request("GET", f"/recordings/{recording}/tracks/{number}/waveform")
            size = sound.RATE * shown["step_ms"] // 1000
            peaks = np.abs(pcm[: len(pcm) // size * size].reshape(-1, size)).max(axis=1) * 255
            self.assertEqual(len(shown["peaks"]), len(peaks))
            self.assertGreater(np.corrcoef(shown["peaks"], peaks)[0, 1], 0.95)


class Throughout(RecordingTest):
    async def test_one_recording_whatever_is_lost(self):
        client, caller, agent, answerer, call = await self.recorded_call()
        t0 = time.time() + 4
        await asyncio.sleep(4.5)
        await caller.restart_ice()
        await asyncio.sleep(2)
        t1 = time.time()
        answerer.vanish()  # the agent's page is loaded anew: another leg, another SSRC
        await agent.drop()
        await agent.connect()
        again = self.peer(agent, hz=0)
        again._seen = len(agent.frames)
        self.assertTrue(await again.connect(call["id"]))
        self.beeping(again, 700, 1)
        t2 = time.time() + 4
        await asyncio.sleep(3)
        await client.drop()
        await asyncio.sleep(1)
        await client.connect()
        await asyncio.sleep(4)
        t3 = time.time()
        await agent.request("POST", f"/calls/{call['id']}/end", {})
        recording, started, duration_ms, _, incomplete, _, _ = await self.finished(call)
        self.assertFalse(incomplete)
        self.assertEqual(len(self.row(call)), 1)
        length, = self.rows("select extract(epoch from ended_at - answered_at)::float8 from support.voice_calls where id = %s", call["id"])[0]
        self.assertLess(abs(length - duration_ms / 1000), 0.020)
        tracks = self.export(recording)
        for (pcm, _), who in zip(tracks, ("customer", "agent")):
            self.assertLess(abs(len(pcm) / sound.RATE - duration_ms / 1000), 0.020, who)
        self.check_beeps(tracks[0][0], started, 0, [(t0, t3)], "customer")
        self.check_beeps(tracks[1][0], started, 1, [(t0, t1), (t2, t3)], "agent")


class Announced(RecordingTest):
    """Both sides hear the configured notice when a recording begins, in place of each other and in the stream that they have."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        path = os.path.join(cls.folder.name, "notice.opus")
        os.chmod(cls.folder.name, 0o755)
        wav = os.path.join(cls.folder.name, "notice.wav")
        sound.write_wav(wav, sound.tone(1700, 1.5))
        subprocess.run(["opusenc", "--quiet", "--framesize", "20", wav, path], check=True)
        cls.settings = dict(SETTINGS, **{"media.recording_notice_file": path})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def check_heard(self, peer, pcm, voice, who):
        size = sound.RATE // 10
        parts = [pcm[i:i + size] for i in range(0, len(pcm) - size + 1, size)]
        told = [i for i, part in enumerate(parts) if sound.tone_dbov(part, 1700, 40) > -40]
        self.assertTrue(13 <= len(told) <= 17 and told[-1] - told[0] == len(told) - 1, f"{who}: notice in parts {told}")
        for i, part in enumerate(parts):
            level = sound.tone_dbov(part, voice, 40)
            if told[0] < i < told[-1]:
                self.assertLess(level, -45, f"{who}: the other's voice under the notice, part {i}")
            elif i < told[0] - 1 or i > told[-1] + 2:
                self.assertGreater(level, -30, f"{who}: the other's voice, part {i} of {len(parts)}, notice {told[0]} to {told[-1]}")
        self.assertGreater(told[0], 1, who)
        self.assertLess(told[-1], len(parts) - 4, who)
        sources, numbers = zip(*peer.numbers)
        self.assertEqual(len(set(sources)), 1, who)
        self.assertEqual({(b - a) & 0xFFFF for a, b in zip(numbers, numbers[1:])}, {1}, f"{who}: no gap, nothing twice")

    async def test_who_connects_after_the_answer_hears_it_too(self):
        await self.policy("all")
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=500)
        offer = await self.ring(agent)
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await agent.wait(lambda: any(f["type"] == "call.state" and f["call"]["recording"] == "on" for f in agent.frames), 10, "the recording")
        lost = self.peer(agent)  # a page that goes before it has heard anything
        await lost.pc.setLocalDescription(await lost.pc.createOffer())
        await agent.ask(type="call.offer", call_id=call["id"], sdp=lost.pc.localDescription.sdp)
        answerer = self.peer(agent, hz=900)
        self.assertTrue(await answerer.connect(call["id"]))
        size = sound.RATE // 10
        heard = await answerer.listen(4)
        told = [sound.tone_dbov(heard[i:i + size], 1700, 40) > -40 for i in range(0, len(heard) - size + 1, size)]
        self.assertGreater(sum(told), 5, "the notice, but for what came before one listened")
        self.assertTone(heard[-sound.RATE:], 500, "agent, afterwards")
        await agent.request("POST", f"/calls/{call['id']}/end", {})
        await self.finished(call)

    async def test_both_sides_hear_the_notice(self):
        await self.policy("on_demand")
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=500)
        offer = await self.ring(agent)
        answerer = self.peer(agent, hz=900)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await asyncio.sleep(1.5)
        hearing = asyncio.gather(caller.listen(4), answerer.listen(4))
        await asyncio.sleep(0.5)
        await agent.request("PUT", f"/calls/{call['id']}/recording", {"state": "on"})
        heard = await hearing
        self.check_heard(caller, heard[0], 900, "customer")
        self.check_heard(answerer, heard[1], 500, "agent")
        for state in ("paused", "on"):  # going on is not beginning
            await agent.request("PUT", f"/calls/{call['id']}/recording", {"state": state})
        self.assertTone((await caller.listen(1))[sound.RATE // 4:], 900, "customer")
        await agent.request("POST", f"/calls/{call['id']}/end", {})
        recording, _, duration_ms, _, incomplete, _, _ = await self.finished(call)
        self.assertFalse(incomplete)
        for (pcm, _), voice in zip(self.export(recording), (500, 900)):  # it begins with the notice, not after it
            self.assertLess(abs(len(pcm) / sound.RATE - duration_ms / 1000), 0.020)
            self.assertTone(pcm[sound.RATE // 5:sound.RATE], voice, "recorded under the notice")
            self.assertLess(sound.tone_dbov(pcm, 1700, 40), -50)


class Others(RecordingTest):
    """Whoever the customer hears has a track of the own, from then on; nobody else is on any."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings=cls.settings, staff=("agent", "agent2", "admin", "supervisor")).start()
        cls.database = cls.stack.postgres.connect()

    async def person(self, key, available=False):
        client = await self.client(key, self.stack.http(), account=self.stack.staff[key])
        await client.request("PUT", "/me/presence", {"chosen": "available" if available else "away"})
        return client, self.rows("select id::text from support.support_staff where email = %s", self.stack.staff[key]["email"])[0][0]

    async def joined(self, client, call, hz, turn):
        peer = self.peer(client, hz=0)
        self.assertTrue(await peer.connect(call["id"]))
        self.beeping(peer, hz, turn)

    async def test_who_barges_in_and_who_takes_over(self):
        client, caller, agent, answerer, call = await self.recorded_call()
        chief, chief_id = await self.person("supervisor")
        path = f"/calls/{call['id']}/supervise"
        await chief.request("POST", path, {"mode": "whisper"})
        await self.joined(chief, call, 2000, 0)
        await asyncio.sleep(3)
        t0 = time.time()
        await chief.request("POST", path, {"mode": "barge"})
        t1 = time.time()
        await asyncio.sleep(5.5)
        t2 = time.time()
        await chief.request("DELETE", path)
        other, other_id = await self.person("agent2", available=True)
        path = f"/calls/{call['id']}/consult"
        await agent.request("POST", path, {"staff_id": other_id})
        await other.wait(lambda: any(f["type"] == "call.party" and f["party"]["state"] == "asked" for f in other.frames), 5, "asked")
        await self.joined(other, call, 1500, 1)
        await other.request("POST", path + "/accept", {})
        await asyncio.sleep(2.5)
        t3 = time.time()
        await agent.request("POST", path + "/talk", {"with": "all"})
        await asyncio.sleep(2.5)
        t4 = time.time()
        await agent.request("POST", path + "/complete", {})
        t5 = time.time()
        await asyncio.sleep(4.5)
        t6 = time.time()
        await other.request("POST", f"/calls/{call['id']}/end", {})
        recording, started, duration_ms, _, incomplete, _, _ = await self.finished(call)
        self.assertFalse(incomplete)
        first, tracks, parties = self.rows("select staff_id::text, tracks, parties from support.call_recordings where id = %s", recording)[0]
        told = [(p["track"], p["staff_id"], p["role"]) for p in parties]
        self.assertEqual((tracks, told), (4, [(1, first, "agent"), (2, chief_id, "barge"), (3, other_id, "consult"), (3, other_id, "agent")]))
        for party, first, last in zip(parties[1:], (t0, t3, t4), (t1, t4, t5)):
            self.assertTrue(first - 0.1 < started + party["from_ms"] / 1000 < last + 0.3, (party, first - started, last - started))
        sounds = [self.track(recording, n) for n in ("customer", "agent", "staff2", "staff3")]
        for pcm, told in sounds:
            self.assertLess(abs(len(pcm) / sound.RATE - duration_ms / 1000), 0.020)
        self.check_beeps(sounds[2][0], started, 0, [(t1, t2)], "supervisor")
        self.check_beeps(sounds[3][0], started, 1, [(t5, t6)], "colleague")
        self.check_beeps(sounds[0][0], started, 0, [(t0, t2), (t5, t6)], "customer")
        self.quiet(sounds[2][0], 0, t0 - started - 0.05, "a whisper")
        self.quiet(sounds[2][0], t2 - started + 0.3, duration_ms / 1000, "after that")
        self.quiet(sounds[3][0], 0, t3 - started - 0.05, "the consultation")
        self.quiet(sounds[1][0], t5 - started + 0.3, duration_ms / 1000, "who has gone")
        names = [p["staff"]["name"] for p in (await chief.request("GET", f"/recordings/{recording}"))["recording"]["parties"]]
        self.assertEqual(len(set(names)), 3)
        self.assertIn("whole", self.stack.run("recording", "verify").stdout)
        await self.check_who_may(recording, [(agent, parties[0]["staff_id"]), (other, other_id)], chief, chief_id)
        self.assertIn(names[1], self.exported)
        self.check_mix(recording, [pcm for pcm, _ in sounds], duration_ms)

    async def check_who_may(self, recording, agents, chief, chief_id):
        """Everybody who is heard finds it, and may hear it if the setting says so."""
        admin = await self.client("admin", self.stack.http(), account=self.stack.staff["admin"])
        for allowed in (False, True):
            await admin.request("PUT", "/settings/recording.agents_may_play", {"value": allowed})
            for client, staff_id in agents:
                own = (await client.request("GET", f"/recordings?staff_id={staff_id}"))["items"]
                self.assertEqual([item["id"] for item in own], [recording] * allowed)
        for staff_id in [staff_id for _, staff_id in agents] + [chief_id]:
            self.assertEqual([i["id"] for i in (await chief.request("GET", f"/recordings?staff_id={staff_id}"))["items"]], [recording])

    def check_mix(self, recording, parties, duration_ms):
        """One file: the customer left, the sum of all others right."""
        self.stack.run("recording", "export", recording, self.out, "--mix")
        path = os.path.join(self.out, f"{recording}.mix.opus")
        _, told = decode(path)
        status, played, _ = self.stack.sound_of("recording", "play", recording)
        self.assertEqual((status, played[:4]), (0, b"OggS"))
        with open(path, "rb") as f:
            self.assertEqual(len(played), len(f.read()), "played as it is exported")
        with tempfile.NamedTemporaryFile(suffix=".wav") as out:
            subprocess.run(["opusdec", "--quiet", "--rate", "48000", path, out.name], check=True, capture_output=True)
            with wave.open(out.name, "rb") as f:
                self.assertEqual(f.getnchannels(), 2)
                both = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float64).reshape(-1, 2) / 32768
        for length in (len(both) / sound.RATE, told):
            self.assertLess(abs(length - duration_ms / 1000), 0.020)
        for side, want in enumerate((parties[0], np.sum(parties[1:], axis=0))):
            got, size = both[:, side], sound.RATE // 100
            count = min(len(got), len(want)) // size * size
            levels = [np.abs(x[:count].reshape(-1, size)).max(axis=1) for x in (got, want)]
            self.assertGreater(np.corrcoef(*levels)[0, 1], 0.95, f"side {side}")
            begun = [whole_beeps(x) for x in (got, want)]
            self.assertGreater(len(begun[1]), 3)
            self.assertEqual(len(begun[0]), len(begun[1]), f"side {side}: {begun}")
            self.assertLess(max(abs(a - b) for a, b in zip(*begun)), 0.005, f"side {side}")

    def track(self, recording, name):
        if not hasattr(self, "out"):
            self.out = tempfile.mkdtemp(dir=self.stack.dir)
            os.chmod(self.out, 0o755)
            self.exported = self.stack.run("recording", "export", recording, self.out).stdout
        return decode(os.path.join(self.out, f"{recording}.{name}.opus"))

    def quiet(self, pcm, first, last, who):
        part = pcm[int(max(first, 0) * sound.RATE):int(last * sound.RATE)]
        self.assertGreater(len(part), sound.RATE, who)
        self.assertLess(float(np.abs(part).max()), 0.003, who)


class Kill(RecordingTest):
    settings = dict(SETTINGS, **{"limits.dead_ms": "90s"})

    async def test_a_kill_loses_one_second_at_most(self):
        _, _, _, _, call = await self.recorded_call()
        await asyncio.sleep(11)
        daemon = self.stack.daemons[0]
        os.kill(daemon.pid, signal.SIGKILL)
        killed = time.time()
        daemon._reap(10)
        recording, started, _, state, *_ = self.row(call)[0]
        self.assertEqual(state, "on")
        for (pcm, _), turn, who in zip(self.export(recording), (0, 1), ("customer", "agent")):
            lost = killed - started - len(pcm) / sound.RATE
            print(f"# {who}: {lost * 1000:.0f} ms lost", flush=True)
            self.assertLess(lost, 1.0, who)
            self.check_beeps(pcm, started, turn, [(killed - 7, killed - 1)], who)
        self.rows("update support.support_settings set value = '2' where key = 'process.lease_s' returning key")
        self.database.commit()
        daemon.start()
        end = time.monotonic() + 30
        while self.row(call)[0][3] != "broken" and time.monotonic() < end:
            self.database.commit()
            await asyncio.sleep(0.2)
        self.assertEqual(self.row(call)[0][3:5], ("broken", True))
        self.assertIn("whole", self.stack.run("recording", "verify").stdout)


if __name__ == "__main__":
    run_tests()
