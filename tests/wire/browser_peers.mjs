/* A browser as a peer on the far side of the link: many legs in one page, driven by the same lines of JSON as
 * tests/support/wire/peer.c ("leg", "answer", "candidate", "report"): browser_peers.mjs chromium|firefox. A leg with "mic"
 * sends the browser's fake microphone, others only receive; with "turn" (one of the daemon's ice_servers) its only way out is
 * through that server; "connected" tells the port of the path. A report has what getStats says about the inbound stream, and
 * as `frame` the call.stats that the pages of the product make of it. "send" can only end the sending. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(root, "src/web/package.json"));
const { chromium, firefox } = require("playwright-core");
const { buildSync } = require("esbuild");
const scratch = mkdtempSync(join(tmpdir(), "supportd-wire-"));
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const stats = buildSync({ entryPoints: [join(root, "src/web/shared/stats.ts")], bundle: true, write: false, format: "iife", globalName: "stats" });

/* Runs in the page. */
function install() {
  const legs = [];
  const gathered = (pc) => new Promise((resolve) => {
    const look = () => pc.iceGatheringState === "complete" && resolve();
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
  window.peers = {
    async leg({ mic, turn }) {
      const pc = new RTCPeerConnection(turn ? { iceServers: [turn], iceTransportPolicy: "relay" } : {});
      const number = legs.push(pc) - 1;
      const audio = document.body.appendChild(document.createElement("audio"));
      audio.autoplay = true; /* what nobody plays is not decoded */
      pc.addEventListener("track", (event) => {
        audio.srcObject = new MediaStream([event.track]);
      });
      if (mic) {
        const still = { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } };
        const stream = await navigator.mediaDevices.getUserMedia(still);
        pc.addTransceiver(stream.getAudioTracks()[0], { direction: "sendrecv", streams: [stream] });
      } else {
        pc.addTransceiver("audio", { direction: "sendrecv" });
      }
      await pc.setLocalDescription();
      await gathered(pc);
      const ports = [...pc.localDescription.sdp.matchAll(/^a=candidate:.* udp \d+ ([0-9.]+) (\d+) typ (?:host|relay)/gim)];
      return { leg: number, port: Number(ports.find((m) => m[1] !== "127.0.0.1")[2]), ssrc: 0, offer: pc.localDescription.sdp };
    },
    /* The port of the path: a browser has one of each server for each address of its own. */
    async connected(number) {
      await new Promise((resolve) => {
        const look = () => legs[number].connectionState === "connected" && resolve();
        legs[number].addEventListener("connectionstatechange", look);
        look();
      });
      const stats = await legs[number].getStats();
      const all = [...stats.values()];
      const chosen = all.find((entry) => entry.type === "transport")?.selectedCandidatePairId;
      const pair = stats.get(chosen) ?? all.find((entry) => entry.type === "candidate-pair" && entry.selected);
      return stats.get(pair.localCandidateId).port;
    },
    answer: (number, sdp) => legs[number].setRemoteDescription({ type: "answer", sdp }),
    candidate: (number, text) => legs[number].addIceCandidate({ candidate: text, sdpMLineIndex: 0 }),
    silence: (number) => Promise.all(legs[number].getSenders().map((sender) => sender.replaceTrack(null))),
    async report(number) {
      const all = [...(await legs[number].getStats()).values()];
      const of = (type) => all.find((entry) => entry.type === type) ?? {};
      return { report: number, ...of("inbound-rtp"), packetsSent: of("outbound-rtp").packetsSent ?? 0,
        roundTripTime: of("remote-inbound-rtp").roundTripTime ?? null, frame: window.stats.statsFrame(all, "") };
    },
  };
}

async function openChromium() {
  const context = await chromium.launchPersistentContext(scratch, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    chromiumSandbox: false,
    args: ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns"],
  });
  return { page: context.pages()[0], close: () => context.close() };
}

/* Firefox needs a sound device to play to: a PulseAudio of its own with nothing behind it. */
async function openFirefox() {
  const socket = join(scratch, "pulse.sock");
  const pulse = spawn("pulseaudio", ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no", "--log-level=error",
    "-L", "module-null-sink", "-L", `module-native-protocol-unix auth-anonymous=1 socket=${socket}`],
  { stdio: "ignore", env: { ...process.env, HOME: scratch, XDG_RUNTIME_DIR: scratch } });
  const browser = await firefox.launch({
    channel: "moz-firefox",
    executablePath: "/usr/bin/firefox-esr",
    timeout: 60000,
    env: { ...process.env, HOME: scratch, PULSE_SERVER: `unix:${socket}` },
    firefoxUserPrefs: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      "media.peerconnection.ice.loopback": false,
    },
  });
  const close = async () => {
    await browser.close();
    pulse.kill();
  };
  const context = await browser.newContext({ colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null });
  return { page: await context.newPage(), close };
}

const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><body>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = process.argv[2] === "firefox" ? await openFirefox() : await openChromium();
try {
  const { page } = browser;
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(`${stats.outputFiles[0].text}; window.stats = stats;`);
  await page.evaluate(install);
  say({ ready: process.argv[2] });
  for await (const line of createInterface({ input: process.stdin })) {
    const o = JSON.parse(line);
    if (o.leg) say(await page.evaluate((options) => window.peers.leg(options), { mic: o.mic === true, turn: o.turn }));
    else if (o.candidate !== undefined) await page.evaluate(([n, text]) => window.peers.candidate(n, text), [o.candidate, o.text]);
    else if (o.send !== undefined) await page.evaluate((n) => window.peers.silence(n), o.send);
    else if (o.report !== undefined) say(await page.evaluate((n) => window.peers.report(n), o.report));
    else if (o.answer !== undefined) {
      await page.evaluate(([n, sdp]) => window.peers.answer(n, sdp), [o.answer, o.sdp]);
      void page.evaluate((n) => window.peers.connected(n), o.answer).then((port) => say({ connected: o.answer, port }), () => {});
    }
  }
} finally {
  await browser.close();
  server.close();
  rmSync(scratch, { recursive: true, force: true });
}
