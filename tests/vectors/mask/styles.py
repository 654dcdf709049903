"""How people type a number: what stands between its digits, and in which script the digits are."""

SCRIPTS = {
    "full-width": 0xFF10, "arabic-indic": 0x0660, "extended arabic-indic": 0x06F0, "devanagari": 0x0966, "bengali": 0x09E6,
    "gujarati": 0x0AE6, "tamil": 0x0BE6, "thai": 0x0E50, "khmer": 0x17E0, "mathematical bold": 0x1D7CE,
}
SEPARATORS = {
    "spaces": " ", "dots": ".", "dashes": "-", "two spaces": "  ", "dash in spaces": " - ", "en dashes": "\u2013", "em dashes": "\u2014",
    "hyphens U+2010": "\u2010", "no-break hyphens": "\u2011", "figure dashes": "\u2012", "minus signs": "\u2212", "no-break spaces": "\u00a0",
    "narrow no-break spaces": "\u202f", "thin spaces": "\u2009", "ideographic spaces": "\u3000", "tabs": "\t", "newlines": "\n",
    "CR LF": "\r\n", "dot and space": ". ", "full-width dashes": "\uff0d", "full-width dots": "\uff0e",
}
ZERO_WIDTH = {
    "zero width spaces": "\u200b", "zero width non-joiners": "\u200c", "zero width joiners": "\u200d", "word joiners": "\u2060",
    "byte order marks": "\ufeff", "soft hyphens": "\u00ad", "left-to-right marks": "\u200e",
}
CARD_STYLES = (["plain"] + list(SEPARATORS) + ["each digit spaced", "each digit dotted", "mixed separators", "odd groups", "pairs"]
               + list(SCRIPTS) + ["full-width, ideographic spaces", "arabic-indic, no-break spaces", "devanagari, dashes", "mixed scripts"]
               + list(ZERO_WIDTH) + ["zero width spaces and dashes", "zero width joiner in each gap of spaces"])


def to_script(text, name):
    return "".join(chr(SCRIPTS[name] + int(c)) if c in "0123456789" else c for c in text)


def groups(number):
    """The groups as embossed: 4-6-5 for 15 digits, 4-6-4 for 14, else fours."""
    sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(number), (4,) * 5)
    out, at = [], 0
    for size in sizes:
        out.append(number[at:at + size])
        at += size
    return [g for g in out if g]


def mixed_separators(rng, number):
    parts = groups(number)
    return parts[0] + "".join(rng.choice((" ", "-", ".", "", "\u00a0", "\u2013")) + g for g in parts[1:])


def odd_groups(rng, number):
    out, at = [], 0
    while at < len(number):
        size = rng.randint(1, 6)
        out.append(number[at:at + size])
        at += size
    return " ".join(out)


def typed(rng, number, style):
    """NUMBER, ASCII digits only, in STYLE."""
    if style == "plain":
        return number
    if style in SEPARATORS:
        return SEPARATORS[style].join(groups(number))
    if style in SCRIPTS:
        return to_script(number, style)
    if style in ZERO_WIDTH:
        return ZERO_WIDTH[style].join(number)
    if style == "each digit spaced":
        return " ".join(number)
    if style == "each digit dotted":
        return ".".join(number)
    if style == "mixed separators":
        return mixed_separators(rng, number)
    if style == "odd groups":
        return odd_groups(rng, number)
    if style == "pairs":
        return " ".join(number[i:i + 2] for i in range(0, len(number), 2))
    if style == "mixed scripts":
        return "".join(to_script(c, rng.choice(list(SCRIPTS)[:4])) if rng.random() < 0.6 else c for c in number)
    if style == "zero width spaces and dashes":
        return "-".join("\u200b".join(g) for g in groups(number))
    if style == "zero width joiner in each gap of spaces":
        return " \u200d".join(groups(number))
    script, sep = style.split(", ")
    return to_script(SEPARATORS[sep].join(groups(number)), script)


IBAN_STYLES = ("plain", "groups of four", "lower case", "lower case, groups of four", "dashes", "no-break spaces", "mixed case",
               "zero width spaces", "full-width")


def typed_iban(iban, style):
    fours = [iban[i:i + 4] for i in range(0, len(iban), 4)]
    wide = "".join(chr(ord(c) + 0xFEE0) for c in iban)
    return {"plain": iban, "groups of four": " ".join(fours), "lower case": iban.lower(), "lower case, groups of four": " ".join(fours).lower(),
            "dashes": "-".join(fours), "no-break spaces": "\u00a0".join(fours), "mixed case": iban[:6].title() + iban[6:].lower(),
            "zero width spaces": "\u200b".join(fours), "full-width": wide}[style]


ACCOUNT_STYLES = ("plain", "plain", "plain", "spaces", "dashes", "three and four", "full-width", "arabic-indic", "zero width spaces")


def typed_account(number, style):
    if style == "three and four":
        return " ".join(x for x in (number[:3], number[3:6], number[6:]) if x)
    if style == "spaces" or style == "dashes":
        return SEPARATORS[style].join(number[i:i + 4] for i in range(0, len(number), 4))
    return number if style == "plain" else ZERO_WIDTH[style].join(number) if style in ZERO_WIDTH else to_script(number, style)
