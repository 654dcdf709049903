/* The bar that takes the header's place while a call is on. */
import { type Levels, meterOf } from "../shared/call";
import { h, text } from "../shared/dom";
import { duration } from "../shared/format";
import { icon } from "../shared/icons";
import { grade, judged, worst } from "../shared/quality";
import type { CustomerCall } from "./call";
import type { T } from "./words";

export class CallBar {
  readonly el: HTMLElement;
  private readonly _title = h("h1", { class: "calltitle", "data-testid": "call-state" });
  private readonly _time = h("span", { class: "calltime", "data-testid": "call-time" });
  private readonly _quality = h("p", {
    class: "quality",
    role: "status",
    "data-testid": "quality",
  });
  private readonly _recording = h("p", {
    class: "rec",
    role: "status",
    "data-testid": "recording",
  });
  private readonly _own: HTMLElement;
  private readonly _other: HTMLElement;
  private readonly _muteButton: HTMLButtonElement;
  private readonly _endButton: HTMLButtonElement;
  private readonly _tap: HTMLButtonElement;

  constructor(
    private readonly _t: T,
    private readonly _call: CustomerCall,
    close: HTMLElement,
  ) {
    this._own = this._meter(_t("level_own"), "own");
    this._other = this._meter(_t("level_other"), "other");
    this._muteButton = h("button", {
      type: "button",
      class: "round",
      "data-testid": "mute",
      onclick: () => _call.mute(),
    });
    this._endButton = h(
      "button",
      { type: "button", class: "end", "data-testid": "hangup", onclick: () => void _call.end() },
      icon("hangup"),
      h("span", null, _t("call_end")),
    );
    this._tap = h(
      "button",
      { type: "button", class: "primary", hidden: true, onclick: () => _call.tap() },
      icon("sound"),
      _t("call_tap_button"),
    );
    this.el = h(
      "header",
      { class: "callbar", "data-testid": "callbar", hidden: true },
      h("div", { class: "callhead" }, h("div", null, this._title, this._time), close),
      this._recording,
      h("div", { class: "meters" }, this._own, this._other),
      this._quality,
      this._tap,
      h("div", { class: "callbuttons" }, this._muteButton, this._endButton),
    );
    setInterval(() => this._tick(), 500);
  }

  private _meter(label: string, id: string): HTMLElement {
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
      [this._own, levels.own],
      [this._other, levels.other],
    ] as const) {
      const bar = el.querySelector<HTMLElement>(".bar");
      bar?.style.setProperty("--level", meterOf(level).toFixed(2));
      el.dataset.level = level.toFixed(4);
    }
  }

  private _tick(): void {
    const v = this._call.view;
    text(this._time, v.phase === "live" ? duration(Date.now() - v.since) : "");
  }

  private _name(): string {
    return this._call.view.call?.staff?.name ?? this._t("somebody");
  }

  render(): void {
    const t = this._t;
    const v = this._call.view;
    this.el.hidden = !this._call.busy;
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
              ? t(this._held() ? "call_held" : "call_with", { name: this._name() })
              : state === "held"
                ? t("call_held")
                : t("call_queued");
    text(this._title, words);
    this.el.dataset.state = v.phase === "live" ? (state ?? "") : v.phase;
    this.el.dataset.leg = v.leg;
    this._tick();
    this._renderQuality();
    this._renderRecording();
    const live = v.phase === "live";
    for (const el of [this._own.parentElement, this._muteButton.parentElement])
      if (el) el.hidden = !live;
    this._tap.hidden = !live || v.leg !== "silent";
    this._muteButton.setAttribute("aria-pressed", String(v.muted));
    const label = v.muted ? t("call_unmute") : t("call_mute");
    this._muteButton.replaceChildren(icon(v.muted ? "micOff" : "mic"), h("span", null, label));
  }

  /* Music although the call is answered. */
  private _held(): boolean {
    const { call } = this._call.view;
    return call?.state === "held" || (call?.state === "active" && call.on_hold === true);
  }

  /* Said when it begins, pauses and goes on; in view as long as it lasts. */
  private _renderRecording(): void {
    const v = this._call.view;
    const now = v.phase === "live" ? (v.call?.recording ?? "off") : "off";
    if (this._recording.dataset.recording === now) return;
    this._recording.dataset.recording = now;
    const words = now === "off" ? "" : this._t(`rec_${now}`);
    this._recording.replaceChildren(...(words ? [icon("record", 16), h("span", null, words)] : []));
  }

  private _renderQuality(): void {
    const t = this._t;
    const v = this._call.view;
    const leg = judged(v.quality);
    const verdict = worst(leg);
    let words = "";
    let mood: string = grade(leg);
    if (v.phase === "asking") words = t("call_ask_mic_text");
    else if (v.phase !== "live") words = "";
    else if (v.leg === "broken") [words, mood] = [t("call_broken"), "bad"];
    else if (v.leg === "connecting") words = t("call_connecting");
    else if (v.leg === "silent") words = t("call_tap");
    else if (v.agentLost) [words, mood] = [t("call_agent_lost", { name: this._name() }), "fair"];
    else if (this._held()) words = t("call_held_text", { name: this._name() });
    else if (v.muted) words = t("call_muted");
    else if (verdict) words = t.find(`q_${verdict}`) ?? "";
    else if (v.agentMuted) words = t("call_agent_muted", { name: this._name() });
    else if (leg) words = t("q_good");
    const quiet = v.leg === "connecting" || v.leg === "silent" || (this._held() && !v.agentLost);
    if (v.phase !== "live" || (quiet && v.leg !== "broken")) mood = "info";
    this._quality.dataset.mood = mood;
    this._quality.dataset.verdict = verdict ?? "";
    if (this._quality.dataset.words === words) return;
    this._quality.dataset.words = words;
    const sign = mood === "good" ? "check" : mood === "info" ? "info" : "warn";
    this._quality.replaceChildren(...(words ? [icon(sign, 16), h("span", null, words)] : []));
  }
}
