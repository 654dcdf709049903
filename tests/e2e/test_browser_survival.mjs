/* What a call in real browsers survives: reloads of either page, an ICE restart, a lost WebSocket, and
 * a network that lets nothing out but TURN. One call after the other, the tests build on one another.
 * Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  isMusic, isTone, listen, logIn, openChromium, openFirefox, openPanel, panelOf, scratch, screens, setPresence, Stack, until,
} from "./browser.mjs";

const ADDRESS = process.env.E2E_ADDRESS ?? "10.77.0.1";
const TURN_SECRET = "a secret that only coturn knows";
let stack;
let turn;
let agent;
let customer;
let panel;
let frame;

before(async () => {
  const dir = join(scratch, "coturn");
  mkdirSync(dir);
  turn = spawn("turnserver", ["-n", "--use-auth-secret", `--static-auth-secret=${TURN_SECRET}`, "--realm=bank.example",
    `--listening-ip=${ADDRESS}`, "--listening-port=3478", `--relay-ip=${ADDRESS}`, "--min-port=30000", "--max-port=30099",
    "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", `--pidfile=${dir}/pid`, `--userdb=${dir}/db`],
    { cwd: dir, stdio: "ignore" });
  stack = await Stack.start({
    "media.turn_urls": `["turn:${ADDRESS}:3478?transport=udp"]`,
    "media.turn_secret": TURN_SECRET,
  });
  [agent, customer] = await Promise.all([openChromium("agent", 440), openChromium("customer", 1000)]);
  await logIn(agent.page, stack, stack.staff.agent);
});

after(async () => {
  await agent?.close();
  await customer?.close();
  await stack?.stop();
  turn?.kill();
});

function step(name, run) {
  test(name, { timeout: 90000 }, async () => {
    try {
      await run();
    } catch (e) {
      for (const [who, side] of Object.entries({ agent, customer })) {
        const path = join(screens, `failed-${name.replaceAll(/\W+/g, "-")}-${who}.png`);
        await side.page.screenshot({ path, caret: "initial" }).catch(() => undefined);
      }
      throw e;
    }
  });
}

const atDesk = (id) => agent.page.getByTestId(id);
const deskFrame = () => agent.page.mainFrame();
const callBar = (state) => panel.locator(`[data-testid="callbar"][data-state="${state}"][data-leg="connected"]`);
const callPanel = () => agent.page.locator('[data-testid="callpanel"][data-state="active"]');
const rows = () => stack.sql("select id, state, end_reason from support.voice_calls order by created_at");

async function bothHear() {
  const [atCustomer, atAgent] = await Promise.all([listen(frame(), 1.5), listen(deskFrame(), 1.5)]);
  isTone(atCustomer, 440);
  isTone(atAgent, 1000);
}

/* What the last connection of the frame was sent: its numbers and what was missing. */
const inbound = (where) => where.evaluate(async () => {
  const peer = window.e2ePeers.filter((p) => p.connectionState === "connected").at(-1);
  const stats = [...(await peer.getStats()).values()];
  const rtp = stats.find((s) => s.type === "inbound-rtp" && s.kind === "audio");
  const pair = stats.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
  const local = stats.find((s) => s.id === pair?.localCandidateId);
  return { ssrc: rtp.ssrc, received: rtp.packetsReceived, lost: rtp.packetsLost, candidate: local?.candidateType,
    ufrag: /a=ice-ufrag:(\S+)/.exec(peer.localDescription.sdp)[1] };
});

async function call(who) {
  await setPresence(agent.page, "away");
  ({ panel, frame } = await openPanel(customer.page, stack, who));
  await panel.getByTestId("call").click();
  await callBar("queued").waitFor();
  await setPresence(agent.page, "available");
  await agent.page.locator('[data-testid="offer"][data-kind="call"]').waitFor();
  await atDesk("offer-accept").click();
  await callPanel().waitFor();
  await callBar("active").waitFor();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await bothHear();
}

/* The sound is there: its level, as the page shows it, is not zero. Faster to tell than a recording. */
const sounds = (where) => until(() => where().evaluate(async () => {
  const peer = (window.e2ePeers ?? []).filter((p) => p.connectionState === "connected").at(-1);
  if (!peer) return false;
  const stats = [...(await peer.getStats()).values()];
  return stats.some((s) => s.type === "inbound-rtp" && s.kind === "audio" && s.totalAudioEnergy > 1e-4);
}).catch(() => false), "sound");

async function reloaded(name, reload, where) {
  const before = rows();
  await reload();
  const began = Date.now();
  await sounds(where);
  const took = Date.now() - began;
  console.log(`# ${name}: sound ${took} ms after the page was there again`);
  assert.ok(took < 3000, `${took} ms`);
  assert.deepEqual(rows(), before, "the same call");
}

async function hangUp() {
  await panel.getByTestId("hangup").click();
  await panel.getByTestId("over-card").waitFor();
  assert.deepEqual(rows().at(-1).slice(1), ["ended", "customer_hangup"]);
  await atDesk("presence").getByText("0 of 4").waitFor();
}

step("a reload of the customer's page", async () => {
  await call("wanja");
  const heard = await inbound(deskFrame());
  await reloaded("customer", async () => {
    await customer.page.reload();
    ({ panel, frame } = await panelOf(customer.page));
  }, frame);
  await callBar("active").waitFor();
  await bothHear();
  const now = await inbound(deskFrame());
  assert.equal(now.ssrc, heard.ssrc, "the agent hears one stream throughout");
  assert.equal(now.lost, heard.lost, "without a hole in its numbers");
});

step("a reload of the agent's page", async () => {
  const heard = await inbound(frame());
  await reloaded("agent", async () => {
    await agent.page.reload();
    await agent.page.locator('[data-testid="connection"][data-status="online"]').waitFor();
  }, deskFrame);
  await callPanel().waitFor();
  await bothHear();
  const now = await inbound(frame());
  assert.equal(now.ssrc, heard.ssrc);
  assert.equal(now.lost, heard.lost);
});

step("an ICE restart, as after a change of network", async () => {
  for (const where of [frame, deskFrame]) {
    const old = await inbound(where());
    await where().evaluate(() => window.dispatchEvent(new Event("online")));
    await until(async () => (await inbound(where())).ufrag !== old.ufrag, "new credentials");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const now = await inbound(where());
    assert.equal(now.ssrc, old.ssrc);
    assert.equal(now.lost, old.lost);
    assert.ok(now.received > old.received + 50, "sound went on");
  }
  await bothHear();
});

step("both WebSockets are lost", async () => {
  const [a, b] = [await inbound(frame()), await inbound(deskFrame())];
  await Promise.all([frame, deskFrame].map((where) => where().evaluate(() => {
    for (const socket of window.e2eSockets) socket.close();
  })));
  await bothHear();
  await agent.page.locator('[data-testid="connection"][data-status="online"]').waitFor();
  await callBar("active").waitFor();
  await callPanel().waitFor();
  const [c, d] = [await inbound(frame()), await inbound(deskFrame())];
  assert.deepEqual([c.ssrc, c.lost, d.ssrc, d.lost], [a.ssrc, a.lost, b.ssrc, b.lost]);
  await hangUp();
});

/* Another customer for one step. */
async function instead(other, run) {
  const first = customer;
  customer = other;
  try {
    await run();
  } finally {
    await customer.close();
    customer = first;
  }
}

step("only TURN lets anything out", async () => {
  await instead(await openChromium("relay", 1000), async () => {
    await customer.page.addInitScript(() => {
      window.e2eTransport = "relay";
    });
    await call("otieno");
    assert.equal((await inbound(frame())).candidate, "relay");
    await hangUp();
  });
});

step("a reload of a customer's page in Firefox", async () => {
  await instead(await openFirefox("firefox", 1000), async () => {
    await call("otieno");
    await reloaded("Firefox", async () => {
      await customer.page.reload();
      ({ panel, frame } = await panelOf(customer.page));
      await customer.page.mouse.click(5, 5);
    }, frame);
    await callBar("active").waitFor();
    await bothHear();
    await hangUp();
  });
});

step("a reload of an agent's page in Firefox", async () => {
  const first = agent;
  await setPresence(first.page, "away");
  agent = await openFirefox("firefox-agent", 440);
  try {
    await logIn(agent.page, stack, stack.staff.agent2);
    await instead(await openChromium("other", 1000), async () => {
      await call("otieno");
      await reloaded("Firefox at the desk", async () => {
        await agent.page.reload();
        await agent.page.locator('[data-testid="connection"][data-status="online"]').waitFor();
        await agent.page.mouse.click(5, 5);
      }, deskFrame);
      await callPanel().waitFor();
      await bothHear();
      await hangUp();
    });
  } finally {
    await agent.close();
    agent = first;
  }
});

step("the rows are consistent", async () => {
  assert.equal(rows().length, 4);
  assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
});
