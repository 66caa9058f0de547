"""JSON schemas of all drafts, with values that pass and fail."""
from peer import Chart, CHART
import json

DRAFTS = ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema", None]
FORMATS = ["date", "time", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid", "regex", "json-pointer", "relative-json-pointer", "duration", "iri", "idn-email", "uri-template", "idn-hostname", "nope", "iri-reference", "semver", "period"]
TEXTS = ["", "a", "abc", "é", "\U0001F600", "2020-01-02", "2020-13-02", "10:11:12Z", "10:11:12", "23:59:60Z", "2020-01-02T10:11:12Z", "2020-01-02 10:11:12Z", "a@b", "a@b.c", "a b@c", '"a b"@c', "@", "a@[127.0.0.1]", "x.y", "-a", "a-", "a_b", "x" * 64, "127.0.0.1", "256.1.1.1", "01.2.3.4", "1.2.3", "::1", "::", "1::2::3", "fe80::1%en0", "::ffff:1.2.3.4", "http://a/b", "/a", "a b", "http://[::1", "//x", "a:b", "%zz", "http://é/",
         "2EB8AA08-AA98-11EA-B4AA-73B441D16380", "2eb8aa08-aa98-11ea-b4aa73b441d16380", "^a(", "[a-z]+", "/a/b", "a/b", "/~2", "/~0~1", "0/a", "1#", "01/a", "P1D", "P1Y2M", "PT", "P", "P1W", "PT1H1S", "P1DT", "P1.5D", "{a}", "{", "1.2.3", "01"]


def val(r, depth=0):
    k = r.random()
    if depth > 2 or k < .55:
        return r.choice([lambda: r.choice(TEXTS), lambda: r.choice(TEXTS), lambda: r.choice([0, 1, -1, 2, 3, 10, 1.5, 0.1, 100, 1e20, -0.5, 3.0, 7]), lambda: r.choice([True, False])])()
    if k < .75:
        return [val(r, depth + 1) for _ in range(r.randint(0, 4))]
    return {r.choice(["a", "b", "c", "ab", "x-1", "é", "a/b", "a~b", "$ref"]): val(r, depth + 1) for _ in range(r.randint(0, 4))}


def schema(r, draft, depth=0):
    if depth and r.random() < .06:
        return r.choice([True, False, {}]) if draft != DRAFTS[0] or r.random() < .1 else {}
    s = {}
    sub = lambda: schema(r, draft, depth + 1)
    n = lambda: r.choice([0, 1, 2, 3, 5])
    many = lambda: [sub() for _ in range(r.randint(1, 3))]
    props = lambda: {k: sub() for k in r.sample(["a", "b", "c", "ab"], r.randint(1, 3))}
    choices = {
        "type": lambda: r.choice(["object", "string", "integer", "number", "boolean", "array", "null", ["string", "integer"], ["object", "null"], ["array", "boolean"]]),
        "properties": props, "patternProperties": lambda: {r.choice(["^a", "b$", "^x-", ".", "[", "\\d", "é", "(?i)A", "^\\w+$", "\\p{L}"]) if r.random() < .9 else "(": sub()},
        "additionalProperties": lambda: r.choice([True, False, sub()]), "required": lambda: r.sample(["a", "b", "c", "d"], r.randint(1, 3)), "minProperties": n, "maxProperties": n,
        "propertyNames": sub, "enum": lambda: [val(r, 1) for _ in range(r.randint(1, 4))], "const": lambda: val(r, 1), "minimum": lambda: r.choice([0, 1, 2.5, -1, 10]), "maximum": lambda: r.choice([0, 1, 2.5, 10]),
        "exclusiveMinimum": lambda: r.choice([True, False]) if draft == DRAFTS[0] else r.choice([0, 1, 1.5]), "exclusiveMaximum": lambda: r.choice([True, False]) if draft == DRAFTS[0] else r.choice([0, 1, 3]),
        "multipleOf": lambda: r.choice([1, 2, 0.1, 0.5, 3, 0.01, 1.5]), "minLength": n, "maxLength": n, "pattern": lambda: r.choice(["^a", "b", "^\\d+$", "^[a-z]+$", "é", "^$", ".", "[", "(?=a)", "\\bx", "^.{2}$", "\\p{L}", "\\d", "^\\S+$"]),
        "format": lambda: r.choice(FORMATS), "items": lambda: r.choice([sub, sub, many if draft != DRAFTS[4] and draft else sub])(), "additionalItems": lambda: r.choice([True, False, sub()]), "minItems": n, "maxItems": n, "uniqueItems": lambda: True,
        "contains": sub, "allOf": many, "anyOf": many, "oneOf": many, "not": sub, "if": sub, "then": sub, "else": sub, "dependencies": lambda: {"a": r.choice([["b"], ["b", "c"], sub()])},
        "prefixItems": many, "minContains": n, "maxContains": n, "dependentRequired": lambda: {"a": ["b"], "b": ["c", "d"]}, "dependentSchemas": lambda: {"a": sub()}, "unevaluatedProperties": lambda: r.choice([False, sub()]),
        "unevaluatedItems": lambda: r.choice([False, sub()]), "$ref": lambda: r.choice(["#/definitions/d", "#/$defs/e", "#", "#/nope", "#anchor", "#/properties/a"]), "contentMediaType": lambda: "application/json", "contentEncoding": lambda: "base64",
        "title": lambda: "t", "description": lambda: "x", "default": lambda: 1, "examples": lambda: [1], "readOnly": lambda: True, "$comment": lambda: "c",
    }
    keys = list(choices)
    for _ in range(r.choice([1, 1, 2, 2, 3])):
        k = r.choice(keys[:11]) if depth < 2 and r.random() < .5 else r.choice(keys)
        if depth > 2 and k in ("allOf", "anyOf", "oneOf", "properties", "prefixItems"):
            continue
        s[k] = choices[k]()
    if "if" in s and r.random() < .8:
        s.setdefault("then", sub())
    if r.random() < .015:
        s[r.choice(["type", "required", "properties", "minimum", "items", "enum", "pattern", "allOf", "minLength", "multipleOf"])] = r.choice([1, -1, "x", [], {}, None, "foo", ["a", "a"], 0, [1]])
    return s


def schema_case(r):
    draft = r.choice(DRAFTS)
    s = schema(r, draft)
    if not isinstance(s, dict):
        s = {"properties": {"a": s}}
    if r.random() < .7:
        s.setdefault("properties", {}) if isinstance(s.get("properties", {}), dict) else None
        if isinstance(s["properties"], dict):
            for k in r.sample(["a", "b", "c"], r.randint(1, 3)):
                s["properties"][k] = schema(r, draft, 1)
    if draft:
        s["$schema"] = draft if r.random() < .97 else r.choice([draft.rstrip("#"), "http://nope/schema", draft.replace("http:", "https:"), 1])
    if r.random() < .5:
        s["definitions"] = {"d": schema(r, draft, 1)}
        s["$defs"] = {"e": schema(r, draft, 1)}
    if r.random() < .1:
        s["definitions"] = {"d": {"$id": "#anchor", "type": "string"}, "x": {"$anchor": "anchor", "type": "integer"}}
    v = val(r)
    while not isinstance(v, dict) or not v:
        v = {r.choice("abc"): val(r, 1), r.choice("abc"): val(r, 1)}
    files = {"Chart.yaml": CHART, "values.yaml": json.dumps(v, ensure_ascii=False), "values.schema.json": json.dumps(s, ensure_ascii=False, indent=1), "templates/t.yaml": "# ok\n"}
    if r.random() < .02:
        files["values.schema.json"] = files["values.schema.json"][:r.randint(0, len(files["values.schema.json"]))]
    return Chart("schema", files)


GENERATORS = {"schema": (schema_case, 1)}
