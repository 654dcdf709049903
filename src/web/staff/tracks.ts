/* Several audio elements as one: started, stopped and moved together. The first gives the time; the
 * others are set back to it when they have run apart. */

const APART_S = 0.08;

export interface TracksOptions {
  onTime(seconds: number): void;
  onPlaying(playing: boolean): void;
  onFailed(): void;
}

export class Tracks {
  readonly parts: HTMLAudioElement[];
  private _playing = false;
  private readonly _waiting = new Set<HTMLAudioElement>();

  constructor(
    urls: string[],
    private readonly _o: TracksOptions,
  ) {
    this.parts = urls.map((url) => {
      const audio = new Audio();
      audio.preload = "metadata";
      audio.onerror = () => this._failed();
      audio.src = url;
      return audio;
    });
    const first = this.parts[0];
    if (!first) return;
    first.ontimeupdate = () => {
      this._o.onTime(first.currentTime);
      this.align();
    };
    first.onended = () => this.pause();
    /* Where one has to wait for its bytes, all wait. */
    for (const part of this.parts) {
      part.onwaiting = () => this._hold(part);
      part.oncanplay = part.onplaying = () => this._goOn(part);
    }
  }

  private _failed(): void {
    this.pause();
    this._o.onFailed();
  }

  /* After a seek several may wait at once: none of these is stopped, or nobody would go on. */
  private _hold(waiting: HTMLAudioElement): void {
    if (waiting.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return;
    this._waiting.add(waiting);
    for (const part of this.parts) if (!this._waiting.has(part)) part.pause();
  }

  private _goOn(ready: HTMLAudioElement): void {
    this._waiting.delete(ready);
    if (!this._playing || this._waiting.size > 0) return;
    for (const part of this.parts)
      if (part.paused && !part.ended) void part.play().catch(() => undefined);
  }

  /* Sets those right that have run apart from the first. */
  align(): void {
    const [first, ...others] = this.parts;
    if (!first) return;
    for (const part of others)
      if (!part.ended && Math.abs(part.currentTime - first.currentTime) > APART_S)
        part.currentTime = first.currentTime;
  }

  async toggle(): Promise<void> {
    if (this._playing) return this.pause();
    this._playing = true;
    this._o.onPlaying(true);
    if (this.parts[0]?.ended) this.seek(0);
    try {
      await Promise.all(this.parts.map((part) => part.play()));
    } catch (e) {
      /* A pause while it starts is no failure. */
      if (!(e instanceof DOMException && e.name === "AbortError")) this._failed();
    }
  }

  pause(): void {
    this._playing = false;
    for (const part of this.parts) part.pause();
    this._o.onPlaying(false);
  }

  seek(seconds: number): void {
    for (const part of this.parts) part.currentTime = seconds;
    this._o.onTime(seconds);
  }

  rate(rate: number): void {
    for (const part of this.parts) part.playbackRate = rate;
  }

  close(): void {
    for (const part of this.parts) {
      part.onerror = part.ontimeupdate = part.onended = null;
      part.onwaiting = part.oncanplay = part.onplaying = null;
      part.pause();
      part.removeAttribute("src");
      part.load();
    }
  }
}
