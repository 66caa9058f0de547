"""values.schema.json: drafts, references, dynamic scope; what the library Helm uses says."""
import json

from run import LOGS, case

D4, D6, D7 = (f"http://json-schema.org/draft-0{n}/schema#" for n in (4, 6, 7))
D19, D20 = "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"


def schema(name, root, values, helm3=False, **more):
    files = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "chart/templates/t.yaml": "a: 1\n", "chart/values.yaml": json.dumps(values),
             "chart/values.schema.json": root if isinstance(root, str) else json.dumps(root)}
    case("schema/" + name, files, "template r chart", helm3=helm3, **more)


def both(name, root, good, bad, **more):
    schema(name + "-good", root, good, **more)
    schema(name + "-bad", root, bad, **more)


REF = {"properties": {"a": {"$ref": "http://x.example/item.json"}}, "$defs": {"i": {"$id": "http://x.example/item.json", "$ref": "#/$defs/n", "$defs": {
    "n": {"type": "integer"}}}}}
both("id-of-its-own", REF, {"a": 1}, {"a": "x"}, helm3=True)
both("id-relative", {"$id": "http://x.example/root/s.json", "properties": {"a": {"$ref": "sub/t.json#/$defs/n"}},
                     "$defs": {"t": {"$id": "sub/t.json", "$defs": {"n": {"minimum": 5}}}}}, {"a": 5}, {"a": 4})
both("id-up", {"$id": "http://x.example/a/b/s.json", "properties": {"a": {"$ref": "../t.json"}}, "$defs": {"t": {"$id": "/a/t.json", "maxLength": 2}}},
     {"a": "xy"}, {"a": "xyz"})
both("id-in-enum-is-data", {"properties": {"a": {"$ref": "#/$defs/e"}}, "$defs": {"e": {"enum": [{"$id": "http://x.example/e"}, 1]}}}, {"a": 1}, {"a": 2})
both("draft7-id-beside-ref", {"$schema": D7, "properties": {"a": {"$id": "http://x.example/", "$ref": "#/definitions/n"}}, "definitions": {"n": {"type": "number"}}},
     {"a": 1}, {"a": "x"})
both("draft4-id", {"$schema": D4, "id": "http://x.example/s.json", "properties": {"a": {"$ref": "t.json"}}, "definitions": {"t": {"id": "t.json", "type": "boolean"}}},
     {"a": True}, {"a": 1})
both("anchor", {"properties": {"a": {"$ref": "#here"}}, "$defs": {"h": {"$anchor": "here", "type": "string"}}}, {"a": "x"}, {"a": 1})
both("anchor-of-other", {"properties": {"a": {"$ref": "http://x.example/o#here"}}, "$defs": {
    "h": {"$anchor": "here", "type": "string"}, "o": {"$id": "http://x.example/o", "$defs": {"h": {"$anchor": "here", "type": "number"}}}}}, {"a": 1}, {"a": "x"})
schema("anchor-missing", {"properties": {"a": {"$ref": "#nope"}}}, {"a": 1})
schema("pointer-missing", {"properties": {"a": {"$ref": "#/$defs/nope"}}}, {"a": 1})
schema("pointer-missing-in-id", {"$id": "http://x.example/s.json", "properties": {"a": {"$ref": "#/$defs/nope"}}}, {"a": 1})
TREE = {"$id": "http://x.example/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False,
        "$defs": {"t": {"$id": "http://x.example/tree", "$dynamicAnchor": "node", "properties": {"v": True, "c": {"items": {"$dynamicRef": "#node"}}}}}}
both("dynamic", {"properties": {"a": {"$ref": "http://x.example/strict"}}, "$defs": {"s": TREE}}, {"a": {"v": 1, "c": [{"v": 2}]}}, {"a": {"v": 1, "c": [{"w": 2}]}})
both("dynamic-without-anchor", {"properties": {"a": {"$dynamicRef": "#n"}}, "$defs": {"n": {"$anchor": "n", "type": "number"}}}, {"a": 1}, {"a": "x"})
REC = {"$schema": D19, "$id": "http://x.example/r", "$recursiveAnchor": True, "properties": {"a": {"$recursiveRef": "#"}, "n": {"type": "number"}}, "additionalProperties": False}
both("recursive", REC, {"a": {"n": 1}}, {"a": {"m": 1}})
both("unevaluated", {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, {"a": 1}, {"b": 1})
both("unevaluated-items", {"properties": {"a": {"prefixItems": [{"type": "number"}], "unevaluatedItems": False}}}, {"a": [1]}, {"a": [1, 2]})
both("content", {"$schema": D7, "properties": {"a": {"contentEncoding": "base64", "contentMediaType": "application/json"}}}, {"a": "e30="}, {"a": "!"})
for draft, name in ((D4, "draft4"), (D6, "draft6"), (D7, "draft7"), (D19, "2019"), (D20, "2020")):
    both("format-" + name, {"$schema": draft, "properties": {"a": {"format": "ipv4"}, "b": {"format": "date-time"}}}, {"a": "1.2.3.4", "b": "2020-01-01T00:00:00Z"},
         {"a": "1.2.3", "b": "x"})
    both("exclusive-" + name, {"$schema": draft, "properties": {"a": {"minimum": 1, "exclusiveMinimum": True if draft == D4 else 1}}}, {"a": 2}, {"a": 1})
schema("not-json", "{", {}, helm3=True)
schema("unknown-draft", {"$schema": "http://127.0.0.1:1/mine"}, {}, differs="why a connection fails is told in other words")
schema("remote", {"$ref": "http://127.0.0.1:1/x.json"}, {}, differs="why a connection fails is told in other words")


# ---- the schema itself
META = {
    "type-unknown": {"type": "foo"}, "type-number": {"properties": {"a": {"type": 5}}}, "type-twice": {"properties": {"a": {"type": ["string", "string"]}}},
    "two-mistakes": {"properties": {"a": {"type": 5, "minimum": "x"}}}, "regex": {"properties": {"a": {"pattern": "("}}},
    "regex-name": {"properties": {"b": {"patternProperties": {"(": {}}}}}, "counts": {"required": ["a", "a"], "minLength": -1, "multipleOf": 0},
    "counts-half": {"minLength": 1.5, "maxItems": "x", "maxProperties": -0.5}, "scalar": 5, "list": [], "null": None, "true": True, "bool-below": {"properties": {"a": True}},
    "items-list": {"items": [{"type": 1}]}, "all-of-empty": {"allOf": []}, "all-of-map": {"allOf": {}}, "required-text": {"required": "a"}, "enum-empty": {"enum": []},
    "enum-twice": {"enum": [1, 1]}, "definitions": {"definitions": {"x": {"type": 1}}}, "defs": {"$defs": {"x": {"type": 1}}}, "not-text": {"not": "x"},
    "dependencies": {"dependencies": {"a": 5}}, "dependencies-good": {"dependencies": {"a": ["b"], "c": {}}}, "exclusive": {"exclusiveMinimum": True},
    "exclusive-both": {"exclusiveMinimum": True, "minimum": 1}, "id-fragment": {"$id": "http://x.example/a#b"}, "anchor": {"$anchor": "1 2"}, "title": {"title": 5},
    "additional": {"additionalProperties": 5, "additionalItems": "x"}, "deep": {"properties": {"a": {"items": {"anyOf": [{"properties": {"b": {"format": 5}}}]}}}},
    "vocabulary": {"$vocabulary": {"x": 1}}, "comment": {"$comment": 5, "examples": {}, "readOnly": "x"}, "if": {"if": 5, "then": 6}, "property-names": {"propertyNames": 1, "contains": 2},
    "dependent": {"dependentRequired": {"a": 5}, "dependentSchemas": {"a": 5}}, "good": {"type": "object", "properties": {"a": {"type": ["string", "null"], "pattern": "^x"}}},
    "huge": {"minLength": 100000000000000000000, "multipleOf": 0.1, "maxLength": 2.0},
}
for meta, schema_ in META.items():
    for draft, version in ((D4, "4"), (D7, "7"), (D19, "2019"), (D20, "2020")):
        if isinstance(schema_, dict):
            schema(f"meta-{version}-{meta}", {"$schema": draft, **schema_}, {"a": "x"})
        elif version == "2020":
            schema(f"meta-{meta}", json.dumps(schema_), {"a": "x"})
schema("meta-6", {"$schema": D6, "type": "foo", "contains": 5}, {})
schema("ref-to-no-schema", {"properties": {"a": {"$ref": "#/x"}}, "x": {"type": 7}}, {})
schema("ref-to-list", {"properties": {"a": {"$ref": "#/x"}}, "x": [1]}, {})
schema("ref-never-met", {"properties": {"b": {"$ref": "#/nope"}}}, {"a": 1})
schema("anchor-never-met", {"properties": {"b": {"items": {"$ref": "#nope"}}}}, {"a": 1})
schema("ref-in-defs", {"$defs": {"b": {"$ref": "#/nope"}}}, {"a": 1})
schema("ref-below-ref", {"$schema": D7, "$ref": "#/definitions/x", "properties": {"a": {"$ref": "#/nope"}}, "definitions": {"x": True}}, {"a": 1})
schema("ref-file-missing", {"properties": {"b": {"$ref": "other.json"}}}, {"a": 1})
schema("ref-scheme", {"properties": {"b": {"$ref": "ftp://x/x.json"}}}, {"a": 1})
schema("ref-urn", {"properties": {"a": {"$ref": "urn:x"}}}, {"a": 1}, differs=LOGS)
both("ref-metaschema", {"properties": {"a": {"$ref": D20}}}, {"a": {"type": "string"}}, {"a": {"type": "x"}})
both("ref-metaschema-7", {"properties": {"a": {"$ref": D7}}}, {"a": {"type": "string"}}, {"a": {"type": "x"}})
both("ref-metaschema-2019", {"properties": {"a": {"$ref": D19}}}, {"a": {"type": "string"}}, {"a": {"items": {"minimum": "x"}}})
both("ref-metaschema-part", {"properties": {"a": {"$ref": D7 + "/definitions/nonNegativeInteger"}}}, {"a": 1}, {"a": -1})
both("ref-vocabulary", {"properties": {"a": {"$ref": "https://json-schema.org/draft/2020-12/meta/validation"}}}, {"a": {"type": "string"}}, {"a": {"minLength": -1}})
both("unevaluated-items-2019", {"$schema": D19, "properties": {"a": {"additionalItems": {"type": "number"}, "unevaluatedItems": {"type": "string"}}}}, {"a": ["x"]}, {"a": [1]})
schema("self-as-meta", {"$schema": "file:///values.schema.json"}, {})


def files_of(name, root, others, values, **more):
    """$W stands for the folder of the case."""
    files = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "chart/templates/t.yaml": "a: 1\n",
             "chart/values.yaml": json.dumps(values), "chart/values.schema.json": json.dumps(root), **others}
    case("schema/file-" + name, files, "template r chart", place=True, **more)


files_of("good", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": '{"type": "number"}'}, {"a": 1})
files_of("bad", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": '{"type": "number"}'}, {"a": "x"})
files_of("pointer", {"properties": {"a": {"$ref": "file://$W/o.json#/definitions/x"}}}, {"o.json": '{"definitions": {"x": {"$ref": "p.json"}}}', "p.json": '{"type": "number"}'},
         {"a": "x"})
files_of("pointer-missing", {"properties": {"a": {"$ref": "file://$W/o.json#/nope"}}}, {"o.json": "{}"}, {"a": "x"})
files_of("anchor-missing", {"properties": {"a": {"$ref": "file://$W/o.json#nope"}}}, {"o.json": "{}"}, {"a": "x"})
files_of("other-draft", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": json.dumps({"$schema": D4, "minimum": 1, "exclusiveMinimum": True})}, {"a": 1})
files_of("no-schema", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": '{"type": 5}'}, {"a": 1})
files_of("no-json", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": "a: 1"}, {"a": 1})
files_of("circle", {"properties": {"a": {"$ref": "file://$W/o.json"}}}, {"o.json": '{"properties": {"b": {"$ref": "p.json"}}}', "p.json": '{"properties": {"c": {"$ref": "o.json"}}, "maxProperties": 1}'},
         {"a": {"b": {"c": {"b": {"x": 1, "y": 2}}}}})
files_of("metaschema", {"$schema": "file://$W/m.json", "type": "string"}, {"m.json": json.dumps({"$schema": D7})}, {"a": 1})
files_of("folder", {"properties": {"a": {"$ref": "file://$W/chart"}}}, {}, {"a": 1})

for i, (regex, good, bad) in enumerate([("^\\p{Lu}$", "É", "é"), ("^\\p{Letter}+$", "aß", "a1"), ("^\\pN+$", "1²", "x"), ("^[\\p{Greek}x]+$", "αx", "y"), ("^\\P{L}$", "1", "a"),
                                        ("^\\p{^L}$", "1", "a"), ("(?i)^\\p{Lu}$", "é", "1"), ("^[^\\p{L}]$", "1", "a"), ("^\\p{Any}$", "x", "xy")]):
    both(f"property-{i}", {"properties": {"a": {"pattern": regex}}}, {"a": good}, {"a": bad})
for i, regex in enumerate(["\\p{Nope}", "\\p{L", "[\\p{Nope}]", "a**", "x{2,1}", "[b-a]", "(?<n", "a{1001}", "\\8", "(?z)", "[[:foo:]]", "a)", "[a", "\\", "(?P<n>a)(?P<n>b)", "*", "x{1000}{1000}"]):
    schema(f"bad-regex-{i}", {"properties": {"a": {"pattern": regex}}}, {"a": "x"})
    schema(f"bad-regex-4-{i}", {"$schema": D4, "patternProperties": {regex: {}}}, {"a": "x"})
