/* What agents do with a call, in real browsers: hold with music, a transfer between two agents' pages,
 * wrap-up, rating, and a callback that rings in the customer's page. The tests build on one another.
 * Runs in a network namespace of its own (run.sh). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  isMusic, isTone, listen, logIn, openChromium, openPanel, screens, setPresence, Stack, until,
} from "./browser.mjs";

const NOTE = "wants a new card";
let stack;
let amina;
let brian;
let customer;
let panel;
let frame;

before(async () => {
  stack = await Stack.start();
  [amina, brian, customer] = await Promise.all([
    openChromium("amina", 440), openChromium("brian", 660), openChromium("customer", 1000),
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
const callBar = (state) => panel.locator(`[data-testid="callbar"][data-state="${state}"][data-leg="connected"]`);
const callPanel = (side, state) => side.page.locator(`[data-testid="callpanel"][data-state="${state}"][data-leg="connected"]`);
const hears = async (hz) => {
  await until(async () => Math.abs((await listen(frame(), 0.5)).hz - hz) < 5, `${hz} Hz at the customer`, 60000);
  isTone(await listen(frame(), 1.5), hz);
};
const newest = () => stack.sql(`select c.id, c.state, c.end_reason, s.email from support.voice_calls c
  left join support.support_staff s on s.id = c.staff_id order by c.created_at desc limit 1`)[0];

step("a held customer hears music, and the agent again after that", async () => {
  ({ panel, frame } = await openPanel(customer.page, stack, "wanja"));
  await setPresence(amina.page, "available");
  await panel.getByTestId("call").click();
  await amina.page.getByTestId("offer-accept").click({ timeout: 60000 });
  await callPanel(amina, "active").waitFor();
  await callBar("active").waitFor();
  await hears(440);
  await amina.page.getByTestId("hold").click();
  await amina.page.getByTestId("held").waitFor();
  await callBar("held").waitFor();
  await panel.getByText("You hear music until then", { exact: false }).waitFor();
  await until(async () => (await listen(frame(), 2.2)).notes > 0.7, "music at the customer", 60000);
  isMusic(await listen(frame(), 2.2));
  await shot(customer.page, "10-held-customer");
  await shot(amina.page, "10-held-agent");
  await amina.page.getByTestId("hold").click();
  await callBar("active").waitFor();
  await hears(440);
});

step("the call and its chat go to another agent, with a note", async () => {
  await setPresence(brian.page, "available");
  const free = amina.page.locator('[data-testid="target"][data-kind="staff"]', { hasText: "Brian Mwangi" });
  await until(async () => {
    await amina.page.getByTestId("transfer").click();
    if (await free.isVisible().catch(() => false)) return true;
    await free.waitFor({ timeout: 3000 }).catch(() => undefined);
    if (await free.isVisible()) return true;
    await amina.page.keyboard.press("Escape");
    return false;
  }, "Brian among the targets", 60000);
  await free.click();
  await amina.page.getByTestId("transfer-note").fill(NOTE);
  await amina.page.getByTestId("transfer-go").click();
  await amina.page.getByTestId("callpanel").waitFor({ state: "detached" });
  await brian.page.getByTestId("offer-transfer").getByText(NOTE).waitFor();
  await shot(brian.page, "11-transfer-offered");
  await brian.page.getByTestId("offer-accept").click();
  await callPanel(brian, "active").waitFor();
  await callBar("active").waitFor();
  await hears(660);
  isTone(await listen(brian.page.mainFrame(), 1.5), 1000);
  await brian.page.getByTestId("customer-name").getByText("Wanja Kimani").waitFor();
  assert.equal(await amina.page.getByTestId("call-audio").count(), 0);
  assert.equal(newest()[3], stack.staff.agent2.email);
});

step("the end: wrap-up at the agent, rating by the customer", async () => {
  await brian.page.getByTestId("hangup").click();
  await brian.page.getByTestId("wrapup").waitFor();
  await panel.getByTestId("rate-5").click();
  await panel.getByTestId("rate-comment").fill("very kind");
  await panel.getByTestId("rate-send").click();
  await panel.getByText("Thank you").waitFor();
  await brian.page.getByTestId("wrap-more").click();
  await brian.page.getByTestId("wrap-done").click();
  await brian.page.getByTestId("wrapup").waitFor({ state: "detached" });
  const [row] = stack.sql("select rating, rating_comment, end_reason from support.voice_calls");
  assert.deepEqual(row, ["5", "very kind", "agent_hangup"]);
});

step("a customer who asked for it is called back in the page, and both hear each other", async () => {
  await setPresence(brian.page, "away");
  await setPresence(amina.page, "away");
  await panel.getByTestId("call-again").click();
  await callBar("queued").waitFor();
  await panel.getByTestId("callback").click();
  await panel.getByTestId("callback-card").waitFor();
  await setPresence(amina.page, "available");
  await amina.page.locator('[data-testid="offer"][data-kind="callback"]').waitFor({ timeout: 60000 });
  await amina.page.getByTestId("offer-accept").click();
  await amina.page.locator('[data-testid="callpanel"][data-state="calling"]').waitFor();
  await panel.getByTestId("ring-card").waitFor();
  await shot(customer.page, "12-callback-rings");
  await shot(amina.page, "12-callback-calling");
  await panel.getByTestId("ring-accept").click();
  await callBar("active").waitFor();
  await callPanel(amina, "active").waitFor();
  await hears(440);
  isTone(await listen(amina.page.mainFrame(), 1.5), 1000);
});

/* Brian's page, at which a supervisor signs in. The agent is muted, so that each tone is heard alone. */
step("a supervisor listens unheard, whispers to the agent alone, and joins so that all hear", async () => {
  await brian.page.getByTestId("account").click();
  await brian.page.getByTestId("logout").click();
  await brian.page.getByTestId("login").waitFor();
  await logIn(brian.page, stack, stack.staff.supervisor);
  await amina.page.getByTestId("mute").click();
  await brian.page.getByTestId("view-live").click();
  await brian.page.getByTestId("supervise-listen").click();
  const part = (role) =>
    brian.page.locator(`[data-testid="partpanel"][data-role="${role}"][data-leg="connected"]`).waitFor();
  await part("listen");
  await until(async () => Math.abs((await listen(brian.page.mainFrame(), 0.5)).hz - 1000) < 5, "the customer at the supervisor", 60000);
  await amina.page.getByTestId("supervisors").getByText("Daudi Njoroge listens").waitFor();
  assert.ok((await listen(frame(), 1)).level < -60, "who listens is not heard");
  await shot(brian.page, "13-supervisor");
  await shot(amina.page, "13-supervised");
  await brian.page.getByTestId("mode-whisper").click();
  await part("whisper");
  await amina.page.locator('[data-testid="supervisors"] [data-role="whisper"]').waitFor();
  await panel.getByTestId("mute").click();
  await until(async () => Math.abs((await listen(amina.page.mainFrame(), 0.5)).hz - 660) < 5, "the whisper at the agent", 60000);
  assert.ok((await listen(frame(), 1)).level < -60, "a whisper is not for the customer");
  await brian.page.getByTestId("mode-barge").click();
  await part("barge");
  await hears(660);
  await brian.page.getByTestId("part-leave").click();
  await brian.page.getByTestId("partpanel").waitFor({ state: "detached" });
  await panel.getByTestId("hangup").click();
  await until(() => newest()[1] === "ended", "the end in the rows");
  assert.equal(newest()[2], "customer_hangup");
});

step("what the browsers measured has reached the daemon; nothing complained", async () => {
  const [[reports]] = stack.sql("select count(*) from support.call_client_stats");
  assert.ok(Number(reports) > 0);
  const noise = /status of (401|403|409)/;
  const all = [amina, brian, customer].flatMap((side) => side.complaints);
  assert.deepEqual(all.filter((c) => !noise.test(c)), []);
  assert.deepEqual(stack.sql("select * from support.check_invariants()"), []);
});
