/* The label of the level meter follows the daemon's rule of who hears whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call, Part, Party, TalkWith } from "../../../src/web/shared/protocol";
import { heardBy } from "../../../src/web/staff/heard";

const AMINA = { id: "a", name: "Amina" };
const BRIAN = { id: "b", name: "Brian" };
const CAROL = { id: "c", name: "Carol" };
const party = (role: Party["role"], talk: TalkWith | null = null, staff = BRIAN): Party => ({
  id: `${role}${staff.id}`,
  staff,
  role,
  state: "open",
  talk,
  since: "",
  expires_at: null,
});
const call = (parties: Party[] = [], state = "active") =>
  ({ id: "k", state, staff: AMINA, parties }) as unknown as Call;
const part = (role: Part["role"]) => ({ role }) as Part;

function names(me: string, of: Call, mine: Part | null = null): string[] {
  const heard = heardBy(me, of, mine);
  return [...heard.staff.map((p) => p.name ?? ""), ...(heard.customer ? ["customer"] : [])];
}

test("the agent hears the customer, on hold nobody", () => {
  assert.deepEqual(names("a", call()), ["customer"]);
  assert.deepEqual(names("a", call([], "held")), []);
});

test("the agent hears whom a consultation lets speak", () => {
  assert.deepEqual(names("a", call([party("consult", "colleague")])), ["Brian"]);
  assert.deepEqual(names("a", call([party("consult", "customer")])), ["customer"]);
  assert.deepEqual(names("a", call([party("consult", "all")])), ["Brian", "customer"]);
  const asked = { ...party("consult", "colleague"), state: "asked" as const };
  assert.deepEqual(names("a", call([asked])), []);
});

test("supervisors are heard by the agent unless they listen", () => {
  const there = [party("listen"), party("whisper", null, CAROL)];
  assert.deepEqual(names("a", call(there)), ["Carol", "customer"]);
  assert.deepEqual(names("a", call([party("barge")])), ["Brian", "customer"]);
});

test("the colleague hears the agent, and the customer when all talk", () => {
  const at = (talk: TalkWith) => names("b", call([party("consult", talk)]), part("consult"));
  assert.deepEqual(at("colleague"), ["Amina"]);
  assert.deepEqual(at("all"), ["Amina", "customer"]);
  assert.deepEqual(at("customer"), []);
});

test("who supervises hears all but a whisper of another one", () => {
  const whisper = party("whisper", null, CAROL);
  assert.deepEqual(names("b", call([party("listen"), whisper]), part("listen")), [
    "Amina",
    "customer",
  ]);
  const consult = party("consult", "colleague", CAROL);
  assert.deepEqual(names("b", call([party("whisper"), consult]), part("whisper")), [
    "Amina",
    "Carol",
  ]);
});
