/* The panel: puts together host, client, log, call and composer, and draws what they hold. */
import { Client } from "../shared/client";
import { type Chat, unread } from "../shared/chat";
import { children, h, text } from "../shared/dom";
import { direction } from "../shared/i18n/index";
import { icon } from "../shared/icons";
import type { ServerFrame, WidgetConfig } from "../shared/protocol";
import { ProblemError } from "../shared/protocol";
import { makeRest, type Rest } from "../shared/rest";
import { CustomerCall } from "./call";
import { CallBar } from "./callbar";
import { Cards } from "./cards";
import { Composer } from "./composer";
import { History } from "./history";
import type { Host } from "./host";
import { Log } from "./log";
import { theme } from "./theme";
import { type T, words } from "./words";

const DEFAULTS: WidgetConfig = {
  features: { chat: true, call: true },
  languages: [],
  limits: { message_chars: 4000 },
  site: { name: "" },
};

/* The customer's JWT, asked of the page again when it was refused or is a minute old. */
class Tokens {
  private token: string | null = null;
  private at = 0;

  constructor(private readonly host: Host) {}

  async get(): Promise<string | null> {
    if (!this.host.config.token) return null;
    if (!this.token || Date.now() - this.at > 60000) {
      this.token = await this.host.token();
      this.at = Date.now();
    }
    return this.token;
  }

  drop(): void {
    this.token = null;
  }

  readonly headers = async (): Promise<Record<string, string>> => {
    const token = await this.get();
    return token ? { Authorization: `Bearer ${token}` } : {};
  };
}

export class Panel {
  private readonly rest: Rest;
  private readonly client: Client;
  private readonly t: T;
  private readonly lang: string;
  private readonly call: CustomerCall;
  private readonly bar: CallBar;
  private readonly log: Log;
  private readonly cards: Cards;
  private readonly composer: Composer;
  private readonly history: History;
  private readonly title = h("h1", { "data-testid": "site-name" });
  private readonly sub = h("p", { class: "sub", "data-testid": "header-status" });
  private readonly header: HTMLElement;
  private readonly line = h("p", { class: "line", role: "status", "data-testid": "connection" });
  private readonly typing = h("p", { class: "typing", role: "status", "data-testid": "typing" });
  private readonly cardBox = h("div", { class: "cards" });
  private readonly audio = h("audio", { autoplay: true, "data-testid": "call-audio" });
  private visible: boolean;
  private queued = false;
  private ice: RTCIceServer[] = [];
  /* The chat that is shown; fresh: the customer wants to begin a new one. */
  private chatId: string | null = null;
  private fresh = false;
  private wasOnline = false;

  constructor(
    private readonly host: Host,
    private readonly config: WidgetConfig,
    tokens: Tokens,
  ) {
    const chosen = words(host.config.lang, config.languages);
    this.t = chosen.t;
    this.lang = chosen.lang;
    this.visible = host.config.open;
    document.documentElement.lang = chosen.lang;
    document.documentElement.dir = direction(chosen.lang);
    theme(host.config.accent);

    this.rest = makeRest({ headers: tokens.headers, refused: () => tokens.drop() });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.client = new Client({
      url: `${scheme}://${location.host}/ws`,
      rest: this.rest,
      language: chosen.lang,
      auth: () => this.auth(tokens),
      refused: () => tokens.drop(),
      onChange: () => this.soon(),
      onFrame: (frame) => this.frame(frame),
      onWelcome: (frame) => {
        this.ice = frame.ice_servers;
        this.call.socketBack();
      },
    });
    this.call = new CustomerCall({
      client: this.client,
      rest: this.rest,
      audio: this.audio,
      iceServers: () => this.ice,
      onChange: () => this.soon(),
      onLevels: (levels) => this.bar.levels(levels),
    });
    this.bar = new CallBar(this.t, this.call, this.closeButton());
    this.log = new Log({
      t: this.t,
      lang: this.lang,
      me: () => this.client.me?.id,
      online: () => this.client.socket.online,
      retry: (item) => {
        /* What an ended conversation would not take begins a new one. */
        if (this.chat()?.state?.status === "closed") {
          item.chat_id = null;
          this.begin();
        }
        this.client.retry(item);
      },
      discard: (item) => this.client.discard(item),
    });
    this.composer = new Composer({
      t: this.t,
      limit: config.limits.message_chars,
      canCall: config.features.call && this.call.supported,
      send: (body) => {
        this.client.say(this.chatId, body);
        this.log.toEnd();
      },
      typing: (active) => this.chatId && this.client.typing(this.chatId, active),
      call: () => void this.startCall(),
    });
    this.history = new History({
      t: this.t,
      lang: this.lang,
      rest: this.rest,
      onBack: () => this.soon(),
      onPick: (id) => {
        this.chatId = id;
        this.fresh = false;
        void this.client.open(id);
        this.soon();
      },
    });
    this.cards = new Cards({
      t: this.t,
      lang: this.lang,
      config,
      privacy: host.config.privacy,
      call: this.call,
      client: this.client,
      begin: () => this.begin(),
      history: () => void this.history.open(),
      startCall: () => void this.startCall(),
      retryAuth: () => {
        tokens.drop();
        this.client.socket.stop();
        this.client.socket.start();
      },
    });
    this.header = h(
      "header",
      { class: "head" },
      h("div", null, this.title, this.sub),
      this.closeButton(),
    );
    this.build();
  }

  private closeButton(): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: "iconbutton",
        "aria-label": this.t("close"),
        "data-testid": "panel-close",
        hidden: window.parent === window,
        onclick: () => this.host.close(),
      },
      icon("close"),
    );
  }

  private build(): void {
    const main = h(
      "main",
      { class: "panel", "data-testid": "panel" },
      this.header,
      this.bar.el,
      this.line,
      this.log.el,
      this.history.el,
      this.cardBox,
      this.typing,
      this.composer.el,
      this.audio,
    );
    document.body.replaceChildren(main);
    document.title = this.config.site.name || this.t("title");
    text(this.title, this.config.site.name || this.t("title"));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.host.close();
    });
    document.addEventListener("visibilitychange", () => this.soon());
    /* Coming into view or growing cards must not leave the end of the talk out of sight. */
    let atEnd = true;
    this.log.el.addEventListener("scroll", () => {
      atEnd = this.log.atEnd;
    });
    new ResizeObserver(() => atEnd && this.log.toEnd()).observe(this.log.el);
    this.host.onVisible((open, focus) => {
      this.visible = open;
      if (open && focus) this.composer.focus();
      this.soon();
    });
    this.client.socket.start();
    this.draw();
    if (this.host.config.focus) this.composer.focus();
  }

  private async auth(tokens: Tokens): Promise<{ token?: string; ticket?: string }> {
    if (this.host.config.token) {
      const token = await tokens.get();
      if (!token) throw new ProblemError({ status: 401, code: "signed_out" });
      return { token };
    }
    const { ticket } = await this.rest<{ ticket: string }>("POST", "/ws-ticket", {});
    return { ticket };
  }

  private frame(frame: ServerFrame): void {
    this.call.frame(frame);
  }

  private async startCall(): Promise<void> {
    const chat = this.chat();
    const open = chat?.state && chat.state.status !== "closed";
    await this.call.start(open ? chat.id : null);
    const id = this.call.view.call?.chat_id;
    if (id && this.call.busy) {
      this.chatId = id;
      this.fresh = false;
      this.soon();
    }
  }

  private begin(): void {
    this.chatId = null;
    this.fresh = true;
    this.history.picked = false;
    this.call.dismiss();
    this.composer.focus();
    this.soon();
  }

  private chat(): Chat | null {
    return this.chatId ? (this.client.chats.get(this.chatId) ?? null) : null;
  }

  /* The newest open chat, wherever it was begun; an ended one stays until another begins. */
  private choose(): void {
    const current = this.chat();
    if (this.history.picked) return;
    if (current?.state && current.state.status !== "closed") return;
    const open = [...this.client.chats.values()]
      .filter((c) => c.state && c.state.status !== "closed")
      .sort((a, b) => (b.state?.created_at ?? "").localeCompare(a.state?.created_at ?? ""));
    const next = open[0];
    if (next) {
      this.chatId = next.id;
      this.fresh = false;
    } else if (this.fresh) this.chatId = null;
  }

  private soon(): void {
    if (this.queued) return;
    this.queued = true;
    queueMicrotask(() => {
      this.queued = false;
      this.draw();
    });
  }

  private draw(): void {
    this.choose();
    const chat = this.chat();
    const state = chat?.state ?? null;
    for (const c of this.client.chats.values())
      if (c.state && c.state.status !== "closed") this.call.fromChat(c.state);
    if (this.call.view.phase === "live" && state?.id === this.call.view.call?.chat_id)
      this.call.fromChat(state);

    if (this.call.busy && !this.visible && this.call.view.phase === "live") this.host.unread(0);
    this.bar.render();
    this.header.hidden = this.call.busy;
    text(this.sub, this.status(chat));
    this.drawLine();
    const listing = this.history.visible;
    this.history.el.hidden = !listing;
    this.log.el.hidden = listing;
    const out = this.client.outbox.items.filter(
      (i) => i.chat_id === this.chatId || (i.chat_id === null && this.chatId === null),
    );
    const loading = !this.client.listed && this.client.status !== "refused" && !chat;
    this.log.render(chat, out, this.cards.head(chat, out.length > 0, loading));
    const hash = chat && this.client.hashes.get(chat.id);
    if (hash) this.log.el.dataset.stateHash = hash;
    children(this.cardBox, listing ? [] : this.cards.foot(chat));
    const typing = chat?.typing ? this.t("typing", { name: chat.typing.who ?? this.t("somebody") }) : "";
    if (this.typing.dataset.words !== typing) {
      this.typing.dataset.words = typing;
      const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
      this.typing.replaceChildren(...(typing ? [dots, typing] : []));
    }
    this.drawComposer(listing, state?.status === "closed");
    this.marks(chat);
  }

  private drawComposer(listing: boolean, closed: boolean): void {
    const refused = this.client.status === "refused" && !this.client.me;
    const { chat, call } = this.config.features;
    this.composer.el.hidden = listing || closed || refused || (!chat && !call);
    this.composer.update({ chat, call: call && !this.call.busy && !this.call.view.elsewhere });
  }

  private status(chat: Chat | null): string {
    const { t } = this;
    const state = chat?.state;
    if (state?.status === "closed") return t("sub_closed");
    if (state?.status === "queued") return t("sub_queued");
    if (state?.assigned) {
      const name = state.assigned.name;
      return t(chat?.agentConnected === false ? "sub_away" : "sub_assigned", { name });
    }
    return this.client.status === "refused" || !this.config.features.chat ? "" : t("sub_none");
  }

  private drawLine(): void {
    const { status } = this.client;
    const words =
      status === "waiting"
        ? this.t("offline")
        : status === "connecting" && this.wasOnline
          ? this.t("connecting")
          : "";
    if (status === "online") this.wasOnline = true;
    this.line.dataset.status = status;
    if (this.line.dataset.words === words) return;
    this.line.dataset.words = words;
    this.line.replaceChildren(...(words ? [icon("warn", 16), h("span", null, words)] : []));
  }

  private marks(chat: Chat | null): void {
    const seen = this.visible && document.visibilityState === "visible" && !this.history.visible;
    if (chat?.loaded && seen) this.client.read(chat);
    const me = this.client.me;
    if (!me) return;
    let n = 0;
    if (!seen) for (const c of this.client.chats.values()) n += unread(c, me);
    this.host.unread(n);
  }
}

export async function startPanel(host: Host): Promise<Panel> {
  const tokens = new Tokens(host);
  const rest = makeRest({ headers: async () => ({}), refused: () => undefined });
  let config = DEFAULTS;
  for (let tries = 0; tries < 3; tries++) {
    try {
      config = { ...DEFAULTS, ...(await rest<WidgetConfig>("GET", "/widget-config")) };
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 400 * (tries + 1)));
    }
  }
  return new Panel(host, config, tokens);
}
