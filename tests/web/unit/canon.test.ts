import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, stateHash } from "../../../src/web/shared/canon";

test("keys are sorted by code point, not by UTF-16 unit", () => {
  assert.equal(
    canonical({ "\u{1F600}": 1, "\uE000": 2, b: 3, a: 4 }),
    '{"a":4,"b":3,"\uE000":2,"\u{1F600}":1}',
  );
});

test("strings escape what must be and nothing else", () => {
  assert.equal(
    canonical('/"\\\b\f\n\r\t\u0001\u001f\u007f\u2028ä'),
    '"/\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001F\u007f\u2028ä"',
  );
});

test("no white space, null for what is not there, nested", () => {
  assert.equal(
    canonical({ z: [1, null, true, { y: [] }], a: undefined }),
    '{"z":[1,null,true,{"y":[]}]}',
  );
});

test("the hash is lower-case hex SHA-256 of the UTF-8 bytes", async () => {
  /* printf '{"a":"\\303\\244"}' | sha256sum */
  assert.equal(
    await stateHash({ a: "ä" }),
    "46e7684c4b1944115e7f227c9f2d1275a3edf7806a40d523d1c77e0df97b3432",
  );
});
