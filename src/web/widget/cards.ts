/* The composed states of the panel: before the first message, in the queue, ended, signed out and
 * closed. Those of calls are in calls.ts. */
import type { Chat } from "../shared/chat";
import type { Client } from "../shared/client";
import { h } from "../shared/dom";
import { minutes } from "../shared/format";
import { icon } from "../shared/icons";
import type { WidgetConfig } from "../shared/protocol";
import type { Calls } from "./calls";
import { card, cardButton, Keeper } from "./card";
import type { T } from "./words";

export interface CardsOptions {
  t: T;
  config: WidgetConfig;
  privacy: string;
  canCall: boolean;
  calls: () => Calls | null;
  client: Client;
  begin(): void;
  history(): void;
  retryAuth(): void;
}

export class Cards {
  private readonly _keeper = new Keeper();

  constructor(private readonly _o: CardsOptions) {}

  /* Above the messages. */
  head(chat: Chat | null, writing: boolean, loading: boolean): Node[] {
    const { config, client } = this._o;
    if (loading && !writing) return [this._keeper.keep("skeleton", "", () => this._skeleton())];
    if (client.status === "refused" && !client.me) return [];
    if (chat?.messages.length || (chat && !chat.loaded)) return [];
    if (!config.features.chat && !config.features.call) return [];
    return [this._keeper.keep("welcome", String(Boolean(chat)), () => this._welcome(!chat))];
  }

  private _skeleton(): HTMLElement {
    const bone = (kind: string) => h("span", { class: `bone ${kind}` });
    return h("div", { class: "skeleton", "aria-hidden": "true" }, bone("a"), bone("b"), bone("c"));
  }

  private _welcome(greet: boolean): HTMLElement {
    const { t, config, privacy } = this._o;
    const site = config.site.name || t("title");
    const both = this._o.canCall;
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
            {
              type: "button",
              class: "link",
              onclick: () => this._o.history(),
              "data-testid": "earlier",
            },
            t("earlier"),
          )
        : null,
    );
  }

  /* Between the messages and the composer. */
  foot(chat: Chat | null): Node[] {
    const { t, config, client } = this._o;
    if (client.status === "refused" && !client.me) {
      const site = config.site.name;
      const lines = [t("signed_out_text", { site })];
      const again = () => this._o.retryAuth();
      return [
        this._keeper.keep("signed-out", "", () =>
          card(
            "signed-out",
            "user",
            t("signed_out_title"),
            lines,
            cardButton(t("try_again"), again),
          ),
        ),
      ];
    }
    const calls = this._o.calls();
    const cards: Node[] = calls?.cards() ?? [];
    const state = chat?.state;
    if (state?.status === "closed") cards.push(this._closed());
    else if (state?.status === "queued" || calls?.waiting) cards.push(this._queue(chat));
    if (!config.features.chat && !config.features.call)
      cards.push(
        this._keeper.keep("hours", "", () =>
          card("hours", "clock", t("closed_hours_title"), [t("closed_hours_text")]),
        ),
      );
    return cards;
  }

  private _queue(chat: Chat | null): HTMLElement {
    const { t } = this._o;
    const onCall = this._o.calls()?.busy;
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
        lines.push(low === high ? t("queue_wait_one", { n: low }) : t("queue_wait", { low, high }));
      }
    }
    if (chat?.timeoutStep) lines.push(t("queue_long"));
    const calls = this._o.calls();
    if (onCall && calls?.keptPlace) lines.push(t("queue_kept"));
    lines.push(t(onCall ? "queue_keep_call" : "queue_keep"));
    const back = calls?.offersCallback
      ? [cardButton(t("callback"), () => calls.callback(), "callback")]
      : [];
    const was = title + lines.join() + back.length;
    return this._keeper.keep("queue", was, () => {
      const el = card("queue", "queue", title, lines, ...back);
      el.setAttribute("role", "status");
      if (at) el.dataset.position = String(at.position);
      return el;
    });
  }

  private _closed(): HTMLElement {
    const { t } = this._o;
    return this._keeper.keep("closed", "", () =>
      card(
        "closed",
        "check",
        t("closed_title"),
        [t("closed_text")],
        cardButton(t("new_chat"), () => this._o.begin(), "new-chat", true),
        cardButton(t("earlier"), () => this._o.history(), "earlier"),
      ),
    );
  }
}
