"""An hour of a call in some seconds: sequence numbers wrap several times on every stream, a hold of a quarter of an hour,
another source in the middle, payload types and SRTP profiles that differ per side. The packets are long_call.c's.

Runs in a network namespace of its own (run.sh).
"""
import asyncio
import json
import os
import subprocess
import tempfile

import numpy as np

import peer as peers
import sound
from stack import BINARY
from test_aiortc import CallTest, run_tests

WRAP = 65536
HOLD = 15 * 60 * 50  # packets of 20 ms
CUSTOMER, AGENT = 0, 1
GENERATOR = os.path.join(os.path.dirname(BINARY), "long_call")
SIDES = [
    {"payload_type": 111, "profiles": "SRTP_AEAD_AES_128_GCM", "hz": 1000, "seq": WRAP - 6, "ts": (1 << 32) - 4800},
    {"payload_type": 96, "profiles": "SRTP_AES128_CM_SHA1_80", "hz": 400, "seq": WRAP - 1, "ts": 1 << 31},
]


class Generator:
    """long_call as a process; one answer for each question."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls):
        return cls(await asyncio.create_subprocess_exec(GENERATOR, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                        limit=1 << 20))

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def ask(self, **command):
        self.tell(**command)
        line = await asyncio.wait_for(self.process.stdout.readline(), 120)
        if not line:
            raise AssertionError("the generator ended")
        return json.loads(line)

    async def close(self):
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 20)


class LongCall(CallTest):
    # A leg has one packet a wake-up: with pauses between those, an hour would last a minute.
    settings = {"media.addresses": "127.0.0.1", "media.gather_us": 0}

    async def connect(self, side, client, call):
        leg = await self.generator.ask(leg=side, **SIDES[side])
        answer = await client.ask(type="call.offer", call_id=call["id"], sdp=leg["offer"])

        def told():
            return [f["candidate"] for f in client.frames if f["type"] == "call.candidate" and f["candidate"]]
        if "a=candidate:" not in answer["sdp"]:
            await client.wait(told, 10, "a candidate")
        connected = asyncio.ensure_future(self.generator.ask(answer=side, sdp=answer["sdp"]))
        for text in told():
            self.generator.tell(candidate=side, text=text)
        self.assertEqual(await connected, {"connected": side})

    async def talk(self, packets, wraps):
        """Both talk, both hear every packet; wraps: at least so many at each listener."""
        heard = (await self.generator.ask(talk=packets))["heard"]
        for side, ear in zip(("customer", "agent"), heard):
            with self.subTest(side, phase=self.phase):
                print(f"{self.phase}: {side} {ear}")
                self.assertEqual((ear["received"], ear["due"]), (packets, packets))
                self.assertEqual([ear[key] for key in ("out_of_line", "sources", "strange", "refused", "ts_back")], [0] * 5)
                self.assertLessEqual(ear["ts_jumps"], self.switches)
                self.assertGreaterEqual(ear["wraps"], wraps)
                self.assertGreaterEqual(ear["seconds"], 4 + 4 * wraps, "start, end, and both numbers' wraps")
                self.assertEqual(ear["bad_seconds"], 0)
        self.assertTone(await self.pcm(CUSTOMER), SIDES[AGENT]["hz"], "customer, " + self.phase)
        self.assertTone(await self.pcm(AGENT), SIDES[CUSTOMER]["hz"], "agent, " + self.phase)

    async def pcm(self, side):
        path = os.path.join(self.dir.name, f"{side}.pcm")
        await self.generator.ask(pcm=side, file=path)
        return np.fromfile(path, "<i2").astype(np.float64) / 32768

    async def call(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.generator = await Generator.start()
        self.open.append(self.generator)
        agent, client = await self.agent(), await self.customer()
        call = await peers.start_call(client)
        await self.connect(CUSTOMER, client, call)
        offer = await self.ring(agent)
        await self.connect(AGENT, agent, call)
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        return agent, client, call

    async def test_wraps_hold_and_another_source(self):
        agent, client, call = await self.call()
        self.switches, self.phase = 1, "from the start"
        await self.talk(WRAP + 4000, 1)

        self.phase = "hold"
        await agent.request("POST", f"/calls/{call['id']}/hold", {})
        customer, listener = (await self.generator.ask(hold=HOLD))["heard"]
        print(f"hold: customer {customer}, agent {listener}")
        self.assertEqual([customer[key] for key in ("out_of_line", "sources", "strange", "refused", "ts_back", "due")], [0] * 6)
        # One where the music begins; a daemon that gets no processor for 100 ms skips that much of it.
        self.assertLess(customer["ts_jumps"], customer["received"] / 50, "one stream of music")
        self.assertGreater(customer["received"], 100)
        music = await self.pcm(CUSTOMER)
        self.assertGreater(sound.note_share(music, sound.BUILTIN_NOTES), 0.8, "music")
        self.assertLess(sound.note_share(music, sound.BUILTIN_NOTES, 0.5), 0.3, "music")
        self.assertEqual((listener["received"], listener["refused"]), (0, 0))

        self.phase = "after the hold"
        await agent.request("POST", f"/calls/{call['id']}/resume", {})
        await self.talk(WRAP + 1000, 1)

        self.phase, self.switches = "another source", 1
        self.generator.tell(ssrc=CUSTOMER, ahead=400)  # as if some packets were missing
        await self.talk(500, 0)
        self.generator.tell(ssrc=AGENT, ahead=WRAP - 20000)  # as if they were late
        await self.talk(500, 0)
        ended = (await client.request("POST", f"/calls/{call['id']}/end", {}))["call"]
        self.assertEqual(ended["end_reason"], "customer_hangup")


if __name__ == "__main__":
    run_tests()
