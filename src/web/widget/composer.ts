/* Where the customer writes: grows with the text, sends by Enter, keeps a too long text. */
import { h, text } from "../shared/dom";
import { icon } from "../shared/icons";
import type { T } from "./words";

export interface ComposerOptions {
  t: T;
  limit: number;
  canCall: boolean;
  send(body: string): void;
  typing(active: boolean): void;
  call(): void;
}

export class Composer {
  readonly el: HTMLFormElement;
  private readonly _area: HTMLTextAreaElement;
  private readonly _button: HTMLButtonElement;
  private readonly _callButton: HTMLButtonElement;
  private readonly _over = h("p", { class: "over", role: "alert", id: "over" });

  constructor(private readonly _o: ComposerOptions) {
    const { t } = _o;
    this._area = h("textarea", {
      rows: 1,
      "aria-label": t("write"),
      placeholder: t("write"),
      "data-testid": "composer",
      enterkeyhint: "send",
      "aria-describedby": "over",
      dir: "auto",
      oninput: () => this._input(),
      onkeydown: (event) => {
        const key = event as KeyboardEvent;
        if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
        event.preventDefault();
        this._submit();
      },
      onblur: () => _o.typing(false),
    });
    this._button = h(
      "button",
      { type: "submit", class: "iconbutton send", "aria-label": t("send"), "data-testid": "send" },
      icon("send"),
    );
    this._callButton = h(
      "button",
      {
        type: "button",
        class: "iconbutton",
        "aria-label": t("call"),
        title: t("call"),
        "data-testid": "call",
        onclick: () => _o.call(),
      },
      icon("phone"),
    );
    this.el = h(
      "form",
      {
        class: "composer",
        onsubmit: (event) => {
          event.preventDefault();
          this._submit();
        },
      },
      this._over,
      h("div", { class: "row" }, this._callButton, this._area, this._button),
    );
    this._input();
  }

  focus(): void {
    /* On a phone this would throw the keyboard over what is to be read. */
    if (!this.el.hidden && matchMedia("(pointer: fine)").matches) this._area.focus();
  }

  update(can: { chat: boolean; call: boolean }): void {
    this._area.hidden = this._button.hidden = !can.chat;
    this._callButton.hidden = !this._o.canCall || !can.call;
    this.el.classList.toggle("callonly", !can.chat);
  }

  /* Characters as the daemon counts them: code points. */
  private _excess(): number {
    return [...this._area.value.trim()].length - this._o.limit;
  }

  private _input(): void {
    const excess = this._excess();
    text(this._over, excess > 0 ? this._o.t("too_long", { n: excess }) : "");
    this._button.disabled = excess > 0 || !this._area.value.trim();
    this._area.style.height = "auto";
    this._area.style.height = `${Math.min(this._area.scrollHeight + 2, 140)}px`;
    if (this._area.value.trim()) this._o.typing(true);
    else this._o.typing(false);
  }

  private _submit(): void {
    const body = this._area.value.trim();
    if (!body || this._excess() > 0) return;
    this._area.value = "";
    this._input();
    this._o.send(body);
    this._area.focus();
  }
}
