/* The state of the staff dashboard and everything that changes it. Components only read signals and
 * call these functions. */
import { computed, signal } from "@preact/signals";
import type { Chat } from "../shared/chat";
import { Client } from "../shared/client";
import { choose, type Like, type Translate, translator } from "../shared/i18n/index";
import { en } from "../shared/i18n/staff.en";
import { sw } from "../shared/i18n/staff.sw";
import {
  type ChatState,
  type Id,
  type List,
  type LiveCall,
  type Me,
  type Offer,
  type Presence,
  ProblemError,
  type QueueEntry,
  type ServerFrame,
  type WidgetConfig,
} from "../shared/protocol";
import { makeRest, type Rest } from "../shared/rest";
import { Alarm } from "./alarm";
import { AgentCall } from "./call";
import { NewPassword } from "./newpassword";
import { Party } from "./party";

export type Words = Like<typeof en>;
const CATALOGUES: Record<string, Words> = { en, sw };
export const LANGUAGES: Record<string, string> = { en: "English", sw: "Kiswahili" };

export interface LiveOffer extends Offer {
  /* On the clock of performance.now(). */
  until: number;
  total: number;
  busy: boolean;
  problem: string | null;
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* The choice lasts as long as the page. */
  }
}

/* What the middle shows beside conversations. */
export type View = "live" | "missed" | "recordings";

/* Who may listen in, by the role. */
const LEADS = new Set(["team_lead", "supervisor", "admin", "super_admin"]);

export class Desk {
  readonly phase = signal<"loading" | "login" | "in">("loading");
  readonly lang = signal(
    choose([stored("supportd.lang") ?? "", ...navigator.languages], Object.keys(CATALOGUES)),
  );
  readonly t = computed<Translate<Words>>(() =>
    translator(CATALOGUES[this.lang.value] ?? en, this.lang.value),
  );
  readonly me = signal<Me | null>(null);
  readonly presence = signal<Presence | null>(null);
  readonly queue = signal<QueueEntry[]>([]);
  readonly waiting = signal(0);
  readonly queueLoaded = signal(false);
  readonly offers = signal<LiveOffer[]>([]);
  readonly selected = signal<Id | null>(null);
  readonly view = signal<View | null>(null);
  /* The calls that I may supervise, while they are looked at; null: not known yet. */
  readonly live = signal<LiveCall[] | null>(null);
  readonly liveFailed = signal(false);
  readonly transferring = signal(false);
  /* The recordings of one call alone. */
  readonly ofCall = signal<Id | null>(null);
  /* End of the wrap-up on the clock of performance.now(). */
  readonly wrapUntil = signal<number | null>(null);
  readonly details = signal(false);
  readonly help = signal(false);
  readonly closing = signal<Id | null>(null);
  /* The chat to be given back to the queue, once confirmed. */
  readonly returning = signal<Id | null>(null);
  readonly password = signal<"ask" | "changed" | null>(null);
  readonly search = signal("");
  /* Characters of a message. */
  readonly limit = signal(4000);
  readonly singleKeys = signal(stored("supportd.keys") !== "off");
  /* One sentence that goes by itself. */
  readonly toast = signal<string | null>(null);
  readonly brokenSince = signal<number | null>(null);
  /* Grows whenever the client's chats, outbox or connection change. */
  readonly version = signal(0);
  readonly alarm = new Alarm();
  readonly rest: Rest;
  readonly client: Client;
  readonly call: AgentCall;
  readonly party: Party;
  private _wrapTimer: ReturnType<typeof setTimeout> | undefined;
  private _csrf = "";
  private readonly _newPassword: NewPassword;
  private _toastTimer: ReturnType<typeof setTimeout> | undefined;
  private _bumping = false;
  private readonly _heard = { queue: 0, presence: 0 };
  /* Offers that are over: a late list must not bring them back. */
  private readonly _gone = new Set<Id>();

  constructor() {
    this.rest = makeRest({
      headers: async () => (this._csrf ? { "X-CSRF-Token": this._csrf } : {}),
      refused: () => this._signedOut(),
    });
    this._newPassword = new NewPassword(this.rest, {
      changed: () => {
        this.client.socket.stop();
        this.password.value = "changed";
      },
      signedOut: () => this._signedOut(),
    });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.client = new Client({
      url: `${scheme}://${location.host}/ws`,
      rest: this.rest,
      language: this.lang.value,
      auth: async () => {
        const { ticket } = await this.rest<{ ticket: string }>("POST", "/ws-ticket", {});
        return { ticket };
      },
      refused: () => undefined,
      onChange: () => this._bump(),
      onFrame: (frame) => this._frame(frame),
      onWelcome: (frame) => {
        this.call.renew(frame.ice_servers);
        void this._refresh();
        this.call.socketBack();
        if (this.view.value === "live") void this.watchLive(true);
      },
      onMessage: (chat, message) => {
        const own = chat.state?.assigned?.id === this.me.value?.id;
        if (own && message.kind === "message" && message.sender.kind === "customer")
          this.alarm.message(chat.id === this.selected.value);
      },
    });
    this.call = new AgentCall(this.client, this.rest, {
      leads: () => this.alarm.leader,
      me: () => this.me.value?.id,
      gone: (to) => {
        this.say(to ? this.t.value("handed_to", { name: to }) : this.t.value("handed_back"));
      },
    });
    this.party = new Party(this.rest, this.call, {
      asks: (part) => {
        const name = part.from?.name ?? this.t.value("unnamed");
        this.alarm.offer(
          part.call_id,
          this.t.value("part_asks", { name }),
          part.customer.name ?? "",
        );
      },
      quiet: (id) => this.alarm.stop(id),
      over: (part) => {
        const words = this.t.value.find(`part_${part.reason}`);
        if (words) this.say(words);
      },
      mine: (part) => {
        void this.client.open(part.chat_id);
        this.select(part.chat_id);
        this.say(this.t.value("part_completed"));
      },
    });
  }

  get leads(): boolean {
    return LEADS.has(this.me.value?.role ?? "");
  }

  /* --- session --- */

  async begin(): Promise<void> {
    addEventListener("online", () => this._bump());
    setInterval(() => this._expireOffers(), 500);
    try {
      const session = await this.rest<{ csrf_token: string; me: Me }>("GET", "/session");
      this._enter(session.csrf_token, session.me);
    } catch {
      /* No session of ours; the bank's own login may do. */
      try {
        const me = await this.rest<Me>("GET", "/me");
        if (me.kind === "staff") this._enter("", me);
        else this.phase.value = "login";
      } catch {
        this.phase.value = "login";
      }
    }
  }

  /* Null when signed in; else the key of what to say. */
  async login(email: string, password: string): Promise<keyof Words | null> {
    try {
      const session = await this.rest<{ csrf_token: string; me: Me }>("POST", "/session", {
        email,
        password,
      });
      this._enter(session.csrf_token, session.me);
      return null;
    } catch (e) {
      const code = e instanceof ProblemError ? e.problem.code : "";
      const status = e instanceof ProblemError ? e.problem.status : 0;
      if (code === "locked" || status === 429) return "login_locked";
      if (status === 401 || status === 422) return "login_bad";
      return status === 0 ? "login_network" : "login_failed";
    }
  }

  async logout(): Promise<void> {
    this._newPassword.leave();
    await this.rest("DELETE", "/session").catch(() => undefined);
    this._csrf = "";
    this.client.socket.stop();
    location.reload();
  }

  /* The bank's own login has its password elsewhere. */
  get ownAccount(): boolean {
    return this._csrf !== "";
  }

  /* Null when changed; else the key of what to say. All sessions of the account are gone then. */
  changePassword(old: string, fresh: string): Promise<keyof Words | null> {
    return this._newPassword.change(old, fresh);
  }

  private _enter(csrf: string, me: Me): void {
    this._csrf = csrf;
    this.me.value = me;
    if (me.presence) this._takePresence(me.presence);
    this.phase.value = "in";
    this.alarm.begin();
    void this.call.begin();
    this.client.socket.start();
  }

  private _signedOut(): void {
    if (this.phase.value !== "in" || this._newPassword.refused()) return;
    this.client.socket.stop();
    /* Nothing of this person stays: no chats, no open microphone. */
    location.reload();
  }

  private async _refresh(): Promise<void> {
    const quiet = () => undefined;
    /* News that come while an answer is under way are newer than the answer. */
    const heard = { ...this._heard };
    const before = new Set(this.offers.value.map((o) => o.id));
    this.rest<Me>("GET", "/me").then((me) => {
      this.me.value = me;
      if (me.presence && heard.presence === this._heard.presence) this._takePresence(me.presence);
    }, quiet);
    this.rest<WidgetConfig>("GET", "/widget-config").then((config) => {
      this.limit.value = config.limits.message_chars;
    }, quiet);
    this.rest<List<QueueEntry>>("GET", "/queue").then((list) => {
      this.queueLoaded.value = true;
      if (heard.queue !== this._heard.queue) return;
      this.queue.value = list.items;
      this.waiting.value = list.items.length;
    }, quiet);
    this.rest<List<Offer>>("GET", "/offers").then((list) => {
      const live = new Set(list.items.map((o) => o.id));
      for (const id of before) if (!live.has(id)) this._offerGone(id, "withdrawn");
      for (const offer of list.items) if (!this._gone.has(offer.id)) this._offered(offer);
    }, quiet);
    this.party.refresh().catch(quiet);
  }

  private _bump(): void {
    if (this._bumping) return;
    this._bumping = true;
    queueMicrotask(() => {
      this._bumping = false;
      this.version.value++;
      const broken = this.client.status !== "online" && this.client.me !== null;
      if (!broken) this.brokenSince.value = null;
      else this.brokenSince.value ??= Date.now();
      this.call.fromChats([...this.client.chats.values()], this.me.value?.id ?? "");
      this._leaveClosed();
    });
  }

  /* A desk is open for days: what has ended and is not on screen is followed no longer. */
  private _leaveClosed(): void {
    const shown = [this.selected.value, this.call.call.value?.chat_id];
    for (const { id, state } of this.client.chats.values()) {
      if (state?.status !== "closed" || shown.includes(id) || this.client.outbox.of(id).length)
        continue;
      this.client.socket.send({ type: "chat.leave", chat_id: id });
      this.client.chats.delete(id);
      this.client.hashes.delete(id);
    }
  }

  /* --- frames --- */

  private _frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "queue.state":
        this._heard.queue++;
        this.queue.value = frame.items;
        this.waiting.value = frame.waiting;
        this.queueLoaded.value = true;
        return;
      case "offer.new":
        this._offered(frame.offer);
        return;
      case "offer.gone":
        this._offerGone(frame.offer_id, frame.outcome);
        return;
      case "me.presence": {
        this._heard.presence++;
        const { type: _, ...presence } = frame;
        this._takePresence({ ...this.presence.value, ...presence });
        return;
      }
      case "live.state":
        this.live.value = frame.items;
        this.liveFailed.value = false;
        return;
      case "call.party":
        this.party.take(frame.party);
        return;
      default:
        this.call.frame(frame);
    }
  }

  private _offered(offer: Offer): void {
    if (this.offers.value.some((o) => o.id === offer.id)) return;
    const live: LiveOffer = {
      ...offer,
      until: performance.now() + offer.remaining_ms,
      total: Math.max(1, Date.parse(offer.expires_at) - Date.parse(offer.created_at)),
      busy: false,
      problem: null,
    };
    this.offers.value = [...this.offers.value, live];
    const t = this.t.value;
    this.alarm.offer(offer.id, t(`offer_${offer.kind}`), offer.customer.name ?? t("unnamed"));
    /* With auto-answer the daemon accepts once this leg is connected. */
    if (offer.kind === "call" && offer.call_id) this.call.ring(offer.call_id);
  }

  private _offerGone(id: Id, outcome: string): void {
    const offer = this.offers.value.find((o) => o.id === id);
    this._gone.add(id);
    this.offers.value = this.offers.value.filter((o) => o.id !== id);
    this.alarm.stop(id);
    if (!offer) return;
    if (offer.call_id && outcome !== "accepted") this.call.unring(offer.call_id);
    if (offer.call_id && outcome === "accepted") {
      const automatic = offer.kind === "call" && this.presence.value?.auto_answer === true;
      if (this.call.accepted(offer.call_id, automatic)) {
        void this.client.open(offer.chat_id);
        this.select(offer.chat_id);
      }
    }
    const t = this.t.value;
    if (outcome === "missed")
      this.say(t("offer_missed", { name: offer.customer.name ?? t("unnamed") }));
  }

  /* The daemon says when an offer ends; a page that has lost it must not ring on. */
  private _expireOffers(): void {
    const now = performance.now();
    for (const offer of this.offers.value)
      if (now > offer.until + 3000) this._offerGone(offer.id, "missed");
  }

  private _patchOffer(id: Id, patch: Partial<LiveOffer>): void {
    this.offers.value = this.offers.value.map((o) => (o.id === id ? { ...o, ...patch } : o));
  }

  async accept(id: Id): Promise<void> {
    const offer = this.offers.value.find((o) => o.id === id);
    if (!offer || offer.busy) return;
    this._patchOffer(id, { busy: true, problem: null });
    const t = this.t.value;
    if (offer.call_id) {
      const problem = await this.call.microphone();
      if (problem) {
        this._patchOffer(id, { busy: false, problem: t(`offer_mic_${problem}`) });
        return;
      }
      this.call.accepting(offer.call_id);
    }
    try {
      const answer = await this.rest<{ chat: ChatState; call: { id: Id } | null }>(
        "POST",
        `/offers/${id}/accept`,
        {},
      );
      this._gone.add(id);
      this.offers.value = this.offers.value.filter((o) => o.id !== id);
      this.alarm.stop(id);
      this.client.told(answer.chat);
      this.select(answer.chat.id);
      if (offer.call_id) this.call.answered(offer.call_id);
    } catch (e) {
      if (offer.call_id) this.call.notAccepted(offer.call_id);
      const code = e instanceof ProblemError ? e.problem.code : "";
      if (code === "offer_gone") {
        this._offerGone(id, "withdrawn");
        this.say(t("offer_gone"));
      } else this._patchOffer(id, { busy: false, problem: t("offer_failed") });
    }
  }

  async decline(id: Id): Promise<void> {
    const offer = this.offers.value.find((o) => o.id === id);
    if (!offer || offer.busy) return;
    this._patchOffer(id, { busy: true });
    this.alarm.stop(id);
    try {
      await this.rest("POST", `/offers/${id}/decline`, {});
      this._offerGone(id, "declined");
    } catch (e) {
      const code = e instanceof ProblemError ? e.problem.code : "";
      if (code === "offer_gone") this._offerGone(id, "declined");
      else this._patchOffer(id, { busy: false, problem: this.t.value("offer_failed") });
    }
  }

  async pick(entry: QueueEntry): Promise<void> {
    if (entry.call_id) {
      const problem = await this.call.microphone();
      if (problem) {
        this.say(this.t.value(`offer_mic_${problem}`));
        return;
      }
      if (entry.kind === "call") this.call.ring(entry.call_id, true);
      this.call.accepting(entry.call_id);
    }
    try {
      const answer = await this.rest<{ chat: ChatState }>("POST", `/queue/${entry.id}/pick`, {});
      this.queue.value = this.queue.value.filter((e) => e.id !== entry.id);
      this.client.told(answer.chat);
      this.select(answer.chat.id);
      if (entry.call_id) this.call.answered(entry.call_id);
    } catch {
      if (entry.call_id) {
        this.call.notAccepted(entry.call_id);
        this.call.unring(entry.call_id);
      }
      this.say(this.t.value("picked_gone"));
    }
  }

  /* --- doing --- */

  say(words: string): void {
    this.toast.value = words;
    clearTimeout(this._toastTimer);
    this._toastTimer = setTimeout(() => {
      this.toast.value = null;
    }, 6000);
  }

  async setPresence(chosen: Presence["chosen"]): Promise<void> {
    try {
      this._takeMe(await this.rest<Me>("PUT", "/me/presence", { chosen }));
    } catch {
      this.say(this.t.value("presence_failed"));
    }
  }

  async setAutoAnswer(on: boolean): Promise<void> {
    try {
      this._takeMe(await this.rest<Me>("PUT", "/me/auto-answer", { on }));
    } catch {
      this.say(this.t.value("auto_failed"));
    }
  }

  /* null: ends it. */
  async wrapUp(extendMs: number | null): Promise<void> {
    try {
      this._takeMe(
        extendMs === null
          ? await this.rest<Me>("DELETE", "/me/wrap-up")
          : await this.rest<Me>("POST", "/me/wrap-up", { extend_ms: extendMs }),
      );
    } catch (e) {
      const limit = e instanceof ProblemError && e.problem.code === "wrap_up_limit";
      this.say(this.t.value(limit ? "wrap_limit" : "wrap_failed"));
    }
  }

  private _takeMe(me: Me): void {
    this.me.value = me;
    if (me.presence) this._takePresence(me.presence);
  }

  /* The end of the wrap-up is not told: it is counted down here. */
  private _takePresence(presence: Presence): void {
    this.presence.value = presence;
    clearTimeout(this._wrapTimer);
    const left = presence.wrap_left_ms ?? 0;
    this.wrapUntil.value = left > 0 ? performance.now() + left : null;
    if (left > 0)
      this._wrapTimer = setTimeout(() => {
        this.wrapUntil.value = null;
      }, left);
  }

  /* What the middle shows: a list, or null for conversations. */
  show(view: View | null): void {
    if (view !== "recordings") this.ofCall.value = null;
    this._view(view);
    if (view) this.selected.value = null;
    this._bump();
  }

  private _view(view: View | null): void {
    const was = this.view.value;
    this.view.value = view;
    if (was !== view && (was === "live" || view === "live")) void this.watchLive(view === "live");
  }

  /* The daemon sends the live calls at each change, as long as they are on screen. */
  async watchLive(on: boolean): Promise<void> {
    if (!on) {
      this.live.value = null;
      this.client.socket.send({ type: "live.leave" });
      return;
    }
    try {
      await this.client.socket.request({ type: "live.open" });
    } catch {
      /* Asked for again with the next connection. */
      this.liveFailed.value = this.view.value === "live";
    }
  }

  /* Says why a request about the call was refused. */
  async act(method: string, what: string, body?: unknown): Promise<boolean> {
    return this._told(await this.call.act(method, what, body));
  }

  async handOver(): Promise<boolean> {
    return this._told(await this.call.handOver());
  }

  private _told(code: string | null): boolean {
    if (code) this.say(this.t.value.find(`act_${code}`) ?? this.t.value("act_failed"));
    return !code;
  }

  select(id: Id | null): void {
    this._view(null);
    this.selected.value = id;
    this.details.value = false;
    this._bump();
    if (id && !this.client.chats.get(id)?.loaded) void this.client.open(id);
  }

  /* The chats of the left column: mine that are open, and the selected one while it is. */
  chats(): Chat[] {
    this.version.value;
    const mine = this.me.value?.id;
    const find = this.search.value.trim().toLocaleLowerCase();
    return [...this.client.chats.values()]
      .filter((c) => c.state)
      .filter(
        (c) =>
          (c.state?.assigned?.id === mine && c.state?.status === "assigned") ||
          c.id === this.selected.value,
      )
      .filter((c) => !find || (c.state?.customer.name ?? "").toLocaleLowerCase().includes(find))
      .sort((a, b) => (a.state?.created_at ?? "").localeCompare(b.state?.created_at ?? ""));
  }

  step(by: number): void {
    const ids = this.chats().map((c) => c.id);
    if (!ids.length) return;
    const at = ids.indexOf(this.selected.value ?? "");
    this.select(ids[(at + by + ids.length) % ids.length] ?? null);
  }

  async close(id: Id): Promise<string | null> {
    try {
      await this.rest("POST", `/chats/${id}/close`, {});
      return null;
    } catch (e) {
      const code = e instanceof ProblemError ? e.problem.code : "";
      return this.t.value(code === "call_live" ? "close_call" : "close_failed");
    }
  }

  /* Back to the queue, at its age; null, or why not. */
  async giveBack(id: Id): Promise<string | null> {
    try {
      await this.rest("POST", `/chats/${id}/requeue`, {});
      if (this.selected.value === id) this.select(null);
      return null;
    } catch (e) {
      const code = e instanceof ProblemError ? e.problem.code : "";
      return this.t.value(code === "call_live" ? "close_call" : "return_failed");
    }
  }

  async tag(id: Id, tag: string, on: boolean): Promise<void> {
    try {
      await this.rest(on ? "PUT" : "DELETE", `/chats/${id}/tags/${encodeURIComponent(tag)}`);
    } catch {
      this.say(this.t.value("tag_failed"));
    }
  }

  setLang(lang: string): void {
    this.lang.value = lang;
    store("supportd.lang", lang);
    document.documentElement.lang = lang;
  }

  setSingleKeys(on: boolean): void {
    this.singleKeys.value = on;
    store("supportd.keys", on ? "on" : "off");
  }
}

export const desk = new Desk();
