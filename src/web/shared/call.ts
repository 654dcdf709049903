/* One leg of a call: this browser's peer connection to the daemon (docs/protocol.md 4.4).
 *
 * The browser always offers. The customer's leg has its microphone from the start; the agent's is
 * connected while it rings and gets the microphone by attach(). A broken leg offers again by itself,
 * with an ICE restart, as often as it takes; the daemon's grace period decides when it is over. */
import { callsSupported } from "./callable";
import { TrackLevel } from "./level";
import type { Id, ServerFrame } from "./protocol";
import type { Socket } from "./socket";
import { statsFrame } from "./stats";

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

interface Stat {
  type: string;
  kind?: string;
  audioLevel?: number;
  packetsReceived?: number;
}

/* Reasons why there is no microphone, as words in the catalogue know them. */
export type MicProblem = "unsupported" | "denied" | "missing" | "busy";

export class MicError extends Error {
  constructor(readonly reason: MicProblem) {
    super(reason);
  }
}

const LEVEL_MS = 200;
const STATS_MS = 1000;
const BROKEN_MS = 500;
/* Without a packet for so long (DTX sends some, a hold of this side none), a change of network is
 * possible: the socket is asked, which must answer within SOCKET_MS. */
const SILENT_MS = 2000;
const SOCKET_MS = 1500;
const RETRY_MS = 4000;

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
  private readonly _pc: RTCPeerConnection;
  private readonly _transceiver: RTCRtpTransceiver;
  private _track: MediaStreamTrack | null;
  private _muted = false;
  /* Candidates of the daemon that came before its answer; own ones before the offer went out. */
  private _early: string[] = [];
  private _mine: string[] = [];
  private _offering = false;
  private _offered = false;
  private _again = false;
  private _round = 0;
  private _closed = false;
  private _ear: TrackLevel | undefined;
  private readonly _meter: ReturnType<typeof setInterval>;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _told = Date.now();
  private _packets: number | undefined;
  private _heardAt = Date.now();
  private _askedAt = 0;
  private _answeredAt = 0;

  constructor(
    private readonly _o: LegOptions,
    track: MediaStreamTrack | null,
  ) {
    this._track = track;
    this._pc = new RTCPeerConnection({ iceServers: _o.iceServers, bundlePolicy: "max-bundle" });
    this._transceiver = this._pc.addTransceiver(track ?? "audio", { direction: "sendrecv" });
    this._pc.ontrack = (event) => this._play(new MediaStream([event.track]));
    this._pc.onicecandidate = (event) => this._trickle(event.candidate?.candidate ?? "");
    this._pc.onconnectionstatechange = () => this._watch();
    this._pc.oniceconnectionstatechange = () => this._watch();
    this._meter = setInterval(() => void this._measure(), LEVEL_MS);
    globalThis.addEventListener("online", this._networkChanged);
    void this._offer(false);
  }

  get callId(): Id {
    return this._o.callId;
  }

  get attached(): boolean {
    return this._track !== null;
  }

  /* Puts the microphone on an already connected leg: from here on the other side hears. */
  async attach(track: MediaStreamTrack): Promise<void> {
    this._track = track;
    track.enabled = !this._muted;
    await this._transceiver.sender.replaceTrack(track);
  }

  /* Takes the microphone off again: nothing more is sent. */
  async detach(): Promise<void> {
    this._track?.stop();
    this._track = null;
    await this._transceiver.sender.replaceTrack(null);
  }

  mute(muted: boolean): void {
    this._muted = muted;
    if (this._track) this._track.enabled = !muted;
    this._o.socket.send({ type: "call.mute", call_id: this._o.callId, muted });
  }

  get isMuted(): boolean {
    return this._muted;
  }

  /* For the next restart of ICE: credentials for TURN run out. */
  renew(iceServers: RTCIceServer[]): void {
    if (this._closed) return;
    this._pc.setConfiguration({ iceServers, bundlePolicy: "max-bundle" });
  }

  /* Frames call.candidate and call.restart of this call. */
  frame(frame: ServerFrame): void {
    if (this._closed) return;
    if (frame.type === "call.restart") this._restart(frame.reason);
    if (frame.type !== "call.candidate") return;
    if (this._pc.remoteDescription && this._pc.signalingState === "stable")
      this._add(frame.candidate);
    else this._early.push(frame.candidate);
  }

  /* Right after a restart packets come from addresses that are not nominated yet: that is no reason for
   * another one. The daemon asks again if it stays so. */
  private _restart(reason: string): void {
    if (reason !== "moved" || Date.now() - this._answeredAt > SILENT_MS) void this._offer(true);
  }

  /* The socket is back: what was trickled meanwhile is lost. */
  socketBack(): void {
    if (this._closed) return;
    const silent = Date.now() - this._heardAt > SILENT_MS;
    if (silent || this._pc.connectionState !== "connected") void this._offer(this._offered);
    if (this._muted) this.mute(true);
  }

  /* After a tap of the user, where the browser had refused to play. */
  resumeAudio(): void {
    void this._o.audio.play().then(
      () => this._watch(true),
      () => undefined,
    );
  }

  close(): void {
    if (this._closed) return;
    this._closed = true;
    clearInterval(this._meter);
    clearTimeout(this._timer);
    globalThis.removeEventListener("online", this._networkChanged);
    this._track?.stop();
    this._ear?.close();
    this._pc.ontrack = this._pc.onicecandidate = null;
    this._pc.onconnectionstatechange = this._pc.oniceconnectionstatechange = null;
    this._pc.close();
    this._o.audio.srcObject = null;
    this._set("closed");
  }

  private readonly _networkChanged = () => {
    if (!this._closed) void this._offer(true);
  };

  private _set(state: LegState): void {
    if (this.state === state) return;
    this.state = state;
    this._o.onState(state);
  }

  private _play(stream: MediaStream): void {
    this._o.audio.srcObject = stream;
    this._o.audio.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === "NotAllowedError") this._set("silent");
    });
  }

  private _trickle(candidate: string): void {
    if (!this._offered || this._offering) this._mine.push(candidate);
    else this._o.socket.send({ type: "call.candidate", call_id: this._o.callId, candidate });
  }

  private _add(candidate: string): void {
    const init: RTCIceCandidateInit = { candidate, sdpMLineIndex: 0 };
    /* A candidate that this browser cannot use (a protocol it lacks) is no reason to fail. */
    this._pc.addIceCandidate(init).catch(() => undefined);
  }

  private async _offer(restart: boolean): Promise<void> {
    if (this._closed) return;
    if (this._offering) {
      this._again = true;
      return;
    }
    this._offering = true;
    const round = ++this._round;
    clearTimeout(this._timer);
    try {
      if (this._pc.signalingState === "have-local-offer")
        await this._pc.setLocalDescription({ type: "rollback" });
      this._mine = [];
      this._early = [];
      await this._pc.setLocalDescription(await this._pc.createOffer({ iceRestart: restart }));
      const sdp = this._pc.localDescription?.sdp ?? "";
      const asked = this._o.socket.request({ type: "call.offer", call_id: this._o.callId, sdp });
      this._offered = true;
      for (const candidate of this._mine.splice(0))
        this._o.socket.send({ type: "call.candidate", call_id: this._o.callId, candidate });
      this._offering = false;
      const answer = await asked;
      /* An answer to an offer that a newer one has replaced fits no description any more. */
      if (this._closed || round !== this._round || answer.type !== "call.answer") return;
      await this._pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      this._answeredAt = Date.now();
      for (const candidate of this._early.splice(0)) this._add(candidate);
    } catch {
      /* Offline, or the daemon would not: the call's own state tells when it is over. */
      if (!this._closed && round === this._round) {
        /* Asked for again when the socket is back, unless sound comes. */
        this._heardAt = 0;
        this._timer = setTimeout(() => void this._offer(this._offered), RETRY_MS);
      }
    } finally {
      if (round === this._round) this._offering = false;
      if (this._again) {
        this._again = false;
        void this._offer(true);
      }
    }
  }

  private _watch(playing = false): void {
    if (this._closed) return;
    const ice = this._pc.iceConnectionState;
    const state = this._pc.connectionState;
    if (state === "connected" && ice !== "disconnected") {
      clearTimeout(this._timer);
      if (this.state !== "silent" || playing) this._set("connected");
      return;
    }
    if (state === "failed" || ice === "failed") {
      this._set("broken");
      clearTimeout(this._timer);
      this._timer = setTimeout(() => void this._offer(true), 200);
    } else if (state === "disconnected" || ice === "disconnected") {
      this._set("broken");
      this._o.socket.wake(SOCKET_MS);
      clearTimeout(this._timer);
      this._timer = setTimeout(() => void this._offer(true), BROKEN_MS);
    }
  }

  /* getStats works where an AudioContext would wait for a device or a click. */
  private _hear(): number {
    if (!this._track) return 0;
    if (this._ear?.track !== this._track) {
      this._ear?.close();
      this._ear = new TrackLevel(this._track);
    }
    return this._ear.read();
  }

  private async _measure(): Promise<void> {
    if (this._closed || this._pc.connectionState !== "connected") return;
    const levels: Levels = { own: 0, other: 0 };
    const report = await this._pc.getStats();
    if (this._closed) return;
    if (Date.now() - this._told >= STATS_MS) {
      this._told = Date.now();
      const frame = statsFrame(report.values(), this._o.callId);
      if (frame) this._o.socket.send(frame);
    }
    for (const stat of report.values()) {
      const s = stat as Stat;
      if (s.kind !== "audio") continue;
      if (s.type === "media-source") levels.own = this._muted ? 0 : (s.audioLevel ?? this._hear());
      if (s.type !== "inbound-rtp") continue;
      levels.other = s.audioLevel ?? 0;
      if (s.packetsReceived !== this._packets) this._heardAt = Date.now();
      this._packets = s.packetsReceived;
    }
    const now = Date.now();
    if (now - Math.max(this._heardAt, this._askedAt) > SILENT_MS) {
      this._askedAt = now;
      this._o.socket.wake(SOCKET_MS);
    }
    this._o.onLevels(levels);
  }
}

/* Loudness as the eye expects it: 0..1 over 50 dB. */
export function meterOf(level: number): number {
  if (level <= 0.003) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(level)) / 50));
}
