/* Asking a colleague during a call: with whom the agent talks, handing over, taking back. */
import type { Call, TalkWith } from "../shared/protocol";
import { desk } from "./desk";
import { customerName, Icon, Tick } from "./parts";

const TALK: TalkWith[] = ["colleague", "customer", "all"];

export function Consult({ call }: { call: Call }) {
  const t = desk.t.value;
  const party = call.parties?.find((p) => p.role === "consult");
  if (!party) return null;
  const name = customerName(party.staff.name);
  const open = party.state === "open";
  const until = party.expires_at ? Date.parse(party.expires_at) : 0;
  const left = () => Math.max(0, Math.ceil((until - desk.client.now()) / 1000));
  const busy = desk.call.busy.value;
  return (
    <section
      class="consult"
      aria-label={t("consult")}
      data-testid="consult"
      data-state={party.state}
      data-talk={party.talk ?? ""}
    >
      <p role="status">
        <Icon name="users" size={16} />
        <span>
          {open ? (
            t(`consult_${party.talk ?? "colleague"}`, { name })
          ) : (
            <>
              {t("consult_asked", { name })}{" "}
              {until > 0 && <Tick>{() => t("cb_left", { n: left() })}</Tick>}
            </>
          )}
        </span>
      </p>
      <fieldset class="segments talk">
        <legend class="sr">{t("consult_talk")}</legend>
        {TALK.map((who) => (
          <button
            type="button"
            key={who}
            aria-pressed={party.talk === who}
            title={who === "colleague" ? name : undefined}
            disabled={busy || (who === "all" && !open)}
            onClick={() => void desk.act("POST", "consult/talk", { with: who })}
            data-testid={`talk-${who}`}
          >
            {who === "colleague" ? name : t(`talk_${who}`)}
          </button>
        ))}
      </fieldset>
      <p class="buttons">
        <button
          type="button"
          class="primary"
          disabled={busy || !open}
          onClick={() => void desk.handOver()}
          data-testid="consult-complete"
        >
          {t("consult_complete")}
        </button>
        <button
          type="button"
          class="small"
          disabled={busy}
          onClick={() => void desk.act("DELETE", "consult")}
          data-testid="consult-return"
        >
          {t(open ? "consult_return" : "consult_cancel")}
        </button>
      </p>
    </section>
  );
}
