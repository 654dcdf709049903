/* The call that this agent is in: what it is doing, how it sounds, and everything to do with it. */
import { duration } from "../shared/format";
import type { Call, Party } from "../shared/protocol";
import { Consult } from "./consult";
import { desk } from "./desk";
import type { StaffIcon } from "./icons";
import { customerName, Icon, Tick } from "./parts";
import { Legs, Meters, Verdict } from "./quality";

/* A button of the panel. */
export function Act(props: {
  icon: StaffIcon;
  label: string;
  testid: string;
  onClick: () => void;
  pressed?: boolean;
  danger?: boolean;
  disabled?: boolean;
}) {
  return (
    <button
      type="button"
      class={props.danger ? "small danger" : "small"}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      onClick={props.onClick}
      data-testid={props.testid}
    >
      <Icon name={props.icon} />
      <span>{props.label}</span>
    </button>
  );
}

function Elsewhere({ id }: { id: string }) {
  const t = desk.t.value;
  return (
    <section class="callpanel" data-testid="call-elsewhere">
      <h3>
        <Icon name="phone" />
        {t("call_elsewhere")}
      </h3>
      <p class="buttons">
        <button type="button" class="primary" onClick={() => desk.call.answered(id)}>
          {t("call_here")}
        </button>
        <button type="button" class="small danger" onClick={() => void desk.call.end()}>
          {t("call_end")}
        </button>
      </p>
    </section>
  );
}

/* Whether it is recorded, always in view, and the buttons that this state allows. */
function RecordingState({ call }: { call: Call }) {
  const t = desk.t.value;
  const { recording } = call;
  const set = (state: Call["recording"]) => void desk.act("PUT", "recording", { state });
  return (
    <div class={`recording ${recording}`} data-testid="recording" data-recording={recording}>
      <p role="status">
        <Icon name={recording === "paused" ? "pause" : "record"} size={16} />
        {t(`rec_${recording}`)}
      </p>
      {recording !== "on" && (
        <button
          type="button"
          class="small"
          onClick={() => set("on")}
          data-testid={recording === "off" ? "rec-start" : "rec-resume"}
        >
          {t(recording === "off" ? "rec_start" : "rec_resume")}
        </button>
      )}
      {recording === "on" && (
        <button type="button" class="small" onClick={() => set("paused")} data-testid="rec-pause">
          {t("rec_pause")}
        </button>
      )}
      {recording !== "off" && (
        <button type="button" class="small" onClick={() => set("off")} data-testid="rec-stop">
          {t("rec_stop")}
        </button>
      )}
    </div>
  );
}

/* Who listens in, so that the agent knows. */
function Supervisors({ parties }: { parties: Party[] }) {
  const t = desk.t.value;
  const there = parties.filter((p) => p.role !== "consult");
  return (
    <div class="present" role="status" data-testid="supervisors">
      <ul class="supervisors">
        {there.map((p) => (
          <li key={p.id} data-role={p.role}>
            <Icon name="ear" size={16} />
            {t(`sup_by_${p.role as "listen"}`, { name: customerName(p.staff.name) })}
          </li>
        ))}
      </ul>
    </div>
  );
}

/* A callback: the customer is rung, or did not answer. */
function Calling({ call }: { call: Call }) {
  const t = desk.t.value;
  const back = call.callback;
  if (!back) return null;
  const until = back.ring_until ? Date.parse(back.ring_until) : 0;
  const left = () => Math.max(0, Math.ceil((until - desk.client.now()) / 1000));
  const more = back.attempts < back.max_attempts;
  return (
    <>
      <p
        class={`verdict ${until ? "info" : "fair"}`}
        role="status"
        data-testid="callback"
        data-outcome={back.outcome ?? ""}
      >
        <Icon name={until ? "phone" : "warn"} size={16} />
        <span>
          {until ? (
            <>
              {t("cb_ringing")} <Tick>{() => t("cb_left", { n: left() })}</Tick>
            </>
          ) : (
            t(back.outcome ? `cb_${back.outcome}` : "cb_waiting")
          )}
        </span>
      </p>
      <p class="dim">{t("cb_attempts", { n: back.attempts, max: back.max_attempts })}</p>
      <p class="buttons">
        <Act
          icon="phone"
          label={t("cb_again")}
          disabled={until > 0 || !more}
          onClick={() => void desk.act("POST", "ring", {})}
          testid="callback-ring"
        />
        <Act
          icon="close"
          label={t("cb_close")}
          onClick={() => void desk.call.end()}
          testid="callback-close"
        />
      </p>
    </>
  );
}

function Held({ since }: { since: string | null }) {
  const t = desk.t.value;
  const from = since ? Date.parse(since) : desk.client.now();
  return (
    <p class="verdict fair" role="status" data-testid="held">
      <Icon name="pause" size={16} />
      <span>
        {t("hold_on")} <Tick>{() => duration(desk.client.now() - from)}</Tick>
      </span>
    </p>
  );
}

function Buttons({ call }: { call: Call }) {
  const t = desk.t.value;
  const { muted, busy } = desk.call;
  const held = call.state === "held";
  const consults = call.parties?.some((p) => p.role === "consult") ?? false;
  return (
    <div class="callbuttons">
      <Act
        icon={muted.value ? "micOff" : "mic"}
        label={t(muted.value ? "call_unmute" : "call_mute")}
        pressed={muted.value}
        onClick={() => desk.call.mute()}
        testid="mute"
      />
      <Act
        icon={held ? "play" : "pause"}
        label={t(held ? "hold_off" : "hold")}
        pressed={held}
        disabled={busy.value || consults}
        onClick={() => void desk.act("POST", held ? "resume" : "hold", {})}
        testid="hold"
      />
      <Act
        icon="transfer"
        label={t("transfer")}
        disabled={busy.value || consults}
        onClick={() => {
          desk.transferring.value = true;
        }}
        testid="transfer"
      />
      <Act
        icon="hangup"
        label={t("call_end")}
        danger
        onClick={() => void desk.call.end()}
        testid="hangup"
      />
    </div>
  );
}

/* What only the browser of this window is missing. */
export function SoundHelp() {
  const t = desk.t.value;
  const { call } = desk;
  return (
    <>
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
    </>
  );
}

export function CallPanel() {
  const t = desk.t.value;
  const { call } = desk;
  const now = call.call.value;
  const elsewhere = call.elsewhere.value;
  if (call.guest.value) return null;
  if (!now) return elsewhere ? <Elsewhere id={elsewhere} /> : null;
  const chat = desk.client.chats.get(now.chat_id);
  const name = customerName(chat?.state?.customer.name);
  const ended = now.state === "ended";
  const talks = now.state === "active" || now.state === "held";
  return (
    <section
      class="callpanel"
      aria-label={t("call")}
      data-testid="callpanel"
      data-state={now.state}
      data-leg={call.leg.value}
      data-customer-leg={call.legs.value?.customer ?? ""}
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
      {now.state === "calling" && <Calling call={now} />}
      {talks && (
        <>
          <RecordingState call={now} />
          <Meters />
          {now.state === "held" && <Held since={now.held_at} />}
          <Verdict />
          <SoundHelp />
          <Buttons call={now} />
          <Consult call={now} />
          <Supervisors parties={now.parties ?? []} />
          <Legs />
        </>
      )}
    </section>
  );
}
