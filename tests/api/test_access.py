"""Who must not hear: staff who have lost a chat, people who were removed, calls that nobody answers for."""
import asyncio

from harness import ApiTest, uid


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
