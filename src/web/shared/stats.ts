/* What the browser itself measures on the own leg, for the daemon (docs/protocol.md 4.5). */
import type { CallStats } from "./protocol";

type Stat = Record<string, unknown> & { id: string; type: string };
type Field = Exclude<keyof CallStats, "type" | "call_id" | "path">;

const dbov = (level: number) => Math.max(-127, 20 * Math.log10(level));

/* Field, member of getStats, what makes the one of the other. */
const INBOUND: [Field, string, ((x: number) => number)?][] = [
  ["received", "packetsReceived"],
  ["lost", "packetsLost"],
  ["discarded", "packetsDiscarded"],
  ["samples", "totalSamplesReceived"],
  ["concealed", "concealedSamples"],
  ["silent_concealed", "silentConcealedSamples"],
  ["buffer_ms", "jitterBufferDelay", (s) => s * 1e3],
  ["buffered", "jitterBufferEmittedCount"],
  ["jitter_us", "jitter", (s) => Math.min(6e7, s * 1e6)],
  ["level_dbov", "audioLevel", dbov],
];

/* null while nothing has been received: then there is nothing to count from. */
export function statsFrame(report: Iterable<unknown>, callId: string): CallStats | null {
  const all = [...report] as Stat[];
  const of = (type: string) => all.find((s) => s.type === type && (s.kind ?? "audio") === "audio");
  const byId = (id: unknown) => all.find((s) => s.id === id);
  const frame = { type: "call.stats", call_id: callId } as CallStats;
  const put = (field: Field, from: Stat | undefined, member: string, make = (x: number) => x) => {
    const value = from?.[member];
    if (typeof value === "number") frame[field] = Math.round(make(value));
  };
  for (const [field, member, make] of INBOUND) put(field, of("inbound-rtp"), member, make);
  put("sent", of("outbound-rtp"), "packetsSent");
  put("mic_dbov", of("media-source"), "audioLevel", dbov);
  const micros = (s: number) => s * 1e6;
  put("rtt_us", of("remote-inbound-rtp"), "roundTripTime", micros);
  const pair =
    byId(of("transport")?.selectedCandidatePairId) ??
    all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
  put("rtt_us", pair, "currentRoundTripTime", micros);
  const path = byId(pair?.localCandidateId)?.candidateType;
  if (path) frame.path = path as NonNullable<CallStats["path"]>;
  return frame.received !== undefined && frame.lost !== undefined ? frame : null;
}
