"""SIGKILL of a daemon, of the postmaster, and an immediate stop of PostgreSQL, at random moments of a running chat.

Both sides write without pause; a third customer comes into the queue at the same moments. Afterwards every
acknowledged message is there once, in order, on both sides and in the table; the state hashes are equal; the third
customer is served; support.check_invariants() has nothing to say."""
import asyncio
import time

from harness import FULL, ApiTest, Refused, evidence, rng, uid

ROUNDS = 50 if FULL else 3


class Writer:
    """Writes numbered messages, each after the acknowledgement of the last."""

    def __init__(self, client, chat_id, random):
        self.client = client
        self.chat_id = chat_id
        self.random = random
        self.acked = []  # message objects, in order of writing
        self.longest = 0.0
        self.stopping = False
        self.task = asyncio.create_task(self._run())

    async def _run(self):
        while not self.stopping:
            started = time.monotonic()
            # No digits: those of several messages together may well be a card, which is then masked in place.
            words = "".join(self.random.choice("abcdefghij klmnopqrstuvwxyz") for _ in range(self.random.randrange(1, 80)))
            ack = await self.client.send(self.chat_id, f"{self.client.name} {words}.")
            self.longest = max(self.longest, time.monotonic() - started)
            self.acked.append(ack["message"])
            await asyncio.sleep(self.random.uniform(0, 0.02))

    async def stop(self):
        self.stopping = True
        await asyncio.wait_for(self.task, 60)


class Kills(ApiTest):
    async def in_thread(self, call, *args):
        return await asyncio.get_running_loop().run_in_executor(None, call, *args)

    async def hit_daemon(self):
        daemon = self.random.choice(self.stack.daemons)
        await self.in_thread(daemon.kill)
        await asyncio.sleep(self.random.uniform(0, 0.3))
        daemon.start(wait=False)
        await self.in_thread(daemon.wait_ready)

    async def hit_postmaster(self):
        await self.in_thread(self.stack.postgres.kill)
        await self.in_thread(self.stack.postgres.start)

    async def hit_immediate(self):
        await self.in_thread(self.stack.postgres.stop, "immediate")
        await self.in_thread(self.stack.postgres.start)

    async def newcomer(self, agent, round_):
        """A customer who starts a chat around the blow, and must be offered, accepted and served."""
        await asyncio.sleep(self.random.uniform(0, 0.4))
        rest = self.customer()
        body = {"client_key": uid(), "message": {"client_id": uid(), "body": f"newcomer {round_}"}}
        started = await rest.must("POST", "/chat/start", body)
        chat_id = started["chat"]["id"]
        end = time.monotonic() + 60
        while True:
            for offer in [o for o in list(agent.offers.values()) if o["chat_id"] == chat_id]:
                try:
                    await agent.rest.must("POST", f"/offers/{offer['id']}/accept", {})
                except Refused:
                    pass  # gone: the state decides
            state = (await rest.must("GET", f"/chats/{chat_id}"))["chat"]
            if state["status"] == "assigned":
                break
            if time.monotonic() > end:
                rows = self.sql("select id::text, state, created_at::text, closed_at::text from support.offers "
                                "where chat_id = %s order by created_at", chat_id)
                self.fail(f"stuck in the queue: {state}; offers in the table {rows}; known to the agent "
                          f"{list(agent.offers)}; its connection {agent.connects}, {agent.last_close}, {agent.trouble}")
            await asyncio.sleep(0.1)
        await rest.must("POST", f"/chats/{chat_id}/close", {})

    async def check_messages(self, writers, chat_id, customer, agent):
        await self.settle(chat_id, customer, agent, timeout=30)
        listed = await self.server_list(customer.rest, chat_id)
        self.assertEqual(customer.chat(chat_id).messages, agent.chat(chat_id).messages)
        self.assertEqual(customer.chat(chat_id).picture()[0], listed)
        self.assertEqual([m["seq"] for m in listed], list(range(1, len(listed) + 1)))
        ids = [m["client_id"] for m in listed if m["kind"] == "message"]
        self.assertEqual(len(ids), len(set(ids)), "a message is there twice")
        for writer in writers:
            self.assertEqual(writer.acked, [listed[m["seq"] - 1] for m in writer.acked], "acknowledged and stored differ")
            seqs = [m["seq"] for m in writer.acked]
            self.assertEqual(seqs, sorted(seqs), "out of order")
        rows = self.sql("select seq, case when kind = 'message' then client_id::text end, body from support.chat_messages "
                        "where chat_id = %s and kind <> 'note' order by seq", chat_id)
        self.assertEqual(rows, [(m["seq"], m["client_id"], m["body"]) for m in listed])

    async def check_invariants(self):
        end = time.monotonic() + 30
        while rows := self.sql("select * from support.check_invariants()"):
            self.assertLess(time.monotonic(), end, rows)
            await asyncio.sleep(0.5)

    async def rounds(self, name, hit):
        self.random = rng(name)
        customer, agent, chat_id = await self.pair()
        writers = [Writer(client, chat_id, self.random) for client in (customer, agent)]
        for n in range(ROUNDS):
            await asyncio.sleep(self.random.uniform(0.05, 0.8))
            newcomer = asyncio.create_task(self.newcomer(agent, n))
            await asyncio.sleep(self.random.uniform(0, 0.4))
            await hit()
            await newcomer
            if n % 10 == 9 or n == ROUNDS - 1:
                for writer in writers:
                    await writer.stop()
                await self.check_messages(writers, chat_id, customer, agent)
                await self.check_invariants()
                if n < ROUNDS - 1:
                    for writer in writers:
                        writer.stopping = False
                        writer.task = asyncio.create_task(writer._run())
        self.assertEqual([c.faults for c in (customer, agent)], [[], []])
        often = self.sql("select entry_id::text, count(*) from support.offers group by 1 having count(*) > 6")
        self.assertEqual(often, [], "offered again and again")
        acked = sum(len(w.acked) for w in writers)
        self.assertGreater(acked, ROUNDS * 2)
        evidence("kills_" + name, {"kills": ROUNDS, "acknowledged_messages": acked}, {
            "lost": 0, "twice": 0, "reconnects": customer.connects + agent.connects - 2,
            "longest_acknowledgement_s": round(max(w.longest for w in writers), 3)})
        print(f"     {ROUNDS} kills, {acked} acknowledged, longest {max(w.longest for w in writers):.2f} s", flush=True)

    async def test_daemon(self):
        await self.rounds("daemon", self.hit_daemon)

    async def test_postmaster(self):
        await self.rounds("postmaster", self.hit_postmaster)

    async def test_immediate(self):
        await self.rounds("immediate", self.hit_immediate)
