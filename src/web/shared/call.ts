/* One leg of a call: this browser's peer connection to the daemon (docs/protocol.md 4.4).
 *
 * The browser always offers. The customer's leg has its microphone from the start; the agent's is
 * connected while it rings and gets the microphone by attach(). A broken leg offers again by itself,
 * with an ICE restart, as often as it takes; the daemon's grace period decides when it is over. */
import type { Id, ServerFrame } from "./protocol";
import type { Socket } from "./socket";

export interface Levels {
  /* 0..1, loudness of the own microphone and of what is heard. */
  own: number;
  other: number;
}

export interface LegOptions {
  callId: Id;
  socket: Socket;
  iceServers: RTCIceServer[];
  audio: HTMLAudioElement;
  onLevels(levels: Levels): void;
  /* connecting, connected, broken (trying again), and the browser refused to play without a tap. */
  onState(state: LegState): void;
}

export type LegState = "connecting" | "connected" | "broken" | "silent" | "closed";

/* Reasons why there is no microphone, as words in the catalogue know them. */
export type MicProblem = "unsupported" | "denied" | "missing" | "busy";

export class MicError extends Error {
  constructor(readonly reason: MicProblem) {
    super(reason);
  }
}

const LEVEL_MS = 200;
const BROKEN_MS = 3000;
const RETRY_MS = 4000;

export function callsSupported(): boolean {
  return (
    typeof RTCPeerConnection === "function" &&
    typeof navigator.mediaDevices?.getUserMedia === "function"
  );
}

export async function openMicrophone(): Promise<MediaStreamTrack> {
  if (!callsSupported()) throw new MicError("unsupported");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const [track] = stream.getAudioTracks();
    if (!track) throw new MicError("missing");
    return track;
  } catch (e) {
    if (e instanceof MicError) throw e;
    const name = e instanceof DOMException ? e.name : "";
    if (name === "NotFoundError" || name === "OverconstrainedError") throw new MicError("missing");
    if (name === "NotReadableError" || name === "AbortError") throw new MicError("busy");
    throw new MicError("denied");
  }
}

export class CallLeg {
  state: LegState = "connecting";
  private readonly pc: RTCPeerConnection;
  private readonly transceiver: RTCRtpTransceiver;
  private track: MediaStreamTrack | null;
  private muted = false;
  /* Candidates of the daemon that came before its answer; own ones before the offer went out. */
  private early: string[] = [];
  private mine: string[] = [];
  private offering = false;
  private offered = false;
  private again = false;
  private round = 0;
  private closed = false;
  private readonly meter: ReturnType<typeof setInterval>;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly o: LegOptions,
    track: MediaStreamTrack | null,
  ) {
    this.track = track;
    this.pc = new RTCPeerConnection({ iceServers: o.iceServers, bundlePolicy: "max-bundle" });
    this.transceiver = this.pc.addTransceiver(track ?? "audio", { direction: "sendrecv" });
    this.pc.ontrack = (event) => this.play(new MediaStream([event.track]));
    this.pc.onicecandidate = (event) => this.trickle(event.candidate?.candidate ?? "");
    this.pc.onconnectionstatechange = () => this.watch();
    this.pc.oniceconnectionstatechange = () => this.watch();
    this.meter = setInterval(() => void this.measure(), LEVEL_MS);
    globalThis.addEventListener("online", this.networkChanged);
    void this.offer(false);
  }

  get callId(): Id {
    return this.o.callId;
  }

  get attached(): boolean {
    return this.track !== null;
  }

  /* Puts the microphone on an already connected leg: from here on the other side hears. */
  async attach(track: MediaStreamTrack): Promise<void> {
    this.track = track;
    track.enabled = !this.muted;
    await this.transceiver.sender.replaceTrack(track);
  }

  mute(muted: boolean): void {
    this.muted = muted;
    if (this.track) this.track.enabled = !muted;
    this.o.socket.send({ type: "call.mute", call_id: this.o.callId, muted });
  }

  get isMuted(): boolean {
    return this.muted;
  }

  /* Frames call.candidate and call.restart of this call. */
  frame(frame: ServerFrame): void {
    if (this.closed) return;
    if (frame.type === "call.restart") void this.offer(true);
    if (frame.type !== "call.candidate") return;
    if (this.pc.remoteDescription && this.pc.signalingState === "stable") this.add(frame.candidate);
    else this.early.push(frame.candidate);
  }

  /* The socket is back: what was trickled meanwhile is lost. */
  socketBack(): void {
    if (this.closed) return;
    if (this.pc.connectionState !== "connected") void this.offer(this.offered);
    if (this.muted) this.mute(true);
  }

  /* After a tap of the user, where the browser had refused to play. */
  resumeAudio(): void {
    void this.o.audio.play().then(
      () => this.watch(true),
      () => undefined,
    );
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.meter);
    clearTimeout(this.timer);
    globalThis.removeEventListener("online", this.networkChanged);
    this.track?.stop();
    this.pc.ontrack = this.pc.onicecandidate = null;
    this.pc.onconnectionstatechange = this.pc.oniceconnectionstatechange = null;
    this.pc.close();
    this.o.audio.srcObject = null;
    this.set("closed");
  }

  private readonly networkChanged = () => {
    if (!this.closed) void this.offer(true);
  };

  private set(state: LegState): void {
    if (this.state === state) return;
    this.state = state;
    this.o.onState(state);
  }

  private play(stream: MediaStream): void {
    this.o.audio.srcObject = stream;
    this.o.audio.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === "NotAllowedError") this.set("silent");
    });
  }

  private trickle(candidate: string): void {
    if (!this.offered || this.offering) this.mine.push(candidate);
    else this.o.socket.send({ type: "call.candidate", call_id: this.o.callId, candidate });
  }

  private add(candidate: string): void {
    const init: RTCIceCandidateInit = { candidate, sdpMLineIndex: 0 };
    /* A candidate that this browser cannot use (a protocol it lacks) is no reason to fail. */
    this.pc.addIceCandidate(init).catch(() => undefined);
  }

  private async offer(restart: boolean): Promise<void> {
    if (this.closed) return;
    if (this.offering) {
      this.again = true;
      return;
    }
    this.offering = true;
    const round = ++this.round;
    clearTimeout(this.timer);
    try {
      if (this.pc.signalingState === "have-local-offer")
        await this.pc.setLocalDescription({ type: "rollback" });
      this.mine = [];
      this.early = [];
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart: restart }));
      const sdp = this.pc.localDescription?.sdp ?? "";
      const asked = this.o.socket.request({ type: "call.offer", call_id: this.o.callId, sdp });
      this.offered = true;
      for (const candidate of this.mine.splice(0))
        this.o.socket.send({ type: "call.candidate", call_id: this.o.callId, candidate });
      this.offering = false;
      const answer = await asked;
      /* An answer to an offer that a newer one has replaced fits no description any more. */
      if (this.closed || round !== this.round || answer.type !== "call.answer") return;
      await this.pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      for (const candidate of this.early.splice(0)) this.add(candidate);
    } catch {
      /* Offline, or the daemon would not: the call's own state tells when it is over. */
      if (!this.closed && round === this.round)
        this.timer = setTimeout(() => void this.offer(this.offered), RETRY_MS);
    } finally {
      if (round === this.round) this.offering = false;
      if (this.again) {
        this.again = false;
        void this.offer(true);
      }
    }
  }

  private watch(playing = false): void {
    if (this.closed) return;
    const ice = this.pc.iceConnectionState;
    const state = this.pc.connectionState;
    if (state === "connected" && ice !== "disconnected") {
      clearTimeout(this.timer);
      if (this.state !== "silent" || playing) this.set("connected");
      return;
    }
    if (state === "failed" || ice === "failed") {
      this.set("broken");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.offer(true), 200);
    } else if (state === "disconnected" || ice === "disconnected") {
      this.set("broken");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.offer(true), BROKEN_MS);
    }
  }

  /* getStats works where an AudioContext would wait for a device or a click. */
  private async measure(): Promise<void> {
    if (this.closed || this.pc.connectionState !== "connected") return;
    const levels: Levels = { own: 0, other: 0 };
    for (const stat of (await this.pc.getStats()).values()) {
      const s = stat as { type: string; kind?: string; audioLevel?: number };
      if (s.kind !== "audio" || s.audioLevel === undefined) continue;
      if (s.type === "media-source") levels.own = this.muted ? 0 : s.audioLevel;
      if (s.type === "inbound-rtp") levels.other = s.audioLevel;
    }
    if (!this.closed) this.o.onLevels(levels);
  }
}

/* Loudness as the eye expects it: 0..1 over 50 dB. */
export function meterOf(level: number): number {
  if (level <= 0.003) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(level)) / 50));
}
