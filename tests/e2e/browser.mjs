/* What the browser tests stand on: the stack, Chromium and Firefox, the ears in the page, SQL. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../..");
const require = createRequire(join(root, "src/web/package.json"));
const { chromium, firefox } = require("playwright-core");
export const screens = join(root, "build/test-output/e2e");
const PYTHON = "/usr/bin/python3";

mkdirSync(screens, { recursive: true });
export const scratch = mkdtempSync(join(tmpdir(), "supportd-e2e-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/* --- processes --- */

/* A child that answers each line with a line of JSON or text. */
export class Talker {
  constructor(command, args) {
    this.child = spawn(command, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async next() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.child.spawnargs.join(" ")} ended`);
    return value;
  }

  async ask(line) {
    this.child.stdin.write(`${line}\n`);
    return JSON.parse(await this.next());
  }

  async end() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.child.once("close", resolve));
    this.child.stdin.end();
    await closed;
  }
}

export class Stack {
  /* inside: the words before a command that run it where the daemon is to be. */
  static async start(settings = {}, inside = []) {
    const all = { "web.demo": "true", "media.addresses": process.env.E2E_ADDRESS ?? "10.77.0.1", ...settings };
    const args = Object.entries(all).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const stack = new Stack();
    const [command, ...words] = [...inside, PYTHON, "tests/support/stack.py", "serve", "--json", ...args];
    stack.inside = inside;
    stack.talker = new Talker(command, words);
    Object.assign(stack, JSON.parse(await stack.talker.next()));
    stack.url = stack.http[0];
    return stack;
  }

  /* Rows as arrays of strings. */
  sql(query) {
    const [command, ...words] = [...this.inside, "psql", "-XAtq", "-F", "\t", "-d", this.database.superuser_url, "-c", query];
    const text = execFileSync(command, words);
    return text.toString().split("\n").filter(Boolean).map((line) => line.split("\t"));
  }

  async stop() {
    await this.talker?.end();
  }
}

/* --- sound --- */

const python = (...args) => execFileSync(PYTHON, [join(here, "sound.py"), ...args]).toString();

/* Ten seconds of a tone, whole periods, so that its loop has no seam. */
export function toneFile(hz) {
  const path = join(scratch, `tone-${hz}.wav`);
  python("tone", String(hz), "10", path);
  return path;
}

/* Runs in every frame before its scripts: peer connections and sockets are kept in lists, and microphones are
 * taken as they are, for a noise suppressor removes a steady tone. */
function ears() {
  const Native = window.RTCPeerConnection;
  window.e2ePeers = [];
  window.RTCPeerConnection = class extends Native {
    constructor(options) {
      super({ ...options, iceTransportPolicy: window.e2eTransport ?? "all" });
      window.e2ePeers.push(this);
    }
  };
  window.e2eSockets = [];
  window.WebSocket = class extends window.WebSocket {
    constructor(...args) {
      super(...args);
      window.e2eSockets.push(this);
    }
  };
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return open({ ...wanted, audio: plain });
  };
}

/* An agent may answer before the customer's path stands: whoever listens waits for it. */
async function record(seconds) {
  const connected = () => window.e2ePeers.filter((p) => p.connectionState === "connected").at(-1);
  for (let left = 200; !connected() && left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 100));
  const peer = connected();
  if (!peer) throw new Error(`no peer connection is connected: ${window.e2ePeers.map((p) => p.connectionState)}`);
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const source = context.createMediaStreamSource(new MediaStream([peer.getReceivers()[0].track]));
  const tap = context.createScriptProcessor(16384, 1, 1);
  const parts = [];
  tap.onaudioprocess = (event) => parts.push(Int16Array.from(event.inputBuffer.getChannelData(0), (x) => x * 32767));
  source.connect(tap);
  tap.connect(context.destination);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 700));
  tap.onaudioprocess = null;
  await context.close();
  let text = "";
  for (const part of parts)
    for (const byte of new Uint8Array(part.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

let recordings = 0;

/* What the frame's call lets one hear in the next seconds: see describe() in sound.py. */
export async function listen(frame, seconds) {
  return describe(await hear(frame, seconds));
}

/* The same as samples: 16 bits, mono, 48 kHz. */
export async function hear(frame, seconds) {
  return Buffer.from(await frame.evaluate(record, seconds), "base64");
}

export const describe = (pcm) => JSON.parse(python(wavFile(pcm)));

/* How like the samples are to a sound file: see compare() in sound.py. */
export const compare = (pcm, wav) => JSON.parse(python("compare", wavFile(pcm), wav));

/* A tune as an Opus file, and decoded: {opus, wav}. */
export function tuneFiles(seed) {
  const [wav, opus] = ["wav", "opus"].map((end) => join(scratch, `tune-${seed}.${end}`));
  python("tune", String(seed), wav, opus);
  return { opus, wav };
}

function wavFile(pcm) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(48000, 24);
  head.writeUInt32LE(96000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(pcm.length, 40);
  const path = join(scratch, `heard-${++recordings}.wav`);
  writeFileSync(path, Buffer.concat([head, pcm]));
  return path;
}

/* Which of the tones are heard: voices differ by a few dB, the coder's noise is more than 30 dB below the loudest. */
export function heardTones(heard) {
  const tones = Object.entries(heard.tones);
  const top = Math.max(...tones.map(([, level]) => level));
  if (top < -45) return "none";
  return tones.filter(([, level]) => level > top - 30).map(([hz]) => hz).join("+");
}

export function isMusic(heard) {
  const text = JSON.stringify(heard);
  assert.ok(heard.seconds > 2, text);
  /* Noise would have as much beside the notes as on them; a gap smears a little of the music there. */
  assert.ok(heard.notes > 0.7, `not on the notes of the built-in music: ${text}`);
  assert.ok(heard.beside < 0.2, `beside the notes: ${text}`);
  assert.ok(heard.level > -27 && heard.level < -15, `level: ${text}`);
}

export function isTone(heard, hz) {
  const text = JSON.stringify(heard);
  assert.ok(Math.abs(heard.hz - hz) < 3, `expected ${hz} Hz: ${text}`);
  assert.ok(heard.share > 0.8, `expected a pure tone: ${text}`);
  assert.ok(heard.level > -35, `too quiet: ${text}`);
}

/* --- browsers --- */

const FLAGS = [
  "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check",
  "--password-store=basic", "--mute-audio", "--disable-features=Translate,OptimizationHints,MediaRouter",
  "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

function trusted(origin) {
  if (!origin) return [];
  const rules = `MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE ${new URL(origin).hostname}`;
  return [`--unsafely-treat-insecure-origin-as-secure=${origin}`, `--host-resolver-rules=${rules}`];
}

/* What SRTP refuses is told in the renderer's log alone. */
const LOGGING = ["--enable-logging=stderr", "--vmodule=*/webrtc/pc/*=1"];

async function firstPage(context, name) {
  await context.addInitScript(ears);
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(15000);
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(`${name}: ${m.text()} ${m.location().url}`));
  page.on("pageerror", (e) => complaints.push(`${name}: ${e.message}`));
  return { page, complaints };
}

/* {page, complaints, log, close}; the microphone hears the tone. The log holds what WebRTC warns of.
 * inside: as for the stack; origin: a daemon that is not on this machine's loopback, trusted like one that is. */
export async function openChromium(name, hz, { inside = [], origin } = {}) {
  const log = join(scratch, `${name}.chromium.log`);
  const executable = join(scratch, `${name}.chromium.sh`);
  /* A log file given by a flag is written by the browser's own process alone. */
  writeFileSync(executable, `#!/bin/sh\nexec ${inside.join(" ")} /usr/bin/chromium "$@" 2>>"${log}"\n`, { mode: 0o755 });
  const context = await chromium.launchPersistentContext(mkdtempSync(join(scratch, `${name}-`)), {
    executablePath: executable,
    headless: true,
    chromiumSandbox: false,
    args: [...FLAGS, ...trusted(origin), ...LOGGING, `--use-file-for-fake-audio-capture=${toneFile(hz)}`],
    viewport: { width: 1280, height: 800 },
    timeout: 60000,
  });
  return { ...(await firstPage(context, name)), log, close: () => context.close() };
}

/* The same with Firefox, whose fake microphone makes the tone itself. It needs a sound device to play
 * to: a PulseAudio of the test's own with nothing behind it. */
export async function openFirefox(name, hz, { origin } = {}) {
  const socket = join(scratch, `pulse-${name}.sock`);
  const args = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no",
    "--log-level=error", "-L", "module-null-sink", "-L",
    `module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
  const pulse = spawn("pulseaudio", args, { stdio: "ignore", env: { ...process.env, HOME: scratch, XDG_RUNTIME_DIR: scratch } });
  const browser = await firefox.launch({
    channel: "moz-firefox",
    executablePath: "/usr/bin/firefox-esr",
    timeout: 60000,
    env: { ...process.env, HOME: scratch, PULSE_SERVER: `unix:${socket}` },
    firefoxUserPrefs: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.navigator.audio.fake_frequency": hz,
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      "media.autoplay.block-webaudio": false,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      ...(origin && { "dom.securecontext.allowlist": new URL(origin).hostname, "media.getusermedia.insecure.enabled": true }),
    },
  });
  const context = await browser.newContext({ colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null });
  const close = async () => {
    await browser.close();
    pulse.kill();
  };
  return { ...(await firstPage(context, name)), close };
}

/* --- what people do --- */

export async function logIn(page, stack, account) {
  await page.goto(`${stack.url}/staff/`);
  await page.getByTestId("login-email").fill(account.email);
  await page.getByTestId("login-password").fill(account.password);
  await page.getByTestId("login-submit").click();
  await page.getByTestId("desk").waitFor();
  await page.locator('[data-testid="connection"][data-status="online"]').waitFor();
}

export async function setPresence(page, chosen) {
  await page.getByTestId("presence").click();
  await page.getByTestId(`presence-${chosen}`).click();
}

/* The demo bank's page with the panel open: {panel: locator of its frame, frame()}. */
export async function openPanel(page, stack, customer) {
  await page.goto(`${stack.url}/demo/`);
  await page.getByTestId(`customer-${customer}`).click();
  await page.getByTestId("sign-out").waitFor();
  await page.getByTestId("launcher").click();
  return panelOf(page);
}

export async function panelOf(page) {
  const panel = page.frameLocator('[data-testid="panel-frame"]');
  await panel.getByTestId("panel").waitFor();
  const frame = () => page.frames().find((f) => f.url().endsWith("/panel/"));
  return { panel, frame };
}

export async function until(check, what, ms = 10000) {
  for (const end = Date.now() + ms; ; ) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
