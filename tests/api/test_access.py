"""Who must not hear: staff who have lost a chat, people who were removed, calls that nobody answers for."""
import asyncio
import os
import re
import urllib.request

from harness import ROOT, ApiTest, uid

with open(os.path.join(ROOT, "tests", "vectors", "sdp", "chromium156-audio-gum.sdp"), encoding="utf-8") as _file:
    SDP = _file.read()


class Access(ApiTest):
    async def test_who_only_looked_hears_nothing_after_the_assignment(self):
        looker_rest = await self.staff("agent2")
        await looker_rest.put("/me/presence", {"chosen": "away"})
        looker = await self.connect(looker_rest, "looker", 0)
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        chat_id = (await self.start_chat(rest, "waiting"))["chat"]["id"]
        await looker.open(chat_id)
        await looker.wait_seq(chat_id, 1)
        agent_rest = await self.staff("agent")
        agent = await self.connect(agent_rest, "agent", 0)
        await self.available(agent_rest)
        offer = await self.wait_offer(agent, chat_id)
        self.assertEqual((await agent_rest.post(f"/offers/{offer['id']}/accept")).status, 200)
        await self.assigned(agent, chat_id)
        await asyncio.sleep(0.5)
        for n in range(3):
            await customer.send(chat_id, f"for the agent alone {n}")
        await agent.wait_seq(chat_id, 4)
        await asyncio.sleep(0.3)
        self.assertEqual(looker.chat(chat_id).seq, 1, "agent2 hears a chat of somebody else")
        self.assertEqual((await looker_rest.get(f"/chats/{chat_id}")).status, 404)
        self.assertEqual((await looker_rest.get(f"/chats/{chat_id}/messages")).status, 404)

    async def test_reading_the_list_alone_leaves_a_row(self):
        _, agent, chat_id = await self.pair(sockets=(0, 0))
        count = "select count(*) from support.support_activity_logs where action = 'chat.read' and request_id is not null"
        before = self.sql(count)[0][0]
        await agent.rest.must("GET", f"/chats/{chat_id}/messages")
        self.assertEqual(self.sql(count)[0][0], before + 1)

    async def test_unknown_chat_has_no_list(self):
        rest = self.customer()
        self.assert_problem(await rest.get(f"/chats/{uid()}/messages"), 404, "chat_not_found")

    async def test_one_client_id_of_two_people(self):
        one, agent, chat_one = await self.pair(sockets=(0, 0))
        client_id = uid()
        await one.send(chat_one, "first", client_id)
        rest = self.customer()
        other = await self.connect(rest, "other", 0)
        chat_two = (await self.start_chat(rest, "hello"))["chat"]["id"]
        await other.send(chat_two, "second", client_id)
        self.assertEqual((await self.server_list(rest, chat_two))[-1]["body"], "second")
        del agent

    async def test_too_long_by_configuration(self):
        rest = self.customer()
        chat_id = (await self.start_chat(rest, "hello"))["chat"]["id"]
        answer = await rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "x" * 4001})
        self.assert_problem(answer, 422, "too_long")

    async def test_a_removed_person_is_cut_off_everywhere(self):
        admin = await self.staff("admin")
        made = await admin.must("POST", "/staff", {"email": f"{uid()}@bank.example", "name": "Temp Person", "role": "agent",
                                                   "password": "a long enough password"})
        key = "temp-" + made["staff"]["id"]
        self.stack.staff[key] = {"email": made["staff"]["email"], "password": "a long enough password"}
        person = await self.staff(key)
        client = await self.connect(person, "removed", 1)
        closed = asyncio.ensure_future(client.ws.wait_closed())
        self.assertEqual((await admin.delete(f"/staff/{made['staff']['id']}")).status, 204)
        await asyncio.wait_for(closed, 5)
        await client.close()

    async def test_a_refusal_by_role_is_recorded(self):
        rest = self.customer()
        await rest.must("GET", "/me")
        answer = await rest.get("/staff")
        self.assert_problem(answer, 403, "denied")
        request = answer.headers["X-Request-Id"]
        await asyncio.sleep(0.3)
        rows = self.sql("select action, outcome, reason from support.support_activity_logs where request_id = %s", request)
        self.assertEqual(rows, [("staff.list", "denied", "role")])


class Calls(ApiTest):
    def legs(self):
        with urllib.request.urlopen(self.stack.daemons[0].http + "/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return int(float(re.search(r"^supportd_call_legs (\S+)$", text, re.M).group(1)))

    async def until_legs(self, count):
        for _ in range(100):
            if self.legs() == count:
                return
            await asyncio.sleep(0.05)
        self.assertEqual(self.legs(), count)

    async def ringing(self, agent_rest, agent):
        """A call of a new customer that rings at the agent, both legs offered: (rest, call, offer)."""
        before = self.legs()
        rest = self.customer()
        customer = await self.connect(rest, "caller", 0)
        started = await rest.request("POST", "/api/support/call/start", {"client_key": uid()}, base=0)
        self.assertEqual(started.status, 201, started)
        call, chat_id = started.body["call"], started.body["chat"]["id"]
        self.open_chats.append((rest, chat_id))
        await customer.ask(type="call.offer", call_id=call["id"], sdp=SDP)
        await self.available(agent_rest)
        offer = await self.wait_offer(agent, chat_id)
        await agent.ask(type="call.offer", call_id=call["id"], sdp=SDP)
        self.assertEqual(self.legs(), before + 2)
        return rest, call, offer

    async def test_a_picked_call_drops_the_leg_of_who_was_asked(self):
        before = self.legs()
        asked_rest, picker_rest = await self.staff("agent"), await self.staff("agent2")
        await picker_rest.put("/me/presence", {"chosen": "away"})
        asked = await self.connect(asked_rest, "asked", 0)
        rest, call, offer = await self.ringing(asked_rest, asked)
        picked = await picker_rest.post(f"/queue/{offer['entry_id']}/pick", base=0)
        self.assertEqual(picked.status, 200, picked)
        await self.until_legs(before + 1)
        self.assertEqual((await rest.get(f"/calls/{call['id']}")).body["call"]["state"], "active")
        await self.assert_refused(asked.ask(type="call.offer", call_id=call["id"], sdp=SDP), "call_not_found")
        await picker_rest.must("POST", f"/calls/{call['id']}/end", {})
        await self.until_legs(before)

    async def test_the_end_of_a_ringing_call_takes_the_offer_back(self):
        before = self.legs()
        agent_rest = await self.staff("agent")
        agent = await self.connect(agent_rest, "agent", 0)
        rest, call, offer = await self.ringing(agent_rest, agent)
        await rest.must("POST", f"/calls/{call['id']}/end", {})
        await agent.wait(lambda: any(f["offer_id"] == offer["id"] for f in agent.of_type("offer.gone")), 5, "offer.gone")
        await self.until_legs(before)

    async def test_an_answer_and_an_offer_at_once(self):
        agent_rest = await self.staff("agent")
        agent = await self.connect(agent_rest, "agent", 0)
        rest = self.customer()
        await self.connect(rest, "caller", 0)
        started = (await rest.post("/call/start", {"client_key": uid()}, base=0)).body
        self.open_chats.append((rest, started["chat"]["id"]))
        await self.available(agent_rest)
        offer = await self.wait_offer(agent, started["chat"]["id"])
        answered, accepted = await asyncio.gather(agent.ask(type="call.offer", call_id=started["call"]["id"], sdp=SDP),
                                                  agent_rest.post(f"/offers/{offer['id']}/accept", base=0))
        self.assertEqual((answered["type"], accepted.status), ("call.answer", 200))
