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

export interface CallView {
  phase: Phase;
  call: Call | null;
  leg: LegState;
  levels: Levels;
  quality: CallAdvice | null;
  muted: boolean;
  agentMuted: boolean;
  /* Monotonic start of what the timer counts. */
  since: number;
  problem: MicProblem | "failed" | "limit" | null;
  /* A call of this customer that another window has. */
  elsewhere: Id | null;
}

const KEY = "supportd.call";

export interface CallOptions {
  client: Client;
  rest: Rest;
  audio: HTMLAudioElement;
  iceServers: () => RTCIceServer[];
  onChange(): void;
  onLevels(levels: Levels): void;
}

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
    since: 0,
    problem: null,
    elsewhere: null,
  };
  private _leg: CallLeg | null = null;
  private _key: Id | null = null;
  private _ice: RTCIceServer[] | null = null;
  private _ending: Id | null = null;
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
    this.view.problem = null;
    this._phase("asking");
    let track: MediaStreamTrack;
    try {
      track = await openMicrophone();
    } catch (e) {
      this.view.problem = e instanceof MicError ? e.reason : "failed";
      this._phase("none");
      return;
    }
    this._phase("starting");
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

  private _connect(id: Id, track: MediaStreamTrack): void {
    this._drop();
    keep(id);
    this.view.elsewhere = null;
    this._others?.postMessage(id);
    this.view.muted = false;
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
    if (kept() === call.id) void this.resume(call.id);
    else {
      this.view.elsewhere = call.id;
      this._o.onChange();
    }
  }

  async resume(id: Id): Promise<void> {
    if (this.busy) return;
    this._phase("asking");
    try {
      const track = await openMicrophone();
      this._phase("starting");
      const { call } = await this._o.rest<{ call: Call }>("GET", `/calls/${id}`);
      this._take(call);
      if (call.state === "ended") track.stop();
      else this._connect(id, track);
    } catch (e) {
      this.view.elsewhere = id;
      if (e instanceof MicError) this.view.problem = e.reason;
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
    if (frame.type === "call.state" && frame.call.id === id) {
      this.view.agentMuted = frame.muted?.agent ?? false;
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
    const counted = (state: CallState | null) => (state === "active" || state === "held" ? 1 : 0);
    if (before === null || counted(before) !== counted(call.state))
      this.view.since = Date.now() - this._age(call);
    this._phase("live");
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
        const { call } = await this._o.rest<{ call: Call }>("POST", `/calls/${id}/end`, {});
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
