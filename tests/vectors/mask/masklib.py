"""The rules the labels follow: digits of all scripts, Luhn, card prefixes, IBAN, and what a masked value reads."""
import re
import string
import unicodedata

ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"
DOTS = ".\uff0e"
MAX_GAP = 3

CATEGORIES = ("card", "cvv", "pin", "otp", "password", "iban", "account")
KEEPS_LAST4 = ("card", "iban", "account")

# country: BBAN structure; n digits, a letters, c either
IBAN = {
    "AD": "8n12c", "AE": "19n", "AT": "16n", "BE": "12n", "BG": "4a6n8c", "BH": "4a14c", "BI": "23n",
    "BR": "23n1a1c", "CH": "5n12c", "CY": "8n16c", "CZ": "20n", "DE": "18n", "DJ": "23n", "DK": "14n",
    "EE": "16n", "EG": "25n", "ES": "20n", "FI": "14n", "FR": "10n11c2n", "GB": "4a14n", "GE": "2a16n",
    "GI": "4a15c", "GR": "7n16c", "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IS": "22n",
    "IT": "1a10n12c", "JO": "4a4n18c", "KW": "4a22c", "KZ": "3n13c", "LB": "4n20c", "LI": "5n12c",
    "LT": "16n", "LU": "3n13c", "LV": "4a13c", "LY": "21n", "MC": "10n11c2n", "MR": "23n", "MT": "4a5n18c",
    "MU": "4a19n3a", "NL": "4a10n", "NO": "11n", "PK": "4a16c", "PL": "24n", "PT": "21n", "QA": "4a21c",
    "RO": "4a16c", "RS": "18n", "SA": "2n18c", "SC": "4a20n3a", "SE": "20n", "SI": "15n", "SK": "20n",
    "SO": "19n", "ST": "21n", "TN": "20n", "TR": "6n16c", "UA": "6n19c",
}


def iban_length(country):
    return 4 + sum(int(n) for n in re.findall(r"\d+", IBAN[country]))


def fold(ch):
    """The ASCII digit or letter that CH stands for, else CH itself."""
    digit = unicodedata.digit(ch, None)
    if digit is not None and unicodedata.category(ch) == "Nd":
        return str(digit)
    wide = unicodedata.normalize("NFKC", ch)
    return wide if len(wide) == 1 and wide in string.ascii_letters else ch


def is_digit(ch):
    return fold(ch) in string.digits


def is_separator(ch):
    return ch.isspace() or ch in ZERO_WIDTH or ch in DASHES or ch in DOTS


def plain(value):
    """VALUE folded to ASCII letters and digits, separators gone."""
    return "".join(c for c in map(fold, value) if c in string.ascii_letters + string.digits)


def luhn_ok(digits):
    total = 0
    for i, c in enumerate(reversed(digits)):
        n = int(c) * (2 if i % 2 else 1)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def known_prefix(digits):
    """Wide on purpose: a text without a label must hold nothing that any reasonable table takes for a card."""
    n = len(digits)
    if not 13 <= n <= 19:
        return False
    two, four = int(digits[:2]), int(digits[:4])
    if two in (34, 37):
        return n == 15
    if two in (30, 36, 38, 39):
        return n >= 14
    if two == 35:
        return n >= 16
    if two == 81:
        return n >= 16
    return digits[0] in "456" or 2221 <= four <= 2720


def mod97(iban):
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(c, 36)) for c in moved)) % 97


def iban_ok(value):
    value = value.upper()
    return value[:2] in IBAN and len(value) == iban_length(value[:2]) and mod97(value) == 1


def digit_chains(text):
    """Lists of positions of digits that only separators, MAX_GAP at most, stand between. Zero-width ones do not count."""
    chains, chain, gap = [], [], 0
    for i, ch in enumerate(text):
        if is_digit(ch):
            if gap > MAX_GAP and chain:
                chains.append(chain)
                chain = []
            chain.append(i)
            gap = 0
        elif is_separator(ch):
            gap += ch not in ZERO_WIDTH
        elif chain:
            chains.append(chain)
            chain = []
            gap = 0
    return chains + [chain] if chain else chains


def windows_of(text, chain):
    digits = "".join(fold(text[i]) for i in chain)
    for start in range(len(digits)):
        for size in range(13, min(19, len(digits) - start) + 1):
            window = digits[start:start + size]
            if known_prefix(window) and luhn_ok(window):
                yield chain[start], chain[start + size - 1] + 1


def card_windows(text):
    """Every (start, end) in TEXT that reads as a card, those inside a longer run too."""
    return [w for chain in digit_chains(text) for w in windows_of(text, chain)]


def joined_card_windows(text):
    """The same as if nothing stood between the digits of TEXT."""
    return list(windows_of(text, [i for i, ch in enumerate(text) if is_digit(ch)]))


def iban_windows(text):
    kept = [(i, fold(c).upper()) for i, c in enumerate(text) if not is_separator(c)]
    found = []
    for k, (i, _) in enumerate(kept):
        country = "".join(c for _, c in kept[k:k + 2])
        if country not in IBAN:
            continue
        part = kept[k:k + iban_length(country)]
        value = "".join(c for _, c in part)
        if value.isascii() and value.isalnum() and value[2:4].isdigit() and iban_ok(value):
            found.append((i, part[-1][0] + 1))
    return found


def masked_value(category, value):
    if category == "card":
        return "**** **** **** " + plain(value)[-4:]
    return "****" + plain(value)[-4:] if category in KEEPS_LAST4 else "****"


def masked_text(text, spans):
    out, at = [], 0
    for span in spans:
        out += [text[at:span["start"]], masked_value(span["category"], text[span["start"]:span["end"]])]
        at = span["end"]
    return "".join(out) + text[at:]


def masked_parts(parts, spans):
    """A split number: each digit a '*' but the last 4 of the whole, what stands between them kept."""
    left = sum(is_digit(c) for part, own in zip(parts, spans) for s in own for c in part[s["start"]:s["end"]])
    result = []
    for part, own in zip(parts, spans):
        chars = list(part)
        for span in own:
            for i in range(span["start"], span["end"]):
                if is_digit(chars[i]):
                    chars[i] = "*" if left > 4 else chars[i]
                    left -= 1
        result.append("".join(chars))
    return result
