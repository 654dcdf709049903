"""The life of a call over REST and frames: every request in every state, transfer, callback, wrap-up, rating, missed calls."""
import asyncio

from harness import uid
import test_calls

REQUESTS = ("hold", "resume", "transfer", "callback", "ring", "answer", "decline", "rating")
STAFF = ("hold", "resume", "transfer", "ring")
# What each request is answered in each state, in the order of REQUESTS; 0: success.
NO, OVER = "not_allowed_now", "call_ended"
TABLE = {
    "queued": (NO, NO, NO, 0, NO, NO, NO, NO),
    "ringing": (NO, NO, NO, 0, NO, NO, NO, NO),
    "active": (0, 0, 0, NO, NO, 0, NO, NO),
    "held": (0, 0, 0, NO, NO, NO, NO, NO),
    "calling": (NO, NO, NO, NO, NO, 0, 0, NO),
    "ended": (OVER, OVER, OVER, OVER, OVER, OVER, OVER, 0),
}


class CallLife(test_calls.Calls):
    """The helpers of test_calls; its tests run there."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.changed = {}
        await self.no_wrap_up()

    async def asyncTearDown(self):
        await super().asyncTearDown()
        admin = await self.staff("admin")
        for key, value in self.changed.items():
            await admin.put(f"/settings/{key}", {"value": value})

    async def setting(self, key, value):
        admin = await self.staff("admin")
        settings = (await admin.get("/settings")).body["items"]
        self.changed.setdefault(key, next(s["value"] for s in settings if s["key"] == key))
        self.assertEqual((await admin.put(f"/settings/{key}", {"value": value})).status, 200)

    async def caller(self, **claims):
        rest = self.customer(**claims)
        return await self.connect(rest, "customer", 0)

    async def answered(self, key="agent", desk=None):
        """(customer's client, agent's client, call id) of an active call."""
        desk = desk or await self.desk(key)
        customer = await self.caller()
        started = await self.start_call(customer.rest)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        self.assertEqual((await desk.rest.post(f"/offers/{offer['id']}/accept")).status, 200)
        await self.state(customer, started["call"]["id"], "active")
        return customer, desk, started["call"]["id"]

    async def calling(self, key="agent"):
        """The same of a callback that rings at the customer."""
        customer = await self.caller()
        started = await self.start_call(customer.rest)
        call_id = started["call"]["id"]
        self.assertEqual((await customer.rest.post(f"/calls/{call_id}/callback")).status, 200)
        desk = await self.desk(key)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        self.assertEqual((offer["kind"], offer["call_id"]), ("callback", call_id))
        taken = await desk.rest.post(f"/offers/{offer['id']}/accept")
        self.assertEqual(taken.body["call"]["state"], "calling", taken)
        return customer, desk, call_id

    def body(self, what, target):
        return {"transfer": {"kind": "staff", "to": target}, "rating": {"score": 4}}.get(what, {})

    async def in_state(self, state):
        if state == "calling":
            return await self.calling()
        if state == "queued":
            agent = await self.staff("agent")
            await agent.put("/me/presence", {"chosen": "away"})
            customer = await self.caller()
            return customer, await self.connect(agent, "agent", 0), (await self.start_call(customer.rest))["call"]["id"]
        if state == "ringing":
            desk = await self.desk()
            customer = await self.caller()
            started = await self.start_call(customer.rest)
            await self.wait_offer(desk, started["chat"]["id"])
            return customer, desk, started["call"]["id"]
        customer, desk, call_id = await self.answered()
        if state == "held":
            self.assertEqual((await desk.rest.post(f"/calls/{call_id}/hold")).body["call"]["state"], "held")
        if state == "ended":
            await customer.rest.post(f"/calls/{call_id}/end")
        return customer, desk, call_id

    async def test_every_request_in_every_state(self):
        other = (await self.staff("agent2")).me["id"]
        for state, row in TABLE.items():
            for what, wanted in zip(REQUESTS, row):
                if wanted == 0:
                    continue  # what succeeds changes the state: tested one by one below
                with self.subTest(f"{what} while {state}"):
                    if not hasattr(self, "at") or self.at[0] != state:
                        await self.away_all()
                        self.at = (state, *await self.in_state(state))
                    _, customer, desk, call_id = self.at
                    before = (await customer.rest.get(f"/calls/{call_id}")).body["call"]
                    self.assertEqual(before["state"], state)
                    rest = desk.rest if what in STAFF else customer.rest
                    answer = await rest.post(f"/calls/{call_id}/{what}", self.body(what, other))
                    self.assertIn(answer.code, (wanted, "call_not_found") if state == "queued" and what in STAFF else (wanted,), answer)
                    self.assertEqual((await customer.rest.get(f"/calls/{call_id}")).body["call"], before)
                    wrong = await (customer.rest if what in STAFF else desk.rest).post(f"/calls/{call_id}/{what}", self.body(what, other))
                    self.assert_problem(wrong, 403, "denied")

    async def away_all(self):
        if hasattr(self, "at"):
            _, customer, _, call_id = self.at
            await customer.rest.post(f"/calls/{call_id}/end")
        for rest in self.present:
            await rest.put("/me/presence", {"chosen": "away"})

    async def test_hold_and_resume(self):
        customer, desk, call_id = await self.answered()
        held = await desk.rest.post(f"/calls/{call_id}/hold")
        self.assertEqual(held.body["call"]["state"], "held")
        self.assertIsNotNone(held.body["call"]["held_at"])
        self.assertEqual((await desk.rest.post(f"/calls/{call_id}/hold")).body, held.body)
        for client in (customer, desk):
            await self.state(client, call_id, "held")
        await asyncio.sleep(0.2)
        resumed = (await desk.rest.post(f"/calls/{call_id}/resume")).body["call"]
        self.assertEqual((resumed["state"], resumed["held_at"]), ("active", None))
        self.assertGreaterEqual(resumed["hold_ms"], 200)
        for client in (customer, desk):
            await self.state(client, call_id, "active")

    async def test_transfer_comes_back_and_goes_on(self):
        customer, desk, call_id = await self.answered()
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "staff", "to": uid()}), 409, "target_unavailable")
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "staff", "to": "x"}), 400, "not_an_id")
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "skill", "to": "A b"}), 422, "out_of_range")
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "x", "to": "x"}), 422, "out_of_range")
        other = await self.desk("agent2")
        for _ in range(100):  # that the other is connected is written after the welcome
            targets = (await desk.rest.get("/transfer-targets")).body
            if targets["staff"]:
                break
            await asyncio.sleep(0.1)
        self.assertIn({"id": other.rest.me["id"], "name": other.rest.me["name"], "free": True}, targets["staff"])
        answer = await desk.rest.post(f"/calls/{call_id}/transfer", {
            "kind": "staff", "to": other.rest.me["id"], "note": "card 4111 1111 1111 1111"})
        self.assertEqual((answer.body["call"]["state"], answer.body["call"]["transfer"]["state"]), ("queued", "offered"))
        chat_id = answer.body["call"]["chat_id"]
        offer = await self.wait_offer(other, chat_id)
        self.assertEqual(offer["transfer"], {"from": {"id": desk.rest.me["id"], "name": desk.rest.me["name"]},
                                             "note": "card **** **** **** 1111", "back": False})
        self.assertIsNone((await customer.rest.get(f"/calls/{call_id}")).body["call"]["transfer"])
        self.assertEqual((await other.rest.post(f"/offers/{offer['id']}/decline")).status, 204)
        back = await self.wait_offer(desk, chat_id)
        self.assertTrue(back["transfer"]["back"])
        self.assertEqual((await desk.rest.post(f"/offers/{back['id']}/accept")).body["call"]["state"], "active")
        await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "staff", "to": other.rest.me["id"]})
        self.assertIsNone((await self.wait_offer(other, chat_id))["transfer"]["note"])
        await other.rest.put("/me/presence", {"chosen": "away"})
        back = await self.wait_offer(desk, chat_id)
        await desk.rest.post(f"/offers/{back['id']}/decline")
        self.assertEqual((await desk.rest.get(f"/calls/{call_id}")).body["call"]["transfer"]["state"], "queued")
        await self.available(other.rest)
        taken = await other.rest.post(f"/offers/{(await self.wait_offer(other, chat_id))['id']}/accept")
        self.assertEqual((taken.body["call"]["id"], taken.body["chat"]["assigned"]["id"]), (call_id, other.rest.me["id"]))
        self.assertEqual((await self.state(customer, call_id, "active"))["staff"]["id"], other.rest.me["id"])
        parts = self.sql("select n, staff_id::text, end_how from support.call_parts where call_id = %s order by n", call_id)
        self.assertEqual(parts, [(1, desk.rest.me["id"], "transfer"), (2, desk.rest.me["id"], "transfer"), (3, other.rest.me["id"], None)])
        self.assertEqual(self.sql("select * from support.check_invariants()"), [])

    async def test_a_transfer_that_nobody_takes_moves_by_itself(self):
        await self.setting("queue.ring_s", 1)
        await self.setting("call.transfer_s", 1)
        await self.setting("queue.max_misses", 50)
        customer, desk, call_id = await self.answered()
        other = await self.desk("agent2")
        chat_id = (await desk.rest.post(f"/calls/{call_id}/transfer", {"kind": "staff", "to": other.rest.me["id"]})).body["call"]["chat_id"]
        await self.wait_offer(other, chat_id)
        self.assertTrue((await self.wait_offer(desk, chat_id))["transfer"]["back"])
        await desk.rest.put("/me/presence", {"chosen": "away"})
        await desk.wait(lambda: not desk.offers, what="withdrawn offer")
        await other.wait(lambda: any(o["chat_id"] == chat_id for o in other.offers.values()), 15, "anybody's turn")
        self.assertEqual((await customer.rest.get(f"/calls/{call_id}")).body["call"]["id"], call_id)

    async def test_callback(self):
        customer, desk, call_id = await self.calling()
        await customer.wait(lambda: customer.of_type("call.ring"), what="call.ring")
        ring = customer.of_type("call.ring")[-1]
        self.assertEqual((ring["call_id"], ring["staff"]["id"]), (call_id, desk.rest.me["id"]))
        again = await self.connect(customer.rest, "another tab", 0)
        await again.wait(lambda: again.of_type("call.ring"), what="call.ring in a tab that comes while it rings")
        taken = await customer.rest.post(f"/calls/{call_id}/answer")
        self.assertEqual(taken.body["call"]["state"], "active")
        self.assertEqual((await customer.rest.post(f"/calls/{call_id}/answer")).status, 200)
        await self.state(desk, call_id, "active")

    async def test_callback_of_who_is_not_there(self):
        await self.setting("call.callback_attempts", 2)
        await self.setting("call.callback_ring_s", 5)
        rest = self.customer()
        started = await self.start_call(rest)
        call_id = started["call"]["id"]
        queued_at = self.sql("select queued_at from support.call_queue where call_id = %s", call_id)
        asked = (await rest.post(f"/calls/{call_id}/callback")).body["call"]
        self.assertEqual((asked["state"], asked["callback"]["attempts"], asked["callback"]["max_attempts"]), ("queued", 0, 2))
        self.assertEqual((await rest.post("/call/start", {"client_key": uid()})).body["call"]["id"], call_id)
        self.assertEqual(self.sql("select queued_at from support.call_queue where call_id = %s", call_id), queued_at)
        desk = await self.desk()
        offer = await self.wait_offer(desk, started["chat"]["id"])
        taken = (await desk.rest.post(f"/offers/{offer['id']}/accept")).body["call"]
        self.assertEqual((taken["state"], taken["callback"]["outcome"], taken["callback"]["ring_until"]), ("calling", "not_reachable", None))
        client = await self.connect(rest, "customer", 0)
        while not self.sql("select 1 from support.presence_leases where subject_id = %s", client.me["id"]):
            await asyncio.sleep(0.05)
        rung = (await desk.rest.post(f"/calls/{call_id}/ring")).body["call"]["callback"]
        self.assertEqual((rung["attempts"], rung["outcome"]), (2, None))
        await client.wait(lambda: client.of_type("call.ring"), what="call.ring")
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/ring"), 409, "not_allowed_now")
        await desk.wait(lambda: desk.of_type("call.state")[-1]["call"]["callback"]["outcome"] == "no_answer", 20, "no answer")
        self.assert_problem(await rest.post(f"/calls/{call_id}/answer"), 409, "not_allowed_now")
        self.assert_problem(await desk.rest.post(f"/calls/{call_id}/ring"), 409, "attempts_used")
        ended = (await desk.rest.post(f"/calls/{call_id}/end")).body["call"]
        self.assertEqual(ended["end_reason"], "callback_failed")

    async def test_callback_that_is_not_wanted_any_more(self):
        customer, desk, call_id = await self.calling()
        declined = (await customer.rest.post(f"/calls/{call_id}/decline")).body["call"]
        self.assertEqual((declined["state"], declined["end_reason"]), ("ended", "callback_declined"))
        self.assertEqual((await customer.rest.post(f"/calls/{call_id}/decline")).status, 200)
        await self.state(desk, call_id, "ended")
        await desk.rest.put("/me/presence", {"chosen": "away"})
        waiting = (await self.start_call(customer.rest))["call"]["id"]
        await customer.rest.post(f"/calls/{waiting}/callback")
        self.assertEqual((await customer.rest.post(f"/calls/{waiting}/end")).body["call"]["end_reason"], "callback_cancelled")
        await self.setting("features.callback", False)
        last = (await self.start_call(customer.rest))["call"]["id"]
        self.assert_problem(await customer.rest.post(f"/calls/{last}/callback"), 403, "feature_off")
        self.assertFalse((await customer.rest.get("/widget-config")).body["features"]["callback"])

    async def test_wrap_up(self):
        await self.setting("queue.wrap_up_s", 30)
        await self.setting("queue.wrap_up_max_s", 60)
        customer, desk, call_id = await self.answered()
        self.assert_problem(await desk.rest.post("/me/wrap-up", {"extend_ms": 1000}), 409, "not_allowed_now")
        await customer.rest.post(f"/calls/{call_id}/end")
        await desk.wait(lambda: (desk.of_type("me.presence") or [{"wrap_until": None}])[-1]["wrap_until"], what="wrap-up in me.presence")
        self.assertLessEqual(desk.of_type("me.presence")[-1]["wrap_left_ms"], 30000)
        longer = (await desk.rest.post("/me/wrap-up", {"extend_ms": 20000})).body["presence"]
        self.assertGreater(longer["wrap_left_ms"], 30000)
        await desk.rest.post("/me/wrap-up", {"extend_ms": 3600000})
        self.assert_problem(await desk.rest.post("/me/wrap-up", {"extend_ms": 1000}), 409, "wrap_up_limit")
        self.assert_problem(await desk.rest.post("/me/wrap-up", {"extend_ms": 0}), 422, "out_of_range")
        waiting = await self.start_call(self.customer())
        await asyncio.sleep(0.7)
        self.assertEqual(desk.offers, {})
        self.assertIsNone((await desk.rest.delete("/me/wrap-up")).body["presence"]["wrap_until"])
        await self.wait_offer(desk, waiting["chat"]["id"])
        self.assertEqual((await desk.rest.delete("/me/wrap-up")).status, 200)

    async def test_rating(self):
        customer, desk, call_id = await self.answered()
        ended = (await customer.rest.post(f"/calls/{call_id}/end")).body["call"]
        self.assertIsNotNone(ended["rate_until"])
        body = {"score": 5, "comment": "quick, my PIN is 4711"}
        rated = await customer.rest.post(f"/calls/{call_id}/rating", body)
        self.assertEqual((rated.status, rated.body["call"]["rating"]["score"]), (201, 5))
        self.assertNotIn("4711", rated.body["call"]["rating"]["comment"])
        self.assertIsNone(rated.body["call"]["rate_until"])
        self.assertEqual((await customer.rest.post(f"/calls/{call_id}/rating", body)).status, 200)
        self.assert_problem(await customer.rest.post(f"/calls/{call_id}/rating", {"score": 1}), 409, "already_rated")
        for wrong in ({"score": 0}, {"score": 6}, {"score": 3, "comment": "x" * 1001}):
            self.assertEqual((await customer.rest.post(f"/calls/{call_id}/rating", wrong)).status, 422)
        self.assertEqual((await desk.rest.get(f"/calls/{call_id}")).body["call"]["rating"], rated.body["call"]["rating"])
        await desk.wait(lambda: desk.of_type("call.state")[-1]["call"]["rating"], what="rating told")
        second, _, other_id = await self.answered(desk=desk)
        await second.rest.post(f"/calls/{other_id}/end")
        await self.setting("features.ratings", False)
        self.assert_problem(await second.rest.post(f"/calls/{other_id}/rating", {"score": 3}), 403, "feature_off")
        await self.setting("features.ratings", True)
        self.sql("update support.voice_calls set ended_at = ended_at - interval '25 hours' where id = %s", other_id)
        self.assert_problem(await second.rest.post(f"/calls/{other_id}/rating", {"score": 3}), 409, "rating_closed")

    async def test_live_calls(self):
        customer, desk, call_id = await self.answered()
        for key in ("supervisor", "team_lead"):
            lead = await self.staff(key)
            body = (await lead.get("/calls/live?limit=200")).body
            mine = [c for c in body["items"] if c["id"] == call_id]
            # The lead has no team here, so no call is of it.
            self.assertEqual([(c["state"], c["staff"]["id"]) for c in mine], [("active", desk.rest.me["id"])] if key == "supervisor" else [])
            self.assertIsNone(body["next"])
        lead = await self.staff("supervisor")
        self.assert_problem(await lead.get("/calls/live?limit=0"), 422, "out_of_range")
        self.assert_problem(await lead.get("/calls/live?limit=201"), 422, "out_of_range")
        self.assert_problem(await desk.rest.get("/calls/live"), 403, "denied")
        self.assert_problem(await customer.rest.get("/calls/live"), 403, "denied")
        await desk.rest.post(f"/calls/{call_id}/end")
        await self.state(customer, call_id, "ended")
        self.assertNotIn(call_id, [c["id"] for c in (await lead.get("/calls/live?limit=200")).body["items"]])

    async def test_live_calls_are_pushed(self):
        """To who asked for them, in every process, and to nobody else."""
        watching = [await self.connect(await self.staff(key), f"{key}{n}", n) for key, n in (("supervisor", 0), ("supervisor", 1), ("team_lead", 1), ("admin", 0))]
        near, far, lead, silent = watching
        for client in (near, far, lead):
            first = await client.ask(type="live.open")
            self.assertEqual(first["type"], "live.state")
        customer, desk, call_id = await self.answered()

        def shown(client):
            return {c["id"]: c for c in client.of_type("live.state")[-1]["items"]}.get(call_id)
        for client in (near, far):
            await client.wait(lambda c=client: shown(c) and shown(c)["state"] == "active", what="the answered call")
            self.assertEqual((shown(client)["staff"]["id"], shown(client)["customer"]["name"]), (desk.rest.me["id"], customer.rest.name))
        rest = (await near.rest.get("/calls/live?limit=200")).body["items"]
        self.assertEqual(shown(near), next(c for c in rest if c["id"] == call_id), "the same as over REST")
        await desk.rest.post(f"/calls/{call_id}/hold")
        for client in (near, far):
            await client.wait(lambda c=client: shown(c)["state"] == "held", what="the hold")
        self.assertEqual((await far.ask(type="live.leave"))["type"], "ok")
        left = len(far.of_type("live.state"))
        await desk.rest.post(f"/calls/{call_id}/resume")
        await near.wait(lambda: shown(near)["state"] == "active", what="the resumed call")
        await desk.rest.post(f"/calls/{call_id}/end")
        await near.wait(lambda: shown(near) is None, what="the end")
        self.assertTrue(all(call_id not in [c["id"] for c in f["items"]] for f in lead.of_type("live.state")), "no call of the lead's team")
        self.assertEqual(silent.of_type("live.state"), [])
        self.assertEqual((await far.ask(type="ping"))["type"], "pong")
        self.assertEqual(len(far.of_type("live.state")), left)
        again = await far.ask(type="live.open")
        self.assertNotIn(call_id, [c["id"] for c in again["items"]])
        for client in (desk, customer):
            for kind in ("live.open", "live.leave"):
                await self.assert_refused(client.ask(type=kind), "denied", 403)
            self.assertEqual(client.of_type("live.state"), [])
        for kind in ("live.open", "live.leave"):
            await self.assert_refused(near.ask(type=kind, team="x"), "unknown_field", 400)

    async def test_live_calls_that_could_not_be_read_are_read_again(self):
        client = await self.connect(await self.staff("supervisor"), "supervisor", 0)
        self.assertEqual((await client.ask(type="live.open"))["type"], "live.state")
        _, desk, call_id = await self.answered()

        def shown():
            return {c["id"]: c for c in client.of_type("live.state")[-1]["items"]}.get(call_id)

        def refusals():
            with open(self.stack.daemons[0].log) as log:
                return log.read().count("live calls not read")
        await client.wait(lambda: shown() and shown()["state"] == "active", what="the answered call")
        before = refusals()
        self.sql("revoke execute on function support.calls_live from supportd_app")
        try:
            self.assertEqual((await desk.rest.post(f"/calls/{call_id}/hold")).status, 200)
            for _ in range(200):
                if refusals() >= before + 4:
                    break
                await asyncio.sleep(0.05)
            self.assertGreaterEqual(refusals(), before + 4, "one change asks a few times at most: it was asked again")
        finally:
            self.sql("grant execute on function support.calls_live to supportd_app")
        await client.wait(lambda: shown()["state"] == "held", what="the hold, without another change")

    async def test_missed_calls(self):
        desk = await self.desk()
        customer = await self.caller(name="Zawadi Mwangi")
        started = await self.start_call(customer.rest)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        await desk.rest.post(f"/offers/{offer['id']}/decline")
        await customer.rest.post(f"/calls/{started['call']['id']}/end")
        first = (await desk.rest.get("/calls/missed?limit=1")).body
        self.assertEqual((first["items"][0]["id"], first["items"][0]["end_reason"]), (started["call"]["id"], "abandoned"))
        self.assertEqual(first["items"][0]["customer"]["name"], "Zawadi Mwangi")
        asked = first["items"][0]["asked"]
        self.assertEqual([(a["staff"]["id"], a["state"]) for a in asked], [(desk.rest.me["id"], "declined")])
        if first["next"]:
            more = (await desk.rest.get(f"/calls/missed?limit=1&cursor={first['next']}")).body["items"]
            self.assertNotEqual([m["id"] for m in more], [started["call"]["id"]])
        self.assert_problem(await desk.rest.get("/calls/missed?cursor=x"), 400, "not_an_id")
        self.assert_problem(await desk.rest.get("/calls/missed?limit=0"), 422, "out_of_range")

    async def test_auto_answer_is_a_choice(self):
        desk = await self.desk()
        try:
            self.assertTrue((await desk.rest.put("/me/auto-answer", {"on": True})).body["presence"]["auto_answer"])
            await desk.wait(lambda: (desk.of_type("me.presence") or [{"auto_answer": False}])[-1]["auto_answer"], what="me.presence")
        finally:
            self.assertFalse((await desk.rest.put("/me/auto-answer", {"on": False})).body["presence"]["auto_answer"])

    async def test_who_misses_too_many_is_left_alone(self):
        await self.setting("queue.max_misses", 1)
        await self.setting("queue.offer_s", 2)
        desk = await self.desk()
        first = await self.start_chat(self.customer(), "one")
        await self.wait_offer(desk, first["chat"]["id"])
        await asyncio.sleep(1)
        second = await self.start_chat(self.customer(), "two")
        await self.wait_offer(desk, second["chat"]["id"])
        await desk.wait(lambda: not desk.offers, what="both offers gone")
        outcomes = [f["outcome"] for f in desk.of_type("offer.gone")]
        self.assertEqual(sorted(outcomes), ["missed", "withdrawn"])
        await desk.wait(lambda: desk.of_type("me.presence")[-1]["reason"] == "missed_offers", what="auto-pause")

    # -- who is asked for a call, and who is not asked again

    async def rings(self, *desks):
        """(agent's client, offer) of the one whom the call rings at."""
        waits = [asyncio.ensure_future(d.wait(lambda d=d: d.offers, 15, "a call that rings")) for d in desks]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        ringing = [d for d in desks if d.offers]
        self.assertEqual(len(ringing), 1, "one agent at a time")
        return ringing[0], next(iter(ringing[0].offers.values()))

    async def entry(self, desk, call_id):
        return next(e for e in (await desk.rest.get("/queue")).body["items"] if e["call_id"] == call_id)

    async def missed(self, desk, offer):
        await desk.wait(lambda: [f for f in desk.of_type("offer.gone") if f["offer_id"] == offer["id"]], 15, "the end of the offer")
        return next(f["outcome"] for f in desk.of_type("offer.gone") if f["offer_id"] == offer["id"])

    async def test_an_unanswered_call_rings_at_the_next(self):
        await self.setting("queue.ring_s", 2)
        one, two = await self.desk("agent"), await self.desk("agent2", 1)
        customer = await self.caller()
        started = await self.start_call(customer.rest)
        call_id = started["call"]["id"]
        first, offer = await self.rings(one, two)
        second = two if first is one else one
        self.assertEqual((offer["kind"], offer["call_id"]), ("call", call_id))
        self.assertTrue(0 < offer["remaining_ms"] <= 2000, offer)
        self.assertEqual(await self.missed(first, offer), "missed")
        next_ = await self.wait_offer(second, started["chat"]["id"])
        self.assertEqual((next_["kind"], next_["call_id"], next_["entry_id"]), ("call", call_id, offer["entry_id"]))
        self.assertNotEqual(next_["id"], offer["id"])
        self.assertEqual(first.offers, {}, "not at both")
        self.assert_problem(await first.rest.post(f"/offers/{offer['id']}/accept"), 409, "offer_gone")
        self.assertEqual((await second.rest.post(f"/offers/{next_['id']}/accept")).status, 200)
        active = await self.state(customer, call_id, "active")
        self.assertEqual(active["staff"]["id"], second.rest.me["id"])
        routing = (await second.rest.get(f"/chats/{started['chat']['id']}/routing")).body["items"]
        self.assertEqual(sorted((r["staff_id"], r["state"]) for r in routing),
                         sorted([(first.rest.me["id"], "missed"), (second.rest.me["id"], "accepted")]))

    async def test_a_declined_call_never_rings_there_again(self):
        one, two = await self.desk("agent"), await self.desk("agent2", 1)
        customer = await self.caller()
        started = await self.start_call(customer.rest)
        call_id = started["call"]["id"]
        first, offer = await self.rings(one, two)
        second = two if first is one else one
        self.assertEqual((await first.rest.post(f"/offers/{offer['id']}/decline")).status, 204)
        next_ = await self.wait_offer(second, started["chat"]["id"])
        self.assertEqual((await second.rest.post(f"/offers/{next_['id']}/decline")).status, 204)
        await second.wait(lambda: not second.offers, what="offer.gone")
        # Coming back, and other work, make the router look again: it gives both a call each, and this one to nobody.
        for desk in (first, second):
            await desk.rest.put("/me/presence", {"chosen": "away"})
        others = [await self.start_call((await self.caller()).rest) for _ in range(2)]
        for desk in (first, second):
            await self.available(desk.rest)
        taken = []
        for desk in (first, second):
            await desk.wait(lambda d=desk: d.offers, 15, "another call")
            taken += [o["call_id"] for o in desk.offers.values()]
        self.assertEqual(sorted(taken), sorted(o["call"]["id"] for o in others))
        for desk in (first, second):
            asked = [f["offer"]["call_id"] for f in desk.of_type("offer.new")]
            self.assertEqual(asked.count(call_id), 1, "asked again")
        self.assertEqual((await self.entry(first, call_id))["state"], "waiting")
        third = await self.desk("team_lead")
        self.assertEqual((await self.wait_offer(third, started["chat"]["id"]))["call_id"], call_id)
        await third.rest.put("/me/presence", {"chosen": "away"})

    async def test_who_misses_calls_is_set_away(self):
        await self.setting("queue.ring_s", 1)
        await self.setting("queue.max_misses", 2)
        desk = await self.desk()
        customer = await self.caller()
        call_id = (await self.start_call(customer.rest))["call"]["id"]
        for _ in range(2):  # nobody else is there: the one who missed it is asked again
            await desk.wait(lambda: desk.offers, 15, "a call that rings")
            offer = next(iter(desk.offers.values()))
            self.assertEqual((offer["call_id"], await self.missed(desk, offer)), (call_id, "missed"))
        await desk.wait(lambda: desk.of_type("me.presence")[-1]["chosen"] == "away", 15, "auto-pause")
        self.assertEqual(desk.of_type("me.presence")[-1]["reason"], "missed_offers")
        me = (await desk.rest.get("/me")).body["presence"]
        self.assertEqual((me["chosen"], me["reason"]), ("away", "missed_offers"))
        self.assertEqual(((await self.entry(desk, call_id))["state"], desk.offers), ("waiting", {}))
        await self.available(desk.rest)
        await desk.wait(lambda: desk.offers, 15, "the call, after coming back")

    async def test_a_place_is_kept_for_a_minute(self):
        """The default; whose place is kept so long: tests/e2e/test_call_life.py."""
        admin = await self.staff("admin")
        self.assertEqual([s["value"] for s in (await admin.get("/settings")).body["items"] if s["key"] == "queue.place_s"], [60])


for name in [n for n in dir(test_calls.Calls) if n.startswith("test_")]:
    setattr(CallLife, name, None)  # they run in test_calls
