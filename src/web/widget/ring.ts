/* The sound of being called, where the browser lets it out. */
const EVERY_MS = 2000;

let timer: ReturnType<typeof setInterval> | undefined;
let context: AudioContext | undefined;

export function ringTone(on: boolean): void {
  if (on === (timer !== undefined)) return;
  clearInterval(timer);
  timer = undefined;
  if (!on) return;
  context ??= new AudioContext();
  timer = setInterval(beep, EVERY_MS);
  beep();
}

function beep(): void {
  if (context?.state !== "running") return;
  const tone = context.createOscillator();
  const gain = context.createGain();
  gain.gain.value = 0.15;
  tone.frequency.value = 620;
  tone.connect(gain).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.5);
}
