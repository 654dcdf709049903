/* One connection to /ws that never gives up: hello, welcome, ping, reconnect with jittered back-off.
 * Frames with an id are answered by a promise; all others go to onFrame. */
import { type ClientFrame, ProblemError, type Resume, type ServerFrame, type Welcome } from "./protocol";

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

/* Full jitter above the floor: after a restart of the daemon all clients come back spread out. */
export function backoff(attempt: number, min: number, max: number, random: () => number): number {
  const cap = Math.min(max, min * 2 ** Math.min(attempt, 16));
  return Math.round(min + random() * Math.max(0, cap - min));
}

export class Socket {
  status: Status = "connecting";
  private ws: WebSocket | null = null;
  private ready = false;
  private attempt = 0;
  private retry = { min_ms: 500, max_ms: 15000 };
  private byeMs: number | null = null;
  private next = 1;
  private waiting = new Map<string, Waiter>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heart: ReturnType<typeof setInterval> | undefined;
  private heardAt = 0;
  private stopped = true;
  private readonly nudge = () => this.wake();

  constructor(private readonly o: SocketOptions) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    globalThis.addEventListener?.("online", this.nudge);
    globalThis.document?.addEventListener("visibilitychange", this.nudge);
    void this.open();
  }

  stop(): void {
    this.stopped = true;
    globalThis.removeEventListener?.("online", this.nudge);
    globalThis.document?.removeEventListener("visibilitychange", this.nudge);
    clearTimeout(this.timer);
    this.drop();
  }

  get online(): boolean {
    return this.ready;
  }

  /* False when not connected: the frame is gone, the caller keeps what matters. */
  send(frame: ClientFrame, id?: string): boolean {
    if (!this.ready || !this.ws) return false;
    this.ws.send(JSON.stringify(id ? { ...frame, id } : frame));
    return true;
  }

  /* Rejects by ProblemError: the daemon's, or status 0 with code "network". */
  request(frame: ClientFrame): Promise<ServerFrame> {
    const id = String(this.next++);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new ProblemError({ status: 0, code: "network" }));
      }, ANSWER_MS);
      this.waiting.set(id, { resolve, reject, timer });
      if (!this.send(frame, id)) this.settle(id, new ProblemError({ status: 0, code: "network" }));
    });
  }

  /* Something says that the network is back or the tab is seen: do not sit out the back-off. */
  wake(): void {
    if (this.stopped) return;
    if (this.ready) this.beat(4000);
    else if (this.timer !== undefined && this.byeMs === null && !this.ws) {
      clearTimeout(this.timer);
      void this.open();
    }
  }

  private settle(id: string, result: ServerFrame | Error): void {
    const waiter = this.waiting.get(id);
    if (!waiter) return;
    this.waiting.delete(id);
    clearTimeout(waiter.timer);
    if (result instanceof Error) waiter.reject(result);
    else waiter.resolve(result);
  }

  private set(status: Status): void {
    if (this.status === status) return;
    this.status = status;
    this.o.onStatus(status);
  }

  private async open(): Promise<void> {
    this.timer = undefined;
    this.byeMs = null;
    if (this.stopped) return;
    let auth: { token?: string; ticket?: string };
    try {
      auth = await this.o.auth();
    } catch (e) {
      this.again(e instanceof ProblemError && (e.problem.status === 401 || e.problem.status === 403));
      return;
    }
    if (this.stopped || this.ws) return;
    const make = this.o.make ?? ((url, protocol) => new WebSocket(url, protocol));
    const ws = make(this.o.url, "support.v1");
    this.ws = ws;
    const helloTimer = setTimeout(() => this.lost(ws, 0), HELLO_MS);
    ws.onopen = () => {
      const resume = this.o.resume();
      const hello = { type: "hello", id: "hello", ...auth, ...(resume.length ? { resume } : {}) };
      ws.send(JSON.stringify(hello));
    };
    ws.onmessage = (event) => {
      if (this.ws === ws) this.receive(String(event.data), helloTimer);
    };
    ws.onclose = (event) => {
      clearTimeout(helloTimer);
      this.lost(ws, event.code);
    };
  }

  private receive(text: string, helloTimer: ReturnType<typeof setTimeout>): void {
    this.heardAt = Date.now();
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      return;
    }
    if (frame.type === "welcome") {
      clearTimeout(helloTimer);
      this.ready = true;
      this.attempt = 0;
      this.retry = frame.retry ?? this.retry;
      this.startHeart(frame.ping_interval_ms || 25000);
      this.set("online");
      this.o.onWelcome(frame);
      return;
    }
    if (frame.type === "bye") this.byeMs = frame.retry_after_ms;
    if (frame.type === "error") {
      if (frame.id) this.settle(frame.id, new ProblemError(frame.error));
      return;
    }
    this.o.onFrame(frame);
    if (frame.id) this.settle(frame.id, frame);
  }

  private startHeart(interval: number): void {
    clearInterval(this.heart);
    this.heart = setInterval(() => this.beat(GRACE_MS), interval);
  }

  /* Sends a ping and gives the connection up when nothing at all comes back. */
  private beat(graceMs: number): void {
    const ws = this.ws;
    const sentAt = Date.now();
    if (!ws || !this.send({ type: "ping" }, "ping")) return;
    setTimeout(() => {
      if (this.ws === ws && this.heardAt < sentAt) this.lost(ws, 0);
    }, graceMs);
  }

  private drop(): void {
    const ws = this.ws;
    this.ws = null;
    this.ready = false;
    clearInterval(this.heart);
    if (ws) {
      ws.onclose = ws.onmessage = ws.onopen = null;
      ws.close();
    }
    for (const id of [...this.waiting.keys()])
      this.settle(id, new ProblemError({ status: 0, code: "network" }));
  }

  private lost(ws: WebSocket, code: number): void {
    if (this.ws !== ws) return;
    this.drop();
    if (code === 4401) this.o.refused();
    /* The first refusal is most often an expired token: that one is renewed quietly. */
    this.again(code === 4403 || (code === 4401 && this.attempt > 0));
  }

  private again(refused: boolean): void {
    if (this.stopped) return;
    this.set(refused ? "refused" : "waiting");
    const { min_ms, max_ms } = this.retry;
    const random = this.o.random ?? Math.random;
    const jitter = backoff(this.attempt++, min_ms, max_ms, random);
    const delay = this.byeMs !== null ? this.byeMs + random() * min_ms : jitter;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.open(), delay);
  }
}
