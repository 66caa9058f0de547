"""YAML: scalars and documents, read as Helm reads them and written by both emitters."""
from peer import Chart, Expr, CHART

WORDS = ["y", "Y", "n", "N", "yes", "Yes", "YES", "yEs", "no", "No", "NO", "true", "True", "TRUE", "tRue", "false", "False",
         "FALSE", "on", "On", "ON", "oN", "off", "Off", "OFF", "~", "null", "Null", "NULL", "nULL", ".inf", ".Inf", ".INF",
         "+.inf", "-.inf", "-.INF", ".nan", ".NaN", ".NAN", ".Nan", "=", "<<", "", "a", "abc", "-", "?", ":", "--", "---",
         "...", "....", "--- a", "... a", "-a", "?a", ":a", "- a", "? a", ": a", "a:", "a: b", "a #b", "a#b", "#a", "a,b", "[a", "a]", "{a", "}a",
         "a{", "!a", "&a", "*a", "|a", ">a", "'a", '"a', "%a", "@a", "`a", "a'b", 'a"b', "\\a", " a", "a ", "  ", " ", "\t", "a\tb",
         "\ta", "a\t", "a\nb", "a\n", "\na", "a\n\n", "\n", "\n\n", "a \nb", "a\n b", " a\nb", "a\n\tb", "a\tb\nc", "a\rb", "a\r\nb", "\x00", "\x01", "\x07", "\x1b",
         "\x7f", "\x80", "\x85", "\x9f", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufeffa", "a\ufeff", "\ufffe", "\ufffd", "\U0001F600", "é", "日本語",
         "\ue000", "\ud7ff", "\U0010ffff", "1", "01", "0", "-0", "+0", "00", "08", "09", "007", "0o7", "0O7", "0x1F", "0X1f", "0b11",
         "0B1", "-0b1", "0b-1", "0b+1", "0b2", "1_000", "1__0", "_1", "1_", "0x_1", "0x1_", "0b_1", "0_7", "1e3", "1E3", "1e+3", "1e-3", "1e400", "-1e400", "1e-400",
         "1.", ".5", "+.5", "-.5", ".", "1.5", "1.5.2", "1,000", "1.0", "1.10", "-1.0", "12e03", "0e0", ".e1", "1e", "e1", "0x1p4", "0x1.8p1", "1_0.5", "1_0e1_0", "._5", ".5_0",
         "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
         "123456789012345678901234567890", "9007199254740993", "1000000", "1e6", "1e20", "1e21", "1e-6", "1e-7", "0.000001", "0.0000001", "123456.789e3",
         "2001-01-01", "2001-1-1", "2001-13-01", "2001-02-30", "2001-01-01T10:00:00Z", "2001-01-01t10:00:00+01:00", "2001-01-01 10:00:00", "2001-01-01 10:00:00 Z",
         "2001-01-01T10:00:00.123Z", "2001-01-01T1:2:3Z", "2001-1-1T10:00:00", "10:00", "12:30:45", "1:60", "60:1", "190:20:30.15", "-1:30", "1:2_0", "1_0:30", "0:0",
         "x" * 78, "x" * 130, "word " * 30, "a" * 79 + " b", "a" * 80 + " b", "a" * 81 + "  b", "it's", 'say "x"', "http://x.y/z?a=b&c=d", "key: value", "a: b: c", "{{ x }}",
         "<html>&", "a\\nb", "$x", "100%", "50 %", "é\nb", "\x85a", "a\x85b", "a\u2028b\nc"]
ALPHA = list("abcxyzABC0123456789") + ["-", "_", ".", ":", "+", " ", "#", ",", "e", "E", "x", "o", "b", "'", '"', "\\", "/", "!", "&", "*", "%", "@", "`", "|", ">",
        "[", "]", "{", "}", "?", "=", "<", "~", "\n", "\t", "é", "\u2028", "\U0001F600", "\x85", "\xa0"]


def number(r):
    d = lambda n=6: "".join(r.choice("0123456789") for _ in range(r.randint(1, n)))
    s = r.choice(["", "", "", "-", "+"])
    k = r.randrange(12)
    if k == 0:
        s += d(22)
    elif k == 1:
        s += "0" + "".join(r.choice("01234567_8") for _ in range(r.randint(1, 8)))
    elif k == 2:
        s += r.choice(["0x", "0X"]) + "".join(r.choice("0123456789abcdefABCDEF_") for _ in range(r.randint(0, 17)))
    elif k == 3:
        s += r.choice(["0b", "0B"]) + "".join(r.choice("01_2-") for _ in range(r.randint(0, 10)))
    elif k == 4:
        s += r.choice(["0o", "0O"]) + "".join(r.choice("01234567_8") for _ in range(r.randint(0, 10)))
    elif k == 5:
        s += d() + "." + (d() if r.random() < .8 else "")
    elif k == 6:
        s += "." + d()
    elif k == 7:
        s += d() + r.choice(["", "."]) + r.choice("eE") + r.choice(["", "+", "-"]) + d(3)
    elif k == 8:
        s += d(25) + "." + d(25) + r.choice(["", "e" + d(3), "e-" + d(3)])
    elif k == 9:
        s += ":".join(d(3) for _ in range(r.randint(2, 4))) + r.choice(["", "." + d(3)])
    elif k == 10:
        s += "%s-%s-%s" % (d(4), d(2), d(2)) + r.choice(["", "T" + d(2) + ":" + d(2) + ":" + d(2), " %s:%s:%s" % (d(2), d(2), d(2)), "T10:11:12Z", "t1:2:3.5+01:30",
                                                        "T10:11:12%s%02d:%02d" % (r.choice("+-"), r.randint(0, 30), r.randint(0, 70))])
    else:
        s += r.choice([".inf", ".nan", ".Inf", ".INF", ".NaN"])
    if r.random() < .25:
        at = r.randint(0, len(s))
        s = s[:at] + r.choice("_..-+e0xX ,:") + s[at:]
    return s


def text(r, n=12):
    k = r.random()
    if k < .35:
        return r.choice(WORDS)
    if k < .6:
        return number(r)
    if k < .7:
        return r.choice(WORDS) + r.choice(["", " ", ": ", "\n", " #"]) + r.choice(WORDS)
    if k < .78:
        return " ".join("".join(r.choice("abcdefgh.,:-'\"#") for _ in range(r.randint(1, 12))) for _ in range(r.randint(5, 40)))
    return "".join(r.choice(ALPHA) for _ in range(r.randint(0, n)))


def quoted(s):
    """The text as a template literal that says the same bytes."""
    out = '"'
    for c in s:
        if c in '"\\':
            out += "\\" + c
        elif c == "\n":
            out += "\\n"
        elif ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\ufeff":
            out += "\\u%04x" % ord(c)
        else:
            out += c
    return out + '"'


# ---- scalars

def scalar_in(r):
    """A scalar without quotes, as value, key, item, in flow."""
    s = r.choice([number, text])(r).replace("\n", "\n  ")
    shape = r.choice(["a: %s", "a: %s\n", "%s: 1", "- %s", "{a: %s}", "[%s]", "[%s, %s]", "{%s: 1}", "? %s\n: 2", "a: !!str %s", "a: !!int %s", "a: !!float %s", "a: !!bool %s",
                      "a: !!null %s", "a: !!timestamp %s", "a: !!binary %s", "a: !foo %s", "a: !<tag:yaml.org,2002:int> %s", "a: ! %s", "!!str %s: 1", "!!int %s: 1", "%s", "a: %s # c", "a: &x %s\nb: *x",
                      "a: '%s'", 'a: "%s"', "a:\n  %s", "a: %s: b", "<<: %s", "!!float %s: 1"])
    doc = shape.replace("%s", s)
    return Expr("yaml_scalar_in", r.choice(["fromYaml @0 | toJson", "fromYamlArray @0 | toJson", "fromYaml @0 | toYaml", "fromYaml @0"]), doc)


def scalar_out(r):
    s = text(r, 20)
    f = r.choice(["toYaml", "toYaml", "mustToYaml", "toYamlPretty"])
    shape = r.choice(["%s @0", '%s (dict "a" @0)', "%s (list @0 @0)", "%s (dict @0 1)", '%s (dict "k" (list @0))', '%s (dict "k" (dict @0 @0))', "%s (list (list @0))", '%s (list (dict "a" @0 "b" 1))',
                      '%s (dict @0 (dict "a" (list @0)))', '%s (dict "a" (dict "b" (dict "c" @0)))'])
    return Expr("yaml_scalar_out", shape % f, s)


def numbers_out(r):
    n = number(r)
    f = r.choice(["toYaml", "toYamlPretty", "toJson", "toString", "print", "toPrettyJson", "mustToYaml"])
    via = r.choice(["(fromYaml @0).a", "(float64 @1)", "(int64 @1)", "(int @1)", "(fromYaml @0)", '(dict "x" (fromYaml @0).a "y" (float64 @1))', "(list (fromYaml @0).a (int64 @1) (float64 @1))"])
    return Expr("yaml_numbers", "%s %s" % (f, via), "a: " + n, n)


def tree(r, depth=0):
    k = r.random()
    if depth > 3 or k < .4:
        return r.choice([lambda: text(r, 20), lambda: text(r, 20), lambda: r.choice([0, 1, -1, 1.5, 1e6, 1e20, 1e21, 1e-7, 123456789, 2**53 + 1, 2**63, 2**64, -0.0, 1.0, 100000000000000000000]),
                         lambda: r.choice([True, False, None]), lambda: [], lambda: {}])()
    if k < .7:
        return {text(r, 8): tree(r, depth + 1) for _ in range(r.randint(0, 5))}
    return [tree(r, depth + 1) for _ in range(r.randint(0, 4))]


def json_text(v):
    """JSON whose escapes every reader here takes."""
    import json
    return json.dumps(v)


def tree_out(r):
    v = tree(r)
    if not isinstance(v, dict):
        v = {"a": v}
    f = r.choice(["toYaml", "toYaml", "toYaml", "toYamlPretty", "mustToYaml"])
    return Expr("yaml_tree_out", r.choice(["fromJson @0 | %s", "fromJson @0 | %s | fromYaml | toJson", "fromJson @0 | %s | nindent 4"]) % f, json_text(v))


# ---- documents

def plain(r):
    return r.choice([lambda: r.choice(["a", "b c", "x-y", "http://x", "a:b", "1", "1.5", "true", "no", "null", "~", "", "2001-01-01", "12:30", "0x10", "010", "1_0", "é", "a#b", "-x", ".5", "1e3", "y"]),
                     lambda: number(r), lambda: r.choice(WORDS).replace("\n", " ")])()


def double(r):
    out = '"'
    for _ in range(r.randint(0, 10)):
        out += r.choice(["a", "b", " ", "  ", "\\n", "\\t", "\\\"", "\\\\", "\\/", "\\0", "\\a", "\\b", "\\e", "\\f", "\\r", "\\v", "\\ ", "\\_", "\\N", "\\L", "\\P", "\\x41", "\\x7f", "\\xe9", "\\u00e9", "\\u2028",
                         "\\U0001F600", "\\ud83d", "\\q", "\\xg1", "\\u12", "é", "'", "#", ": ", "\n ", "\n\n ", "\\\n  ", "\t", "{", ",", "\\U00110000"] if r.random() < .5 else ["a", "x y", "é"])
    return out + ('"' if r.random() < .97 else "")


def single(r):
    return "'" + "".join(r.choice(["a", "b", " ", "''", '"', "\\n", "\\", "#", ": ", "\n ", "\n\n ", "é", "\t", "{"]) for _ in range(r.randint(0, 8))) + ("'" if r.random() < .97 else "")


def block(r, ind):
    head = r.choice("|>") + r.choice(["", "", "", "-", "+", "1", "2", "3", "9", "0", "2-", "-2", "+1", "1+", "-+", "12"]) + r.choice(["", "", "", " ", " # c", "# c", " x"])
    pad = " " * (ind + r.choice([1, 2, 2, 2, 4]))
    lines = []
    for _ in range(r.randint(0, 6)):
        lines.append(r.choice(["", pad, pad + " ", "", "\t"]) if r.random() < .3 else pad + r.choice(["", "", " ", "  ", "\t"]) + r.choice(["a", "b c", "# no", "- x", "k: v", "é", "x ", "---", "...", "\tt", "'q'"]))
    return head + "\n" + "\n".join(lines)


def props(r):
    if r.random() < .92:
        return ""
    return r.choice(["&a ", "&a ", "&b ", "&a ", "&b ", "&a1 ", "!!str ", "!!int ", "!!map ", "!!seq ", "!foo ", "!!set ", "!!omap ", "!!binary ", "!!float ", "&a !!str ", "!!str &a ", "!e!x ", "! ", "&é ", "&a &b ", "!<x> "])


def alias(r):
    return r.choice(["*a", "*b", "*c", "*é"]) if r.random() < .15 else plain(r)


def flow(r, depth=0):
    k = r.random()
    if depth > 2 or k < .5:
        return props(r) + r.choice([lambda: plain(r), lambda: plain(r), lambda: double(r), lambda: single(r), lambda: alias(r)])()
    sp = lambda: r.choice(["", "", " ", "\n  ", " # c\n  "])
    if k < .75:
        items = [flow(r, depth + 1) for _ in range(r.randint(0, 4))]
        return props(r) + "[" + sp() + (sp() + "," + r.choice([" ", "", " ", "\n  "])).join(items) + r.choice(["", "", ",", ",,"]) * (r.random() < .3) + sp() + r.choice(["]"] * 30 + ["", "}"])
    items = []
    for _ in range(r.randint(0, 4)):
        items.append(r.choice(["", "", "", "? "]) + flow(r, 3) + r.choice([": ", ": ", ": ", ":", " : ", "", " "]) + (flow(r, depth + 1) if r.random() < .9 else ""))
    return props(r) + "{" + sp() + (sp() + "," + r.choice([" ", "", " "])).join(items) + r.choice(["", "", ","]) * (r.random() < .3) + sp() + r.choice(["}"] * 30 + ["", "]"])


def key(r):
    k = r.random()
    if k < .85:
        return r.choice(["a", "b", "c", "d", "key", "x-y", "a.b", "A", "1", "é"])
    if k < .94:
        return plain(r)
    return r.choice([lambda: double(r), lambda: single(r), lambda: "<<", lambda: "<<", lambda: "? " + plain(r), lambda: "*a ", lambda: "&a k", lambda: flow(r, 2), lambda: "!!str 1", lambda: "[a]", lambda: "{a: 1}"])()


def comment(r):
    return r.choice([" # c", "  #c", "\t# c", " #"]) if r.random() < .08 else ""


def node(r, ind, depth=0):
    """What follows `key:` or `-`, with its leading space or line break."""
    k = r.random()
    if depth > 3 or k < .45:
        return " " * r.choice([1, 1, 1, 2]) + props(r) + r.choice([lambda: plain(r), lambda: plain(r), lambda: double(r), lambda: single(r), lambda: alias(r)])() + comment(r)
    if k < .55:
        return " " + props(r) + block(r, ind)
    if k < .65:
        return " " + flow(r) + comment(r)
    if k < .68:
        return comment(r)
    deeper = ind + r.choice([2, 2, 2, 1, 4, 3])
    if k < .85:
        return " " * bool(props) + props(r) + comment(r) + "\n" + mapping(r, deeper, depth + 1)
    return comment(r) + "\n" + sequence(r, r.choice([ind, deeper]), depth + 1)


def mapping(r, ind, depth=0):
    lines = []
    for _ in range(r.randint(1, 4)):
        if r.random() < .06:
            lines.append(r.choice(["", "# c", "  # c", "\t", "   ", "#"]))
        lines.append(" " * (ind + (r.choice([1, -1, 2]) if r.random() < .02 else 0)) + key(r) + r.choice([":"] * 30 + [" :", "", ": :", ":\t"]) + node(r, ind, depth))
    return "\n".join(lines)


def sequence(r, ind, depth=0):
    lines = []
    for _ in range(r.randint(1, 3)):
        lead = " " * ind + "-"
        k = r.random()
        if k < .25:
            inner = mapping(r, ind + 2, depth + 1)
            lines.append(lead + " " + inner.lstrip(" "))
        elif k < .35:
            inner = sequence(r, ind + 2, depth + 1)
            lines.append(lead + " " + inner.lstrip(" "))
        else:
            lines.append(lead + node(r, ind, depth))
    return "\n".join(lines)


def mutate(r, s):
    for _ in range(r.randint(1, 3)):
        at = r.randint(0, len(s))
        k = r.random()
        if k < .35:
            s = s[:at] + s[at + r.randint(1, 3):]
        elif k < .8:
            s = s[:at] + r.choice([":", "-", " ", "\n", "\t", "#", "'", '"', "{", "}", "[", "]", ",", "&a", "*a", "!", "|", ">", "%", "@", "`", "?", "\r", "\r\n", "\x00", "\x01", "\x7f", "\ufeff", "\x85", "\u2028",
                                  "\n---\n", "\n...\n", "- ", ": ", "\\", "<<: ", "~", "  ", "\n\n", "\U0001F600"]) + s[at:]
        else:
            to = r.randint(0, len(s))
            s = s[:at] + s[min(at, to):max(at, to)] + s[at:]
    return s


def document(r):
    k = r.random()
    s = mapping(r, 0) if k < .75 else sequence(r, 0) if k < .85 else flow(r) if k < .93 else r.choice(["", "# c", "---", "a", "|\n a", "--- |\n a\n", "...", "--- a: 1", "!!map {a: 1}", "- - - a", "? a\n? b", "%YAML 1.1\n---\na: 1"])
    head = r.choice([""] * 20 + ["---\n", "--- # c\n", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n", "%TAG ! tag:x,2000:\n---\n", "%FOO\n---\n", "\ufeff", "\n\n", "# c\n", "---\n---\n", "--- ", "%TAG !e! x:\n--- ", "%YAML 2.0\n---\n", "%YAML\n---\na: 1"])
    tail = r.choice(["", "\n", "\n", "\n", "\n\n", "\n...\n", "\n---\n", "\n---\nb: 2\n", "\n... # x\n", " ", "\n  ", "\t"])
    s = head + s + tail
    if r.random() < .3:
        s = mutate(r, s)
    if r.random() < .06:
        s = s.replace("\n", r.choice(["\r\n", "\r"]))
    return s


def doc_in(r):
    return Expr("yaml_doc", r.choice(["fromYaml @0 | toJson", "fromYaml @0 | toJson", "fromYamlArray @0 | toJson", "fromYaml @0 | toYaml"]), document(r))


def doc_bytes(r):
    """Bytes that are no UTF-8, and bytes out of place."""
    s = document(r).encode("utf-8", "surrogatepass")
    for _ in range(r.randint(1, 2)):
        at = r.randint(0, len(s))
        s = s[:at] + bytes([r.choice([0, 1, 8, 9, 11, 12, 13, 0x1b, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xff, 0xfe, r.randrange(256)])]) + s[at:]
    return Expr("yaml_bytes", r.choice(["fromYaml @0 | toJson", "fromYamlArray @0 | toJson"]), s)


VALUES_T = "# {{ toJson .Values | printf \"%q\" }}\n"


def values_file(r):
    docs = [document(r) for _ in range(r.choice([1, 1, 1, 2, 3]))]
    s = r.choice(["\n---\n", "\n---\n", "\n--- \n", "\n--- # c\n", "\n---", "\n--- x\n", "\n...\n", "\r\n---\r\n", "\n---\t\n"]).join(docs)
    where = r.random()
    files = {"Chart.yaml": CHART, "templates/t.yaml": VALUES_T}
    if where < .6:
        files["values.yaml"] = r.choice(["", "a: 1\nb: {c: 2}\n", "a: [1]\nkey: {x: 1, y: {z: 2}}\n"])
        files["v.yaml"] = s
        return Chart("yaml_values", files, ["-f", "v.yaml"])
    files["values.yaml"] = s
    return Chart("yaml_values", files)


GENERATORS = {"yaml_scalar_in": (scalar_in, 60), "yaml_scalar_out": (scalar_out, 60), "yaml_numbers": (numbers_out, 60), "yaml_tree_out": (tree_out, 60), "yaml_doc": (doc_in, 60),
              "yaml_bytes": (doc_bytes, 60), "yaml_values": (values_file, 1)}
