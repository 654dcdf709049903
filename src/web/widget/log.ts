/* The list of messages: one element per message, kept and moved, never rebuilt, so that a screen
 * reader hears only what is new. */
import { type Chat, marksOf } from "../shared/chat";
import { children, h, text } from "../shared/dom";
import { clock, dayKey, dayName } from "../shared/format";
import { icon } from "../shared/icons";
import type { OutItem } from "../shared/outbox";
import type { Message } from "../shared/protocol";
import { linked, maskedParts } from "../shared/rich";
import { systemWords } from "../shared/system";
import type { T } from "./words";

export interface LogOptions {
  t: T;
  lang: string;
  me: () => string | undefined;
  online: () => boolean;
  retry(item: OutItem): void;
  discard(item: OutItem): void;
}

interface Row {
  el: HTMLElement;
  /* What was drawn; equal: nothing to do. */
  was: string;
}

export class Log {
  readonly el: HTMLElement;
  private _rows = new Map<string, Row>();
  private _shown = "";
  private _filling = false;

  constructor(private readonly _o: LogOptions) {
    this.el = h("div", {
      class: "log",
      role: "log",
      tabindex: 0,
      "aria-label": _o.t("log"),
      "data-testid": "messages",
    });
  }

  /* True when the reader is (nearly) at the end, so news may scroll it. */
  get atEnd(): boolean {
    return this.el.scrollHeight - this.el.scrollTop - this.el.clientHeight < 80;
  }

  toEnd(): void {
    this.el.scrollTop = this.el.scrollHeight;
  }

  render(chat: Chat | null, out: OutItem[], head: Node[]): void {
    const follow = this.atEnd || this._shown !== (chat?.id ?? "");
    const first = this._shown !== (chat?.id ?? "");
    if (first) {
      /* Back-filling a whole conversation is no news to be read aloud. */
      this.el.setAttribute("aria-live", "off");
      this._filling = true;
      this._rows.clear();
      this._shown = chat?.id ?? "";
    }
    const nodes: Node[] = [...head];
    const marks = marksOf(chat?.state ?? null, "staff");
    let day = "";
    let lastOwn = 0;
    for (const m of chat?.messages ?? [])
      if (m.kind === "message" && m.sender.kind === "customer") lastOwn = m.seq ?? 0;
    let previous = "";
    for (const m of chat?.messages ?? []) {
      const key = dayKey(m.created_at);
      if (key !== day) nodes.push(this._day(key, m.created_at));
      const same = key === day && previous === `${m.kind}${m.sender.id}`;
      day = key;
      previous = `${m.kind}${m.sender.id}`;
      nodes.push(this._message(m, marks, (m.seq ?? 0) === lastOwn, same));
    }
    for (const item of out) nodes.push(this._pending(item));
    children(this.el, nodes);
    if (chat) {
      this.el.dataset.chatId = chat.id;
      this.el.dataset.seq = String(chat.lastSeq);
      this.el.dataset.rev = String(chat.state?.rev ?? 0);
    }
    if (this._filling && chat?.loaded !== false) {
      this._filling = false;
      setTimeout(() => !this._filling && this.el.removeAttribute("aria-live"), 300);
    }
    if (follow) this.toEnd();
  }

  private _row(key: string, was: string, make: () => HTMLElement): HTMLElement {
    const row = this._rows.get(key);
    if (row?.was === was) return row.el;
    const el = make();
    if (row) row.el.replaceWith(el);
    this._rows.set(key, { el, was });
    return el;
  }

  private _day(key: string, iso: string): HTMLElement {
    const name = dayName(iso, this._o.lang);
    return this._row(`day ${key}`, name, () => h("p", { class: "day" }, h("span", null, name)));
  }

  private _message(
    m: Message,
    marks: { delivered: number; read: number },
    last: boolean,
    grouped: boolean,
  ): HTMLElement {
    const { t, lang } = this._o;
    if (m.kind === "system") {
      const words = systemWords(t, m, t("somebody")) ?? t("sys_unknown");
      return this._row(m.id, words, () =>
        h("p", { class: "system", "data-testid": "system-message" }, words),
      );
    }
    const own = m.sender.kind === "customer";
    const seq = m.seq ?? 0;
    const state = seq <= marks.read ? "read" : seq <= marks.delivered ? "delivered" : "sent";
    const was = `${m.body} ${own ? state : ""} ${own && last} ${grouped}`;
    const row = this._rows.get(m.id);
    if (row && own && row.was.startsWith(`${m.body} `) && row.was !== was) {
      /* Only the receipt changed: the text stays untouched, nothing is announced. */
      const meta = row.el.querySelector(".receipt");
      if (meta) {
        meta.replaceWith(this._receipt(state, last));
        row.was = was;
        return row.el;
      }
    }
    return this._row(m.id, was, () => {
      const who = own ? t("you") : (m.sender.name ?? t("somebody"));
      const body = h("p", { class: "body", dir: "auto" });
      body.append(...(m.masked.length ? maskedParts(m.body) : linked(m.body, !own)));
      const meta = h("p", { class: "meta" }, h("time", null, clock(m.created_at, lang)));
      if (own) meta.append(this._receipt(state, last));
      return h(
        "div",
        {
          class: `msg ${own ? "own" : "other"}${grouped ? " grouped" : ""}`,
          "data-testid": "message",
          "data-seq": seq,
        },
        h("p", { class: own || grouped ? "sr" : "who" }, who),
        body,
        m.masked.length > 0 && this._maskNote(m.masked),
        meta,
      );
    });
  }

  private _maskNote(categories: string[]): HTMLElement {
    const { t } = this._o;
    const what = categories.map((c) => t.find(`masked_${c}`) ?? t("masked_custom")).join(", ");
    return h(
      "p",
      { class: "masknote", "data-testid": "masked" },
      icon("lock", 14),
      t("masked", { what }),
    );
  }

  private _receipt(state: "sent" | "delivered" | "read", last: boolean): HTMLElement {
    const { t } = this._o;
    return h(
      "span",
      { class: `receipt ${state}`, "data-testid": "receipt", "data-state": state, title: t(state) },
      icon(state === "sent" ? "check" : "checks", 16),
      h("span", { class: last ? null : "sr" }, t(state)),
    );
  }

  private _pending(item: OutItem): HTMLElement {
    const { t } = this._o;
    const waiting = this._o.online() ? t("sending") : t("waiting_send");
    const failed = item.failed && (t.find(`failed_${item.failed}`) ?? t("failed"));
    const was = failed || waiting;
    const key = `out ${item.client_id}`;
    const row = this._rows.get(key);
    if (row && !failed && row.was !== was) {
      const word = row.el.querySelector(".state");
      if (word) {
        text(word, waiting);
        row.was = was;
        return row.el;
      }
    }
    return this._row(key, was, () =>
      h(
        "div",
        { class: `msg own pending${failed ? " failed" : ""}`, "data-testid": "pending" },
        h("p", { class: "sr" }, t("you")),
        h("p", { class: "body", dir: "auto" }, item.body),
        h(
          "p",
          { class: "meta" },
          icon(failed ? "warn" : "clock", 14),
          h("span", { class: "state" }, failed || waiting),
        ),
        failed
          ? h(
              "p",
              { class: "fix" },
              h(
                "button",
                { type: "button", class: "link", onclick: () => this._o.retry(item) },
                t("retry"),
              ),
              h(
                "button",
                { type: "button", class: "link", onclick: () => this._o.discard(item) },
                t("discard"),
              ),
            )
          : null,
      ),
    );
  }
}
