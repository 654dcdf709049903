/* The cards around a call: being called back, and its end with the rating. Beside the other cards,
 * for they speak when the code of calls is only being loaded. */
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
