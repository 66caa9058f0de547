"""Regular expressions: RE2's syntax as Go has it."""
from peer import Expr

CHARS = list("abcABC019 _-.") + ["é", "日", "\U0001F600", "ſ", "K", "k", "K", "s", "S", "\n", "\t", "ß", "Σ", "σ", "ς"]
ESC = ["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "\\A", "\\z", "\\.", "\\*", "\\\\", "\\n", "\\t", "\\x41", "\\x{1F600}", "\\x{e9}", "\\101", "\\07", "\\pL", "\\PL", "\\p{Greek}", "\\P{Greek}", "\\p{^Greek}", "\\p{Lu}", "\\pN", "\\p{Han}",
       "\\Q.*\\E", "\\Qa", "\\a", "\\f", "\\v", "\\r", "\\-", "\\/", "\\_", "\\p{Any}", "\\p{L}", "\\p{Letter}", "\\p{lu}", "\\p{Cyrillic}", "\\p{Zs}", "\\p{ASCII}", "\\p{Latin}"]
BAD = ["\\Z", "\\G", "\\1", "\\k<a>", "\\pX", "\\p{Foo}", "\\x", "\\x{", "\\x{110000}", "\\xg", "\\8", "\\c", "\\", "(?=a)", "(?!a)", "(?<=a)", "(?>a)", "(?P=n)", "(?#c)", "(", ")", "[", "]", "[a", "[b-a]", "[[:foo:]]", "*", "+a", "?", "a**", "a+*", "a{2}{3}", "a??+", "x{1001}",
       "x{2,1}", "x{,2}", "x{", "x{a}", "(?P<>a)", "(?P<n", "(?P<1a>b)", "(?P<n>a)(?P<n>b)", "(?i", "(?z)", "(?i-)", "(?-)", "(?", "(?P", "\\E", "\\C", "{2}", "|*", "^*", "$+", "(?i)*", "(*)", "(|a)*", "(a|b", "\\pé", "(?P<é>a)", "(?<n>a)", "(?<n", "(?<1>a)", "((((a{100}){100}){100}){100}", "(x{500}){3}", "[a-\\d]", "[\\d-z]", "[--a]", "[a-b-c]", "[^\\n]", "[]a]", "[^]a]", "[[:^alpha:]x]",
       "[[.a.]]", "[[=a=]]", "[\\b]", "[\\Q]\\E]", "[é-日]", "[\\x{10000}-\\x{10FFFF}]", "(?s).", "(?m)^a$", "(?U)a+", "(?U)a+?", "(?ism-U:a.b)", "(?i-s:a)"]
CLASS = ["[:alpha:]", "[:digit:]", "[:^digit:]", "[:word:]", "[:space:]", "[:upper:]", "[:punct:]", "[:xdigit:]", "[:ascii:]", "[:graph:]", "\\d", "\\w", "\\S", "\\pL", "\\p{Lu}", "\\PN", "a-z", "A-Z", "0-9", "é-ü", "α-ω", "a", "b", "-", ".", "^", "\\]", "\\\\", "K", "s", "日", "\\x41-\\x{5a}", "\\n", "\\t"]


def charclass(r):
    return "[" + r.choice(["", "", "^"]) + "".join(r.choice(CLASS) for _ in range(r.randint(1, 4))) + "]"


def atom(r, depth):
    k = r.random()
    if k < .4:
        return "".join(r.choice(CHARS[:13]) if r.random() < .85 else r.choice(CHARS) for _ in range(r.choice([1, 1, 2, 3]))).replace("(", "")
    if k < .52:
        return r.choice(ESC)
    if k < .62:
        return charclass(r)
    if k < .68:
        return r.choice([".", "^", "$", ".", "\\b"])
    if k < .71:
        return r.choice(BAD)
    if depth > 3:
        return "a"
    return r.choice(["(%s)", "(%s)", "(?:%s)", "(?P<n%d>%%s)" % r.randint(0, 9), "(?<m%d>%%s)" % r.randint(0, 9), "(?i:%s)", "(?s:%s)", "(?m:%s)", "(?U:%s)", "(?i)%s", "(?-i:%s)", "(?im-s:%s)"]) % regex(r, depth + 1)


def regex(r, depth=0):
    alts = []
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        seq = ""
        for _ in range(r.randint(0 if r.random() < .1 else 1, 4)):
            seq += atom(r, depth)
            if r.random() < .35:
                seq += r.choice(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{2,}", "{0}", "{1}", "{0,1}", "{,3}", "{3,5}?"])
        alts.append(seq)
    return "|".join(alts)


def subject(r):
    return "".join(r.choice(CHARS) if r.random() < .3 else r.choice("aabbcAB01 -.") for _ in range(r.choice([0, 1, 3, 8, 15])))


def replacement(r):
    return "".join(r.choice(["x", "$0", "$1", "${1}", "${2}x", "$1x", "${1}x", "$n1", "${n1}", "$$", "$", "${", "${x", "$é", "é", "\\1", "${12}", "$2-$1", "$m2", "${}", "$_", "$1_", " "]) for _ in range(r.randint(0, 4)))


def regex_case(r):
    p, s = regex(r), subject(r)
    if r.random() < .06:
        at = r.randint(0, len(p))
        p = p[:at] + r.choice(["(", ")", "[", "]", "{", "}", "*", "+", "?", "\\", "|", "^", "$", "(?", "\x00", "-"]) + p[at + r.randint(0, 1):]
    n = r.choice([-1, -1, -1, 0, 1, 2, 3])
    f = r.choice(["regexMatch @0 @1", "regexMatch @0 @1", "regexFind @0 @1 | quote", "mustRegexFind @0 @1 | quote", "mustRegexMatch @0 @1", 'printf "%%q" (regexFindAll @0 @1 %d)' % n, 'printf "%%q" (regexSplit @0 @1 %d)' % n,
                  "regexReplaceAll @0 @1 @2", "regexReplaceAllLiteral @0 @1 @2", "regexReplaceAll @0 @1 @2", 'printf "%%q" (mustRegexFindAll @0 @1 %d)' % n, 'printf "%%q" (mustRegexSplit @0 @1 %d)' % n, "mustRegexReplaceAll @0 @1 @2",
                  "mustRegexReplaceAllLiteral @0 @1 @2", "regexQuoteMeta @0", "regexMatch (regexQuoteMeta @1) @1"])
    return Expr("regex", f, p, s, replacement(r))


def regex_bytes(r):
    """Text that is no UTF-8, on both sides."""
    p, s = regex(r).encode("utf-8"), subject(r).encode("utf-8")
    for _ in range(r.randint(1, 2)):
        b = bytes([r.choice([0x80, 0xbf, 0xc3, 0xff, 0xe6, 0xf0, 0])])
        if r.random() < .3:
            at = r.randint(0, len(p))
            p = p[:at] + b + p[at:]
        else:
            at = r.randint(0, len(s))
            s = s[:at] + b + s[at:]
    f = r.choice(["regexMatch @0 @1", "regexFind @0 @1 | quote", 'printf "%q" (regexFindAll @0 @1 -1)', 'printf "%q" (regexSplit @0 @1 -1)', 'printf "%q" (regexReplaceAll @0 @1 "<$0>")'])
    return Expr("regex_bytes", f, p, s)


GENERATORS = {"regex": (regex_case, 40), "regex_bytes": (regex_bytes, 40)}
