/* What the tests of the pages stand on: the fake daemon, browsers, pages that are watched, pictures. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, afterEach, beforeEach } from "node:test";
import { axe, openBrowser } from "./browser.mjs";
import { AMINA, FakeDaemon, WANJA } from "./daemon.mjs";
import { makePeer } from "./peer.mjs";

export const screens = process.env.SCREENS;
const SIZES = { 360: [360, 740], 768: [768, 1024], 1280: [1280, 800], 1920: [1920, 1080] };
let daemon;
let browser;

/* Daemon, browsers and peer of a test file; every test finds the daemon as new. */
export async function stage() {
  if (screens) mkdirSync(screens, { recursive: true });
  daemon = new FakeDaemon();
  await daemon.start();
  browser = await openBrowser();
  const denied = await openBrowser({ mic: "deny" });
  const peer = await makePeer(browser.context, daemon);
  after(async () => {
    await browser.close();
    await denied.close();
    await daemon.stop();
  });
  beforeEach(fresh);
  /* What a failed test leaves open must not speak in the next one. */
  const kept = new Set([...browser.context.pages(), ...denied.context.pages()]);
  afterEach(async () => {
    for (const { context } of [browser, denied])
      for (const page of context.pages()) if (!kept.has(page)) await page.close();
  });
  return { daemon, browser, denied, peer };
}

function fresh() {
  daemon.down = false;
  daemon.session = false;
  daemon.chats.clear();
  daemon.calls.clear();
  daemon.queue = [];
  daemon.offers = [];
  daemon.frames = [];
  daemon.config.features = { chat: true, call: true, callback: true, ratings: true };
  daemon.role = "agent";
  daemon.live = [];
  daemon.missed = [];
  daemon.recordings = [];
  daemon.parts = [];
  daemon.mustRecord = false;
  daemon.presence = { ...daemon.presence, chosen: "available", reason: null, auto_answer: false };
  daemon.wrapUp(null);
}

/* A page whose complaints fail the test. */
export async function open(path, { from = browser, size = 1280, scheme = "light", ...more } = {}) {
  const page = await from.context.newPage();
  const complaints = [];
  page.on("console", (m) => {
    const network = /Failed to load resource|WebSocket connection/.test(m.text());
    if ((m.type() === "error" || m.type() === "warning") && !network) complaints.push(m.text());
  });
  page.on("pageerror", (e) => complaints.push(e.message));
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  const [width, height] = SIZES[size] ?? size;
  await page.setViewportSize({ width, height });
  if (more.init) await page.addInitScript(more.init, more.arg);
  await page.goto(daemon.url + path);
  return { page, complaints };
}

export async function resize(page, size, scheme) {
  const [width, height] = SIZES[size] ?? size;
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  await page.waitForTimeout(150);
  for (const frame of page.frames()) await frame.evaluate(settled).catch(() => undefined);
}

/* Colours and places are the new ones: drawn twice, and no transition under way. */
async function settled() {
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  await drawn();
  const ends = document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < 1e4);
  await Promise.allSettled(ends.map((a) => a.finished));
  await drawn();
}

async function overflow(page) {
  for (const frame of page.frames()) {
    if (frame.url() === "about:blank") continue;
    const wide = await frame.evaluate(() => {
      const root = document.documentElement;
      return root.scrollWidth > root.clientWidth ? `${root.scrollWidth} > ${root.clientWidth}` : "";
    });
    assert.equal(wide, "", `scrolls sideways: ${frame.url()}`);
  }
}

/* The state as it is: picture, axe, no sideways scrolling; at each size and scheme asked for. */
export async function look(page, name, views = [[1280, "light"]]) {
  let view = 0;
  for (const [size, scheme] of views) {
    await resize(page, size, scheme);
    if (screens) await page.screenshot({ path: `${screens}/${name}-${size}-${scheme}.png` });
    await overflow(page);
    /* The words and the tree are the same at the other sizes; with pictures all are looked at. */
    if (!screens && view++ >= 2) continue;
    const bad = await axe(page);
    assert.deepEqual(bad, [], `${name} ${size} ${scheme}`);
  }
  await resize(page, 1280, "light");
}

export const message = (seq) => `[data-testid="message"][data-seq="${seq}"]`;

export const ALL = [
  [1280, "light"],
  [360, "dark"],
  [360, "light"],
  [768, "dark"],
  [1920, "light"],
  [1280, "dark"],
];
export const SOME = [
  [1280, "light"],
  [360, "dark"],
];

export async function widget(options = {}) {
  const who = options.who ?? "wanja";
  const opened = await open("/demo/", {
    ...options,
    init: (key) => sessionStorage.setItem("demo.customer", key),
    arg: who,
  });
  await opened.page.getByTestId("launcher").click();
  const panel = opened.page.frameLocator("iframe");
  await panel.getByTestId("panel").waitFor();
  return { ...opened, panel };
}

export async function staff(options = {}) {
  daemon.session = true;
  const opened = await open("/staff/", options);
  await opened.page.getByTestId("desk").waitFor();
  await opened.page.locator('[data-testid="connection"][data-status="online"]').waitFor();
  return opened;
}

export function conversation(customer = WANJA, count = 12) {
  const chat = daemon.newChat(customer);
  daemon.assign(chat);
  const lines = [
    [customer, "Hello, I paid in a shop yesterday and it was taken twice."],
    [AMINA, "Hello. I am sorry about that. Which shop was it, and how much?"],
    [customer, "Greenleaf Market, 2,340 shillings. My card is 4111 1111 1111 1111"],
    [
      AMINA,
      "Thank you, I see both bookings. One of them is only reserved and will drop by tomorrow.",
    ],
    [customer, "Good"],
    [customer, "Can I see that somewhere?"],
    [AMINA, "Yes: under Cards, then Pending. More at https://www.baobab.example/help/pending"],
  ];
  for (let i = 0; i < count; i++) {
    const [who, text] = lines[i % lines.length];
    const at = new Date(Date.now() - (count - i) * 45000 - (i < 3 ? 86400000 : 0)).toISOString();
    daemon.post(chat, "message", who, text, { at });
  }
  return chat;
}
