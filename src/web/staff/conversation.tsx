/* The middle: messages and notes of the chosen chat in time, and the place to write. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Chat, marksOf } from "../shared/chat";
import { clock, dayKey, dayName, duration } from "../shared/format";
import type { OutItem } from "../shared/outbox";
import type { Call, List, Message } from "../shared/protocol";
import { systemWords } from "../shared/system";
import { desk } from "./desk";
import { customerName, Icon, Masked, Tick } from "./parts";

const PAGE = 200;

/* Messages keep the order of seq, notes that of note_seq; between them time decides. */
function timeline(chat: Chat): Message[] {
  const all: Message[] = [];
  let n = 0;
  for (const m of chat.messages) {
    for (let note = chat.notes[n]; note && note.created_at < m.created_at; note = chat.notes[++n])
      all.push(note);
    all.push(m);
  }
  return all.concat(chat.notes.slice(n));
}

function MaskNote({ categories }: { categories: string[] }) {
  const t = desk.t.value;
  const what = categories.map((c) => t.find(`masked_${c}`) ?? t("masked_custom")).join(", ");
  return (
    <p class="masknote" data-testid="masked">
      <Icon name="lock" size={13} />
      {t("masked", { what })}
    </p>
  );
}

function Receipt({ seq, marks }: { seq: number; marks: { delivered: number; read: number } }) {
  const t = desk.t.value;
  const state = seq <= marks.read ? "read" : seq <= marks.delivered ? "delivered" : "sent";
  return (
    <span class={`receipt ${state}`} data-testid="receipt" data-state={state}>
      <Icon name={state === "sent" ? "check" : "checks"} size={15} />
      <span>{t(state)}</span>
    </span>
  );
}

function Entry(props: {
  message: Message;
  marks: { delivered: number; read: number };
  grouped: boolean;
}) {
  const { message: m, marks } = props;
  const t = desk.t.value;
  if (m.kind === "system") {
    return (
      <p class="system" data-testid="system-message">
        {systemWords(t, m, "") ?? t("sys_unknown")}
        <span class="dim"> {clock(m.created_at, desk.lang.value)}</span>
      </p>
    );
  }
  const mine = m.sender.id === desk.me.value?.id;
  const staff = m.sender.kind === "staff";
  const who = mine ? t("you") : customerName(m.sender.name);
  const kind = m.kind === "note" ? "note" : staff ? "own" : "other";
  return (
    <div
      class={`msg ${kind}${props.grouped ? " grouped" : ""}`}
      data-testid={m.kind === "note" ? "note-item" : "message"}
      data-seq={m.seq ?? m.note_seq}
    >
      <p class={props.grouped ? "sr" : "who"}>
        {m.kind === "note" && <Icon name="note" size={14} />}
        {m.kind === "note" ? t("note_by", { name: who }) : who}
      </p>
      <p class="body" dir="auto">
        {m.masked.length ? <Masked body={m.body} /> : m.body}
      </p>
      {m.masked.length > 0 && <MaskNote categories={m.masked} />}
      <p class="meta">
        <time>{clock(m.created_at, desk.lang.value)}</time>
        {kind === "own" && <Receipt seq={m.seq ?? 0} marks={marks} />}
      </p>
    </div>
  );
}

function Pending({ item }: { item: OutItem }) {
  const t = desk.t.value;
  const words = item.failed
    ? (t.find(`failed_${item.failed}`) ?? t("failed"))
    : t(desk.client.socket.online ? "sending" : "waiting_send");
  return (
    <div
      class={`msg pending ${item.kind === "note" ? "note" : "own"}${item.failed ? " failed" : ""}`}
      data-testid="pending"
    >
      <p class="body" dir="auto">
        {item.body}
      </p>
      <p class="meta">
        <Icon name={item.failed ? "warn" : "clock"} size={14} />
        {words}
        {item.failed && (
          <>
            <button type="button" class="link" onClick={() => desk.client.retry(item)}>
              {t("retry")}
            </button>
            <button type="button" class="link" onClick={() => desk.client.discard(item)}>
              {t("discard")}
            </button>
          </>
        )}
      </p>
    </div>
  );
}

function Messages({ chat }: { chat: Chat }) {
  const version = desk.version.value;
  const t = desk.t.value;
  const ref = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [shown, setShown] = useState(PAGE);
  const all = timeline(chat);
  const from = Math.max(0, all.length - shown);
  const out = desk.client.outbox.of(chat.id);
  const marks = marksOf(chat.state, "customer");
  useLayoutEffect(() => {
    const el = ref.current;
    if (el && atEnd.current) el.scrollTop = el.scrollHeight;
  }, [version, chat.id, out.length]);
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) el.scrollTop = el.scrollHeight;
    });
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  /* Seen is what is on screen in a tab that is looked at. */
  useEffect(() => {
    const see = () => {
      if (document.visibilityState === "visible" && chat.loaded) desk.client.read(chat);
    };
    see();
    document.addEventListener("visibilitychange", see);
    return () => document.removeEventListener("visibilitychange", see);
  }, [version, chat]);
  let day = "";
  let previous = "";
  return (
    <div
      class="log"
      role="log"
      aria-label={t("log")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keys
      tabIndex={0}
      ref={ref}
      onScroll={(event) => {
        const el = event.currentTarget;
        atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 80;
      }}
      data-testid="messages"
      data-chat-id={chat.id}
      data-seq={chat.lastSeq}
      data-note-seq={chat.lastNoteSeq}
      data-rev={chat.state?.rev ?? 0}
      data-state-hash={desk.client.hashes.get(chat.id)}
    >
      {!chat.loaded && (
        <div class="bones" aria-hidden="true">
          <span />
          <span />
          <span />
        </div>
      )}
      {from > 0 && (
        <button
          type="button"
          class="link center"
          onClick={() => {
            atEnd.current = false;
            setShown(shown + PAGE);
          }}
        >
          {t("earlier", { n: Math.min(PAGE, from) })}
        </button>
      )}
      {all.slice(from).map((m) => {
        const key = dayKey(m.created_at);
        const rule = key !== day;
        const grouped = !rule && previous === `${m.kind}${m.sender.id}`;
        day = key;
        previous = `${m.kind}${m.sender.id}`;
        return (
          <div key={m.id} class="line">
            {rule && (
              <p class="day">
                <span>{dayName(m.created_at, desk.lang.value)}</span>
              </p>
            )}
            <Entry message={m} marks={marks} grouped={grouped} />
          </div>
        );
      })}
      {out.map((item) => (
        <Pending key={item.client_id} item={item} />
      ))}
    </div>
  );
}

/* What is being written, per chat and kind; another chat in between does not lose it. */
const drafts = new Map<string, string>();

export function focusComposer(kind: "reply" | "note"): void {
  document.querySelector<HTMLButtonElement>(`[data-testid="${kind}"]`)?.click();
  requestAnimationFrame(() => document.getElementById("composer")?.focus());
}

function Composer({ chat, mine }: { chat: Chat; mine: boolean }) {
  desk.version.value;
  const t = desk.t.value;
  /* What was chosen; where the chat is not (yet) one's own, only notes can be written. */
  const [kind, setKind] = useState<"message" | "note">("message");
  const note = kind === "note" || !mine;
  const key = `${chat.id} ${note}`;
  const [text, setText] = useState(drafts.get(key) ?? "");
  const ref = useRef<HTMLTextAreaElement>(null);
  useEffect(() => setText(drafts.get(key) ?? ""), [key]);
  useLayoutEffect(() => {
    const el = ref.current;
    if (!el) return;
    el.style.height = "auto";
    el.style.height = `${Math.min(el.scrollHeight + 2, 200)}px`;
  }, [text]);
  const excess = [...text.trim()].length - desk.limit.value;
  const change = (value: string) => {
    drafts.set(key, value);
    setText(value);
    if (!note) desk.client.typing(chat.id, value.trim() !== "");
  };
  const send = () => {
    const body = text.trim();
    if (!body || excess > 0) return;
    change("");
    desk.client.say(chat.id, body, note ? "note" : "message");
    ref.current?.focus();
  };
  const name = customerName(chat.state?.customer.name);
  return (
    <form
      class={`composer${note ? " noting" : ""}`}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="tabs">
        {mine && (
          <button
            type="button"
            aria-pressed={!note}
            onClick={() => setKind("message")}
            data-testid="reply"
          >
            {t("reply")}
          </button>
        )}
        <button
          type="button"
          aria-pressed={note}
          onClick={() => setKind("note")}
          data-testid="note"
        >
          <Icon name="note" size={15} />
          {t("note")}
        </button>
        <span class="dim hint wide-only">{t("send_hint")}</span>
        {excess > 0 && (
          <span class="over" role="alert">
            {t("too_long", { n: excess })}
          </span>
        )}
      </div>
      <div class="writing">
        <textarea
          ref={ref}
          id="composer"
          rows={2}
          value={text}
          placeholder={note ? t("write_note") : t("write_reply", { name })}
          aria-label={note ? t("write_note") : t("write_reply", { name })}
          dir="auto"
          onInput={(event) => change(event.currentTarget.value)}
          onBlur={() => desk.client.typing(chat.id, false)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
          data-testid="composer"
        />
        <button
          type="submit"
          class="primary"
          disabled={!text.trim() || excess > 0}
          data-testid="send"
        >
          <Icon name={note ? "note" : "send"} size={16} />
          {t(note ? "save_note" : "send")}
        </button>
      </div>
    </form>
  );
}

function Head({ chat }: { chat: Chat }) {
  desk.version.value;
  const t = desk.t.value;
  const state = chat.state;
  const mine = state?.assigned?.id === desk.me.value?.id;
  const open = state?.status !== "closed";
  return (
    <header class="convhead">
      <button
        type="button"
        class="bar-button one-only"
        aria-label={t("back")}
        onClick={() => desk.select(null)}
        data-testid="back"
      >
        <Icon name="back" />
      </button>
      <div class="convname">
        <h2 data-testid="customer-name">{customerName(state?.customer.name)}</h2>
        <p class="dim" role="status">
          {chat.typing ? (
            t("typing", { name: customerName(state?.customer.name) })
          ) : chat.customerConnected === null ? (
            t(state?.channel === "voice" ? "voice" : "chat")
          ) : (
            <>
              <span class={`dot ${chat.customerConnected ? "available" : "offline"}`} />
              <span data-testid="customer-connected" data-connected={chat.customerConnected}>
                {t(chat.customerConnected ? "cust_connected" : "cust_gone")}
              </span>
            </>
          )}
        </p>
      </div>
      {open && mine && (
        <button
          type="button"
          class="small"
          title={t("return_hint")}
          aria-label={t("return")}
          onClick={() => {
            desk.returning.value = chat.id;
          }}
          data-testid="give-back"
        >
          <Icon name="back" size={16} />
          <span class="wide-only">{t("return")}</span>
        </button>
      )}
      {open && mine && (
        <button
          type="button"
          class="small"
          onClick={() => {
            desk.closing.value = chat.id;
          }}
          data-testid="close"
        >
          <Icon name="check" size={16} />
          {t("close")}
        </button>
      )}
      <button
        type="button"
        class="bar-button fold-only"
        aria-label={t(desk.details.value ? "hide_details" : "details")}
        aria-expanded={desk.details.value}
        onClick={() => {
          desk.details.value = !desk.details.value;
        }}
        data-testid="details"
      >
        <Icon name="user" />
      </button>
    </header>
  );
}

function Nothing() {
  const t = desk.t.value;
  const [calls, setCalls] = useState<Call[] | null>(null);
  useEffect(() => {
    desk.rest<List<Call>>("GET", "/calls?limit=10").then(
      (list) => setCalls(list.items),
      () => setCalls([]),
    );
  }, []);
  return (
    <div class="nothing" data-testid="nothing-open">
      <Icon name="chat" size={36} />
      <h2>{t("nothing_open")}</h2>
      <p class="dim">{t("nothing_open_text")}</p>
      {calls && calls.length > 0 && (
        <section class="recent">
          <h3>{t("recent_calls")}</h3>
          <ul>
            {calls.map((call) => (
              <li key={call.id}>
                <Icon name={call.answered_at ? "phone" : "missed"} size={16} />
                <span>
                  {dayName(call.created_at, desk.lang.value)},{" "}
                  {clock(call.created_at, desk.lang.value)}
                </span>
                <span class="time">
                  {call.answered_at ? (
                    <Tick>
                      {() =>
                        duration(
                          (call.ended_at ? Date.parse(call.ended_at) : desk.client.now()) -
                            Date.parse(call.answered_at ?? call.created_at),
                        )
                      }
                    </Tick>
                  ) : (
                    t("call_missed")
                  )}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

export function Conversation() {
  desk.version.value;
  const t = desk.t.value;
  const id = desk.selected.value;
  const chat = id ? desk.client.chats.get(id) : undefined;
  if (!chat) return <Nothing />;
  const state = chat.state;
  const mine = state?.assigned?.id === desk.me.value?.id;
  const closed = state?.status === "closed";
  const other = state?.assigned?.name;
  return (
    <>
      <Head chat={chat} />
      <Messages key={chat.id} chat={chat} />
      {(closed || !mine) && state && (
        <p class="convnote" role="status">
          <Icon name="info" size={16} />
          {closed
            ? t("conv_closed")
            : other
              ? t("conv_not_yours", { name: other })
              : t("conv_nobody")}
        </p>
      )}
      <Composer key={`c${chat.id}`} chat={chat} mine={mine && !closed} />
    </>
  );
}
