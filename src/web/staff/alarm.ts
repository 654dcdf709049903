/* What calls an agent to an offer: sound, a browser notification, the title of the tab. Of several
 * tabs of one agent only the first makes sounds. */
import { signal } from "@preact/signals";

const REPEAT_MS = 2200;

export class Alarm {
  /* The browser lets no sound out before a click or key on the page. */
  readonly silent = signal(false);
  readonly askNotify = signal(false);
  leader = typeof navigator.locks === "undefined";
  private context: AudioContext | null = null;
  private ringing = new Map<string, Notification | null>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private title = "";
  private began = false;

  begin(): void {
    if (this.began) return;
    this.began = true;
    this.title = document.title;
    if (!this.leader)
      void navigator.locks.request("supportd.staff", () => {
        this.leader = true;
        /* Held until the tab closes. */
        return new Promise<void>(() => undefined);
      });
    this.askNotify.value = "Notification" in window && Notification.permission === "default";
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.unlock());
    this.check();
  }

  async notifyPermission(): Promise<void> {
    await Notification.requestPermission();
    this.askNotify.value = Notification.permission === "default";
  }

  unlock(): void {
    if (!this.silent.value && this.context) return;
    void this.audio()
      ?.resume()
      .then(() => this.check());
  }

  private audio(): AudioContext | null {
    if (!this.context && typeof AudioContext === "function") this.context = new AudioContext();
    return this.context;
  }

  private check(): void {
    const context = this.audio();
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
    this.ringing.set(id, note);
    if (this.timer !== undefined) return;
    let odd = true;
    const ring = () => {
      document.title = odd ? `\u25cf ${what}: ${who}` : this.title;
      odd = !odd;
      this.tone([
        [660, 0],
        [880, 0.18],
        [660, 0.36],
      ]);
    };
    ring();
    this.timer = setInterval(ring, REPEAT_MS);
  }

  stop(id: string): void {
    this.ringing.get(id)?.close();
    this.ringing.delete(id);
    if (this.ringing.size) return;
    clearInterval(this.timer);
    this.timer = undefined;
    document.title = this.title;
  }

  /* A short sign for a message that the agent is not looking at. */
  message(looking: boolean): void {
    if (looking && document.visibilityState === "visible" && document.hasFocus()) return;
    this.tone([[520, 0]]);
  }

  private tone(notes: [number, number][]): void {
    const context = this.audio();
    this.check();
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
