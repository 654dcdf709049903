/* The customer's call: from the press of the button to the end, over reloads and other windows. */
import {
  CallLeg,
  type LegState,
  type Levels,
  MicError,
  type MicProblem,
  openMicrophone,
} from "../shared/call";
import type { Client } from "../shared/client";
import {
  type Call,
  type CallAdvice,
  type CallRing,
  type CallState,
  type ChatState,
  type Id,
  ProblemError,
  type ServerFrame,
} from "../shared/protocol";
import type { Rest } from "../shared/rest";
import { uuid } from "../shared/uuid";

/* none, asking (for the microphone), starting, live (the daemon knows the call), over. */
export type Phase = "none" | "asking" | "starting" | "live" | "over";

export type CallProblem = MicProblem | "failed" | "limit";

export interface CallView {
  phase: Phase;
  call: Call | null;
  leg: LegState;
  levels: Levels;
  quality: CallAdvice | null;
  muted: boolean;
  agentMuted: boolean;
  /* The agent's connection is gone for now. */
  agentLost: boolean;
  /* Back in the line after a reload. */
  keptPlace: boolean;
  /* We call this customer back; ring: now. */
  callback: Call | null;
  ring: CallRing | null;
  /* Monotonic start of what the timer counts. */
  since: number;
  problem: CallProblem | null;
  /* A call of this customer that another window has. */
  elsewhere: Id | null;
}

const KEY = "supportd.call";
/* Hanging up is asked for again and again; a connection that does not answer is left soon. */
const END_MS = 3000;

export interface CallOptions {
  client: Client;
  rest: Rest;
  audio: HTMLAudioElement;
  iceServers: () => RTCIceServer[];
  onChange(): void;
  /* Brings the panel into view. */
  show(): void;
  onLevels(levels: Levels): void;
}

/* It waits for its turn without sound; we call. */
const awaited = (call: Call) =>
  call.callback !== null &&
  call.callback !== undefined &&
  (call.state === "queued" || call.state === "ringing" || call.state === "calling");

function keep(id: Id | null): void {
  try {
    if (id) sessionStorage.setItem(KEY, id);
    else sessionStorage.removeItem(KEY);
  } catch {
    /* Without storage a reload shows the call as held elsewhere; it can be taken back. */
  }
}

function kept(): Id | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export class CustomerCall {
  readonly view: CallView = {
    phase: "none",
    call: null,
    leg: "connecting",
    levels: { own: 0, other: 0 },
    quality: null,
    muted: false,
    agentMuted: false,
    agentLost: false,
    keptPlace: false,
    callback: null,
    ring: null,
    since: 0,
    problem: null,
    elsewhere: null,
  };
  private _leg: CallLeg | null = null;
  private _key: Id | null = null;
  private _ice: RTCIceServer[] | null = null;
  private _ending: Id | null = null;
  private _looking: Id | null = null;
  private readonly _others =
    typeof BroadcastChannel === "function" ? new BroadcastChannel("supportd.call") : null;

  constructor(private readonly _o: CallOptions) {
    if (this._others)
      this._others.onmessage = (event: MessageEvent<unknown>) => {
        /* Another window has taken the call: this leg must not fight for it. */
        if (event.data === this.view.call?.id && this._leg) {
          const id = this.view.call?.id ?? null;
          keep(null);
          this._drop();
          this.view.phase = "none";
          this.view.elsewhere = id;
          _o.onChange();
        }
      };
  }

  get busy(): boolean {
    return this.view.phase !== "none" && this.view.phase !== "over";
  }

  async start(chatId: Id | null): Promise<void> {
    if (this.busy) return;
    const track = await this._mic();
    if (!track) return;
    this._key ??= uuid();
    try {
      const answer = await this._o.rest<{
        call: Call;
        chat: ChatState;
        ice_servers: RTCIceServer[];
      }>("POST", "/call/start", { client_key: this._key, ...(chatId ? { chat_id: chatId } : {}) });
      this._key = null;
      this._ice = answer.ice_servers;
      this._o.client.chat(answer.chat.id);
      void this._o.client.open(answer.chat.id);
      this._take(answer.call);
      this._connect(answer.call.id, track);
    } catch (e) {
      track.stop();
      const network = e instanceof ProblemError && e.problem.status === 0;
      if (!network) this._key = null;
      const conflict = e instanceof ProblemError && e.problem.status === 409;
      this.view.problem = conflict ? "limit" : "failed";
      this._phase("none");
    }
  }

  /* The microphone, or a phase of none with what stands in the way. */
  private async _mic(): Promise<MediaStreamTrack | null> {
    this.view.problem = null;
    this._phase("asking");
    try {
      const track = await openMicrophone();
      this._phase("starting");
      return track;
    } catch (e) {
      this.view.problem = e instanceof MicError ? e.reason : "failed";
      this._phase("none");
      return null;
    }
  }

  private _connect(id: Id, track: MediaStreamTrack): void {
    this._drop();
    keep(id);
    this.view.elsewhere = null;
    this._others?.postMessage(id);
    this.view.muted = false;
    this.view.agentLost = false;
    this._leg = new CallLeg(
      {
        callId: id,
        socket: this._o.client.socket,
        iceServers: this._ice ?? this._o.iceServers(),
        audio: this._o.audio,
        onLevels: (levels) => {
          this.view.levels = levels;
          this._o.onLevels(levels);
        },
        onState: (state) => {
          this.view.leg = state;
          this._o.onChange();
        },
      },
      track,
    );
    this.view.leg = "connecting";
    this._o.onChange();
  }

  /* The chat's state tells of a call: take it back after a reload, or say that it is elsewhere. */
  fromChat(state: ChatState | null): void {
    const call = state?.call;
    if (!call) {
      if (this.view.elsewhere) {
        this.view.elsewhere = null;
        this._o.onChange();
      }
      /* Ended while this window was away: no call.state came for it. */
      if (state && this.view.phase === "live" && this.view.call?.chat_id === state.id)
        void this._refresh();
      return;
    }
    if (this.busy || this._leg || this._ending === call.id || this.view.elsewhere === call.id)
      return;
    if (this.view.call?.id === call.id && this.view.call.state === "ended") return;
    if (this._looking === call.id || this.view.callback?.id === call.id) return;
    if (kept() === call.id) void this.resume(call.id);
    else void this._look(call.id);
  }

  /* A call without sound here: it waits to be called back, or another window has it. */
  private async _look(id: Id): Promise<void> {
    this._looking = id;
    const call = await this._o
      .rest<{ call: Call }>("GET", `/calls/${id}`)
      .then((answer) => answer.call)
      .catch(() => null);
    this._looking = null;
    if (this.busy || call?.state === "ended") return;
    if (call && awaited(call)) this._waits(call);
    else {
      this.view.elsewhere = id;
      this._o.onChange();
    }
  }

  async resume(id: Id): Promise<void> {
    if (this.busy) return;
    const track = await this._mic();
    try {
      if (!track) throw new Error("no microphone");
      const { call } = await this._o.rest<{ call: Call }>("GET", `/calls/${id}`);
      this.view.keptPlace = true;
      this._take(call);
      if (call.state === "ended" || awaited(call)) track.stop();
      else this._connect(id, track);
    } catch {
      track?.stop();
      this.view.elsewhere = id;
      this._phase("none");
    }
  }

  private async _refresh(): Promise<void> {
    const id = this.view.call?.id;
    if (!id) return;
    try {
      const { call } = await this._o.rest<{ call: Call }>("GET", `/calls/${id}`);
      this._take(call);
    } catch {
      /* The next change of the chat asks again. */
    }
  }

  frame(frame: ServerFrame): void {
    const id = this.view.call?.id;
    if (frame.type === "call.ring") this._rings(frame);
    else if (frame.type === "call.state" && frame.call.id === this.view.callback?.id)
      this._waits(frame.call);
    else if (frame.type === "call.state" && frame.call.id === id) {
      this.view.agentMuted = frame.muted?.agent ?? false;
      this.view.agentLost = frame.legs?.agent === "lost";
      this._take(frame.call);
    } else if (frame.type === "call.advice" && frame.call_id === id) {
      this.view.quality = frame;
      this._o.onChange();
    } else if (
      (frame.type === "call.candidate" || frame.type === "call.restart") &&
      frame.call_id === this._leg?.callId
    )
      this._leg.frame(frame);
  }

  renew(servers: RTCIceServer[]): void {
    this._ice = servers;
    this._leg?.renew(servers);
  }

  private _take(call: Call): void {
    if (this._ending === call.id && call.state !== "ended") return;
    const before = this.view.call?.id === call.id ? this.view.call.state : null;
    this.view.call = call;
    if (call.state === "ended") {
      keep(null);
      this._drop();
      this._ending = null;
      this._phase("over");
      return;
    }
    if (awaited(call)) {
      keep(null);
      this._drop();
      this.view.call = null;
      this.view.phase = "none";
      this._waits(call);
      return;
    }
    const counted = (state: CallState | null) => (state === "active" || state === "held" ? 1 : 0);
    if (before === null || counted(before) !== counted(call.state))
      this.view.since = Date.now() - this._age(call);
    this._phase("live");
  }

  /* --- being called back --- */

  /* What the daemon says of the call that waits to be called back. */
  private _waits(call: Call): void {
    this.view.elsewhere = null;
    if (awaited(call)) this.view.callback = call;
    else {
      this.view.callback = null;
      /* Not taken here, or over: another window may have answered. */
      if (call.state === "ended") this._take(call);
    }
    const ringing = call.state === "calling" && call.callback?.ring_until;
    if (!ringing) this.view.ring = null;
    this._o.onChange();
  }

  private _rings(frame: CallRing): void {
    if (this.busy) return;
    this.view.ring = frame;
    this._o.show();
    if (!this.view.callback) void this._look(frame.call_id);
    this._o.onChange();
  }

  /* Call me back instead of holding the line. */
  async callback(): Promise<void> {
    await this._ask("callback", this.view.call?.id);
  }

  async answer(): Promise<void> {
    const id = this.view.ring?.call_id;
    if (!id) return;
    const track = await this._mic();
    if (!track) return;
    this.view.callback = null;
    if (await this._ask("answer", id)) this._connect(id, track);
    else {
      track.stop();
      this.view.problem = "failed";
      this._phase("none");
    }
    this.view.ring = null;
    this._o.onChange();
  }

  async decline(): Promise<void> {
    const id = this.view.ring?.call_id;
    this.view.ring = null;
    this.view.callback = null;
    this._o.onChange();
    await this._ask("decline", id);
  }

  async cancel(): Promise<void> {
    const id = this.view.callback?.id;
    this.view.callback = null;
    this._o.onChange();
    await this._ask("end", id);
  }

  async rate(score: number, comment: string): Promise<boolean> {
    const body = { score, ...(comment ? { comment } : {}) };
    return this._ask("rating", this.view.call?.id, body);
  }

  /* A request about a call; whether it was done. */
  private async _ask(what: string, id: Id | undefined, body: unknown = {}): Promise<boolean> {
    if (!id) return false;
    try {
      const { call } = await this._o.rest<{ call: Call }>("POST", `/calls/${id}/${what}`, body);
      this._take(call);
      return true;
    } catch {
      void this._refresh();
      return false;
    }
  }

  /* How long ago the counted part began: after a reload it did not begin just now. */
  private _age(call: Call): number {
    const from = call.answered_at ?? call.created_at;
    return Math.max(0, this._o.client.now() - Date.parse(from));
  }

  mute(): void {
    if (!this._leg) return;
    this._leg.mute(!this._leg.isMuted);
    this.view.muted = this._leg.isMuted;
    this._o.onChange();
  }

  tap(): void {
    this._leg?.resumeAudio();
  }

  /* Silence at once; the daemon is told until it has heard it. */
  async end(): Promise<void> {
    const id = this.view.call?.id;
    if (!id) return;
    this._ending = id;
    keep(null);
    this._drop();
    this._phase("over");
    for (let wait = 500; this._ending === id; wait = Math.min(wait * 2, 10000)) {
      try {
        const { call } = await this._o.rest<{ call: Call }>("POST", `/calls/${id}/end`, {}, END_MS);
        this._take(call);
        return;
      } catch (e) {
        const status = e instanceof ProblemError ? e.problem.status : 0;
        if (status >= 400 && status < 500 && status !== 401 && status !== 429) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /* Ends a call that another window has. */
  async endElsewhere(id: Id): Promise<void> {
    await this._o.rest("POST", `/calls/${id}/end`, {}).catch(() => undefined);
  }

  socketBack(): void {
    this._leg?.socketBack();
    if (this.view.phase === "live") void this._refresh();
    if (this.view.callback) void this._look(this.view.callback.id);
  }

  dismiss(): void {
    this.view.problem = null;
    if (this.view.phase === "over") {
      this.view.phase = "none";
      this.view.call = null;
      this.view.quality = null;
    }
    this._o.onChange();
  }

  private _drop(): void {
    this._leg?.close();
    this._leg = null;
  }

  private _phase(phase: Phase): void {
    this.view.phase = phase;
    this._o.onChange();
  }
}
