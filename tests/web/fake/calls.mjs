/* The stand-in's calls beyond begin and end: hold, handing on, colleagues, supervision, recording,
 * callback, rating. A mixin of FakeDaemon: (method, path) -> answer. */
import { randomUUID } from "node:crypto";

export const BARAKA = { id: "0192f0c4-00cc-7abc-8def-000000000000", name: "Baraka Mwangi" };

export const newCallFields = () => ({
  hold_ms: 0,
  held_at: null,
  recording: "off",
  staff: null,
  transfer: null,
  callback: null,
  rating: null,
  rate_until: null,
  on_hold: false,
  parties: [],
});

export const TARGETS = {
  staff: [
    { ...BARAKA, free: true },
    { id: randomUUID(), name: "Hans-Joachim Leutheusser-Schnarrenberger", free: false },
  ],
  teams: [{ id: randomUUID(), name: "Cards and payments", available: 3 }],
  skills: [
    { name: "mortgages", available: 1 },
    { name: "swahili", available: 0 },
  ],
};

function crc(bytes) {
  let c = 0;
  for (const byte of bytes) {
    c ^= byte << 24;
    for (let i = 0; i < 8; i++) c = c & 0x80000000 ? (c << 1) ^ 0x04c11db7 : c << 1;
  }
  return c >>> 0;
}

/* A page of one packet after another (RFC 3533); kind 2: first, 4: last. */
function oggPage(packets, number, granule, kind = 0) {
  const head = Buffer.alloc(27);
  head.write("OggS");
  head[5] = kind;
  head.writeBigUInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(7, 14);
  head.writeUInt32LE(number, 18);
  head[26] = packets.length;
  const page = Buffer.concat([head, Buffer.from(packets.map((p) => p.length)), ...packets]);
  page.writeUInt32LE(crc(page), 22);
  return page;
}

/* Silence as Ogg Opus (RFC 7845): packets of 20 ms without a voice in them. */
export function oggOpus(seconds) {
  const id = Buffer.from("OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0", "latin1");
  const tags = Buffer.from("OpusTags\x04\0\0\0none\0\0\0\0", "latin1");
  const pages = [oggPage([id], 0, 0, 2), oggPage([tags], 1, 0)];
  const second = Array.from({ length: 50 }, () => Buffer.from([0xf8, 0xff, 0xfe]));
  for (let s = 1; s <= seconds; s++)
    pages.push(oggPage(second, s + 1, s * 48000, s === seconds ? 4 : 0));
  return Buffer.concat(pages);
}

export function wave(n = 600, seed = 1) {
  const peaks = [];
  for (let i = 0; i < n; i++) {
    const talks = Math.sin(i / 31 + seed) > 0;
    peaks.push(talks ? Math.round(40 + 90 * Math.abs(Math.sin(i * seed * 1.7))) : 2);
  }
  return { step_ms: 100, peaks };
}

/* [status, body] or undefined when the route is none of these. */
export function callRoute(daemon, key, id, json, me) {
  const call = daemon.calls.get(id);
  const done = (patch = {}, state = call.state) => {
    daemon.callState(call, state, patch);
    return [200, { call }];
  };
  const consult = call?.parties?.find((p) => p.role === "consult");
  const patchConsult = (patch, more = {}) =>
    done({ parties: call.parties.map((p) => (p === consult ? { ...p, ...patch } : p)), ...more });
  const now = new Date().toISOString();
  switch (key) {
    case "GET /transfer-targets":
      return [200, daemon.targets ?? TARGETS];
    case "GET /calls/live":
      return [200, { items: daemon.live, next: null }];
    case "GET /calls/missed":
      return [200, { items: daemon.missed, next: null }];
    case "GET /recordings":
      return [200, { items: daemon.recordings, next: null }];
    case "GET /recordings/ID/tracks/0/waveform":
      return [200, wave()];
    case "GET /recordings/ID/tracks/1/waveform":
      return [200, wave(600, 2)];
    case "GET /call-parties":
      return [200, { items: daemon.parts, next: null }];
    case "PUT /me/auto-answer":
      daemon.presence = { ...daemon.presence, auto_answer: json.on };
      return [200, daemon.meOf(me)];
    case "POST /me/wrap-up":
      daemon.wrapUp((daemon.presence.wrap_left_ms ?? 0) + json.extend_ms, false);
      return [200, daemon.meOf(me)];
    case "DELETE /me/wrap-up":
      daemon.wrapUp(null, false);
      return [200, daemon.meOf(me)];
    case "POST /calls/ID/hold":
      return done({ held_at: now, on_hold: true }, "held");
    case "POST /calls/ID/resume":
      return done({ held_at: null, on_hold: false }, "active");
    case "PUT /calls/ID/recording":
      if (json.state === "off" && daemon.mustRecord) return [403, { code: "feature_off" }];
      return done({ recording: json.state });
    case "POST /calls/ID/transfer": {
      daemon.transferred = json;
      const to = json.kind === "staff" ? BARAKA.name : json.to;
      const transfer = { from: call.staff, kind: json.kind, to, state: "offered" };
      return done({ transfer, staff: null }, "queued");
    }
    case "POST /calls/ID/consult": {
      const until = new Date(Date.now() + 30000).toISOString();
      const party = { id: randomUUID(), staff: BARAKA, role: "consult", state: "asked" };
      const parties = [{ ...party, talk: "colleague", since: now, expires_at: until }];
      return done({ parties, on_hold: true });
    }
    case "POST /calls/ID/consult/talk":
      return patchConsult({ talk: json.with }, { on_hold: json.with === "colleague" });
    case "POST /calls/ID/consult/complete":
      return done({ staff: BARAKA, parties: [], on_hold: false });
    case "DELETE /calls/ID/consult":
      if (call && me === call.staff?.id) done({ parties: [], on_hold: false });
      else daemon.part({ call_id: id, state: "closed", reason: "left" });
      return [204];
    case "POST /calls/ID/consult/accept":
      daemon.part({ call_id: id, role: "consult", state: "open", reason: null });
      return [200, { call }];
    case "POST /calls/ID/supervise":
      daemon.supervised = [...(daemon.supervised ?? []), json.mode];
      daemon.part({ call_id: id, role: json.mode, state: "open", reason: null });
      return [201, { call }];
    case "DELETE /calls/ID/supervise":
      daemon.part({ call_id: id, state: "closed", reason: "left" });
      return [204];
    case "POST /calls/ID/callback":
      return done({ callback: daemon.callbackOf() });
    case "POST /calls/ID/ring":
      return done({
        callback: { ...call.callback, attempts: 2, outcome: null, ring_until: daemon.soon() },
      });
    case "POST /calls/ID/answer":
      return done({ callback: { ...call.callback, ring_until: null } }, "active");
    case "POST /calls/ID/decline":
      return done({ end_reason: "callback_declined" }, "ended");
    case "POST /calls/ID/rating":
      call.rating = { score: json.score, comment: json.comment ?? null };
      call.rate_until = null;
      return [201, { call }];
  }
}
