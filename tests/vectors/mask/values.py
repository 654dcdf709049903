"""Seeded random values: cards of every brand, IBANs, secrets, and the harmless numbers they are mixed up with."""
import re
import string
import uuid

from masklib import IBAN, iban_ok, luhn_ok, mod97

BRANDS = {
    "visa": (("4",), 16), "visa13": (("4",), 13), "visa19": (("4",), 19),
    "mastercard": (("51", "52", "53", "54", "55"), 16),
    "mastercard2": (("2221", "2300", "2490", "2650", "2709", "2720"), 16),
    "amex": (("34", "37"), 15),
    "discover": (("6011", "644", "649", "65"), 16), "discover19": (("6011", "65"), 19),
    "diners": (("36", "38", "39", "300", "305"), 14), "diners16": (("36",), 16),
    "jcb": (("3528", "3550", "3589"), 16), "jcb19": (("3530",), 19),
    "unionpay": (("62",), 16), "unionpay17": (("62",), 17), "unionpay18": (("62",), 18), "unionpay19": (("62",), 19),
    "maestro13": (("5018", "6759"), 13), "maestro14": (("5020", "6761"), 14), "maestro15": (("5038", "6762"), 15),
    "maestro": (("5018", "5020", "5038", "5893", "6304", "6759", "6761", "6762", "6763"), 16),
    "maestro17": (("5893",), 17), "maestro18": (("6304",), 18), "maestro19": (("6759", "6763"), 19),
}
# numbers that processors publish for tests
TEST_CARDS = {
    "visa": ("4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556"),
    "visa13": ("4222222222222",),
    "mastercard": ("5555555555554444", "5105105105105100", "5200828282828210"),
    "mastercard2": ("2223003122003222", "2223000048400011"),
    "amex": ("378282246310005", "371449635398431"),
    "discover": ("6011111111111117", "6011000990139424"),
    "diners": ("30569309025904", "38520000023237", "36227206271667"),
    "jcb": ("3530111333300000", "3566002020360505"),
    "unionpay": ("6200000000000005",),
    "maestro": ("6304000000000000",),
}
TEST_IBANS = ("GB82WEST12345698765432", "DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606",
              "NO9386011117947", "BE68539007547034", "CH9300762011623852957", "MT84MALT011000012345MTLCAST001S")
PASSWORDS = ("Simba@2024", "Kilimanjaro77", "hunter2", "Tw1ga#tall", "pa55w0rd", "Qwerty!123", "chai&Mandazi9", "m@tatu33",
             "Zebra_7_stripes", "nairobi2019", "K1b0ko$$", "s3cr3t-Bank", "Ndovu4Life", "T3mbo%tusk", "abc12345", "Jua*Kali88",
             "Ug@li_Sukuma1", "b0daB0da", "Safari-2-Mara", "X9!vR2#q", "Mlima+5895", "0ld&Gold", "Ch3ss/Knight", "p@ssw0rd1",
             "Samaki77Ziwa", "Blue$ky_42", "Tumaini#1", "Kahawa2Sugar", "lion~king~94", "R3d^Lorry", "Maji@Moto5", "8Planets?yes8")
PLAIN_WORDS = ("kilimanjaro", "sunflower", "mandazi", "butterfly", "ndovu", "chocolate", "tembo", "rainbow")


class Values:
    """One source of random values; every call depends on the seed and on the calls before."""

    def __init__(self, rng):
        self.rng = rng

    def digits(self, n):
        return "".join(self.rng.choice(string.digits) for _ in range(n))

    def letters(self, n):
        return "".join(self.rng.choice("ABCDEFGHJKLMNPQRSTVWXYZ") for _ in range(n))

    def luhn(self, prefix, size):
        body = prefix + self.digits(size - len(prefix) - 1)
        return next(body + c for c in string.digits if luhn_ok(body + c))

    def card(self, brand):
        prefixes, size = BRANDS[brand]
        return self.luhn(self.rng.choice(prefixes), size)

    def iban(self, country):
        bban = ""
        for count, kind in re.findall(r"(\d+)([nac])", IBAN[country]):
            n = int(count)
            if kind == "a":
                bban += self.letters(n)
            elif kind == "c":
                bban += "".join(self.rng.choice(string.digits * 4 + "ABCDEFGH") for _ in range(n - 4)) + self.digits(min(n, 4))
            else:
                bban += self.digits(n)
        return country + f"{98 - mod97(country + '00' + bban):02d}" + bban

    def bad_iban(self):
        good = self.iban(self.rng.choice(sorted(IBAN)))
        check = (int(good[2:4]) + self.rng.randint(1, 90)) % 97 + 1
        bad = good[:2] + f"{check:02d}" + good[4:]
        return self.bad_iban() if iban_ok(bad) else bad

    def bad_card(self, brand="visa"):
        good = self.card(self.rng.choice((brand, "mastercard", "discover")) if brand == "visa" else brand)
        at = self.rng.randrange(6, len(good))
        return good[:at] + str((int(good[at]) + self.rng.randint(1, 9)) % 10) + good[at + 1:]

    def account(self):
        size = self.rng.choice((8, 9, 10, 10, 10, 11, 12, 13, 13, 14, 16))
        return self.rng.choice("0112") + self.digits(size - 1)

    def group(self, digits, sizes, sep):
        out, at = [], 0
        for size in sizes:
            out.append(digits[at:at + size])
            at += size
        return sep.join(x for x in out + [digits[at:]] if x)

    def secret(self, name):
        """Value of a context placeholder, or None."""
        d = self.digits
        kinds = {
            "cvv3": lambda: d(3), "cvv4": lambda: d(4),
            "pin4": lambda: d(4), "pin5": lambda: d(5), "pin6": lambda: d(6),
            "pinsp": lambda: self.group(d(4), self.rng.choice(((2, 2), (1, 1, 1, 1))), " "),
            "pinda": lambda: self.group(d(4), (2, 2), "-"), "pindot": lambda: self.group(d(4), (1, 1, 1, 1), "."),
            "otp4": lambda: d(4), "otp5": lambda: d(5), "otp6": lambda: d(6), "otp8": lambda: d(8),
            "otpsp": lambda: self.group(d(6), (3, 3), " "), "otpda": lambda: self.group(d(6), (3, 3), "-"),
            "pw": lambda: self.rng.choice(PASSWORDS), "pwword": lambda: self.rng.choice(PLAIN_WORDS),
        }
        return kinds[name]() if name in kinds else None

    def thousands(self, low, high):
        return f"{self.rng.randint(low, high):,}"

    def harmless(self, name):
        """Value of a placeholder in a text that must come out unchanged."""
        r, d = self.rng, self.digits
        year, month, day = r.randint(2019, 2026), r.randint(1, 12), r.randint(1, 28)
        if name[0] == "n" and name[1:].isdigit():
            return d(int(name[1:]))
        kinds = {
            "phone": lambda: "07" + d(8), "phonesp": lambda: self.group("07" + d(8), (4, 3, 3), " "),
            "phoneintl": lambda: r.choice(("+2547" + d(8), "+254 7%s %s %s" % (d(2), d(3), d(3)), "+255-7%s-%s-%s" % (d(2), d(3), d(3)))),
            "landline": lambda: "020 " + d(7),
            "date": lambda: r.choice((f"{day:02d}/{month:02d}/{year}", f"{day}/{month}/{year}")),
            "shortdate": lambda: f"{day}/{month}/{year % 100}", "isodate": lambda: f"{year}-{month:02d}-{day:02d}",
            "dotdate": lambda: f"{day:02d}.{month:02d}.{year}", "dashdate": lambda: f"{day:02d}-{month:02d}-{year}",
            "compactday": lambda: f"{year}{month:02d}{day:02d}",
            "compactdate": lambda: f"{year}{month:02d}{day:02d}{r.randint(0, 23):02d}{r.randint(0, 59):02d}{r.randint(0, 59):02d}",
            "time": lambda: f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}", "epoch": lambda: str(r.randint(1600000000, 1790000000)),
            "amount": lambda: self.thousands(1000, 999999) + r.choice(("", ".00", ".50")),
            "bigamount": lambda: self.thousands(1000000, 999999999),
            "amounteu": lambda: self.thousands(1000, 999999).replace(",", ".") + ",00",
            "ref": lambda: self.letters(2) + d(6) + self.letters(1), "track": lambda: self.letters(2) + d(9) + r.choice(("KE", "TZ", "GB")),
            "ups": lambda: "1Z" + d(3) + self.letters(2) + d(10), "longnum": lambda: d(r.choice((20, 21, 22))),
            "badcard": self.bad_card, "badcardsp": lambda: self.group(self.bad_card(), (4, 4, 4), " "),
            "badcardda": lambda: self.group(self.bad_card(), (4, 4, 4), "-"), "badcarddot": lambda: self.group(self.bad_card(), (4, 4, 4), "."),
            "badcardfw": lambda: "".join(chr(0xFF10 + int(c)) for c in self.bad_card()), "badamex": lambda: self.bad_card("amex"),
            "badhalf": lambda: self.group("4" + d(7), (4,), " "), "badhalf2": lambda: self.group(d(8), (4,), " "),
            "noprefix": lambda: self.luhn(r.choice(("7", "9", "90", "80")), 16),
            "imei": lambda: self.luhn(r.choice(("35", "86", "01")), 15), "iccid": lambda: self.luhn("894410", 19),
            "ip4": lambda: r.choice(("192.0.2.", "198.51.100.", "203.0.113.")) + str(r.randint(1, 254)),
            "ip6": lambda: f"2001:db8::{r.randrange(65536):x}:{r.randrange(65536):x}",
            "hex2": lambda: f"{r.randrange(256):02x}", "hex8": lambda: f"{r.getrandbits(32):08x}",
            "hex32": lambda: f"{r.getrandbits(128):032x}", "hex40": lambda: f"{r.getrandbits(160):040x}",
            "uuid": lambda: str(uuid.UUID(int=r.getrandbits(128), version=4)),
            "mpesa": lambda: r.choice("QRST") + "".join(r.choice("ABCDEFGHJKLMNPQRSTVWXYZ0123456789") for _ in range(8)) + r.choice("KMWX"),
            "badiban": self.bad_iban, "badibangr": lambda: self.group(self.bad_iban(), (4,) * 8, " "),
        }
        return kinds[name]()
