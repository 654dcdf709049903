import assert from "node:assert/strict";
import { test } from "node:test";
import { dayName, duration, minutes } from "../../../src/web/shared/format";
import { choose, direction, type Forms, translator } from "../../../src/web/shared/i18n/index";
import { en as staffEn } from "../../../src/web/shared/i18n/staff.en";
import { sw as staffSw } from "../../../src/web/shared/i18n/staff.sw";
import { en } from "../../../src/web/shared/i18n/widget.en";
import { sw } from "../../../src/web/shared/i18n/widget.sw";
import type { CallAdvice, Leg, Message } from "../../../src/web/shared/protocol";
import { grade, judged, lossPercent, worst } from "../../../src/web/shared/quality";
import { maskSplit } from "../../../src/web/shared/rich";
import { systemWords } from "../../../src/web/shared/system";
import { uuid } from "../../../src/web/shared/uuid";

const holes = (entry: string | Forms) =>
  [...(typeof entry === "string" ? entry : entry.other).matchAll(/\{(\w+)\}/g)]
    .map((m) => m[1])
    .sort();

for (const [name, a, b] of [
  ["widget", en, sw],
  ["staff", staffEn, staffSw],
] as const) {
  test(`${name}: every language has the same keys with the same places to fill`, () => {
    const left = a as Record<string, string | Forms>;
    const right = b as Record<string, string | Forms>;
    assert.deepEqual(Object.keys(left).sort(), Object.keys(right).sort());
    for (const key of Object.keys(left))
      assert.deepEqual(holes(left[key] ?? ""), holes(right[key] ?? ""), key);
  });
  test(`${name}: no exclamation marks, no empty words`, () => {
    for (const table of [a, b] as Record<string, string | Forms>[])
      for (const [key, entry] of Object.entries(table)) {
        const words = typeof entry === "string" ? entry : entry.other;
        assert.ok(words.length > 0 && !words.includes("!"), key);
      }
  });
}

test("translation fills, chooses plurals, and keeps what it does not know", () => {
  const t = translator(en, "en");
  assert.equal(t("sub_assigned", { name: "Amina" }), "Amina is helping you");
  assert.equal(t("unread", { n: 1 }), "1 new message");
  assert.equal(t("unread", { n: 2 }), "2 new messages");
  assert.equal(t.find("sys_assigned", { name: "Amina" }), "Amina joined the conversation");
  assert.equal(t.find("sys_what_is_this"), null);
  assert.equal(t("sub_assigned", { name: "{site}" }), "{site} is helping you");
});

test("system messages say who and how long, in every language", () => {
  const of = (body: string, params: Message["params"]) =>
    ({ kind: "system", body, params }) as Message;
  const joined = of("assigned", { staff_id: "s", staff_name: "Amina Otieno" });
  const ended = of("call_ended", { duration_ms: 67400 });
  const words = (m: Message) =>
    [
      translator(en, "en"),
      translator(sw, "sw"),
      translator(staffEn, "en"),
      translator(staffSw, "sw"),
    ].map((t) => systemWords(t, m, "a colleague"));
  assert.deepEqual(words(joined), [
    "Amina Otieno joined the conversation",
    "Amina Otieno amejiunga na mazungumzo",
    "Amina Otieno took the conversation",
    "Amina Otieno amechukua mazungumzo",
  ]);
  assert.deepEqual(words(ended), [
    "The call ended after 1:07",
    "Simu imeisha baada ya 1:07",
    "Call ended after 1:07",
    "Simu imeisha baada ya 1:07",
  ]);
  assert.equal(
    systemWords(translator(en, "en"), of("assigned", undefined), "a colleague"),
    "a colleague joined the conversation",
  );
  assert.equal(systemWords(translator(en, "en"), of("nothing_known", {}), ""), null);
});

test("the language is the first wanted one there is", () => {
  assert.equal(choose(["de-DE", "sw-KE"], ["en", "sw"]), "sw");
  assert.equal(choose(["de"], ["en", "sw"]), "en");
  assert.equal(direction("ar-EG"), "rtl");
  assert.equal(direction("sw"), "ltr");
});

test("times and durations", () => {
  assert.equal(duration(0), "0:00");
  assert.equal(duration(67400), "1:07");
  assert.equal(duration(3723000), "1:02:03");
  assert.equal(duration(-5), "0:00");
  assert.equal(minutes(20000), 1);
  assert.equal(minutes(150000), 3);
  const now = new Date("2026-11-22T12:00:00");
  assert.equal(dayName("2026-11-22T01:00:00", "en", now), "Today");
  assert.equal(dayName("2026-11-21T23:00:00", "en", now), "Yesterday");
  assert.equal(dayName("2026-11-01T23:00:00", "en", now), "November 1");
});

test("masked parts are found, and nothing else", () => {
  assert.deepEqual(maskSplit("my card is **** **** **** 1111, yes"), [
    { text: "my card is ", masked: false },
    { text: "**** **** **** 1111", masked: true },
    { text: ", yes", masked: false },
  ]);
  assert.deepEqual(maskSplit("pin **** please"), [
    { text: "pin ", masked: false },
    { text: "****", masked: true },
    { text: " please", masked: false },
  ]);
  assert.deepEqual(maskSplit("plain"), [{ text: "plain", masked: false }]);
});

test("the worst verdict speaks", () => {
  const leg = (verdicts: string[], connected = true): Leg => ({
    party: "customer",
    connected,
    relayed: false,
    rtt_ms: null,
    in: { packets: 46, lost: 4, jitter_ms: null },
    out: { packets: 0, lost: 0, jitter_ms: null },
    verdicts,
  });
  assert.equal(worst(undefined), null);
  assert.equal(worst(leg([])), null);
  assert.equal(worst(leg(["low_mos", "loss_up"])), "loss_up");
  assert.equal(worst(leg(["loss_up"], false)), "gone");
  assert.equal(worst(leg(["never_heard_of"])), null);
  assert.equal(grade(leg(["relayed"])), "good");
  assert.equal(grade(leg(["high_delay"])), "fair");
  assert.equal(grade(leg(["no_packets"])), "bad");
  assert.equal(lossPercent({ packets: 46, lost: 4 }), 8);
  assert.equal(lossPercent({ packets: 0, lost: 0 }), 0);
});

test("the customer's advice is judged like a leg", () => {
  const frame: CallAdvice = {
    type: "call.advice",
    call_id: uuid(),
    at: "2026-11-22T16:18:10.000Z",
    connected: true,
    other_connected: false,
    advice: [{ verdict: "loss_up", advice: "move_closer" }],
  };
  assert.equal(worst(judged(frame)), "loss_up");
  assert.equal(worst(judged({ ...frame, connected: false })), "gone");
  assert.equal(judged(null), undefined);
});

test("uuids are version 4 and differ", () => {
  const one = uuid();
  assert.ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(one), one);
  assert.ok(one !== uuid());
});
