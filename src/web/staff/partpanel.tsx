/* My part in a call of somebody else: asked as a colleague, or supervising. */
import { duration } from "../shared/format";
import type { Supervision } from "../shared/protocol";
import { Act, SoundHelp } from "./callpanel";
import { desk } from "./desk";
import { customerName, Icon, Tick } from "./parts";
import { Meters, Verdict } from "./quality";

export const MODES: Supervision[] = ["listen", "whisper", "barge"];

/* The card of a colleague's question, among the offers. */
export function AskCard() {
  const t = desk.t.value;
  const { party } = desk;
  const part = party.asked.value;
  if (!part) return null;
  const left = () => Math.max(0, part.until - performance.now());
  const problem = party.problem.value;
  return (
    <article class="offer call ask" data-testid="part-asked" data-call-id={part.call_id}>
      <span class="ring">
        <Icon name="users" size={26} />
      </span>
      <div class="offertext">
        <h2>
          {t("part_asks", { name: customerName(part.from?.name) })}
          <span class="left" aria-hidden="true">
            <Tick every={250}>{() => t("offer_left", { n: Math.ceil(left() / 1000) })}</Tick>
          </span>
        </h2>
        <p class="offername">{customerName(part.customer.name)}</p>
        <p class="dim">{t("part_asks_text")}</p>
        {problem && (
          <p class="over" role="alert">
            {t.find(problem)}
          </p>
        )}
        <p class="buttons">
          <button
            type="button"
            class="accept"
            disabled={party.busy.value}
            onClick={() => void party.accept()}
            data-testid="part-accept"
          >
            {t("accept")} <kbd>A</kbd>
          </button>
          <button
            type="button"
            class="plain"
            disabled={party.busy.value}
            onClick={() => void party.decline()}
            data-testid="part-decline"
          >
            {t("decline")} <kbd>D</kbd>
          </button>
        </p>
      </div>
    </article>
  );
}

export function PartPanel() {
  const t = desk.t.value;
  const { call, party } = desk;
  const part = party.open.value;
  if (!part) return null;
  const name = customerName(part.customer.name);
  const agent = call.call.value?.staff?.name ?? part.from?.name;
  const consult = part.role === "consult";
  const speaks = part.role !== "listen";
  return (
    <section
      class="callpanel"
      aria-label={t("part")}
      data-testid="partpanel"
      data-role={part.role}
      data-leg={call.leg.value}
    >
      <h3>
        <Icon name={consult ? "users" : "ear"} />
        <span class="callname">
          {t(consult ? "part_consult" : "part_supervise", {
            name: customerName(agent),
            customer: name,
          })}
        </span>
        <span class="time">
          <Tick every={500}>{() => duration(Date.now() - call.since.value)}</Tick>
        </span>
      </h3>
      {!consult && (
        <>
          <fieldset class="segments">
            <legend class="sr">{t("sup_mode")}</legend>
            {MODES.map((mode) => (
              <button
                type="button"
                key={mode}
                aria-pressed={part.role === mode}
                disabled={party.busy.value}
                onClick={() =>
                  void party
                    .supervise(part, mode)
                    .then((problem) => problem && desk.say(t.find(problem) ?? t("sup_failed")))
                }
                data-testid={`mode-${mode}`}
              >
                {t(`sup_${mode}`)}
              </button>
            ))}
          </fieldset>
          <p class="dim" role="status">
            {t(`sup_hint_${part.role as Supervision}`)}
          </p>
        </>
      )}
      <Meters />
      <Verdict />
      <SoundHelp />
      <div class="callbuttons">
        {speaks && (
          <Act
            icon={call.muted.value ? "micOff" : "mic"}
            label={t(call.muted.value ? "call_unmute" : "call_mute")}
            pressed={call.muted.value}
            onClick={() => call.mute()}
            testid="mute"
          />
        )}
        <Act
          icon="logout"
          label={t("part_leave")}
          danger
          onClick={() => void party.leave()}
          testid="part-leave"
        />
      </div>
    </section>
  );
}
