"""Holds the source to STYLE: who includes whom, which library where, lengths, headers that stand
alone, no leftovers. Each rule is one test; the last line is the count."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)

LOW = ["base", "log", "metrics"]
MAY = {
    "base": ["base"],
    "log": ["base"],
    "config": ["base"],
    "metrics": ["base"],
    "mask": ["base"],
    "loop": [],
    "pg": ["loop"],
    "net": ["loop"],
    "media": ["loop"],
    "audit": ["pg", "loop"],
    "bus": ["pg", "loop"],
    "settings": ["pg", "bus"],
    "auth": ["pg", "audit", "loop"],
    "outbox": ["pg", "loop"],
    "staff": ["auth", "audit", "pg", "bus", "loop"],
    "chat": ["auth", "audit", "mask", "outbox", "pg", "bus", "loop"],
    "queue": ["auth", "audit", "pg", "loop", "bus"],
    "call": ["auth", "audit", "media", "pg", "loop", "bus"],
    "flow": ["audit", "auth", "outbox", "bus", "settings", "chat", "queue", "call", "staff", "mask", "pg", "loop"],
}
MAY["api"] = MAY["flow"] + ["flow", "net"]
MAY["app"] = None  # everything
# library header prefix -> the only places that may include it
ONLY = {
    "uv.h": ["src/loop/", "include/supportd/loop/loop_uv.h"],
    "libwebsockets.h": ["src/net/"],
    "libpq-fe.h": ["src/pg/"],
    "nice/": ["src/media/ice"],
    "glib": ["src/media/ice"],
    "gio/": ["src/media/ice"],
    "srtp2/": ["src/media/srtp"],
    "opus/": ["src/media/opus"],
    "ogg/": ["src/media/recorder", "src/media/hold"],
    "openssl/": ["src/auth/", "src/audit/", "src/net/", "src/media/dtls", "src/media/srtp_gcm",
                 "src/media/recorder_crypt", "src/media/stun"],
    "argon2.h": ["src/auth/"],
    "cjose/": ["src/auth/"],
    "pcre2.h": ["src/mask/"],
    "libconfig.h": ["src/config/"],
    "curl/": ["src/outbox/"],
    "systemd/": ["src/app/"],
}
FUNCTION_MAX, FILE_MAX = 100, 800
problems = {}


def fail(rule, text):
    problems.setdefault(rule, []).append(text)


def files(*suffixes, under=("src", "include")):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *under], text=True,
                            capture_output=True, check=True).stdout.split()
    return [f for f in listed if f.endswith(suffixes) and os.path.exists(f) and "node_modules" not in f]


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else parts[2]


def check_includes():
    for path in files(".c", ".h"):
        folder = folder_of(path)
        if folder == "web":
            continue
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            m = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not m:
                continue
            name = m.group(1)
            if name.startswith("supportd/"):
                other = name.split("/")[1]
                allowed = MAY.get(folder)
                low = LOW if folder not in ("base", "log", "config", "metrics", "mask") else ["base"]
                if allowed is not None and other not in [folder, *low, *allowed]:
                    fail("layers", f"{path}:{number} {folder} may not include {name}")
                if not os.path.exists("include/" + name):
                    fail("layers", f"{path}:{number} {name} does not exist")
            elif name.endswith("_internal.h") and not os.path.exists(os.path.dirname(path) + "/" + name):
                fail("layers", f"{path}:{number} private header of another folder: {name}")
            for prefix, places in ONLY.items():
                if name.startswith(prefix) and not path.startswith(tuple(places)):
                    fail("libraries", f"{path}:{number} {name} belongs to {', '.join(places)}")


def check_lengths():
    for path in files(".c", ".h", ".ts", ".tsx", ".sql", under=("src", "include", "sql", "tests")):
        lines = sum(1 for _ in open(path, encoding="utf-8"))
        if lines > FILE_MAX:
            fail("file length", f"{path}: {lines} lines")
    sources = files(".c", under=("src", "tests"))
    tags = subprocess.run(["ctags", "-x", "--c-kinds=f", "--fields=+ne", "--_xformat=%{end} %{line} %N %F",
                           *sources], text=True, capture_output=True, check=True).stdout
    for row in tags.splitlines():
        end, start, name, path = row.split(" ", 3)
        if end.isdigit() and int(end) - int(start) > FUNCTION_MAX:
            fail("function length", f"{path}: {name} has {int(end) - int(start)} lines")


def check_headers_alone():
    flags = subprocess.run(["pkg-config", "--cflags", "jansson", "libuv"], text=True,
                           capture_output=True, check=True).stdout.split()
    for path in files(".h", under=("include",)):
        r = subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Iinclude",
                            "-fsyntax-only", "-x", "c", *flags, path], capture_output=True, text=True)
        if r.returncode:
            fail("headers alone", f"{path}: {r.stderr.strip().splitlines()[0]}")


def check_format():
    sources = files(".c", ".h", under=("src", "include", "tests"))
    for start in range(0, len(sources), 50):
        r = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources[start:start + 50]],
                           capture_output=True, text=True)
        for line in r.stderr.splitlines():
            m = re.match(r"([^:]+):(\d+):.*code should be clang-formatted", line)
            if m:
                fail("format", f"{m.group(1)}:{m.group(2)}")


def check_leftovers():
    for path in files(".c", ".h", ".sql", ".ts", ".tsx", ".css", ".sh", ".py", ".md", ".mjs",
                      under=("src", "include", "sql", "config", "tests", "docs", "README.md")):
        if path == "tests/style/check.py":
            continue
        for number, line in enumerate(open(path, encoding="utf-8", errors="replace"), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                fail("leftovers", f"{path}:{number} {line.strip()[:80]}")
            if path.endswith((".c", ".h")) and re.match(r"\s*//", line):
                fail("leftovers", f"{path}:{number} comment style")


def check_top_level():
    top = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], text=True, capture_output=True,
                         check=True).stdout.split()
    known = {"CMakeLists.txt", "CMakePresets.json", "src", "include", "sql", "config", "tests", "docs", "README.md"}
    for name in sorted({f.split("/")[0] for f in top}):
        if name not in known and not name.startswith("."):
            fail("top level", name)


RULES = ["layers", "libraries", "file length", "function length", "headers alone", "format", "leftovers", "top level"]
for check in (check_includes, check_lengths, check_headers_alone, check_format, check_leftovers, check_top_level):
    check()
for rule in RULES:
    for text in problems.get(rule, []):
        print(f"{rule}: {text}")
bad = len(problems)
print(f"{len(RULES) - bad} passed, {bad} failed")
sys.exit(1 if bad else 0)
