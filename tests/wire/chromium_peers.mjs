/* Chromium as a peer on the far side of the link: many legs in one page, driven by the same lines of JSON as
 * tests/support/wire/peer.c ("leg", "answer", "candidate", "report"). It receives; its report has what getStats
 * says about the inbound stream. */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { chromium } = createRequire(join(root, "src/web/package.json"))("playwright-core");
const profile = mkdtempSync(join(tmpdir(), "supportd-wire-"));
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

/* Runs in the page. */
function install() {
  const legs = [];
  const gathered = (pc) => new Promise((resolve) => {
    const look = () => pc.iceGatheringState === "complete" && resolve();
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
  window.peers = {
    async leg() {
      const pc = new RTCPeerConnection();
      const number = legs.push(pc) - 1;
      const audio = document.body.appendChild(document.createElement("audio"));
      audio.autoplay = true; /* what nobody plays is not decoded */
      pc.addEventListener("track", (event) => {
        audio.srcObject = new MediaStream([event.track]);
      });
      pc.addEventListener("connectionstatechange", () => pc.connectionState === "connected" && window.say({ connected: number }));
      pc.addTransceiver("audio", { direction: "sendrecv" });
      await pc.setLocalDescription();
      await gathered(pc);
      const line = pc.localDescription.sdp.match(/^a=candidate:.* (\d+) typ host/m);
      return { leg: number, port: Number(line[1]), ssrc: 0, offer: pc.localDescription.sdp };
    },
    answer: (number, sdp) => legs[number].setRemoteDescription({ type: "answer", sdp }),
    candidate: (number, text) => legs[number].addIceCandidate({ candidate: text, sdpMLineIndex: 0 }),
    async report(number) {
      for (const entry of (await legs[number].getStats()).values())
        if (entry.type === "inbound-rtp") return { report: number, ...entry };
      return { report: number };
    },
  };
}

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  chromiumSandbox: false,
  args: ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns"],
});
try {
  const page = browser.pages()[0];
  await page.route("**/*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>" }));
  await page.goto("https://peer.example/");
  await page.exposeFunction("say", say);
  await page.evaluate(install);
  say({ ready: await browser.browser()?.version() ?? "chromium" });
  for await (const line of createInterface({ input: process.stdin })) {
    const o = JSON.parse(line);
    if (o.leg) say(await page.evaluate(() => window.peers.leg()));
    else if (o.answer !== undefined) await page.evaluate(([n, sdp]) => window.peers.answer(n, sdp), [o.answer, o.sdp]);
    else if (o.candidate !== undefined) await page.evaluate(([n, text]) => window.peers.candidate(n, text), [o.candidate, o.text]);
    else if (o.report !== undefined) say(await page.evaluate((n) => window.peers.report(n), o.report));
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
