#!/usr/bin/env python3
"""Write positive.jsonl, negative.jsonl and split.jsonl from the phrases beside. The same seed gives the same bytes."""
import json
import pathlib
import random
import re

from masklib import IBAN, card_windows, iban_windows, joined_card_windows, masked_parts, masked_text
from styles import (ACCOUNT_STYLES, CARD_STYLES, IBAN_STYLES, SCRIPTS, to_script, typed, typed_account, typed_iban)
from values import BRANDS, TEST_CARDS, TEST_IBANS, Values

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20250301
TRIES = 5000
PLACEHOLDER = re.compile(r"\{([a-z0-9]+)\}")
SECRET_CATEGORY = {"cvv": "cvv", "pin": "pin", "otp": "otp", "pw": "password"}


def phrases(name, fields):
    for line in (HERE / "phrases" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield (line.replace("\\n", "\n").split("|", fields - 1) + [""] * fields)[:fields]


def fill(template, give):
    """Replace each {name} by give(name) -> (category or None, value); returns text and spans."""
    text, spans, at = "", [], 0
    for m in PLACEHOLDER.finditer(template):
        category, value = give(m.group(1))
        text += template[at:m.start()]
        if category:
            spans.append({"category": category, "start": len(text), "end": len(text) + len(value)})
        text += value
        at = m.end()
    return text + template[at:], spans


def only_labelled(text, spans):
    """No card or IBAN in TEXT but the labelled ones; a shorter one inside a labelled one is told by 'longest wins'."""
    inside = lambda w: any(s["start"] <= w[0] and w[1] <= s["end"] for s in spans if s["category"] in ("card", "iban"))
    return all(inside(w) for w in card_windows(text) + iban_windows(text))


def until(make, good):
    for _ in range(TRIES):
        made = make()
        if good(*made):
            return made
    raise SystemExit(f"no value fits: {made[0]!r}")


def entry(kind, counters, lang, text, spans, note):
    counters[kind] = counters.get(kind, 0) + 1
    return {"id": f"{kind}-{counters[kind]:03d}", "lang": lang, "text": text, "masked": masked_text(text, spans), "spans": spans, "note": note}


def card_plan(values):
    """(brand, number or None for random, style): published test numbers, every brand in common styles, every style."""
    plan = [(b, n, s) for b, ns in TEST_CARDS.items() for n in ns for s in ("plain", "spaces")]
    plan += [(b, None, s) for b in BRANDS for s in ("plain", "spaces", "dashes")]
    brands = list(BRANDS)
    plan += [(brands[(i * 7 + k * 5) % len(brands)], None, s) for i, s in enumerate(CARD_STYLES) for k in range(2)]
    values.rng.shuffle(plan)
    return plan


def cards(values, counters):
    lines = list(phrases("cards.txt", 2))
    for i, (brand, number, style) in enumerate(card_plan(values)):
        lang, template = lines[i % len(lines)]
        give = lambda _: ("card", typed(values.rng, number or values.card(brand), style))
        text, spans = until(lambda: fill(template, give), only_labelled)
        yield entry("card", counters, lang, text, spans, f"{brand}, {style}" + (", published test number" if number else ""))


def in_context(values, number, notes):
    """Filler for context.txt; NUMBER says which style is due."""
    def give(name):
        if name == "card":
            brand = values.rng.choice(list(BRANDS))
            return "card", typed(values.rng, values.card(brand), values.rng.choice(("plain", "spaces", "dashes")))
        if name == "acct":
            style = ACCOUNT_STYLES[number % len(ACCOUNT_STYLES)]
            notes.add(f"account {style}")
            return "account", typed_account(values.account(), style)
        if name == "iban":
            return "iban", typed_iban(values.iban(values.rng.choice(sorted(IBAN))), values.rng.choice(IBAN_STYLES[:2]))
        value = values.secret(name)
        category = SECRET_CATEGORY[name.rstrip("0123456789").removesuffix("sp").removesuffix("da").removesuffix("dot").removesuffix("word")]
        if number % 12 == 7 and category != "password":
            script = list(SCRIPTS)[number // 12 % 4]
            notes.add(f"{script} digits")
            value = to_script(value, script)
        return category, value
    return give


def contexts(values, counters):
    for number, (category, lang, template, note) in enumerate(phrases("context.txt", 4)):
        if category == "iban":
            continue
        notes = set()
        text, spans = until(lambda: fill(template, in_context(values, number, notes)), only_labelled)
        yield entry(category, counters, lang, text, spans, ", ".join(filter(None, [note, *sorted(notes)])))


def ibans(values, counters):
    lines = [p for p in phrases("context.txt", 4) if p[0] == "iban"]
    plan = [(n[:2], n, s) for n in TEST_IBANS for s in ("plain", "groups of four")]
    plan += [(c, None, IBAN_STYLES[i % len(IBAN_STYLES)]) for i, c in enumerate(sorted(IBAN))]
    for i, (country, known, style) in enumerate(plan):
        _, lang, template, note = lines[i % len(lines)]
        if not (known or values.iban(country)[-4:].isdigit()) and "case" in style:
            style = "groups of four"
        give = lambda _: ("iban", typed_iban(known or values.iban(country), style))
        text, spans = until(lambda: fill(template, give), only_labelled)
        about = f"{country}, {style}" + (", registry example" if known else "")
        yield entry("iban", counters, lang, text, spans, ", ".join(filter(None, [about, note])))


def harmless(values, template):
    return fill(template, lambda name: (None, values.harmless(name)))


def negatives(values):
    counters = {}
    for lang, kind, template in phrases("negative.txt", 3):
        for _ in range(2 if PLACEHOLDER.search(template) else 1):
            text, _ = until(lambda: harmless(values, template), only_labelled)
            yield entry(f"neg-{kind}", counters, lang, text, [], kind)


def cut_number(number, cut):
    """Pieces of NUMBER by CUT: digits of a count, what else stands there as typed; a script name may open a piece."""
    pieces, at = [], 0
    for spec in cut.split(","):
        script = {"fw": "full-width", "ar": "arabic-indic"}.get(spec[:2])
        piece = ""
        for token in re.findall(r"\d+|[^\d]", spec[2:] if script else spec):
            if token.isdigit():
                piece += number[at:at + int(token)]
                at += int(token)
            else:
                piece += token
        pieces.append(to_script(piece, script) if script else piece)
    if at != len(number):
        raise SystemExit(f"cut {cut!r} does not use {len(number)} digits")
    return pieces


def fill_parts(values, brand, cut, template):
    pieces = cut_number(values.card(brand), cut)
    parts, spans = [], []
    for part in template:
        text, own = fill(part, lambda name: ("card", pieces["abcd".index(name)]))
        for span in own:
            value = text[span["start"]:span["end"]]
            core = value.strip(" -.")
            span["start"] += value.index(core)
            span["end"] = span["start"] + len(core)
        parts.append(text)
        spans.append(own)
    return parts, spans


def one_number(parts, spans):
    """The digits of all parts hold one card: from the first labelled digit to the last, and none is in a part alone."""
    text = "".join(parts)
    starts = [sum(map(len, parts[:i])) for i in range(len(parts))]
    ends = [(starts[i] + s["start"], starts[i] + s["end"]) for i, own in enumerate(spans) for s in own]
    return joined_card_windows(text) == [(ends[0][0], ends[-1][1])] and not any(map(card_windows, parts))


def splits(values):
    counters = {}
    for lang, kind, cut, template in phrases("split.txt", 4):
        template = re.split(r" ?\|\| ?", template)
        if kind == "none":
            parts = until(lambda: ([harmless(values, p)[0] for p in template],), lambda p: not joined_card_windows("".join(p)))[0]
            spans = [[] for _ in parts]
            note = "nothing to join"
        else:
            brand, cut = cut.split(":")
            parts, spans = until(lambda: fill_parts(values, brand, cut, template), one_number)
            note = f"{brand}, {cut}" + (", hard: words between" if kind == "hard" else "")
        counters[kind] = counters.get(kind, 0) + 1
        yield {"id": f"split-{kind}-{counters[kind]:03d}", "lang": lang, "parts": parts, "masked": masked_parts(parts, spans),
               "spans": spans, "note": note}


def write(name, entries):
    lines = [json.dumps(e, ensure_ascii=True) + "\n" for e in entries]
    (HERE / name).write_text("".join(lines), encoding="ascii")


def main():
    values, counters = Values(random.Random(SEED)), {}
    write("positive.jsonl", [*cards(values, counters), *contexts(values, counters), *ibans(values, counters)])
    write("negative.jsonl", negatives(Values(random.Random(SEED + 1))))
    write("split.jsonl", splits(Values(random.Random(SEED + 2))))


if __name__ == "__main__":
    main()
