/* The panel: puts together host, client, log, call and composer, and draws what they hold. */

import { callsSupported } from "../shared/callable";
import { type Chat, unread } from "../shared/chat";
import { Client } from "../shared/client";
import { children, h, text } from "../shared/dom";
import { direction } from "../shared/i18n/index";
import { icon } from "../shared/icons";
import type { ChatState, ServerFrame, WidgetConfig } from "../shared/protocol";
import { ProblemError } from "../shared/protocol";
import { makeRest, type Rest } from "../shared/rest";
import * as callCards from "./callcards";
import type { Calls } from "./calls";
import { Cards } from "./cards";
import { Composer } from "./composer";
import { History } from "./history";
import type { Host } from "./host";
import { Log } from "./log";
import { theme } from "./theme";
import { chooseWords, type T } from "./words";

const DEFAULTS: WidgetConfig = {
  features: { chat: true, call: true },
  languages: [],
  limits: { message_chars: 4000 },
  site: { name: "" },
};

/* The customer's JWT, asked of the page again when it was refused or is a minute old. */
class Tokens {
  private _token: string | null = null;
  private _at = 0;

  constructor(private readonly _host: Host) {}

  async get(): Promise<string | null> {
    if (!this._host.config.token) return null;
    if (!this._token || Date.now() - this._at > 60000) {
      this._token = await this._host.token();
      this._at = Date.now();
    }
    return this._token;
  }

  drop(): void {
    this._token = null;
  }

  readonly headers = async (): Promise<Record<string, string>> => {
    const token = await this.get();
    return token ? { Authorization: `Bearer ${token}` } : {};
  };
}

export class Panel {
  private readonly _rest: Rest;
  private readonly _client: Client;
  private readonly _t: T;
  private readonly _lang: string;
  private _calls: Calls | null = null;
  private _callsLoading: Promise<Calls> | null = null;
  private readonly _canCall: boolean;
  private readonly _log: Log;
  private readonly _cards: Cards;
  private readonly _composer: Composer;
  private readonly _history: History;
  private readonly _title = h("h1", { "data-testid": "site-name" });
  private readonly _sub = h("p", { class: "sub", "data-testid": "header-status" });
  private readonly _header: HTMLElement;
  private readonly _line = h("p", { class: "line", role: "status", "data-testid": "connection" });
  private readonly _typing = h("p", { class: "typing", role: "status", "data-testid": "typing" });
  private readonly _main = h("main", { class: "panel", "data-testid": "panel" });
  private readonly _cardBox = h("div", { class: "cards" });
  private _visible: boolean;
  private _queued = false;
  private _ice: RTCIceServer[] = [];
  /* The chat that is shown; fresh: the customer wants to begin a new one. */
  private _chatId: string | null = null;
  private _fresh = false;
  private _wasOnline = false;

  constructor(
    private readonly _host: Host,
    private readonly _config: WidgetConfig,
    tokens: Tokens,
    chosen: { t: T; lang: string },
  ) {
    this._t = chosen.t;
    this._lang = chosen.lang;
    this._visible = _host.config.open;
    document.documentElement.lang = chosen.lang;
    document.documentElement.dir = direction(chosen.lang);
    theme(_host.config.accent, _host.config.on);

    this._rest = makeRest({ headers: tokens.headers, refused: () => tokens.drop() });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this._client = new Client({
      url: `${scheme}://${location.host}/ws`,
      rest: this._rest,
      language: chosen.lang,
      auth: () => this._auth(tokens),
      refused: () => tokens.drop(),
      onChange: () => this._soon(),
      onFrame: (frame) => this._frame(frame),
      onWelcome: (frame) => {
        this._renew(frame.ice_servers);
        this._calls?.socketBack();
      },
    });
    this._canCall = _config.features.call && callsSupported();
    this._log = new Log({
      t: this._t,
      lang: this._lang,
      me: () => this._client.me?.id,
      online: () => this._client.socket.online,
      retry: (item) => {
        /* What an ended conversation would not take begins a new one. */
        if (this._chat()?.state?.status === "closed") {
          item.chat_id = null;
          this._begin();
        }
        this._client.retry(item);
      },
      discard: (item) => this._client.discard(item),
    });
    this._composer = new Composer({
      t: this._t,
      limit: _config.limits.message_chars,
      canCall: this._canCall,
      send: (body) => {
        this._client.say(this._chatId, body);
        this._log.toEnd();
      },
      typing: (active) => this._chatId && this._client.typing(this._chatId, active),
      call: () => void this._startCall(),
    });
    this._history = new History({
      t: this._t,
      lang: this._lang,
      rest: this._rest,
      onBack: () => this._soon(),
      onPick: (id) => {
        this._chatId = id;
        this._fresh = false;
        void this._client.open(id);
        this._soon();
      },
    });
    this._cards = new Cards({
      t: this._t,
      config: _config,
      privacy: _host.config.privacy,
      canCall: this._canCall,
      calls: () => this._calls,
      client: this._client,
      begin: () => this._begin(),
      history: () => void this._history.open(),
      retryAuth: () => {
        tokens.drop();
        this._client.socket.stop();
        this._client.socket.start();
      },
    });
    this._header = h(
      "header",
      { class: "head" },
      h("div", null, this._title, this._sub),
      this._closeButton(),
    );
    this._build();
  }

  private _closeButton(): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: "iconbutton",
        "aria-label": this._t("close"),
        "data-testid": "panel-close",
        hidden: window.parent === window,
        onclick: () => this._host.close(),
      },
      icon("close"),
    );
  }

  private _build(): void {
    this._main.append(
      this._header,
      this._line,
      this._log.el,
      this._history.el,
      this._cardBox,
      this._typing,
      this._composer.el,
    );
    document.body.replaceChildren(this._main);
    document.title = this._config.site.name || this._t("title");
    text(this._title, this._config.site.name || this._t("title"));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this._host.close();
    });
    document.addEventListener("visibilitychange", () => this._soon());
    /* Coming into view or growing cards must not leave the end of the talk out of sight. */
    let atEnd = true;
    this._log.el.addEventListener("scroll", () => {
      atEnd = this._log.atEnd;
    });
    new ResizeObserver(() => atEnd && this._log.toEnd()).observe(this._log.el);
    this._host.onVisible((open, focus) => {
      this._visible = open;
      if (open && focus) this._composer.focus();
      this._soon();
    });
    this._client.socket.start();
    this._draw();
    if (this._host.config.focus) this._composer.focus();
  }

  private async _auth(tokens: Tokens): Promise<{ token?: string; ticket?: string }> {
    if (this._host.config.token) {
      const token = await tokens.get();
      if (!token) throw new ProblemError({ status: 401, code: "signed_out" });
      return { token };
    }
    const { ticket } = await this._rest<{ ticket: string }>("POST", "/ws-ticket", {});
    return { ticket };
  }

  private _renew(servers: RTCIceServer[]): void {
    this._ice = servers;
    this._calls?.renew(servers);
  }

  private _frame(frame: ServerFrame): void {
    if (frame.type === "ice.servers") this._renew(frame.ice_servers);
    else if (this._calls) this._calls.frame(frame);
    else if (frame.type === "call.ring") void this._loadCalls().then((calls) => calls.frame(frame));
  }

  /* The code of calls comes when it is first needed. */
  private _loadCalls(): Promise<Calls> {
    this._callsLoading ??= import("./calls").then(({ Calls }) => {
      const calls = new Calls({
        t: this._t,
        client: this._client,
        rest: this._rest,
        close: this._closeButton(),
        iceServers: () => this._ice,
        onChange: () => this._soon(),
        start: () => void this._startCall(),
        show: () => this._host.show(),
        features: this._config.features,
        make: callCards,
      });
      this._header.after(...calls.nodes);
      this._calls = calls;
      this._soon();
      return calls;
    });
    this._callsLoading.catch(() => {
      this._callsLoading = null;
    });
    return this._callsLoading;
  }

  private async _startCall(): Promise<void> {
    try {
      const calls = await this._loadCalls();
      const chat = this._chat();
      const open = chat?.state && chat.state.status !== "closed";
      await calls.start(open ? chat.id : null);
      if (!calls.chatId) return;
      this._chatId = calls.chatId;
      this._fresh = false;
      this._soon();
    } catch {
      /* Offline: the line under the header says so; the button can be pressed again. */
    }
  }

  private _begin(): void {
    this._chatId = null;
    this._fresh = true;
    this._history.picked = false;
    this._calls?.dismiss();
    this._composer.focus();
    this._soon();
  }

  private _chat(): Chat | null {
    return this._chatId ? (this._client.chats.get(this._chatId) ?? null) : null;
  }

  /* The newest open chat, wherever it was begun; an ended one stays until another begins. */
  private _choose(): void {
    const current = this._chat();
    if (this._history.picked) return;
    if (current?.state && current.state.status !== "closed") return;
    const open = [...this._client.chats.values()]
      .filter((c) => c.state && c.state.status !== "closed")
      .sort((a, b) => (b.state?.created_at ?? "").localeCompare(a.state?.created_at ?? ""));
    const next = open[0];
    if (next) {
      this._chatId = next.id;
      this._fresh = false;
    } else if (this._fresh) this._chatId = null;
  }

  private _soon(): void {
    if (this._queued) return;
    this._queued = true;
    queueMicrotask(() => {
      this._queued = false;
      this._draw();
    });
  }

  private _draw(): void {
    this._choose();
    const chat = this._chat();
    const state = chat?.state ?? null;
    this._drawCalls(state);
    text(this._sub, this._status(chat));
    this._drawLine();
    const listing = this._history.visible;
    this._history.el.hidden = !listing;
    this._log.el.hidden = listing;
    const out = this._client.outbox.items.filter(
      (i) => i.chat_id === this._chatId || (i.chat_id === null && this._chatId === null),
    );
    const loading = !this._client.listed && this._client.status !== "refused" && !chat;
    this._log.render(chat, out, this._cards.head(chat, out.length > 0, loading));
    const hash = chat && this._client.hashes.get(chat.id);
    if (hash) this._log.el.dataset.stateHash = hash;
    children(this._cardBox, listing ? [] : this._cards.foot(chat));
    const typing = chat?.typing
      ? this._t("typing", { name: chat.typing.who ?? this._t("somebody") })
      : "";
    if (this._typing.dataset.words !== typing) {
      this._typing.dataset.words = typing;
      const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
      this._typing.replaceChildren(...(typing ? [dots, typing] : []));
    }
    this._drawComposer(listing, state?.status === "closed");
    this._marks(chat);
  }

  private _drawCalls(shown: ChatState | null): void {
    for (const { state } of this._client.chats.values()) {
      if (!state || (state.status === "closed" && state !== shown)) continue;
      if (this._calls) this._calls.fromChat(state);
      else if (state.call && this._canCall && !this._callsLoading) void this._loadCalls();
    }
    this._calls?.render();
    this._header.hidden = this._calls?.busy ?? false;
  }

  private _drawComposer(listing: boolean, closed: boolean): void {
    const refused = this._client.status === "refused" && !this._client.me;
    const { chat, call } = this._config.features;
    /* Nothing to read and nothing to write: the card alone has the space. */
    const lone = refused || (!chat && !call && !this._chat());
    this._main.classList.toggle("lone", lone);
    this._composer.el.hidden = listing || closed || refused || (!chat && !call);
    this._composer.update({ chat, call: call && !this._calls?.engaged });
  }

  private _status(chat: Chat | null): string {
    const t = this._t;
    const state = chat?.state;
    if (state?.status === "closed") return t("sub_closed");
    if (state?.status === "queued") return t("sub_queued");
    if (state?.assigned) {
      const name = state.assigned.name;
      return t(chat?.agentConnected === false ? "sub_away" : "sub_assigned", { name });
    }
    return this._client.status === "refused" || !this._config.features.chat ? "" : t("sub_none");
  }

  private _drawLine(): void {
    const { status } = this._client;
    const words =
      status === "waiting"
        ? this._t("offline")
        : status === "connecting" && this._wasOnline
          ? this._t("connecting")
          : status === "refused" && this._client.me
            ? this._t("signed_out_title")
            : "";
    if (status === "online") this._wasOnline = true;
    this._line.dataset.status = status;
    if (this._line.dataset.words === words) return;
    this._line.dataset.words = words;
    this._line.replaceChildren(...(words ? [icon("warn", 16), h("span", null, words)] : []));
  }

  private _marks(chat: Chat | null): void {
    const seen = this._visible && document.visibilityState === "visible" && !this._history.visible;
    if (chat?.loaded && seen) this._client.read(chat);
    const me = this._client.me;
    if (!me) return;
    let n = 0;
    if (!seen) for (const c of this._client.chats.values()) n += unread(c, me);
    this._host.unread(n);
  }
}

export async function startPanel(host: Host): Promise<Panel> {
  const tokens = new Tokens(host);
  const rest = makeRest({ headers: async () => ({}), refused: () => undefined });
  let config = DEFAULTS;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const path = `/widget-config?origin=${encodeURIComponent(host.origin)}`;
      config = { ...DEFAULTS, ...(await rest<WidgetConfig>("GET", path)) };
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 400 * (tries + 1)));
    }
  }
  const chosen = await chooseWords(host.config.lang, config.languages);
  return new Panel(host, config, tokens, chosen);
}
