/* Everything about calls in one: loaded when a call is first wanted, or found going on. */
import { h } from "../shared/dom";
import { duration } from "../shared/format";
import type { ChatState, Id, ServerFrame } from "../shared/protocol";
import { type CallOptions, CustomerCall } from "./call";
import { CallBar } from "./callbar";
import { card, cardButton, Keeper } from "./card";
import type { T } from "./words";

export interface CallsOptions extends Omit<CallOptions, "audio" | "onLevels"> {
  t: T;
  close: HTMLElement;
  start(): void;
}

export class Calls {
  private readonly _call: CustomerCall;
  private readonly _bar: CallBar;
  private readonly _audio = h("audio", { autoplay: true, "data-testid": "call-audio" });
  private readonly _keeper = new Keeper();

  constructor(private readonly _o: CallsOptions) {
    this._call = new CustomerCall({
      ..._o,
      audio: this._audio,
      onLevels: (levels) => this._bar.levels(levels),
    });
    this._bar = new CallBar(_o.t, this._call, _o.close);
  }

  /* What the panel puts into its place. */
  get nodes(): Node[] {
    return [this._bar.el, this._audio];
  }

  get busy(): boolean {
    return this._call.busy;
  }

  /* The chat of the call that is on. */
  get chatId(): Id | null {
    return this._call.busy ? (this._call.view.call?.chat_id ?? null) : null;
  }

  get waiting(): boolean {
    return this._call.view.call?.state === "queued";
  }

  get elsewhere(): boolean {
    return this._call.view.elsewhere !== null;
  }

  start(chatId: Id | null): Promise<void> {
    return this._call.start(chatId);
  }

  dismiss(): void {
    this._call.dismiss();
  }

  fromChat(state: ChatState): void {
    this._call.fromChat(state);
  }

  frame(frame: ServerFrame): void {
    this._call.frame(frame);
  }

  socketBack(): void {
    this._call.socketBack();
  }

  render(): void {
    this._bar.render();
  }

  cards(): Node[] {
    const { view } = this._call;
    const cards: Node[] = [];
    const problem = this._problem();
    if (problem) cards.push(problem);
    if (view.elsewhere && !this.busy) cards.push(this._elsewhereCard(view.elsewhere));
    if (view.phase === "over") cards.push(this._over());
    return cards;
  }

  private _elsewhereCard(id: Id): HTMLElement {
    const { t } = this._o;
    const call = this._call;
    return this._keeper.keep("elsewhere", id, () =>
      card(
        "elsewhere",
        "phone",
        t("call_elsewhere"),
        [t("call_elsewhere_text")],
        cardButton(t("call_here"), () => void call.resume(id), "call-here", true),
        cardButton(t("call_end"), () => void call.endElsewhere(id)),
      ),
    );
  }

  private _endWords(): string {
    const { t } = this._o;
    const call = this._call.view.call;
    switch (call?.end_reason) {
      case "media_lost":
      case "process_lost":
      case "drained":
        return t("call_lost");
      case "no_answer":
        return t("call_no_answer");
      case "media_refused":
        return t("call_failed");
    }
    if (!call?.answered_at) return t("call_ended_queue");
    if (!call.ended_at) return "";
    const talked = Date.parse(call.ended_at) - Date.parse(call.answered_at);
    return t("call_ended_text", { time: duration(talked) });
  }

  private _over(): HTMLElement {
    const { t, start } = this._o;
    const words = this._endWords();
    return this._keeper.keep("over", `${this._call.view.call?.id} ${words}`, () => {
      const el = card(
        "over",
        "phone",
        t("call_ended"),
        words ? [words] : [],
        cardButton(t("call_again"), start, "call-again"),
        cardButton(t("call_dismiss"), () => this.dismiss(), "call-dismiss"),
      );
      el.setAttribute("role", "status");
      return el;
    });
  }

  private _problem(): HTMLElement | null {
    const { t, start } = this._o;
    const what = this._call.view.problem;
    if (!what) return null;
    return this._keeper.keep("problem", what, () => {
      const ours = what === "failed" || what === "limit";
      const again = cardButton(t("try_again"), start, "call-retry", true);
      const el = card(
        "problem",
        ours ? "warn" : "micOff",
        ours ? t(`call_${what}`) : t(`mic_${what}`),
        ours ? [] : [t(`mic_${what}_text`)],
        ...(what === "unsupported" || what === "limit" ? [] : [again]),
        cardButton(t("call_dismiss"), () => this.dismiss()),
      );
      el.setAttribute("role", "alert");
      el.dataset.problem = what;
      return el;
    });
  }
}
