"""Queue and offers: order, accept, decline, missed, pick, positions, two agents, capacity, escalation."""
import asyncio

from harness import ApiTest, uid


class QueueTest(ApiTest):
    """Settings that a test changed get their defaults back."""

    def setUp(self):
        super().setUp()
        self.changed = []

    async def asyncTearDown(self):
        admin = await self.staff("admin")
        for key, value in self.changed:
            self.assertEqual((await admin.put(f"/settings/{key}", {"value": value})).status, 200)
        await super().asyncTearDown()

    async def setting(self, key, value):
        admin = await self.staff("admin")
        before = next(s for s in (await admin.get("/settings")).body["items"] if s["key"] == key)
        answer = await admin.put(f"/settings/{key}", {"value": value})
        self.assertEqual((answer.status, answer.body["value"]), (200, value), answer)
        self.changed.append((key, before["value"]))

    async def agent(self, key, socket=0, available=True):
        rest = await self.staff(key)
        client = await self.connect(rest, key, socket)
        if available:
            await self.available(rest)
        else:
            await rest.put("/me/presence", {"chosen": "away"})
        return client

    async def waiting(self, n):
        """n customers who wait, in order: (rest, chat id, entry id)."""
        found = []
        for i in range(n):
            rest = self.customer()
            chat = (await self.start_chat(rest, f"waiting {i}"))["chat"]
            found.append((rest, chat["id"], chat["queue"]["entry_id"]))
        return found

    async def accept_any(self, agent):
        await agent.wait(lambda: agent.offers, what="an offer")
        offer = next(iter(agent.offers.values()))
        answer = await agent.rest.post(f"/offers/{offer['id']}/accept")
        self.assertEqual(answer.status, 200, answer)
        await agent.wait(lambda: offer["id"] not in agent.offers, what="offer.gone")
        return offer


class Offers(QueueTest):
    async def test_order_is_by_age(self):
        waiting = await self.waiting(4)
        desk = await self.agent("agent", 1, available=False)
        listed = (await desk.rest.get("/queue")).body["items"]
        self.assertEqual([e["id"] for e in listed], [w[2] for w in waiting])
        self.assertEqual([e["state"] for e in listed], ["waiting"] * 4)
        await self.available(desk.rest)
        taken = [(await self.accept_any(desk))["chat_id"] for _ in range(4)]
        self.assertEqual(taken, [w[1] for w in waiting])
        self.assertEqual((await desk.rest.get("/queue")).body["items"], [])

    async def test_accept(self):
        desk = await self.agent("agent")
        (rest, chat_id, entry_id), = await self.waiting(1)
        offer = await self.wait_offer(desk, chat_id)
        self.assertEqual((offer["kind"], offer["entry_id"], offer["call_id"]), ("chat", entry_id, None))
        self.assertEqual(offer["customer"]["name"], rest.name)
        self.assertTrue(0 < offer["remaining_ms"] <= 20000, offer)
        listed = (await desk.rest.get("/offers")).body["items"]
        self.assertEqual([o["id"] for o in listed], [offer["id"]])
        answer = await desk.rest.post(f"/offers/{offer['id']}/accept")
        self.assertEqual((answer.body["chat"]["status"], answer.body["call"]), ("assigned", None))
        again = await desk.rest.post(f"/offers/{offer['id']}/accept", base=1)
        self.assertEqual((again.status, again.body["chat"]["assigned"]), (200, answer.body["chat"]["assigned"]))
        await desk.wait(lambda: [f for f in desk.of_type("offer.gone") if f["outcome"] == "accepted"], what="offer.gone")
        routing = (await desk.rest.get(f"/chats/{chat_id}/routing")).body["items"]
        self.assertEqual([(r["offer_id"], r["state"], r["staff_id"]) for r in routing], [(offer["id"], "accepted", desk.me["id"])])
        self.assertTrue(routing[0]["why"])

    async def test_other_peoples_offers(self):
        desk = await self.agent("agent")
        (_, chat_id, _), = await self.waiting(1)
        offer = await self.wait_offer(desk, chat_id)
        other = await self.staff("agent2")
        for verb in ("accept", "decline"):
            self.assert_problem(await other.post(f"/offers/{offer['id']}/{verb}"), 404, "offer_not_found")
            self.assert_problem(await other.post(f"/offers/{uid()}/{verb}"), 404, "offer_not_found")

    async def test_decline_goes_to_the_next(self):
        first = await self.agent("agent", 0)
        second = await self.agent("agent2", 1)
        (_, chat_id, _), = await self.waiting(1)
        await asyncio.sleep(0.5)
        one, two = (first, second) if first.offers else (second, first)
        offer = await self.wait_offer(one, chat_id)
        self.assertEqual((await one.rest.post(f"/offers/{offer['id']}/decline")).status, 204)
        next_ = await self.wait_offer(two, chat_id)
        self.assertNotEqual(next_["id"], offer["id"])
        self.assert_problem(await one.rest.post(f"/offers/{offer['id']}/accept"), 409, "offer_gone")
        await two.rest.post(f"/offers/{next_['id']}/decline")
        await asyncio.sleep(1)
        self.assertEqual((one.offers, two.offers), ({}, {}), "offered again to somebody who declined")
        state = next(e for e in (await one.rest.get("/queue")).body["items"] if e["chat_id"] == chat_id)["state"]
        self.assertEqual(state, "waiting")

    async def test_missed_offers(self):
        await self.setting("queue.offer_s", 1)
        await self.setting("queue.max_misses", 2)
        desk = await self.agent("agent", 1)
        waiting = await self.waiting(2)
        await desk.wait(lambda: [f for f in desk.of_type("offer.gone") if f["outcome"] == "missed"], 10, "missed offer")
        await desk.wait(lambda: desk.of_type("me.presence") and desk.of_type("me.presence")[-1]["chosen"] == "away", 15, "auto-pause")
        self.assertEqual(desk.of_type("me.presence")[-1]["reason"], "missed_offers")
        me = (await desk.rest.get("/me")).body["presence"]
        self.assertEqual((me["chosen"], me["reason"]), ("away", "missed_offers"))
        for _ in range(30):
            states = {e["chat_id"]: e["state"] for e in (await desk.rest.get("/queue")).body["items"]}
            if "offered" not in states.values():
                break
            await asyncio.sleep(0.1)
        self.assertEqual(states, {w[1]: "waiting" for w in waiting})

    async def test_going_away_gives_offers_back(self):
        first = await self.agent("agent", 0)
        (_, chat_id, _), = await self.waiting(1)
        await self.wait_offer(first, chat_id)
        second = await self.agent("agent2", 1)
        await first.rest.put("/me/presence", {"chosen": "away"})
        await first.wait(lambda: not first.offers, what="withdrawn offer")
        self.assertEqual(first.of_type("offer.gone")[-1]["outcome"], "withdrawn")
        await self.wait_offer(second, chat_id)

    async def test_lost_connection_gives_offers_back(self):
        first = await self.agent("agent", 0)
        (_, chat_id, _), = await self.waiting(1)
        await self.wait_offer(first, chat_id)
        second = await self.agent("agent2", 1)
        await first.close()
        await self.wait_offer(second, chat_id, 20)

    async def test_customer_leaves_the_queue(self):
        desk = await self.agent("agent")
        (rest, chat_id, _), = await self.waiting(1)
        offer = await self.wait_offer(desk, chat_id)
        closed = await rest.post(f"/chats/{chat_id}/close")
        self.assertEqual(closed.body["chat"]["status"], "closed")
        await desk.wait(lambda: not desk.offers, what="offer.gone")
        self.assertEqual(desk.of_type("offer.gone")[-1]["outcome"], "withdrawn")
        self.assert_problem(await desk.rest.post(f"/offers/{offer['id']}/accept"), 409, "offer_gone")

    async def test_capacity(self):
        await self.setting("queue.capacity", 2)
        desk = await self.agent("agent")
        waiting = await self.waiting(3)
        for _ in range(2):
            await self.accept_any(desk)
        await asyncio.sleep(1)
        self.assertEqual(desk.offers, {}, "offered over capacity")
        self.assert_problem(await desk.rest.post(f"/queue/{waiting[2][2]}/pick"), 409, "over_capacity")
        self.assertEqual((await desk.rest.get("/me")).body["presence"]["load"], 2)
        await desk.rest.post(f"/chats/{waiting[0][1]}/close")
        await self.wait_offer(desk, waiting[2][1])

    async def test_presence_answers(self):
        rest = await self.staff("agent")
        desk = await self.connect(rest, "agent", 1)
        for chosen in ("available", "away", "offline", "available", "away"):
            answer = await rest.put("/me/presence", {"chosen": chosen})
            self.assertEqual((answer.status, answer.body["presence"]["chosen"]), (200, chosen))
        await desk.wait(lambda: desk.of_type("me.presence") and desk.of_type("me.presence")[-1]["chosen"] == "away", what="me.presence")
        self.assertIn((await rest.put("/me/presence", {"chosen": "busy"})).status, (400, 422))


class Picking(QueueTest):
    async def test_pick(self):
        desk = await self.agent("agent", available=False)
        waiting = await self.waiting(3)
        answer = await desk.rest.post(f"/queue/{waiting[1][2]}/pick")
        self.assertEqual((answer.status, answer.body["chat"]["id"], answer.body["chat"]["status"]), (200, waiting[1][1], "assigned"))
        self.assertEqual([e["id"] for e in (await desk.rest.get("/queue")).body["items"]], [waiting[0][2], waiting[2][2]])
        other = await self.staff("agent2")
        self.assert_problem(await other.post(f"/queue/{waiting[1][2]}/pick"), 409, "offer_gone")
        self.assert_problem(await other.post(f"/queue/{uid()}/pick"), 404, "entry_not_found")

    async def test_two_agents_pick_at_once(self):
        one, two = await self.staff("agent"), await self.staff("agent2")
        for n in range(5):
            (_, chat_id, entry_id), = await self.waiting(1)
            answers = await asyncio.gather(*(r.post(f"/queue/{entry_id}/pick", base=b) for b, r in enumerate((one, two))))
            self.assertEqual(sorted(a.status for a in answers), [200, 409], answers)
            winner = (one, two)[[a.status for a in answers].index(200)]
            self.assertEqual((await winner.get(f"/chats/{chat_id}")).body["chat"]["assigned"]["id"], winner.me["id"])
            await winner.post(f"/chats/{chat_id}/close")

    async def test_pick_of_what_is_offered_to_another(self):
        first = await self.agent("agent")
        (_, chat_id, entry_id), = await self.waiting(1)
        offer = await self.wait_offer(first, chat_id)
        second = await self.staff("agent2")
        self.assertEqual((await second.post(f"/queue/{entry_id}/pick")).status, 200)
        await first.wait(lambda: not first.offers, what="withdrawn offer")
        self.assert_problem(await first.rest.post(f"/offers/{offer['id']}/accept"), 409, "offer_gone")


class Waiting(QueueTest):
    async def test_positions(self):
        desk = await self.agent("agent", available=False)
        tabs = []
        for n in range(3):
            rest = self.customer()
            client = await self.connect(rest, f"waiting{n}", n % 2)
            chat = (await self.start_chat(rest))["chat"]
            await client.open(chat["id"])
            tabs.append((client, chat))
        for n, (client, chat) in enumerate(tabs):
            await client.wait(lambda c=client, n=n: c.of_type("queue.position") and c.of_type("queue.position")[-1]["position"] == n + 1, what=f"position {n + 1}")
            frame = client.of_type("queue.position")[-1]
            self.assertEqual((frame["chat_id"], frame["entry_id"], frame["kind"]), (chat["id"], chat["queue"]["entry_id"], "chat"))
        await desk.rest.post(f"/queue/{tabs[0][1]['queue']['entry_id']}/pick")
        for n, (client, _) in list(enumerate(tabs))[1:]:
            await client.wait(lambda c=client, n=n: c.of_type("queue.position")[-1]["position"] == n, what=f"better position {n}")
        for client, _ in tabs:
            positions = [f["position"] for f in client.of_type("queue.position")]
            self.assertEqual(positions, sorted(positions, reverse=True), "a position got worse")

    async def test_queue_state_goes_to_staff_alone(self):
        desk = await self.agent("agent", 1, available=False)
        (rest, chat_id, _), = await self.waiting(1)
        await desk.wait(lambda: any(chat_id in [e["chat_id"] for e in f["items"]] for f in desk.of_type("queue.state")), what="queue.state")
        customer = await self.connect(rest, "customer")
        await rest.post(f"/chats/{chat_id}/close")
        await desk.wait(lambda: chat_id not in [e["chat_id"] for e in desk.of_type("queue.state")[-1]["items"]], what="shorter queue")
        self.assertEqual(customer.of_type("queue.state"), [])

    async def test_timeout(self):
        await self.setting("queue.timeout_s", 1)
        await self.setting("queue.step_s", 1)
        rest = self.customer()
        client = await self.connect(rest, "customer", 1)
        chat = (await self.start_chat(rest))["chat"]
        await client.open(chat["id"])
        await client.wait(lambda: client.of_type("queue.timeout"), 10, "queue.timeout")
        frame = client.of_type("queue.timeout")[0]
        self.assertEqual((frame["chat_id"], frame["step"]), (chat["id"], 1))
        await client.wait(lambda: client.chat(chat["id"]).state["queue"]["escalation"] >= 1, what="escalation in the state")

    async def test_two_agents_share(self):
        one, two = await self.agent("agent", 0), await self.agent("agent2", 1)
        waiting = await self.waiting(4)
        for _ in range(4):
            for desk in (one, two):
                for offer in list(desk.offers.values()):
                    await desk.rest.post(f"/offers/{offer['id']}/accept")
            await asyncio.sleep(0.4)
        loads = [(await d.rest.get("/me")).body["presence"]["load"] for d in (one, two)]
        self.assertEqual(loads, [2, 2])
        for _, chat_id, _ in waiting:
            self.assertEqual(self.sql("select status from support.chat_sessions where id = %s", chat_id), [("assigned",)])
