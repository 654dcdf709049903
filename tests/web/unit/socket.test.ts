import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError, type ServerFrame } from "../../../src/web/shared/protocol";
import { backoff, Socket, type SocketOptions } from "../../../src/web/shared/socket";

class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

const WELCOME = {
  type: "welcome",
  id: "hello",
  me: { id: "me", kind: "customer", name: null, role: "customer" },
  server_time: "2026-11-22T16:18:00.000Z",
  expires_at: null as string | null,
  ping_interval_ms: 25000,
  retry: { min_ms: 5, max_ms: 20 },
  ice_servers: [],
};

const tick = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

function setup(more: Partial<SocketOptions> = {}) {
  const made: FakeSocket[] = [];
  const frames: ServerFrame[] = [];
  const states: string[] = [];
  const counts = { refused: 0, auth: 0 };
  const socket = new Socket({
    url: "ws://x/ws",
    auth: async () => ({ token: `t${++counts.auth}` }),
    resume: () => [{ chat_id: "c", seq: 3, rev: 2 }],
    onWelcome: () => undefined,
    onFrame: (frame) => frames.push(frame),
    onStatus: (status) => states.push(status),
    refused: () => counts.refused++,
    random: () => 0,
    make: () => {
      const fake = new FakeSocket();
      made.push(fake);
      return fake as unknown as WebSocket;
    },
    ...more,
  });
  const last = () => {
    const fake = made.at(-1);
    assert.ok(fake);
    return fake;
  };
  return { socket, made, frames, states, counts, last };
}

async function online(s: ReturnType<typeof setup>) {
  s.socket.start();
  await tick();
  s.last().onopen?.();
  s.last().say(WELCOME);
}

test("the credential is renewed before its end, by the clock of the daemon", async () => {
  const s = setup();
  s.socket.start();
  await tick();
  s.last().onopen?.();
  s.last().say({ ...WELCOME, expires_at: "2026-11-22T16:18:02.100Z" });
  const renewals = () => s.last().sent.filter((f) => f.type === "auth.renew");
  while (renewals().length === 0) await tick(20);
  const [frame] = renewals();
  assert.equal(frame?.token, "t2");
  s.last().say({ type: "auth.renewed", id: frame?.id, expires_at: "2026-11-22T17:18:00.000Z" });
  await tick(20);
  assert.equal(renewals().length, 1);
  assert.equal(s.made.length, 1);
  s.socket.stop();
});

test("an expired connection begins anew with a new credential", async () => {
  const s = setup();
  await online(s);
  s.last().onclose?.({ code: 4402 });
  while (s.made.length < 2) await tick(5);
  assert.deepEqual([s.counts.refused, s.counts.auth], [1, 2]);
  assert.equal(s.states.includes("refused"), false);
  s.socket.stop();
});

test("back-off stays between its bounds and grows", () => {
  assert.equal(
    backoff(0, 500, 15000, () => 0),
    500,
  );
  assert.equal(
    backoff(0, 500, 15000, () => 1),
    500,
  );
  assert.equal(
    backoff(3, 500, 15000, () => 1),
    4000,
  );
  assert.equal(
    backoff(60, 500, 15000, () => 1),
    15000,
  );
  assert.equal(
    backoff(60, 500, 15000, () => 0.5),
    7750,
  );
});

test("hello carries fresh credentials and the resume list", async () => {
  const s = setup();
  await online(s);
  assert.deepEqual(s.last().sent[0], {
    type: "hello",
    id: "hello",
    token: "t1",
    resume: [{ chat_id: "c", seq: 3, rev: 2 }],
  });
  assert.deepEqual(s.states, ["online"]);
  s.socket.stop();
});

test("an answer settles its own request; an error frame rejects it by its problem", async () => {
  const s = setup();
  await online(s);
  const one = s.socket.request({ type: "chat.leave", chat_id: "a" });
  const two = s.socket.request({ type: "chat.leave", chat_id: "b" });
  const ids = s
    .last()
    .sent.slice(1)
    .map((f) => f.id);
  s.last().say({ type: "error", id: ids[1], error: { status: 404, code: "not_found" } });
  s.last().say({ type: "ok", id: ids[0] });
  assert.equal((await one).type, "ok");
  await assert.rejects(two, (e) => e instanceof ProblemError && e.problem.code === "not_found");
  s.socket.stop();
});

test("a broken connection fails what waits and comes back by itself, again and again", async () => {
  const s = setup();
  await online(s);
  const waiting = s.socket.request({ type: "ping" });
  s.last().onclose?.({ code: 1006 });
  await assert.rejects(waiting, (e) => e instanceof ProblemError && e.problem.status === 0);
  for (let i = 0; i < 8; i++) {
    await tick(12);
    s.last().onclose?.({ code: 1006 });
  }
  assert.ok(s.made.length >= 8);
  await tick(12);
  s.last().onopen?.();
  s.last().say(WELCOME);
  assert.equal(s.socket.status, "online");
  assert.ok(s.counts.auth >= 8);
  s.socket.stop();
});

test("4401 drops the credentials; refused is told only when fresh ones fail too", async () => {
  const s = setup();
  await online(s);
  s.last().onclose?.({ code: 4401 });
  assert.equal(s.counts.refused, 1);
  assert.equal(s.socket.status, "waiting");
  await tick(12);
  s.last().onclose?.({ code: 4401 });
  assert.equal(s.socket.status, "refused");
  s.socket.stop();
});

test("bye names the time of the next try, and waking does not undercut it", async () => {
  const s = setup();
  await online(s);
  s.last().say({ type: "bye", reason: "draining", retry_after_ms: 60 });
  s.last().onclose?.({ code: 1001 });
  s.socket.wake();
  await tick(30);
  assert.equal(s.made.length, 1);
  await tick(60);
  assert.equal(s.made.length, 2);
  s.socket.stop();
});

test("nothing is sent and nothing reconnects after stop", async () => {
  const s = setup();
  await online(s);
  s.socket.stop();
  assert.equal(s.socket.send({ type: "ping" }), false);
  await tick(40);
  assert.equal(s.made.length, 1);
});

test("rubbish and unknown frames do no harm", async () => {
  const s = setup();
  await online(s);
  s.last().onmessage?.({ data: "{not json" });
  s.last().say({ type: "something.new", field: 1 });
  assert.equal(s.frames.length, 1);
  assert.equal(s.socket.status, "online");
  s.socket.stop();
});

test("back in a network: a new connection at once, without waiting for the old one to fail", async () => {
  const events = new EventTarget();
  const target = globalThis as unknown as Record<string, unknown>;
  target.addEventListener = events.addEventListener.bind(events);
  target.removeEventListener = events.removeEventListener.bind(events);
  const s = setup();
  try {
    await online(s);
    events.dispatchEvent(new Event("online"));
    await tick(20);
    assert.equal(s.made.length, 1, "nothing was lost: it is asked, not left");
    assert.equal(s.last().sent.at(-1)?.type, "ping");
    events.dispatchEvent(new Event("offline"));
    events.dispatchEvent(new Event("online"));
    while (s.made.length < 2) await tick(5);
    assert.equal(s.made[0]?.closed, true);
  } finally {
    s.socket.stop();
    delete target.addEventListener;
    delete target.removeEventListener;
  }
});
