"""No clear card number at rest: database files, WAL, logs, and a core dump of the idle daemons, connections open."""
import asyncio
import glob
import json
import os
import re
import subprocess
import unicodedata

from harness import FULL, ROOT, ApiTest, evidence, luhn_card, rng, uid

IDLE_S = 5


def runs_of_nine(values):
    """The values and every run of 9 of their digits, as bytes. A run of three different digits or less says nothing (the nil UUID holds
    nine zeros, PostgreSQL's settings 200000000): such cards are searched for as a whole."""
    found = {value.encode() for value in values}
    for value in values:
        for i in range(len(value) - 8):
            if len(set(value[i:i + 9])) > 3:
                found.add(value[i:i + 9].encode())
    return found


HEX_DUMP = re.compile(rb"(?:[0-9a-f]{2}){32,}")


def dumped(data, match):
    """Whether the match lies inside bytes written as hexadecimal (an audit row on its way to the sealer): its digits are codes there,
    and by chance some are a card's (" 247," is 203234372c). What such bytes say is searched for by the needles' own hexadecimal."""
    at = max(0, match.start() - 64)
    return any(run.start() + at <= match.start() and match.end() <= run.end() + at and re.search(rb"[a-f]", run.group())
               for run in HEX_DUMP.finditer(data[at:match.end() + 64]))


def plain_digits(text):
    """The digits of a text as ASCII, whatever script they are in."""
    return "".join(str(unicodedata.digit(c)) for c in text if unicodedata.digit(c, None) is not None)


class Secrets(ApiTest):
    def texts(self):
        """The sample of the corpus plus cards of this run: (texts, card digits, spans as they were typed)."""
        random = rng("secrets")
        with open(os.path.join(ROOT, "tests", "vectors", "mask", "positive.jsonl"), encoding="utf-8") as f:
            cases = [c for c in map(json.loads, f) if "hard" not in c["note"]]
        if not FULL:
            cases = random.sample(cases, 80)
        cards, typed = set(), set()
        for case in cases:
            for span in case["spans"]:
                value = case["text"][span["start"]:span["end"]]
                if span["category"] == "card":
                    cards.add(plain_digits(value))
                if span["category"] in ("card", "iban"):
                    typed.add(value)
        texts = [c["text"] for c in cases]
        for _ in range(200 if FULL else 30):
            card = luhn_card(random, random.choice(["4", "51", "2221", "62"]))
            cards.add(card)
            texts.append("my card is " + " ".join(card[i:i + 4] for i in range(0, 16, 4)))
            typed.add(texts[-1][11:])
        return texts, cards, typed

    def search(self, paths, needles, what):
        """Names the files that hold one of the needles, plain or in hexadecimal."""
        coded = {n.hex().encode() for n in needles}
        pattern = re.compile(b"|".join(re.escape(n) for n in sorted(needles | coded, key=len, reverse=True)))
        size, hits = 0, []
        for path in paths:
            try:
                with open(path, "rb") as f:
                    data = f.read()
            except (FileNotFoundError, IsADirectoryError):
                continue
            size += len(data)
            for match in pattern.finditer(data):
                if match.group() not in coded and dumped(data, match):
                    continue
                around = data[max(0, match.start() - 40):match.end() + 40]
                hits.append(f"{what}: {os.path.basename(path)} at {match.start()}: {around!r}")
        return size, hits

    def core(self, pid):
        """A core dump of the process; its path."""
        base = os.path.join(self.stack.dir, "core")
        done = subprocess.run(["gcore", "-a", "-o", base, str(pid)], capture_output=True, text=True, check=False)
        path = f"{base}.{pid}"
        self.assertTrue(os.path.exists(path), done.stdout + done.stderr)
        return path

    async def test_no_clear_number_anywhere(self):
        texts, cards, typed = self.texts()
        customer, agent, chat_id = await self.pair()
        extra = self.customer()
        await self.start_chat(extra, texts[0])
        for n, text in enumerate(texts):
            if n % 3 == 0:
                await customer.send(chat_id, text)
            elif n % 3 == 1:
                await agent.rest.must("POST", f"/chats/{chat_id}/messages", {"client_id": uid(), "body": text})
            else:
                await agent.note(chat_id, text)
            if n % 10 == 9:
                await self.foul_input(chat_id, text, customer.rest)
        await self.settle(chat_id, customer, agent)
        self.sql("checkpoint")
        await asyncio.sleep(IDLE_S)
        needles = runs_of_nine(cards) | {t.encode() for t in typed}
        data = [p for p in glob.glob(os.path.join(self.stack.postgres.dir, "data", "**"), recursive=True) if os.path.isfile(p)]
        figures = {"cards": len(cards), "needles": len(needles)}
        hits = []
        for what, paths in (("database files and WAL", data), ("logs", [d.log for d in self.stack.daemons] + [os.path.join(self.stack.postgres.dir, "log")])):
            size, found = self.search(paths, needles, what)
            figures[what + ", bytes"] = size
            hits += found
        self.assertTrue(self.stack.daemons[0].alive() and customer.welcomed.is_set() and agent.welcomed.is_set())
        for daemon in self.stack.daemons:
            path = self.core(daemon.pid)
            size, found = self.search([path], needles, f"core of daemon {daemon.number}")
            os.unlink(path)
            figures[f"core {daemon.number}, bytes"] = size
            self.assertGreater(size, 1 << 20)
            hits += found
        evidence("secrets", {"messages": len(texts)}, dict(figures, hits=len(hits)))
        self.assertEqual(len(hits), 0, f"{len(hits)} hits:\n" + "\n".join(hits[:12]))

    async def foul_input(self, chat_id, text, rest):
        """The same text where it is refused: errors and logs must not quote it either."""
        for body in ({"client_id": uid(), "body": text, "extra": text}, {"client_id": text, "body": text}, {"client_id": uid(), "body": [text]}):
            answer = await rest.post(f"/chats/{chat_id}/messages", body)
            self.assertIn(answer.status, (400, 422))
            self.assertNotIn(text, answer.raw.decode())
        answer = await rest.request("POST", f"/api/support/chats/{chat_id}/messages", data=b'{"body":"' + text.encode(), headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 400)

    async def test_the_search_finds_what_is_there(self):
        """The search itself: a number put into the database by hand is found in the files."""
        self.sql("create table if not exists public.planted (t text)")
        self.sql("insert into public.planted values ('4929 1234 5678 9017')")
        self.sql("checkpoint")
        data = [p for p in glob.glob(os.path.join(self.stack.postgres.dir, "data", "**"), recursive=True) if os.path.isfile(p)]
        _, hits = self.search(data, {b"4929 1234 5678 9017"}, "planted")
        self.sql("drop table public.planted")
        self.assertGreaterEqual(len(hits), 1)

    async def test_the_search_reads_hexadecimal(self):
        """A number inside a dump of bytes is found, codes that look like a number are not."""
        path = os.path.join(self.stack.dir, "dump")
        for text, expected in ((b'{"seq": 247, "masked": ["card"], "who": "00000000-0000"}' * 3, 0), (b'{"seq": 247, "body": "4929123456789017"}' * 3, 3)):
            with open(path, "wb") as f:
                f.write(b"(" + text.hex().encode() + b")")
            _, hits = self.search([path], {b"203234372", b"4929123456789017", b"929123456"}, "dump")
            self.assertEqual(len(hits), expected, hits)
        os.unlink(path)
