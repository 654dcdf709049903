/* Verdicts of the daemon about a leg, put in order: the one that matters most is said first. */
import type { CallAdvice, Leg } from "./protocol";

type Judged = Pick<Leg, "connected" | "verdicts">;

const ORDER = [
  "no_packets",
  "silent_microphone",
  "loss_up",
  "loss_down",
  "high_delay",
  "high_jitter",
  "low_mos",
  "relayed",
] as const;

export type Grade = "good" | "fair" | "bad";

/* null: nothing to say. "gone": the leg itself is not connected. */
export function worst(leg: Judged | undefined): string | null {
  if (!leg) return null;
  if (!leg.connected) return "gone";
  return ORDER.find((v) => leg.verdicts.includes(v)) ?? null;
}

export function grade(leg: Judged | undefined): Grade {
  const verdict = worst(leg);
  if (!verdict || verdict === "relayed") return "good";
  return verdict === "gone" || verdict === "no_packets" || verdict === "silent_microphone"
    ? "bad"
    : "fair";
}

/* A customer's own leg as the advice tells of it. */
export function judged(frame: CallAdvice | null): Judged | undefined {
  return frame
    ? { connected: frame.connected, verdicts: frame.advice.map((a) => a.verdict) }
    : undefined;
}

/* 0..100 of what was to come. */
export function lossPercent(part: { packets: number; lost: number }): number {
  const total = part.packets + part.lost;
  return total > 0 ? (100 * part.lost) / total : 0;
}

/* The MOS of a direction as far as there is one: with the delay, else of the listening alone. */
export function mosOf(part: { mos_cq?: number | null; mos_lq?: number | null }): number | null {
  return part.mos_cq ?? part.mos_lq ?? null;
}
