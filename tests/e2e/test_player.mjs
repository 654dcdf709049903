/* Recording in real browsers: the agent's buttons, the notice at the customer, and the player of a supervisor,
 * whose sound is what was said. The tests build on one another. Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describe, isTone, logIn, openChromium, openPanel, screens, setPresence, Stack, until } from "./browser.mjs";

let stack;
let amina;
let chief;
let customer;
let panel;

/* The player's elements are in no document. */
function keepAudio() {
  window.e2eAudio = [];
  window.Audio = class extends window.Audio {
    constructor(...args) {
      super(...args);
      window.e2eAudio.push(this);
    }
  };
}

/* What the elements play in the next seconds, each by itself: base64 of 16 bit samples, 48 kHz. */
async function played(seconds) {
  if (!window.e2eTaps) {
    const context = new AudioContext({ sampleRate: 48000 });
    await context.resume();
    window.e2eTaps = window.e2eAudio.map((audio) => {
      const tap = context.createScriptProcessor(16384, 1, 1);
      context.createMediaElementSource(audio).connect(tap);
      tap.connect(context.destination);
      return tap;
    });
  }
  const heard = window.e2eTaps.map((tap) => {
    const parts = [];
    tap.onaudioprocess = (e) => parts.push(Int16Array.from(e.inputBuffer.getChannelData(0), (x) => x * 32767));
    return parts;
  });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 1400));
  for (const tap of window.e2eTaps) tap.onaudioprocess = null;
  return heard.map((parts) => {
    let text = "";
    /* The first two may hold what was played before. */
    for (const part of parts.slice(2)) for (const byte of new Uint8Array(part.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  });
}

const hear = async (seconds) =>
  (await chief.page.evaluate(played, seconds)).map((text) => describe(Buffer.from(text, "base64")));

before(async () => {
  stack = await Stack.start();
  stack.sql(`update support.support_settings set value = '"on_demand"' where key = 'recording.policy'`);
  [amina, chief, customer] = await Promise.all([
    openChromium("amina", 440), openChromium("chief", 660), openChromium("customer", 1000),
  ]);
  await chief.page.addInitScript(keepAudio);
  await Promise.all([logIn(amina.page, stack, stack.staff.agent), logIn(chief.page, stack, stack.staff.supervisor)]);
});

after(async () => {
  await amina?.close();
  await chief?.close();
  await customer?.close();
  await stack?.stop();
});

function step(name, run) {
  test(name, { timeout: 120000 }, async () => {
    try {
      await run();
    } catch (e) {
      for (const [who, side] of Object.entries({ amina, chief, customer })) {
        const path = join(screens, `failed-${name.replaceAll(/\W+/g, "-")}-${who}.png`);
        await side.page.screenshot({ path, caret: "initial" }).catch(() => undefined);
      }
      throw e;
    }
  });
}

const shot = (page, name) => page.screenshot({ path: join(screens, `${name}.png`), caret: "initial" });
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Both sides are told. */
async function told(state, words) {
  await amina.page.locator(`[data-testid="recording"][data-recording="${state}"]`).waitFor();
  const notice = panel.locator(`[data-testid="recording"][data-recording="${state}"]`);
  if (words) await notice.getByText(words).waitFor();
  else await notice.waitFor({ state: "hidden" });
}

step("record, pause, resume, stop: both sides are told each time", async () => {
  ({ panel } = await openPanel(customer.page, stack, "wanja"));
  await setPresence(amina.page, "available");
  await panel.getByTestId("call").click();
  await amina.page.getByTestId("offer-accept").click({ timeout: 60000 });
  await amina.page.locator('[data-testid="callpanel"][data-state="active"][data-leg="connected"]').waitFor();
  await panel.locator('[data-testid="callbar"][data-state="active"][data-leg="connected"]').waitFor();
  await told("off");
  await amina.page.getByTestId("rec-start").click();
  await told("on", "This call is recorded");
  await rest(5000);
  await shot(amina.page, "20-recording-agent");
  await shot(customer.page, "20-recording-customer");
  await amina.page.getByTestId("rec-pause").click();
  await told("paused", "Recording is paused");
  await rest(4000);
  await amina.page.getByTestId("rec-resume").click();
  await told("on", "This call is recorded");
  await rest(5000);
  await amina.page.getByTestId("rec-stop").click();
  await told("off");
  await amina.page.getByTestId("hangup").click();
  await until(() => stack.sql("select 1 from support.call_recordings where state = 'ended'").length === 1, "written");
});

step("a supervisor sees the waveforms and hears both parties by ranges of the files", async () => {
  const ranges = [];
  chief.page.on("request", (r) => /\/tracks\/\d$/.test(r.url()) && ranges.push([r.url().at(-1), r.headers().range]));
  await chief.page.getByTestId("view-recordings").click();
  await chief.page.getByTestId("recorded-open").first().click();
  await chief.page.locator('[data-testid="wave"] polygon').nth(1).waitFor();
  const names = await chief.page.locator(".wayname").allTextContents();
  assert.equal(names.length, 2);
  assert.match(names[1], /Amina/);
  await chief.page.getByTestId("play").click();
  await chief.page.locator('[data-testid="player"][data-playing="true"]').waitFor();
  await shot(chief.page, "21-player");
  const [first, second] = await hear(1.5);
  isTone(first, 1000);
  isTone(second, 440);
  assert.deepEqual([...new Set(ranges.filter(([, range]) => /^bytes=\d+-/.test(range ?? "")).map(([track]) => track))].sort(), ["0", "1"]);
});

step("what was said during the pause is not there; after it both are", async () => {
  const [[text]] = stack.sql("select pauses from support.call_recordings");
  const [{ from_ms, to_ms }] = JSON.parse(text);
  await chief.page.getByTestId("seek").fill(String(Math.ceil(from_ms / 100 + 5) / 10));
  await until(() => chief.page.evaluate((s) => window.e2eAudio.every((a) => !a.seeking && a.currentTime >= s), from_ms / 1000), "in the pause");
  for (const heard of await hear(0.8)) assert.ok(heard.level < -60, JSON.stringify(heard));
  await shot(chief.page, "22-player-pause");
  await chief.page.getByTestId("seek").fill(String(Math.ceil(to_ms / 100 + 5) / 10));
  await until(() => chief.page.evaluate((s) => window.e2eAudio.every((a) => !a.seeking && a.currentTime >= s), to_ms / 1000 + 0.3), "behind it");
  const [first, second] = await hear(1.2);
  isTone(first, 1000);
  isTone(second, 440);
  const plays = stack.sql("select count(*) from support.support_activity_logs where action = 'recording.play'");
  assert.deepEqual(plays, [["1"]], "one opening, one row of the audit log");
  for (const side of [amina, chief, customer]) // the login page asks whether somebody is signed in already
    assert.deepEqual(side.complaints.filter((c) => !/401 .*\/(session|me)$/.test(c)), []);
});
