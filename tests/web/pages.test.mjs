/* The built pages in Chromium against the fake daemon: every state at several sizes and schemes, with
 * axe, console, Content-Security-Policy and overflow watched, and the behaviour that needs a browser.
 * SCREENS=DIR keeps a picture of each state. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AMINA, hashOf, OTIENO, WANJA } from "./fake/daemon.mjs";
import {
  ALL,
  conversation,
  look,
  message,
  open,
  resize,
  SOME,
  screens,
  staff,
  stage,
  widget,
} from "./fake/stage.mjs";

const { daemon, browser, denied, peer } = await stage();

test("demo page: choose a customer, see the accounts", async () => {
  const { page, complaints } = await open("/demo/");
  await look(page, "demo-start", ALL);
  await page.getByTestId("customer-otieno").click();
  await page.getByText("Welcome back, Brian").waitFor();
  await look(page, "demo-home", ALL);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("before it is opened the widget loads nothing, stores nothing and covers only its button", async () => {
  const { page } = await open("/demo/");
  const requests = [];
  page.on("request", (r) => requests.push(r.url()));
  await page.waitForTimeout(300);
  assert.deepEqual(requests, []);
  const found = await page.evaluate(() => {
    const host = document.querySelector("supportd-widget");
    const box = host.getBoundingClientRect();
    const near = document.elementFromPoint(box.left - 8, box.top + 20)?.tagName;
    return {
      w: box.width,
      h: box.height,
      near,
      frames: host.shadowRoot.querySelectorAll("iframe").length,
      stored: localStorage.length + sessionStorage.length,
    };
  });
  assert.deepEqual([found.w, found.h, found.frames, found.stored], [56, 56, 0, 0]);
  assert.notEqual(found.near, "SUPPORTD-WIDGET");
  await page.close();
});

test("the page's styles do not reach the launcher", async () => {
  const { page } = await open("/demo/", {
    init: () =>
      addEventListener("DOMContentLoaded", () => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(
          "*{letter-spacing:4px!important} supportd-widget{display:none!important;opacity:.1!important}",
        );
        document.adoptedStyleSheets = [sheet];
      }),
  });
  const style = await page.evaluate(() => {
    const s = getComputedStyle(document.querySelector("supportd-widget"));
    return [s.display, s.opacity, s.letterSpacing];
  });
  assert.deepEqual(style, ["block", "1", "normal"]);
  await page.close();
});

test("signed out: says so and offers to try again", async () => {
  const { page, complaints } = await open("/demo/");
  await page.getByTestId("launcher").click();
  await page.frameLocator("iframe").getByTestId("signed-out-card").waitFor();
  await look(page, "widget-signed-out", SOME);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("first message: notice before, masked after, queue card while waiting, read marks at the end", async () => {
  const { page, panel, complaints } = await widget();
  await panel.getByTestId("notice").waitFor();
  await look(page, "widget-welcome", ALL);
  await panel.getByTestId("composer").fill("my card is 4111 1111 1111 1111");
  await page.keyboard.press("Enter");
  await panel.getByTestId("masked").waitFor();
  const chat = [...daemon.chats.values()][0];
  daemon.position(chat, 3, 120000, 300000);
  await panel.getByText("You are number 3 in line").waitFor();
  await look(page, "widget-queued", ALL);
  daemon.send(WANJA, {
    type: "queue.timeout",
    chat_id: chat.id,
    entry_id: chat.state.queue.entry_id,
    step: 1,
  });
  await panel.getByText("This takes longer than planned", { exact: false }).waitFor();
  await look(page, "widget-queued-long", [[360, "light"]]);
  daemon.assign(chat);
  await panel
    .getByTestId("system-message")
    .getByText("Amina Otieno joined the conversation")
    .waitFor();
  daemon.post(chat, "message", AMINA, "Thanks, I see it. One moment, please.");
  Object.assign(chat.state.marks[1], { delivered_seq: 3, read_seq: 3 });
  daemon.change(chat, {});
  await panel.locator('[data-testid="receipt"][data-state="read"]').waitFor();
  await page.waitForTimeout(300);
  const log = await panel.getByTestId("messages").evaluate((el) => ({ ...el.dataset }));
  assert.equal(log.stateHash, hashOf(daemon.stateFor(chat, WANJA)));
  assert.equal(log.seq, String(chat.state.seq));
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a long conversation, typing, closed, history", async () => {
  const chat = conversation(WANJA, 40);
  const { page, panel, complaints } = await widget();
  await panel.locator(message(41)).waitFor();
  daemon.send(WANJA, {
    type: "chat.typing",
    chat_id: chat.id,
    who: { kind: "staff", name: "Amina Otieno" },
    active: true,
  });
  daemon.send(WANJA, {
    type: "chat.presence",
    chat_id: chat.id,
    customer_connected: true,
    agent_connected: true,
  });
  await panel.getByText("Amina Otieno is typing").waitFor();
  await look(page, "widget-chat", ALL);
  daemon.change(chat, {
    status: "closed",
    closed_at: new Date().toISOString(),
    close_reason: "resolved",
  });
  daemon.post(chat, "system", null, "closed");
  await panel.getByTestId("closed-card").waitFor();
  await look(page, "widget-closed", SOME);
  await panel.getByTestId("earlier").click();
  await panel.locator(".entry").first().waitFor();
  await look(page, "widget-history", SOME);
  await panel.locator(".entry").first().click();
  await panel.getByTestId("new-chat").click();
  await panel.getByTestId("notice").waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("offline: what is written is kept, over a reload, and sent once when the daemon is back", async () => {
  const chat = conversation(WANJA, 4);
  const { page, panel } = await widget();
  await panel.locator(message(5)).waitFor();
  daemon.cut(1001, true);
  await panel.getByText("No connection", { exact: false }).waitFor();
  for (const text of ["first while offline", "second while offline"]) {
    await panel.getByTestId("composer").fill(text);
    await page.keyboard.press("Enter");
  }
  assert.equal(await panel.getByTestId("pending").count(), 2);
  await look(page, "widget-offline", SOME);
  await page.reload();
  const again = page.frameLocator("iframe");
  daemon.down = false;
  await again.locator(message(7)).waitFor();
  assert.equal(await again.getByTestId("pending").count(), 0);
  const sent = chat.messages.filter((m) => m.body.endsWith("offline")).map((m) => m.body);
  assert.deepEqual(sent, ["first while offline", "second while offline"]);
  await page.close();
});

test("missed news: a gap is filled, a wrong hash fetches the whole state again", async () => {
  const chat = conversation(WANJA, 3);
  const { page, panel } = await widget();
  await panel.locator(message(4)).waitFor();
  const send = daemon.send;
  daemon.send = () => undefined;
  daemon.post(chat, "message", AMINA, "never announced");
  daemon.send = send;
  daemon.post(chat, "message", AMINA, "after the gap");
  await panel.getByText("never announced").waitFor();
  await panel.getByText("after the gap").waitFor();
  daemon.frames = [];
  const state = daemon.stateFor(chat, WANJA);
  daemon.send(WANJA, {
    type: "chat.state",
    chat_id: chat.id,
    state: { ...state, rev: ++chat.state.rev },
    state_hash: "0".repeat(64),
  });
  const opens = () => daemon.frames.filter((f) => f.type === "chat.open").length;
  while (!opens()) await page.waitForTimeout(50);
  await page.waitForTimeout(500);
  const reopened = daemon.frames.filter((f) => f.type === "chat.open");
  assert.equal(reopened.length, 1, JSON.stringify(reopened));
  assert.equal(reopened[0].rev, 0);
  await page.close();
});

test("a refused message can be sent again or removed; what an ended chat refuses begins a new one", async () => {
  const chat = conversation(WANJA, 3);
  const { page, panel } = await widget();
  await panel.locator(message(4)).waitFor();
  chat.state.status = "closed";
  await panel.getByTestId("composer").fill("too late");
  await page.keyboard.press("Enter");
  await panel.getByText("Not sent: this conversation has ended").waitFor();
  await look(page, "widget-failed", SOME);
  daemon.change(chat, {});
  await panel.getByTestId("closed-card").waitFor();
  await panel.getByText("Send again").click();
  await panel.getByText("Waiting for a colleague").waitFor();
  assert.equal([...daemon.chats.values()].at(-1).messages[0].body, "too late");
  await page.close();
});

test("call: queued with music, answered, quality in words, muted, over a reload, ended", async () => {
  const { page, panel, complaints } = await widget();
  await panel.getByTestId("call").click();
  await panel
    .locator('[data-testid="callbar"][data-state="queued"][data-leg="connected"]')
    .waitFor();
  const call = [...daemon.calls.values()][0];
  const chat = daemon.chats.get(call.chat_id);
  daemon.position(chat, 1, 60000, 60000, "call");
  await panel.getByText("You are next").waitFor();
  await panel.locator('[data-testid="level-other"]:not([data-level="0.0000"])').waitFor();
  await look(page, "widget-call-queued", ALL);
  daemon.callState(call, "ringing");
  await panel.getByText("Ringing a colleague").waitFor();
  daemon.callState(call, "active", { staff: { id: AMINA, name: "Amina Otieno" } });
  daemon.quality(call);
  await panel.locator('[data-testid="quality"][data-mood="good"]').waitFor();
  await look(page, "widget-call", ALL);
  daemon.quality(call, {
    verdicts: ["loss_up", "low_mos"],
    in: { packets: 46, lost: 4, jitter_ms: 30 },
  });
  await panel.getByText("Your connection is losing sound: move closer to Wi-Fi.").waitFor();
  await look(page, "widget-call-loss", SOME);
  await panel.getByTestId("mute").click();
  await panel.getByText("You are muted").waitFor();
  await page.reload();
  const again = page.frameLocator("iframe");
  await again
    .locator('[data-testid="callbar"][data-state="active"][data-leg="connected"]')
    .waitFor();
  assert.ok((await peer.received(call.id, WANJA)) > 0);
  assert.equal(daemon.calls.size, 1);
  await again.getByTestId("hangup").click();
  await again.getByTestId("over-card").waitFor();
  assert.equal(call.state, "ended");
  await look(page, "widget-call-over", SOME);
  daemon.change(chat, { status: "closed", closed_at: new Date().toISOString(), assigned: null });
  await again.getByTestId("closed-card").waitFor();
  await look(page, "widget-call-over-closed", SOME);
  const hidden = await again.locator(".cards").evaluate((el) => el.scrollHeight - el.clientHeight);
  assert.equal(hidden, 0, "both cards are in view");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a call in another window is offered here, and taking it leaves the other", async () => {
  const first = await widget();
  await first.panel.getByTestId("call").click();
  await first.panel.locator('[data-testid="callbar"][data-leg="connected"]').waitFor();
  const second = await widget();
  await second.panel.getByTestId("elsewhere-card").waitFor();
  await look(second.page, "widget-call-elsewhere", SOME);
  await second.panel.getByTestId("call-here").click();
  await second.panel.locator('[data-testid="callbar"][data-leg="connected"]').waitFor();
  await first.panel.getByTestId("elsewhere-card").waitFor();
  assert.equal(daemon.calls.size, 1);
  await first.page.close();
  await second.page.close();
});

test("denied microphone: says what to do, chat goes on, no call is made", async () => {
  const { page, panel, complaints } = await widget({ from: denied });
  await panel.getByTestId("call").click();
  await panel.locator('[data-testid="problem-card"][data-problem="denied"]').waitFor();
  await look(page, "widget-mic-denied", ALL);
  assert.equal(daemon.calls.size, 0);
  await panel.getByTestId("composer").fill("then I write");
  await page.keyboard.press("Enter");
  await panel.locator(message(1)).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("no chat and no call: closed; only call: no composer", async () => {
  daemon.config.features = { chat: false, call: false };
  const shut = await widget();
  await shut.panel.getByTestId("hours-card").waitFor();
  await look(shut.page, "widget-hours", SOME);
  await shut.page.close();
  daemon.config.features = { chat: false, call: true };
  const calls = await widget();
  await calls.panel.getByTestId("call").waitFor();
  assert.equal(await calls.panel.getByTestId("composer").isVisible(), false);
  await calls.page.close();
});

test("keyboard: opening goes to the composer, Escape back to the launcher", async () => {
  const { page, panel } = await widget();
  await panel.locator('[data-testid="composer"]:focus').waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByTestId("launcher").evaluate((el) => el.matches(":focus")), true);
  assert.equal(await page.getByTestId("launcher").getAttribute("aria-expanded"), "false");
  const chat = daemon.newChat();
  daemon.assign(chat);
  daemon.post(chat, "message", AMINA, "Are you still there?");
  await page.getByTestId("launcher-unread").waitFor();
  assert.equal(await page.getByTestId("launcher-unread").textContent(), "1");
  if (screens) await page.screenshot({ path: `${screens}/widget-unread.png` });
  await page.close();
});

test("Swahili, right to left, 320 pixels and long words hold", async () => {
  const chat = conversation(WANJA, 5);
  daemon.post(
    chat,
    "message",
    AMINA,
    "Donaudampfschifffahrtsgesellschaftskapitaenswitwenrentenauszahlungsbescheid".repeat(3),
  );
  daemon.config.site = {
    name: "Genossenschaftszentralbank Niederrheinisch-Westfaelischer Sparkassenverbaende",
  };
  const { page, panel } = await widget({
    size: [320, 640],
  });
  await panel.locator(message(7)).waitFor();
  const frame = page.frames().find((f) => f.url().endsWith("/panel/"));
  await frame.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
  await look(page, "widget-rtl", [[[320, 640], "light"]]);
  daemon.config.site = { name: "Baobab Bank" };
  await page.close();
  const sw = await browser.context.newPage();
  await sw.addInitScript(() => {
    Object.defineProperty(navigator, "language", { get: () => "sw" });
    Object.defineProperty(navigator, "languages", { get: () => ["sw"] });
  });
  daemon.session = true;
  await sw.goto(`${daemon.url}/panel/`);
  await sw.getByPlaceholder("Andika ujumbe").waitFor();
  assert.equal(await sw.evaluate(() => document.documentElement.lang), "sw");
  await sw.close();
});

test("staff: login, wrong password, then the empty desk", async () => {
  const { page, complaints } = await open("/staff/");
  await page.getByTestId("login-email").fill("amina@bank.example");
  await page.getByTestId("login-password").fill("wrong");
  await page.getByTestId("login-submit").click();
  await page.getByText("E-mail or password is not right", { exact: false }).waitFor();
  await look(page, "staff-login", SOME);
  await page.getByTestId("login-password").fill("secret");
  await page.keyboard.press("Enter");
  await page.getByTestId("nothing-open").waitFor();
  await page.getByText("Nobody is waiting.").waitFor();
  await look(page, "staff-empty", ALL);
  await page.getByTestId("presence").click();
  await look(page, "staff-presence", SOME);
  await page.getByTestId("presence-away").click();
  await page.locator('[data-testid="presence-now"]', { hasText: "Away" }).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: a full desk, answering, notes, tags, closing", async () => {
  const chat = conversation(WANJA, 30);
  daemon.post(chat, "note", AMINA, "Double booking confirmed by cards team.");
  const other = conversation(OTIENO, 3);
  for (let i = 0; i < 60; i++)
    daemon.enqueue(
      ["Zawadi Mwangi", "Hans-Joachim Leutheusser-Schnarrenberger-Wolfenbuettel", "Juma A."][i % 3],
      {
        kind: i % 4 ? "chat" : "call",
        language: i % 2 ? "sw" : "en",
        escalation: i === 0 ? 1 : 0,
      },
    );
  const { page, complaints } = await staff();
  await page.locator(`[data-chat-id="${chat.id}"]`).first().click();
  await page.locator(message(31)).waitFor();
  daemon.send(AMINA, {
    type: "chat.presence",
    chat_id: chat.id,
    customer_connected: true,
    agent_connected: true,
  });
  daemon.post(other, "message", OTIENO, "Hello, is anybody there?");
  await page.getByTestId("unread").waitFor();
  await look(page, "staff-desk", ALL);
  await page.getByTestId("composer").fill("I have cancelled the second booking for you.");
  await page.keyboard.press("Enter");
  await page.locator(message(32)).waitFor();
  await page.getByTestId("note").click();
  await page.getByTestId("composer").fill("Called cards team");
  await page.keyboard.press("Enter");
  await page.getByTestId("note-item").nth(1).waitFor();
  assert.equal(chat.notes.at(-1).body, "Called cards team");
  await page.getByTestId("tag-input").fill("Double booking");
  await page.keyboard.press("Enter");
  await page.locator('[data-testid="tag"]', { hasText: "double-booking" }).waitFor();
  await look(page, "staff-note", SOME);
  await resize(page, 768, "light");
  await page.getByTestId("details").click();
  await look(page, "staff-details", [
    [768, "light"],
    [360, "light"],
  ]);
  await resize(page, 768, "light");
  await page.getByTestId("details").click();
  await resize(page, 1280, "light");
  await page.getByTestId("close").click();
  await look(page, "staff-close", SOME);
  await page.getByTestId("close-confirm").click();
  await page.getByText("This conversation has ended.").waitFor();
  assert.equal(chat.state.status, "closed");
  const left = () => daemon.frames.filter((f) => f.type === "chat.leave").map((f) => f.chat_id);
  assert.deepEqual(left(), [], "what is on screen is followed");
  await page.locator(`[data-chat-id="${other.id}"]`).first().click();
  while (!left().length) await page.waitForTimeout(20);
  await page.getByText("Hello, is anybody there?").first().waitFor();
  assert.deepEqual(left(), [chat.id]);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: offers by keys, declined and accepted, gone elsewhere", async () => {
  const { page, complaints } = await staff();
  const first = daemon.newChat(OTIENO);
  daemon.offer(first);
  await page.getByTestId("offer").waitFor();
  await look(page, "staff-offer", ALL);
  await page.keyboard.press("d");
  await page.getByTestId("offer").waitFor({ state: "detached" });
  assert.equal(first.state.assigned, null);
  const gone = daemon.offer(first);
  await page.getByTestId("offer").waitFor();
  daemon.offers = [];
  daemon.send(AMINA, { type: "offer.gone", offer_id: gone.id, outcome: "missed" });
  await page.getByText("You missed an offer from Brian Otieno.").waitFor();
  daemon.offer(first);
  await page.getByTestId("offer").waitFor();
  await page.keyboard.press("a");
  await page.getByTestId("customer-name").waitFor();
  assert.equal(first.state.assigned.id, AMINA);
  assert.equal(await page.getByTestId("customer-name").textContent(), "Brian Otieno");
  await page.keyboard.press("?");
  await page.getByTestId("help-dialog").waitFor();
  await look(page, "staff-help", SOME);
  await page.keyboard.press("Escape");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: what is written right behind accepting is an answer, not a note", async () => {
  const { page, complaints } = await staff();
  const chat = daemon.newChat(WANJA);
  daemon.offer(chat);
  await page.getByTestId("offer").waitFor();
  daemon.slow = [];
  try {
    await page.getByTestId("offer-accept").click();
    await page.getByTestId("composer").fill("Good morning.");
    await page.locator('[data-testid="reply"][aria-pressed="true"]').waitFor({ timeout: 5000 });
  } finally {
    for (const answer of daemon.slow) answer();
    daemon.slow = null;
  }
  await page.getByTestId("messages").getByText("conversation").waitFor();
  assert.equal(await page.getByTestId("composer").inputValue(), "Good morning.");
  await page.getByTestId("send").click();
  await page.getByTestId("messages").getByText("Good morning.").waitFor();
  assert.equal(chat.messages.at(-1).body, "Good morning.");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: the leg connects while it rings, the microphone comes with the answer", async () => {
  const { page, complaints } = await staff();
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat);
  daemon.offer(chat, "call", 20000, call);
  await page.getByTestId("offer").waitFor();
  for (let i = 0; i < 50 && !daemon.frames.some((f) => f.type === "call.offer"); i++)
    await page.waitForTimeout(50);
  await page.waitForTimeout(700);
  const before = await peer.received(call.id, AMINA);
  assert.equal(before, 0, "nothing may be sent before the answer");
  await look(page, "staff-call-offer", SOME);
  await page.getByTestId("offer-accept").click();
  await page
    .locator('[data-testid="callpanel"][data-state="active"][data-leg="connected"]')
    .waitFor();
  await page.locator(".routing li").filter({ hasText: "accepted" }).nth(1).waitFor();
  for (let i = 0; i < 30; i++) {
    const bad = i > 15 && i < 22;
    daemon.quality(
      call,
      bad
        ? { in: { packets: 45, lost: 5, jitter_ms: 38, mos_cq: 2.9 }, verdicts: ["loss_up"] }
        : {},
    );
    await page.waitForTimeout(10);
  }
  await page.locator('[data-testid="quality"][data-mood="good"]').waitFor();
  await page.waitForTimeout(600);
  assert.ok((await peer.received(call.id, AMINA)) > 0);
  await look(page, "staff-call", ALL);
  daemon.quality(call, {
    in: { packets: 46, lost: 4, jitter_ms: 30, mos_cq: 3.1 },
    verdicts: ["loss_up"],
  });
  await page
    .getByText("The customer's connection is losing 8 % of the sound", { exact: false })
    .waitFor();
  await look(page, "staff-call-loss", SOME);
  await page.locator("body").click({ position: { x: 5, y: 5 } });
  await page.keyboard.press("m");
  await page.locator('[data-testid="mute"][aria-pressed="true"]').waitFor();
  await page.reload();
  await page.locator('[data-testid="callpanel"][data-leg="connected"]').waitFor();
  await page.getByTestId("hangup").click();
  await page.getByText("Call ended").first().waitFor();
  assert.equal(call.end_reason, "agent_hangup");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: a blocked microphone does not swallow the offer", async () => {
  const { page } = await staff({ from: denied });
  const chat = daemon.newChat(WANJA, { channel: "voice", status: "open", queue: null });
  const call = daemon.newCall(chat);
  daemon.offer(chat, "call", 20000, call);
  await page.getByTestId("offer-accept").click();
  await page.getByText("Your microphone is blocked", { exact: false }).waitFor();
  assert.equal(call.state, "ringing");
  await look(page, "staff-mic-denied", SOME);
  await page.close();
});

test("staff: connection lost is said at once, and mended", async () => {
  const chat = conversation(WANJA, 6);
  const { page } = await staff();
  await page.locator(`[data-chat-id="${chat.id}"]`).first().click();
  await page.locator(message(7)).waitFor();
  daemon.cut(1001, true);
  await page.getByTestId("banner").waitFor();
  await page.getByTestId("composer").fill("written while offline");
  await page.keyboard.press("Enter");
  await page.getByText("Waiting for connection").waitFor();
  await look(page, "staff-offline", SOME);
  daemon.down = false;
  await page.locator(message(8)).waitFor();
  await page.getByTestId("banner").waitFor({ state: "detached" });
  await page.close();
});

test("staff: a thousand messages stay usable", async () => {
  const chat = conversation(WANJA, 1000);
  const { page } = await staff();
  await page.locator(`[data-chat-id="${chat.id}"]`).first().click();
  await page.locator(message(1001)).waitFor();
  await look(page, "staff-thousand", [[1280, "light"]]);
  /* Writing must not draw the conversation anew. */
  const changes = await page.evaluate(async () => {
    let seen = 0;
    const watch = new MutationObserver((records) => {
      seen += records.length;
    });
    watch.observe(document.querySelector('[data-testid="messages"]'), {
      subtree: true,
      childList: true,
      characterData: true,
    });
    const area = document.getElementById("composer");
    area.value = "x";
    area.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return seen;
  });
  assert.equal(changes, 0);
  await page.close();
});

test("staff: the customer's card, earlier contacts, and giving a conversation back", async () => {
  const old = conversation(WANJA, 3);
  daemon.change(old, { status: "closed", closed_at: new Date().toISOString(), assigned: null });
  const chat = conversation(WANJA, 5);
  const { page, complaints } = await staff();
  await page.getByTestId("chat-list-item").first().click();
  await page.getByTestId("customer-info").getByText("baobab-bank.example").waitFor();
  assert.equal(await page.getByTestId("contact").count(), 1);
  await look(page, "staff-customer", ALL);
  await page.getByTestId("contact").click();
  await page.getByTestId("give-back").waitFor({ state: "detached" });
  await page.locator(`[data-chat-id="${chat.state.id}"]`).click();
  await page.getByTestId("give-back").click();
  await page.getByTestId("return-confirm").waitFor();
  await look(page, "staff-give-back", SOME);
  chat.state.call = { id: OTIENO, state: "active" };
  await page.getByTestId("return-confirm").click();
  await page.getByText("The call goes on. End it first.").waitFor();
  chat.state.call = null;
  await page.getByTestId("give-back").click();
  await page.getByTestId("return-confirm").click();
  await page.getByText("The conversation waits in the queue again.").waitFor();
  assert.equal(chat.state.status, "queued");
  await page.getByTestId("nothing-open").waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: earlier contacts that come late stand under no other customer, and once", async () => {
  const wanja = conversation(WANJA, 3);
  const otieno = conversation(OTIENO, 3);
  const { page, complaints } = await staff();
  const row = { id: AMINA, status: "closed", channel: "text", assigned: null };
  const items = [{ ...row, created_at: new Date().toISOString() }];
  let held;
  await page.route(/customers.*chats/, (route) => {
    if (route.request().url().includes("cursor=")) held(route);
    else void route.fulfill({ json: { items: [], next: "more" } });
  });
  const more = page.getByTestId("contacts").locator("button.link:not(.contact)");
  const press = async () => {
    const come = new Promise((resolve) => {
      held = resolve;
    });
    await more.click();
    return come;
  };
  await page.locator(`[data-chat-id="${wanja.state.id}"]`).click();
  const first = await press();
  await page.locator(`[data-chat-id="${otieno.state.id}"]`).click();
  await more.waitFor();
  const late = page.waitForResponse(/cursor=/);
  await first.fulfill({ json: { items, next: null } });
  await (await late).finished();
  await page.evaluate(() => new Promise((done) => setTimeout(done, 0)));
  assert.equal(await page.getByTestId("contact").count(), 0);
  const second = await press();
  await more.waitFor({ state: "detached" });
  await second.fulfill({ json: { items, next: null } });
  await page.getByTestId("contact").first().waitFor();
  assert.equal(await page.getByTestId("contact").count(), 1);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("staff: a new password, after which one signs in again", async () => {
  const { page, complaints } = await staff();
  await page.getByTestId("account").click();
  await page.getByTestId("password").click();
  const fill = async (old, fresh, again) => {
    await page.getByTestId("password-old").fill(old);
    await page.getByTestId("password-new").fill(fresh);
    await page.getByTestId("password-again").fill(again);
    await page.getByTestId("password-go").click();
  };
  await look(page, "staff-password", ALL);
  await fill("old password", "long enough 1", "long enough 2");
  await page.getByText("The two new passwords differ.").waitFor();
  await fill("wrong password", "long enough 1", "long enough 1");
  await page.getByText("The old password is not right.").waitFor();
  await look(page, "staff-password-wrong", SOME);
  await fill("old password", "long enough 1", "long enough 1");
  await page.getByText("Your password is changed.").waitFor();
  await look(page, "staff-password-done", SOME);
  await page.getByTestId("password-login").click();
  await page.getByTestId("login").waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});
