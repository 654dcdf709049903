"""What a call survives: a reload of either page, a lost WebSocket, a side that vanishes, the daemon's drain.

Runs in a network namespace of its own (run.sh), where 10.77.0.1 is the machine's address.
"""
import asyncio
import time
import urllib.request

import peer as peers
import sound
import wire
from test_aiortc import SETTINGS, CallTest, eventually, run_tests

GRACE_S = 6


class SurvivalTest(CallTest):
    settings = dict(SETTINGS, **{"call.grace_ms": f"{GRACE_S}s"})

    async def talking(self):
        """A call in which both hear each other: (client, caller, agent, answerer, call)."""
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=1000)
        offer = await self.ring(agent)
        answerer = self.peer(agent, hz=440)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await client.wait(lambda: self.last(client, call)["call"]["state"] == "active", 5, "active")
        await asyncio.sleep(0.5)
        await self.both_hear(caller, answerer)
        return client, caller, agent, answerer, call

    def last(self, client, call):
        """The newest call.state of the call that this client has."""
        return [f for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call["id"]][-1]

    async def leg(self, client, call, party, state, seconds):
        await client.wait(lambda: self.last(client, call)["legs"][party] == state, seconds, f"{party} {state}")

    async def both_hear(self, caller, answerer, seconds=1):
        at_caller, at_agent = await asyncio.gather(caller.listen(seconds), answerer.listen(seconds))
        self.assertTone(at_caller, 440, "customer")
        self.assertTone(at_agent, 1000, "agent")

    def one_stream(self, peer):
        """What this peer was sent is one stream: one SSRC, no number twice, none missing."""
        self.assertEqual(len({ssrc for ssrc, _ in peer.numbers}), 1)
        numbers = [n for _, n in peer.numbers]
        steps = {(b - a) & 0xFFFF for a, b in zip(numbers, numbers[1:])}
        self.assertEqual(steps, {1}, "sequence numbers at the other side")

    async def end(self, client, call, reason="customer_hangup"):
        ended = await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual((ended["call"]["id"], ended["call"]["end_reason"]), (call["id"], reason))
        self.assertEqual(self.rows("select count(*) from support.voice_calls where chat_id = %s", call["chat_id"]), [(1,)])
        await client.request("POST", f"/chats/{call['chat_id']}/close", {})

    async def reload(self, page, old, call, hz, word=True):
        """The page goes, with or without a word, and comes back as a new one: its peer, once it hears."""
        if word:
            await old.pc.close()
        else:
            old.vanish()
        await page.drop()
        began = time.monotonic()
        await page.connect()
        new = self.peer(page, hz=hz)
        new._seen = len(page.frames)
        self.assertTrue(await new.connect(call["id"]), new.pc.connectionState)
        await new.listen(0.2)
        self.assertLess(time.monotonic() - began, 3, "sound is back within 3 s")
        return new


class Reload(SurvivalTest):
    async def test_reload_of_the_customers_page(self):
        client, caller, agent, answerer, call = await self.talking()
        caller = await self.reload(client, caller, call, 1000)
        await self.leg(agent, call, "customer", "connected", 3)
        states = [f["legs"]["customer"] for f in agent.frames if f["type"] == "call.state" and "legs" in f]
        self.assertIn("lost", states, "the agent was told")
        await asyncio.sleep(0.5)
        await self.both_hear(caller, answerer)
        self.one_stream(answerer)
        self.assertEqual(self.last(client, call)["call"]["state"], "active")
        await self.end(client, call)

    async def test_crash_of_the_customers_page(self):
        """Nothing says that the old page is gone: its leg is replaced while it still counts as connected."""
        client, caller, agent, answerer, call = await self.talking()
        await client.post(type="call.mute", call_id=call["id"], muted=True)
        await agent.wait(lambda: self.last(agent, call)["muted"]["customer"], 5, "mute")
        caller = await self.reload(client, caller, call, 1000, word=False)
        await agent.wait(lambda: not self.last(agent, call)["muted"]["customer"], 5, "end of the old page's mute")
        await asyncio.sleep(0.5)
        await self.both_hear(caller, answerer)
        self.one_stream(answerer)
        await self.end(client, call)

    async def test_reload_of_the_agents_page(self):
        client, caller, agent, answerer, call = await self.talking()
        answerer = await self.reload(agent, answerer, call, 440)
        await self.leg(client, call, "agent", "connected", 3)
        await asyncio.sleep(0.5)
        await self.both_hear(caller, answerer)
        self.one_stream(caller)
        await self.end(client, call)

    async def test_reload_while_waiting(self):
        client, caller, call = await self.waiting_call()
        await caller.listen(0.5)
        caller = await self.reload(client, caller, call, 1000)
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        self.assertEqual(self.rows("select state from support.call_queue where call_id = %s", call["id"]), [("waiting",)])
        await self.end(client, call, "abandoned")


class LostSocket(SurvivalTest):
    async def test_media_goes_on_without_websockets(self):
        client, caller, agent, answerer, call = await self.talking()
        known = [f["state"] for f in client.frames if f["type"] in ("chat.state", "chat.resumed")]
        await asyncio.gather(client.drop(), agent.drop())
        await self.both_hear(caller, answerer, 2)
        del client.frames[:], agent.frames[:]
        caller._seen = answerer._seen = 0
        resume = [{"chat_id": call["chat_id"], "seq": 0, "rev": known[-1]["rev"] if known else 0}]
        await asyncio.gather(client.connect(resume=resume), agent.connect())
        for side in (client, agent):
            await side.wait(lambda s=side: any(f["type"] == "call.state" for f in s.frames), 5, "call.state after hello")
            state = self.last(side, call)
            self.assertEqual((state["call"]["state"], state["legs"]), ("active", {"customer": "connected", "agent": "connected"}))
        await client.wait(lambda: any(f["type"] == "chat.resumed" for f in client.frames), 5, "chat.resumed")
        resumed = next(f for f in client.frames if f["type"] == "chat.resumed")
        self.assertEqual(resumed["state"]["call"]["state"], "active")
        await self.both_hear(caller, answerer)
        self.one_stream(caller)
        self.one_stream(answerer)
        await self.end(client, call)

    async def test_the_end_that_was_missed(self):
        client, caller, agent, answerer, call = await self.talking()
        await client.drop()
        await agent.request("POST", f"/calls/{call['id']}/end", {})
        await client.connect(resume=[{"chat_id": call["chat_id"], "seq": 0, "rev": 0}])
        await client.wait(lambda: any(f["type"] == "chat.resumed" for f in client.frames), 5, "chat.resumed")
        self.assertIsNone([f for f in client.frames if f["type"] == "chat.resumed"][-1]["state"]["call"])
        await client.request("POST", f"/chats/{call['chat_id']}/close", {})


class Vanished(SurvivalTest):
    async def test_gone_and_back(self):
        client, caller, agent, answerer, call = await self.talking()
        caller.vanish()
        began = time.monotonic()
        await self.leg(agent, call, "customer", "lost", 12)
        self.assertLess(time.monotonic() - began, 10, "noticed within 10 s")
        self.assertTrue(any(f["type"] == "call.restart" and f["reason"] == "silent" for f in client.frames), "asked for a restart")
        self.assertFalse(any(f["type"] == "call.restart" for f in agent.frames))
        self.assertIn("supportd_call_legs_lost_total 1", await self.metrics())
        caller = await self.reload(client, caller, call, 1000)
        await self.leg(agent, call, "customer", "connected", 3)
        await asyncio.sleep(GRACE_S)  # what would have ended the call does not
        await self.both_hear(caller, answerer)
        self.one_stream(answerer)
        await self.end(client, call)

    async def test_gone_for_good(self):
        for who in ("customer", "agent"):
            with self.subTest(who):
                client, caller, agent, answerer, call = await self.talking()
                gone, left = (caller, agent) if who == "customer" else (answerer, client)
                gone.vanish()
                await self.leg(left, call, who, "lost", 12)
                lost = time.monotonic()
                await left.wait(lambda: self.last(left, call)["call"]["state"] == "ended", GRACE_S + 5, "end")
                self.assertGreater(time.monotonic() - lost, GRACE_S - 1.5, "not before the grace period is over")
                self.assertEqual(self.last(left, call)["call"]["end_reason"], "media_lost")
                self.assertEqual(self.rows("select state, end_reason from support.voice_calls where id = %s", call["id"]),
                                 [("ended", "media_lost")])
                await client.request("POST", f"/chats/{call['chat_id']}/close", {})
                await self.asyncTearDown()
                self.open = []

    async def metrics(self):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: urllib.request.urlopen(self.stack.http() + "/metrics").read().decode())


class DrainTest(SurvivalTest):
    async def drain(self):
        """SIGTERM, seen by the daemon."""
        self.stack.daemons[0].process.terminate()
        await eventually(lambda: self.stack.daemons[0].status("/readyz") == 503, "not ready")

    async def exit_code(self, seconds):
        process = self.stack.daemons[0].process
        return await asyncio.get_running_loop().run_in_executor(None, lambda: process.wait(seconds))

    async def asyncTearDown(self):
        await super().asyncTearDown()
        daemon = self.stack.daemons[0]
        if not daemon.alive():
            daemon.start()


class Drain(DrainTest):
    settings = dict(SurvivalTest.settings, **{"drain.call_limit_ms": "60s"})

    async def test_a_running_call_finishes(self):
        client, caller, agent, answerer, call = await self.talking()
        await self.drain()
        for side in (client, agent):
            await side.wait(lambda s=side: any(f["type"] == "bye" for f in s.frames), 5, "bye")
        with self.assertRaisesRegex(wire.Refused, '503.*"unavailable".*draining'):
            await client.request("POST", "/call/start", {"client_key": "0192f0c5-0003-4abc-8def-000000000000"})
        await client.drop()
        await self.both_hear(caller, answerer, 2)
        await client.connect()
        await client.wait(lambda: self.last(client, call)["call"]["state"] == "active", 5, "call.state after hello")
        caller = await self.reload(client, caller, call, 1000)
        await asyncio.sleep(0.5)
        await self.both_hear(caller, answerer)
        self.assertTrue(self.stack.daemons[0].alive())
        ended = await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual(ended["call"]["end_reason"], "customer_hangup")
        self.assertEqual(await self.exit_code(15), 0)


class DrainLimit(DrainTest):
    settings = dict(SurvivalTest.settings, **{"drain.call_limit_ms": "3s"})

    async def test_the_limit_ends_it(self):
        client, caller, agent, answerer, call = await self.talking()
        await self.drain()
        await self.both_hear(caller, answerer)
        await agent.wait(lambda: self.last(agent, call)["call"]["state"] == "ended", 10, "end")
        self.assertEqual(self.last(agent, call)["call"]["end_reason"], "drained")
        self.assertEqual(await self.exit_code(15), 0)


if __name__ == "__main__":
    run_tests()
