/* Calls beyond begin and end, in the built pages against the fake daemon: hold, handing on, colleagues,
 * supervision, recording, callback, rating, wrap-up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BARAKA, oggOpus } from "./fake/calls.mjs";
import { AMINA, OTIENO, WANJA } from "./fake/daemon.mjs";
import { ALL, look, resize, SOME, staff, stage, widget } from "./fake/stage.mjs";

const { daemon, peer } = await stage();
const ME = { id: AMINA, name: "Amina Otieno" };
const LONG = "Hans-Joachim Leutheusser-Schnarrenberger";

/* How far an element's words reach beyond it; an ellipsis hides the same. */
function cut(element) {
  const beyond = [];
  if (element.scrollWidth > element.clientWidth + 1) beyond.push("width");
  if (element.scrollHeight > element.clientHeight + 1) beyond.push("height");
  if (
    getComputedStyle(element).textOverflow === "ellipsis" &&
    getComputedStyle(element).overflowX !== "visible"
  )
    beyond.push("ellipsis");
  return beyond;
}

async function until(check, what) {
  for (const end = Date.now() + 30000; ; ) {
    const value = await check();
    if (value) return value;
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/* The agent's page in a call. */
async function inCall(options) {
  const opened = await staff(options);
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat);
  daemon.offer(chat, "call", 20000, call);
  await opened.page.getByTestId("offer-accept").click();
  await panelIs(opened.page, "active");
  daemon.quality(call);
  return { ...opened, chat, call };
}

const panelIs = (page, state) =>
  page.locator(`[data-testid="callpanel"][data-state="${state}"][data-leg="connected"]`).waitFor();

test("agent: hold and resume, the customer's leg lost and back, recording, its rules", async () => {
  const { page, call, complaints } = await inCall();
  await page.getByTestId("hold").click();
  await page.getByTestId("held").waitFor();
  await look(page, "staff-held", SOME);
  await resize(page, [360, 640], "light");
  const seen = page.getByTestId("hangup").evaluate((el) => {
    const box = el.getBoundingClientRect();
    const at = (y) => el.contains(document.elementFromPoint(box.x + box.width / 2, y));
    return at(box.top + 4) && at(box.bottom - 4);
  });
  assert.ok(await seen, "End call is in view, whatever the panel says");
  await resize(page, 1280, "light");
  await page.keyboard.press("h");
  await page.getByTestId("held").waitFor({ state: "detached" });
  assert.equal(call.state, "active");
  daemon.callState(call, "active", {}, undefined, { customer: "lost", agent: "connected" });
  await page.getByText("The customer's connection is gone, waiting", { exact: false }).waitFor();
  await look(page, "staff-lost", SOME);
  daemon.callState(call, "active");
  await page.locator('[data-testid="quality"][data-mood="good"]').waitFor();
  await page.getByTestId("rec-start").click();
  await page.locator('[data-testid="recording"][data-recording="on"]').waitFor();
  await look(page, "staff-recording", ALL);
  await page.getByTestId("rec-pause").click();
  await page.getByTestId("rec-resume").click();
  daemon.mustRecord = true;
  await page.getByTestId("rec-stop").click();
  await page.getByText("The bank's rules do not allow that.").waitFor();
  assert.equal(call.recording, "on");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: hands a call on with a note; it comes back when nobody takes it", async () => {
  const { page, call, chat, complaints } = await inCall();
  await page.getByTestId("transfer").click();
  await page.getByTestId("target").first().waitFor();
  await page.locator('[data-testid="target"]', { hasText: "Cards and payments" }).click();
  await page.getByTestId("transfer-note").fill("Card blocked, wants a new one");
  await look(page, "staff-transfer", ALL);
  await page.locator('[data-testid="target"]', { hasText: BARAKA.name }).click();
  await page.getByTestId("transfer-go").click();
  await page.getByTestId("callpanel").waitFor({ state: "detached" });
  await page.getByText(`Transferred to ${BARAKA.name}.`).waitFor();
  const note = "Card blocked, wants a new one";
  assert.deepEqual(daemon.transferred, { kind: "staff", to: BARAKA.id, note });
  await until(async () => (await page.getByTestId("call-audio").count()) === 0, "the leg closed");
  daemon.offer(chat, "call", 20000, call, { from: ME, note, back: true });
  await page.getByTestId("offer-transfer").waitFor();
  await look(page, "staff-offer-back", SOME);
  await page.getByTestId("offer-accept").click();
  await panelIs(page, "active");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: nobody is there to whom a call could go", async () => {
  const { page, complaints } = await inCall();
  daemon.targets = { staff: [], teams: [], skills: [] };
  await page.getByTestId("transfer").click();
  await page.getByText("Nobody else is available at the moment.").waitFor();
  await look(page, "staff-transfer-nobody", SOME);
  await page.getByTestId("target-find").fill("x");
  await page.getByText("Nobody with that name is available.").waitFor();
  daemon.targets = null;
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: asks a colleague, talks with either and all, takes back, hands over", async () => {
  const { page, call, complaints } = await inCall();
  const ask = async () => {
    await page.getByTestId("transfer").click();
    await page.locator('[data-testid="target"]', { hasText: BARAKA.name }).click();
    await page.getByTestId("consult-go").click();
    await page.locator('[data-testid="consult"][data-state="asked"]').waitFor();
  };
  const party = (patch) =>
    daemon.callState(call, "active", { parties: [{ ...call.parties[0], ...patch }] });
  const heard = (names) =>
    page
      .locator('[data-testid="level-other"] .metername')
      .getByText(names, { exact: true })
      .waitFor();
  await heard("Customer");
  await ask();
  assert.equal(await page.getByTestId("consult-complete").isDisabled(), true);
  await heard("Nobody is heard");
  await look(page, "staff-consult-asked", SOME);
  await page.getByTestId("consult-return").click();
  await page.getByTestId("consult").waitFor({ state: "detached" });
  await ask();
  party({ state: "open", expires_at: null });
  await heard(BARAKA.name);
  const sides = {
    all: `${BARAKA.name} and Customer`,
    customer: "Customer",
    colleague: BARAKA.name,
  };
  for (const [who, names] of Object.entries(sides)) {
    await page.getByTestId(`talk-${who}`).click();
    await page.locator(`[data-testid="consult"][data-talk="${who}"]`).waitFor();
    await heard(names);
  }
  await look(page, "staff-consult", ALL);
  party({ talk: "all", staff: { id: BARAKA.id, name: LONG } });
  await heard(`${LONG} and Customer`);
  await look(page, "staff-consult-long", [...ALL, [1920, "dark"]]);
  for (const size of [360, 768, 1280, 1920]) {
    await resize(page, size, "light");
    assert.deepEqual(await page.getByTestId("talk-colleague").evaluate(cut), [], `at ${size}`);
    assert.deepEqual(await page.locator(".metername").last().evaluate(cut), [], `at ${size}`);
  }
  await resize(page, 1280, "light");
  await page.getByTestId("consult-complete").click();
  await page.getByTestId("callpanel").waitFor({ state: "detached" });
  await page.getByText(`Transferred to ${BARAKA.name}.`).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: is asked by a colleague, helps, and gets the call", async () => {
  const { page, complaints } = await staff();
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat, "active");
  daemon.callState(call, "active", { staff: BARAKA });
  daemon.part({ call_id: call.id, role: "consult", state: "asked", from: BARAKA });
  await page.getByTestId("part-asked").waitFor();
  await look(page, "staff-asked", ALL);
  await page.keyboard.press("d");
  await page.getByTestId("part-asked").waitFor({ state: "detached" });
  daemon.part({ call_id: call.id, role: "consult", state: "asked", from: BARAKA });
  await page.getByTestId("part-accept").click();
  const panel = page.locator('[data-testid="partpanel"][data-role="consult"]');
  await panel.and(page.locator('[data-leg="connected"]')).waitFor();
  await until(async () => (await peer.received(call.id, AMINA)) > 0, "the colleague is heard");
  await look(page, "staff-part", SOME);
  await page.reload();
  await panel.and(page.locator('[data-leg="connected"]')).waitFor();
  daemon.callState(call, "active", { staff: ME });
  daemon.assign(chat);
  daemon.part({ call_id: call.id, role: "consult", state: "closed", reason: "completed" });
  await panelIs(page, "active");
  await panel.waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
  await page.close();
});

function liveCall(call, name) {
  const customer = { id: WANJA, name };
  const answered_at = new Date(Date.now() - 95000).toISOString();
  const { id, chat_id } = call;
  return { id, chat_id, state: "active", customer, staff: BARAKA, answered_at, recording: "on" };
}

test("team lead: listens unheard, whispers, joins, leaves; the list is for leads", async () => {
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat, "active");
  daemon.callState(call, "active", { staff: BARAKA });
  const plain = await staff();
  assert.equal(await plain.page.getByTestId("view-live").count(), 0);
  await plain.page.close();
  daemon.role = "team_lead";
  daemon.live = [
    liveCall(call, "Wanja Kimani"),
    { ...liveCall(call, "Hans-Joachim Leutheusser-Schnarrenberger"), id: OTIENO, state: "held" },
  ];
  const { page, complaints } = await staff();
  await page.getByTestId("view-live").click();
  await page.getByTestId("live-call").first().waitFor();
  await look(page, "staff-live", ALL);
  const shown = (n) =>
    until(async () => (await page.getByTestId("live-call").count()) === n, `${n} calls`);
  const both = daemon.live;
  daemon.liveCalls([]);
  await shown(0);
  daemon.liveCalls(both.slice(1));
  await shown(1);
  daemon.cut(1001);
  daemon.live = both;
  await shown(2);
  const polled = daemon.asked.filter((path) => path.endsWith("/calls/live"));
  assert.deepEqual(polled, [], "the list is pushed, not asked for");
  await page.getByTestId("supervise-listen").first().click();
  const panel = (role) =>
    page.locator(`[data-testid="partpanel"][data-role="${role}"][data-leg="connected"]`);
  await panel("listen").waitFor();
  await page.locator('[data-testid="level-other"]:not([data-level="0.0000"])').waitFor();
  assert.equal(await peer.received(call.id, AMINA), 0, "who listens sends nothing");
  await look(page, "staff-supervise", ALL);
  await page.getByTestId("mode-whisper").click();
  await panel("whisper").waitFor();
  await until(async () => (await peer.received(call.id, AMINA)) > 0, "the whisper is sent");
  await page.getByTestId("supervise-barge").first().click();
  await panel("barge").waitFor();
  assert.deepEqual(daemon.supervised, ["listen", "whisper", "barge"]);
  await page.getByTestId("part-leave").click();
  await page.getByTestId("partpanel").waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("call-audio").count(), 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: sees who supervises", async () => {
  const { page, call, complaints } = await inCall();
  const since = new Date().toISOString();
  const party = {
    id: OTIENO,
    staff: BARAKA,
    role: "whisper",
    state: "open",
    since,
    expires_at: null,
  };
  daemon.callState(call, "active", { parties: [party] });
  await page.getByText(`${BARAKA.name} listens and can talk to you alone`).waitFor();
  await look(page, "staff-supervised", SOME);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: auto-answer takes the call with the microphone; wrap-up counts, longer, done", async () => {
  const { page, complaints } = await staff();
  await page.getByTestId("presence").click();
  await page.getByTestId("auto-answer").click();
  await page.locator('[data-testid="auto-answer"][aria-checked="true"]').waitFor();
  await look(page, "staff-auto-answer", SOME);
  await page.keyboard.press("Escape");
  daemon.send(AMINA, { type: "me.presence", ...daemon.presence });
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat);
  const offer = daemon.offer(chat, "call", 20000, call);
  await until(() => daemon.frames.some((f) => f.type === "call.offer"), "the leg is offered");
  daemon.assign(chat);
  daemon.callState(call, "active", { staff: ME });
  daemon.offers = [];
  daemon.send(AMINA, { type: "offer.gone", offer_id: offer.id, outcome: "accepted" });
  await panelIs(page, "active");
  await until(async () => (await peer.received(call.id, AMINA)) > 0, "the agent is heard");
  await page.getByTestId("hangup").click();
  daemon.wrapUp(45000);
  await page.getByTestId("wrapup").waitFor();
  await page.locator('[data-testid="presence-now"]', { hasText: "Wrap-up" }).waitFor();
  await look(page, "staff-wrapup", ALL);
  await page.getByTestId("wrap-more").click();
  await page.locator('[data-testid="wrap-left"]', { hasText: "1:" }).waitFor();
  await page.getByTestId("wrap-done").click();
  await page.getByTestId("wrapup").waitFor({ state: "detached" });
  await page.locator('[data-testid="presence-now"]', { hasText: "Available" }).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: calls a customer back: rings, no answer, again, answered", async () => {
  const { page, complaints } = await staff();
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat);
  daemon.offer(chat, "callback", 20000, call);
  await page.locator('[data-testid="offer"][data-kind="callback"]').waitFor();
  await look(page, "staff-offer-callback", SOME);
  await page.getByTestId("offer-accept").click();
  await page.locator('[data-testid="callpanel"][data-state="calling"]').waitFor();
  await look(page, "staff-calling", SOME);
  const failed = daemon.callbackOf({ attempts: 1, outcome: "no_answer" });
  daemon.callState(call, "calling", { callback: failed });
  await page.locator('[data-testid="callback"][data-outcome="no_answer"]').waitFor();
  await look(page, "staff-callback-missed", SOME);
  await page.getByTestId("callback-ring").click();
  await page.getByText("Attempt 2 of 3").waitFor();
  daemon.callState(call, "active", { callback: { ...call.callback, ring_until: null } });
  await panelIs(page, "active");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("missed calls and recordings: lists, empty and full, the player moves by keys", async () => {
  daemon.track = oggOpus(60);
  const { page, complaints } = await staff();
  await page.getByTestId("view-missed").click();
  await page.getByText("No missed calls.").waitFor();
  await look(page, "staff-missed-none", SOME);
  const at = new Date(Date.now() - 3600000).toISOString();
  daemon.missed = Array.from({ length: 40 }, (_, i) => ({
    id: `0192f0c4-0000-7abc-8def-0000000001${String(i).padStart(2, "0")}`,
    chat_id: OTIENO,
    customer: {
      id: WANJA,
      name: i % 2 ? "Wanja Kimani" : "Hans-Joachim Leutheusser-Schnarrenberger",
    },
    created_at: at,
    queued_at: at,
    ended_at: at,
    end_reason: i % 3 ? "abandoned" : "callback_failed",
    wait_ms: 74000 + i * 1000,
    asked:
      i % 2
        ? [
            { staff: ME, state: "missed", at },
            { staff: BARAKA, state: "declined", at },
          ]
        : [],
  }));
  await page.getByTestId("reload").click();
  await page.getByTestId("missed-call").nth(39).waitFor();
  await look(page, "staff-missed", ALL);
  daemon.recordings = ["ended", "on", "broken"].map((state, i) => ({
    id: `0192f0c4-0000-7abc-8def-00000000020${i}`,
    call_id: OTIENO,
    state,
    customer: { id: WANJA, name: "Wanja Kimani" },
    staff: i ? BARAKA : ME,
    started_at: at,
    ended_at: state === "on" ? null : at,
    duration_ms: state === "on" ? null : 60000,
    bytes: 1000,
    incomplete: state === "broken",
    gap_ms: 0,
    pauses: [{ from_ms: 20000, to_ms: 26000, reason: "card" }],
    tracks: 2,
    parties: i
      ? [{ track: 1, role: "agent", from_ms: 0, staff: BARAKA }]
      : [
          { track: 1, role: "agent", from_ms: 0, staff: ME },
          { track: 1, role: "agent", from_ms: 30000, staff: BARAKA },
        ],
    keep_until: null,
  }));
  await page.getByTestId("view-recordings").click();
  await page.getByTestId("recorded-open").first().click();
  await page.locator('[data-testid="wave"] polygon').nth(1).waitFor();
  assert.equal(
    await page.locator(".wayname").nth(1).textContent(),
    `${ME.name}, ${BARAKA.name}`,
    "who is heard on the agents' track",
  );
  await page.getByText(`with ${ME.name}, ${BARAKA.name}`).waitFor();
  await look(page, "staff-recordings", ALL);
  await page.getByTestId("play").click();
  const player = page.locator('[data-testid="player"]');
  await player.and(page.locator('[data-playing="true"]')).waitFor();
  await page.getByTestId("seek").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await until(
    async () => /^0:1\d/.test(await page.getByTestId("played").textContent()),
    "ten seconds on",
  );
  await until(() => {
    const asked = daemon.ranges.filter((r) => r.range).map((r) => r.track);
    return new Set(asked).size === 2;
  }, "both tracks are fetched by ranges");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("agent: the line of the last minute follows each second, with gaps, and drops its oldest", async () => {
  const { page, call, complaints } = await inCall();
  const legOf = page.getByTestId("quality-customer");
  const line = legOf.locator(".spark path").first();
  const seconds = (n) =>
    legOf
      .getByRole("img", { name: `MOS of the last ${n} seconds` })
      .first()
      .waitFor();
  const points = async () =>
    [...(await line.getAttribute("d")).matchAll(/([ML])([\d.]+) ([\d.]+)/g)].map(
      ([, kind, x, y]) => [kind, Number(x), Number((1 + ((26 - Number(y)) / 24) * 3.5).toFixed(1))],
    );
  const second = (mos_cq) =>
    daemon.quality(call, { in: { packets: 50, lost: 0, jitter_ms: 2, mos_cq } });
  second(3.1);
  second(null);
  second(2);
  await seconds(3);
  assert.deepEqual(await points(), [
    ["M", 94.9, 4.3],
    ["L", 96.6, 3.1],
    ["M", 100, 2],
  ]);
  for (let i = 0; i < 60; i++) second(4);
  await seconds(60);
  const all = await points();
  assert.equal(all.length, 60);
  assert.deepEqual(
    [all[0], all.at(-1)],
    [
      ["M", 0, 4],
      ["L", 100, 4],
    ],
  );
  assert.deepEqual(complaints, []);
  await page.close();
});

/* The customer's page in a call, answered. */
async function calling(state = "active") {
  const opened = await widget();
  await opened.panel.getByTestId("call").click();
  await bar(opened.panel, "queued");
  const call = [...daemon.calls.values()].at(-1);
  if (state === "active") {
    daemon.callState(call, "active", { staff: ME });
    await bar(opened.panel, "active");
    daemon.quality(call);
  }
  return { ...opened, call, chat: daemon.chats.get(call.chat_id) };
}

const bar = (panel, state) =>
  panel.locator(`[data-testid="callbar"][data-state="${state}"][data-leg="connected"]`).waitFor();

test("customer: on hold, the agent's connection lost, recording announced, rated", async () => {
  const { page, panel, call, complaints } = await calling();
  daemon.callState(call, "held", { on_hold: true, held_at: new Date().toISOString() });
  await panel.getByText("You hear music until then", { exact: false }).waitFor();
  await look(page, "widget-held", ALL);
  daemon.callState(call, "active", { on_hold: true });
  await panel.getByText("On hold").waitFor();
  daemon.callState(call, "active", { on_hold: false, recording: "on" });
  const recording = panel.locator('[data-testid="recording"][role="status"]');
  await recording.getByText("This call is recorded").waitFor();
  daemon.quality(call);
  await look(page, "widget-recorded", ALL);
  const legs = { customer: "connected", agent: "lost" };
  daemon.callState(call, "active", { recording: "paused" }, undefined, legs);
  await recording.getByText("Recording is paused").waitFor();
  await panel.getByText("has lost connection. Stay here", { exact: false }).waitFor();
  await look(page, "widget-agent-lost", SOME);
  await panel.getByTestId("hangup").click();
  await panel.getByTestId("rate").waitFor();
  await look(page, "widget-rate", ALL);
  await panel.getByTestId("rate-4").click();
  await panel.getByTestId("rate-comment").fill("Quick and kind");
  await look(page, "widget-rate-comment", SOME);
  await panel.getByTestId("rate-send").click();
  await panel.getByText("Thank you").waitFor();
  assert.deepEqual(call.rating, { score: 4, comment: "Quick and kind" });
  assert.deepEqual(complaints, []);
  await page.close();
});

/* What the page's running connections are told to use from now on. */
async function configured(frame, send) {
  await frame.evaluate(() => {
    const real = RTCPeerConnection.prototype.setConfiguration;
    globalThis.told = [];
    RTCPeerConnection.prototype.setConfiguration = function (configuration) {
      real.call(this, configuration);
      globalThis.told.push(this.getConfiguration().iceServers[0].username);
    };
  });
  const server = { urls: ["turn:127.0.0.1:9?transport=udp"], username: "1:x", credential: "y" };
  send({ type: "ice.servers", ice_servers: [server] });
  await until(() => frame.evaluate(() => globalThis.told.length > 0), "new credentials");
  return frame.evaluate(() => globalThis.told);
}

test("agent: new credentials for TURN reach the running call", async () => {
  const { page, complaints } = await inCall();
  const told = await configured(page.mainFrame(), (frame) => daemon.send(AMINA, frame));
  assert.deepEqual(told, ["1:x"]);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("customer: new credentials for TURN reach the running call", async () => {
  const { page, complaints } = await calling();
  const panel = page.frames().find((frame) => frame.parentFrame());
  assert.deepEqual(await configured(panel, (frame) => daemon.send(WANJA, frame)), ["1:x"]);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("customer: the place is kept over a reload", async () => {
  const { page, panel, chat } = await calling("queued");
  daemon.position(chat, 2, 60000, 120000, "call");
  await panel.getByText("You are number 2").waitFor();
  await page.reload();
  const again = page.frameLocator("iframe");
  await bar(again, "queued");
  await again.getByText("Your place is kept.").waitFor();
  assert.equal(daemon.calls.size, 1);
  await look(page, "widget-kept", SOME);
  await page.close();
});

test("customer: asks to be called back, is rung over a reload, answers", async () => {
  const { page, panel, call, complaints } = await calling("queued");
  await look(page, "widget-call-wait", SOME);
  await panel.getByTestId("callback").click();
  await panel.getByTestId("callback-card").waitFor();
  assert.equal(await panel.getByTestId("callbar").isVisible(), false);
  assert.equal(await panel.getByTestId("call").isVisible(), false);
  await look(page, "widget-callback", ALL);
  await page.reload();
  const again = page.frameLocator("iframe");
  await again.getByTestId("callback-card").waitFor();
  const ring = () => {
    daemon.callState(call, "calling", {
      staff: ME,
      callback: daemon.callbackOf({ attempts: 1, ring_until: daemon.soon() }),
    });
    const { id } = call;
    const times = { expires_at: daemon.soon(), remaining_ms: 30000 };
    daemon.send(WANJA, { type: "call.ring", call_id: id, staff: ME, ...times });
  };
  await page.keyboard.press("Escape");
  ring();
  await again.getByTestId("ring-card").waitFor();
  await look(page, "widget-ring", ALL);
  const missed = daemon.callbackOf({ attempts: 1, outcome: "no_answer" });
  daemon.callState(call, "calling", { callback: missed });
  await again.getByTestId("ring-card").waitFor({ state: "detached" });
  await again.getByText("We called and did not reach you", { exact: false }).waitFor();
  ring();
  await again.getByTestId("ring-accept").click();
  await bar(again, "active");
  assert.ok((await peer.received(call.id, WANJA)) >= 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("customer: declines the callback; takes the wish back", async () => {
  const first = await calling("queued");
  await first.panel.getByTestId("callback").click();
  await first.panel.getByTestId("callback-card").waitFor();
  const staffed = { staff: ME, callback: daemon.callbackOf({ ring_until: daemon.soon() }) };
  daemon.callState(first.call, "calling", staffed);
  const times = { expires_at: daemon.soon(), remaining_ms: 30000 };
  daemon.send(WANJA, { type: "call.ring", call_id: first.call.id, staff: ME, ...times });
  await first.panel.getByTestId("ring-decline").click();
  await first.panel.getByTestId("over-card").waitFor();
  assert.equal(first.call.end_reason, "callback_declined");
  await first.panel.getByTestId("call").click();
  await bar(first.panel, "queued");
  await first.panel.getByTestId("callback").click();
  await first.panel.getByTestId("callback-cancel").click();
  await first.panel.getByTestId("over-card").waitFor();
  assert.equal([...daemon.calls.values()].at(-1).state, "ended");
  await first.page.close();
});
