/* Everything about calls in one: loaded when a call is first wanted, or found going on. */
import { h } from "../shared/dom";
import { duration } from "../shared/format";
import type { ChatState, Id, ServerFrame, WidgetConfig } from "../shared/protocol";
import { type CallOptions, CustomerCall } from "./call";
import { CallBar } from "./callbar";
import type * as callCards from "./callcards";
import { Keeper } from "./card";
import type { T } from "./words";

export interface CallsOptions extends Omit<CallOptions, "audio" | "onLevels"> {
  t: T;
  close: HTMLElement;
  features: WidgetConfig["features"];
  make: typeof callCards;
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

  /* A call is on, here or elsewhere, or to come: no other can begin. */
  get engaged(): boolean {
    const { elsewhere, callback } = this._call.view;
    return this.busy || elsewhere !== null || callback !== null;
  }

  /* May the waiting customer ask to be called back? */
  get offersCallback(): boolean {
    return this.waiting && this._o.features.callback === true;
  }

  get keptPlace(): boolean {
    return this._call.view.keptPlace;
  }

  callback(): void {
    void this._call.callback();
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

  renew(servers: RTCIceServer[]): void {
    this._call.renew(servers);
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
    this._o.make.ringTone(view.ring !== null && !this.busy);
    if (view.ring && !this.busy) cards.push(this._ringCard(view.ring.staff.name ?? ""));
    else if (view.callback) cards.push(this._callbackCard());
    if (view.elsewhere && !this.busy) cards.push(this._elsewhereCard(view.elsewhere));
    if (view.phase === "over") cards.push(this._over());
    return cards;
  }

  private _elsewhereCard(id: Id): HTMLElement {
    const { t, make } = this._o;
    const call = this._call;
    return this._keeper.keep("elsewhere", id, () =>
      make.elsewhereCard(
        t,
        () => void call.resume(id),
        () => void call.endElsewhere(id),
      ),
    );
  }

  private _ringCard(name: string): HTMLElement {
    const { t, make } = this._o;
    const call = this._call;
    return this._keeper.keep("ring", name, () =>
      make.ringCard(
        t,
        name,
        () => void call.answer(),
        () => void call.decline(),
      ),
    );
  }

  private _callbackCard(): HTMLElement {
    const { t, make } = this._o;
    const missed = Boolean(this._call.view.callback?.callback?.outcome);
    return this._keeper.keep("callback", String(missed), () =>
      make.callbackCard(t, missed, () => void this._call.cancel()),
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
      case "callback_failed":
        return t("callback_failed");
      case "media_refused":
        return t("call_failed");
    }
    if (!call?.answered_at) return t("call_ended_queue");
    if (!call.ended_at) return "";
    const talked = Date.parse(call.ended_at) - Date.parse(call.answered_at);
    return t("call_ended_text", { time: duration(talked) });
  }

  private _over(): HTMLElement {
    const { t, start, make, features } = this._o;
    const { call } = this._call.view;
    const words = this._endWords();
    const until = call?.rate_until ? Date.parse(call.rate_until) : 0;
    const rates = features.ratings === true && until > this._o.client.now();
    const rated = Boolean(call?.rating);
    return this._keeper.keep("over", `${call?.id} ${words} ${rates} ${rated}`, () =>
      make.overCard(t, words, rated, start, () => this.dismiss(), rates ? this._rate : null),
    );
  }

  private readonly _rate = (score: number, comment: string) => this._call.rate(score, comment);

  private _problem(): HTMLElement | null {
    const { t, start, make } = this._o;
    const what = this._call.view.problem;
    return what
      ? this._keeper.keep("problem", what, () =>
          make.problemCard(t, what, start, () => this.dismiss()),
        )
      : null;
  }
}
