/* The whole line in real browsers: a customer on the demo bank's page, an agent at the staff dashboard,
 * the daemon and PostgreSQL between them. The tests build on one another, in order. Runs in a network
 * namespace of its own (run.sh). Pictures of the main states: build/test-output/e2e. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  isMusic, isTone, listen, logIn, openChromium, openFirefox, openPanel, panelOf, root, screens, setPresence, Stack,
  Talker, until,
} from "./browser.mjs";

const CARD = "4111 1111 1111 1111";
const MASKED = "my card is **** **** **** 1111";
/* Hash of "body {}", which playwright puts into a page of Firefox while it takes a picture. */
const PICTURE_STYLE = "sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA=";
let stack;
let agent;
let customer;
let panel;
let frame;

before(async () => {
  stack = await Stack.start();
  [agent, customer] = await Promise.all([openChromium("agent", 440), openChromium("customer", 1000)]);
  await logIn(agent.page, stack, stack.staff.agent);
});

after(async () => {
  await agent?.close();
  await customer?.close();
  await stack?.stop();
});

const shot = (page, name) => page.screenshot({ path: join(screens, `${name}.png`), caret: "initial" });

/* A test that leaves pictures of both pages where it fails. */
function step(name, run) {
  test(name, { timeout: 90000 }, async () => {
    try {
      await run();
    } catch (e) {
      const at = name.replaceAll(/\W+/g, "-");
      await shot(agent.page, `failed-${at}-agent`).catch(() => undefined);
      await shot(customer.page, `failed-${at}-customer`).catch(() => undefined);
      throw e;
    }
  });
}

const inPanel = (id) => panel.getByTestId(id);
const atDesk = (id) => agent.page.getByTestId(id);

async function say(text) {
  await inPanel("composer").fill(text);
  await inPanel("send").click();
}

async function answer(text) {
  await atDesk("composer").fill(text);
  await atDesk("send").click();
}

const receipts = (where) => where("receipt").evaluateAll((all) => all.map((e) => e.dataset.state));

step("a chat begins, is offered and accepted", async () => {
  ({ panel, frame } = await openPanel(customer.page, stack, "wanja"));
  await shot(customer.page, "01-widget-open");
  await say("Hello, may I ask something?");
  await setPresence(agent.page, "available");
  await agent.page.locator('[data-testid="offer"][data-kind="chat"]').waitFor();
  await shot(agent.page, "02-chat-offered");
  await atDesk("offer-accept").click();
  await atDesk("messages").getByText("Hello, may I ask something?").waitFor();
  await atDesk("customer-name").getByText("Wanja Kimani").waitFor();
  const { name } = stack.staff.agent;
  await inPanel("system-message").getByText(`${name} joined the conversation`).waitFor();
  await atDesk("system-message").getByText(`${name} took the conversation`).waitFor();
});

step("a card number arrives masked within a second", async () => {
  const arrived = atDesk("messages").getByText(MASKED).waitFor().then(() => Date.now());
  const sent = Date.now();
  await say(`my card is ${CARD}`);
  const took = (await arrived) - sent;
  assert.ok(took < 1000, `${took} ms`);
  await inPanel("messages").getByText(MASKED).waitFor();
  await inPanel("masked").waitFor();
  await atDesk("masked").waitFor();
  for (const f of [frame(), agent.page.mainFrame()]) {
    const text = await f.evaluate(() => document.body.innerText);
    assert.ok(!text.replace(/\D/g, "").includes("4111111111111111"));
  }
});

step("the agent answers; both see that it was read", async () => {
  await answer("Thank you. I have blocked it.");
  await inPanel("messages").getByText("Thank you. I have blocked it.").waitFor();
  await until(async () => (await receipts(inPanel)).every((s) => s === "read"), "the customer's messages are read");
  await until(async () => (await receipts(atDesk)).every((s) => s === "read"), "the agent's answer is read");
  assert.equal((await receipts(inPanel)).length, 2);
  assert.equal((await receipts(atDesk)).length, 1);
  await shot(customer.page, "03-chat-customer");
  await shot(agent.page, "04-chat-agent");
});

step("a reload of the page keeps the chat", async () => {
  const read = () => inPanel("messages").locator(".body").allInnerTexts();
  const before = await read();
  assert.equal(before.length, 3);
  await customer.page.reload();
  ({ panel, frame } = await panelOf(customer.page));
  await until(async () => JSON.stringify(await read()) === JSON.stringify(before), "the same messages");
  await answer("Still there?");
  await inPanel("messages").getByText("Still there?").waitFor();
});

/* From the press of the button to the hang-up, for any customer: what differs comes by `side`:
 * start(), hear(seconds), mute(on), end(), and state(wanted), which waits for what the customer sees. */
async function wholeCall(side, name) {
  try {
    await talk(side, name);
  } catch (e) {
    await side.end().catch(() => undefined); /* the next call must find nobody waiting */
    throw e;
  }
  return checkRows();
}

async function talk(side, name) {
  await setPresence(agent.page, "away");
  await side.start();
  await side.state("queued");
  isMusic(await side.hear(3));
  await side.picture(`${name}-waiting`);

  await setPresence(agent.page, "available");
  await agent.page.locator('[data-testid="offer"][data-kind="call"]').waitFor();
  await side.state("ringing");
  await shot(agent.page, `${name}-ringing`);
  isMusic(await side.hear(2.2));
  const clicked = Date.now();
  await atDesk("offer-accept").click();
  await agent.page.locator('[data-testid="callpanel"][data-state="active"]').waitFor();
  await side.state("active");
  const took = Date.now() - clicked;
  await new Promise((resolve) => setTimeout(resolve, 1500));

  const [atCustomer, atAgent] = await Promise.all([side.hear(2), listen(agent.page.mainFrame(), 2)]);
  isTone(atCustomer, 440);
  isTone(atAgent, 1000);
  await qualityIsShown();
  await side.picture(`${name}-active`);
  await shot(agent.page, `${name}-agent`);

  await atDesk("mute").click();
  await until(async () => (await side.hear(0.5)).level < -60, "silence while the agent is muted", 8000);
  await atDesk("mute").click();
  await until(async () => Math.abs((await side.hear(0.5)).hz - 440) < 5, "the tone again", 8000);

  await side.end();
  await agent.page.locator('[data-testid="callpanel"][data-state="ended"]').waitFor();
  console.log(`# ${name}: answered on both screens ${took} ms after the click`);
}

async function qualityIsShown() {
  const verdict = atDesk("quality");
  await until(async () => (await verdict.getAttribute("data-mood")) === "good", "a good verdict at the desk");
  for (const party of ["customer", "agent"]) {
    const leg = atDesk(`quality-${party}`);
    const mos = async () => (await leg.locator(".mos").allInnerTexts()).map((text) => Number(/\d\.\d/.exec(text)?.[0]));
    const sound = (values) => values.length === 2 && values.every((value) => value > 3.8 && value <= 5);
    await until(async () => sound(await mos()), `a MOS as of a sound call for the ${party}, both ways`);
  }
}

/* The newest call as PostgreSQL has it: state, quality, trail. */
async function checkRows() {
  const [row] = await until(() => {
    const rows = stack.sql(`select id, chat_id, state, end_reason, staff_id, answered_at > queued_at,
      extract(epoch from ended_at - answered_at) > 3, mos_low, quality
      from support.voice_calls order by created_at desc limit 1`);
    return rows[0]?.[8] && rows;
  }, "a summary of the call");
  const [id, chat, state, reason, staff, waited, talked, mos, quality] = row;
  assert.deepEqual([state, reason], ["ended", "customer_hangup"]);
  assert.ok(staff);
  assert.deepEqual([waited, talked], ["t", "t"]);
  /* A busy machine delivers some packets late, which counts; none may be lost. */
  assert.ok(Number(mos) > 2.5, quality);
  for (const leg of Object.values(JSON.parse(quality))) assert.equal(leg.in.lost + leg.out.lost, 0, quality);
  const trail = stack.sql(`select action from support.support_activity_logs
    where subject_ref in ('${id}', '${chat}') and outcome = 'done' order by id`).flat();
  for (const action of ["call.start", "offer.make", "call.assign", "call.transition", "call.summary"])
    assert.ok(trail.includes(action), `${action} is not in the trail: ${trail}`);
  return id;
}

/* A customer in a browser. */
function browserSide(open) {
  const inside = (id) => open.panel.getByTestId(id);
  return {
    start: () => inside("call").click(),
    state: (wanted) => open.panel.locator(`[data-testid="callbar"][data-state="${wanted}"][data-leg="connected"]`).waitFor(),
    hear: (seconds) => listen(open.frame(), seconds),
    picture: (name) => shot(open.page, name),
    end: () => inside("hangup").click({ timeout: 5000 }),
  };
}

step("a call between two Chromiums", async () => {
  await wholeCall(browserSide({ page: customer.page, panel, frame }), "05-chromium");
  await inPanel("over-card").waitFor();
  await shot(customer.page, "06-call-over");
});

/* A call takes the whole of an agent's capacity, so the next caller needs a free one. */
step("the agent closes the chat", async () => {
  await atDesk("close").click();
  await atDesk("close-confirm").click();
  await inPanel("header-status").getByText("Conversation ended").waitFor();
  await until(async () => stack.sql("select count(*) from support.chat_sessions where status <> 'closed'")[0][0] === "0", "closed");
  await atDesk("presence").getByText("0 of 4").waitFor();
  await shot(customer.page, "06-chat-closed");
});

step("the same call from Firefox", async () => {
  const fox = await openFirefox("firefox", 1000);
  try {
    const opened = await openPanel(fox.page, stack, "otieno");
    await wholeCall(browserSide({ page: fox.page, ...opened }), "07-firefox");
    assert.deepEqual(fox.complaints.filter((c) => !c.includes(PICTURE_STYLE)), []);
  } finally {
    await fox.close();
  }
});

step("the same call from aiortc, by the fallback profile", async () => {
  const { token } = stack.customers[2];
  const peer = new Talker("/usr/bin/python3", ["tests/e2e/peer.py", "--http", stack.url, "--token", token, "--hz", "1000"]);
  try {
    assert.equal(JSON.parse(await peer.next()).event, "ready");
    await wholeCall({
      start: async () => {
        const told = await peer.ask("start");
        assert.deepEqual([told.ok, told.profile], [true, 1]);
      },
      state: async () => {},
      hear: (seconds) => peer.ask(`hear ${seconds}`),
      picture: async () => {},
      end: () => peer.ask("end"),
    }, "08-aiortc");
  } finally {
    await peer.end();
  }
});

test("no page complained", () => {
  /* The staff page asks who is logged in before anybody is: that 401 is the answer it wants. */
  const noise = /status of 401/;
  assert.deepEqual([...agent.complaints, ...customer.complaints].filter((c) => !noise.test(c)), []);
});

step("the rows are consistent and the audit chain is whole", async () => {
  assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
  const bodies = stack.sql("select body from support.chat_messages where kind = 'message' order by id").flat();
  assert.ok(bodies.includes(MASKED), bodies.join("|"));
  await until(() => stack.sql("select count(*) from support.audit_seals where row_count > 0")[0][0] > 0, "a seal");
  const env = { ...process.env, SUPPORTD_DATABASE_URL: stack.database.app_url,
    SUPPORTD_AUDIT_KEY_FILE: join(stack.dir, "audit.pem") };
  const said = execFileSync(join(root, "build/release/supportd"), ["audit", "verify"], { env }).toString();
  assert.match(said, /^whole: [1-9]/);
});

function* filesUnder(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield path;
  }
}

/** Of a file of a running server, which may remove it at any time. */
function contentOf(path) {
  try {
    return readFileSync(path);
  } catch (e) {
    if (e.code !== "ENOENT") throw e;
    return Buffer.alloc(0);
  }
}

step("the clear card number is in no file of PostgreSQL, its WAL or the logs", async () => {
  stack.sql("checkpoint");
  const digits = CARD.replace(/ /g, "");
  const clear = [];
  for (let at = 0; at + 9 <= digits.length; at++) clear.push(digits.slice(at, at + 9));
  clear.push(CARD, CARD.slice(0, 11), CARD.slice(5, 16));
  let seen = 0;
  let bytes = 0;
  for (const path of [...filesUnder(stack.database.data), stack.database.log, ...stack.logs]) {
    const data = contentOf(path);
    bytes += data.length;
    if (data.includes(MASKED)) seen++;
    for (const part of clear) assert.ok(!data.includes(part), `${part} is in ${path}`);
  }
  assert.ok(seen > 0, "the masked message itself must be found, else the search proves nothing");
  assert.ok(bytes > 1e7);
});
