"""Format strings with every kind of value a template can have."""
from peer import Expr

VALUES = ["1", "0", "-1", "42", "65", "0x1F600", "1114112", "-9223372036854775808", "9223372036854775807", "(int64 7)", "(int64 -7)", "(int 300)", "1.0", "1.5", "-0.0", "0.1", "1e6", "1e20", "1e21", "123456789.123", "1e-7", "3.14159", "100.0", "2.5", "(float64 \"inf\")", "(float64 \"-inf\")",
          "(float64 \"nan\")", '"a"', '""', '"héé"', '"a b\\n\\"q\\""', '"日本語"', "@0", "@0", "@1", "true", "false", "nil", ".Values.nope", "(list)", '(list 1 "a" nil 2.5 true)', "(dict)", '(dict "a" 1 "b" (list "x"))', "(until 3)", '(splitList "," "a,b")', '(split "," "a,b")',
          '(index "abc" 1)', "'a'", "'日'", "(mustToDuration 90)", "(mustToDuration \"-1.5s\")", '(toDate "2006-01-02" "2020-01-02")', '(semver "1.2.3-a")', ".Capabilities.KubeVersion", "(.Files.GetBytes \"nope\")", '(list (list 1 2) (dict "k" nil))', "(chunk 2 (list 1 2 3))", "1i", ".Release.IsInstall",
          '(urlParse "http://a/b")', "(list 1.5 (int64 3))", '(dict "x" (dict "y" 1e6))', "(int64 65)", "1_000_000", "0b101", "(list \"a\" \"b\")", "(list true false)", "(list 65 66)", '(list 1.5 2.25)', "(toStrings (list 1 2))", "(duration \"90\")", "(fromToml \"a = 2020-01-02\").a", "1.5e300", "5e-324"]
VERBS = "vvsssdddqqqtTfFeEgGxXobBcUOp%" "zwyn!é "


def fmt(r):
    out = ""
    n = 0
    for _ in range(r.randint(1, 4)):
        out += r.choice(["", "", "a", " ", "é", "[", "]"])
        if r.random() < .04:
            out += r.choice(["%", "%%", "%!", "%[", "%[1", "%[x]d", "%[5]d", "%[0]d", "%.", "%.*", "%*", "%[1]*d", "%[2]*[1]d", "%.[2]*[1]f", "%[3]*.[2]*[1]f", "%-", "%1$d", "%[1]v %[1]T", "%[]d", "%[-1]d", "%[1]", "%10000001d", "%.10000001f", "%999999d"[:4] + "d"])
            continue
        s = "%"
        for _ in range(r.choice([0, 0, 0, 1, 1, 2])):
            s += r.choice("+-# 0")
        if r.random() < .08:
            s += "[%d]" % r.randint(1, 4)
        k = r.random()
        if k < .25:
            s += str(r.choice([1, 2, 5, 8, 10, 20, 100]))
        elif k < .29:
            s += "*"
        if r.random() < .25:
            s += "." + r.choice(["", "0", "1", "2", "3", "5", "10", "20", "40", "*"])
        if r.random() < .03:
            s += "[%d]" % r.randint(1, 4)
        out += s + r.choice(VERBS)
        n += 1
    return out, n


def text(r):
    return "".join(r.choice(["a", "b", " ", "é", "日", "\U0001F600", "\n", "\t", "\x00", "\x7f", "\x85", "\u200b", "\u2028", "\ufeff", '"', "'", "`", "\\", "<", "%", "\x1b", "\ue000", "\u0301", "\xad", "\ufffd"]) for _ in range(r.randint(0, 6)))


def raw(r):
    s = text(r).encode()
    at = r.randint(0, len(s))
    return s[:at] + bytes([r.choice([0x80, 0xff, 0xc3, 0xe2, 0xf0])]) + s[at:]


def printf(r):
    f, n = fmt(r)
    args = [r.choice(VALUES) for _ in range(max(0, n + r.choice([0, 0, 0, 0, 0, 0, 1, -1, 2])))]
    if "*" in f:  # Helm prints the inside of a time with each of its thousand fields as wide as that
        args = ["12" if a in ("0x1F600", "1_000_000") else a for a in args]
    return Expr("printf", "printf @2 " + " ".join(args), text(r), raw(r), f)


def printf_one(r):
    """One verb, one value: the square of both."""
    s = "%" + "".join(r.sample("+-# 0", r.choice([0, 0, 1, 1, 2]))) + r.choice(["", "", "", "1", "8", "20"]) + r.choice(["", "", "", ".0", ".1", ".3", ".12", "."]) + r.choice(VERBS[:26])
    return Expr("printf_one", "printf @2 " + r.choice(VALUES), text(r), raw(r), s)


def plain(r):
    f = r.choice(["print", "println", "toString", "quote", "squote", "cat", "html", "js", "urlquery", "join \"-\"", "toStrings", "list", "kindOf", "typeOf", "b64enc", "len", "empty", "not", "html", "js", "urlquery"])
    many = f in ("print", "println", "quote", "squote", "cat", "html", "js", "urlquery", "list")
    args = [r.choice(VALUES) for _ in range(r.randint(1, 3) if many else 1)]
    return Expr("print_plain", f + " " + " ".join(args), text(r), raw(r))


GENERATORS = {"printf": (printf, 60), "printf_one": (printf_one, 60), "print_plain": (plain, 40)}
