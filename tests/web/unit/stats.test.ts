import assert from "node:assert/strict";
import { test } from "node:test";
import { statsFrame } from "../../../src/web/shared/stats";

const inbound = {
  id: "in",
  type: "inbound-rtp",
  kind: "audio",
  packetsReceived: 250,
  packetsLost: -1,
  jitter: 0.004,
  totalSamplesReceived: 240000,
  concealedSamples: 1920,
  jitterBufferDelay: 15.1204,
  jitterBufferEmittedCount: 240000,
  audioLevel: 0.1,
};

test("getStats of Chromium becomes a report with whole numbers", () => {
  const frame = statsFrame(
    [
      inbound,
      { id: "out", type: "outbound-rtp", kind: "audio", packetsSent: 251 },
      { id: "mic", type: "media-source", kind: "audio", audioLevel: 0 },
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", currentRoundTripTime: 0.038, localCandidateId: "l" },
      { id: "l", type: "local-candidate", candidateType: "relay" },
    ],
    "c",
  );
  assert.deepEqual(frame, {
    type: "call.stats",
    call_id: "c",
    received: 250,
    lost: -1,
    samples: 240000,
    concealed: 1920,
    buffer_ms: 15120,
    buffered: 240000,
    jitter_us: 4000,
    level_dbov: -20,
    sent: 251,
    mic_dbov: -127,
    rtt_us: 38000,
    path: "relay",
  });
});

test("getStats of Firefox: the nominated pair, else the report of the other end", () => {
  const remote = { id: "r", type: "remote-inbound-rtp", kind: "audio", roundTripTime: 0.05 };
  const pair = {
    id: "p",
    type: "candidate-pair",
    nominated: true,
    state: "succeeded",
    localCandidateId: "l",
  };
  const local = { id: "l", type: "local-candidate", candidateType: "host" };
  const frame = statsFrame([inbound, remote, pair, local], "c");
  assert.equal(frame?.rtt_us, 50000);
  assert.equal(frame?.path, "host");
  assert.equal(statsFrame([{ ...pair, currentRoundTripTime: 0.01 }, inbound], "c")?.rtt_us, 10000);
});

test("no report while nothing was received, nor of video", () => {
  assert.equal(statsFrame([], "c"), null);
  assert.equal(statsFrame([{ ...inbound, kind: "video" }], "c"), null);
});
