/* The right side: the call, and who the customer is. */
import { useEffect, useState } from "preact/hooks";
import { meterOf } from "../shared/call";
import { clock, dayName, duration } from "../shared/format";
import type { Leg, List } from "../shared/protocol";
import { grade, lossPercent, worst } from "../shared/quality";
import { desk } from "./desk";
import { customerName, Icon, Tick } from "./parts";

function Meter({ label, level, id }: { label: string; level: number; id: string }) {
  return (
    <p class="meter" data-testid={`level-${id}`} data-level={level.toFixed(4)}>
      <span>{label}</span>
      <meter class="sr" min={0} max={1} value={meterOf(level)} aria-label={label} />
      <span class="track" aria-hidden="true">
        <span class="bar" style={{ "--level": meterOf(level).toFixed(2) }} />
      </span>
    </p>
  );
}

function Meters() {
  const t = desk.t.value;
  const { own, other } = desk.call.levels.value;
  return (
    <div class="meters">
      <Meter label={t("level_own")} level={own} id="own" />
      <Meter label={t("level_other")} level={other} id="other" />
    </div>
  );
}

/* MOS 1..4.5 over the last minute; the dashed line is where it gets poor. */
function Spark({ values, label }: { values: number[]; label: string }) {
  const x = (i: number) => 100 - (values.length - 1 - i) * (100 / 59);
  const y = (mos: number) => 26 - ((Math.min(4.5, Math.max(1, mos)) - 1) / 3.5) * 24;
  const points = values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  return (
    <svg
      class="spark"
      viewBox="0 0 100 28"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <line x1="0" x2="100" y1={y(3.5)} y2={y(3.5)} class="limit" />
      {values.length > 1 && <polyline points={points} />}
    </svg>
  );
}

function number(value: number | null | undefined, digits = 0): string {
  return typeof value === "number"
    ? new Intl.NumberFormat(desk.lang.value, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }).format(value)
    : "\u2013";
}

function LegQuality({ leg }: { leg: Leg }) {
  const t = desk.t.value;
  const values = desk.call.spark.value[leg.party];
  const name = t(`q_leg_${leg.party}`);
  const loss = (part: Leg["in"] | Leg["out"]) => `${number(lossPercent(part), 1)} %`;
  return (
    <section
      class={`leg ${grade(leg)}`}
      data-testid={`quality-${leg.party}`}
      data-verdict={worst(leg) ?? ""}
    >
      <h4>
        <Icon name={grade(leg) === "good" ? "check" : "warn"} size={15} />
        {name}
        <span class="mos" title={t("q_mos")}>
          {number(leg.in.mos_cq ?? leg.in.mos_lq, 1)}
          <span class="sr"> {t("q_mos")}</span>
        </span>
      </h4>
      <Spark values={values} label={`${name}: ${t("q_spark", { n: values.length })}`} />
      <dl>
        <div>
          <dt>{t("q_loss")}</dt>
          <dd>
            <span class="dim">{t("q_up")}</span> {loss(leg.in)}{" "}
            <span class="dim">{t("q_down")}</span> {loss(leg.out)}
          </dd>
        </div>
        <div>
          <dt>{t("q_jitter")}</dt>
          <dd>{number(leg.in.jitter_ms)} ms</dd>
        </div>
        <div>
          <dt>{t("q_rtt")}</dt>
          <dd>{number(leg.rtt_ms)} ms</dd>
        </div>
      </dl>
    </section>
  );
}

/* One sentence: the worst of both legs, and what to do. */
function Verdict() {
  const t = desk.t.value;
  const call = desk.call;
  let words = t("q_waiting");
  let mood = "info";
  const legs = call.quality.value?.legs ?? [];
  if (call.noMic.value) [words, mood] = [t("call_no_mic"), "bad"];
  else if (call.leg.value === "broken") [words, mood] = [t("call_broken"), "bad"];
  else if (call.leg.value === "connecting") words = t("call_connecting");
  else if (call.customerMuted.value) words = t("call_cust_muted");
  else if (legs.length) {
    const rank = { bad: 0, fair: 1, good: 2 };
    const leg = [...legs].sort((a, b) => rank[grade(a)] - rank[grade(b)])[0];
    const verdict = worst(leg);
    mood = grade(leg);
    const prefix = leg?.party === "customer" ? "qc" : "qa";
    const params = {
      loss: number(leg ? lossPercent(leg.in) : 0),
      rtt: number(leg?.rtt_ms),
    };
    words = (verdict && t.find(`${prefix}_${verdict}`, params)) || t("q_good");
  }
  return (
    <p class={`verdict ${mood}`} role="status" data-testid="quality" data-mood={mood}>
      <Icon name={mood === "good" ? "check" : mood === "info" ? "info" : "warn"} size={16} />
      <span>{words}</span>
    </p>
  );
}

export function CallPanel() {
  const t = desk.t.value;
  const { call } = desk;
  const now = call.call.value;
  const elsewhere = call.elsewhere.value;
  if (!now && elsewhere)
    return (
      <section class="callpanel" data-testid="call-elsewhere">
        <h3>
          <Icon name="phone" />
          {t("call_elsewhere")}
        </h3>
        <p class="buttons">
          <button type="button" class="primary" onClick={() => call.answered(elsewhere)}>
            {t("call_here")}
          </button>
          <button type="button" class="small danger" onClick={() => void call.end()}>
            {t("call_end")}
          </button>
        </p>
      </section>
    );
  if (!now) return null;
  const chat = desk.client.chats.get(now.chat_id);
  const name = customerName(chat?.state?.customer.name);
  const ended = now.state === "ended";
  return (
    <section
      class="callpanel"
      aria-label={t("call")}
      data-testid="callpanel"
      data-state={now.state}
      data-leg={call.leg.value}
    >
      <h3>
        <Icon name="phone" />
        <span class="callname">{t("call_with", { name })}</span>
        <span class="time" data-testid="call-time">
          {ended ? (
            t("call_over")
          ) : (
            <Tick every={500}>{() => duration(Date.now() - call.since.value)}</Tick>
          )}
        </span>
      </h3>
      {!ended && (
        <>
          <Meters />
          <Verdict />
          {call.leg.value === "silent" && (
            <button type="button" class="primary" onClick={() => call.resumeAudio()}>
              <Icon name="sound" />
              {t("call_tap")}
            </button>
          )}
          {call.noMic.value && (
            <button type="button" class="primary" onClick={() => void call.attach()}>
              <Icon name="mic" />
              {t("call_attach")}
            </button>
          )}
          <p class="buttons">
            <button
              type="button"
              class="small"
              aria-pressed={call.muted.value}
              onClick={() => call.mute()}
              data-testid="mute"
            >
              <Icon name={call.muted.value ? "micOff" : "mic"} />
              {t(call.muted.value ? "call_unmute" : "call_mute")}
            </button>
            <button
              type="button"
              class="small danger"
              onClick={() => void call.end()}
              data-testid="hangup"
            >
              <Icon name="hangup" />
              {t("call_end")}
            </button>
          </p>
          <div class="legs" data-testid="legs">
            {(call.quality.value?.legs ?? []).map((leg) => (
              <LegQuality key={leg.party} leg={leg} />
            ))}
          </div>
        </>
      )}
    </section>
  );
}

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
      <Tags chatId={state.id} tags={state.tags ?? []} />
      <RoutingList
        chatId={state.id}
        moved={[state.status, state.assigned?.id, state.call?.id, state.call?.state].join()}
      />
    </section>
  );
}
