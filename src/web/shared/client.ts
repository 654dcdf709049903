/* The whole conversation with the daemon: socket, chats, outbox, receipts, state hashes. Both pages
 * stand on it; they draw what it holds whenever onChange says so. */

import { stateHash } from "./canon";
import { addMessage, type Chat, maskMessage, newChat, ownState, resumed, setState } from "./chat";
import { Outbox, type OutItem, tabStore } from "./outbox";
import {
  type ChatListItem,
  type ChatState,
  type Id,
  type List,
  type Me,
  type Message,
  ProblemError,
  type Resume,
  type ServerFrame,
  type Welcome,
} from "./protocol";
import type { Rest } from "./rest";
import { Socket, type SocketOptions, type Status } from "./socket";
import { uuid } from "./uuid";

export interface ClientOptions {
  url: string;
  rest: Rest;
  auth: SocketOptions["auth"];
  refused(): void;
  language: string;
  /* chat: that chat changed; null: connection, own identity, list of chats or outbox. */
  onChange(chat: Id | null): void;
  /* Frames that are not about the stream of a chat: queue, offers, calls, presence. */
  onFrame(frame: ServerFrame): void;
  onWelcome?(frame: Welcome, first: boolean): void;
  onMessage?(chat: Chat, message: Message): void;
  make?: SocketOptions["make"];
}

const GAP_WAIT_MS = 1000;
const REOPEN_MS = 5000;
const TYPING_MS = 6000;
const TYPING_EVERY_MS = 3000;

export class Client {
  readonly socket: Socket;
  readonly chats = new Map<Id, Chat>();
  readonly outbox = new Outbox(tabStore());
  /* Hash of the own state of each chat, for tests and for support. */
  readonly hashes = new Map<Id, string>();
  me: Me | null = null;
  /* The list of open chats has come at least once. */
  listed = false;
  /* Server clock minus own clock. */
  private _skew = 0;
  private readonly _opening = new Set<Id>();
  private readonly _reopenedAt = new Map<Id, number>();
  private readonly _typingAt = new Map<Id, number>();
  private readonly _receipts = new Map<Id, { delivered: number; read: number }>();
  private readonly _sending = new Set<Id>();
  /* Highest seq and note_seq heard of, where news overtook the answer to a chat.open. */
  private readonly _heard = new Map<Id, [number, number]>();
  /* client_id -> not to be tried before. */
  private readonly _held = new Map<Id, number>();
  private _starting = false;

  constructor(private readonly _o: ClientOptions) {
    this.socket = new Socket({
      url: _o.url,
      auth: _o.auth,
      refused: _o.refused,
      resume: () => this._resumeList(),
      onWelcome: (frame) => this._welcome(frame),
      onFrame: (frame) => this._frame(frame),
      onStatus: () => _o.onChange(null),
      ...(_o.make ? { make: _o.make } : {}),
    });
  }

  get status(): Status {
    return this.socket.status;
  }

  /* The server's time, as far as it is known. */
  now(): number {
    return Date.now() + this._skew;
  }

  chat(id: Id): Chat {
    let chat = this.chats.get(id);
    if (!chat) {
      chat = newChat(id);
      this.chats.set(id, chat);
    }
    return chat;
  }

  /* --- opening and resuming --- */

  private _resumeList(): Resume[] {
    return [...this.chats.values()]
      .filter((c) => c.state && c.state.status !== "closed")
      .slice(-50)
      .map((c) => this._from(c));
  }

  private _from(chat: Chat): Resume {
    const from: Resume = { chat_id: chat.id, seq: chat.lastSeq, rev: chat.rev };
    if (this.me?.kind === "staff") from.note_seq = chat.lastNoteSeq;
    return from;
  }

  private _welcome(frame: Welcome): void {
    const changed = this.me !== null && this.me.id !== frame.me.id;
    if (changed) {
      this.chats.clear();
      this.hashes.clear();
      this._receipts.clear();
      this.listed = false;
    }
    const first = this.me === null || changed;
    this.me = { ...this.me, ...frame.me };
    this._skew = Date.parse(frame.server_time) - Date.now() || 0;
    this.outbox.attach(frame.me.id);
    this._opening.clear();
    this._sending.clear();
    this._held.clear();
    this._heard.clear();
    this._o.onWelcome?.(frame, first);
    void this.list();
    this.flush();
    this._o.onChange(null);
  }

  /* Which chats there are; the daemon has subscribed us, but only a resume brings their content. */
  async list(): Promise<void> {
    try {
      const { items } = await this._o.rest<List<ChatListItem>>("GET", "/chats?status=open");
      const open = new Set(items.map((i) => i.id));
      for (const item of items) {
        const chat = this.chat(item.id);
        if (!chat.loaded || chat.lastSeq < item.seq || chat.rev < item.rev) void this.open(chat.id);
      }
      /* Held as open here, but not any more: closed or given to somebody else meanwhile. */
      for (const chat of this.chats.values())
        if (chat.state && chat.state.status !== "closed" && !open.has(chat.id))
          void this.open(chat.id);
      this.listed = true;
      this._o.onChange(null);
    } catch {
      if (this.socket.online) setTimeout(() => this.socket.online && void this.list(), 3000);
    }
  }

  /* Subscribes and brings the chat up to date; also the answer to every gap. */
  async open(id: Id): Promise<void> {
    if (this._opening.has(id) || !this.socket.online) return;
    this._opening.add(id);
    try {
      for (let step: string = "gap", round = 0; step === "gap" && round < 500; round++) {
        const frame = await this.socket.request({
          type: "chat.open",
          ...this._from(this.chat(id)),
        });
        step = frame.type === "chat.resumed" ? this._takeResumed(frame) : "same";
      }
    } catch (e) {
      if (e instanceof ProblemError && (e.problem.status === 404 || e.problem.status === 403)) {
        this.chats.delete(id);
        this._o.onChange(null);
      }
    } finally {
      this._opening.delete(id);
    }
    const chat = this.chats.get(id);
    const [seq, noteSeq] = this._heard.get(id) ?? [0, 0];
    this._heard.delete(id);
    if (chat?.loaded && (seq > chat.lastSeq || noteSeq > chat.lastNoteSeq)) void this.open(id);
  }

  /* A state that came by REST, ahead of the chat itself, which is opened. */
  told(state: ChatState): void {
    setState(this.chat(state.id), state);
    void this.open(state.id);
  }

  private _takeResumed(frame: ServerFrame & { type: "chat.resumed" }): string {
    const chat = this.chat(frame.chat_id);
    const before = chat.lastSeq;
    const fresh = chat.loaded;
    const step = resumed(chat, frame);
    for (const m of [...frame.messages, ...(frame.notes ?? [])]) {
      this.outbox.remove(m.client_id);
      if (fresh && m.seq && m.seq > before) this._o.onMessage?.(chat, m);
    }
    if (step !== "gap") void this._compare(chat, frame.state_hash, frame.state);
    this._receipt(chat, chat.lastSeq, 0);
    this._o.onChange(chat.id);
    return step;
  }

  /* Both sides must agree on the state; where they do not, the whole of it is fetched again. */
  private async _compare(chat: Chat, hash: string, state: ChatState): Promise<void> {
    const own = ownState(chat);
    if (!own || own.rev !== state.rev || own.seq !== state.seq) return;
    const mine = await stateHash(own);
    if (mine === null) return;
    this.hashes.set(chat.id, mine);
    this._o.onChange(chat.id);
    if (mine === hash || chat.lastSeq !== state.seq || chat.state?.rev !== state.rev) return;
    const last = this._reopenedAt.get(chat.id) ?? 0;
    if (Date.now() - last < REOPEN_MS) return;
    this._reopenedAt.set(chat.id, Date.now());
    chat.rev = 0;
    void this.open(chat.id);
  }

  private async _rehash(chat: Chat): Promise<void> {
    const own = ownState(chat);
    const mine = own && (await stateHash(own));
    if (mine) this.hashes.set(chat.id, mine);
    this._o.onChange(chat.id);
  }

  /* --- frames --- */

  private _frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "message.new":
        this._take(frame.message, frame.chat_id);
        return;
      case "message.ack":
        this.outbox.remove(frame.client_id);
        this._take(frame.message, frame.chat_id);
        return;
      case "message.masked":
        if (maskMessage(this.chat(frame.chat_id), frame.message) === "changed")
          this._o.onChange(frame.chat_id);
        return;
      case "chat.resumed":
        /* Answers to hello's resume list carry its id, not that of a chat.open. */
        if (!this._opening.has(frame.chat_id) && this._takeResumed(frame) === "gap")
          void this.open(frame.chat_id);
        return;
      case "chat.state":
        this._takeState(frame.state, frame.state_hash);
        return;
      case "chat.typing":
        this._takeTyping(this.chat(frame.chat_id), frame.who.name, frame.active);
        return;
      case "chat.presence": {
        const chat = this.chat(frame.chat_id);
        chat.customerConnected = frame.customer_connected;
        chat.agentConnected = frame.agent_connected;
        this._o.onChange(chat.id);
        return;
      }
      case "queue.position": {
        this.chat(frame.chat_id).position = frame;
        this._o.onChange(frame.chat_id);
        return;
      }
      case "queue.timeout":
        this.chat(frame.chat_id).timeoutStep = frame.step;
        this._o.onChange(frame.chat_id);
        return;
      default:
        this._o.onFrame(frame);
    }
  }

  private _take(message: Message, chatId: Id): void {
    const chat = this.chat(chatId);
    this.outbox.remove(message.client_id);
    const step = chat.loaded ? addMessage(chat, message) : "gap";
    if (step === "gap") {
      const [seq, noteSeq] = this._heard.get(chatId) ?? [0, 0];
      const next: [number, number] = [
        Math.max(seq, message.seq ?? 0),
        Math.max(noteSeq, message.note_seq ?? 0),
      ];
      this._heard.set(chatId, next);
      void this.open(chatId);
    }
    if (step === "changed") {
      this._receipt(chat, chat.lastSeq, 0);
      this._o.onMessage?.(chat, message);
      void this._rehash(chat);
    }
    this._o.onChange(chatId);
  }

  private _takeState(state: ChatState, hash: string): void {
    const chat = this.chat(state.id);
    const step = setState(chat, state);
    if (step === "same") return;
    if (!chat.loaded) void this.open(chat.id);
    else {
      chat.rev = Math.max(chat.rev, state.rev);
      if (step === "gap") {
        setTimeout(() => {
          if (chat.lastSeq < state.seq || chat.lastNoteSeq < (state.note_seq ?? 0))
            void this.open(chat.id);
        }, GAP_WAIT_MS);
      } else void this._compare(chat, hash, state);
    }
    this._o.onChange(chat.id);
  }

  private _takeTyping(chat: Chat, who: string | null, active: boolean): void {
    chat.typing = active ? { who, until: Date.now() + TYPING_MS } : null;
    this._o.onChange(chat.id);
    if (!active) return;
    setTimeout(() => {
      if (chat.typing && chat.typing.until <= Date.now()) {
        chat.typing = null;
        this._o.onChange(chat.id);
      }
    }, TYPING_MS + 50);
  }

  /* --- receipts and typing --- */

  private _receipt(chat: Chat, delivered: number, read: number): void {
    const sent = this._receipts.get(chat.id) ?? { delivered: 0, read: 0 };
    if (delivered <= sent.delivered && read <= sent.read) return;
    if (!this._mayMark(chat)) return;
    const next = {
      delivered: Math.max(delivered, sent.delivered),
      read: Math.max(read, sent.read),
    };
    const own = chat.state?.marks.find((m) => m.kind === this.me?.kind && m.id === this.me?.id);
    if (own && own.delivered_seq >= next.delivered && own.read_seq >= next.read) {
      this._receipts.set(chat.id, next);
      return;
    }
    const frame = { chat_id: chat.id, delivered_seq: next.delivered };
    if (
      this.socket.send({
        type: "chat.receipt",
        ...frame,
        ...(next.read ? { read_seq: next.read } : {}),
      })
    )
      this._receipts.set(chat.id, next);
  }

  /* Only the customer and the assigned agent have marks. */
  private _mayMark(chat: Chat): boolean {
    if (this.me?.kind === "customer") return true;
    return chat.state?.assigned?.id === this.me?.id && chat.state?.status !== "closed";
  }

  /* The chat is seen by its user up to its end. */
  read(chat: Chat): void {
    if (chat.lastSeq > 0) this._receipt(chat, chat.lastSeq, chat.lastSeq);
  }

  typing(chatId: Id, active: boolean): void {
    const last = this._typingAt.get(chatId) ?? 0;
    if (active ? Date.now() - last < TYPING_EVERY_MS : last === 0) return;
    this._typingAt.set(chatId, active ? Date.now() : 0);
    this.socket.send({ type: "chat.typing", chat_id: chatId, active });
  }

  /* --- sending --- */

  /* Shown at once, kept until acknowledged. chatId null: begins a chat. */
  say(chatId: Id | null, body: string, kind: "message" | "note" = "message"): void {
    this.outbox.add({ client_id: uuid(), chat_id: chatId, kind, body, at: Date.now() });
    if (chatId) this.typing(chatId, false);
    this._o.onChange(chatId);
    this.flush();
  }

  retry(item: OutItem): void {
    delete item.failed;
    this.outbox.save();
    this._o.onChange(item.chat_id);
    this.flush();
  }

  discard(item: OutItem): void {
    this.outbox.remove(item.client_id);
    this._o.onChange(item.chat_id);
  }

  flush(): void {
    if (!this.socket.online) return;
    if (this.outbox.items.some((i) => i.chat_id === null && !i.failed)) void this._begin();
    /* One at a time per chat: the order of typing is the order of seq. */
    const busy = new Set<Id>();
    for (const item of this.outbox.items) {
      if (item.chat_id === null || item.failed || busy.has(item.chat_id)) continue;
      busy.add(item.chat_id);
      if ((this._held.get(item.client_id) ?? 0) > Date.now()) continue;
      if (!this._sending.has(item.client_id)) void this._post(item, item.chat_id);
    }
  }

  private async _post(item: OutItem, chatId: Id): Promise<void> {
    this._sending.add(item.client_id);
    const type = item.kind === "note" ? "note.send" : "message.send";
    try {
      const frame = { chat_id: chatId, client_id: item.client_id, body: item.body };
      await this.socket.request({ type, ...frame });
    } catch (e) {
      this._refuse(item, e);
    } finally {
      this._sending.delete(item.client_id);
    }
    this._o.onChange(chatId);
    this.flush();
  }

  /* What another try cannot mend is shown as failed; all else is tried again. */
  private _refuse(item: OutItem, e: unknown): void {
    const problem = e instanceof ProblemError ? e.problem : { status: 0, code: "network" };
    const again = problem.status === 0 || problem.status === 429 || problem.status >= 500;
    if (!again && problem.status !== 401) {
      item.failed = problem.code;
      this.outbox.save();
    } else if (this.socket.online) {
      const wait = ("retry_after_ms" in problem && problem.retry_after_ms) || 2000;
      this._held.set(item.client_id, Date.now() + wait);
      setTimeout(() => this.flush(), wait + 10);
    }
  }

  /* POST /chat/start with the first unsent message; its key makes a repeat harmless. */
  private async _begin(): Promise<void> {
    const item = this.outbox.items.find((i) => i.chat_id === null && !i.failed);
    if (!item || this._starting || (this._held.get(item.client_id) ?? 0) > Date.now()) return;
    this._starting = true;
    this.outbox.clientKey ??= uuid();
    this.outbox.save();
    try {
      const answer = await this._o.rest<{ chat: ChatState; message: Message | null }>(
        "POST",
        "/chat/start",
        {
          client_key: this.outbox.clientKey,
          language: this._o.language,
          message: { client_id: item.client_id, body: item.body },
        },
      );
      this.outbox.clientKey = null;
      if (answer.message) this.outbox.remove(item.client_id);
      for (const left of this.outbox.of(null)) left.chat_id = answer.chat.id;
      this.outbox.save();
      setState(this.chat(answer.chat.id), answer.chat);
      this._o.onChange(answer.chat.id);
      void this.open(answer.chat.id);
      this._starting = false;
      this.flush();
    } catch (e) {
      this._starting = false;
      this._refuse(item, e);
      if (item.failed) {
        this.outbox.clientKey = null;
        this.outbox.save();
      }
      this._o.onChange(null);
    }
  }
}
