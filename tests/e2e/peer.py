"""A browser in software: aiortc for the sound, wire.py for the rest.

    peer = Peer(client, hz=1000)      # client: a wire.Client
    await peer.connect(call_id)       # call.offer, candidates, DTLS
    pcm = await peer.listen(2.0)      # what is heard from now on

Run as a program it is one customer of a call, for tests that are not Python: see main().
"""
import argparse
import asyncio
import fractions
import json
import os
import random
import sys
import time
import uuid

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription  # noqa: E402
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack  # noqa: E402
from aiortc.sdp import candidate_from_sdp  # noqa: E402
from av import AudioFrame  # noqa: E402

import sound  # noqa: E402
import wire  # noqa: E402

STEP = 960  # samples of 20 ms


class Tone(MediaStreamTrack):
    """A microphone that hears one tone; hz 0 is silence."""

    kind = "audio"

    def __init__(self, hz, gain=0.3):
        super().__init__()
        self.hz = hz
        self.gain = gain
        self.n = 0
        self.start = None

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        self.start = self.start or now
        await asyncio.sleep(max(0.0, self.start + self.n * STEP / sound.RATE - now))
        t = (self.n * STEP + np.arange(STEP)) / sound.RATE
        pcm = (self.gain * np.sin(2 * np.pi * self.hz * t) * 32767).astype("<i2")
        frame = AudioFrame(format="s16", layout="mono", samples=STEP)
        frame.planes[0].update(pcm.tobytes())
        frame.sample_rate = sound.RATE
        frame.pts = self.n * STEP
        frame.time_base = fractions.Fraction(1, sound.RATE)
        self.n += 1
        return frame


class Nowhere:
    """A transport that loses all it is given."""

    def __init__(self, real):
        self.real = real

    def sendto(self, data, addr=None):
        pass

    def __getattr__(self, name):
        return getattr(self.real, name)


class Lossy:
    """A transport that loses a share of the sound that it is given."""

    def __init__(self, real, share):
        self.real = real
        self.share = share
        self.random = random.Random(1)

    def sendto(self, data, addr=None):
        sound = 128 <= data[0] <= 191 and not 64 <= data[1] & 127 <= 95
        if not sound or self.random.random() >= self.share:
            self.real.sendto(data, addr)

    def heal(self):
        self.share = 0

    def __getattr__(self, name):
        return getattr(self.real, name)


class Links:
    def __init__(self, links):
        self.links = links

    def heal(self):
        for link in self.links:
            link.heal()


class Peer:
    """One leg of a call. hz None: the microphone is attached later (attach). relay: ice_servers of the
    daemon; then the only way out is through their TURN server."""

    def __init__(self, client, hz=None, fingerprint=None, relay=None):
        self.client = client
        self.fingerprint = fingerprint  # told instead of the own certificate's
        self.relay = relay
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[RTCIceServer(**server) for server in relay or []]))
        track = Tone(hz) if hz is not None else "audio"
        self.transceiver = self.pc.addTransceiver(track, direction="sendrecv")
        self.heard = []  # arrays of mono samples
        self.rtp_bytes = []  # first bytes of datagrams in the range of RTP and RTCP
        self.numbers = []  # (SSRC, sequence number) of what came as RTP
        self.call_id = None
        self._tasks = []
        self._unused = []  # sockets that the peer is denied
        self._seen = 0
        self.pc.on("track", self._on_track)

    @property
    def dtls(self):
        return self.transceiver.receiver.transport

    @property
    def profile(self):
        """The SRTP profile that DTLS chose, by its number in use_srtp (RFC 5764: 1 is AES128_CM_HMAC_SHA1_80)."""
        from OpenSSL import SSL
        chosen = SSL._lib.SSL_get_selected_srtp_profile(self.dtls.ssl._ssl)
        return int(SSL._ffi.cast("unsigned long *", chosen)[1])  # { const char *name; unsigned long id; }

    def attach(self, hz):
        self.transceiver.sender.replaceTrack(Tone(hz))

    def _on_track(self, track):
        self._tasks.append(asyncio.ensure_future(self._hear(track)))

    async def _hear(self, track):
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            pcm = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            self.heard.append(pcm.astype(np.float64) / 32768)

    def _watch_datagrams(self):
        ice = self.dtls.transport
        receive = ice._recv

        async def counted():
            data = await receive()
            if 128 <= data[0] <= 191:
                self.rtp_bytes.append(data[0])
                if not 64 <= data[1] & 127 <= 95:  # RFC 5761: else RTCP
                    self.numbers.append((data[8:12], int.from_bytes(data[2:4], "big")))
            return data

        ice._recv = counted

    @property
    def sockets(self):
        return self.dtls.transport._connection._protocols

    def _keep_relays(self):
        ice = self.dtls.transport._connection
        denied = [p for p in ice._protocols if p.local_candidate.type != "relay"]
        self._unused = [p.transport for p in denied]
        for protocol in denied:
            protocol.datagram_received = lambda *args: None
        ice._protocols = [p for p in ice._protocols if p.local_candidate.type == "relay"]
        ice._local_candidates = [c for c in ice._local_candidates if c.type == "relay"]

    def vanish(self):
        """From now on nothing leaves this peer and nothing arrives, and nobody is told."""
        for protocol in self.sockets:
            protocol.transport = Nowhere(protocol.transport)
            protocol.datagram_received = lambda *args: None

    def lose(self, share):
        """From now on this share of what leaves as sound is lost, until heal()."""
        for protocol in self.sockets:
            protocol.transport = Lossy(protocol.transport, share)
        return Links([protocol.transport for protocol in self.sockets])

    async def connect(self, call_id, timeout=10):
        """Offers, takes the answer and the daemon's candidates, waits for DTLS. False: it failed."""
        self.call_id = call_id
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self._watch_datagrams()
        sdp = self.pc.localDescription.sdp
        if self.relay:
            self._keep_relays()
            sdp = "\r\n".join(x for x in sdp.split("\r\n") if not x.startswith("a=candidate:") or " typ relay " in x)
        if self.fingerprint:
            lines = sdp.split("\r\n")
            sdp = "\r\n".join("a=fingerprint:sha-256 " + self.fingerprint if x.startswith("a=fingerprint:") else x
                              for x in lines)
        answer = await self.client.ask(type="call.offer", call_id=call_id, sdp=sdp)
        self.answer = answer["sdp"]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._tasks.append(asyncio.ensure_future(self._take_candidates()))
        end = time.monotonic() + timeout
        while self.pc.connectionState not in ("connected", "failed", "closed") and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return self.pc.connectionState == "connected"

    async def restart_ice(self):
        """New credentials on both sides and new checks, over the same sockets and under the same keys (RFC 8445 section 9)."""
        ice = self.dtls.transport._connection
        old = ice.local_username, ice.local_password
        new = uuid.uuid4().hex[:8], uuid.uuid4().hex
        sdp = self.pc.localDescription.sdp
        for name, before, now in zip(("ufrag", "pwd"), old, new):
            sdp = sdp.replace(f"a=ice-{name}:{before}\r\n", f"a=ice-{name}:{now}\r\n")
        if ice._query_consent_handle:
            ice._query_consent_handle.cancel()
        ice.local_username, ice.local_password = new
        ice._check_list, ice._check_list_done, ice._nominating = [], False, set()
        answer = (await self.client.ask(type="call.offer", call_id=self.call_id, sdp=sdp))["sdp"]
        told = dict(line[6:].split(":", 1) for line in answer.split("\r\n") if line.startswith("a=ice-") and ":" in line)
        assert told["ufrag"] != ice.remote_username, "new credentials"
        ice.remote_username, ice.remote_password = told["ufrag"], told["pwd"]
        await ice.connect()

    async def _take_candidates(self):
        while True:
            for frame in self.client.frames[self._seen:]:
                if frame["type"] == "call.candidate" and frame["call_id"] == self.call_id and frame["candidate"]:
                    candidate = candidate_from_sdp(frame["candidate"].split(":", 1)[1])
                    candidate.sdpMLineIndex = 0
                    await self.pc.addIceCandidate(candidate)
            self._seen = len(self.client.frames)
            await asyncio.sleep(0.05)

    async def listen(self, seconds):
        """The next seconds of sound, mono; less where little comes."""
        del self.heard[:]
        end = time.monotonic() + seconds + 2
        while sum(map(len, self.heard)) < seconds * sound.RATE:
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.02)
        return np.concatenate(self.heard)[: int(seconds * sound.RATE)] if self.heard else np.zeros(0)

    async def close(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pc.close()
        for transport in self._unused:
            transport.close()


async def start_call(client):
    return (await client.request("POST", "/call/start", {"client_key": str(uuid.uuid4())}))["call"]


class Bare:
    """Stands for the signaling: the offer goes out as a line, the answer comes in as one."""

    frames = []

    async def ask(self, **frame):
        print(json.dumps({"offer": frame["sdp"]}), flush=True)
        line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return {"sdp": json.loads(line)["sdp"]}


async def serve_bare(args):
    """One leg whose signaling is another program's: offer out, answer in, then `hear SECONDS` until the end."""
    peer = Peer(Bare(), hz=args.hz)
    print(json.dumps({"connected": await peer.connect(None)}), flush=True)
    while words := (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).split():
        print(json.dumps(sound.describe(await peer.listen(float(words[1])))), flush=True)
    await peer.close()


async def serve(args):
    """Customer for the browser tests: prints one line of JSON per event, obeys lines on standard input
    (`start`, `hear SECONDS`, `end`)."""
    def tell(**event):
        print(json.dumps(event), flush=True)

    client = await wire.Client(args.http, "aiortc", args.http, token=args.token).open()
    peer = Peer(client, hz=args.hz)
    call = None
    tell(event="ready")
    lines = asyncio.get_running_loop().run_in_executor
    while words := (await lines(None, sys.stdin.readline)).split():
        if words[0] == "start":
            call = await start_call(client)
            ok = await peer.connect(call["id"])
            tell(event="connected", ok=ok, call=call["id"], profile=peer.profile if ok else None)
        elif words[0] == "hear":
            pcm = await peer.listen(float(words[1]))
            tell(event="heard", **sound.describe(pcm))
        elif words[0] == "end":
            call = (await client.request("POST", f"/calls/{call['id']}/end", {}))["call"]
            tell(event="ended", state=call["state"], reason=call["end_reason"])
    await peer.close()
    await client.close()


def main():
    parser = argparse.ArgumentParser(description="A customer with a tone for a microphone")
    parser.add_argument("--http")
    parser.add_argument("--token")
    parser.add_argument("--bare", action="store_true", help="no signaling of its own")
    parser.add_argument("--hz", type=float, default=1000)
    args = parser.parse_args()
    asyncio.run(serve_bare(args) if args.bare else serve(args))


if __name__ == "__main__":
    main()
