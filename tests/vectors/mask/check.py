#!/usr/bin/env python3
"""Check the corpus: fields, spans, masked texts, valid numbers, nothing sensitive without a label; then print the counts."""
import collections
import json
import pathlib
import sys

from masklib import (CATEGORIES, card_windows, iban_ok, iban_windows, is_digit, joined_card_windows, known_prefix, luhn_ok, masked_parts,
                     masked_text, plain)

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"cvv": (3, 4), "pin": (4, 6), "otp": (4, 8), "account": (8, 16)}
LEAST = {"positive": 500, "negative": 500, "split": 60}


def load(name):
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def span_faults(text, span):
    category, value = span["category"], text[span["start"]:span["end"]]
    digits = plain(value)
    if category not in CATEGORIES or not value or value != value.strip():
        return ["bad category or bounds"]
    if category == "card" and not (known_prefix(digits) and luhn_ok(digits)):
        return ["not a card"]
    if category == "iban" and not iban_ok(digits):
        return ["not an IBAN"]
    if category in SIZES:
        low, high = SIZES[category]
        if not digits.isdigit() or not low <= len(digits) <= high:
            return [f"{category} of {len(digits)} digits"]
        whole = all(not (0 <= i < len(text) and is_digit(text[i])) for i in (span["start"] - 1, span["end"]))
        return [] if whole and is_digit(value[0]) and is_digit(value[-1]) else ["cuts a number"]
    return []


def unlabelled(text, spans):
    inside = [(s["start"], s["end"]) for s in spans if s["category"] in ("card", "iban")]
    return [w for w in card_windows(text) + iban_windows(text) if not any(a <= w[0] and w[1] <= b for a, b in inside)]


def text_faults(entry, positive):
    text, spans = entry["text"], entry["spans"]
    faults = [f for s in spans for f in span_faults(text, s)]
    if any(a["end"] > b["start"] for a, b in zip(spans, spans[1:])):
        faults.append("spans overlap or are out of order")
    if entry["masked"] != masked_text(text, spans):
        faults.append("masked does not follow from the spans")
    if positive != bool(spans) or positive != (entry["masked"] != text):
        faults.append("a positive needs a span, a negative must stay as it is")
    if unlabelled(text, spans):
        faults.append("a card or IBAN without a label")
    return faults


def split_faults(entry):
    parts, spans = entry["parts"], entry["spans"]
    faults = [] if len(parts) == len(spans) == len(entry["masked"]) >= 2 else ["lengths differ"]
    if entry["masked"] != masked_parts(parts, spans):
        faults.append("masked does not follow from the spans")
    number = "".join(plain(p[s["start"]:s["end"]]) for p, own in zip(parts, spans) for s in own)
    found = joined_card_windows("".join(parts))
    if number:
        ok = known_prefix(number) and luhn_ok(number) and len(found) == 1
        return faults + ([] if ok and sum(map(bool, spans)) >= 2 else ["the parts do not join to one card"])
    return faults + (["joins to a card without a label"] if found else [])


def main():
    faults, ids, counts = [], set(), collections.Counter()
    for name in LEAST:
        entries = load(name)
        for entry in entries:
            own = split_faults(entry) if name == "split" else text_faults(entry, name == "positive")
            if entry["id"] in ids or entry["lang"] not in ("en", "sw"):
                own.append("id twice or unknown language")
            ids.add(entry["id"])
            faults += [f"{entry['id']}: {f}" for f in own]
            counts[name, "lines", entry["lang"]] += 1
            counts[name, "noted as hard", ""] += "hard" in entry["note"]
            if name == "positive":
                counts.update(("spans", s["category"], entry["lang"]) for s in entry["spans"])
            else:
                counts[name, entry["id"].split("-")[1], ""] += 1
        if len(entries) < LEAST[name]:
            faults.append(f"{name}: {len(entries)} lines, at least {LEAST[name]} are due")
        if len({json.dumps(e.get("text", e.get("parts"))) for e in entries}) != len(entries):
            twice = [t for t, n in collections.Counter(str(e.get("text", e.get("parts"))) for e in entries).items() if n > 1]
            faults.append(f"{name}: same text twice: {twice}")
    for key, n in sorted(counts.items()):
        print(*key, n)
    print("\n".join(faults) or "no faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
