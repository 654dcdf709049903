/* Three in a call, in real browsers' pages: a colleague is asked, all ways to talk, return and handing over;
 * a supervisor whispers and joins. Whatever is switched, the browsers receive one stream without a gap
 * in its numbers and without a packet that SRTP refuses. The tests build on one another.
 * Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  heardTones, isMusic, listen, logIn, openChromium, openPanel, screens, setPresence, Stack, until,
} from "./browser.mjs";

const AMINA = 440;
const BRIAN = 660;
const CUSTOMER = 1000;
let stack;
let amina;
let brian;
let customer;
let panel;
let frame;

before(async () => {
  stack = await Stack.start();
  [amina, brian, customer] = await Promise.all([
    openChromium("amina", AMINA), openChromium("brian", BRIAN), openChromium("customer", CUSTOMER),
  ]);
  await Promise.all([logIn(amina.page, stack, stack.staff.agent), logIn(brian.page, stack, stack.staff.agent2)]);
});

after(async () => {
  await amina?.close();
  await brian?.close();
  await customer?.close();
  await stack?.stop();
});

function step(name, run) {
  test(name, { timeout: 180000 }, async () => {
    try {
      await run();
    } catch (e) {
      for (const [who, side] of Object.entries({ amina, brian, customer })) {
        const path = join(screens, `failed-${name.replaceAll(/\W+/g, "-")}-${who}.png`);
        await side.page.screenshot({ path, caret: "initial" }).catch(() => undefined);
      }
      throw e;
    }
  });
}

const shot = (page, name) => page.screenshot({ path: join(screens, `${name}.png`), caret: "initial" });
const panelOf = (side) => side.page.locator('[data-testid="callpanel"][data-state="active"][data-leg="connected"]');
const consultOf = (talk) => amina.page.locator(`[data-testid="consult"][data-state="open"][data-talk="${talk}"]`);
const frames = () => ({ amina: amina.page.mainFrame(), brian: brian.page.mainFrame(), customer: frame() });

/* Exactly these tones, as "440+1000", by who hears them, twice in a row; "none" is silence. */
async function hear(wanted) {
  for (const [who, tones] of Object.entries(wanted)) {
    let last;
    await until(async () => {
      for (const seconds of [0.6, 1]) {
        last = await listen(frames()[who], seconds);
        if (heardTones(last) !== tones) return false;
      }
      return true;
    }, `${tones} at ${who}`, 60000).catch((e) => assert.fail(`${e.message}; last: ${JSON.stringify(last)}`));
  }
}

async function hearMusic() {
  await until(async () => (await listen(frame(), 2.2)).notes > 0.7, "music at the customer", 60000);
  isMusic(await listen(frame(), 2.2));
}

/* Brian is asked by way of the transfer dialog. */
async function ask() {
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
  await brian.page.getByTestId("part-asked").getByText("Amina Otieno").waitFor();
}

async function accept() {
  await brian.page.getByTestId("part-accept").click();
  await brian.page.locator('[data-testid="partpanel"][data-role="consult"][data-leg="connected"]').waitFor();
  await consultOf("colleague").waitFor();
}

step("customer and agent hear each other", async () => {
  ({ panel, frame } = await openPanel(customer.page, stack, "wanja"));
  await setPresence(amina.page, "available");
  await panel.getByTestId("call").click();
  await amina.page.getByTestId("offer-accept").click({ timeout: 60000 });
  await panelOf(amina).waitFor();
  await hear({ customer: "440", amina: "1000" });
});

step("a colleague is asked: agent and colleague talk, the customer hears music", async () => {
  await setPresence(brian.page, "available");
  await ask();
  await amina.page.locator('[data-testid="consult"][data-state="asked"]').waitFor();
  await shot(amina.page, "20-consult-asked-agent");
  await shot(brian.page, "20-consult-asked-colleague");
  await hearMusic();
  await accept();
  await hear({ amina: "660", brian: "440" });
  await hearMusic();
  await shot(amina.page, "21-consult-agent");
  await shot(brian.page, "21-consult-colleague");
  await shot(customer.page, "21-consult-customer");
});

step("the agent toggles to the customer, then all three talk", async () => {
  await amina.page.getByTestId("talk-customer").click();
  await consultOf("customer").waitFor();
  await hear({ customer: "440", amina: "1000", brian: "none" });
  await amina.page.getByTestId("talk-all").click();
  await consultOf("all").waitFor();
  await hear({ customer: "440+660", amina: "660+1000", brian: "440+1000" });
  await shot(amina.page, "22-consult-all-agent");
});

step("the agent returns: the colleague is out, the call goes on as before", async () => {
  await amina.page.getByTestId("consult-return").click();
  await amina.page.getByTestId("consult").waitFor({ state: "detached" });
  await brian.page.getByTestId("partpanel").waitFor({ state: "detached" });
  await shot(brian.page, "23-returned-colleague");
  await hear({ customer: "440", amina: "1000" });
  assert.equal(await brian.page.getByTestId("call-audio").count(), 0);
});

step("asked again, the colleague declines; the customer is back with the agent", async () => {
  await ask();
  await brian.page.getByTestId("part-decline").click();
  await amina.page.getByTestId("consult").waitFor({ state: "detached" });
  await hear({ customer: "440", amina: "1000" });
});

/* The numbers of what a page has received in its call: of the inbound stream and of ICE and DTLS below it. */
const received = (at) =>
  at.evaluate(async () => {
    const peer = window.e2ePeers.filter((p) => p.connectionState === "connected").at(-1);
    const all = [...(await peer.getStats()).values()].filter((s) => s.type === "inbound-rtp");
    return all.map((s) => ({ ssrc: s.ssrc, got: s.packetsReceived, lost: s.packetsLost, dropped: s.packetsDiscarded ?? 0 }));
  });

/* Lines in which a browser's SRTP refuses a packet (replayed, too old, wrong key). */
function refusals(side) {
  const log = readFileSync(side.log, "utf8");
  assert.match(log, /SRTP activated/, "the log tells of SRTP at all");
  return log.split("\n").filter((line) => /failed to unprotect/i.test(line));
}

/* Each of them has had one stream, of more packets than `least`, without a gap or a number used twice. */
async function checkStreams(least, ...names) {
  for (const side of [amina, brian, customer]) assert.deepEqual(refusals(side).slice(0, 2), []);
  for (const who of names) {
    const streams = await received(frames()[who]);
    console.log(who, JSON.stringify(streams));
    assert.equal(streams.length, 1, `${who}: ${JSON.stringify(streams)}`);
    assert.ok(streams[0].got > least, JSON.stringify(streams));
    /* A number used again makes it fall below 0. */
    assert.equal(streams[0].lost, 0, `${who}: ${JSON.stringify(streams)}`);
  }
}

step("hold, resume and all of the above: one stream, none of its packets lost or refused", async () => {
  await amina.page.getByTestId("hold").click();
  await hearMusic();
  await amina.page.getByTestId("hold").click();
  await hear({ customer: "440", amina: "1000" });
  await checkStreams(500, "amina", "customer");
});

step("handed over: the colleague has the call and its chat, the agent is out", async () => {
  await ask();
  await accept();
  await hear({ amina: "660", brian: "440" });
  await amina.page.getByTestId("consult-complete").click();
  await amina.page.getByTestId("callpanel").waitFor({ state: "detached" });
  await panelOf(brian).waitFor();
  await brian.page.getByTestId("customer-name").getByText("Wanja Kimani").waitFor();
  await shot(brian.page, "24-completed-colleague");
  await shot(amina.page, "24-completed-agent");
  await hear({ customer: "660", brian: "1000" });
  assert.equal(await amina.page.getByTestId("call-audio").count(), 0);
});

/* Amina's page, at which a supervisor signs in: now 440 Hz is the whisper. */
step("a whisper reaches the agent alone, 60 dB and more above what the customer gets of it", async () => {
  await amina.page.getByTestId("account").click();
  await amina.page.getByTestId("logout").click();
  await amina.page.getByTestId("login").waitFor();
  await logIn(amina.page, stack, stack.staff.supervisor);
  await amina.page.getByTestId("view-live").click();
  await amina.page.getByTestId("supervise-whisper").click();
  await amina.page.locator('[data-testid="partpanel"][data-role="whisper"][data-leg="connected"]').waitFor();
  await hear({ brian: "440+1000", amina: "660+1000" });
  const there = (await listen(frames().brian, 3)).tones[AMINA];
  /* A whisper that leaks is there all the time; the noise of the coder beside the agent's tone comes and goes. */
  const talking = await until(async () => {
    const { tones } = await listen(frame(), 3);
    return there - tones[AMINA] >= 60 && tones;
  }, `while the agent talks, ${AMINA} Hz 60 dB below ${there} at the customer`, 60000);
  await brian.page.getByTestId("mute").click();
  await hear({ customer: "none" });
  const muted = (await listen(frame(), 3)).tones;
  console.log(`whisper: ${there} at the agent, ${talking[AMINA]} and ${muted[AMINA]} at the customer`);
  assert.ok(talking[BRIAN] > -35, "the agent is heard meanwhile");
  assert.ok(there - muted[AMINA] >= 60, `while the agent is silent: ${there} and ${muted[AMINA]}`);
});

step("who joins is heard by all, and by nobody after leaving", async () => {
  await brian.page.getByTestId("mute").click();
  await amina.page.getByTestId("mode-barge").click();
  await amina.page.locator('[data-testid="partpanel"][data-role="barge"]').waitFor();
  await hear({ customer: "440+660", brian: "440+1000", amina: "660+1000" });
  await amina.page.getByTestId("part-leave").click();
  await hear({ customer: "660", brian: "1000" });
});

step("nothing was lost or refused on the way, and nothing complained", async () => {
  await checkStreams(500, "brian", "customer");
  await panel.getByTestId("hangup").click();
  await until(() => stack.sql("select state from support.voice_calls")[0][0] === "ended", "the end in the rows");
  const noise = /status of (401|403|409)/;
  assert.deepEqual([amina, brian, customer].flatMap((s) => s.complaints).filter((c) => !noise.test(c)), []);
  assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
});
