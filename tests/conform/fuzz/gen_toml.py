"""TOML in and out."""
from peer import Expr
import gen_yaml


def key(r):
    return r.choice(["a", "b", "c", "a-b", "a_b", "1", "1.2", "a.b", "a . b", '"a b"', "'a.b'", '""', "a.b.c", '"\\u00e9"', "true", "inf", "-", "A", "b.c", "c.d"] if r.random() < .97 else ["é", "a b", "", "=", ".", "a.", ".a", '"a', '"""a"""', "a[", "$"])


def string(r):
    k = r.randrange(4)
    bits = ["a", "b c", "é", "\U0001F600", "\\n", "\\t", "\\\"", "\\\\", "\\u00e9", "\\U0001F600", "\\b", "\\f", "\\r", "#", "'", "=", "[", "\\e", "\\x41"]
    if r.random() < .06:
        bits += ["\\q", "\\u12", "\\ud800", "\n", "\x01", "\x7f", "\t", "\\U00110000", "\\ ", '"']
    body = "".join(r.choice(bits) for _ in range(r.randint(0, 6)))
    if k == 0:
        return '"' + body + '"'
    if k == 1:
        return "'" + body.replace("'", "") + "'"
    if k == 2:
        return '"""' + r.choice(["", "\n", "\r\n"]) + body + r.choice(["", "\n", "\\\n   ", "\\  \n\n  x", '"', '""', '"" x']) + '"""'
    return "'''" + r.choice(["", "\n"]) + body + r.choice(["", "\n", "'", "''"]) + "'''"


def number(r):
    d = lambda n=4: "".join(r.choice("0123456789") for _ in range(r.randint(1, n)))
    s = r.choice(["", "", "-", "+"])
    v = r.choice([lambda: r.choice("123456789") + d(), lambda: "0", lambda: "0x" + "".join(r.choice("0123456789abcdefABCDEF_") for _ in range(r.randint(1, 9))), lambda: "0o" + "".join(r.choice("01234567_") for _ in range(r.randint(1, 6))),
                  lambda: "0b" + "".join(r.choice("01_") for _ in range(r.randint(1, 6))), lambda: r.choice("123456789") + "." + d(), lambda: "1e" + r.choice(["", "+", "-"]) + d(2), lambda: "1.5e3", lambda: "inf", lambda: "nan", lambda: "1_000", lambda: "1__0",
                  lambda: "_1", lambda: "1_", lambda: "01", lambda: "1.", lambda: ".5", lambda: "9223372036854775807", lambda: "9223372036854775808", lambda: "1e400", lambda: "1_0.5_0", lambda: "1e5_0", lambda: "0.1", lambda: "1e"])()
    return s + v


def date(r):
    d = "%04d-%02d-%02d" % (r.choice([1979, 2000, 0, 9999, 2024]), r.choice([1, 2, 12, 13, 0]) if r.random() < .3 else 5, r.choice([1, 29, 30, 31, 32]) if r.random() < .3 else 7)
    t = "%02d:%02d:%02d" % (r.choice([0, 7, 23, 24]) if r.random() < .3 else 7, r.choice([0, 59, 60]), r.choice([0, 59, 60, 61]) if r.random() < .3 else 3)
    f = r.choice(["", ".5", ".999999", ".123456789123", "."])
    z = r.choice(["", "Z", "z", "+07:00", "-00:00", "+7:00", "+24:00", "+0700"])
    return r.choice([d, d + "T" + t + f + z, d + " " + t + f + z, t + f, d + "t" + t + z, "07:32", d + "T07:32", d + "T07:32Z"])


def value(r, depth=0):
    k = r.random()
    if depth > 2 or k < .7:
        return r.choice([string, string, number, number, date, lambda r: r.choice(["true", "false"]), lambda r: r.choice(["True", "yes", "null", "nil", "", "tru"]) if r.random() < .2 else "1"])(r)
    sp = lambda: r.choice(["", "", " ", "\n", " # c\n"])
    if k < .85:
        return "[" + sp() + ("," + sp()).join(value(r, depth + 1) for _ in range(r.randint(0, 4))) + r.choice(["", "", ",", ",,"]) * (r.random() < .3) + sp() + "]"
    return "{" + r.choice(["", " "]) + ", ".join(key(r) + " = " + value(r, depth + 1) for _ in range(r.randint(0, 3))) + r.choice(["", "", ",", "\n"]) * (r.random() < .15) + "}"


def document(r):
    lines = []
    for _ in range(r.randint(0, 8)):
        k = r.random()
        if k < .65:
            lines.append(r.choice(["", "", " ", "\t"]) + key(r) + r.choice([" = ", "=", " =\t"]) + value(r) + r.choice(["", "", "", " # c", " x"] if r.random() < .1 else [""]))
        elif k < .8:
            lines.append(r.choice(["[%s]", "[%s]", "[ %s ]", "[%s] # c", "[%s"] if r.random() < .3 else ["[%s]"]) % key(r))
        elif k < .92:
            lines.append(r.choice(["[[%s]]", "[[%s]]", "[[ %s ]]", "[[%s]", "[ [%s]]"] if r.random() < .3 else ["[[%s]]"]) % key(r))
        else:
            lines.append(r.choice(["", "# c", "#", "x", "=", "a", "a =", "\x00", "# \x01", "a = 1 b = 2", "[]", "[[]]", "[a.]"]))
    s = r.choice(["\n", "\n", "\n", "\r\n"]).join(lines) + r.choice(["\n", ""])
    if r.random() < .2:
        for _ in range(r.randint(1, 2)):
            at = r.randint(0, len(s))
            s = s[:at] + r.choice(["", "", '"', "'", "=", "[", "]", "{", "}", ",", ".", "\n", "#", "\\", "\r", "\x00", "é", "1", "_"]) + s[at + r.randint(0, 2):]
    return s


def toml_in(r):
    return Expr("toml_in", r.choice(["fromToml @0 | toJson", "fromToml @0 | toJson", "fromToml @0", "fromToml @0 | toYaml", "fromToml @0 | toToml"]), document(r))


def toml_bytes(r):
    s = document(r).encode("utf-8", "surrogatepass")
    at = r.randint(0, len(s))
    s = s[:at] + bytes([r.choice([0, 1, 0x7f, 0x80, 0xc2, 0xe2, 0xff, r.randrange(256)])]) + s[at:]
    return Expr("toml_bytes", "fromToml @0 | toJson", s)


def toml_out(r):
    v = gen_yaml.tree(r)
    if not isinstance(v, dict) and r.random() < .9:
        v = {gen_yaml.text(r, 5): v}
    return Expr("toml_out", r.choice(["fromYaml @0 | toToml", "fromYaml @0 | toToml", "fromYaml @0 | mustToToml", "fromJson @0 | toToml | fromToml | toJson", "(fromYaml @0).a | toToml"]), gen_yaml.json_text(v))


GENERATORS = {"toml_in": (toml_in, 40), "toml_bytes": (toml_bytes, 40), "toml_out": (toml_out, 40)}
