"""The examples of protocol.md: every client frame is sent as it stands, ids replaced, and answered as the table says."""
import asyncio
import json

import websockets

from harness import SITE, ApiTest, browser_offer, uid
from protocol import examples

CHAT = "0192f0c4-0000-7abc-8def-000000000000"
CALL = "0192f0c5-0003-7abc-8def-000000000000"
# Frame -> type of the answer; None: none. An offer with the example's SDP, which is cut short, is refused.
ANSWERS = {"chat.open": "chat.resumed", "chat.leave": "ok", "message.send": "message.ack", "note.send": "message.ack",
           "auth.renew": "auth.renewed", "chat.receipt": None, "chat.typing": None, "call.offer": "error", "call.candidate": None, "call.mute": None, "call.stats": None, "ping": "pong",
           "live.open": "live.state", "live.leave": "ok"}


class Examples(ApiTest):
    def frames(self):
        return [v for h, v in examples() if h.startswith("4.2")]

    def filled(self, frame, chat_id, call_id):
        text = json.dumps(frame).replace(CHAT, chat_id).replace(CALL, call_id)
        frame = json.loads(text)
        if "client_id" in frame:
            frame["client_id"] = uid()
        return frame

    async def test_client_frames(self):
        self.assertEqual({f["type"] for f in self.frames()}, set(ANSWERS))
        customer, agent, chat_id = await self.pair(sockets=(0, 0))
        lead = await self.connect(await self.staff("supervisor"), "supervisor", 0)
        await agent.rest.put("/me/presence", {"chosen": "away"})
        call_id = (await customer.rest.post("/call/start", {"client_key": uid(), "chat_id": chat_id})).body["call"]["id"]
        for frame in self.frames():
            client = agent if frame["type"] == "note.send" else lead if frame["type"].startswith("live.") else customer
            if frame["type"] == "chat.typing":
                await client.open(chat_id)  # the example before has left it
            if frame["type"] == "call.candidate":
                await client.ask(type="call.offer", call_id=call_id, sdp=browser_offer())
            frame = self.filled(frame, chat_id, call_id)
            if "token" in frame:
                frame["token"] = client.rest.token
            with self.subTest(frame["type"]):
                await self.sent(client, frame)
        await customer.rest.post(f"/calls/{call_id}/end")

    async def sent(self, client, frame):
        """Sends it with the example's own id; the answer must carry that id."""
        before = len(client.frames)
        await client.ws.send(json.dumps(frame))
        wanted = ANSWERS[frame["type"]]
        if wanted is None:
            pong = await client.ask(type="ping")
            self.assertEqual(pong["type"], "pong")
            errors = [f for f in client.frames[before:] if f["type"] == "error"]
            self.assertEqual([e for e in errors if e["error"]["status"] in (400, 403, 404)], [], "the example is refused")
            return

        def answers():
            return [f for f in client.frames[before:] if f.get("id") == frame["id"]]
        await client.wait(answers, what=f"answer to {frame}")
        self.assertEqual(answers()[0]["type"], wanted)
        if wanted == "error":
            self.assertEqual(answers()[0]["error"]["code"], "sdp_refused")

    async def test_the_masked_example(self):
        customer, agent, chat_id = await self.pair()
        frame = next(f for f in self.frames() if f["type"] == "message.send")
        ack = await customer.send(chat_id, frame["body"])
        shown = next(v for _, v in examples() if v.get("kind") == "message")
        self.assertEqual((ack["message"]["body"], ack["message"]["masked"]), (shown["body"], shown["masked"]))
        await self.settle(chat_id, customer, agent)

    async def test_hello_as_shown(self):
        hello = next(v for _, v in examples() if v.get("type") == "hello")
        async with websockets.connect(self.sockets[0], subprotocols=["support.v1"], origin=SITE) as ws:
            await ws.send(json.dumps(dict(hello, token=self.customer().token)))
            welcome = json.loads(await asyncio.wait_for(ws.recv(), 10))
        self.assertEqual((welcome["type"], welcome["id"]), ("welcome", hello["id"]))
