/* The right side below the call: who the customer is. */
import { useEffect, useState } from "preact/hooks";
import { clock, dayName } from "../shared/format";
import type { List } from "../shared/protocol";
import { Contacts } from "./contacts";
import { desk } from "./desk";
import { customerName, Icon } from "./parts";

function Tags({ chatId, tags }: { chatId: string; tags: string[] }) {
  const t = desk.t.value;
  const [bad, setBad] = useState(false);
  const add = (event: Event) => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem("tag");
    if (!(input instanceof HTMLInputElement)) return;
    const tag = input.value.trim().toLowerCase().replace(/\s+/g, "-");
    if (!/^[a-z0-9_-]{1,40}$/.test(tag)) {
      setBad(tag !== "");
      return;
    }
    setBad(false);
    input.value = "";
    void desk.tag(chatId, tag, true);
  };
  return (
    <section class="tags">
      <h3>{t("tags")}</h3>
      <ul>
        {tags.map((tag) => (
          <li key={tag} data-testid="tag">
            {tag}
            <button
              type="button"
              aria-label={t("tag_remove", { tag })}
              onClick={() => void desk.tag(chatId, tag, false)}
            >
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={add}>
        <input
          name="tag"
          maxLength={60}
          placeholder={t("tag_add")}
          aria-label={t("tag_add")}
          aria-invalid={bad}
          autocomplete="off"
          data-testid="tag-input"
        />
        {bad && (
          <p class="over" role="alert">
            {t("tag_bad")}
          </p>
        )}
      </form>
    </section>
  );
}

interface Routing {
  offer_id: string;
  kind: string;
  staff_id: string;
  state: string;
  created_at: string;
}

/* moved: changes whenever an offer may have been made or answered. */
function RoutingList({ chatId, moved }: { chatId: string; moved: string }) {
  const t = desk.t.value;
  const [items, setItems] = useState<Routing[] | null>(null);
  useEffect(() => setItems(null), [chatId]);
  useEffect(() => {
    let latest = true;
    desk.rest<List<Routing>>("GET", `/chats/${chatId}/routing`).then(
      (list) => latest && setItems(list.items),
      () => latest && setItems(null),
    );
    return () => {
      latest = false;
    };
  }, [chatId, moved]);
  if (!items) return null;
  return (
    <section class="routing">
      <h3>{t("routing")}</h3>
      {items.length === 0 && <p class="dim">{t("routing_none")}</p>}
      <ul>
        {items.map((item) => (
          <li key={item.offer_id}>
            <Icon name={item.kind === "call" ? "phone" : "chat"} size={15} />
            <span class="time">{clock(item.created_at, desk.lang.value)}</span>
            <span>
              {item.staff_id === desk.me.value?.id && `${t("you")}: `}
              {t.find(`routing_${item.state}`) ?? item.state}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function CustomerCard() {
  desk.version.value;
  const t = desk.t.value;
  const id = desk.selected.value;
  const state = id ? desk.client.chats.get(id)?.state : undefined;
  if (!state) return null;
  const lang = desk.lang.value;
  const language = state.customer.language
    ? new Intl.DisplayNames([lang], { type: "language", fallback: "code" }).of(
        state.customer.language,
      )
    : "\u2013";
  return (
    <section class="card" aria-label={t("customer")} data-testid="customer-card">
      <h3>{customerName(state.customer.name)}</h3>
      <dl>
        <div>
          <dt>{t("since")}</dt>
          <dd>
            {dayName(state.created_at, lang)}, {clock(state.created_at, lang)}
          </dd>
        </div>
        <div>
          <dt>{t("lang")}</dt>
          <dd>{language}</dd>
        </div>
        <div>
          <dt>{t("channel")}</dt>
          <dd>{t(state.channel === "voice" ? "voice" : "chat")}</dd>
        </div>
        <div>
          <dt>{t("contact_id")}</dt>
          <dd class="mono">{state.customer.id}</dd>
        </div>
      </dl>
      <Contacts key={state.customer.id} customer={state.customer.id} chat={state.id} />
      <Tags chatId={state.id} tags={state.tags ?? []} />
      <RoutingList
        chatId={state.id}
        moved={[state.status, state.assigned?.id, state.call?.id, state.call?.state].join()}
      />
    </section>
  );
}
