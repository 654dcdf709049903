/* How the call sounds: levels, the verdict in words, and each leg in figures and lines. */
import { meterOf } from "../shared/call";
import type { Leg } from "../shared/protocol";
import { grade, lossPercent, mosOf, worst } from "../shared/quality";
import { desk } from "./desk";
import { heardBy } from "./heard";
import { customerName, Icon, Tick } from "./parts";

function Meter({ label, level, id }: { label: string; level: number; id: string }) {
  return (
    <p class="meter" data-testid={`level-${id}`} data-level={level.toFixed(4)}>
      <span class="metername">{label}</span>
      <meter class="sr" min={0} max={1} value={meterOf(level)} aria-label={label} />
      <span class="track" aria-hidden="true">
        <span class="bar" style={{ "--level": meterOf(level).toFixed(2) }} />
      </span>
    </p>
  );
}

/* The names of those who can be heard. */
function heardNames(): string {
  const t = desk.t.value;
  const call = desk.call.call.value;
  if (!call) return t("level_other");
  const guest = desk.call.guest.value !== null;
  const heard = heardBy(desk.me.value?.id, call, guest ? desk.party.open.value : null);
  const names = heard.staff.map((p) => customerName(p.name));
  if (heard.customer) names.push(t("level_other"));
  if (!names.length) return t("level_nobody");
  return new Intl.ListFormat(desk.lang.value, { type: "conjunction" }).format(names);
}

export function Meters() {
  const t = desk.t.value;
  const { own, other } = desk.call.levels.value;
  return (
    <div class="meters">
      <Meter label={t("level_own")} level={own} id="own" />
      <Meter label={heardNames()} level={other} id="other" />
    </div>
  );
}

/* MOS 1..4.5 over the last minute; the dashed line is where it gets poor. A second without a value
 * is a gap. */
function Spark({ values, label }: { values: (number | null)[]; label: string }) {
  const x = (i: number) => 100 - (values.length - 1 - i) * (100 / 59);
  const y = (mos: number) => 26 - ((Math.min(4.5, Math.max(1, mos)) - 1) / 3.5) * 24;
  let path = "";
  values.forEach((v, i) => {
    if (v === null) return;
    const from = i === 0 || values[i - 1] === null;
    path += `${from ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
  });
  return (
    <svg
      class="spark"
      viewBox="0 0 100 28"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <line x1="0" x2="100" y1={y(3.5)} y2={y(3.5)} class="limit" />
      <path d={path} />
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

/* One direction: line, MOS, loss. */
function Way({ leg, way }: { leg: Leg; way: "in" | "out" }) {
  const t = desk.t.value;
  const part = leg[way];
  const values = desk.call.spark.value[leg.party][way];
  const known = values.filter((v) => v !== null).length;
  const name = t(way === "in" ? "q_up" : "q_down");
  const whole = `${t(`q_leg_${leg.party}`)}, ${name}`;
  return (
    <div class="way">
      <span class="wayname">{name}</span>
      <Spark values={values} label={`${whole}: ${t("q_spark", { n: known })}`} />
      <span class="mos" title={t("q_mos")}>
        {number(mosOf(part), 1)}
        <span class="sr"> {t("q_mos")}</span>
      </span>
      <span class="waynote">
        {t("q_loss")} {number(lossPercent(part), 1)} %
      </span>
    </div>
  );
}

function LegQuality({ leg }: { leg: Leg }) {
  const t = desk.t.value;
  return (
    <section
      class={`leg ${grade(leg)}`}
      data-testid={`quality-${leg.party}`}
      data-verdict={worst(leg) ?? ""}
    >
      <h4>
        <Icon name={grade(leg) === "good" ? "check" : "warn"} size={15} />
        {t(`q_leg_${leg.party}`)}
        <span class="figures">
          <span class="dim">{t("q_jitter")}</span> {number(leg.in.jitter_ms)} ms{" "}
          <span class="dim">{t("q_rtt")}</span> {number(leg.rtt_ms)} ms
        </span>
      </h4>
      <Way leg={leg} way="in" />
      <Way leg={leg} way="out" />
    </section>
  );
}

export function Legs() {
  const legs = desk.call.quality.value?.legs ?? [];
  return (
    <div class="legs" data-testid="legs">
      {legs.map((leg) => (
        <LegQuality key={leg.party} leg={leg} />
      ))}
      {legs.length > 0 && <p class="legend dim">{desk.t.value("q_legend")}</p>}
    </div>
  );
}

/* The customer is away: how long already. */
function Lost() {
  const t = desk.t.value;
  return (
    <Tick>
      {() => t("legs_lost", { n: Math.floor((Date.now() - desk.call.lostSince.value) / 1000) })}
    </Tick>
  );
}

/* One sentence: the worst of both legs, and what to do. */
export function Verdict() {
  const t = desk.t.value;
  const call = desk.call;
  let words = t("q_waiting");
  let mood = "info";
  const legs = call.quality.value?.legs ?? [];
  const lost = call.lostSince.value > 0;
  if (call.noMic.value) [words, mood] = [t("call_no_mic"), "bad"];
  else if (call.leg.value === "broken") [words, mood] = [t("call_broken"), "bad"];
  else if (call.leg.value === "connecting") words = t("call_connecting");
  else if (lost) mood = "bad";
  else if (call.guest.value) words = t("part_connected");
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
      <span>{lost && words === t("q_waiting") ? <Lost /> : words}</span>
    </p>
  );
}
