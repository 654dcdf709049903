/* Earlier conversations: a list in place of the messages; a pick shows one to read. */
import { h } from "../shared/dom";
import { clock, dayName } from "../shared/format";
import { icon } from "../shared/icons";
import type { ChatListItem, Id, List } from "../shared/protocol";
import type { Rest } from "../shared/rest";
import type { T } from "./words";

export interface HistoryOptions {
  t: T;
  lang: string;
  rest: Rest;
  onBack(): void;
  onPick(id: Id): void;
}

export class History {
  readonly el = h("div", { class: "history", hidden: true, "data-testid": "history" });
  visible = false;
  /* The chat on show was picked here: newer ones do not take its place by themselves. */
  picked = false;

  constructor(private readonly _o: HistoryOptions) {}

  async open(): Promise<void> {
    this.visible = true;
    this._draw(null);
    this._o.onBack();
    try {
      const { items } = await this._o.rest<List<ChatListItem>>(
        "GET",
        "/chats?status=closed&limit=50",
      );
      this._draw(items);
    } catch {
      this._draw([]);
    }
    this.el.querySelector<HTMLElement>("button")?.focus();
  }

  private _leave(pick: Id | null): void {
    this.visible = false;
    this.picked = pick !== null;
    if (pick) this._o.onPick(pick);
    else this._o.onBack();
  }

  private _draw(items: ChatListItem[] | null): void {
    const { t, lang } = this._o;
    const back = h(
      "button",
      { type: "button", class: "link back", onclick: () => this._leave(null) },
      icon("back", 18),
      t("back"),
    );
    const list = h("ul", null);
    for (const item of items ?? []) {
      const at = item.last_message_at ?? item.created_at;
      const who = item.assigned ? t("with", { name: item.assigned.name }) : "";
      list.append(
        h(
          "li",
          null,
          h(
            "button",
            { type: "button", class: "entry", onclick: () => this._leave(item.id) },
            icon(item.channel === "voice" ? "phone" : "chat"),
            h("span", null, `${dayName(at, lang)}, ${clock(at, lang)}`),
            h("span", { class: "dim" }, who),
          ),
        ),
      );
    }
    const empty = items?.length === 0 && h("p", { class: "dim" }, t("earlier_none"));
    this.el.replaceChildren(back, h("h2", null, t("earlier")), empty || list);
  }
}
