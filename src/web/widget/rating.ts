/* How was the call: one to five, and a few words if wanted. */
import { h, text } from "../shared/dom";
import { cardButton } from "./card";
import type { T } from "./words";

const CHARS = 1000;

/* Whether it was taken. */
export type SendRating = (score: number, comment: string) => Promise<boolean>;

export function ratingCard(t: T, send: SendRating): HTMLElement {
  let score = 0;
  const comment = h("textarea", {
    rows: 2,
    maxlength: CHARS,
    "aria-label": t("rate_comment"),
    placeholder: t("rate_comment"),
    dir: "auto",
    "data-testid": "rate-comment",
  });
  const problem = h("p", { class: "over", role: "alert" });
  const button = cardButton(
    t("rate_send"),
    async () => {
      button.setAttribute("disabled", "");
      if (await send(score, comment.value.trim())) return;
      button.removeAttribute("disabled");
      text(problem, t("failed"));
    },
    "rate-send",
    true,
  );
  const more = h("div", { class: "ratemore", hidden: true }, comment, problem, button);
  const row = h("fieldset", { class: "rate", "data-testid": "rate" }, h("legend", null, t("rate")));
  for (let n = 1; n <= 5; n++) {
    const input = h("input", { type: "radio", name: "rate", value: n, class: "sr" });
    input.addEventListener("change", () => {
      score = n;
      more.hidden = false;
    });
    row.append(h("label", { "data-testid": `rate-${n}` }, input, h("span", null, String(n))));
  }
  const ends = h(
    "p",
    { class: "rateends" },
    h("span", null, t("rate_1")),
    h("span", null, t("rate_5")),
  );
  return h("div", { class: "rating" }, row, ends, more);
}
