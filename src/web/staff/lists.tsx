/* The left side: who waits, and my conversations. */
import type { Chat } from "../shared/chat";
import { unread } from "../shared/chat";
import { clock, duration } from "../shared/format";
import type { QueueEntry } from "../shared/protocol";
import { desk } from "./desk";
import { customerName, Icon, Tick } from "./parts";

const KINDS = { chat: "chat", call: "voice", callback: "callback" } as const;

function QueueRow({ entry }: { entry: QueueEntry }) {
  const t = desk.t.value;
  const name = customerName(entry.customer.name);
  const mine = entry.offered_to !== null && entry.offered_to === desk.me.value?.id;
  return (
    <li class="row" data-testid="queue-item" data-entry-id={entry.id}>
      <span class="kind" title={t(KINDS[entry.kind])}>
        <Icon name={entry.kind === "chat" ? "chat" : "phone"} />
        <span class="sr">{t(KINDS[entry.kind])}</span>
      </span>
      <span class="who">
        <span class="name">{name}</span>
        <span class="dim">
          {entry.language && <span class="lang">{entry.language}</span>}
          {entry.kind === "callback" && `${t("callback")} `}
          {entry.state === "offered"
            ? t(mine ? "offered_to_you" : "offered")
            : entry.escalation > 0
              ? t("escalated")
              : null}
        </span>
      </span>
      <span class="time">
        <Tick>{() => duration(desk.client.now() - Date.parse(entry.queued_at))}</Tick>
      </span>
      <button
        type="button"
        class="small"
        onClick={() => void desk.pick(entry)}
        disabled={entry.state === "offered"}
        aria-label={t("pick_named", { name })}
        data-testid="queue-pick"
      >
        {t("pick")}
      </button>
    </li>
  );
}

function Bones() {
  return (
    <div class="bones" aria-hidden="true">
      <span />
      <span />
      <span />
    </div>
  );
}

export function Queue() {
  const t = desk.t.value;
  const find = desk.search.value.trim().toLocaleLowerCase();
  const items = desk.queue.value.filter(
    (e) => !find || (e.customer.name ?? "").toLocaleLowerCase().includes(find),
  );
  return (
    <section class="list queue" aria-labelledby="queue-title" data-testid="queue">
      <h2 id="queue-title">
        {t("queue")}{" "}
        <span class="count" data-testid="queue-count">
          {desk.waiting.value}
        </span>
      </h2>
      {!desk.queueLoaded.value ? (
        <Bones />
      ) : items.length === 0 ? (
        <p class="empty">{t("queue_empty")}</p>
      ) : (
        <ul>
          {items.map((entry) => (
            <QueueRow key={entry.id} entry={entry} />
          ))}
        </ul>
      )}
    </section>
  );
}

function ChatRow({ chat }: { chat: Chat }) {
  desk.version.value;
  const t = desk.t.value;
  const me = desk.me.value;
  const n = me ? unread(chat, { id: me.id, kind: "staff" }) : 0;
  const last = chat.messages.findLast((m) => m.kind === "message");
  const selected = desk.selected.value === chat.id;
  const state = chat.state;
  const inCall = state?.call && state.call.state !== "queued";
  return (
    <li>
      <button
        type="button"
        class={`row chatrow${selected ? " selected" : ""}`}
        aria-current={selected ? "true" : undefined}
        onClick={() => desk.select(chat.id)}
        data-testid="chat-list-item"
        data-chat-id={chat.id}
      >
        <span class="kind">
          <Icon name={inCall || state?.channel === "voice" ? "phone" : "chat"} />
          {chat.customerConnected !== null && (
            <span class={`dot ${chat.customerConnected ? "available" : "offline"}`} />
          )}
        </span>
        <span class="who">
          <span class="name">{customerName(state?.customer.name)}</span>
          <span class="dim last">
            {chat.typing ? t("typing", { name: customerName(state?.customer.name) }) : last?.body}
          </span>
        </span>
        <span class="time">{last ? clock(last.created_at, desk.lang.value) : ""}</span>
        {n > 0 && (
          <span class="badge" data-testid="unread">
            <span aria-hidden="true">{n}</span>
            <span class="sr">{t("unread", { n })}</span>
          </span>
        )}
      </button>
    </li>
  );
}

export function Chats() {
  const t = desk.t.value;
  const chats = desk.chats();
  const listed = desk.client.listed;
  const away = desk.presence.value?.chosen !== "available";
  return (
    <section class="list chats" aria-labelledby="chats-title" data-testid="chats">
      <h2 id="chats-title">
        {t("my_chats")} <span class="count">{chats.length}</span>
      </h2>
      {!listed ? (
        <Bones />
      ) : chats.length === 0 ? (
        <p class="empty">
          {t(desk.search.value ? "chats_found_none" : "chats_empty")}
          {!desk.search.value && away && <span class="block">{t("chats_empty_away")}</span>}
        </p>
      ) : (
        <ul>
          {chats.map((chat) => (
            <ChatRow key={chat.id} chat={chat} />
          ))}
        </ul>
      )}
    </section>
  );
}
