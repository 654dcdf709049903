"""The same client id many times at once over several connections and both daemons: one row, one answer."""
import asyncio

from harness import FULL, ApiTest, evidence, rng, uid

ROUNDS = 20 if FULL else 2
COPIES = 20


class SameId(ApiTest):
    async def test_twenty_at_once(self):
        customer, agent, chat_id = await self.pair()
        random = rng("same_id")
        tabs = [await self.connect(customer.rest, f"tab{n}", n % 2) for n in range(4)]
        for tab in tabs:
            await tab.open(chat_id)
        for n in range(ROUNDS):
            client_id = uid()
            frame = {"type": "message.send", "chat_id": chat_id, "client_id": client_id, "body": f"same {n}"}
            order = [tabs[i % 4] for i in range(COPIES)]
            random.shuffle(order)
            answers = await asyncio.gather(*(tab.ask(**frame) for tab in order))
            self.assertEqual([a["type"] for a in answers], ["message.ack"] * COPIES)
            self.assertEqual([a["message"] for a in answers], [answers[0]["message"]] * COPIES)
            self.assertEqual(sorted(a["repeated"] for a in answers), [False] + [True] * (COPIES - 1))
            rows = self.sql("select seq from support.chat_messages where chat_id = %s and client_id = %s", chat_id, client_id)
            self.assertEqual(rows, [(answers[0]["message"]["seq"],)])
            await asyncio.sleep(0.3)  # 20 frames a second and connection are allowed
        await self.settle(chat_id, customer, agent, *tabs)
        self.assertEqual(agent.chat(chat_id).bodies()[1:], [f"same {n}" for n in range(ROUNDS)])
        for tab in tabs + [customer]:
            self.assertEqual(tab.chat(chat_id).messages, agent.chat(chat_id).messages)
        evidence("same_id", {"rounds": ROUNDS, "copies": COPIES, "connections": 4, "daemons": 2}, {"rows_per_id": 1})

    async def test_over_rest(self):
        customer, agent, chat_id = await self.pair()
        body = {"client_id": uid(), "body": "over rest"}
        answers = await asyncio.gather(*(customer.rest.post(f"/chats/{chat_id}/messages", body, base=n) for n in range(COPIES)))
        self.assertEqual(sorted(a.status for a in answers), [200] * (COPIES - 1) + [201])
        self.assertEqual([a.body["message"] for a in answers], [answers[0].body["message"]] * COPIES)
        await self.settle(chat_id, customer, agent)

    async def test_the_id_belongs_to_its_sender(self):
        """The same id from the other side of the chat is another message."""
        customer, agent, chat_id = await self.pair()
        client_id = uid()
        first = await customer.send(chat_id, "mine", client_id)
        second = await agent.send(chat_id, "also mine", client_id)
        self.assertFalse(second["repeated"])
        self.assertNotEqual(first["message"]["id"], second["message"]["id"])
        await self.settle(chat_id, customer, agent)
