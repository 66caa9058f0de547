"""values.schema.json: drafts, references, dynamic scope; what the library Helm uses says."""
import json

from run import case

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
schema("unknown-draft", {"$schema": "http://x.example/mine"}, {}, differs="no schema is fetched")
schema("remote", {"$ref": "http://127.0.0.1:1/x.json"}, {}, differs="no schema is fetched")
