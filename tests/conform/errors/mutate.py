"""Mutants of real charts: one mistake a person could make, chosen by a number.

mutant(chart, seed) always gives the same mistake for the same chart: nothing here depends on the order of sets, on
hashes of a process or on Python's version.
"""
import functools
import json
import os
import re

from dice import Dice

ACTION = re.compile(r'\{\{(?:/\*.*?\*/|- /\*.*?\*/|"(?:\\.|[^"\\\n])*"|`[^`]*`|.)*?\}\}', re.S)
TOKEN = re.compile(r'(?P<str>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?P<chr>\'(?:\\.|[^\'\\\n])+\')|(?P<open>\{\{-?)|(?P<close>-?\}\})'
                   r'|(?P<var>\$\w*)|(?P<field>\.[A-Za-z_]\w*)|(?P<num>-?\d[\w.]*)|(?P<ident>[A-Za-z_]\w*)'
                   r'|(?P<punct>:=|[^\s\w])', re.S)
KEYWORDS = ["if", "with", "range", "else", "end", "define", "template", "block", "break", "continue", "nil", "true", "false"]
LITERALS = ["3", "-1", "0", '"x"', '""', "true", "false", "1.5", "nil", "(list)", '(list 1 "a")', "(dict)", '(dict "a" 1)',
            ".Values", "$", ".", "'a'", "99999999999999999999", ".Values.nope", ".Values.nope.nope", "(int64 2)", "(now)",
            ".Capabilities", ".Files", "(.Values.nope)", "(semver \"1.2.3\")", "`raw`", "1i", "0x1F", "(include \"nope\" .)",
            "(\"a\" | upper)", ".Chart", ".Release.Revision", "(index .Values \"nope\")", "(tpl \"{{ .Values.nope }}\" .)"]
FUNCTIONS = ["upper", "quote", "toYaml", "int", "len", "first", "keys", "b64enc", "indent 2", "nindent -1", "trunc 5", "default",
             "index", "tpl", "include", "required", "fail", "eq", "lt", "has", "hasKey", "dict", "list", "merge", "printf", "ternary",
             "semverCompare", "regexMatch", "fromYaml", "toJson", "div", "until", "join", "splitList", "not", "and", "or", "dig",
             "mustToYaml", "fromJson", "append", "sortAlpha", "substr", "date", "atoi", "nope", "lookup", "set", "get", "pick"]
INSERTS = ["{{ .Values.nope.nope }}", "{{ fail \"stop: here\" }}", "{{ required \"need it\" .Values.nope }}", "{{ include \"nope\" . }}",
           "{{ end }}", "{{ else }}", "{{ if }}", "{{ nope }}", "{{ 3 | upper }}", "{{ $nope }}", "{{ $nope = 1 }}", "{{", "}}", "{{-",
           "{{ template \"nope\" . }}", "{{ tpl \"{{ .Values.nope.nope }}\" . }}", "{{ tpl \"{{ nope }}\" . }}", "{{ index .Values 1 }}",
           "{{ range 1.5 }}{{ end }}", "{{ range .Release.Name }}x{{ end }}", "{{ break }}", "{{ with 1 }}{{ .x }}{{ end }}",
           "{{ .Chart.Nope }}", "{{ .Capabilities.Nope }}", "{{ define \"x\" }}{{ end }}", "{{ /* c */ }}", "{{/* c }}", "{{ (1 }}",
           "{{ 1) }}", "{{ \"a }}", "{{ 'ab' }}", "{{ 08 }}", "{{ . | . }}", "{{ nil }}", "{{ .Values | nope }}", "{{ eq 1 1.0 }}",
           "{{ eq 1 \"1\" }}", "{{ lt nil 1 }}", "{{ len 3 }}", "{{ .Files.Get 1 }}", "{{ .Files.Nope }}", "{{ printf }}",
           "{{ regexFind \"[\" \"x\" }}", "{{ mustToJson 1 | mustFromJson | nope }}", "{{ (include \"nope\" .).x }}",
           "{{ range $i, $e, $x := .Values }}{{ end }}", "{{ $x := 1 $y }}", "{{ template nope }}", "{{ template \"a\" \"b\" \"c\" }}",
           "{{ block \"b\" . }}{{ .x.y.z }}{{ end }}", "{{ call .Values }}", "{{ index . 1 2 3 }}", "{{ slice \"abc\" 1 }}",
           "{{ (.Values).nope.nope }}", "{{ .Values.nope | required \"gone\" }}", "{{ .Release.Name.x }}", "{{- -}}", "{{ -}}",
           "{{ div 1 0 }}", "{{ mod 1 0 }}", "{{ first 1 }}", "{{ fail 3 }}", "{{ required .nope 1 }}",
           "{{ \"\\q\" }}", "{{ \"\\x\" }}", "{{ 1 | 2 }}", "{{ (1).x }}", "{{ \"a\".x }}", "{{ .x.y$z }}", "{{ a\u0301 }}", "{{ $.Values.nope.x }}",
           "a: b: c\n", "- x\n", "\tx: y\n", "{{ \"\\n---\\nfoo: {\" }}", "{{ repeat -1 \"x\" }}", "{{ tpl 3 . }}", "{{ include 3 . }}",
           "{{ else if true }}", "{{ else with .x }}", "{{ continue }}", "{{ if true }}", "{{ range . }}", "{{ with }}x{{ end }}",
           "{{ define \"dup\" }}1{{ end }}{{ define \"dup\" }}2{{ end }}", "{{ toYaml }}", "{{ .Values.nope 1 }}", "{{ $.Release.Name | .Values.x }}"]
WRONG = ["null", "\"text\"", "3", "1.5", "true", "[]", "[1,\"a\"]", "{}", "{\"a\":1}", "\"\"", "false", "[{\"name\":1}]", "\"{{ .Values.nope.x }}\"",
         "[[1]]", "{\"name\":{\"x\":1}}", "-1", "\"a: b: c\"", "\"{{ nope }}\"", "1e30", "\"2.x\""]


class Source:
    """A template file with its actions and the tokens in them, which most files are never asked for."""

    def __init__(self, text):
        self.text = text

    @functools.cached_property
    def actions(self):
        return [(m.start(), m.end()) for m in ACTION.finditer(self.text)]

    @functools.cached_property
    def tokens(self):
        tokens = []
        for a, (start, end) in enumerate(self.actions):
            if "/*" in self.text[start:start + 6]:
                continue
            for m in TOKEN.finditer(self.text, start, end):
                kind = m.lastgroup
                if kind == "ident" and m[0] in KEYWORDS:
                    kind = "word"
                tokens.append((kind, m.start(), m.end(), a))
        return tokens

    def of(self, *kinds):
        return [t for t in self.tokens if t[0] in kinds]

    def put(self, start, end, new):
        return self.text[:start] + new + self.text[end:]

    def word(self, t):
        return self.text[t[1]:t[2]]


def misspelt(dice, s, at=0):
    """One letter too many, too few, changed or swapped, behind position `at`."""
    i = at + dice.n(max(1, len(s) - at))
    how = dice.n(4)
    if how == 0:
        return s[:i] + s[i + 1:]
    if how == 1:
        return s[:i] + dice.of(list("xqZ_9é-")) + s[i:]
    if how == 2:
        return s[:i] + dice.of(list("xqZ_1")) + s[i + 1:]
    return s[:i] + s[i:i + 2][::-1] + s[i + 2:]


def op_brace(s, d):
    t = d.of(s.of("open", "close"))
    i = t[1] + d.n(t[2] - t[1])
    return s.put(i, i + 1, "")


def op_function(s, d):
    t = d.of(s.of("ident"))
    return s.put(t[1], t[2], misspelt(d, s.word(t)))


def op_field(s, d):
    t = d.of(s.of("field"))
    return s.put(t[1], t[2], misspelt(d, s.word(t), 1))


def op_variable(s, d):
    t = d.of([t for t in s.of("var") if t[2] - t[1] > 1])
    return s.put(t[1], t[2], misspelt(d, s.word(t), 1))


def op_drop(s, d):
    t = d.of(s.of("str", "num", "field", "var", "ident", "punct", "chr", "word"))
    return s.put(t[1], t[2], "")


def op_type(s, d):
    t = d.of(s.of("str", "num", "field", "var", "chr"))
    return s.put(t[1], t[2], d.of(LITERALS))


def op_call(s, d):
    t = d.of(s.of("ident"))
    return s.put(t[1], t[2], d.of(FUNCTIONS))


def op_pipe(s, d):
    t = d.of(s.of("close"))
    return s.put(t[1], t[1], "| " + d.of(FUNCTIONS) + " ")


def op_swap(s, d):
    i = d.n(len(s.tokens) - 1)
    a, b = s.tokens[i], s.tokens[i + 1]
    return s.text[:a[1]] + s.word(b) + s.text[a[2]:b[1]] + s.word(a) + s.text[b[2]:]


def op_end(s, d):
    t = d.of([t for t in s.of("word") if s.word(t) in ("end", "else")])
    start, end = s.actions[t[3]]
    return s.put(start, end, "") if d.n(3) else s.put(end, end, s.text[start:end])


def op_keyword(s, d):
    t = d.of(s.of("word"))
    return s.put(t[1], t[2], d.of(KEYWORDS))


def op_quote(s, d):
    t = d.of(s.of("str"))
    how = d.n(4)
    if how == 0:
        return s.put(t[1], t[1] + 1, "")
    if how == 1:
        return s.put(t[2] - 1, t[2], "")
    if how == 2:
        return s.put(t[1] + 1, t[1] + 1, d.of(["\"", "\\", "\\q", "\n", "\\x4", "`", "{{", "}}"]))
    return s.put(t[1], t[2], d.of(["'", "`", ""]) + s.text[t[1] + 1:t[2] - 1] + d.of(["'", "`", ""]))


def op_name(s, d):
    defines = [m for m in re.finditer(r'(?:define|include|template|block)\s+"([^"]*)"', s.text)]
    m = d.of(defines)
    return s.put(m.start(1), m.end(1), misspelt(d, m[1]) if d.n(2) else m[1] + "x")


def op_literal(s, d):
    t = d.of(s.of("num", "str", "chr"))
    if t[0] == "str":
        return s.put(t[1] + 1, t[2] - 1, misspelt(d, s.text[t[1] + 1:t[2] - 1]))
    return s.put(t[1], t[2], d.of(["0", "-3", "1e3", "08", "1__0", "0x", "1_0", "0b12", "1.5.2", "2147483648", "7a", "0o17", "1e400", ".5", "+1"]))


def op_char(s, d):
    start, end = d.of(s.actions)
    i = start + d.n(end - start)
    how = d.n(3)
    if how == 0:
        return s.put(i, i + 1, "")
    if how == 1:
        return s.put(i, i, d.of(list("(){}|.$:=,-\"'`\\/*@#!%&;?x1é\u200b\t\n\x00")))
    return s.put(i, i + 1, d.of(list("(){}|.$:=,-\"'`\\/*@#!%x1")))


def op_double(s, d):
    t = d.of(s.tokens)
    return s.put(t[2], t[2], " " + s.word(t))


def op_paren(s, d):
    parens = [t for t in s.of("punct") if s.word(t) in "()"]
    if parens and d.n(2):
        t = d.of(parens)
        return s.put(t[1], t[2], "")
    t = d.of(s.tokens)
    return s.put(t[1], t[1], d.of(["(", ")"]))


def op_trim(s, d):
    t = d.of(s.of("open", "close"))
    w = s.word(t)
    if "-" in w:
        return s.put(t[1], t[2], w.replace("-", ""))
    new = ["{{-", "{{--", "{{ -"] if w == "{{" else ["-}}", "--}}", "- }}"]
    return s.put(t[1], t[2], d.of(new))


def op_declare(s, d):
    t = d.of([t for t in s.of("punct") if s.word(t) in (":=", "=", "|", ",")])
    return s.put(t[1], t[2], d.of([":=", "=", ":", "|", ",", "||", "==", ""]))


def op_insert(s, d):
    places = [end for _, end in s.actions] + [0, len(s.text)]
    i = d.of(places)
    return s.put(i, i, d.of(INSERTS))


def op_nested(s, d):
    """A bad expression where an argument stood."""
    t = d.of(s.of("field", "var", "str", "num"))
    return s.put(t[1], t[2], "(%s)" % re.sub(r"^\{\{-? ?| ?-?\}\}.*$", "", d.of(INSERTS), flags=re.S))


def op_truncate(s, d):
    return s.text[:d.n(len(s.text))]


def op_twice(s, d):
    """A definition, or the whole file, once more."""
    defines = list(re.finditer(r'\{\{-? *define .*?\n\{\{-? *end *-?\}\}', s.text, re.S))
    return s.text + "\n" + (d.of(defines)[0] if defines and d.n(3) else s.text)


def op_break_line(s, d):
    start, end = d.of(s.actions)
    i = s.text.find(" ", start + 3, end)
    return s.put(i, i + 1, "\n") if i > 0 else s.put(end, end, "\n")


OPS = [(op_brace, 3), (op_function, 6), (op_field, 8), (op_variable, 4), (op_drop, 8), (op_type, 12), (op_call, 8), (op_pipe, 5),
       (op_swap, 6), (op_end, 4), (op_keyword, 3), (op_quote, 4), (op_name, 4), (op_literal, 4), (op_char, 6), (op_double, 4),
       (op_paren, 3), (op_trim, 2), (op_declare, 3), (op_insert, 8), (op_nested, 6), (op_truncate, 2), (op_twice, 2),
       (op_break_line, 1)]


class Chart:
    """An unpacked chart and what can be done to it."""

    def __init__(self, name, folder, overlays):
        self.name, self.folder, self.overlays = name, folder, sorted(overlays)
        self.templates = []
        for base, _, files in os.walk(folder):
            for f in files:
                path = os.path.relpath(os.path.join(base, f), folder)
                if "/templates/" in "/" + path and "/crds/" not in "/" + path:
                    self.templates.append(path)
        self.templates.sort()
        self.sources = {}

    def source(self, path):
        if path not in self.sources:
            with open(os.path.join(self.folder, path), encoding="utf-8", errors="surrogateescape", newline="") as f:
                self.sources[path] = Source(f.read())
        return self.sources[path]


def partial(path):
    return os.path.basename(path).startswith("_")


def subchart(path):
    """The names of the sub-charts the file is in: "charts/a/charts/b/templates/x" gives [a, b]."""
    return re.findall(r"(?:^|/)charts/([^/]+)", path)


def users(chart, path):
    """Some files that call what a partial defines."""
    names = re.findall(r'define\s+"([^"]+)"', chart.source(path).text)
    found = [p for p in chart.templates if not partial(p) and any('"%s"' % n in chart.source(p).text for n in names)]
    return found[:4]


class Mutant:
    """files: path to new text (None: deleted). keep: the rendered templates to leave in, None: all."""

    def __init__(self, what):
        self.what, self.files, self.args, self.keep = what, {}, [], None


def mutant(chart, seed):
    d = Dice("%s %d" % (chart.name, seed))
    overlay = d.of([None] + chart.overlays)
    for _ in range(20):
        path = d.of(chart.templates)
        source = chart.source(path)
        whole = d.n(12) == 0
        how = d.n(100)
        m = Mutant("")
        if how < 14 and not partial(path):
            refs = re.findall(r"\.Values((?:\.[A-Za-z_]\w*)+)", source.text)
            if not refs:
                continue
            ref = d.of(refs).split(".")[1:]
            ref = subchart(path) + ref[:1 + d.n(len(ref))]
            value = d.of(WRONG)
            m.what = "value %s=%s" % (".".join(ref), value)
            inner = json.loads(value)
            if d.n(3) == 0:
                m.args = ["--set-json", "%s=%s" % (".".join(ref), value)]
            else:
                for key in reversed(ref):
                    inner = {key: inner}
                m.args = ["-f", "mutant-values.yaml"]
                m.files["mutant-values.yaml"] = json.dumps(inner)
        elif how < 17:
            m.what = "delete " + path
            m.files[path] = None
            whole = True
        else:
            if not source.tokens:
                continue
            total = d.n(sum(w for _, w in OPS))
            for op, weight in OPS:
                total -= weight
                if total < 0:
                    break
            try:
                text = op(source, d)
            except ZeroDivisionError: # nothing of that kind in the file
                continue
            if text == source.text:
                continue
            m.what = "%s %s" % (op.__name__, path)
            m.files[path] = text
        if not whole:
            m.keep = users(chart, path) if partial(path) else [path]
        if overlay:
            m.args = ["-f", overlay] + m.args
        return m
    return None
