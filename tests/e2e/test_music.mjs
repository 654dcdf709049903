/* The hold music that is configured, as customers hear it in Chromium and in Firefox: piece by piece its spectrum is that of
 * the file, and its level. Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { compare, hear, openChromium, openFirefox, openPanel, Stack, tuneFiles } from "./browser.mjs";

const SECONDS = 6;
let stack;
let played;
let another;

before(async () => {
  played = tuneFiles(1);
  another = tuneFiles(2);
  stack = await Stack.start({ "media.hold_music_files": played.opus });
});

after(() => stack?.stop());

async function waits(open, customer) {
  const one = await open(`music-${customer}`, 1000);
  try {
    const { panel, frame } = await openPanel(one.page, stack, customer);
    await panel.getByTestId("call").click();
    await panel.locator('[data-testid="callbar"][data-state="queued"][data-leg="connected"]').waitFor();
    /* The first moments are louder or softer while the browser fills its buffer. */
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const pcm = await hear(frame(), SECONDS);
    await panel.getByTestId("hangup").click();
    return pcm;
  } finally {
    await one.close();
  }
}

function isTheFile(pcm) {
  const found = compare(pcm, played.wav);
  const text = JSON.stringify(found);
  console.log(`# ${text}`);
  assert.ok(found.blocks > 8, text);
  assert.ok(found.likeness > 0.9 && found.in_order > 0.3, `not the spectrum of the file: ${text}`);
  assert.ok(Math.abs(found.louder_db) < 1.5, `not the level of the file: ${text}`);
  const other = compare(pcm, another.wav);
  console.log(`# another file: ${JSON.stringify(other)}`);
  assert.ok(other.likeness < 0.85 && other.in_order < 0.2, `a file that is not played is found as well: ${JSON.stringify(other)}`);
  const quiet = compare(Buffer.from(Int16Array.from(new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1), (x) => x / 2).buffer), played.wav);
  assert.ok(quiet.louder_db < -4.5, `half as loud is not noticed: ${JSON.stringify(quiet)}`);
}

test("in Chromium", { timeout: 90000 }, async () => isTheFile(await waits(openChromium, "wanja")));

test("in Firefox", { timeout: 90000 }, async () => isTheFile(await waits(openFirefox, "otieno")));
