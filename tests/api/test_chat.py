"""A chat between a customer and an agent, over both daemons: sending, receipts, resume, tabs, history, close."""
import asyncio
import json

from harness import ApiTest, rng, uid
from protocol import state_hash


class Conversation(ApiTest):
    async def test_end_to_end(self):
        customer, agent, chat_id = await self.pair(text="hello, I need help")
        ack = await customer.send(chat_id, "where is my salary?")
        self.assertFalse(ack["repeated"])
        self.assertEqual(ack["message"]["body"], "where is my salary?")
        self.assertEqual(ack["message"]["sender"]["name"], customer.rest.name)
        await agent.send(chat_id, "let me look")
        await self.settle(chat_id, customer, agent)
        for client in (customer, agent):
            self.assertEqual(client.chat(chat_id).bodies(), ["hello, I need help", "where is my salary?", "let me look"])
        rows = self.sql("select seq, body from support.chat_messages where chat_id = %s and kind = 'message' order by seq", chat_id)
        self.assertEqual([r[1] for r in rows], customer.chat(chat_id).bodies())

    async def test_acknowledged_only_after_the_commit(self):
        """While another transaction holds the chat's row nothing is acknowledged; then it is, and the row is there."""
        customer, agent, chat_id = await self.pair()
        with self.stack.postgres.connect() as holder:
            holder.autocommit = False
            with holder.cursor() as cursor:
                cursor.execute("select 1 from support.chat_sessions where id = %s for update", (chat_id,))
                client_id = uid()
                sending = asyncio.create_task(customer.send(chat_id, "while locked", client_id))
                await asyncio.sleep(0.7)
                self.assertFalse(sending.done(), "acknowledged before the commit")
                self.assertNotIn("while locked", agent.chat(chat_id).bodies())
            holder.rollback()
        await asyncio.wait_for(sending, 10)
        rows = self.sql("select count(*) from support.chat_messages where chat_id = %s and client_id = %s", chat_id, client_id)
        self.assertEqual(rows, [(1,)])
        await agent.wait(lambda: "while locked" in agent.chat(chat_id).bodies(), what="message at the agent")

    async def test_every_acknowledged_message_is_in_the_table(self):
        customer, _, chat_id = await self.pair()
        for n in range(20):
            ack = await customer.send(chat_id, f"message {n}")
            rows = self.sql("select seq from support.chat_messages where chat_id = %s and id = %s", chat_id, ack["message"]["id"])
            self.assertEqual(rows, [(ack["message"]["seq"],)])

    async def test_repeats_give_the_first_answer(self):
        customer, agent, chat_id = await self.pair()
        client_id = uid()
        first = await customer.send(chat_id, "once", client_id)
        second = await customer.send(chat_id, "once", client_id)
        self.assertTrue(second["repeated"])
        self.assertEqual(first["message"], second["message"])
        other = await customer.send(chat_id, "another text under the same id", client_id)
        self.assertEqual((other["repeated"], other["message"]), (True, first["message"]))
        over_rest = await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": client_id, "body": "once"})
        self.assertEqual((over_rest.status, over_rest.body), (200, {"message": first["message"], "repeated": True}))
        await self.settle(chat_id, customer, agent)
        self.assertEqual(agent.chat(chat_id).bodies().count("once"), 1)

    async def test_idempotency_key(self):
        customer, _, chat_id = await self.pair()
        client_id = uid()
        body = {"client_id": client_id, "body": "keyed"}
        path = f"/chats/{chat_id}/messages"
        good = await customer.rest.post(path, body, headers={"Idempotency-Key": client_id})
        self.assertEqual(good.status, 201)
        self.assert_problem(await customer.rest.post(path, body, headers={"Idempotency-Key": uid()}), 422, "key_mismatch")

    async def test_receipts(self):
        customer, agent, chat_id = await self.pair()
        seq = (await customer.send(chat_id, "read me"))["message"]["seq"]
        await agent.wait_seq(chat_id, seq)
        await agent.post(type="chat.receipt", chat_id=chat_id, delivered_seq=seq, read_seq=seq)

        def mark(kind):
            marks = customer.chat(chat_id).state["marks"]
            self.assertEqual(marks, sorted(marks, key=lambda m: (m["kind"], m["id"])))
            return next(((m["delivered_seq"], m["read_seq"]) for m in marks if m["kind"] == kind), (0, 0))
        await customer.wait(lambda: mark("staff") == (seq, seq), what="read receipt")
        lower = await agent.rest.post(f"/chats/{chat_id}/receipts", {"delivered_seq": 1, "read_seq": 1})
        self.assertEqual(lower.status, 200)
        beyond = await customer.rest.post(f"/chats/{chat_id}/receipts", {"delivered_seq": seq + 1000})
        self.assertEqual(beyond.status, 200, beyond)
        await self.settle(chat_id, customer, agent)
        self.assertEqual(mark("staff"), (seq, seq))
        self.assertLessEqual(mark("customer")[0], customer.chat(chat_id).seq)

    async def test_typing(self):
        customer, agent, chat_id = await self.pair()
        await customer.post(type="chat.typing", chat_id=chat_id, active=True)
        await agent.wait(lambda: agent.chat(chat_id).typing, what="typing")
        who, active = agent.chat(chat_id).typing[-1]
        self.assertEqual((who["kind"], who["name"], active), ("customer", customer.rest.name, True))
        await agent.post(type="chat.typing", chat_id=chat_id, active=True)
        await agent.post(type="chat.typing", chat_id=chat_id, active=False)
        await customer.wait(lambda: any(not t[1] for t in customer.chat(chat_id).typing), what="typing off")
        self.assertEqual(customer.chat(chat_id).typing[-1][0]["kind"], "staff")

    async def test_presence_of_the_other_side(self):
        customer, agent, chat_id = await self.pair()
        await agent.wait(lambda: agent.chat(chat_id).presence == (True, True), what="presence")
        await customer.close()
        await agent.wait(lambda: agent.chat(chat_id).presence == (False, True), 20, "customer gone")

    async def test_notes_never_reach_the_customer(self):
        customer, agent, chat_id = await self.pair()
        ack = await agent.note(chat_id, "suspicious caller")
        self.assertEqual(ack["message"]["kind"], "note")
        again = await agent.note(chat_id, "suspicious caller", ack["client_id"])
        self.assertEqual((again["repeated"], again["message"]), (True, ack["message"]))
        await agent.wait(lambda: agent.chat(chat_id).note_seq == 1, what="note")
        rest = await agent.rest.post(f"/chats/{chat_id}/notes", {"client_id": uid(), "body": "second"})
        self.assertEqual((rest.status, rest.body["message"]["note_seq"]), (201, 2))
        await agent.send(chat_id, "done")
        await self.settle(chat_id, customer, agent)
        self.assertEqual([n["body"] for n in agent.chat(chat_id).notes.values()], ["suspicious caller", "second"])
        self.assertEqual(await self.server_list(agent.rest, chat_id, "notes", "after_note_seq", "note_seq"),
                         [n for _, n in sorted(agent.chat(chat_id).notes.items())])
        self.assertNotIn("suspicious", json.dumps(customer.frames))
        self.assertNotIn("note_seq", json.dumps(customer.frames))
        await customer.open(chat_id)
        self.assertEqual(customer.chat(chat_id).notes, {})
        self.assert_problem(await customer.rest.get(f"/chats/{chat_id}/notes"), 403)
        await self.assert_refused(customer.ask(type="note.send", chat_id=chat_id, client_id=uid(), body="mine"), "denied", 403)

    async def test_notes_never_reach_a_customer_of_the_same_daemon(self):
        customer, agent, chat_id = await self.pair(sockets=(0, 0))
        await agent.note(chat_id, "the card is 4111 1111")
        await agent.note(chat_id, "1111 1111 suspicious")  # masks the first in place
        await agent.send(chat_id, "done")
        await self.settle(chat_id, customer, agent)
        await agent.wait(lambda: agent.of_type("message.masked"), what="masked note")
        await customer.open(chat_id)
        self.assertEqual(agent.chat(chat_id).note_seq, 2)
        for word in ("suspicious", "the card is", "note_seq", '"note"'):
            self.assertNotIn(word, json.dumps(customer.frames))

    async def test_tags(self):
        customer, agent, chat_id = await self.pair()
        for tag in ("card", "urgent", "card"):
            answer = await agent.rest.put(f"/chats/{chat_id}/tags/{tag}")
            self.assertEqual(answer.status, 200, answer)
        self.assertEqual(sorted(answer.body["chat"]["tags"]), ["card", "urgent"])
        answer = await agent.rest.delete(f"/chats/{chat_id}/tags/urgent")
        self.assertEqual(answer.body["chat"]["tags"], ["card"])
        self.assertEqual((await agent.rest.delete(f"/chats/{chat_id}/tags/urgent")).status, 200)
        await agent.wait(lambda: agent.chat(chat_id).state["tags"] == ["card"], what="tags")
        for bad in ("Card", "a" * 41, "a%20b", "a.b"):
            self.assertIn((await agent.rest.put(f"/chats/{chat_id}/tags/{bad}")).status, (404, 422), bad)
        await self.settle(chat_id, customer, agent)
        self.assertNotIn("tags", customer.chat(chat_id).state)
        self.assertNotIn("tags", json.dumps((await customer.rest.get("/chats")).body))
        self.assert_problem(await customer.rest.put(f"/chats/{chat_id}/tags/mine"), 403)

    async def test_what_each_side_sees_of_the_state(self):
        customer, agent, chat_id = await self.pair()
        await self.settle(chat_id, customer, agent)
        mine, theirs = customer.chat(chat_id).state, agent.chat(chat_id).state
        self.assertNotIn("name", mine["customer"])
        self.assertEqual(theirs["customer"]["name"], customer.rest.name)
        self.assertNotIn("note_seq", mine)
        self.assertIn("note_seq", theirs)
        self.assertNotEqual(state_hash(mine), state_hash(theirs))

    async def test_lengths(self):
        customer, _, chat_id = await self.pair()
        await customer.send(chat_id, "é" * 4000)
        await customer.send(chat_id, "\U0001f600" * 4000)
        await self.assert_refused(customer.send(chat_id, "x" * 4001), "too_long", 422)
        self.assert_problem(await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "x" * 4001}), 422, "too_long")
        self.assert_problem(await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": ""}), 422, "too_short")

    async def test_any_text_comes_back_as_it_was(self):
        customer, agent, chat_id = await self.pair()
        random = rng("texts")
        pool = ["a", " ", "\n", "\t", '"', "\\", "<b>", "é", "ش", "\u200f", "漢", "\U0001f9d1\u200d\U0001f33e", "\u2028", "/", "{}", "%s", "'"]
        texts = ["".join(random.choice(pool) for _ in range(random.randrange(1, 200))) + "." for _ in range(20)]
        for n, text in enumerate(texts):
            await (customer, agent)[n % 2].send(chat_id, text)
        await self.settle(chat_id, customer, agent)
        self.assertEqual(customer.chat(chat_id).bodies()[1:], texts)
        self.assertEqual(customer.chat(chat_id).messages, agent.chat(chat_id).messages)


class Closing(ApiTest):
    async def test_close(self):
        customer, agent, chat_id = await self.pair()
        first = await agent.rest.post(f"/chats/{chat_id}/close")
        self.assertEqual((first.status, first.body["chat"]["status"]), (200, "closed"))
        again = await agent.rest.post(f"/chats/{chat_id}/close")
        self.assertEqual((again.status, again.body), (200, first.body))
        await customer.wait(lambda: customer.chat(chat_id).state["status"] == "closed", what="closed state")
        await self.settle(chat_id, customer)
        state = customer.chat(chat_id).state
        self.assertIsNotNone(state["closed_at"])
        self.assertTrue(state["close_reason"])
        await self.assert_refused(customer.send(chat_id, "too late"), "chat_closed", 409)
        self.assert_problem(await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "late"}), 409, "chat_closed")
        self.assertEqual((await agent.rest.get(f"/chats/{chat_id}")).status, 200)

    async def test_a_new_chat_after_the_old(self):
        rest = self.customer()
        first = await self.start_chat(rest, "one")
        self.assertEqual((await rest.post(f"/chats/{first['chat']['id']}/close")).status, 200)
        second = await self.start_chat(rest, "two")
        self.assertTrue(second["created"])
        self.assertNotEqual(first["chat"]["id"], second["chat"]["id"])
        listed = (await rest.get("/chats")).body["items"]
        self.assertEqual([c["id"] for c in listed], [second["chat"]["id"], first["chat"]["id"]])
        for status, chat in (("open", second), ("closed", first)):
            items = (await rest.get(f"/chats?status={status}")).body["items"]
            self.assertEqual([c["id"] for c in items], [chat["chat"]["id"]])

    async def test_lists_by_page(self):
        rest = self.customer()
        ids = []
        for n in range(7):
            ids.insert(0, (await self.start_chat(rest, f"chat {n}"))["chat"]["id"])
            await rest.post(f"/chats/{ids[0]}/close")
        found, cursor = [], ""
        while True:
            page = (await rest.get(f"/chats?limit=3{cursor}")).body
            found += [c["id"] for c in page["items"]]
            self.assertLessEqual(len(page["items"]), 3)
            if page["next"] is None:
                break
            cursor = "&cursor=" + page["next"]
        self.assertEqual(found, ids)
        self.assert_problem(await rest.get("/chats?cursor=nonsense"), 400)


class Starting(ApiTest):
    async def test_start_with_message(self):
        rest = self.customer()
        client_id = uid()
        body = {"client_key": uid(), "language": "sw", "message": {"client_id": client_id, "body": "habari"}}
        answer = await rest.post("/chat/start", body)
        self.open_chats.append((rest, answer.body["chat"]["id"]))
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual((answer.body["created"], answer.body["message"]["body"]), (True, "habari"))
        self.assertEqual(answer.body["state_hash"], state_hash(answer.body["chat"]))
        self.assertEqual((answer.body["chat"]["status"], answer.body["chat"]["customer"]["language"]), ("queued", "sw"))
        again = await rest.post("/chat/start", body)
        self.assertEqual((again.status, again.body["created"]), (200, False))
        self.assertEqual(again.body["chat"]["id"], answer.body["chat"]["id"])
        self.assertEqual(again.body["message"], answer.body["message"])

    async def test_double_start_gives_one_chat(self):
        rest = self.customer()
        same = uid()
        bodies = [{"client_key": same}] * 6 + [{"client_key": uid()} for _ in range(6)]
        answers = await asyncio.gather(*(rest.post("/chat/start", b, base=n) for n, b in enumerate(bodies)))
        self.assertEqual(sorted(a.status for a in answers), [200] * 11 + [201], answers)
        ids = {a.body["chat"]["id"] for a in answers}
        self.assertEqual(len(ids), 1)
        self.open_chats.append((rest, ids.pop()))
        self.assertEqual(len((await rest.get("/chats")).body["items"]), 1)

    async def test_double_start_with_message_gives_one_message(self):
        rest = self.customer()
        body = {"client_key": uid(), "message": {"client_id": uid(), "body": "only once"}}
        answers = await asyncio.gather(*(rest.post("/chat/start", body, base=n) for n in range(8)))
        chat_id = answers[0].body["chat"]["id"]
        self.open_chats.append((rest, chat_id))
        self.assertEqual({a.body["message"]["id"] for a in answers}, {answers[0].body["message"]["id"]})
        bodies = [m["body"] for m in await self.server_list(rest, chat_id) if m["kind"] == "message"]
        self.assertEqual(bodies, ["only once"])

    async def test_chat_of_another_tab_comes_by_itself(self):
        rest = self.customer()
        tab = await self.connect(rest, "tab", 1)
        chat_id = (await self.start_chat(rest))["chat"]["id"]
        await tab.wait(lambda: chat_id in tab.chats and tab.chats[chat_id].state, what="chat of the other tab")
        await rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "from elsewhere"})
        await tab.wait(lambda: "from elsewhere" in tab.chat(chat_id).bodies(), what="message")


class History(ApiTest):
    async def test_pages_both_ways(self):
        customer, agent, chat_id = await self.pair()
        for n in range(25):
            await (customer, agent)[n % 2].send(chat_id, f"line {n}")
        await self.settle(chat_id, customer, agent)
        whole = [m for _, m in sorted(customer.chat(chat_id).messages.items())]
        path = f"/chats/{chat_id}/messages"
        for rest in (customer.rest, agent.rest):
            forward, after = [], 0
            while page := (await rest.get(f"{path}?after_seq={after}&limit=7")).body["items"]:
                forward += page
                after = page[-1]["seq"]
            self.assertEqual(forward, whole)
            backward, before = [], len(whole) + 1
            while page := (await rest.get(f"{path}?before_seq={before}&limit=7")).body["items"]:
                self.assertEqual([m["seq"] for m in page], sorted(m["seq"] for m in page))
                backward = page + backward
                before = page[0]["seq"]
            self.assertEqual(backward, whole)
            self.assertEqual((await rest.get(path)).body["items"][-1]["seq"], len(whole))
        for bad in ("limit=0", "limit=201", "limit=x", "after_seq=-1", "after_seq=1&before_seq=5", "after_seq="):
            answer = await customer.rest.get(f"{path}?{bad}")
            self.assertIn(answer.status, (400, 422), bad)


class Resume(ApiTest):
    async def test_after_a_dropped_socket(self):
        customer, agent, chat_id = await self.pair()
        random = rng("drops")
        for n in range(40):
            client = random.choice((customer, agent))
            if random.random() < 0.25:
                await random.choice((customer, agent)).drop()
            await client.send(chat_id, f"text {n}")
            if random.random() < 0.2:
                await agent.note(chat_id, f"note {n}")
        for client in (customer, agent):
            await client.welcomed.wait()
        await self.settle(chat_id, customer, agent, timeout=20)
        self.assertGreater(customer.connects + agent.connects, 4)
        self.assertEqual(customer.chat(chat_id).messages, agent.chat(chat_id).messages)
        self.assertEqual(await self.server_list(customer.rest, chat_id), customer.chat(chat_id).picture()[0])

    async def test_what_happened_meanwhile(self):
        customer, agent, chat_id = await self.pair()
        await customer.drop()
        for n in range(5):
            await agent.send(chat_id, f"while away {n}")
        await agent.rest.put(f"/chats/{chat_id}/tags/missed")
        await agent.rest.post(f"/chats/{chat_id}/receipts", {"read_seq": 3})
        await customer.welcomed.wait()
        await self.settle(chat_id, customer, agent)
        self.assertEqual(customer.chat(chat_id).messages, agent.chat(chat_id).messages)

    async def test_more_than_one_page(self):
        customer, agent, chat_id = await self.pair()
        for n in range(230):
            await agent.rest.must("POST", f"/chats/{chat_id}/messages", {"client_id": uid(), "body": f"m{n}"})
        fresh = await self.connect(customer.rest, "fresh", 1)
        frame = await fresh.ask(type="chat.open", chat_id=chat_id, seq=0, rev=0)
        self.assertEqual((frame["more"], len(frame["messages"])), (True, 200))
        await self.settle(chat_id, fresh)
        self.assertEqual(fresh.chat(chat_id).messages, agent.chat(chat_id).messages)
        part = await fresh.ask(type="chat.open", chat_id=chat_id, seq=fresh.chat(chat_id).seq - 3, rev=fresh.chat(chat_id).rev)
        self.assertEqual((part["more"], len(part["messages"])), (False, 3))

    async def test_several_tabs_stay_in_step(self):
        customer, agent, chat_id = await self.pair()
        tabs = [await self.connect(customer.rest, f"tab{n}", n) for n in range(2)]
        desk = await self.connect(agent.rest, "desk2", 0)
        for client in tabs + [desk]:
            await client.open(chat_id)
        for n in range(10):
            await (tabs + [customer, desk, agent])[n % 5].send(chat_id, f"from {n}")
        await tabs[0].post(type="chat.receipt", chat_id=chat_id, read_seq=5)
        await self.settle(chat_id, customer, agent, desk, *tabs)
        for client in tabs:
            self.assertEqual(client.chat(chat_id).picture(), customer.chat(chat_id).picture())
        self.assertEqual(desk.chat(chat_id).picture(), agent.chat(chat_id).picture())

    async def test_leave_ends_the_stream(self):
        customer, agent, chat_id = await self.pair()
        self.assertEqual((await customer.ask(type="chat.leave", chat_id=chat_id))["type"], "ok")
        before = customer.chat(chat_id).seq
        await agent.send(chat_id, "not for this socket")
        await asyncio.sleep(0.5)
        self.assertEqual(customer.chat(chat_id).seq, before)
        await customer.open(chat_id)
        self.assertEqual(customer.chat(chat_id).bodies()[-1], "not for this socket")

    async def test_resume_in_hello_answers_each_chat(self):
        customer, agent, chat_id = await self.pair()
        await agent.send(chat_id, "one more")
        before = len(customer.frames)
        await customer.drop()
        kinds = lambda: [f["type"] for f in customer.frames[before:]]
        await customer.wait(lambda: "welcome" in kinds() and "chat.resumed" in kinds(), what="chat.resumed after hello")
        self.assertLess(kinds().index("welcome"), kinds().index("chat.resumed"))

    async def test_a_foreign_chat_in_resume_is_refused(self):
        customer, _, chat_id = await self.pair()
        stranger = await self.connect(self.customer(), "stranger")
        await self.assert_refused(stranger.ask(type="chat.open", chat_id=chat_id, seq=0, rev=0), "chat_not_found", 404)
        await self.assert_refused(stranger.ask(type="chat.open", chat_id=uid(), seq=0, rev=0), "chat_not_found", 404)
