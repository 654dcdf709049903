"""What docs/protocol.md and docs/openapi.yaml promise, as checks: answers, frames, canonical JSON.

Strict on purpose: where an object's fields are listed, a field that is not listed is a fault of the
daemon or of the documents. Clients must ignore such fields; tests must not.
"""
import copy
import hashlib
import json
import os
import re
import warnings

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
METHODS = ("get", "put", "post", "delete")
# Fields of frames that may be null although the example shows a value.
NULLABLE = {("me.presence", "reason"), ("me.presence", "wrap_until"), ("me.presence", "wrap_left_ms"), ("queue.position", "wait_low_ms"), ("queue.position", "wait_high_ms"),
            ("call.quality", "legs.rtt_ms"), ("call.quality", "legs.in.level_dbov"),
            ("call.quality", "legs.in.mos_lq"), ("call.quality", "legs.in.mos_cq"),
            ("call.quality", "legs.out.mos_lq"), ("call.quality", "legs.out.mos_cq"),
            ("call.quality", "legs.drift_ppm"), ("call.quality", "legs.codec"), ("call.quality", "legs.client"),
            ("call.quality", "legs.client.concealed_pct"), ("call.quality", "legs.client.jitter_ms"),
            ("call.quality", "legs.client.buffer_ms"), ("call.quality", "legs.client.rtt_ms"), ("call.quality", "legs.client.path"),
            ("welcome", "me.name"), ("welcome", "expires_at"), ("chat.typing", "who.name")}
# Fields that are objects of section 2: checked by the schemas of openapi.yaml.
OBJECTS = {"message": ["Message", "SystemMessage", "Note"], "state": ["ChatState"], "offer": ["Offer"], "party": ["OwnParty"], "call": ["Call"]}
LISTS = {("chat.resumed", "messages"): ["Message", "SystemMessage"], ("chat.resumed", "notes"): ["Note"],
         ("chat.resumed", "remasked"): ["Message", "SystemMessage", "Note"],
         ("queue.state", "items"): ["QueueEntry"], ("live.state", "items"): ["LiveCall"], ("welcome", "ice_servers"): ["IceServer"],
         ("ice.servers", "ice_servers"): ["IceServer"]}
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Fault(AssertionError):
    """Something came that the documents do not allow."""


def canonical(value):
    """Canonical JSON of section 2: sorted keys, no space, only the named escapes."""
    if isinstance(value, str):
        return '"' + re.sub(r'[\x00-\x1f"\\]', lambda m: ESCAPES.get(m[0], f"\\u{ord(m[0]):04X}"), value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def state_hash(state):
    return hashlib.sha256(canonical(state).encode()).hexdigest()


def _strict(node):
    if isinstance(node, dict):
        if "properties" in node and "additionalProperties" not in node:
            node["additionalProperties"] = False
        for child in node.values():
            _strict(child)
    elif isinstance(node, list):
        for child in node:
            _strict(child)
    return node


class OpenApi:
    """docs/openapi.yaml: which route a request meant, and whether the answer is as described."""

    def __init__(self, path=os.path.join(ROOT, "docs", "openapi.yaml")):
        with open(path, encoding="utf-8") as f:
            self.document = yaml.safe_load(f)
        self.strict = _strict(copy.deepcopy(self.document))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.resolver = jsonschema.RefResolver.from_schema(self.strict)
        self.routes = []
        for template, item in self.document["paths"].items():
            pattern = re.compile("^" + re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(template)) + "$")
            for method in METHODS:
                if method in item:
                    self.routes.append((method.upper(), template, pattern, item[method]))
        self.routes.sort(key=lambda r: r[1].count("{"))
        self.seen = set()  # (method, template, status) that were checked
        with open(os.path.join(ROOT, "docs", "errors.md"), encoding="utf-8") as f:
            text = f.read()
        self.codes = {}  # code -> {(status, title)}, title None: any (the web server's own)
        for code, status, title in re.findall(r"^\| `([a-z_0-9]+)` \| ([0-9]+) \| (.*) \|$", text, re.M):
            self.codes.setdefault(code, set()).add((int(status), title))
        for code, status in re.findall(r"`([a-z_0-9]+)`\s\(([0-9]{3})\)", text):
            self.codes.setdefault(code, set()).add((int(status), None))

    def deref(self, node):
        while "$ref" in node:
            found = self.strict
            for part in node["$ref"][2:].split("/"):
                found = found[part]
            node = found
        return node

    def errors(self, schema, value):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
            return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"[:600] for e in validator.iter_errors(value)]

    def check_schema(self, names, value, what):
        """Value must fit one of the named schemas."""
        if isinstance(names, str):
            names = [names]
        found = [self.errors({"$ref": f"#/components/schemas/{n}"}, value) for n in names]
        if all(found):
            raise Fault(f"{what}: {min(found, key=len)} in {json.dumps(value)[:500]}")

    def find(self, method, path):
        path = path.split("?")[0]
        for m, template, pattern, operation in self.routes:
            if m == method and pattern.match(path):
                return template, operation
        return None, None

    def check(self, method, path, status, headers, body):
        """Raises Fault unless the answer (body: bytes) is one that the document describes."""
        template, operation = self.find(method, path)
        what = f"{method} {path} -> {status}"
        known = {} if operation is None else operation["responses"]
        response = known.get(str(status))
        if response is None:
            if status < 400 or (operation is not None and "default" not in known):
                raise Fault(f"{what}: not documented")
            response = {"$ref": "#/components/responses/Problem"}
        self.seen.add((method, template, status))
        self._check_body(self.deref(response), headers, body, what)
        if status >= 400 and json.loads(body)["status"] != status:
            raise Fault(f"{what}: the body says {json.loads(body)['status']}")
        if status >= 400:
            self.check_code(json.loads(body), what)
        if status == 401 and headers.get("WWW-Authenticate") != "Bearer":
            raise Fault(f"{what}: no WWW-Authenticate")
        if status in (429, 503) and not re.match(r"^[1-9][0-9]*$", headers.get("Retry-After", "")):
            raise Fault(f"{what}: no Retry-After")
        if status in (429, 503) and "retry_after_ms" not in json.loads(body):
            raise Fault(f"{what}: no retry_after_ms")

    def check_code(self, problem, what):
        """The code is one of docs/errors.md, with its status and title."""
        known = self.codes.get(problem["code"], set())
        if not known & {(problem["status"], problem["title"]), (problem["status"], None)}:
            raise Fault(f"{what}: {problem} is not as docs/errors.md says: {known or 'nothing'}")

    def _check_body(self, response, headers, body, what):
        kind = headers.get("Content-Type", "").split(";")[0]
        if "content" not in response:
            if response["description"] not in ("It runs", "Ready") and body:
                raise Fault(f"{what}: a body where none is documented")
            return
        if kind not in response["content"]:
            raise Fault(f"{what}: Content-Type {kind!r}, documented {list(response['content'])}")
        if kind in ("text/plain", "audio/ogg"):
            return
        try:
            value = json.loads(body)
        except ValueError as e:
            raise Fault(f"{what}: not JSON: {e}") from None
        errors = self.errors(response["content"][kind]["schema"], value)
        if errors:
            raise Fault(f"{what}: {errors} in {json.dumps(value)[:500]}")


def examples(path=os.path.join(ROOT, "docs", "protocol.md")):
    """The fenced json blocks: (heading of the section, object)."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = []
    heading = ""
    for part in re.finditer(r"^(#+ [^\n]*)$|^```json\n(.*?)^```", text, re.M | re.S):
        if part[1]:
            heading = part[1].lstrip("# ")
        else:
            found.append((heading, json.loads(part[2])))
    return found


class Frames:
    """Frames from the daemon, held against the examples of protocol.md."""

    def __init__(self, api):
        self.api = api
        self.known = {}
        self.seen = set()
        for heading, value in examples():
            if "type" in value and (heading.startswith("4.3") or value["type"] in ("welcome", "error")):
                self.known[value["type"]] = value

    def _same_shape(self, kind, where, example, value):
        if value is None and (kind, where) in NULLABLE:
            return
        if isinstance(example, bool) or isinstance(value, bool):
            good = isinstance(example, bool) and isinstance(value, bool)
        elif isinstance(example, (int, float)):
            good = isinstance(value, (int, float))
        else:
            good = type(example) is type(value)
        if not good:
            raise Fault(f"frame {kind}: {where} is {value!r}, the example has {example!r}")
        if isinstance(example, dict):
            self._same_keys(kind, where, example, value)
        elif isinstance(example, list) and example:
            for item in value:
                self._same_shape(kind, where, example[0], item)

    def _same_keys(self, kind, where, example, value):
        optional = {"id"} if not where else {"field", "type", "detail", "retry_after_ms"} if where == "error" else set()
        prefix = where + "." if where else ""
        odd = (set(value) ^ set(example)) - optional
        if odd:
            raise Fault(f"frame {kind}: keys {sorted(prefix + o for o in odd)} differ from the example: {json.dumps(value)[:400]}")
        for key in set(value) & set(example):
            if not where and key in OBJECTS and key in value:
                self.api.check_schema(OBJECTS[key], value[key], f"frame {kind}.{key}")
            elif not where and (kind, key) in LISTS:
                for item in value[key]:
                    self.api.check_schema(LISTS[kind, key], item, f"frame {kind}.{key}")
            elif (kind, prefix + key) != ("queue.state", "items"):
                self._same_shape(kind, prefix + key, example[key], value[key])

    def check(self, frame):
        kind = frame.get("type")
        if kind not in self.known:
            raise Fault(f"frame of unknown type {kind!r}")
        self.seen.add(kind)
        self._same_keys(kind, "", self.known[kind], frame)
        if "state_hash" in frame and frame["state_hash"] != state_hash(frame["state"]):
            raise Fault(f"frame {kind}: state_hash is not that of the state {canonical(frame['state'])}")
        if kind == "error":
            self.api.check_schema("Problem", dict({"type": "about:blank"}, **frame["error"]), "error frame")
            self.api.check_code(frame["error"], "error frame")
