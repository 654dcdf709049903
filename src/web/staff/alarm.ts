/* What calls an agent to an offer: sound, a browser notification, the title of the tab. Of several
 * tabs of one agent only the first makes sounds. */
import { signal } from "@preact/signals";

const REPEAT_MS = 2200;

export class Alarm {
  /* The browser lets no sound out before a click or key on the page. */
  readonly silent = signal(false);
  readonly askNotify = signal(false);
  leader = typeof navigator.locks === "undefined";
  private _context: AudioContext | null = null;
  private _ringing = new Map<string, Notification | null>();
  private _timer: ReturnType<typeof setInterval> | undefined;
  private _title = "";
  private _began = false;

  begin(): void {
    if (this._began) return;
    this._began = true;
    this._title = document.title;
    if (!this.leader)
      void navigator.locks.request("supportd.staff", () => {
        this.leader = true;
        /* Held until the tab closes. */
        return new Promise<void>(() => undefined);
      });
    this.askNotify.value = "Notification" in window && Notification.permission === "default";
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.unlock());
    this._check();
  }

  async notifyPermission(): Promise<void> {
    await Notification.requestPermission();
    this.askNotify.value = Notification.permission === "default";
  }

  unlock(): void {
    if (!this.silent.value && this._context) return;
    void this._audio()
      ?.resume()
      .then(() => this._check());
  }

  private _audio(): AudioContext | null {
    if (!this._context && typeof AudioContext === "function") this._context = new AudioContext();
    return this._context;
  }

  private _check(): void {
    const context = this._audio();
    this.silent.value = context !== null && context.state !== "running";
  }

  offer(id: string, what: string, who: string): void {
    let note: Notification | null = null;
    if (this.leader && "Notification" in window && Notification.permission === "granted") {
      try {
        note = new Notification(what, { body: who, tag: id, requireInteraction: true });
        note.onclick = () => {
          window.focus();
          note?.close();
        };
      } catch {
        /* Some phones allow notifications only to service workers. */
      }
    }
    this._ringing.set(id, note);
    if (this._timer !== undefined) return;
    let odd = true;
    const ring = () => {
      document.title = odd ? `\u25cf ${what}: ${who}` : this._title;
      odd = !odd;
      this._tone([
        [660, 0],
        [880, 0.18],
        [660, 0.36],
      ]);
    };
    ring();
    this._timer = setInterval(ring, REPEAT_MS);
  }

  stop(id: string): void {
    this._ringing.get(id)?.close();
    this._ringing.delete(id);
    if (this._ringing.size) return;
    clearInterval(this._timer);
    this._timer = undefined;
    document.title = this._title;
  }

  /* A short sign for a message that the agent is not looking at. */
  message(looking: boolean): void {
    if (looking && document.visibilityState === "visible" && document.hasFocus()) return;
    this._tone([[520, 0]]);
  }

  private _tone(notes: [number, number][]): void {
    const context = this._audio();
    this._check();
    if (!this.leader || !context || context.state !== "running") return;
    for (const [frequency, after] of notes) {
      const at = context.currentTime + after;
      const gain = context.createGain();
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.18);
    }
  }
}
