"""Calls as far as they go without sound: start, offer, ringing, answer, end, lists, refusals."""
import asyncio

from harness import ApiTest, browser_offer, uid


class Calls(ApiTest):
    async def desk(self, key="agent", socket=0):
        rest = await self.staff(key)
        client = await self.connect(rest, key, socket)
        await self.available(rest)
        return client

    async def start_call(self, rest, **more):
        answer = await rest.post("/call/start", dict({"client_key": uid()}, **more))
        self.assertIn(answer.status, (200, 201), answer)
        self.open_chats.append((rest, answer.body["chat"]["id"]))
        return answer.body

    async def asyncTearDown(self):
        for rest, chat_id in self.open_chats:
            call = (await rest.get(f"/chats/{chat_id}")).body["chat"]["call"]
            if call:
                await rest.post(f"/calls/{call['id']}/end")
        admin = await self.staff("admin")
        await admin.put("/settings/queue.wrap_up_s", {"value": 10})
        await super().asyncTearDown()

    async def no_wrap_up(self):
        admin = await self.staff("admin")
        await admin.put("/settings/queue.wrap_up_s", {"value": 0})

    async def state(self, client, call_id, state):
        def states():
            return [f["call"] for f in client.of_type("call.state") if f["call"]["id"] == call_id]
        await client.wait(lambda: states() and states()[-1]["state"] == state, what=f"call.state {state}")
        return states()[-1]

    async def test_from_start_to_end(self):
        await self.no_wrap_up()
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        started = await self.start_call(rest)  # while nobody is there: a free agent may have it before the answer is sent
        call_id = started["call"]["id"]
        self.assertTrue(started["created"])
        self.assertEqual((started["call"]["state"], started["chat"]["channel"]), ("queued", "voice"))
        self.assertIsInstance(started["ice_servers"], list)
        desk = await self.desk()
        offer = await self.wait_offer(desk, started["chat"]["id"])
        self.assertEqual((offer["kind"], offer["call_id"]), ("call", call_id))
        await self.state(desk, call_id, "ringing")
        await self.state(customer, call_id, "ringing")
        answer = await desk.rest.post(f"/offers/{offer['id']}/accept")
        self.assertEqual((answer.status, answer.body["call"]["id"], answer.body["call"]["state"]), (200, call_id, "active"))
        active = await self.state(customer, call_id, "active")
        self.assertEqual(active["staff"]["name"], self.stack.staff["agent"]["name"])
        await customer.ask(type="call.offer", call_id=call_id, sdp=browser_offer())
        await customer.post(type="call.mute", call_id=call_id, muted=True)
        await desk.wait(lambda: desk.of_type("call.state")[-1]["muted"]["customer"], what="mute")
        for caller in (rest, desk.rest):
            self.assertEqual((await caller.get(f"/calls/{call_id}")).body["call"]["state"], "active")
            self.assertEqual((await caller.get("/calls?limit=1")).body["items"][0]["id"], call_id)
            self.assertEqual((await caller.get(f"/calls/{call_id}/quality")).status, 200)
        ended = await rest.post(f"/calls/{call_id}/end")
        self.assertEqual((ended.body["call"]["state"], ended.body["call"]["end_reason"]), ("ended", "customer_hangup"))
        again = await desk.rest.post(f"/calls/{call_id}/end")
        self.assertEqual((again.status, again.body), (200, ended.body))
        for client in (customer, desk):
            self.assertIsNotNone((await self.state(client, call_id, "ended"))["ended_at"])
        self.assertIsNone((await rest.get(f"/chats/{started['chat']['id']}")).body["chat"]["call"])

    async def test_agent_hangs_up(self):
        await self.no_wrap_up()
        desk = await self.desk()
        rest = self.customer()
        started = await self.start_call(rest)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        await desk.rest.post(f"/offers/{offer['id']}/accept")
        ended = await desk.rest.post(f"/calls/{started['call']['id']}/end")
        self.assertEqual(ended.body["call"]["end_reason"], "agent_hangup")

    async def test_caller_gives_up(self):
        desk = await self.desk()
        rest = self.customer()
        started = await self.start_call(rest)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        ended = await rest.post(f"/calls/{started['call']['id']}/end")
        self.assertEqual(ended.body["call"]["end_reason"], "abandoned")
        await desk.wait(lambda: not desk.offers, what="withdrawn offer")
        self.assert_problem(await desk.rest.post(f"/offers/{offer['id']}/accept"), 409, "offer_gone")
        self.assertEqual([e for e in (await desk.rest.get("/queue")).body["items"] if e["call_id"] == started["call"]["id"]], [])

    async def test_double_start_gives_one_call(self):
        rest = self.customer()
        key = uid()
        answers = await asyncio.gather(*(rest.post("/call/start", {"client_key": key if n % 2 else uid()}, base=n) for n in range(8)))
        self.assertEqual(sorted(a.status for a in answers), [200] * 7 + [201], answers)
        self.assertEqual(len({a.body["call"]["id"] for a in answers}), 1)
        self.open_chats.append((rest, answers[0].body["chat"]["id"]))

    async def test_a_call_in_a_chat_goes_to_its_agent_first(self):
        await self.no_wrap_up()
        customer, agent, chat_id = await self.pair(sockets=(0, 0))
        other = await self.desk("agent2")
        started = await self.start_call(customer.rest, chat_id=chat_id)
        self.assertEqual(started["chat"]["id"], chat_id)
        await self.wait_offer(agent, chat_id)
        self.assertEqual(other.offers, {})

    async def test_a_call_takes_all_capacity(self):
        await self.no_wrap_up()
        desk = await self.desk()
        started = await self.start_call(self.customer())
        offer = await self.wait_offer(desk, started["chat"]["id"])
        await desk.rest.post(f"/offers/{offer['id']}/accept")
        waiting = await self.start_chat(self.customer(), "wait")
        await asyncio.sleep(0.7)
        self.assertEqual(desk.offers, {})
        await desk.rest.post(f"/calls/{started['call']['id']}/end")
        await self.wait_offer(desk, waiting["chat"]["id"])

    async def test_descriptions_that_are_refused(self):
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        started = await self.start_call(rest)
        call_id = started["call"]["id"]
        for sdp in ("v=0", "x" * 5000, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"):
            with self.subTest(sdp[:20]):
                await self.assert_refused(customer.ask(type="call.offer", call_id=call_id, sdp=sdp), "sdp_refused", 422)
        stranger = await self.connect(self.customer(), "stranger", 0)
        await self.assert_refused(stranger.ask(type="call.offer", call_id=call_id, sdp="v=0\r\n"), "call_not_found", 404)
        self.assertEqual((await stranger.rest.get(f"/calls/{call_id}")).status, 404)
        self.assertEqual((await stranger.rest.post(f"/calls/{call_id}/end")).status, 404)

    async def test_a_browsers_offer_is_answered(self):
        for name in ("chromium156-audio-gum", "chromium156-audio-nogum-loopback-nomdns", "firefox-esr153-audio-gum-nomdns", "aiortc140-offer"):
            with self.subTest(name):
                await self.answered(browser_offer(name))

    async def answered(self, sdp):
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        call_id = (await self.start_call(rest))["call"]["id"]
        answer = await customer.ask(type="call.offer", call_id=call_id, sdp=sdp)
        self.assertEqual((answer["type"], answer["call_id"]), ("call.answer", call_id))
        for line in ("a=setup:passive", "a=fingerprint:sha-256", "a=ice-ufrag:", "a=rtcp-mux", "opus/48000/2"):
            self.assertIn(line, answer["sdp"])
        await customer.wait(lambda: "a=candidate:" in answer["sdp"] or customer.of_type("call.candidate"), what="candidates of the daemon")
        await customer.post(type="call.candidate", call_id=call_id, candidate="")

    async def test_calls_can_be_switched_off(self):
        admin = await self.staff("admin")
        rest = self.customer()
        await admin.put("/settings/features.calls", {"value": False})
        try:
            for _ in range(40):
                answer = await rest.post("/call/start", {"client_key": uid()})
                if answer.status == 403:
                    break
                await rest.post(f"/calls/{answer.body['call']['id']}/end")
                await asyncio.sleep(0.05)
            self.assert_problem(answer, 403, "feature_off")
        finally:
            await admin.put("/settings/features.calls", {"value": True})
        await asyncio.sleep(0.3)
