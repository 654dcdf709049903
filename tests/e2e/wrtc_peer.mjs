/* One leg of @roamhq/wrtc whose signaling is another program's, by lines of JSON: the offer out, the answer in,
 * then `hear SECONDS` until the end of the input. Usage: wrtc_peer.mjs HZ. A process of its own, as the module
 * aborts now and then while node tears it down; so this ends without any tearing down. */
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, root, scratch, until } from "./browser.mjs";

const { RTCPeerConnection, nonstandard } = createRequire(join(root, "src/web/package.json"))("@roamhq/wrtc");
const RATE = 48000;
const hz = Number(process.argv[2]);
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const peer = new RTCPeerConnection();
const source = new nonstandard.RTCAudioSource();
const heard = [];
let sink;

/* Ten milliseconds at a time, as many as have passed. */
const began = Date.now();
let spoken = 0;
setInterval(() => {
  for (; spoken * 10 < Date.now() - began; spoken++) {
    const samples = Int16Array.from({ length: RATE / 100 },
      (_, i) => 9830 * Math.sin((2 * Math.PI * hz * (spoken * (RATE / 100) + i)) / RATE));
    source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: RATE / 100 });
  }
}, 5);

peer.addTransceiver(source.createTrack(), { direction: "sendrecv" });
peer.ontrack = (event) => {
  sink = new nonstandard.RTCAudioSink(event.track);
  sink.ondata = ({ samples, sampleRate, channelCount }) => {
    /* It plays out at a rate of its own, 16 kHz at first. */
    const times = RATE / sampleRate;
    const length = (samples.length / channelCount) * times;
    heard.push(Int16Array.from({ length }, (_, i) => samples[Math.floor(i / times) * channelCount]));
  };
};

async function hear(seconds) {
  heard.length = 0;
  await until(() => heard.reduce((sum, part) => sum + part.length, 0) >= seconds * RATE, "sound");
  return describe(Buffer.concat(heard.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))));
}

await peer.setLocalDescription(await peer.createOffer());
tell({ offer: peer.localDescription.sdp });
for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith("hear ")) {
    tell(await hear(Number(line.slice(5))));
  } else {
    await peer.setRemoteDescription({ type: "answer", sdp: JSON.parse(line).sdp });
    await until(() => peer.connectionState === "connected", "wrtc connected");
    tell({ connected: true });
  }
}
peer.close();
rmSync(scratch, { recursive: true });
process.kill(process.pid, "SIGKILL");
