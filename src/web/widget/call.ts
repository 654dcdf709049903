/* The customer's call: from the press of the button to the end, over reloads and other windows. */
import {
  CallLeg,
  callsSupported,
  type LegState,
  type Levels,
  MicError,
  type MicProblem,
  openMicrophone,
} from "../shared/call";
import type { Client } from "../shared/client";
import {
  type Call,
  type CallQuality,
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
  quality: CallQuality | null;
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
  readonly supported = callsSupported();
  private leg: CallLeg | null = null;
  private key: Id | null = null;
  private ice: RTCIceServer[] | null = null;
  private ending: Id | null = null;
  private readonly others =
    typeof BroadcastChannel === "function" ? new BroadcastChannel("supportd.call") : null;

  constructor(private readonly o: CallOptions) {
    if (this.others)
      this.others.onmessage = (event: MessageEvent<unknown>) => {
        /* Another window has taken the call: this leg must not fight for it. */
        if (event.data === this.view.call?.id && this.leg) {
          const id = this.view.call?.id ?? null;
          keep(null);
          this.drop();
          this.view.phase = "none";
          this.view.elsewhere = id;
          o.onChange();
        }
      };
  }

  get busy(): boolean {
    return this.view.phase !== "none" && this.view.phase !== "over";
  }

  async start(chatId: Id | null): Promise<void> {
    if (this.busy) return;
    this.view.problem = null;
    this.phase("asking");
    let track: MediaStreamTrack;
    try {
      track = await openMicrophone();
    } catch (e) {
      this.view.problem = e instanceof MicError ? e.reason : "failed";
      this.phase("none");
      return;
    }
    this.phase("starting");
    this.key ??= uuid();
    try {
      const answer = await this.o.rest<{ call: Call; chat: ChatState; ice_servers: RTCIceServer[] }>(
        "POST",
        "/call/start",
        { client_key: this.key, ...(chatId ? { chat_id: chatId } : {}) },
      );
      this.key = null;
      this.ice = answer.ice_servers;
      this.o.client.chat(answer.chat.id);
      void this.o.client.open(answer.chat.id);
      this.take(answer.call);
      this.connect(answer.call.id, track);
    } catch (e) {
      track.stop();
      const network = e instanceof ProblemError && e.problem.status === 0;
      if (!network) this.key = null;
      const conflict = e instanceof ProblemError && e.problem.status === 409;
      this.view.problem = conflict ? "limit" : "failed";
      this.phase("none");
    }
  }

  private connect(id: Id, track: MediaStreamTrack): void {
    this.drop();
    keep(id);
    this.view.elsewhere = null;
    this.others?.postMessage(id);
    this.view.muted = false;
    this.leg = new CallLeg(
      {
        callId: id,
        socket: this.o.client.socket,
        iceServers: this.ice ?? this.o.iceServers(),
        audio: this.o.audio,
        onLevels: (levels) => {
          this.view.levels = levels;
          this.o.onLevels(levels);
        },
        onState: (state) => {
          this.view.leg = state;
          this.o.onChange();
        },
      },
      track,
    );
    this.view.leg = "connecting";
    this.o.onChange();
  }

  /* The chat's state tells of a call: take it back after a reload, or say that it is elsewhere. */
  fromChat(state: ChatState | null): void {
    const call = state?.call;
    if (!call) {
      if (this.view.elsewhere) {
        this.view.elsewhere = null;
        this.o.onChange();
      }
      /* Ended while this window was away: no call.state came for it. */
      if (state && this.view.phase === "live" && this.view.call?.chat_id === state.id)
        void this.refresh();
      return;
    }
    if (this.busy || this.leg || this.ending === call.id || this.view.elsewhere === call.id) return;
    if (this.view.call?.id === call.id && this.view.call.state === "ended") return;
    if (kept() === call.id) void this.resume(call.id);
    else {
      this.view.elsewhere = call.id;
      this.o.onChange();
    }
  }

  async resume(id: Id): Promise<void> {
    if (this.busy) return;
    this.phase("asking");
    try {
      const track = await openMicrophone();
      this.phase("starting");
      const { call } = await this.o.rest<{ call: Call }>("GET", `/calls/${id}`);
      this.take(call);
      if (call.state === "ended") track.stop();
      else this.connect(id, track);
    } catch (e) {
      this.view.elsewhere = id;
      if (e instanceof MicError) this.view.problem = e.reason;
      this.phase("none");
    }
  }

  private async refresh(): Promise<void> {
    const id = this.view.call?.id;
    if (!id) return;
    try {
      const { call } = await this.o.rest<{ call: Call }>("GET", `/calls/${id}`);
      this.take(call);
    } catch {
      /* The next change of the chat asks again. */
    }
  }

  frame(frame: ServerFrame): void {
    const id = this.view.call?.id;
    if (frame.type === "call.state" && frame.call.id === id) {
      this.view.agentMuted = frame.muted?.agent ?? false;
      this.take(frame.call);
    } else if (frame.type === "call.quality" && frame.call_id === id) {
      this.view.quality = frame;
      this.o.onChange();
    } else if (
      (frame.type === "call.candidate" || frame.type === "call.restart") &&
      frame.call_id === this.leg?.callId
    )
      this.leg.frame(frame);
  }

  private take(call: Call): void {
    if (this.ending === call.id && call.state !== "ended") return;
    const before = this.view.call?.id === call.id ? this.view.call.state : null;
    this.view.call = call;
    if (call.state === "ended") {
      keep(null);
      this.drop();
      this.ending = null;
      if (this.view.phase !== "over") this.phase("over");
      return;
    }
    const counted = (state: CallState | null) => (state === "active" || state === "held" ? 1 : 0);
    if (before === null || counted(before) !== counted(call.state))
      this.view.since = Date.now() - this.age(call);
    this.phase("live");
  }

  /* How long ago the counted part began: after a reload it did not begin just now. */
  private age(call: Call): number {
    const from = call.answered_at ?? call.created_at;
    return Math.max(0, this.o.client.now() - Date.parse(from));
  }

  mute(): void {
    if (!this.leg) return;
    this.leg.mute(!this.leg.isMuted);
    this.view.muted = this.leg.isMuted;
    this.o.onChange();
  }

  tap(): void {
    this.leg?.resumeAudio();
  }

  /* Silence at once; the daemon is told until it has heard it. */
  async end(): Promise<void> {
    const id = this.view.call?.id;
    if (!id) return;
    this.ending = id;
    keep(null);
    this.drop();
    this.phase("over");
    for (let wait = 500; this.ending === id; wait = Math.min(wait * 2, 10000)) {
      try {
        const { call } = await this.o.rest<{ call: Call }>("POST", `/calls/${id}/end`, {});
        this.take(call);
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
    await this.o.rest("POST", `/calls/${id}/end`, {}).catch(() => undefined);
  }

  socketBack(): void {
    this.leg?.socketBack();
    if (this.view.phase === "live") void this.refresh();
  }

  dismiss(): void {
    this.view.problem = null;
    if (this.view.phase === "over") {
      this.view.phase = "none";
      this.view.call = null;
      this.view.quality = null;
    }
    this.o.onChange();
  }

  private drop(): void {
    this.leg?.close();
    this.leg = null;
  }

  private phase(phase: Phase): void {
    this.view.phase = phase;
    this.o.onChange();
  }
}
