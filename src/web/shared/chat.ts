/* What one client knows of one chat, and the pure steps by which frames change it.
 *
 * messages holds seq first..last without gaps; a frame that would leave a gap is not applied and
 * the step answers "gap": ask by chat.open from lastSeq. A repeat changes nothing. So any mix of
 * acknowledgements, news and resumes ends in the same list. */
import type { ChatResumed, ChatState, Id, Message, QueuePosition } from "./protocol";

export interface Chat {
  id: Id;
  state: ChatState | null;
  messages: Message[];
  notes: Message[];
  lastSeq: number;
  lastNoteSeq: number;
  /* rev up to which re-masked messages are known; 0: never resumed. */
  rev: number;
  /* The first whole picture has come. */
  loaded: boolean;
  typing: { who: string | null; until: number } | null;
  customerConnected: boolean | null;
  agentConnected: boolean | null;
  position: QueuePosition | null;
  timeoutStep: number;
}

export type Step = "changed" | "same" | "gap";

export function newChat(id: Id): Chat {
  return {
    id,
    state: null,
    messages: [],
    notes: [],
    lastSeq: 0,
    lastNoteSeq: 0,
    rev: 0,
    loaded: false,
    typing: null,
    customerConnected: null,
    agentConnected: null,
    position: null,
    timeoutStep: 0,
  };
}

function replace(list: Message[], message: Message): boolean {
  const at = list.findIndex((m) => m.id === message.id);
  if (at < 0) return false;
  list[at] = message;
  return true;
}

/* A message or note, from message.new or message.ack. */
export function addMessage(chat: Chat, message: Message): Step {
  if (message.kind === "note") {
    const seq = message.note_seq ?? 0;
    if (seq <= chat.lastNoteSeq) return "same";
    if (seq > chat.lastNoteSeq + 1) return "gap";
    chat.notes.push(message);
    chat.lastNoteSeq = seq;
    return "changed";
  }
  const seq = message.seq ?? 0;
  if (seq <= chat.lastSeq) return "same";
  if (seq > chat.lastSeq + 1) return "gap";
  chat.messages.push(message);
  chat.lastSeq = seq;
  if (message.sender.kind !== "customer") chat.typing = null;
  return "changed";
}

export function maskMessage(chat: Chat, message: Message): Step {
  const list = message.kind === "note" ? chat.notes : chat.messages;
  return replace(list, message) ? "changed" : "same";
}

/* "gap": the state counts messages that have not come; they may still be on their way. */
export function setState(chat: Chat, state: ChatState): Step {
  if (chat.state && state.rev < chat.state.rev) return "same";
  /* Within one rev only seq and note_seq can differ, and they only grow. */
  if (chat.state && state.rev === chat.state.rev && state.seq < chat.state.seq) return "same";
  chat.state = state;
  if (state.status !== "queued") chat.timeoutStep = 0;
  if (state.status !== "queued" && state.call?.state !== "queued") chat.position = null;
  return state.seq > chat.lastSeq || (state.note_seq ?? 0) > chat.lastNoteSeq ? "gap" : "changed";
}

/* "gap": more is to be had, ask again from lastSeq, lastNoteSeq and the unchanged rev. An answer
 * that brings nothing new never says so: asking again would bring the same. */
export function resumed(chat: Chat, frame: ChatResumed): Step {
  const before = chat.lastSeq + chat.lastNoteSeq;
  let gap = frame.more;
  for (const m of frame.messages) gap = addMessage(chat, m) === "gap" || gap;
  for (const m of frame.notes ?? []) gap = addMessage(chat, m) === "gap" || gap;
  for (const m of frame.remasked ?? []) maskMessage(chat, m);
  gap = setState(chat, frame.state) === "gap" || gap;
  if (gap && chat.lastSeq + chat.lastNoteSeq > before) return "gap";
  chat.rev = Math.max(chat.rev, frame.state.rev);
  chat.loaded = true;
  return "changed";
}

/* The state as this client would state it, for the comparison of hashes. */
export function ownState(chat: Chat): ChatState | null {
  if (!chat.state) return null;
  const own: ChatState = { ...chat.state, seq: chat.lastSeq };
  if (chat.state.note_seq !== undefined) own.note_seq = chat.lastNoteSeq;
  return own;
}

/* How far the other side has come: the highest marks of participants of that kind. */
export function marksOf(state: ChatState | null, kind: "customer" | "staff") {
  let delivered = 0;
  let read = 0;
  for (const mark of state?.marks ?? []) {
    if (mark.kind !== kind) continue;
    delivered = Math.max(delivered, mark.delivered_seq);
    read = Math.max(read, mark.read_seq);
  }
  return { delivered, read };
}

/* Messages of the other side above the own read mark. */
export function unread(chat: Chat, me: { id: Id; kind: "customer" | "staff" }): number {
  const own = chat.state?.marks.find((m) => m.kind === me.kind && m.id === me.id);
  const read = own?.read_seq ?? 0;
  let n = 0;
  for (let i = chat.messages.length - 1; i >= 0; i--) {
    const m = chat.messages[i];
    if (!m || (m.seq ?? 0) <= read) break;
    if (m.kind === "message" && m.sender.kind !== me.kind) n++;
  }
  return n;
}
