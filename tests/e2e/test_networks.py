"""Addresses, ports and TURN: what is announced, what is used, what happens when there is nothing left.

Runs in a network namespace of its own (run.sh), where 10.77.0.1 is the machine's address.
"""
import asyncio
import subprocess
import tempfile
import time
import urllib.request

from aioice import stun
from aioice.stun import TransactionFailed

import peer as peers
import sound
import wire
from test_aiortc import MEDIA, SETTINGS, CallTest, eventually, run_tests

TURN_PORT = 3478
TURN_SECRET = "a secret that only coturn knows"


def candidates(sdp):
    """(address, port, type) of each."""
    words = [line.split() for line in sdp.split("\r\n") if line.startswith("a=candidate:")]
    return [(w[4], int(w[5]), w[7]) for w in words]


class Ports(CallTest):
    """Three ports: three legs, and a fourth is told why it gets none."""

    settings = dict(SETTINGS, **{"media.port_min": 45000, "media.port_max": 45002})

    async def test_a_full_range_is_told_and_ends_with_the_calls(self):
        calls = []
        for _ in range(3):
            client, caller, call = await self.waiting_call()
            port = candidates(caller.answer)[0][1]
            self.assertIn(port, range(45000, 45003))
            calls.append((client, caller, call))
        client = await self.customer()
        call = await peers.start_call(client)
        with self.assertRaisesRegex(wire.Refused, '"overloaded".*no free port for media.*503'):
            await self.peer(client, hz=440).connect(call["id"])
        page = urllib.request.urlopen(self.stack.http() + "/metrics").read().decode()
        self.assertIn("supportd_call_legs_refused_total 1", page)
        self.assertGreater(sound.note_share(await calls[0][1].listen(2), sound.BUILTIN_NOTES), 0.9, "others are not disturbed")
        await calls[0][0].request("POST", f"/calls/{calls[0][2]['id']}/end", {})
        await asyncio.sleep(0.2)
        late = self.peer(client, hz=440)
        self.assertTrue(await late.connect(call["id"]), "the port of a call that has ended is free again")


class Advertised(CallTest):
    settings = dict(SETTINGS, **{"media.advertised_address": "203.0.113.9"})

    async def test_the_public_address_is_announced_and_the_own_one_still_works(self):
        client, caller, call = await self.waiting_call()
        self.assertEqual({(address, kind) for address, _, kind in candidates(caller.answer)}, {("203.0.113.9", "host")})
        self.assertNotIn(MEDIA, caller.answer)
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        await client.request("POST", f"/calls/{call['id']}/end", {})


class TurnServer(CallTest):
    """Clients whose only way out is a TURN server, with credentials made by the daemon for coturn."""

    settings = dict(SETTINGS, **{
        "media.stun_urls": f'["stun:{MEDIA}:{TURN_PORT}"]',
        "media.turn_urls": f'["turn:{MEDIA}:{TURN_PORT}?transport=udp"]',
        "media.turn_secret": TURN_SECRET,
    })
    more = ()  # arguments of coturn

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.log = open(cls.dir.name + "/coturn.log", "w+", encoding="utf-8")
        cls.coturn = subprocess.Popen(
            ["turnserver", "-n", "--use-auth-secret", f"--static-auth-secret={TURN_SECRET}", "--realm=bank.example",
             f"--listening-ip={MEDIA}", f"--listening-port={TURN_PORT}", f"--relay-ip={MEDIA}", "--min-port=30000",
             "--max-port=30099", "--no-tls", "--no-dtls", "--no-cli", "--verbose", "--log-file=stdout", "--simple-log",
             f"--pidfile={cls.dir.name}/pid", f"--userdb={cls.dir.name}/db", *cls.more],
            stdout=cls.log, stderr=cls.log, cwd=cls.dir.name)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.coturn.terminate()
        cls.coturn.wait(10)
        cls.log.close()
        cls.dir.cleanup()

    def allocations(self, name):
        """What coturn said of this user."""
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as f:
            return [line for line in f if name in line]


class Turn(TurnServer):
    async def relayed_peer(self, client, call, hz, change=None):
        servers = client.ice_servers
        stun, turn = servers
        self.assertEqual(stun, {"urls": [f"stun:{MEDIA}:{TURN_PORT}"]})
        self.assertEqual(turn["urls"], [f"turn:{MEDIA}:{TURN_PORT}?transport=udp"])
        until, name = turn["username"].split(":")
        self.assertAlmostEqual(int(until), time.time() + 12 * 3600, delta=60)
        self.assertEqual(name, client.me["id"])
        return self.peer(client, hz=hz, relay=[dict(turn, **(change or {}))])

    async def test_both_sides_through_turn(self):
        agent = await self.agent()
        client = await self.customer()
        call = await peers.start_call(client)
        caller = await self.relayed_peer(client, call, 1000)
        self.assertTrue(await caller.connect(call["id"]), caller.pc.connectionState)
        self.assertEqual({p.local_candidate.type for p in caller.sockets}, {"relay"})
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        offer = await self.ring(agent)
        answerer = await self.relayed_peer(agent, call, 440)
        self.assertTrue(await answerer.connect(call["id"]), answerer.pc.connectionState)
        await agent.request("POST", f"/offers/{offer['id']}/accept", {})
        await asyncio.sleep(1)
        heard = await asyncio.gather(caller.listen(2), answerer.listen(2))
        self.assertTone(heard[0], 440, "customer")
        self.assertTone(heard[1], 1000, "agent")

        def relayed():
            legs = [f["legs"] for f in agent.frames if f["type"] == "call.quality"]
            return legs and len(legs[-1]) == 2 and all(leg["relayed"] for leg in legs[-1])
        await agent.wait(relayed, 5, "both legs relayed")
        await client.request("POST", f"/calls/{call['id']}/end", {})
        self.assertTrue(any("ALLOCATE processed, success" in line for line in self.allocations(client.me["id"])))

    async def test_credentials_that_have_run_out_or_are_forged(self):
        client = await self.customer()
        call = await peers.start_call(client)
        name = client.ice_servers[1]["username"].split(":")[1]
        for change in ({"username": f"{int(time.time()) - 60}:{name}"}, {"credential": "bm90IHRoZSBvbmU="}):
            with self.subTest(change):
                peer = await self.relayed_peer(client, call, 1000, change)
                with self.assertRaisesRegex(TransactionFailed, "401"):
                    await peer.connect(call["id"])
        await client.request("POST", f"/calls/{call['id']}/end", {})


class OwnRelay(Turn):
    """The daemon itself has a port at a TURN server, which it finds by name."""

    settings = dict(Turn.settings, **{"media.relay_host": "turn.bank.test", "media.relay_port": TURN_PORT})

    async def test_the_relays_address_is_told_and_given_back(self):
        client, caller, call = await self.waiting_call()
        await client.wait(lambda: any(f["type"] == "call.candidate" and f["candidate"] == "" for f in client.frames)
                          or "a=end-of-candidates" in caller.answer, 10, "end of candidates")
        told = caller.answer + "".join("a=" + f["candidate"] + "\r\n" for f in client.frames if f["type"] == "call.candidate")
        relays = [(address, port) for address, port, kind in candidates(told) if kind == "relay"]
        self.assertEqual([address for address, _ in relays], [MEDIA])
        self.assertIn(relays[0][1], range(30000, 30100))
        self.assertTrue(any("ALLOCATE processed, success" in line for line in self.allocations(":supportd>")))
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.9)
        await client.request("POST", f"/calls/{call['id']}/end", {})
        await eventually(lambda: any("lifetime=0" in line for line in self.allocations(":supportd>")), "release of the port")


class ShortCredentials(TurnServer):
    """Credentials that last ten seconds, and a relay of the daemon's own that is named by number."""

    settings = dict(TurnServer.settings, **{"media.turn_ttl_ms": "10s", "media.relay_host": MEDIA, "media.relay_port": TURN_PORT})
    more = ("--stale-nonce=5",)

    def renewed(self, client):
        return [f["ice_servers"] for f in client.frames if f["type"] == "ice.servers"]

    def told_relays(self, client, answer):
        told = answer + "".join("a=" + f["candidate"] + "\r\n" for f in client.frames if f["type"] == "call.candidate")
        return [c for c in candidates(told) if c[2] == "relay"]

    async def refreshed_after_the_end(self, peer, renewed):
        """What a client does every few minutes to keep its port, with credentials that have ended: the port, the channel to the
        daemon and the permission are prolonged, with a new nonce too. With the renewed user name the same is refused."""
        turn = peer.sockets[0].transport._TurnTransport__inner_protocol
        nonce, first = turn.nonce, (turn.username, turn.password)

        async def refresh(username, password):
            turn.username, turn.password, turn.integrity_key = username, password, None
            request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
            request.attributes["LIFETIME"] = 600
            return (await turn.request_with_retry(request))[0].attributes["LIFETIME"]

        with self.assertRaisesRegex(TransactionFailed, "441"):
            await refresh(renewed["username"], renewed["credential"])
        self.assertEqual(await refresh(*first), 600)
        self.assertNotEqual(turn.nonce, nonce)
        for addr, channel in turn.peer_to_channel.items():
            await turn.channel_bind(channel, addr)

    async def test_renewed_before_they_run_out(self):
        """The new ones work when the old ones no longer do, and the call that those made goes on."""
        client = await self.customer()
        call = await peers.start_call(client)
        caller = self.peer(client, hz=1000, relay=[client.ice_servers[1]])
        self.assertTrue(await caller.connect(call["id"]), caller.pc.connectionState)
        first = client.ice_servers[1]
        await client.wait(lambda: len(self.renewed(client)) >= 2, 30, "new credentials, twice")
        ends = [int(servers[1]["username"].split(":")[0]) for servers in [client.ice_servers] + self.renewed(client)]
        self.assertEqual(ends, sorted(set(ends)))
        self.assertLess(ends[1] - ends[0], 10, "before the first ones end")
        await eventually(lambda: time.time() > ends[0] + 1, "the end of the first ones", 15)
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.8, "the call outlives them")
        await self.refreshed_after_the_end(caller, self.renewed(client)[-1][1])
        self.assertGreater(sound.note_share(await caller.listen(2), sound.BUILTIN_NOTES), 0.8, "and their refresh")
        await client.request("POST", f"/calls/{call['id']}/end", {})

        other = await self.customer()
        call = await peers.start_call(other)
        with self.assertRaisesRegex(TransactionFailed, "401"):
            await self.peer(other, hz=440, relay=[first]).connect(call["id"])
        late = self.peer(other, hz=440, relay=[self.renewed(client)[-1][1]])
        self.assertTrue(await late.connect(call["id"]), "by renewed ones")
        self.assertGreater(sound.note_share(await late.listen(2), sound.BUILTIN_NOTES), 0.9)
        await eventually(lambda: self.told_relays(other, late.answer), "the daemon's relay, by a credential of now")
        await other.request("POST", f"/calls/{call['id']}/end", {})


if __name__ == "__main__":
    run_tests()
