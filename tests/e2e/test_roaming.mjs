/* The customer's address really changes during a call: the only one the machine has is taken away, and after
 * a while it gets another one, of another network. The call goes on, with sound both ways.
 *
 * Runs in a network namespace of its own (run.sh), which is the customer's machine; the bank (daemon and
 * agent) is in another one, reached over a router: the two networks of the customer end there. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  isTone, listen, logIn, openChromium, openFirefox, openPanel, screens, setPresence, Stack, until,
} from "./browser.mjs";

const BANK = "10.77.0.1";
const HOME = { own: "10.78.1.2", router: "10.78.1.1" };
const AWAY = { own: "10.78.2.2", router: "10.78.2.1" };
const OFFLINE_MS = 2000;
let bank;
let inside;
let stack;
let agent;
let customer;
let panel;
let frame;
let here = HOME;

const ip = (...words) => execFileSync("ip", words);

function enter(network) {
  ip("addr", "add", `${network.own}/24`, "dev", "c0");
  ip("route", "add", "default", "via", network.router);
  here = network;
}

/* The default route goes with its address. */
const leave = () => ip("addr", "del", `${here.own}/24`, "dev", "c0");

before(async () => {
  bank = spawn("unshare", ["-n", "cat"], { stdio: ["pipe", "ignore", "inherit"] });
  const net = `/proc/${bank.pid}/ns/net`;
  const own = execFileSync("readlink", ["/proc/self/ns/net"]).toString();
  await until(() => execFileSync("readlink", [net]).toString() !== own, "the bank's namespace");
  inside = ["nsenter", `--net=${net}`, "--"];
  const bankIp = (...words) => execFileSync(inside[0], [...inside.slice(1), "ip", ...words]);
  ip("link", "del", "v0");
  ip("link", "add", "c0", "type", "veth", "peer", "name", "b0", "netns", String(bank.pid));
  ip("link", "set", "c0", "up");
  for (const words of ["link set lo up", "link set b0 up", `addr add ${BANK}/24 dev b0`, `addr add ${HOME.router}/24 dev b0`,
    `addr add ${AWAY.router}/24 dev b0`, `route add default dev b0 src ${BANK}`])
    bankIp(...words.split(" "));
  enter(HOME);
  process.env.SUPPORTD_TEST_HOST = BANK;
  stack = await Stack.start({ "media.addresses": BANK }, inside);
  agent = await openChromium("agent", 440, { inside, origin: stack.url });
  await logIn(agent.page, stack, stack.staff.agent);
});

after(async () => {
  await agent?.close();
  await customer?.close();
  await stack?.stop();
  bank?.stdin.end();
});

const callBar = (state) => panel.locator(`[data-testid="callbar"][data-state="${state}"][data-leg="connected"]`);
const rows = () => stack.sql("select id, state from support.voice_calls where state <> 'ended'");

/* The path and the stream of a page's call. */
const path = (where) => where.evaluate(async () => {
  const peer = window.e2ePeers.filter((p) => p.connectionState === "connected").at(-1);
  if (!peer) return {};
  const stats = [...(await peer.getStats()).values()];
  const transport = stats.find((s) => s.type === "transport");
  const pair = stats.find((s) => s.type === "candidate-pair" && (transport ? s.id === transport.selectedCandidatePairId : s.selected));
  const local = stats.find((s) => s.id === pair?.localCandidateId);
  const rtp = stats.find((s) => s.type === "inbound-rtp" && s.kind === "audio");
  return { address: local?.address, ufrag: /a=ice-ufrag:(\S+)/.exec(peer.localDescription.sdp)[1], ssrc: rtp?.ssrc,
    peers: window.e2ePeers.length };
});

async function bothHear() {
  const [atCustomer, atAgent] = await Promise.all([listen(frame(), 1.5), listen(agent.page.mainFrame(), 1.5)]);
  isTone(atCustomer, 440);
  isTone(atAgent, 1000);
}

async function toneAt(where, hz) {
  let last;
  await until(async () => {
    last = await listen(where, 0.4).catch((e) => ({ hz: e.message }));
    return Math.abs(last.hz - hz) < 3 && last.level > -35;
  }, `${hz} Hz`, 45000).catch((e) => assert.fail(`${e.message}; last: ${JSON.stringify(last)}`));
}

async function callThatMoves(who, open) {
  try {
    customer = await open();
    await setPresence(agent.page, "away");
    ({ panel, frame } = await openPanel(customer.page, stack, who));
    await panel.getByTestId("call").click();
    await callBar("queued").waitFor({ timeout: 30000 });
    await setPresence(agent.page, "available");
    await agent.page.getByTestId("offer-accept").click({ timeout: 30000 });
    await callBar("active").waitFor();
    await toneAt(frame(), 440);
    await bothHear();
    const [before, atAgent, call] = [await path(frame()), await path(agent.page.mainFrame()), rows()];
    const from = here;
    assert.equal(before.address, from.own);
    leave();
    await new Promise((resolve) => setTimeout(resolve, OFFLINE_MS));
    enter(from === HOME ? AWAY : HOME);
    const back = Date.now();
    await until(async () => (await path(frame())).address === here.own, "a path from the new address", 45000);
    const connected = Date.now() - back;
    const heard = async (where, hz) => {
      await toneAt(where, hz);
      return Date.now() - back;
    };
    const took = await Promise.all([heard(frame(), 440), heard(agent.page.mainFrame(), 1000)]);
    console.log(`# ${customer.name}: ms after the new address: path ${connected}, sound at the customer ${took[0]}, at the agent ${took[1]}`);
    await callBar("active").waitFor({ timeout: 30000 });
    await bothHear();
    const [now, agentNow] = [await path(frame()), await path(agent.page.mainFrame())];
    assert.notEqual(now.ufrag, before.ufrag, "ICE has been restarted");
    assert.deepEqual([now.ssrc, now.peers], [before.ssrc, before.peers], "in the same connection");
    assert.deepEqual([agentNow.ssrc, agentNow.peers], [atAgent.ssrc, atAgent.peers], "the agent hears one stream throughout");
    assert.deepEqual(rows(), call, "the same call");
    await panel.getByTestId("hangup").click();
    await panel.getByTestId("over-card").waitFor();
    await agent.page.getByTestId("presence").getByText("0 of 4").waitFor();
    assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
  } catch (e) {
    for (const [name, side] of Object.entries({ agent, customer })) {
      const file = join(screens, `failed-roaming-${who}-${name}.png`);
      await side?.page.screenshot({ path: file, caret: "initial" }).catch(() => undefined);
    }
    throw e;
  } finally {
    await customer?.close();
    customer = undefined;
  }
}

test("Chromium gets another address", { timeout: 150000 }, () =>
  callThatMoves("wanja", async () => ({ ...(await openChromium("roaming", 1000, { origin: stack.url })), name: "Chromium" })));

test("Firefox gets another address", { timeout: 150000 }, () =>
  callThatMoves("otieno", async () => ({ ...(await openFirefox("roaming-fox", 1000, { origin: stack.url })), name: "Firefox" })));
