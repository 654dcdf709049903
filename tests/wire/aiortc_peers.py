"""aiortc as a peer on the far side of the link: many legs in one process, driven by the same lines of JSON as browser_peers.mjs
("leg", "answer", "candidate", "send", "report"): aiortc_peers.py ADDRESS. A leg sends one tone without pause, DTX or FEC; a
report has what aiortc's getStats tells, and as `frame` what a page would make of it."""
import asyncio
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import aioice.ice  # noqa: E402
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription  # noqa: E402
from aiortc.mediastreams import MediaStreamError  # noqa: E402
from aiortc.sdp import candidate_from_sdp  # noqa: E402

from peer import Tone  # noqa: E402  (found by the path above)

TICKS_PER_S = 48000


def say(**answer):
    print(json.dumps(answer), flush=True)


class Leg:
    def __init__(self, number):
        self.number = number
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.transceiver = self.pc.addTransceiver(Tone(440), direction="sendrecv")
        self.tasks = []

        @self.pc.on("track")
        def hear(track):
            self.tasks.append(asyncio.ensure_future(self.hear(track)))

        @self.pc.on("connectionstatechange")
        def changed():
            if self.pc.connectionState == "connected":
                say(connected=number)

    async def hear(self, track):
        try:
            while True:
                await track.recv()
        except MediaStreamError:
            return

    async def offer(self):
        await self.pc.setLocalDescription(await self.pc.createOffer())
        sdp = self.pc.localDescription.sdp
        port = next(int(line.split()[5]) for line in sdp.split("\r\n") if line.startswith("a=candidate:"))
        say(leg=self.number, port=port, ssrc=0, offer=sdp)

    async def candidate(self, text):
        if text:
            candidate = candidate_from_sdp(text.split(":", 1)[1])
            candidate.sdpMLineIndex = 0
            await self.pc.addIceCandidate(candidate)

    async def report(self):
        stats = {entry.type: entry for entry in (await self.pc.getStats()).values()}
        heard, sent, told = (stats.get(t) for t in ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp"))
        frame = None
        if heard and told and told.roundTripTime is not None:
            frame = {"type": "call.stats", "received": heard.packetsReceived, "lost": heard.packetsLost,
                     "rtt_us": round(told.roundTripTime * 1e6)}
        say(report=self.number, packetsSent=sent.packetsSent if sent else 0, packetsReceived=heard.packetsReceived if heard else 0,
            packetsLost=heard.packetsLost if heard else 0, jitter=heard.jitter / TICKS_PER_S if heard else 0, frame=frame)

    async def end(self):
        for task in self.tasks:
            task.cancel()
        await self.pc.close()


async def main(address):
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    legs = []
    say(ready="aiortc")
    while line := await reader.readline():
        order = json.loads(line)
        if "leg" in order:
            legs.append(Leg(len(legs)))
            await legs[-1].offer()
        elif "answer" in order:
            await legs[order["answer"]].pc.setRemoteDescription(RTCSessionDescription(order["sdp"], "answer"))
        elif "candidate" in order:
            await legs[order["candidate"]].candidate(order["text"])
        elif "send" in order:
            legs[order["send"]].transceiver.sender.replaceTrack(None)
        elif "report" in order:
            await legs[order["report"]].report()
    for leg in legs:
        await leg.end()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
