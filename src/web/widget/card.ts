/* A card between messages and composer, and the store that keeps its element while its words stay. */
import { h } from "../shared/dom";
import { type IconName, icon } from "../shared/icons";

/* Sign, heading, text, buttons. */
export function card(
  kind: string,
  sign: IconName,
  title: string,
  lines: string[],
  ...buttons: HTMLElement[]
): HTMLElement {
  return h(
    "section",
    { class: `card ${kind}`, "data-testid": `${kind}-card` },
    icon(sign, 22),
    h(
      "div",
      null,
      h("h2", null, title),
      ...lines.map((line) => h("p", null, line)),
      buttons.length ? h("p", { class: "cardbuttons" }, ...buttons) : null,
    ),
  );
}

export function cardButton(
  label: string,
  onclick: () => void,
  testid: string | null = null,
  primary = false,
): HTMLElement {
  const kind = primary ? "primary" : "plain";
  return h("button", { type: "button", class: kind, onclick, "data-testid": testid }, label);
}

/* The same element for the same words: a focused button stays, nothing is read aloud twice. */
export class Keeper {
  private readonly _kept = new Map<string, { was: string; el: HTMLElement }>();

  keep(key: string, was: string, make: () => HTMLElement): HTMLElement {
    const old = this._kept.get(key);
    if (old?.was === was) return old.el;
    const el = make();
    this._kept.set(key, { was, el });
    return el;
  }
}
