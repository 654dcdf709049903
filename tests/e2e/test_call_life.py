"""The life of a call with sound: hold, transfer, auto-answer, callback, a place that is kept.

Runs in a network namespace of its own (run.sh), as test_aiortc.py.
"""
import asyncio
import uuid

import peer as peers
import sound
from stack import SITE, Stack
from test_aiortc import SETTINGS, CallTest, eventually, run_tests

MUSIC = sound.BUILTIN_NOTES


class LifeTest(CallTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings=SETTINGS, staff=("agent", "agent2")).start()
        cls.database = cls.stack.postgres.connect()
        with cls.database.cursor() as cursor:
            cursor.execute("update support.support_settings set value = '0' where key = 'queue.wrap_up_s'")

    def setting(self, key, value):
        with self.database.cursor() as cursor:
            cursor.execute("update support.support_settings set value = %s where key = %s", (value, key))

    async def agent(self, key="agent"):
        agent = await self.client(key, self.stack.http(), account=self.stack.staff[key])
        await agent.request("PUT", "/me/presence", {"chosen": "away"})
        return agent

    def token(self):
        return self.stack.token("c-" + uuid.uuid4().hex[:8], "Wanja Kimani")

    async def come(self, token, hz=1000):
        """A customer's page: (client, peer, call) with the leg connected."""
        client = await self.client("customer", SITE, token=token)
        call = await peers.start_call(client)
        peer = self.peer(client, hz=hz)
        self.assertTrue(await peer.connect(call["id"]), "customer's leg: " + peer.pc.connectionState)
        return client, peer, call

    async def leave_page(self, client):
        await client.close()
        self.open.remove(client)

    async def leave(self, client, peer):
        await peer.close()
        self.open.remove(peer)
        await self.leave_page(client)

    async def answered(self, agent, call, hz):
        """Takes the call as soon as it rings: the agent's peer."""
        offer = await self.ring(agent)
        self.assertEqual(offer["call_id"], call["id"])
        return await self.take(agent, offer, hz)

    async def take(self, agent, offer, hz):
        peer = self.peer(agent)
        self.assertTrue(await peer.connect(offer["call_id"]), "agent's leg: " + peer.pc.connectionState)
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        peer.attach(hz)
        return peer

    async def wait_state(self, client, call_id, state, seconds=10):
        def states():
            return [f["call"]["state"] for f in client.frames if f["type"] == "call.state" and f["call"]["id"] == call_id]
        await client.wait(lambda: states() and states()[-1] == state, seconds, "state " + state)

    async def assertTalk(self, caller, answerer, hz):
        """Both hear each other: the caller 1000 Hz, the agent hz."""
        await asyncio.sleep(0.7)
        heard = await asyncio.gather(caller.listen(1.5), answerer.listen(1.5))
        self.assertTone(heard[0], hz, "caller")
        self.assertTone(heard[1], 1000, "agent")

    async def assertMusic(self, caller):
        await asyncio.sleep(0.5)
        self.assertGreater(sound.note_share(await caller.listen(2), MUSIC), 0.9, "music")

    def entry(self, call_id):
        return self.rows("select id, queued_at from support.call_queue where call_id = %s order by id limit 1", call_id)


class HoldAndTransfer(LifeTest):
    async def test_hold_then_transfer(self):
        agent, other = await self.agent(), await self.agent("agent2")
        client, caller, call = await self.come(self.token())
        answerer = await self.answered(agent, call, 440)
        await self.assertTalk(caller, answerer, 440)

        held = (await agent.request("POST", f"/calls/{call['id']}/hold", {}))["call"]
        self.assertEqual(held["state"], "held")
        await self.assertMusic(caller)
        self.assertLess(sound.level_dbov(await answerer.listen(0.5)), -60)
        await self.wait_state(client, call["id"], "held")
        resumed = (await agent.request("POST", f"/calls/{call['id']}/resume", {}))["call"]
        self.assertGreater(resumed["hold_ms"], 2000)
        await self.assertTalk(caller, answerer, 440)

        await other.request("PUT", "/me/presence", {"chosen": "available"})
        body = {"kind": "staff", "to": other.me["id"], "note": "knows about cards"}
        handed = (await agent.request("POST", f"/calls/{call['id']}/transfer", body))["call"]
        self.assertEqual((handed["id"], handed["transfer"]["state"]), (call["id"], "offered"))
        await other.wait(lambda: any(o["call_id"] == call["id"] for o in other.offers.values()), 10, "offer")
        await self.assertMusic(caller)
        offer = next(o for o in other.offers.values() if o["call_id"] == call["id"])
        self.assertEqual(offer["transfer"]["note"], "knows about cards")
        second = await self.take(other, offer, 700)
        await self.assertTalk(caller, second, 700)
        self.assertLess(sound.level_dbov(await answerer.listen(0.5)), -60, "who has handed it on hears nothing more")
        ended = (await client.request("POST", f"/calls/{call['id']}/end", {}))["call"]
        self.assertEqual((ended["end_reason"], ended["staff"]["id"]), ("customer_hangup", other.me["id"]))
        parts = self.rows("select n, staff_id::text, end_how from support.call_parts where call_id = %s order by n", call["id"])
        self.assertEqual(parts, [(1, agent.me["id"], "transfer"), (2, other.me["id"], "ended")])
        self.assertEqual(self.rows("select * from support.check_invariants()"), [])


class Removed(LifeTest):
    async def test_who_is_removed_by_sql_hears_and_says_nothing_more(self):
        agent = await self.agent()
        client, caller, call = await self.come(self.token())
        answerer = await self.answered(agent, call, 440)
        await self.assertTalk(caller, answerer, 440)
        self.rows("select support.staff_deactivate('system:admin', %s, null)", agent.me["id"])
        await self.wait_state(client, call["id"], "queued")
        await self.assertMusic(caller)
        self.assertLess(sound.level_dbov(await answerer.listen(0.5)), -60)
        other = await self.agent("agent2")
        second = await self.answered(other, call, 700)
        await self.assertTalk(caller, second, 700)
        await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual(self.rows("select * from support.check_invariants()"), [])


class AutoAnswer(LifeTest):
    async def test_taken_as_soon_as_the_leg_is_there(self):
        agent = await self.agent()
        me = await agent.request("PUT", "/me/auto-answer", {"on": True})
        self.assertTrue(me["presence"]["auto_answer"])
        client, caller, call = await self.come(self.token())
        await self.ring(agent)
        peer = self.peer(agent, hz=440)
        self.assertTrue(await peer.connect(call["id"]))
        await self.wait_state(client, call["id"], "active")
        await agent.wait(lambda: not agent.offers, 5, "the offer is taken")
        await self.assertTalk(caller, peer, 440)
        await client.request("POST", f"/calls/{call['id']}/end", {})


class Callback(LifeTest):
    async def test_called_back(self):
        agent, token = await self.agent(), self.token()
        client, caller, call = await self.come(token)
        asked = (await client.request("POST", f"/calls/{call['id']}/callback", {}))["call"]
        self.assertEqual(asked["state"], "queued")
        place = self.entry(call["id"])
        await self.leave(client, caller)
        await agent.request("PUT", "/me/presence", {"chosen": "available"})
        await agent.wait(lambda: agent.offers, 10, "offer of the callback")
        offer = next(iter(agent.offers.values()))
        self.assertEqual((offer["kind"], offer["call_id"]), ("callback", call["id"]))
        client = await self.client("customer", SITE, token=token)
        await eventually(lambda: self.rows("select 1 from support.presence_leases where subject_id = %s", client.me["id"]), "connected")
        taken = (await agent.request("POST", f"/offers/{offer['id']}/accept", {}))["call"]
        self.assertEqual(taken["state"], "calling")
        answerer = self.peer(agent, hz=440)
        self.assertTrue(await answerer.connect(call["id"]))
        await client.wait(lambda: any(f["type"] == "call.ring" for f in client.frames), 10, "call.ring")
        self.assertLess(sound.level_dbov(await answerer.listen(0.5)), -60)
        answered = (await client.request("POST", f"/calls/{call['id']}/answer", {}))["call"]
        self.assertEqual((answered["id"], answered["state"]), (call["id"], "active"))
        caller = self.peer(client, hz=1000)
        self.assertTrue(await caller.connect(call["id"]))
        await self.assertTalk(caller, answerer, 440)
        await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual(self.entry(call["id"]), place)


class Place(LifeTest):
    async def test_kept_while_the_page_is_gone(self):
        agent, token = await self.agent(), self.token()
        client, caller, call = await self.come(token)
        place = self.entry(call["id"])
        await self.leave(client, caller)
        await eventually(lambda: self.rows("select 1 from support.call_queue where call_id = %s and away_until is not null", call["id"]),
                         "the place is kept", 20)
        await agent.request("PUT", "/me/presence", {"chosen": "available"})
        await asyncio.sleep(1)
        self.assertEqual(agent.offers, {}, "not offered meanwhile")
        kept = self.rows("select extract(epoch from q.away_until - l.at)::int from support.call_queue q join support.support_activity_logs l"
                         " on l.action = 'call.away' and l.subject_ref = q.call_id::text where q.call_id = %s", call["id"])
        self.assertEqual(kept, [(60,)], "seconds from leaving, by the defaults")
        # Somebody who comes now waits behind the one who is not there.
        await agent.request("PUT", "/me/presence", {"chosen": "away"})
        later, _, after = await self.come(self.token(), 1500)
        self.assertLess(self.entry(call["id"])[0][1], self.entry(after["id"])[0][1])
        client, caller, again = await self.come(token)
        self.assertEqual((again["id"], self.entry(call["id"])), (call["id"], place))
        await agent.request("PUT", "/me/presence", {"chosen": "available"})
        answerer = await self.answered(agent, call, 440)
        await self.assertTalk(caller, answerer, 440)
        self.assertEqual(self.rows("select state from support.voice_calls where id = %s", after["id"]), [("queued",)])
        for one, which in ((client, call), (later, after)):
            await one.request("POST", f"/calls/{which['id']}/end", {})

    async def test_given_up_after_the_time(self):
        self.setting("queue.place_s", "2")
        client, caller, call = await self.come(self.token())
        await self.leave(client, caller)
        ended = await eventually(lambda: self.rows("select end_reason from support.voice_calls where id = %s and ended_at is not null", call["id"]),
                                 "the end", 25)
        self.setting("queue.place_s", "60")
        self.assertEqual(ended, [("abandoned",)])
        self.assertEqual(self.rows("select state from support.call_queue where call_id = %s", call["id"]), [("abandoned",)])

    async def test_kept_when_the_daemon_dies(self):
        token = self.token()
        client, caller, call = await self.come(token)
        place = self.entry(call["id"])
        daemon = self.stack.daemons[0]
        daemon.kill()
        await self.leave(client, caller)
        daemon.start()
        # Until the lease of the dead process has run out (process.lease_s) nobody knows that it is dead.
        client = await self.client("customer", SITE, token=token)
        await eventually(lambda: self.rows("select 1 from support.call_queue where call_id = %s and away_until is not null", call["id"]),
                         "the place is kept", 40)
        await self.leave_page(client)
        client, caller, again = await self.come(token)
        self.assertEqual((again["id"], again["state"], self.entry(call["id"])), (call["id"], "queued", place))
        await self.assertMusic(caller)
        agent = await self.agent()
        answerer = await self.answered(agent, call, 440)
        await self.assertTalk(caller, answerer, 440)
        await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertEqual(self.rows("select * from support.check_invariants()"), [])


if __name__ == "__main__":
    run_tests()
