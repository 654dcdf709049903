"""System messages: what happened to a chat stands in it, with a seq of its own, the same for both sides, and is nobody's
message."""
import asyncio

from harness import uid
from test_queue import QueueTest


def system(client, chat_id):
    """(code, params) of the system messages, in order."""
    return [(m["body"], m["params"]) for _, m in sorted(client.chat(chat_id).messages.items()) if m["kind"] == "system"]


def person(client):
    return {"staff_id": client.me["id"], "staff_name": client.me["name"]}


class SystemMessages(QueueTest):
    async def same(self, chat_id, customer, *staff):
        """Both sides hold the same list, the one that REST gives; the numbers have no gap."""
        await self.settle(chat_id, customer, *staff)
        listed = await self.server_list(customer.rest, chat_id)
        self.assertEqual([m["seq"] for m in listed], list(range(1, len(listed) + 1)))
        for client in (customer, *staff):
            self.assertEqual(client.chat(chat_id).picture()[0], listed)
        for message in listed:
            if message["kind"] == "system":
                self.assertEqual((message["sender"], message["client_id"]), ({"kind": "system", "id": None, "name": None}, None))

    async def test_the_agent_has_joined(self):
        for sockets in ((0, 1), (1, 1)):
            customer, agent, chat_id = await self.pair(sockets=sockets, text=None)
            await customer.wait(lambda: system(customer, chat_id), what="assigned")
            self.assertEqual(system(customer, chat_id), [("assigned", person(agent))])
            self.assertTrue(agent.me["name"])
            await self.same(chat_id, customer, agent)

    async def test_it_comes_by_itself(self):
        """To who follows the chat already, before the state that counts it, and once."""
        customer, agent, chat_id = await self.pair()
        await self.settle(chat_id, customer, agent)
        before = len(customer.frames)
        self.assertEqual((await agent.rest.post(f"/chats/{chat_id}/close")).status, 200)
        await customer.wait(lambda: customer.chat(chat_id).state["status"] == "closed", what="closed state")
        frames = customer.frames[before:]
        said = [n for n, f in enumerate(frames) if f["type"] == "message.new"]
        self.assertEqual([frames[n]["message"]["body"] for n in said], ["closed"])
        counted = [n for n, f in enumerate(frames) if f["type"] == "chat.state"
                   and f["state"]["seq"] == frames[said[0]]["message"]["seq"]]
        self.assertLess(said[0], counted[0], "the state came first")
        self.assertEqual(system(customer, chat_id)[-1], ("closed", dict(person(agent), by="staff", reason="resolved")))
        self.assertNotIn("chat.open", [f["type"] for f in frames])
        await self.same(chat_id, customer)

    async def test_after_a_break(self):
        customer, agent, chat_id = await self.pair()
        await customer.drop()
        await agent.rest.post(f"/chats/{chat_id}/close")
        await customer.wait(lambda: system(customer, chat_id)[-1][0] == "closed", what="closed after resume")
        await self.same(chat_id, customer)

    async def test_no_answer_and_nobodys_message(self):
        customer, agent, chat_id = await self.pair()
        rows = "select first_response_at is null, last_message_at = (select max(created_at) from support.chat_messages " \
               "where chat_id = c.id and kind = 'message') from support.chat_sessions c where id = %s"
        self.assertEqual(self.sql(rows, chat_id), [(True, True)])
        await agent.send(chat_id, "good morning")
        self.assertEqual(self.sql(rows, chat_id), [(False, True)])

    async def test_a_call_from_start_to_end(self):
        customer, agent, chat_id = await self.pair(sockets=(0, 0))
        call_id = (await customer.rest.post("/call/start", {"client_key": uid(), "chat_id": chat_id})).body["call"]["id"]
        offer = await self.wait_offer(agent, chat_id)
        self.assertEqual((await agent.rest.post(f"/offers/{offer['id']}/accept")).status, 200)
        await asyncio.sleep(0.3)
        self.assertEqual((await customer.rest.post(f"/calls/{call_id}/end")).status, 200)
        await customer.wait(lambda: system(customer, chat_id)[-1][0] == "call_ended", what="call_ended")
        found = system(customer, chat_id)
        self.assertEqual([code for code, _ in found], ["assigned", "call_started", "call_answered", "call_ended"])
        self.assertEqual(found[1][1], {"call_id": call_id})
        self.assertEqual(found[2][1], dict(person(agent), call_id=call_id))
        self.assertEqual((found[3][1]["call_id"], found[3][1]["reason"]), (call_id, "customer_hangup"))
        self.assertTrue(300 <= found[3][1]["duration_ms"] < 60000, found[3])
        await self.same(chat_id, customer, agent)

    async def test_a_call_that_nobody_answers(self):
        rest = self.customer()
        customer = await self.connect(rest, "customer")
        started = (await rest.post("/call/start", {"client_key": uid()})).body
        chat_id, call_id = started["chat"]["id"], started["call"]["id"]
        await customer.open(chat_id)
        await rest.post(f"/calls/{call_id}/end")
        await customer.wait(lambda: len(system(customer, chat_id)) == 3, what="three system messages")
        self.assertEqual(system(customer, chat_id), [("call_started", {"call_id": call_id}),
                         ("call_missed", {"call_id": call_id, "reason": "abandoned"}), ("closed", {"by": "system", "reason": "call_ended"})])
        await self.same(chat_id, customer)

    async def test_waited_too_long(self):
        await self.setting("queue.timeout_s", 1)
        await self.setting("queue.step_s", 1)
        rest = self.customer()
        customer = await self.connect(rest, "customer", 1)
        chat_id = (await self.start_chat(rest))["chat"]["id"]
        await customer.open(chat_id)
        await customer.wait(lambda: customer.chat(chat_id).state["queue"]["escalation"] >= 2, 15, "second step")
        self.assertEqual(system(customer, chat_id), [("queue_timeout", {"step": 1})])
        await self.same(chat_id, customer)

    async def test_the_agent_is_gone(self):
        await self.setting("queue.grace_s", 1)
        customer, agent, chat_id = await self.pair("agent2")
        lost = dict(person(agent), reason="connection_lost")
        await agent.close()
        await customer.wait(lambda: customer.chat(chat_id).state["status"] == "queued", 20, "back in the queue")
        self.assertEqual(system(customer, chat_id)[-1], ("requeued", lost))
        await self.same(chat_id, customer)
