/* The agent's side of calls: a leg per ringing call, connected before it is answered; one call that
 * is spoken in. Signals hold what the call panel shows. */
import { signal } from "@preact/signals";
import {
  CallLeg,
  type LegState,
  type Levels,
  MicError,
  type MicProblem,
  openMicrophone,
} from "../shared/call";
import { callsSupported } from "../shared/callable";
import type { Chat } from "../shared/chat";
import type { Client } from "../shared/client";
import {
  type Call,
  type CallQuality,
  type CallState,
  type Id,
  type Leg,
  type LegStates,
  ProblemError,
  type ServerFrame,
} from "../shared/protocol";
import { mosOf } from "../shared/quality";
import type { Rest } from "../shared/rest";

const KEY = "supportd.agentcall";
const SPARK = 60;
const ON = new Set<CallState>(["active", "held", "calling"]);

/* MOS by party and direction; null: nothing to judge in that second. */
export type Sparks = Record<Leg["party"], Record<"in" | "out", (number | null)[]>>;

const noSparks = (): Sparks => ({
  customer: { in: [], out: [] },
  agent: { in: [], out: [] },
});

export class AgentCall {
  iceServers: RTCIceServer[] = [];
  readonly call = signal<Call | null>(null);
  readonly leg = signal<LegState>("connecting");
  readonly levels = signal<Levels>({ own: 0, other: 0 });
  readonly quality = signal<CallQuality | null>(null);
  /* Per second of the last minute, newest last. */
  readonly spark = signal(noSparks());
  readonly legs = signal<LegStates | null>(null);
  /* Since when the customer's connection is gone. */
  readonly lostSince = signal(0);
  /* A request about the call is under way. */
  readonly busy = signal(false);
  /* My call in which another one speaks for the bank: supervision, or asked as a colleague. */
  readonly guest = signal<Id | null>(null);
  readonly muted = signal(false);
  readonly customerMuted = signal(false);
  readonly noMic = signal(false);
  readonly since = signal(0);
  readonly elsewhere = signal<Id | null>(null);
  readonly askMic = signal(false);
  private readonly _audio = new Map<Id, HTMLAudioElement>();
  private _current: Id | null = null;
  private _legs = new Map<Id, CallLeg>();
  private _mine = new Set<Id>();
  private _mic: MediaStreamTrack | null = null;
  private _ended = new Set<Id>();
  /* Calls that another window of this agent has taken. */
  private _theirs = new Set<Id>();
  private readonly _windows =
    typeof BroadcastChannel === "function" ? new BroadcastChannel("supportd.agentcall") : null;

  constructor(
    private readonly _client: Client,
    private readonly _rest: Rest,
    private readonly _o: {
      leads: () => boolean;
      me: () => Id | undefined;
      /* The call has left this agent: handed on to somebody, or back to the line (null). */
      gone: (to: string | null) => void;
    },
  ) {
    if (this._windows)
      this._windows.onmessage = (event: MessageEvent<Id>) => {
        this._theirs.add(event.data);
        if (this._current === event.data) this._leave(event.data);
        else this._drop(event.data);
      };
  }

  async begin(): Promise<void> {
    if (!callsSupported()) return;
    try {
      const state = await navigator.permissions.query({ name: "microphone" as PermissionName });
      this.askMic.value = state.state === "prompt";
      state.onchange = () => {
        this.askMic.value = state.state === "prompt";
      };
    } catch {
      /* Browsers that cannot tell ask at the first call. */
    }
  }

  async allowMic(): Promise<void> {
    const problem = await this.microphone();
    if (!problem) this._releaseMic();
    this.askMic.value = problem === "denied";
  }

  /* Opens the microphone once for the next call; null or why not. */
  async microphone(): Promise<MicProblem | null> {
    if (this._mic?.readyState === "live") return null;
    try {
      this._mic = await openMicrophone();
      this.askMic.value = false;
      return null;
    } catch (e) {
      return e instanceof MicError ? e.reason : "denied";
    }
  }

  private _releaseMic(): void {
    this._mic?.stop();
    this._mic = null;
  }

  /* Connects the leg of a call that rings here, without a microphone. */
  ring(id: Id, always = false): void {
    if (this._legs.has(id) || !callsSupported()) return;
    /* One leg per call: of several windows of this agent, one connects it while it rings. */
    if (!always && !this._o.leads()) return;
    const audio = new Audio();
    audio.autoplay = true;
    audio.dataset.testid = "call-audio";
    document.body.append(audio);
    this._audio.set(id, audio);
    this._legs.set(
      id,
      new CallLeg(
        {
          callId: id,
          socket: this._client.socket,
          iceServers: this.iceServers,
          audio,
          onLevels: (levels) => {
            if (this._current === id) this.levels.value = levels;
          },
          onState: (state) => {
            if (this._current === id) this.leg.value = state;
          },
        },
        null,
      ),
    );
  }

  unring(id: Id): void {
    if (this._current === id) return;
    this._drop(id);
    if (!this._legs.size && !this._current) this._releaseMic();
  }

  /* The offer was accepted, not by a press here: in another window, or by the daemon for the leg
   * that rings here (auto-answer). True: the call is this window's. */
  accepted(id: Id, automatic: boolean): boolean {
    if (this._mine.has(id)) return false;
    if (automatic && this._legs.has(id) && !this._theirs.has(id)) {
      this.answered(id);
      return true;
    }
    this._drop(id);
    return false;
  }

  accepting(id: Id): void {
    this._mine.add(id);
    this._theirs.delete(id);
    this._windows?.postMessage(id);
  }

  notAccepted(id: Id): void {
    this._mine.delete(id);
  }

  /* The daemon has joined the legs: speak. */
  answered(id: Id): void {
    this.guest.value = null;
    this._enter(id);
    void this.attach();
  }

  /* This agent has a part in a call of somebody else; speaks: with a microphone. */
  join(id: Id, speaks: boolean): void {
    this.guest.value = id;
    if (this._current !== id) this._enter(id);
    if (speaks) void this.attach();
    else void this._legs.get(id)?.detach();
  }

  /* That part is over. */
  part(id: Id): void {
    if (this.guest.value !== id) return;
    this._leave(id);
  }

  private _enter(id: Id): void {
    this.ring(id, true);
    this._windows?.postMessage(id);
    this._become(id);
    void this._refresh(id);
  }

  private _become(id: Id): void {
    this._current = id;
    this._mine.add(id);
    this._ended.delete(id);
    this.elsewhere.value = null;
    this.quality.value = null;
    this.spark.value = noSparks();
    this.legs.value = null;
    this.lostSince.value = 0;
    this.muted.value = false;
    this.leg.value = this._legs.get(id)?.state ?? "connecting";
    try {
      sessionStorage.setItem(KEY, id);
    } catch {
      /* After a reload the call is then offered as "in another window". */
    }
  }

  /* Whether this window has, or had before a reload, the given call. */
  kept(id: Id): boolean {
    try {
      return sessionStorage.getItem(KEY) === id;
    } catch {
      return false;
    }
  }

  async attach(): Promise<void> {
    const leg = this._current ? this._legs.get(this._current) : undefined;
    if (!leg || leg.attached) return;
    const problem = await this.microphone();
    if (problem || !this._mic) {
      this.noMic.value = true;
      return;
    }
    const track = this._mic;
    this._mic = null;
    await leg.attach(track);
    this.noMic.value = false;
    track.onended = () => {
      if (this._current === leg.callId) this.noMic.value = true;
    };
  }

  private async _refresh(id: Id): Promise<void> {
    try {
      const { call } = await this._rest<{ call: Call }>("GET", `/calls/${id}`);
      this._take(call);
    } catch {
      /* call.state tells as well. */
    }
  }

  private _take(call: Call): void {
    if (call.state === "ended") {
      this._ended.add(call.id);
      this._drop(call.id);
      if (this.elsewhere.value === call.id) this.elsewhere.value = null;
      if (this._current === call.id) this._over(call);
      return;
    }
    if (call.id !== this._current) return;
    const was = this.call.value?.id === call.id ? this.call.value : null;
    if (this.guest.value !== call.id && was && this._isMine(was) && !this._isMine(call)) {
      this._leave(call.id);
      this._o.gone(call.transfer?.to ?? call.staff?.name ?? null);
      return;
    }
    if (!this.since.value || this.call.value?.id !== call.id) {
      const from = Date.parse(call.answered_at ?? call.created_at);
      this.since.value = Date.now() - Math.max(0, this._client.now() - from);
    }
    this.call.value = call;
  }

  private _isMine(call: Call): boolean {
    return call.staff?.id === this._o.me() && ON.has(call.state);
  }

  /* No more in this call, which may go on. */
  private _leave(id: Id): void {
    this._drop(id);
    this._mine.delete(id);
    if (this._current !== id) return;
    this._reset();
    this.call.value = null;
  }

  private _reset(): void {
    this._current = null;
    this.guest.value = null;
    this.since.value = 0;
    this.noMic.value = false;
    this._releaseMic();
    this._forget();
  }

  private _forget(): void {
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      /* Nothing was stored. */
    }
  }

  private _over(call: Call): void {
    const guest = this.guest.value === call.id;
    this.call.value = guest ? null : call;
    this._reset();
    setTimeout(() => {
      if (this.call.value?.id === call.id && !this._current) this.call.value = null;
    }, 6000);
  }

  /* After a reload: calls of mine that are on. */
  fromChats(chats: Chat[], me: Id): void {
    let found = false;
    for (const chat of chats) {
      const call = chat.state?.call;
      if (!call || call.staff_id !== me || !ON.has(call.state)) continue;
      if (this._ended.has(call.id)) continue;
      found = true;
      if (this._current === call.id || this._mine.has(call.id) || this.elsewhere.value === call.id)
        continue;
      if (this.kept(call.id)) this.answered(call.id);
      else this.elsewhere.value = call.id;
    }
    if (!found && this.elsewhere.value) this.elsewhere.value = null;
  }

  frame(frame: ServerFrame): void {
    if (frame.type === "call.state") {
      if (frame.call.id === this._current) {
        this.customerMuted.value = frame.muted?.customer ?? false;
        this._seen(frame.legs ?? null);
      }
      this._take(frame.call);
    } else if (frame.type === "call.quality" && frame.call_id === this._current) {
      this.quality.value = frame;
      const next = { ...this.spark.value };
      for (const leg of frame.legs) {
        const old = next[leg.party];
        const add = (way: "in" | "out") => [...old[way], mosOf(leg[way])].slice(-SPARK);
        next[leg.party] = { in: add("in"), out: add("out") };
      }
      this.spark.value = next;
    } else if (frame.type === "call.candidate" || frame.type === "call.restart")
      this._legs.get(frame.call_id)?.frame(frame);
    else if (frame.type === "ice.servers") this.renew(frame.ice_servers);
  }

  renew(servers: RTCIceServer[]): void {
    this.iceServers = servers;
    for (const leg of this._legs.values()) leg.renew(servers);
  }

  private _seen(legs: LegStates | null): void {
    this.legs.value = legs;
    if (legs?.customer !== "lost") this.lostSince.value = 0;
    else if (!this.lostSince.value) this.lostSince.value = Date.now();
  }

  /* A request about the current call, as "hold" or "consult/talk"; the code of the problem, or null. */
  async act(method: string, what: string, body?: unknown): Promise<string | null> {
    const id = this._current;
    if (!id || this.busy.value) return null;
    this.busy.value = true;
    try {
      const answer = await this._rest<{ call: Call } | undefined>(
        method,
        `/calls/${id}/${what}`,
        body,
      );
      if (answer) this._take(answer.call);
      return null;
    } catch (e) {
      void this._refresh(id);
      return e instanceof ProblemError ? e.problem.code : "network";
    } finally {
      this.busy.value = false;
    }
  }

  /* To the colleague who was asked. Whose call it was sees no more of it: no frame tells. */
  async handOver(): Promise<string | null> {
    const call = this.call.value;
    const code = await this.act("POST", "consult/complete", {});
    if (!code && call && this._current === call.id) {
      const colleague = call.parties?.find((p) => p.role === "consult")?.staff;
      this._leave(call.id);
      this._o.gone(colleague?.name ?? null);
    }
    return code;
  }

  mute(): void {
    const leg = this._current ? this._legs.get(this._current) : undefined;
    if (!leg) return;
    leg.mute(!leg.isMuted);
    this.muted.value = leg.isMuted;
  }

  resumeAudio(): void {
    if (this._current) this._legs.get(this._current)?.resumeAudio();
  }

  async end(): Promise<void> {
    const id = this._current ?? this.elsewhere.value;
    if (!id) return;
    this._drop(id);
    this._ended.add(id);
    for (let wait = 500; ; wait = Math.min(wait * 2, 10000)) {
      try {
        const { call } = await this._rest<{ call: Call }>("POST", `/calls/${id}/end`, {});
        this._take(call);
        return;
      } catch (e) {
        const status = e instanceof ProblemError ? e.problem.status : 0;
        if (status >= 400 && status < 500 && status !== 429) {
          void this._refresh(id);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  socketBack(): void {
    for (const leg of this._legs.values()) leg.socketBack();
    if (this._current) void this._refresh(this._current);
  }

  private _drop(id: Id): void {
    this._legs.get(id)?.close();
    this._legs.delete(id);
    this._audio.get(id)?.remove();
    this._audio.delete(id);
  }
}
