"""What the API tests share: one stack with two daemons, callers, clients, seeds, evidence."""
import asyncio
import itertools
import os
import random
import sys
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from evidence import FULL, SEED, evidence  # noqa: E402,F401
from stack import SITE, Stack  # noqa: E402
from client import Client, Refused, Rest  # noqa: E402,F401

BANK_COOKIE = "bank_login"  # in which the bank's pages carry its token
_stack = None
_sessions = {}
_names = itertools.count(1)
FIRST = ["Wanja", "Peter", "Grace", "Juma", "Njeri", "Ali", "Zawadi", "Kamau", "Neema", "Baraka"]
LAST = ["Kimani", "Otieno", "Achieng", "Mohamed", "Mutua", "Wekesa", "Cheptoo", "Omondi", "Mwangi", "Said"]


def stack():
    """The one stack of the run, started when first needed."""
    global _stack
    if _stack is None:
        _stack = Stack(daemons=2, settings={"auth.token_cookie": BANK_COOKIE}).start()
    return _stack


def stop_stack():
    if _stack is not None:
        _stack.stop()


def rng(what):
    """Randomness of one test, from the printed seed."""
    return random.Random(f"{SEED}-{what}")


def uid():
    return str(uuid.uuid4())


def luhn_digit(digits):
    """The check digit that belongs behind them."""
    total = sum(d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(map(int, reversed(digits))))
    return str(-total % 10)


def luhn_card(random_, prefix="4", length=16):
    """A random number of the given prefix that passes the Luhn check."""
    digits = prefix + "".join(str(random_.randrange(10)) for _ in range(length - len(prefix) - 1))
    return digits + luhn_digit(digits)


def browser_offer(name="chromium156-audio-gum"):
    """The session description that a real browser offered."""
    with open(os.path.join(ROOT, "tests", "vectors", "sdp", name + ".sdp"), encoding="utf-8", newline="") as f:
        return "\r\n".join(f.read().splitlines()) + "\r\n"


class ApiTest(unittest.IsolatedAsyncioTestCase):
    """A test on the shared stack. What it opens is closed at its end; clients must have seen no fault."""

    def setUp(self):
        self.stack = stack()
        self.clients = []
        self.open_chats = []  # (rest of the customer, chat id)
        self.present = []

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def asyncTearDown(self):
        for rest in self.present:
            await rest.put("/me/presence", {"chosen": "away"})
        for rest, chat_id in self.open_chats:
            await self.end_chat(rest, chat_id)
        for client in self.clients:
            await client.close()
        faults = [f"{c.name}: {f}" for c in self.clients for f in c.faults]
        self.assertEqual(faults, [], "faults seen by the clients")

    async def end_chat(self, rest, chat_id):
        answer = await rest.post(f"/chats/{chat_id}/close")
        if answer.code == "call_live":
            call = (await rest.get(f"/chats/{chat_id}")).body["chat"]["call"]
            await rest.post(f"/calls/{call['id']}/end")
            await rest.post(f"/chats/{chat_id}/close")

    @property
    def bases(self):
        return [d.http for d in self.stack.daemons]

    @property
    def sockets(self):
        return [self.stack.ws(d.number) for d in self.stack.daemons]

    def customer(self, name=None, **claims):
        """A customer of whom the daemon has not heard yet."""
        n = next(_names)
        name = name or f"{FIRST[n % 10]} {LAST[n // 10 % 10]}"
        subject = f"customer-{SEED}-{n}"
        rest = Rest(self.bases, self.stack.token(subject, name, **claims), SITE)
        rest.name = name
        rest.subject = subject
        return rest

    async def staff(self, key):
        """Staff member of the stack, logged in (once per run)."""
        if (self.stack.dir, key) not in _sessions:
            rest = Rest(self.bases, None, SITE)
            rest.me = await rest.login(self.stack.staff[key]["email"], self.stack.staff[key]["password"])
            _sessions[self.stack.dir, key] = rest
        return _sessions[self.stack.dir, key]

    async def connect(self, rest, name=None, socket=None):
        sockets = self.sockets
        if socket is not None:
            sockets = sockets[socket:] + sockets[:socket]
        client = Client(sockets, rest, name or f"client{len(self.clients)}", SITE, rest.token is None, SEED)
        self.clients.append(client)
        await client.__aenter__()
        return client

    async def available(self, rest):
        self.present.append(rest)
        answer = await rest.put("/me/presence", {"chosen": "available"})
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    async def start_chat(self, rest, text=None, **more):
        body = dict({"client_key": uid()}, **more)
        if text is not None:
            body["message"] = {"client_id": uid(), "body": text}
        answer = await rest.post("/chat/start", body)
        self.assertIn(answer.status, (200, 201), answer)
        self.open_chats.append((rest, answer.body["chat"]["id"]))
        return answer.body

    async def wait_offer(self, client, chat_id, timeout=10):
        def offer():
            return next((o for o in client.offers.values() if o["chat_id"] == chat_id), None)
        await client.wait(lambda: offer() is not None, timeout, f"offer of {chat_id}")
        return offer()

    async def pair(self, agent_key="agent", text="hello", sockets=(0, 1)):
        """A customer and an agent in an assigned chat: (customer's client, agent's client, chat id)."""
        agent_rest = await self.staff(agent_key)
        agent = await self.connect(agent_rest, agent_key, sockets[1])
        await self.available(agent_rest)
        rest = self.customer()
        customer = await self.connect(rest, "customer", sockets[0])
        chat_id = (await self.start_chat(rest, text))["chat"]["id"]
        offer = await self.wait_offer(agent, chat_id)
        answer = await agent_rest.post(f"/offers/{offer['id']}/accept")
        self.assertEqual(answer.status, 200, answer)
        await self.assigned(customer, chat_id)
        await self.assigned(agent, chat_id)
        await agent.open(chat_id)
        await customer.open(chat_id)
        return customer, agent, chat_id

    async def assigned(self, client, chat_id):
        chat = client.chat(chat_id)
        await client.wait(lambda: chat.state and chat.state["status"] == "assigned", 10, "assignment")

    async def settle(self, chat_id, *clients, timeout=10):
        """Until all clients hold what the server says now (hash of the state, all messages)."""
        end = time.monotonic() + timeout
        while True:
            wrong = []
            for client in clients:
                body = await client.rest.must("GET", f"/chats/{chat_id}")
                chat = client.chat(chat_id)
                if chat.state is None or chat.hash() != body["state_hash"] or chat.seq != body["chat"]["seq"]:
                    wrong.append(f"{client.name}: {chat.seq} {chat.state} / {body}")
            if not wrong:
                return
            if time.monotonic() > end:
                raise AssertionError("not equal to the server: " + "\n".join(wrong))
            await asyncio.sleep(0.05)

    async def server_list(self, rest, chat_id, path="messages", after="after_seq", number="seq"):
        """The whole list over REST."""
        found, last = [], 0
        while True:
            page = (await rest.must("GET", f"/chats/{chat_id}/{path}?{after}={last}&limit=200"))["items"]
            if not page:
                return found
            found += page
            last = page[-1][number]

    def sql(self, query, *args):
        with self.stack.postgres.connect() as connection, connection.cursor() as cursor:
            cursor.execute(query, args or None)
            return cursor.fetchall() if cursor.description else None

    def assert_problem(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer)
        if code is not None:
            self.assertEqual(answer.code, code, answer)

    async def assert_refused(self, awaitable, code, status=None):
        with self.assertRaises(Refused) as caught:
            await awaitable
        self.assertEqual(caught.exception.code, code, caught.exception.problem)
        if status is not None:
            self.assertEqual(caught.exception.status, status)
