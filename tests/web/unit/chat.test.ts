import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addMessage,
  marksOf,
  maskMessage,
  newChat,
  ownState,
  resumed,
  setState,
  unread,
} from "../../../src/web/shared/chat";
import type { ChatResumed, ChatState, Message } from "../../../src/web/shared/protocol";

const ME = "me";

function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    chat_id: "c",
    kind: "message",
    seq,
    sender: { kind: "staff", id: "s", name: "Amina" },
    client_id: null,
    body: `text ${seq}`,
    masked: [],
    created_at: "2026-11-22T16:18:00.000Z",
    ...more,
  };
}

function note(seq: number): Message {
  const { seq: _, ...rest } = message(seq);
  return { ...rest, id: `n${seq}`, kind: "note", note_seq: seq };
}

function state(rev: number, seq: number, more: Partial<ChatState> = {}): ChatState {
  return {
    id: "c",
    status: "assigned",
    channel: "chat",
    seq,
    rev,
    created_at: "2026-11-22T16:18:00.000Z",
    closed_at: null,
    close_reason: null,
    customer: { id: ME, language: "en" },
    assigned: null,
    marks: [],
    queue: null,
    call: null,
    ...more,
  };
}

function answer(from: number, to: number, more: Partial<ChatResumed> = {}): ChatResumed {
  const messages: Message[] = [];
  for (let i = from; i <= to; i++) messages.push(message(i));
  return {
    type: "chat.resumed",
    chat_id: "c",
    messages,
    more: false,
    state: state(1, to),
    state_hash: "",
    ...more,
  };
}

test("messages come in order, once; a gap is told and not filled wrongly", () => {
  const chat = newChat("c");
  assert.equal(addMessage(chat, message(1)), "changed");
  assert.equal(addMessage(chat, message(1)), "same");
  assert.equal(addMessage(chat, message(3)), "gap");
  assert.equal(addMessage(chat, message(2)), "changed");
  assert.equal(addMessage(chat, message(3)), "changed");
  assert.deepEqual(
    chat.messages.map((m) => m.seq),
    [1, 2, 3],
  );
});

test("notes count apart", () => {
  const chat = newChat("c");
  assert.equal(addMessage(chat, message(1)), "changed");
  assert.equal(addMessage(chat, note(2)), "gap");
  assert.equal(addMessage(chat, note(1)), "changed");
  assert.equal(chat.lastSeq, 1);
  assert.equal(chat.lastNoteSeq, 1);
});

test("any order of news, answers and repeats ends in the same list", () => {
  /* Seeded, so that a failure can be repeated. */
  let seed = 20261122;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (let round = 0; round < 200; round++) {
    const chat = newChat("c");
    const total = 1 + Math.floor(random() * 30);
    for (let guard = 0; chat.lastSeq < total && guard < 5000; guard++) {
      const pick = random();
      if (pick < 0.8) addMessage(chat, message(1 + Math.floor(random() * total)));
      else {
        const from = chat.lastSeq + 1;
        resumed(chat, answer(from, Math.min(total, from + Math.floor(random() * 5))));
      }
    }
    const seqs = chat.messages.map((m) => m.seq);
    assert.deepEqual(
      seqs,
      Array.from({ length: total }, (_, i) => i + 1),
    );
  }
});

test("a resume in pieces asks on until there is no more, keeping rev", () => {
  const chat = newChat("c");
  assert.equal(resumed(chat, answer(1, 200, { more: true, state: state(9, 250) })), "gap");
  assert.equal(chat.loaded, false);
  assert.equal(chat.rev, 0);
  assert.equal(resumed(chat, answer(201, 250, { state: state(9, 250) })), "changed");
  assert.equal(chat.loaded, true);
  assert.equal(chat.rev, 9);
  assert.equal(chat.lastSeq, 250);
});

test("an answer without anything new ends the asking, even when it promises more", () => {
  const chat = newChat("c");
  resumed(chat, answer(1, 2));
  assert.equal(resumed(chat, answer(3, 2, { more: true, state: state(2, 5) })), "changed");
});

test("a stale state is ignored, a newer one with unknown messages is a gap", () => {
  const chat = newChat("c");
  resumed(chat, answer(1, 2, { state: state(5, 2) }));
  assert.equal(setState(chat, state(4, 2)), "same");
  assert.equal(chat.state?.rev, 5);
  assert.equal(setState(chat, state(6, 3)), "gap");
  assert.equal(setState(chat, state(6, 2)), "same");
});

test("a message masked later is replaced where it stands", () => {
  const chat = newChat("c");
  resumed(chat, answer(1, 3));
  assert.equal(maskMessage(chat, message(2, { body: "****" })), "changed");
  assert.equal(maskMessage(chat, message(9, { body: "****" })), "same");
  assert.deepEqual(
    chat.messages.map((m) => m.body),
    ["text 1", "****", "text 3"],
  );
  resumed(
    chat,
    answer(4, 3, { remasked: [message(1, { body: "**** 1111" })], state: state(2, 3) }),
  );
  assert.equal(chat.messages[0]?.body, "**** 1111");
});

test("the own state counts what this client has, note_seq only where the daemon shows it", () => {
  const chat = newChat("c");
  resumed(chat, answer(1, 2, { state: state(1, 2) }));
  addMessage(chat, message(3));
  assert.equal(ownState(chat)?.seq, 3);
  assert.equal("note_seq" in (ownState(chat) ?? {}), false);
  setState(chat, state(2, 3, { note_seq: 0 }));
  assert.equal(ownState(chat)?.note_seq, 0);
});

test("the queue place goes when the queue is left", () => {
  const chat = newChat("c");
  resumed(chat, answer(1, 1, { state: state(1, 1, { status: "queued" }) }));
  chat.position = {
    type: "queue.position",
    chat_id: "c",
    entry_id: "e",
    kind: "chat",
    position: 2,
    wait_low_ms: null,
    wait_high_ms: null,
  };
  chat.timeoutStep = 1;
  setState(chat, state(2, 1, { status: "queued" }));
  assert.ok(chat.position);
  setState(chat, state(3, 1));
  assert.equal(chat.position, null);
  assert.equal(chat.timeoutStep, 0);
});

test("marks and unread", () => {
  const chat = newChat("c");
  const marks = [
    { kind: "customer" as const, id: ME, delivered_seq: 3, read_seq: 1 },
    { kind: "staff" as const, id: "s", delivered_seq: 2, read_seq: 2 },
    { kind: "staff" as const, id: "t", delivered_seq: 4, read_seq: 0 },
  ];
  resumed(chat, answer(1, 3, { state: state(1, 3, { marks }) }));
  assert.deepEqual(marksOf(chat.state, "staff"), { delivered: 4, read: 2 });
  assert.equal(unread(chat, { id: ME, kind: "customer" }), 2);
  addMessage(chat, message(4, { kind: "system", body: "closed" }));
  addMessage(chat, message(5, { sender: { kind: "customer", id: ME, name: null } }));
  assert.equal(unread(chat, { id: ME, kind: "customer" }), 2);
});
