import assert from "node:assert/strict";
import { test } from "node:test";
import { type Problem, ProblemError } from "../../../src/web/shared/protocol";
import type { Rest } from "../../../src/web/shared/rest";
import { NewPassword } from "../../../src/web/staff/newpassword";

/* Requests wait until the test answers them. */
function stage() {
  const asked: { body: unknown; answer: () => void; fail: (problem: Problem) => void }[] = [];
  const heard: string[] = [];
  const rest = ((_method: string, _path: string, body: unknown) =>
    new Promise((resolve, reject) => {
      asked.push({
        body,
        answer: () => resolve({} as never),
        fail: (problem) => reject(new ProblemError(problem)),
      });
    })) as Rest;
  const password: NewPassword = new NewPassword(rest, {
    changed: () => heard.push("changed"),
    signedOut: () => heard.push(password.refused() ? "held back again" : "signed out"),
  });
  return { asked, heard, password };
}

test("a second submission is the one under way", async () => {
  const { asked, heard, password } = stage();
  const both = [password.change("old", "new"), password.change("old", "new")];
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0]?.body, { old_password: "old", new_password: "new" });
  asked[0]?.answer();
  assert.deepEqual(await Promise.all(both), [null, null]);
  assert.deepEqual(heard, ["changed"]);
});

test("after one that failed there is a next one", async () => {
  const { asked, heard, password } = stage();
  const said = [];
  for (const problem of [
    { status: 401, code: "bad_credentials" },
    { status: 423, code: "locked" },
    { status: 429, code: "rate" },
    { status: 422, code: "password" },
    { status: 0, code: "network" },
  ]) {
    const one = password.change("old", "new");
    asked.shift()?.fail(problem as Problem);
    said.push(await one);
  }
  assert.deepEqual(said, [
    "password_wrong",
    "login_locked",
    "login_locked",
    "password_bad",
    "password_failed",
  ]);
  assert.equal(password.refused(), false, "a refusal is nothing of ours");
  assert.deepEqual(heard, []);
});

test("a refusal that overtakes the answer does not hide that it is changed", async () => {
  const { asked, heard, password } = stage();
  const one = password.change("old", "new");
  assert.equal(password.refused(), true);
  asked[0]?.answer();
  assert.equal(await one, null);
  assert.equal(password.refused(), true, "nor does one that comes behind");
  assert.deepEqual(heard, ["changed"]);
});

test("a refusal counts when it was not by the change", async () => {
  const { asked, heard, password } = stage();
  const one = password.change("old", "new");
  assert.equal(password.refused(), true);
  assert.deepEqual(heard, []);
  asked[0]?.fail({ status: 401, code: "no_session" } as Problem);
  assert.equal(await one, "password_failed");
  assert.deepEqual(heard, ["signed out"]);
});

test("an answer behind the logout changes nothing", async () => {
  for (const how of ["answer", "fail"] as const) {
    const { asked, heard, password } = stage();
    const one = password.change("old", "new");
    password.refused();
    password.leave();
    asked[0]?.[how]({ status: 401, code: "no_session" } as Problem);
    await one;
    assert.deepEqual(heard, []);
  }
});
