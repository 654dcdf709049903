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
  private readonly area: HTMLTextAreaElement;
  private readonly button: HTMLButtonElement;
  private readonly callButton: HTMLButtonElement;
  private readonly over = h("p", { class: "over", role: "alert", id: "over" });

  constructor(private readonly o: ComposerOptions) {
    const { t } = o;
    this.area = h("textarea", {
      rows: 1,
      "aria-label": t("write"),
      placeholder: t("write"),
      "data-testid": "composer",
      enterkeyhint: "send",
      "aria-describedby": "over",
      dir: "auto",
      oninput: () => this.input(),
      onkeydown: (event) => {
        const key = event as KeyboardEvent;
        if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
        event.preventDefault();
        this.submit();
      },
      onblur: () => o.typing(false),
    });
    this.button = h(
      "button",
      { type: "submit", class: "iconbutton send", "aria-label": t("send"), "data-testid": "send" },
      icon("send"),
    );
    this.callButton = h(
      "button",
      {
        type: "button",
        class: "iconbutton",
        "aria-label": t("call"),
        title: t("call"),
        "data-testid": "call",
        onclick: () => o.call(),
      },
      icon("phone"),
    );
    this.el = h(
      "form",
      {
        class: "composer",
        onsubmit: (event) => {
          event.preventDefault();
          this.submit();
        },
      },
      this.over,
      h("div", { class: "row" }, this.callButton, this.area, this.button),
    );
    this.input();
  }

  focus(): void {
    /* On a phone this would throw the keyboard over what is to be read. */
    if (!this.el.hidden && matchMedia("(pointer: fine)").matches) this.area.focus();
  }

  update(can: { chat: boolean; call: boolean }): void {
    this.area.hidden = this.button.hidden = !can.chat;
    this.callButton.hidden = !this.o.canCall || !can.call;
    this.el.classList.toggle("callonly", !can.chat);
  }

  /* Characters as the daemon counts them: code points. */
  private excess(): number {
    return [...this.area.value.trim()].length - this.o.limit;
  }

  private input(): void {
    const excess = this.excess();
    text(this.over, excess > 0 ? this.o.t("too_long", { n: excess }) : "");
    this.button.disabled = excess > 0 || !this.area.value.trim();
    this.area.style.height = "auto";
    this.area.style.height = `${Math.min(this.area.scrollHeight + 2, 140)}px`;
    if (this.area.value.trim()) this.o.typing(true);
    else this.o.typing(false);
  }

  private submit(): void {
    const body = this.area.value.trim();
    if (!body || this.excess() > 0) return;
    this.area.value = "";
    this.input();
    this.o.send(body);
    this.area.focus();
  }
}
