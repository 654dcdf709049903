"""A call where there is no IPv4: HTTP, WebSocket and sound over IPv6 alone.

Runs in a network namespace of its own (run.sh), which has ::1 and fd77::1 and nothing else.
"""
import asyncio

import sound
from test_aiortc import MEDIA, SETTINGS, CallTest, run_tests


class IPv6Only(CallTest):
    async def test_call(self):
        self.assertIn("[::1]", self.stack.http())
        agent = await self.agent()
        client, caller, call = await self.waiting_call(hz=1000)
        lines = [line for line in caller.answer.split("\r\n") if line.startswith("a=candidate:")]
        self.assertEqual({line.split()[4] for line in lines}, {MEDIA})
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        offer = await self.ring(agent)
        answerer = self.peer(agent, hz=440)
        self.assertTrue(await answerer.connect(call["id"]))
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await asyncio.sleep(1)
        heard = await asyncio.gather(caller.listen(2), answerer.listen(2))
        self.assertTone(heard[0], 440, "customer")
        self.assertTone(heard[1], 1000, "agent")
        await client.request("POST", f"/calls/{call['id']}/end", {})


class Advertised(CallTest):
    settings = dict(SETTINGS, **{"media.advertised_address": "2001:db8::9"})

    async def test_the_public_address_is_announced_alone(self):
        client, caller, call = await self.waiting_call()
        lines = [line for line in caller.answer.split("\r\n") if line.startswith("a=candidate:")]
        self.assertEqual({line.split()[4] for line in lines}, {"2001:db8::9"})
        self.assertNotIn(MEDIA, caller.answer)
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        await client.request("POST", f"/calls/{call['id']}/end", {})


if __name__ == "__main__":
    run_tests()
