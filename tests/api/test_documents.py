"""docs/openapi.yaml and docs/protocol.md against each other and against the rules of their formats."""
import glob
import json
import re
import unittest

from client import API, FRAMES
from protocol import METHODS, ROOT, Fault, canonical, examples, jsonschema, state_hash


def walk(node, path=""):
    yield path, node
    if isinstance(node, dict):
        for key, child in node.items():
            yield from walk(child, f"{path}/{key}")
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from walk(child, f"{path}/{i}")


class Documents(unittest.TestCase):
    def operations(self):
        for path, item in API.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item, item[method]

    def test_every_reference_resolves(self):
        for path, node in walk(API.document):
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                try:
                    API.deref(node)
                except KeyError:
                    self.fail(f"{path}: {node['$ref']} leads nowhere")

    def test_schemas_are_json_schema(self):
        for name, schema in API.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_operations_are_whole(self):
        ids = []
        for method, path, item, operation in self.operations():
            with self.subTest(f"{method} {path}"):
                ids.append(operation["operationId"])
                declared = [API.deref(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
                inside = {p["name"] for p in declared if p["in"] == "path"}
                self.assertEqual(inside, set(re.findall(r"{([a-z_]+)}", path)))
                self.assertTrue(operation["summary"] and operation["x-role"] and operation["responses"])
                self.assertEqual(method in ("GET", "DELETE") or path.endswith("{tag}"), "requestBody" not in operation)
        self.assertEqual(len(ids), len(set(ids)))

    def test_request_bodies_refuse_unknown_fields(self):
        for method, path, _, operation in self.operations():
            if "requestBody" in operation:
                schema = API.deref(API.deref(operation["requestBody"])["content"]["application/json"]["schema"])
                self.assertIs(schema["additionalProperties"], False, f"{method} {path}")

    def test_routes_are_those_of_the_protocol(self):
        with open(f"{ROOT}/docs/protocol.md", encoding="utf-8") as f:
            section = f.read().split("## 3. REST")[1].split("## 4.")[0]
        named = set()
        for line in section.splitlines():
            if line.startswith("| `"):
                cell = line.split(" | ")[0]
                path = None
                for route in re.findall(r"`([A-Z]+)(?: (/[^`?]*))?[^`]*`", cell):
                    path = route[1] or path
                    named.add((route[0], "/api/support" + path))
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertIn(path, section)
            named.add(("GET", path))
        self.assertEqual(named, {(m, p) for m, p, _, _ in self.operations()})

    def test_what_the_transport_refuses_is_what_is_documented(self):
        sent = set()
        for path in glob.glob(f"{ROOT}/src/net/*.c"):
            with open(path, encoding="utf-8") as f:
                source = f.read()
            pairs = re.findall(r'([45]\d\d),\s*(?:\.code = )?"([a-z_]+)"', source)
            self.assertEqual(len(re.findall(r'\.status = [45]\d\d|refuse\([^;{]*?\b[45]\d\d\b', source)), len(pairs), f"{path}: a status without its code")
            sent |= {(int(status), code) for status, code in pairs}
        stated = API.document["components"]["responses"]["Transport"]["x-refusals"]
        self.assertEqual({(int(status), code) for status, codes in stated.items() for code in codes}, sent)
        with open(f"{ROOT}/docs/errors.md", encoding="utf-8") as f:
            sentence = f.read().split("\nThe web server itself")[1]
        self.assertEqual({(int(status), code) for code, status in re.findall(r"`([a-z_]+)` \((\d+)\)", sentence)}, sent)

    def test_every_frame_is_shown_in_the_tables(self):
        kinds = {v["type"] for h, v in examples() if h.startswith("4.2")}
        with open(f"{ROOT}/docs/protocol.md", encoding="utf-8") as f:
            section = f.read().split("### 4.2")[1].split("### 4.3")[0]
        self.assertEqual(kinds, set(re.findall(r"^\| `([a-z.]+)`", section, re.M)))

    def test_examples_of_objects_fit_the_schemas(self):
        names = {"system": "SystemMessage", "message": "Message", "offer": "Offer", "call": "Call", "party": "CallParty"}
        shown = dict.fromkeys(names.values(), 0)
        for heading, value in examples():
            if heading.startswith("2.") and "type" not in value:
                name = names["system" if value.get("kind") == "system" else "message" if "seq" in value else "offer" if "entry_id" in value
                             else "party" if "talk" in value else "call"]
                API.check_schema(name, value, name)
                shown[name] += 1
        self.assertTrue(all(shown.values()), shown)

    def test_the_frame_check_refuses_what_is_wrong(self):
        pong = next(v for _, v in examples() if v.get("type") == "pong")
        FRAMES.check(pong)
        FRAMES.seen.discard("pong")
        for change in ({"server_time": 1}, {"more": 1}, {"type": "pongg"}):
            with self.assertRaises(Fault):
                FRAMES.check(dict(pong, **change))

    def test_canonical_json(self):
        value = {"b": "a\x1f\"/\u00e9\\\n", "a": [1, None, True, {}], "\u00e9": "\U0001f600", "z": "\x7f\u2028"}
        text = '{"a":[1,null,true,{}],"b":"a\\u001F\\"/\u00e9\\\\\\n","z":"\x7f\u2028","\u00e9":"\U0001f600"}'
        self.assertEqual(canonical(value), text)
        self.assertEqual(json.loads(canonical(value)), value)
        self.assertEqual(state_hash({}), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
