import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, type OutItem } from "../../../src/web/shared/outbox";

function memory() {
  const map = new Map<string, string>();
  return {
    map,
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
}

const item = (id: string): OutItem => ({
  client_id: id,
  chat_id: "c",
  kind: "message",
  body: "text",
  at: 1,
});

test("what is not acknowledged survives a reload, what is acknowledged does not", () => {
  const store = memory();
  const first = new Outbox(store);
  first.attach("wanja");
  first.clientKey = "key";
  first.add(item("a"));
  first.add(item("b"));
  first.remove("a");
  const second = new Outbox(store);
  second.attach("wanja");
  assert.deepEqual(
    second.items.map((i) => i.client_id),
    ["b"],
  );
  assert.equal(second.clientKey, "key");
  second.clientKey = null;
  second.remove("b");
  assert.equal(store.map.size, 0);
});

test("nobody sends what another person typed", () => {
  const store = memory();
  const box = new Outbox(store);
  box.attach("wanja");
  box.add(item("a"));
  box.attach("otieno");
  assert.deepEqual(box.items, []);
  box.attach("wanja");
  assert.equal(box.items.length, 1);
});

test("what was typed before the first welcome joins the box", () => {
  const store = memory();
  const box = new Outbox(store);
  box.add(item("early"));
  assert.equal(store.map.size, 0);
  box.attach("wanja");
  assert.equal(store.map.size, 1);
  assert.equal(box.items.length, 1);
});

test("a full or forbidden store, or rubbish in it, loses nothing in memory", () => {
  const broken = {
    getItem: () => "{rubbish",
    setItem: () => {
      throw new Error("quota");
    },
    removeItem: () => undefined,
  };
  const box = new Outbox(broken);
  box.attach("wanja");
  box.add(item("a"));
  assert.equal(box.items.length, 1);
});
