/* The composed states of the panel: before the first message, in the queue, ended, signed out,
 * closed, and everything that can be said about a call or a microphone. */
import type { Chat } from "../shared/chat";
import type { Client } from "../shared/client";
import { h } from "../shared/dom";
import { duration, minutes } from "../shared/format";
import { icon } from "../shared/icons";
import type { WidgetConfig } from "../shared/protocol";
import type { CustomerCall } from "./call";
import { card } from "./callbar";
import type { T } from "./words";

export interface CardsOptions {
  t: T;
  lang: string;
  config: WidgetConfig;
  privacy: string;
  call: CustomerCall;
  client: Client;
  begin(): void;
  history(): void;
  startCall(): void;
  retryAuth(): void;
}

export class Cards {
  private kept = new Map<string, { was: string; el: HTMLElement }>();

  constructor(private readonly o: CardsOptions) {}

  /* The same element for the same words: a focused button stays where it is. */
  private keep(key: string, was: string, make: () => HTMLElement): HTMLElement {
    const old = this.kept.get(key);
    if (old?.was === was) return old.el;
    const el = make();
    this.kept.set(key, { was, el });
    return el;
  }

  private button(label: string, onclick: () => void, primary = false, testid = ""): HTMLElement {
    return h(
      "button",
      { type: "button", class: primary ? "primary" : "plain", onclick, "data-testid": testid || null },
      label,
    );
  }

  /* Above the messages. */
  head(chat: Chat | null, writing: boolean, loading: boolean): Node[] {
    const { config, client } = this.o;
    if (loading && !writing) return [this.keep("skeleton", "", () => this.skeleton())];
    if (client.status === "refused" && !client.me) return [];
    if (chat?.messages.length || (chat && !chat.loaded)) return [];
    if (!config.features.chat && !config.features.call) return [];
    return [this.keep("welcome", String(Boolean(chat)), () => this.welcome(!chat))];
  }

  private skeleton(): HTMLElement {
    const bone = (kind: string) => h("span", { class: `bone ${kind}` });
    return h("div", { class: "skeleton", "aria-hidden": "true" }, bone("a"), bone("b"), bone("c"));
  }

  private welcome(greet: boolean): HTMLElement {
    const { t, config, privacy } = this.o;
    const site = config.site.name || t("title");
    const both = config.features.call && this.o.call.supported;
    const notice = h("p", { class: "notice", "data-testid": "notice" }, icon("lock", 16));
    const said = h("span", null, t("notice", { site }));
    if (/^https?:\/\//.test(privacy))
      said.append(
        " ",
        h("a", { href: privacy, target: "_blank", rel: "noopener" }, t("notice_link")),
      );
    notice.append(said);
    return h(
      "div",
      { class: "welcome" },
      greet ? h("h2", null, t("greeting")) : null,
      greet ? h("p", null, t(both ? "greeting_both" : "greeting_chat")) : null,
      notice,
      greet
        ? h(
            "button",
            { type: "button", class: "link", onclick: () => this.o.history(), "data-testid": "earlier" },
            t("earlier"),
          )
        : null,
    );
  }

  /* Between the messages and the composer. */
  foot(chat: Chat | null): Node[] {
    const { t, config, client, call } = this.o;
    if (client.status === "refused" && !client.me) {
      const site = config.site.name;
      return [
        this.keep("signed-out", "", () =>
          card(
            "signed-out",
            "user",
            t("signed_out_title"),
            [t("signed_out_text", { site })],
            this.button(t("try_again"), () => this.o.retryAuth(), true),
          ),
        ),
      ];
    }
    const cards: Node[] = [];
    const problem = this.problem();
    if (problem) cards.push(problem);
    if (call.view.elsewhere && !call.busy) cards.push(this.elsewhere(call.view.elsewhere));
    if (call.view.phase === "over") cards.push(this.over());
    const state = chat?.state;
    if (state?.status === "closed") cards.push(this.closed());
    else if (state?.status === "queued" || call.view.call?.state === "queued") {
      const queue = this.queue(chat);
      if (queue) cards.push(queue);
    }
    if (!config.features.chat && !config.features.call)
      cards.push(
        this.keep("hours", "", () =>
          card("hours", "clock", t("closed_hours_title"), [t("closed_hours_text")]),
        ),
      );
    return cards;
  }

  private queue(chat: Chat | null): HTMLElement | null {
    const { t, call } = this.o;
    const onCall = call.busy;
    const at = chat?.position;
    const title = !at
      ? t("queue_joining")
      : at.position <= 1
        ? t("queue_first")
        : t("queue_position", { n: at.position });
    const lines: string[] = [];
    if (at) {
      if (at.wait_low_ms === null || at.wait_high_ms === null) lines.push(t("queue_wait_unknown"));
      else {
        const low = minutes(at.wait_low_ms);
        const high = minutes(at.wait_high_ms);
        lines.push(
          low === high ? t("queue_wait_one", { n: low }) : t("queue_wait", { low, high }),
        );
      }
    }
    if (chat?.timeoutStep) lines.push(t("queue_long"));
    lines.push(t(onCall ? "queue_keep_call" : "queue_keep"));
    const was = title + lines.join();
    return this.keep("queue", was, () => {
      const el = card("queue", "queue", title, lines);
      el.setAttribute("role", "status");
      if (at) el.dataset.position = String(at.position);
      return el;
    });
  }

  private closed(): HTMLElement {
    const { t } = this.o;
    return this.keep("closed", "", () =>
      card(
        "closed",
        "check",
        t("closed_title"),
        [t("closed_text")],
        this.button(t("new_chat"), () => this.o.begin(), true, "new-chat"),
        this.button(t("earlier"), () => this.o.history(), false, "earlier"),
      ),
    );
  }

  private elsewhere(id: string): HTMLElement {
    const { t, call } = this.o;
    return this.keep("elsewhere", id, () =>
      card(
        "elsewhere",
        "phone",
        t("call_elsewhere"),
        [t("call_elsewhere_text")],
        this.button(t("call_here"), () => void call.resume(id), true, "call-here"),
        this.button(t("call_end"), () => void call.endElsewhere(id)),
      ),
    );
  }

  private over(): HTMLElement {
    const { t, call } = this.o;
    const ended = call.view.call;
    const reason = ended?.end_reason ?? "";
    const talked =
      ended?.answered_at && ended.ended_at
        ? Date.parse(ended.ended_at) - Date.parse(ended.answered_at)
        : null;
    const line =
      reason === "media_lost" || reason === "process_lost" || reason === "drained"
        ? t("call_lost")
        : reason === "no_answer"
          ? t("call_no_answer")
          : reason === "media_refused"
            ? t("call_failed")
            : talked !== null
              ? t("call_ended_text", { time: duration(talked) })
              : ended?.answered_at
                ? ""
                : t("call_ended_queue");
    return this.keep("over", `${ended?.id} ${line}`, () => {
      const el = card(
        "over",
        "phone",
        t("call_ended"),
        line ? [line] : [],
        this.button(t("call_again"), () => this.o.startCall(), false, "call-again"),
        this.button(t("call_dismiss"), () => call.dismiss(), false, "call-dismiss"),
      );
      el.setAttribute("role", "status");
      return el;
    });
  }

  private problem(): HTMLElement | null {
    const { t, call } = this.o;
    const what = call.view.problem;
    if (!what) return null;
    return this.keep("problem", what, () => {
      const title =
        what === "failed" ? t("call_failed") : what === "limit" ? t("call_limit") : t(`mic_${what}`);
      const lines = what === "failed" || what === "limit" ? [] : [t(`mic_${what}_text`)];
      const again = this.button(t("try_again"), () => this.o.startCall(), true, "call-retry");
      const el = card(
        "problem",
        what === "failed" || what === "limit" ? "warn" : "micOff",
        title,
        lines,
        ...(what === "unsupported" || what === "limit" ? [] : [again]),
        this.button(t("call_dismiss"), () => call.dismiss()),
      );
      el.setAttribute("role", "alert");
      el.dataset.problem = what;
      return el;
    });
  }
}
