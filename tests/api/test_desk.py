"""What staff do beside the conversation: give a chat back, look at the customer's card and history, change the own password."""
from client import Rest
from harness import SITE, uid
from test_queue import QueueTest


class GivingBack(QueueTest):
    async def test_a_chat_goes_to_somebody_else(self):
        customer, agent, chat_id = await self.pair()
        queued = self.sql("select queued_at from support.chat_sessions where id = %s", chat_id)
        other = await self.agent("agent2", 1)
        answer = await agent.rest.post(f"/chats/{chat_id}/requeue")
        self.assertEqual((answer.status, answer.raw), (204, b""), answer)
        offer = await self.wait_offer(other, chat_id)
        await customer.wait(lambda: customer.chat(chat_id).state["status"] == "queued", what="queued")
        self.assertEqual(self.sql("select queued_at from support.chat_queue where id = %s", offer["entry_id"]), queued, "it keeps its age")
        last = customer.chat(chat_id).picture()[0][-1]
        self.assertEqual((last["body"], last["params"]), ("requeued", {"staff_id": agent.me["id"], "staff_name": agent.me["name"], "reason": "given_back"}))
        self.assert_problem(await agent.rest.post(f"/chats/{chat_id}/requeue"), 409, "not_assigned")
        self.assertEqual((await other.rest.post(f"/offers/{offer['id']}/decline")).status, 204)
        self.assertEqual(agent.offers, {}, "offered again to who gave it back")

    async def test_who_may_not(self):
        customer, agent, chat_id = await self.pair()
        self.assert_problem(await (await self.staff("agent2")).post(f"/chats/{chat_id}/requeue"), 404, "chat_not_found")
        self.assert_problem(await customer.rest.post(f"/chats/{chat_id}/requeue"), 403, "denied")
        await agent.rest.post(f"/chats/{chat_id}/close")
        self.assert_problem(await agent.rest.post(f"/chats/{chat_id}/requeue"), 409, "chat_closed")

    async def test_not_under_a_call(self):
        customer, agent, chat_id = await self.pair(sockets=(0, 0))
        await customer.rest.post("/call/start", {"client_key": uid(), "chat_id": chat_id})
        self.assert_problem(await agent.rest.post(f"/chats/{chat_id}/requeue"), 409, "call_live")


class Card(QueueTest):
    async def test_card_and_history(self):
        customer, agent, first = await self.pair()
        await agent.rest.post(f"/chats/{first}/close")
        second = (await self.start_chat(customer.rest, "again"))["chat"]["id"]
        offer = await self.wait_offer(agent, second)
        await agent.rest.post(f"/offers/{offer['id']}/accept")
        customer_id = customer.me["id"]
        card = (await agent.rest.get(f"/customers/{customer_id}")).body["customer"]
        self.assertEqual((card["id"], card["name"], card["open_chat_id"], card["chats"]), (customer_id, customer.rest.name, second, 2))
        listed, cursor = [], ""
        while cursor is not None:
            page = (await agent.rest.get(f"/customers/{customer_id}/chats?limit=1{cursor and '&cursor=' + cursor}")).body
            listed += [c["id"] for c in page["items"]]
            cursor = page["next"]
        self.assertEqual(listed, [second, first])
        trail = self.sql("select action, count(*) from support.support_activity_logs where subject_kind = 'customer' and subject_ref = "
                         "support.customer_ref(%s) and actor_kind = 'staff' group by 1 order by 1", customer_id)
        self.assertEqual(trail, [("customer.history", 2), ("customer.read", 1)])

    async def test_only_what_one_may_see(self):
        customer, _, _ = await self.pair()
        customer_id = customer.me["id"]
        other = await self.staff("agent2")
        self.assert_problem(await other.get(f"/customers/{customer_id}"), 404, "not_found")
        self.assertEqual((await other.get(f"/customers/{customer_id}/chats")).body, {"items": [], "next": None})
        self.assert_problem(await customer.rest.get(f"/customers/{customer_id}"), 403, "denied")
        self.assert_problem(await other.get(f"/customers/{customer_id}/chats?cursor=x"), 400, "not_an_id")
        self.assert_problem(await other.get("/customers/x"), 404)


class Password(QueueTest):
    async def test_change(self):
        admin = await self.staff("admin")
        account = {"email": f"{uid()}@bank.example", "name": "Zuri Wafula", "role": "agent", "password": "first password 1"}
        self.assertEqual((await admin.post("/staff", account)).status, 201)
        rest, tab = Rest(self.bases, None, SITE), Rest(self.bases, None, SITE)
        for session in (rest, tab):
            await session.login(account["email"], "first password 1")
        socket = await self.connect(tab, "tab")
        for old, new, status, code in (("wrong", "second password 2", 401, "bad_credentials"), ("first password 1", "short", 422, "too_short"),
                                       ("first password 1", None, 400, None)):
            body = {"old_password": old, "new_password": new}
            self.assert_problem(await rest.put("/me/password", {k: v for k, v in body.items() if v}), status, code)
        self.assertEqual((await rest.get("/me")).status, 200)
        done = await rest.put("/me/password", {"old_password": "first password 1", "new_password": "second password 2"})
        self.assertEqual(done.status, 204, done)
        self.assertIn("supportd_session=;", done.headers["Set-Cookie"])
        self.assertEqual([(await r.get("/me", base=n)).status for n, r in enumerate((rest, tab))], [401, 401])
        await socket.wait(lambda: socket.last_close == 1012, what="the socket to be closed")
        await socket.close()
        self.assert_problem(await rest.post("/session", {"email": account["email"], "password": "first password 1"}), 401, "bad_credentials")
        await rest.login(account["email"], "second password 2")
        self.assertEqual((await rest.get("/me")).status, 200)

    async def test_who_has_none(self):
        self.assert_problem(await self.customer().put("/me/password", {"old_password": "x", "new_password": "second password 2"}), 403, "denied")
