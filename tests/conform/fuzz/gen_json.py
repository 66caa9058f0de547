"""JSON in and out."""
from peer import Expr
import gen_yaml
import json

BITS = ['"', "\\", "/", "b", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "0", "1", "-", "+", ".", "e", "E", "t", "true", "null", "nul", "fals", "\\u00", "\\ud800", "\\udc00", "\\x", "\x00", "\x1f", "é", "\x7f", "'", "//", "\ufeff"]


def string(r):
    return '"' + "".join(r.choice(["a", "b", " ", "é", "日", "\U0001F600", "\\n", "\\t", "\\b", "\\f", "\\r", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\u2028", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\u0000", "\\u007f", "\\u0085",
                                   "\\uFFFF", "<", ">", "&", "'", "\u2028", "\x7f", "$", "{{"] + (["\\q", "\\u12", "\\U0041", "\n", "\t", "\x01", ""] if r.random() < .03 else [])) for _ in range(r.randint(0, 6))) + '"'


def number(r):
    d = lambda n: "".join(r.choice("0123456789") for _ in range(r.randint(1, n)))
    s = r.choice(["", "", "-"]) + r.choice([lambda: "0", lambda: r.choice("123456789") + d(3), lambda: r.choice("123456789") + d(24), lambda: d(3) if r.random() < .1 else "7"])()
    if r.random() < .4:
        s += "." + d(r.choice([2, 20]))
    if r.random() < .3:
        s += r.choice("eE") + r.choice(["", "+", "-"]) + d(r.choice([1, 2, 3]))
    if r.random() < .04:
        s = r.choice(["+1", ".5", "1.", "1e", "1e+", "--1", "0x1", "01", "-", "Infinity", "NaN", "1_0", "1a"])
    return s


def value(r, depth=0):
    k = r.random()
    sp = lambda: r.choice(["", "", "", " ", "\n", "\t", "\r\n", "  "])
    if depth > 3 or k < .55:
        return sp() + r.choice([string, number, number, lambda r: r.choice(["true", "false", "null"]), lambda r: r.choice(["[]", "{}", "[ ]", "{ }"])])(r) + sp()
    if k < .75:
        return sp() + "[" + ",".join(value(r, depth + 1) for _ in range(r.randint(0, 4))) + "]" + sp()
    return sp() + "{" + ",".join(sp() + (string(r) if r.random() < .5 else '"%s"' % r.choice("abcABC")) + sp() + ":" + value(r, depth + 1) for _ in range(r.randint(0, 4))) + "}" + sp()


def mutate(r, s):
    for _ in range(r.randint(1, 2)):
        at = r.randint(0, len(s))
        k = r.random()
        s = s[:at] + s[at + r.randint(1, 3):] if k < .4 else s[:at] + r.choice(BITS) + s[at:] if k < .9 else s[:at]
    return s


def json_in(r):
    s = value(r)
    if r.random() < .6 and not s.strip().startswith("{"):
        s = '{"a":' + s + "}"
    if r.random() < .35:
        s = mutate(r, s)
    f = r.choice(["fromJson @0 | toJson", "fromJson @0 | toJson", "fromJson @0 | toPrettyJson", "fromJson @0 | toRawJson", "fromJsonArray @0 | toJson", "fromJson @0", "fromJson @0 | mustToPrettyJson",
                  "fromJson @0 | mustToRawJson", "mustFromJson @0 | toJson", "fromJson @0 | toYaml"])
    return Expr("json_in", f, s)


def json_bytes(r):
    s = value(r).encode("utf-8", "surrogatepass")
    for _ in range(r.randint(1, 3)):
        at = r.randint(0, len(s))
        s = s[:at] + bytes([r.choice([0, 1, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xff, r.randrange(256)])]) + s[at:]
    return Expr("json_bytes", r.choice(["fromJson @0 | toJson", "fromJsonArray @0 | toJson", "mustFromJson @0", "toJson @0", "toRawJson @0", "toPrettyJson (list @0)", "quote @0", "toYaml @0", "toYamlPretty (list @0)", "mustToYaml (dict @0 1)"]), s)


VALUES = ["(int 3)", "(int64 -3)", "3.5", "1e6", "1e21", "1e-7", "(float64 \"-0\")", "(float64 \"inf\")", "(float64 \"nan\")", "true", "nil", "(list)", "(dict)", "(list nil)", "(split \",\" \"a,b\")", "(splitList \",\" \"a,b\")", "(until 3)",
          "(toDate \"2006-01-02\" \"2020-01-02\")", "(semver \"1.2.3-a+b\")", "(mustToDuration 90)", "(.Files.GetBytes \"data\")", ".Values", ".Chart.Version", ".Release.Revision", ".Capabilities.KubeVersion", "(index \"abc\" 1)",
          "(chunk 2 (list 1 2 3))", "(list 1 (list 2.5 \"x\" nil) (dict \"a\" (list)))", ".Release.IsInstall", "(urlParse \"http://a:b@c/d?e#f\")", "'a'", "(mustToDuration \"1h\")", ".Capabilities.APIVersions.Has"]


def json_out(r):
    v = r.choice(VALUES[:-1] + ["@0", "@0"])
    f = r.choice(["toJson", "toPrettyJson", "toRawJson", "mustToJson", "mustToPrettyJson", "mustToRawJson", "toYaml", "toYamlPretty", "mustToYaml", "toToml", "toString", "quote", "squote", "print", "kindOf", "typeOf"])
    shape = r.choice(["%s %s", "%s (list %s)", '%s (dict "k" %s)', '%s (dict "k" (list %s) "a" 1)'])
    if ".Files" in v:
        v = "(.Files.GetBytes \"nope\")"
    return Expr("json_out", shape % (f, v), gen_yaml.text(r, 20))


GENERATORS = {"json_in": (json_in, 60), "json_bytes": (json_bytes, 60), "json_out": (json_out, 60)}
