"""--set and its family, alone and over files and chart defaults."""
from peer import Chart, CHART

T = """{{- define "t" }}{{ kindOf . }}:{{ if kindIs "map" . }}{ {{- range $k, $v := . }}{{ $k | quote }}={{ include "t" $v }};{{ end }}}{{ else if kindIs "slice" . }}[{{ range . }}{{ include "t" . }};{{ end }}]{{ else }}{{ printf "%#v" . }}{{ end }}{{ end -}}
# {{ include "t" .Values }}
"""
KEYS = ["a", "b", "c", "d", "a-b", "x y", "é", "1", "", " a", "a\\.b", "a\\,b", "a\\=b", "a\\[0\\]", "\\a", "true", "null", "a:b", '"a"']
VALS = ["1", "0", "-1", "+5", "007", "1.5", "1e3", "0x1", "true", "True", "FALSE", "false", "null", "NULL", "Null", "~", "yes", "", "x", "a b", " x ", "é", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "00", "-0", "+0", "1_0", "a\\,b", "a\\\\b", "a=b", "a\\=b", "a.b", "a[0]", "\\{x\\}", "{", "}", "{}", "{a,b}", "{1,true,null}", "{,}", "{a", "{a}}", "{{a}}", "{a\\,b}", "{ a , b }", '"x"', "'x'", "\\", "a\\",
        "[1]", "x\ny", "\\n", "$x", "%s", "0.0", "-", "- 1", "{a,b}c", "{a}{b}", "{[0]}", "{a=1}", "\\null", "nul\\l", "tru\\e", "1\\"]
INDEX = ["[0]", "[1]", "[2]", "[0]", "[00]", "[-1]", "[65536]", "[65537]", "[x]", "[]", "[1", "[ 1]", "[0][1]", "[0][0]", "[99999999999999999999]", "[1]x", "[+1]", "[0x1]", "[1.0]"]


def path(r):
    p = ""
    for i in range(r.choice([1, 1, 2, 2, 3, 4]) if r.random() < .98 else r.randint(28, 33)):
        p += ("." if i else "") + (r.choice(KEYS) if r.random() < .15 else r.choice("abcd"))
        if r.random() < .2:
            p += r.choice(INDEX) if r.random() < .4 else r.choice(INDEX[:4])
    return p


def assign(r):
    k = r.random()
    if k < .95:
        return path(r) + "=" + (r.choice(VALS) if r.random() < .7 else r.choice(["x", "1", "null", "{p,q}"]))
    return r.choice([path(r), "", "=", "=v", path(r) + ".=1", path(r) + "==1", path(r) + "[=1", "a=1,,b=2", path(r) + ",", "[0]=1", ".a=1", "a..b=1", "a]=1", "a[0=1", "\\=1"])


def mutate(r, s):
    at = r.randint(0, len(s))
    return s[:at] + r.choice(["", "", ",", "=", ".", "[", "]", "{", "}", "\\", "0", "a", " ", "null", "[0]", "\n", "é"]) + s[at + r.randint(0, 2):]


def set_text(r):
    s = ",".join(assign(r) for _ in range(r.choice([1, 1, 1, 2, 3])))
    return mutate(r, s) if r.random() < .2 else s


JSON = ["1", "1.5", "true", "null", '"x"', '{"x":1}', '{"x":{"y":null}}', "[1,2]", "[]", "{}", '[{"a":1}]', " 1 ", "", "x", "{", "1e400", "-0", '"a,b"', '{"a.b":1}', "1 2", "1x", "nul", "[1,]", '"\\u00e9"', "10000000000000000000000", '{"x":1,"x":2}']


def set_json(r):
    if r.random() < .25:
        s = r.choice(['{"a":1}', '{"a":{"b":null}}', '{"a.b":1}', "{}", '{"b":[1,{"c":2}],"a":{"d":"x"}}', ' {"a":1}', '{"a":1', '{"a":1}x', '{"a":1},b=2', '[1]', "null", '{"a":null}'])
    else:
        s = r.choice([",", ",", " , ", ", "]).join(path(r) + "=" + r.choice(JSON) for _ in range(r.choice([1, 1, 2])))
    return mutate(r, s) if r.random() < .15 else s


def values(r, depth=0):
    k = r.random()
    if depth > 2 or k < .35:
        return r.choice(["1", "x", "null", "null", "true", "[]", "{}", "[1, {a: 2}, null]", "[[1], 2]", "1.5", "''", "[a, b, c]"])
    return "{" + ", ".join("%s: %s" % (r.choice("abcd"), values(r, depth + 1)) for _ in range(r.randint(0, 3))) + "}"


def top(r):
    return "".join("%s: %s\n" % (k, values(r, 1)) for k in r.sample("abcd", r.randint(0, 4)))


def set_case(r):
    files = {"Chart.yaml": CHART, "templates/t.yaml": T, "f.txt": r.choice(["hello", "a\nb\n", "", "\ufeffx", "é"]).encode(), "values.yaml": top(r) if r.random() < .5 else ""}
    args = []
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        k = r.random()
        if k < .5:
            args += ["--set", set_text(r)]
        elif k < .65:
            args += ["--set-string", set_text(r)]
        elif k < .82:
            args += ["--set-json", set_json(r)]
        elif k < .9:
            args += ["--set-literal", mutate(r, assign(r)) if r.random() < .1 else assign(r)]
        else:
            args += ["--set-file", path(r) + "=" + r.choice(["f.txt", "f.txt", "nope", "", "f.txt,b=f.txt", "./f.txt", "f.txt,", "{f.txt}", "f.txt,c"])]
    if r.random() < .3:
        files["v.yaml"] = top(r)
        args += ["-f", "v.yaml"]
    return Chart("set", files, ["=".join(args[i:i + 2]) if args[i].startswith("--") else " ".join(args[i:i + 2]).replace("-f ", "--values=") for i in range(0, len(args), 2)])


GENERATORS = {"set": (set_case, 1)}
