/* The bar that takes the header's place while a call is on, and the cards about calls. */
import { type Levels, meterOf } from "../shared/call";
import { h, text } from "../shared/dom";
import { duration } from "../shared/format";
import { icon } from "../shared/icons";
import { grade, worst } from "../shared/quality";
import type { CustomerCall } from "./call";
import type { T } from "./words";

export class CallBar {
  readonly el: HTMLElement;
  private readonly title = h("p", { class: "calltitle", "data-testid": "call-state" });
  private readonly time = h("span", { class: "calltime", "data-testid": "call-time" });
  private readonly quality = h("p", { class: "quality", role: "status", "data-testid": "quality" });
  private readonly own: HTMLElement;
  private readonly other: HTMLElement;
  private readonly muteButton: HTMLButtonElement;
  private readonly endButton: HTMLButtonElement;
  private readonly tap: HTMLButtonElement;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly t: T,
    private readonly call: CustomerCall,
    close: HTMLElement,
  ) {
    this.own = this.meter(t("level_own"), "own");
    this.other = this.meter(t("level_other"), "other");
    this.muteButton = h("button", {
      type: "button",
      class: "round",
      "data-testid": "mute",
      onclick: () => call.mute(),
    });
    this.endButton = h(
      "button",
      { type: "button", class: "end", "data-testid": "hangup", onclick: () => void call.end() },
      icon("hangup"),
      h("span", null, t("call_end")),
    );
    this.tap = h(
      "button",
      { type: "button", class: "primary", hidden: true, onclick: () => call.tap() },
      icon("sound"),
      t("call_tap_button"),
    );
    this.el = h(
      "header",
      { class: "callbar", "data-testid": "callbar", hidden: true },
      h("div", { class: "callhead" }, h("div", null, this.title, this.time), close),
      h("div", { class: "meters" }, this.own, this.other),
      this.quality,
      this.tap,
      h("div", { class: "callbuttons" }, this.muteButton, this.endButton),
    );
    this.timer = setInterval(() => this.tick(), 500);
  }

  private meter(label: string, id: string): HTMLElement {
    const bar = h("span", { class: "bar" });
    return h(
      "p",
      { class: "meter", "data-testid": `level-${id}` },
      h("span", null, label),
      h("span", { class: "track", "aria-hidden": "true" }, bar),
    );
  }

  levels(levels: Levels): void {
    for (const [el, level] of [
      [this.own, levels.own],
      [this.other, levels.other],
    ] as const) {
      const bar = el.querySelector<HTMLElement>(".bar");
      bar?.style.setProperty("--level", meterOf(level).toFixed(2));
      el.dataset.level = level.toFixed(4);
    }
  }

  private tick(): void {
    const v = this.call.view;
    text(this.time, v.phase === "live" ? duration(Date.now() - v.since) : "");
  }

  private name(): string {
    return this.call.view.call?.staff?.name ?? this.t("somebody");
  }

  render(): void {
    const { t } = this;
    const v = this.call.view;
    this.el.hidden = !this.call.busy;
    if (this.el.hidden) return;
    const state = v.call?.state;
    const words =
      v.phase === "asking"
        ? t("call_ask_mic")
        : v.phase === "starting"
          ? t("call_starting")
          : state === "ringing"
            ? t("call_ringing")
            : state === "active"
              ? t("call_with", { name: this.name() })
              : state === "held"
                ? t("call_held")
                : t("call_queued");
    text(this.title, words);
    this.el.dataset.state = v.phase === "live" ? (state ?? "") : v.phase;
    this.el.dataset.leg = v.leg;
    this.tick();
    this.renderQuality();
    const live = v.phase === "live";
    for (const el of [this.own.parentElement, this.muteButton.parentElement])
      if (el) el.hidden = !live;
    this.tap.hidden = !live || v.leg !== "silent";
    this.muteButton.setAttribute("aria-pressed", String(v.muted));
    const label = v.muted ? t("call_unmute") : t("call_mute");
    this.muteButton.replaceChildren(icon(v.muted ? "micOff" : "mic"), h("span", null, label));
  }

  private renderQuality(): void {
    const { t } = this;
    const v = this.call.view;
    const leg = v.quality?.legs.find((l) => l.party === "customer");
    let words = "";
    let mood: string = grade(leg);
    if (v.phase === "asking") words = t("call_ask_mic_text");
    else if (v.phase !== "live") words = "";
    else if (v.leg === "broken") [words, mood] = [t("call_broken"), "bad"];
    else if (v.leg === "connecting") words = t("call_connecting");
    else if (v.leg === "silent") words = t("call_tap");
    else if (v.muted) words = t("call_muted");
    else if (leg && worst(leg)) words = t.find(`q_${worst(leg)}`) ?? "";
    else if (v.agentMuted) words = t("call_agent_muted", { name: this.name() });
    else if (leg) words = t("q_good");
    if (v.phase !== "live" || v.leg === "connecting" || v.leg === "silent") mood = "info";
    this.quality.dataset.mood = mood;
    this.quality.dataset.verdict = worst(leg) ?? "";
    if (this.quality.dataset.words === words) return;
    this.quality.dataset.words = words;
    const sign = mood === "good" ? "check" : mood === "info" ? "info" : "warn";
    this.quality.replaceChildren(...(words ? [icon(sign, 16), h("span", null, words)] : []));
  }

  destroy(): void {
    clearInterval(this.timer);
  }
}

/* A card in the message area: sign, heading, text, buttons. */
export function card(
  kind: string,
  sign: Parameters<typeof icon>[0],
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
