"""Masking through the running system: both sides and the tables hold the masked text alone."""
import json
import os

from harness import FULL, ROOT, ApiTest, evidence, luhn_card, luhn_digit, rng, uid

CARD, MASKED = "my card is 4111 1111 1111 1111", "my card is **** **** **** 1111"


def corpus(name):
    with open(os.path.join(ROOT, "tests", "vectors", "mask", name + ".jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Masking(ApiTest):
    def stored(self, chat_id):
        return [r[0] for r in self.sql("select body from support.chat_messages where chat_id = %s order by created_at, seq, note_seq", chat_id)]

    async def test_card(self):
        customer, agent, chat_id = await self.pair()
        ack = await customer.send(chat_id, CARD)
        self.assertEqual((ack["message"]["body"], ack["message"]["masked"]), (MASKED, ["card"]))
        await self.settle(chat_id, customer, agent)
        for client in (customer, agent):
            self.assertEqual(client.chat(chat_id).bodies()[-1], MASKED)
            self.assertNotIn("4111 1111", json.dumps(client.frames))
        self.assertIn(MASKED, self.stored(chat_id))
        self.assertFalse([b for b in self.stored(chat_id) if "4111" in b])

    async def test_everywhere_text_goes_in(self):
        rest = self.customer()
        started = await self.start_chat(rest, CARD)
        self.assertEqual((started["message"]["body"], started["message"]["masked"]), (MASKED, ["card"]))
        await rest.post(f"/chats/{started['chat']['id']}/close")
        customer, agent, chat_id = await self.pair()
        over_rest = await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": CARD})
        self.assertEqual(over_rest.body["message"]["body"], MASKED)
        by_agent = await agent.send(chat_id, CARD)
        self.assertEqual(by_agent["message"]["body"], MASKED)
        note = await agent.note(chat_id, CARD)
        self.assertEqual((note["message"]["body"], note["message"]["masked"]), (MASKED, ["card"]))
        note = await agent.rest.post(f"/chats/{chat_id}/notes", {"client_id": uid(), "body": CARD})
        self.assertEqual(note.body["message"]["body"], MASKED)
        await self.settle(chat_id, customer, agent)

    async def test_number_over_two_messages(self):
        customer, agent, chat_id = await self.pair()
        first = await customer.send(chat_id, "my card is 4539 2131")
        self.assertEqual(first["message"]["masked"], [])
        second = await customer.send(chat_id, "0772 7480")
        self.assertEqual(second["message"]["body"], "**** 7480")
        for client in (customer, agent):
            chat = client.chat(chat_id)
            await client.wait(lambda c=chat: first["message"]["id"] in c.remasked, what="message.masked")
            self.assertEqual(chat.bodies()[-2:], ["my card is **** ****", "**** 7480"])
            self.assertEqual(chat.messages[first["message"]["seq"]]["masked"], ["card"])
        await self.settle(chat_id, customer, agent)
        self.assertFalse([b for b in self.stored(chat_id) if "4539" in b or "0772" in b])
        audit = self.sql("select count(*) from support.support_activity_logs where action like '%%mask%%' and subject_ref = %s "
                         "or detail::text like %s", first["message"]["id"], f"%{first['message']['id']}%")
        self.assertGreaterEqual(audit[0][0], 1, "no audit row of the masking in place")

    async def test_what_cannot_be_masked_is_not_completed(self):
        """When the first part of a number cannot be masked, the part that completes it is refused; later it goes through."""
        customer, agent, chat_id = await self.pair()
        await customer.send(chat_id, "my card is 4111 1111")
        body = {"client_id": uid(), "body": "1111 1111 that is all"}
        columns = "update (body, categories, remask_rev) on support.chat_messages"
        self.sql(f"revoke {columns} from supportd_app")
        try:
            refused = await customer.rest.post(f"/chats/{chat_id}/messages", body)
            self.assert_problem(refused, 500, "internal_error")
        finally:
            self.sql(f"grant {columns} to supportd_app")
        self.assertEqual([b for b in self.stored(chat_id) if "1111 that" in b], [], "stored though the first part is clear")
        again = await customer.rest.post(f"/chats/{chat_id}/messages", body)
        self.assertEqual((again.status, again.body["message"]["body"]), (201, "**** 1111 that is all"))
        self.assertEqual([b for b in self.stored(chat_id) if "4111" in b], [])
        await agent.wait(lambda: "my card is **** ****" in agent.chat(chat_id).bodies(), what="the masked first part")
        await self.settle(chat_id, customer, agent)

    async def test_resume_brings_what_was_masked_later(self):
        customer, agent, chat_id = await self.pair()
        first = await customer.send(chat_id, "my card is 4539 2131")
        await agent.wait_seq(chat_id, first["message"]["seq"])
        await agent.drop()
        await customer.send(chat_id, "0772 7480")
        await agent.welcomed.wait()
        await self.settle(chat_id, customer, agent)
        await agent.wait(lambda: first["message"]["id"] in agent.chat(chat_id).remasked, what="re-masked message")
        self.assertEqual(agent.chat(chat_id).bodies()[-2:], ["my card is **** ****", "**** 7480"])
        self.assertEqual(agent.chat(chat_id).messages, customer.chat(chat_id).messages)

    async def test_corpus(self):
        random = rng("corpus")
        lines = [c for c in corpus("positive") if c["note"].find("hard") < 0]
        negative = corpus("negative")
        if not FULL:
            lines, negative = random.sample(lines, 60), random.sample(negative, 40)
        wrong = []
        for part in range(0, len(lines) + len(negative), 40):
            rest = self.customer()
            chat_id = (await self.start_chat(rest))["chat"]["id"]
            for case in (lines + negative)[part:part + 40]:
                answer = await rest.must("POST", f"/chats/{chat_id}/messages", {"client_id": uid(), "body": case["text"]})
                # Digits alone could join with the message before: each case in its own context.
                categories = sorted({s["category"] for s in case["spans"]})
                if (answer["message"]["body"], sorted(answer["message"]["masked"])) != (case["masked"], categories):
                    wrong.append((case["id"], answer["message"]["masked"]))
            stored = "\n".join(self.stored(chat_id))
            await rest.post(f"/chats/{chat_id}/close")
            for case in lines[part:part + 40]:
                for span in case["spans"]:
                    if span["category"] in ("card", "iban"):
                        self.assertNotIn(case["text"][span["start"]:span["end"]], stored, case["id"])
        total = len(lines) + len(negative)
        evidence("mask_corpus", {"messages": total}, {"differ": len(wrong), "ids": [w[0] for w in wrong][:50]})
        self.assertLessEqual(len(wrong), total * 0.02, wrong)

    async def test_split_corpus(self):
        random = rng("split")
        cases = [c for c in corpus("split") if "hard" not in c["note"]]
        if not FULL:
            cases = random.sample(cases, 15)
        wrong = []
        for case in cases:
            rest = self.customer()
            chat_id = (await self.start_chat(rest))["chat"]["id"]
            for part in case["parts"]:
                await rest.must("POST", f"/chats/{chat_id}/messages", {"client_id": uid(), "body": part})
            bodies = [m["body"] for m in await self.server_list(rest, chat_id) if m["kind"] == "message"]
            if bodies != case["masked"] or self.stored(chat_id)[-len(bodies):] != case["masked"]:
                wrong.append((case["id"], case["parts"], bodies))
            await rest.post(f"/chats/{chat_id}/close")
        self.assertEqual(wrong, [])

    async def test_random_cards(self):
        random = rng("cards")
        customer, agent, chat_id = await self.pair()
        prefixes = [("4", 16), ("4", 13), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("3528", 16), ("62", 16), ("62", 19)]
        for _ in range(400 if FULL else 25):
            prefix = random.choice(prefixes)
            card = luhn_card(random, *prefix)
            # A group of three behind what is valid without it reads as a check number, rightly.
            while len(card) == 19 and card[15] == luhn_digit(card[:15]):
                card = luhn_card(random, *prefix)
            gap = random.choice(["", " ", "-", ".", "  ", "\u200b", " - "])
            text = "".join(d + (gap if random.random() < 0.3 else "") for d in card[:-1]) + card[-1]
            # A colon before it: "no 43..." can be a Norwegian IBAN, and one in 97 is.
            ack = await random.choice((customer, agent)).send(chat_id, f"number: {text} ok")
            self.assertEqual(ack["message"]["body"], f"number: **** **** **** {card[-4:]} ok", text)
        await self.settle(chat_id, customer, agent)

    async def test_the_first_answer_stays(self):
        """A repeat of a masked message gives the masked text, also when the repeat says something else."""
        customer, _, chat_id = await self.pair()
        first = await customer.send(chat_id, CARD)
        again = await customer.send(chat_id, CARD, first["client_id"])
        self.assertEqual((again["repeated"], again["message"]), (True, first["message"]))
