/* The cards around a call: what stands in its way, being called back, its end with the rating. */
import type { CallProblem } from "./call";
import { card, cardButton } from "./card";
import { ratingCard, type SendRating } from "./rating";
import type { T } from "./words";

export { ringTone } from "./ring";

export function ringCard(t: T, name: string, answer: () => void, decline: () => void): HTMLElement {
  const el = card(
    "ring",
    "phone",
    t("ring_title", { name: name || t("somebody") }),
    [t("ring_text")],
    cardButton(t("ring_accept"), answer, "ring-accept", true),
    cardButton(t("ring_decline"), decline, "ring-decline"),
  );
  el.setAttribute("role", "alert");
  return el;
}

export function callbackCard(t: T, missed: boolean, cancel: () => void): HTMLElement {
  const words = t(missed ? "callback_missed" : "callback_text");
  const button = cardButton(t("callback_cancel"), cancel, "callback-cancel");
  const el = card("callback", "clock", t("callback_title"), [words], button);
  el.setAttribute("role", "status");
  return el;
}

/* rate: sends the customer's opinion; null: it is not asked for. */
export function overCard(
  t: T,
  words: string,
  rated: boolean,
  again: () => void,
  dismiss: () => void,
  rate: SendRating | null,
): HTMLElement {
  const el = card(
    "over",
    rated ? "check" : "phone",
    t(rated ? "rate_thanks" : "call_ended"),
    words && !rated ? [words] : [],
    cardButton(t("call_again"), again, "call-again"),
    cardButton(t("call_dismiss"), dismiss, "call-dismiss"),
  );
  el.setAttribute("role", "status");
  if (rate) el.querySelector(".cardbuttons")?.before(ratingCard(t, rate));
  return el;
}

export function elsewhereCard(t: T, here: () => void, end: () => void): HTMLElement {
  return card(
    "elsewhere",
    "phone",
    t("call_elsewhere"),
    [t("call_elsewhere_text")],
    cardButton(t("call_here"), here, "call-here", true),
    cardButton(t("call_end"), end),
  );
}

export function problemCard(
  t: T,
  what: CallProblem,
  start: () => void,
  dismiss: () => void,
): HTMLElement {
  const ours = what === "failed" || what === "limit";
  const again = cardButton(t("try_again"), start, "call-retry", true);
  const el = card(
    "problem",
    ours ? "warn" : "micOff",
    ours ? t(`call_${what}`) : t(`mic_${what}`),
    ours ? [] : [t(`mic_${what}_text`)],
    ...(what === "unsupported" || what === "limit" ? [] : [again]),
    cardButton(t("call_dismiss"), dismiss),
  );
  el.setAttribute("role", "alert");
  el.dataset.problem = what;
  return el;
}
