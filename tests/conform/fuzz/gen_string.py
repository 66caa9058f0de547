"""Text functions over all kinds of characters."""
from peer import Expr

PARTS = ["a", "b", "Z", "foo", "Bar", "HTTP", "server", "XMLHttp", "2xx", "20", "0", "9", " ", "  ", "_", "__", "-", ".", "/", ",", ":", "'", '"', "\\", "\n", "\t", "\r\n", "é", "É", "ß", "ǆ", "ǅ", "İ", "ı", "ſ", "K", "日本", "\U0001F600", "a\u0301", "\u00a0", "\u2003", "\u200b", "\u3000", "\x85", "\x00", "\ufffd", "Σ", "ς", "ΑΣ", "ﬁ", "Ⅷ", "ⅷ", "ñ", "Ω", "ω", "ა", "Ა", "Ꭰ", "ꭰ", "१", "x" * 12, "$", "<b>", "&amp;", "{{", "%s", "ID", "userID", "IDs", "iOS", "v1", "AB", "Ab", "aB", "\u0345", "ᾳ", "ᾼ", "ŉ", "ǰ", "\U00010400", "\U0001E900"]


def text(r, n=6):
    return "".join(r.choice(PARTS) for _ in range(r.randint(0, n)))


def raw(r):
    s = text(r).encode()
    at = r.randint(0, len(s))
    return s[:at] + bytes([r.choice([0x80, 0xff, 0xc3, 0xe2, 0xf0, 0xed])]) + s[at:]


def words(r):
    return " ".join(r.choice(["a", "the", "fox", "jumps", "overlazy", "dog", "é", "日本語", "x" * 15, "", "end\n", "\n", "a\tb", "b\u00a0c"]) for _ in range(r.randint(0, 12)))


ONE = ["trim", "upper", "lower", "title", "untitle", "swapcase", "nospace", "initials", "snakecase", "camelcase", "kebabcase", "quote", "squote", "toString", "b64enc", "b64dec", "b32enc", "b32dec", "sha1sum", "sha256sum", "sha512sum", "adler32sum", "len", "html", "js", "urlquery", "base", "dir", "clean", "ext", "isAbs", "osBase", "osDir", "osClean", "osExt", "toJson",
       "toStrings", "sortAlpha", "regexQuoteMeta", "urlParse", "splitList \"\"", "split \"\"", "reverse (splitList \"\" %s)", "list", "cat", "plural \"a\" \"b\" (len %s)", "index %s 0", "printf \"%%d\" (index %s 1)", "title (lower %s)", "upper (title %s)", "snakecase (camelcase %s)", "trim (nospace %s)", "osIsAbs", "hello"]


def string(r):
    k = r.random()
    n = lambda: r.choice(["0", "1", "2", "3", "4", "5", "7", "10", "20", "-1", "-2", "-5", "100"])
    if k < .45:
        f = r.choice(ONE)
        e = f % "@0" if "%s" in f else ("hello" if f == "hello" else f + " @0")
    elif k < .75:
        e = r.choice(["trunc N @0", "substr N N @0", "abbrev N @0", "abbrevboth N N @0", "repeat P @0", "indent P @0", "nindent P @0", "splitn @1 N @0", "wrap P @2", "wrapWith P @1 @2", "wrap P @0", "wrapWith P \"|\" @0", "plural @0 @1 P", "trunc N (upper @0)", "substr N N @0", "abbrev N @2", "abbrevboth N N @2"])
        while "N" in e.replace("NOT", ""):
            e = e.replace("N", n(), 1)
        while "P" in e:
            e = e.replace("P", r.choice(["0", "1", "2", "3", "5", "8", "12", "20", "-1"] if r.random() < .9 else ["-1"]), 1)
    else:
        e = r.choice(["contains @1 @0", "hasPrefix @1 @0", "hasSuffix @1 @0", "trimAll @1 @0", "trimPrefix @1 @0", "trimSuffix @1 @0", "replace @1 @3 @0", "split @1 @0", "splitList @1 @0", "join @1 (list @0 @3)", "cat @0 @1", "quote @0 @1", "eq @0 @1", "lt @0 @1", "sortAlpha (list @0 @1 @3)", "uniq (list @0 @1 @0)", "has @0 (list @1 @0)",
                      "without (list @0 @1) @1", "dict @0 @1 @3 1", "set (dict) @0 @1", "pluck @0 (dict @0 1)", "coalesce @0 @1", "default @0 @1", "ternary @0 @1 (eq @0 @3)", "get (dict @0 @1) @0", "trimall @1 @0", "join @0 (splitList @1 @3)", "urlJoin (urlParse @0)", "derivePassword 1 \"long\" @0 @1 @3", "list @0 @1 | toJson", "keys (dict @0 1)", "dig @0 @1 (dict @0 (dict @1 2))", "omit (dict @0 1 @1 2) @0", "pick (dict @0 1 @1 2) @0", "hasKey (dict @0 1) @1"])
    if r.random() < .12 and not any(x in e for x in ("derive",)):
        return Expr("string", e, raw(r), text(r, 1), words(r), text(r))
    return Expr("string", e, text(r), text(r, r.choice([1, 1, 2])), words(r), text(r))


def url(r):
    s = r.choice(["http", "https", "ftp", "", "HTTP", "a+b", "1a", "mailto", "git+ssh"]) + r.choice(["://", "://", ":", "", "//", ":///"]) + r.choice(["", "", "u@", "u:p@", "u:p%40@", "@", ":@", "u:p:q@", "é@"]) + r.choice(["h", "h.x", "", "[::1]", "[::1", "1.2.3.4", "h%41", "h ", "é.x", "h:80", "h:", "h:x", "[::1]:80", "[fe80::1%25en0]", "a_b", "h%zz", "<x>", "h\x01"]) + \
        r.choice(["", "/", "/a/b", "/a%20b", "/a b", "/é", "//a", "/a/../b", "/%zz", "/a;b", "/a:b", "a", "/%2f", "/*", "/[", "/a%"]) + r.choice(["", "?", "?a=b", "?a=b&c=d", "?a b", "?é", "?a=%zz", "??"]) + r.choice(["", "#", "#f", "#a b", "#%zz", "##", "#é"])
    f = r.choice(["urlParse @0 | toJson", "urlParse @0 | toJson", "urlJoin (urlParse @0)", 'urlJoin (dict "scheme" "x" "host" @0)', 'urlJoin (dict "path" @0 "host" "h")', 'urlJoin (dict "scheme" "a" "query" @0 "fragment" @0 "userinfo" "u:p")', 'urlJoin (dict "opaque" @0)'])
    return Expr("url", f, s)


GENERATORS = {"string": (string, 40), "url": (url, 30)}
