/* Consultation and handing over with a customer in Firefox: what is heard at each step, and one stream of packets
 * throughout. Firefox writes no log of what its SRTP refuses, but a packet that is refused (a number used again, a
 * new count under the same key) is missing in what it counts as received, and so is a number that was left out.
 * Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  heardTones, isMusic, listen, logIn, openChromium, openFirefox, openPanel, screens, setPresence, Stack, until,
} from "./browser.mjs";

let stack;
let amina;
let brian;
let customer;
let panel;
let frame;

before(async () => {
  stack = await Stack.start();
  [amina, brian, customer] = await Promise.all([
    openChromium("amina", 440), openChromium("brian", 660), openFirefox("customer", 1000),
  ]);
  await Promise.all([logIn(amina.page, stack, stack.staff.agent), logIn(brian.page, stack, stack.staff.agent2)]);
});

after(async () => {
  for (const side of [amina, brian, customer]) await side?.close();
  await stack?.stop();
});

const consultOf = (talk) => amina.page.locator(`[data-testid="consult"][data-state="open"][data-talk="${talk}"]`);

async function hear(where, tones) {
  let last;
  await until(async () => {
    last = await listen(where(), 0.8);
    return heardTones(last) === tones;
  }, `${tones}`, 60000).catch((e) => assert.fail(`${e.message}; last: ${JSON.stringify(last)}`));
}

async function hearMusic() {
  await until(async () => (await listen(frame(), 2.2)).notes > 0.7, "music at the customer", 60000);
  isMusic(await listen(frame(), 2.2));
}

/* What Firefox counts of the one stream that it receives. */
const received = () => frame().evaluate(async () => {
  const peers = window.e2ePeers.filter((p) => p.connectionState === "connected");
  const all = [...(await peers.at(-1).getStats()).values()].filter((s) => s.type === "inbound-rtp");
  return { peers: window.e2ePeers.length, streams: all.map((s) => ({ ssrc: s.ssrc, got: s.packetsReceived, lost: s.packetsLost })) };
});

/* Brian is asked by way of the transfer dialog. */
async function consult() {
  const free = amina.page.locator('[data-testid="target"][data-kind="staff"]', { hasText: "Brian Mwangi" });
  await until(async () => {
    await amina.page.getByTestId("transfer").click();
    await free.waitFor({ timeout: 3000 }).catch(() => undefined);
    if (await free.isVisible()) return true;
    await amina.page.keyboard.press("Escape");
    return false;
  }, "Brian among the targets", 60000);
  await free.click();
  await amina.page.getByTestId("consult-go").click();
  await brian.page.getByTestId("part-accept").click();
  await brian.page.locator('[data-testid="partpanel"][data-role="consult"][data-leg="connected"]').waitFor();
  await consultOf("colleague").waitFor();
}

async function wholeCall() {
  ({ panel, frame } = await openPanel(customer.page, stack, "wanja"));
  await setPresence(amina.page, "available");
  await panel.getByTestId("call").click();
  await amina.page.getByTestId("offer-accept").click({ timeout: 60000 });
  await hear(frame, "440");
  const first = await received();
  await setPresence(brian.page, "available");
  await consult();
  await hearMusic();
  await hear(() => brian.page.mainFrame(), "440");
  await amina.page.getByTestId("talk-customer").click();
  await consultOf("customer").waitFor();
  await hear(frame, "440");
  await amina.page.getByTestId("talk-all").click();
  await consultOf("all").waitFor();
  await hear(frame, "440+660");
  await hear(() => amina.page.mainFrame(), "660+1000");
  await amina.page.screenshot({ path: join(screens, "25-consult-firefox-agent.png"), caret: "initial" });
  await customer.page.screenshot({ path: join(screens, "25-consult-firefox-customer.png"), caret: "initial" });
  await amina.page.getByTestId("consult-complete").click();
  await amina.page.getByTestId("callpanel").waitFor({ state: "detached" });
  await hear(frame, "660");
  await hear(() => brian.page.mainFrame(), "1000");
  const last = await received();
  console.log(`# Firefox: ${JSON.stringify(first)} ${JSON.stringify(last)}`);
  assert.deepEqual([last.peers, last.streams.length], [1, 1]);
  assert.equal(last.streams[0].ssrc, first.streams[0].ssrc, "one stream for agent, music, mix and colleague");
  assert.ok(last.streams[0].got > first.streams[0].got + 500, "it went on");
  /* A number used again would make it fall below 0. */
  assert.equal(last.streams[0].lost, 0, "no packet refused, no number left out");
  await panel.getByTestId("hangup").click();
  await until(() => stack.sql("select state from support.voice_calls")[0][0] === "ended", "the end in the rows");
  assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
}

test("a customer in Firefox is put on hold by a consultation, joined, and handed over", { timeout: 240000 }, async () => {
  try {
    await wholeCall();
  } catch (e) {
    for (const [who, side] of Object.entries({ amina, brian, customer }))
      await side.page.screenshot({ path: join(screens, `failed-consult-firefox-${who}.png`), caret: "initial" }).catch(() => undefined);
    throw e;
  }
});
