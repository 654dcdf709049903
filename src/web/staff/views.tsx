/* Lists that take the middle: calls of the team, missed calls, recordings. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { clock, dayName, duration } from "../shared/format";
import type { Id, List, LiveCall, MissedCall, Supervision } from "../shared/protocol";
import { desk, type View } from "./desk";
import type { StaffIcon } from "./icons";
import { MODES } from "./partpanel";
import { customerName, Icon, Tick } from "./parts";
import { Recordings } from "./recordings";

export const VIEW_ICONS: Record<View, StaffIcon> = {
  live: "ear",
  missed: "missed",
  recordings: "record",
};

/* The ways to the lists, below the conversations. */
export function Views() {
  const t = desk.t.value;
  const views: View[] = desk.leads ? ["live", "missed", "recordings"] : ["missed", "recordings"];
  return (
    <nav class="views" aria-label={t("views")}>
      {views.map((view) => (
        <button
          type="button"
          key={view}
          class={desk.view.value === view ? "row selected" : "row chatrow"}
          aria-current={desk.view.value === view ? "page" : undefined}
          onClick={() => desk.show(desk.view.value === view ? null : view)}
          data-testid={`view-${view}`}
        >
          <Icon name={VIEW_ICONS[view]} />
          {t(`view_${view}`)}
        </button>
      ))}
    </nav>
  );
}

/* Items of a list, its further pages, and why there are none. */
export function useList<T>(path: string, again: unknown = null) {
  const [items, setItems] = useState<T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const load = (cursor: string | null) => {
    const join = path.includes("?") ? "&" : "?";
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    return desk.rest<List<T>>("GET", `${path}${join}limit=50${from}`).then(
      (list) => {
        setFailed(null);
        setItems((old) => (cursor ? [...(old ?? []), ...list.items] : list.items));
        setNext(list.next);
      },
      (e: unknown) => setFailed(e),
    );
  };
  useEffect(() => {
    void load(null);
  }, [path, again]);
  return { items, failed, reload: () => void load(null), more: next && (() => void load(next)) };
}

export function Page(props: {
  view: View;
  list: ReturnType<typeof useList<{ id: Id }>>;
  empty: string;
  filter?: ComponentChildren;
  children: ComponentChildren;
}) {
  const t = desk.t.value;
  const { view, list } = props;
  return (
    <div class="page" data-testid={`page-${view}`}>
      <header class="convhead">
        <button
          type="button"
          class="bar-button one-only"
          aria-label={t("back")}
          onClick={() => desk.show(null)}
          data-testid="back"
        >
          <Icon name="back" />
        </button>
        <h2 id="page-title">{t(`view_${view}`)}</h2>
        <button type="button" class="small" onClick={list.reload} data-testid="reload">
          {t("reload")}
        </button>
      </header>
      {props.filter}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keys */}
      <section class="pagebody" tabIndex={0} aria-labelledby="page-title">
        {list.failed ? (
          <p class="empty" role="alert">
            {t("list_failed")}
          </p>
        ) : list.items === null ? (
          <div class="bones" aria-hidden="true">
            <span />
            <span />
            <span />
          </div>
        ) : list.items.length === 0 ? (
          <p class="empty">{props.empty}</p>
        ) : (
          props.children
        )}
        {list.more && (
          <button type="button" class="link center" onClick={list.more}>
            {t("more")}
          </button>
        )}
      </section>
    </div>
  );
}

/* Day and time in one. */
export function When({ at }: { at: string }) {
  const lang = desk.lang.value;
  return (
    <time dateTime={at}>
      {dayName(at, lang)}, {clock(at, lang)}
    </time>
  );
}

function LiveRow({ call }: { call: LiveCall }) {
  const t = desk.t.value;
  const { party } = desk;
  const mine = call.staff.id === desk.me.value?.id;
  const here = party.open.value?.call_id === call.id ? party.open.value.role : null;
  const free = !desk.call.call.value || desk.call.guest.value === call.id;
  const begin = async (mode: Supervision) => {
    const { id, chat_id, customer } = call;
    const problem = await party.supervise({ call_id: id, chat_id, customer }, mode);
    if (problem) desk.say(t.find(problem) ?? t("sup_failed"));
  };
  return (
    <li class={here ? "card-row here" : "card-row"} data-testid="live-call" data-call-id={call.id}>
      <Icon name={call.state === "held" ? "pause" : "phone"} />
      <span class="who">
        <span class="name">{customerName(call.customer.name)}</span>
        <span class="dim">
          {t("with", { name: customerName(call.staff.name) })}
          {call.state === "held" ? `, ${t("live_held")}` : ""}
          {call.recording === "on" ? `, ${t("rec_on")}` : ""}
        </span>
      </span>
      <span class="time">
        <Tick>{() => duration(desk.client.now() - Date.parse(call.answered_at))}</Tick>
      </span>
      {!mine && (
        <span class="segments">
          {MODES.map((mode) => (
            <button
              type="button"
              key={mode}
              aria-pressed={here === mode}
              disabled={party.busy.value || !free}
              onClick={() => void begin(mode)}
              aria-label={t("sup_named", {
                mode: t(`sup_${mode}`),
                name: customerName(call.staff.name),
              })}
              data-testid={`supervise-${mode}`}
            >
              {t(`sup_${mode}`)}
            </button>
          ))}
        </span>
      )}
    </li>
  );
}

function Live() {
  const t = desk.t.value;
  const list = {
    items: desk.live.value,
    failed: desk.liveFailed.value,
    reload: () => void desk.watchLive(true),
    more: null,
  };
  return (
    <Page view="live" list={list} empty={t("live_none")}>
      <ul class="rows">
        {list.items?.map((call) => (
          <LiveRow key={call.id} call={call} />
        ))}
      </ul>
    </Page>
  );
}

function Missed() {
  const t = desk.t.value;
  const list = useList<MissedCall>("/calls/missed");
  return (
    <Page view="missed" list={list} empty={t("missed_none")}>
      <ul class="rows">
        {list.items?.map((call) => (
          <li key={call.id} class="card-row" data-testid="missed-call">
            <Icon name="missed" />
            <span class="who">
              <span class="name">{customerName(call.customer.name)}</span>
              <span class="dim wrap">
                {t.find(`end_${call.end_reason}`) ?? t("call_missed")}
                {call.asked.length > 0 && " \u00b7 "}
                {call.asked
                  .map(
                    (a) =>
                      `${customerName(a.staff.name)}: ${t.find(`routing_${a.state}`) ?? a.state}`,
                  )
                  .join(", ")}
              </span>
            </span>
            <span class="time">{t("missed_waited", { time: duration(call.wait_ms) })}</span>
            <span class="time">
              <When at={call.ended_at} />
            </span>
            <button
              type="button"
              class="small"
              aria-label={t("missed_open_named", { name: customerName(call.customer.name) })}
              onClick={() => desk.select(call.chat_id)}
            >
              {t("missed_open")}
            </button>
          </li>
        ))}
      </ul>
    </Page>
  );
}

export function ViewPage({ view }: { view: View }) {
  if (view === "live") return <Live />;
  return view === "missed" ? <Missed /> : <Recordings />;
}
