/* One connection to /ws that never gives up: hello, welcome, ping, reconnect with jittered back-off.
 * Frames with an id are answered by a promise; all others go to onFrame. */
import {
  type ClientFrame,
  ProblemError,
  type Resume,
  type ServerFrame,
  type Welcome,
} from "./protocol";

/* connecting: before the first welcome; online; waiting: broken, next try is timed; refused: the
 * daemon did not take the credentials (still tried again, at the slowest pace). */
export type Status = "connecting" | "online" | "waiting" | "refused";

export interface SocketOptions {
  url: string;
  /* Fresh credentials for each hello. Rejecting counts as a failed try. */
  auth(): Promise<{ token?: string; ticket?: string }>;
  resume(): Resume[];
  onWelcome(frame: Welcome): void;
  onFrame(frame: ServerFrame): void;
  onStatus(status: Status): void;
  refused(): void;
  /* For tests. */
  make?: (url: string, protocol: string) => WebSocket;
  random?: () => number;
}

interface Waiter {
  resolve(frame: ServerFrame): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

const ANSWER_MS = 15000;
const HELLO_MS = 12000;
const GRACE_MS = 8000;
const RENEW_BEFORE_MS = 60000;
const RENEW_LAST_MS = 2000;
const TIMER_MAX_MS = 2 ** 31 - 1;

/* Full jitter above the floor: after a restart of the daemon all clients come back spread out. */
export function backoff(attempt: number, min: number, max: number, random: () => number): number {
  const cap = Math.min(max, min * 2 ** Math.min(attempt, 16));
  return Math.round(min + random() * Math.max(0, cap - min));
}

export class Socket {
  status: Status = "connecting";
  private _ws: WebSocket | null = null;
  private _ready = false;
  private _attempt = 0;
  private _retry = { min_ms: 500, max_ms: 15000 };
  private _byeMs: number | null = null;
  private _next = 1;
  private _waiting = new Map<string, Waiter>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _heart: ReturnType<typeof setInterval> | undefined;
  private _heardAt = 0;
  private _renewal: ReturnType<typeof setTimeout> | undefined;
  /* The daemon's clock less ours. */
  private _ahead = 0;
  private _stopped = true;
  private _away = false;
  private readonly _nudge = () => this.wake();
  private readonly _offline = () => {
    this._away = true;
  };
  /* Back in a network: the old connection most likely has an address that is gone, and nobody would
   * say so for long. A new one costs less than finding out. */
  private readonly _back = () => {
    const ws = this._away ? this._ws : null;
    this._away = false;
    if (ws) this._lost(ws, 0);
    this.wake();
  };

  constructor(private readonly _o: SocketOptions) {}

  start(): void {
    if (!this._stopped) return;
    this._stopped = false;
    globalThis.addEventListener?.("offline", this._offline);
    globalThis.addEventListener?.("online", this._back);
    globalThis.document?.addEventListener("visibilitychange", this._nudge);
    void this._open();
  }

  stop(): void {
    this._stopped = true;
    globalThis.removeEventListener?.("offline", this._offline);
    globalThis.removeEventListener?.("online", this._back);
    globalThis.document?.removeEventListener("visibilitychange", this._nudge);
    clearTimeout(this._timer);
    this._drop();
  }

  get online(): boolean {
    return this._ready;
  }

  /* False when not connected: the frame is gone, the caller keeps what matters. */
  send(frame: ClientFrame, id?: string): boolean {
    if (!this._ready || !this._ws) return false;
    this._ws.send(JSON.stringify(id ? { ...frame, id } : frame));
    return true;
  }

  /* Rejects by ProblemError: the daemon's, or status 0 with code "network". */
  request(frame: ClientFrame): Promise<ServerFrame> {
    const id = String(this._next++);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this._waiting.delete(id);
        reject(new ProblemError({ status: 0, code: "network" }));
      }, ANSWER_MS);
      this._waiting.set(id, { resolve, reject, timer });
      if (!this.send(frame, id)) this._settle(id, new ProblemError({ status: 0, code: "network" }));
    });
  }

  /* Something says that the network is back or has changed, or the tab is seen: do not sit out the
   * back-off, and find out within graceMs whether the connection still is one. */
  wake(graceMs = 4000): void {
    if (this._stopped) return;
    if (this._ready) this._beat(graceMs);
    else if (this._timer !== undefined && this._byeMs === null && !this._ws) {
      clearTimeout(this._timer);
      void this._open();
    }
  }

  private _settle(id: string, result: ServerFrame | Error): void {
    const waiter = this._waiting.get(id);
    if (!waiter) return;
    this._waiting.delete(id);
    clearTimeout(waiter.timer);
    if (result instanceof Error) waiter.reject(result);
    else waiter.resolve(result);
  }

  private _set(status: Status): void {
    if (this.status === status) return;
    this.status = status;
    this._o.onStatus(status);
  }

  private async _open(): Promise<void> {
    this._timer = undefined;
    this._byeMs = null;
    if (this._stopped) return;
    let auth: { token?: string; ticket?: string };
    try {
      auth = await this._o.auth();
    } catch (e) {
      this._again(
        e instanceof ProblemError && (e.problem.status === 401 || e.problem.status === 403),
      );
      return;
    }
    if (this._stopped || this._ws) return;
    const make = this._o.make ?? ((url, protocol) => new WebSocket(url, protocol));
    const ws = make(this._o.url, "support.v1");
    this._ws = ws;
    const helloTimer = setTimeout(() => this._lost(ws, 0), HELLO_MS);
    ws.onopen = () => {
      const resume = this._o.resume();
      const hello = { type: "hello", id: "hello", ...auth, ...(resume.length ? { resume } : {}) };
      ws.send(JSON.stringify(hello));
    };
    ws.onmessage = (event) => {
      if (this._ws === ws) this._receive(String(event.data), helloTimer);
    };
    ws.onclose = (event) => {
      clearTimeout(helloTimer);
      this._lost(ws, event.code);
    };
  }

  private _receive(text: string, helloTimer: ReturnType<typeof setTimeout>): void {
    this._heardAt = Date.now();
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      return;
    }
    if (frame.type === "welcome") {
      clearTimeout(helloTimer);
      this._ready = true;
      this._attempt = 0;
      this._retry = frame.retry ?? this._retry;
      this._startHeart(frame.ping_interval_ms || 25000);
      this._ahead = Date.parse(frame.server_time) - Date.now();
      this._renewBefore(frame.expires_at);
      this._set("online");
      this._o.onWelcome(frame);
      return;
    }
    if (frame.type === "bye") this._byeMs = frame.retry_after_ms;
    if (frame.type === "error") {
      if (frame.id) this._settle(frame.id, new ProblemError(frame.error));
      return;
    }
    this._o.onFrame(frame);
    if (frame.id) this._settle(frame.id, frame);
  }

  /* The daemon ends the connection with the credential. A page that has no newer one is asked again
   * in half of what is left. */
  private _renewBefore(expires: string | null): void {
    clearTimeout(this._renewal);
    const left = expires ? Date.parse(expires) - Date.now() - this._ahead : Number.NaN;
    if (!(left > RENEW_LAST_MS)) return;
    const wait = Math.min(Math.max(left - RENEW_BEFORE_MS, left / 2), TIMER_MAX_MS);
    this._renewal = setTimeout(() => void this._renew(expires), wait);
  }

  private async _renew(expires: string | null): Promise<void> {
    const ws = this._ws;
    let until = expires;
    try {
      const answer = await this.request({ type: "auth.renew", ...(await this._o.auth()) });
      if (answer.type === "auth.renewed") until = answer.expires_at;
    } catch {
      /* Asked again below, as long as there is time. */
    }
    if (this._ws === ws && this._ready) this._renewBefore(until);
  }

  private _startHeart(interval: number): void {
    clearInterval(this._heart);
    this._heart = setInterval(() => this._beat(GRACE_MS), interval);
  }

  /* Sends a ping and gives the connection up when nothing at all comes back. */
  private _beat(graceMs: number): void {
    const ws = this._ws;
    const sentAt = Date.now();
    if (!ws || !this.send({ type: "ping" }, "ping")) return;
    setTimeout(() => {
      if (this._ws === ws && this._heardAt < sentAt) this._lost(ws, 0);
    }, graceMs);
  }

  private _drop(): void {
    const ws = this._ws;
    this._ws = null;
    this._ready = false;
    clearInterval(this._heart);
    clearTimeout(this._renewal);
    if (ws) {
      ws.onclose = ws.onmessage = ws.onopen = null;
      ws.close();
    }
    for (const id of [...this._waiting.keys()])
      this._settle(id, new ProblemError({ status: 0, code: "network" }));
  }

  private _lost(ws: WebSocket, code: number): void {
    if (this._ws !== ws) return;
    this._drop();
    if (code === 4401 || code === 4402) this._o.refused();
    /* The first refusal is most often an expired token: that one is renewed quietly. */
    this._again(code === 4403 || (code === 4401 && this._attempt > 0));
  }

  private _again(refused: boolean): void {
    if (this._stopped) return;
    this._set(refused ? "refused" : "waiting");
    const { min_ms, max_ms } = this._retry;
    const random = this._o.random ?? Math.random;
    const jitter = backoff(this._attempt++, min_ms, max_ms, random);
    const delay = this._byeMs !== null ? this._byeMs + random() * min_ms : jitter;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => void this._open(), delay);
  }
}
