"""Templates made up by a grammar that knows types: most of them make sense, some are wrong on purpose.

case(seed) always gives the same one. A case is a body (what stands in the file) and its definitions (what stands
beside it); both may stand in one chart with others, since all names carry the seed. Nothing that varies from run to
run is made: no clock, no random numbers, no map order, no addresses.
"""
from dice import Dice

# name:parameters>result. Parameters: s text, i int, n any number, b bool, l list, d dict, a any, t time, q duration,
# r regex, v version, c version constraint, j JSON, y YAML, k TOML, w date layout, z zone, h base64, p path, x URL,
# f printf format, o semver object, e int or time, Q duration as text, u anything a duration is made of, g keys and values,
# D a dict nobody else sees, C name of a definition, O text for tpl, P counter, b bool, U few; "*" repeats the one before.
FUNCTIONS = """
trim:s>s trimAll:ss>s trimall:ss>s trimSuffix:ss>s trimPrefix:ss>s upper:s>s lower:s>s title:s>s untitle:s>s swapcase:s>s
nospace:s>s initials:s>s contains:ss>b hasPrefix:ss>b hasSuffix:ss>b replace:sss>s repeat:Us>s substr:iis>s trunc:is>s
abbrev:is>s abbrevboth:iis>s wrap:is>s wrapWith:iss>s indent:Us>s nindent:Us>s quote:a*>s squote:a*>s cat:a*>s plural:ssi>s
snakecase:s>s camelcase:s>s kebabcase:s>s toString:a>s toStrings:l>S join:sl>s split:ss>m splitn:sis>m splitList:ss>S
sortAlpha:l>S hello:>s b64enc:s>s b64dec:h>s b32enc:s>s b32dec:h>s sha1sum:s>s sha256sum:s>s sha512sum:s>s adler32sum:s>s
int:a>i int64:a>I float64:a>F atoi:s>i toDecimal:a>I add:n*>I add1:n>I sub:nn>I mul:nn*>I div:nn>I mod:nn>I addf:n*>F
add1f:n>F subf:nn*>F mulf:nn*>F divf:nn*>F max:nn*>I biggest:nn*>I min:nn*>I maxf:nn*>F minf:nn*>F floor:n>F ceil:n>F
round:ni>F until:U>N untilStep:UUU>N seq:U*>s default:aa>a empty:a>b coalesce:a*>a ternary:aab>a all:a*>b any:a*>b
compact:l>l mustCompact:l>l kindOf:a>s kindIs:sa>b typeOf:a>s typeIs:sa>b typeIsLike:sa>b deepEqual:aa>b deepCopy:a>a
mustDeepCopy:a>a list:a*>l tuple:a*>l first:l>a last:l>a rest:l>l initial:l>l append:la>l push:la>l prepend:la>l
concat:l*>l reverse:l>l uniq:l>l without:la*>l has:al>b slice:lii>l chunk:il>M mustFirst:l>a mustLast:l>a mustRest:l>l
mustInitial:l>l mustAppend:la>l mustPush:la>l mustPrepend:la>l mustReverse:l>l mustUniq:l>l mustWithout:la*>l mustHas:al>b
mustSlice:lii>l mustChunk:il>M mustToRawJson:a>s toRawJson:a>s mustToPrettyJson:a>s toPrettyJson:a>s
dict:g>d get:ds>a set:Dsa>d unset:Ds>d hasKey:ds>b pluck:sd*>l pick:ds*>d omit:ds*>d merge:Dd*>d mergeOverwrite:Dd*>d
mustMerge:Dd*>d mustMergeOverwrite:Dd*>d dig:ssad>a
regexMatch:rs>b mustRegexMatch:rs>b regexFind:rs>s mustRegexFind:rs>s regexFindAll:rsi>S mustRegexFindAll:rsi>S
regexReplaceAll:rss>s mustRegexReplaceAll:rss>s regexReplaceAllLiteral:rss>s mustRegexReplaceAllLiteral:rss>s
regexSplit:rsi>S mustRegexSplit:rsi>S regexQuoteMeta:s>s
date:we>s dateInZone:wez>s date_in_zone:wez>s htmlDate:e>s htmlDateInZone:ez>s dateModify:Qt>t date_modify:Qt>t
mustDateModify:Qt>t must_date_modify:Qt>t toDate:ws>t mustToDate:ws>t unixEpoch:t>s duration:a>s durationRound:a>s
derivePassword:Pssss>s decryptAES:ss>s buildCustomCert:hh>a semver:v>o semverCompare:cv>b urlParse:x>d urlJoin:d>s
base:p>s dir:p>s clean:p>s ext:p>s isAbs:p>b osBase:p>s osDir:p>s osClean:p>s osExt:p>s osIsAbs:p>b
and:aa*>a or:aa*>a not:a>b eq:aa*>b ne:aa>b lt:nn>b le:nn>b gt:nn>b ge:nn>b len:a>i index:aa*>a print:a*>s println:a*>s
printf:fa*>s html:a*>s js:a*>s urlquery:a*>s call:aa*>a include:Ca>s tpl:Oa>s required:sa>a fail:s>s lookup:ssss>d
getHostByName:s>s toYaml:a>s mustToYaml:a>s toYamlPretty:a>s fromYaml:y>d fromYamlArray:y>l toJson:a>s mustToJson:a>s
fromJson:j>d fromJsonArray:j>l mustFromJson:j>a toToml:a>s mustToToml:a>s fromToml:k>d
mustToDuration:u>q durationSeconds:u>F durationMilliseconds:u>I durationMicroseconds:u>I durationNanoseconds:u>I
durationMinutes:u>F durationHours:u>F durationDays:u>F durationWeeks:u>F durationRoundTo:uu>q durationTruncateTo:uu>q
"""

VALUES = """\
a: 1
big: 1000000
neg: -3
zero: 0
f: 1.5
s: str
e: ""
t: true
fl: false
l: [1, a, null, 2.5, true]
el: []
em: {}
ls: [c, a, b, a]
ln: [3, 1, 2]
ll: [[1, 2], [3], []]
lm: [{name: one, v: 1}, {name: two, v: [x]}]
m: {k: v, "a-b": 1, "a.b": 2, a10: 3, a9: 4, n: {x: {y: deep}}, z: null}
ms: {x: "1", y: "2"}
uni: "h\\u00e9llo w\\u00f6rld \\u2713 \\U0001F600 \\u200b"
html: "<a href=\\"x\\">&'</a>"
multi: "one\\ntwo  \\n\\tthree\\n"
ver: v1.2.3-rc.1+b5
url: https://user:pw@example.com:8443/a/b?x=1&y=%20z#frag
tplv: "{{ .Values.a }}-{{ .Release.Name | upper }}"
tplbad: "{{ .Values.nope.x }}"
nv: "<no value>"
json: '{"a": [1, {"b": null}], "c": 1e3}'
yaml: "a: [1, x]\\nb: {c: yes}\\n"
toml: "a = 1\\n[b]\\nc = [1.5, 2]\\n"
global: {g: 1}
"""
FILES = {"conf/a.txt": "line1\nline2\n", "conf/b.yaml": "k: v\n", "conf/sub/c.bin": "\x00\x01\xff", "empty": ""}
SET = "si=5,sb=true,sneg=-7,szero=0,sl={a,1,true},sm.x=1,sm.y=two"

TEXTS = ['"a"', '""', '"hello world"', '"a,b,c"', '"x"', '"1"', '"10"', '"0x1F"', '"1.5"', '"héé✓"', '"a\\tb\\n"', '`raw "q" \\n`',
         '"  padded "', '"Foo-Bar_baz quxQuux"', '"true"', '"%s %d"', '"\\xff\\x00"', '"\\u00e9\\U0001F600"', '"null"', '"k"', '"x.y"',
         '"-"', '"name"', '"a=b"', '"HTTPServer20x"', '"/"', '"<no value>"', '"\'q\'"', '"\\""', '"{}"', '"1e3"', '"aaa bbb ccc ddd"',
         ".Values.s", ".Values.e", ".Values.uni", ".Values.html", ".Values.multi", ".Values.nv", ".Values.ver", ".Release.Name",
         ".Chart.Name", ".Values.m.k", ".Values.ms.x", "(index .Values.ls 1)", ".Chart.Version", ".Release.Service",
         ".Capabilities.KubeVersion.Version", ".Capabilities.KubeVersion.Major", ".Template.BasePath", '(.Files.Get "conf/a.txt")',
         '"_0"', '"a\\\\b"', '"\\a\\b\\f\\v\\r"', '"\\101\\x41"', "`a\nb`", '"very long text that goes on and on past the width of eighty columns, it does not stop"']
INTS = ["0", "1", "2", "3", "-1", "7", "10", "0x10", "0b11", "0o17", "017", "1_000", "'a'", "-0", "100", "'\\n'", "'\\''", "'é'", "0X_1F",
        "(len .Values.ls)", ".Release.Revision", "(int .Values.a)", "(int .Values.big)", "+5", "2147483648", "-9223372036854775808",
        "9223372036854775807", "(atoi \"12\")", "1000000"]
FLOATS = ["1.5", "0.1", "-2.5", "1e3", ".5", "1.", "1e6", "1e21", "123456789.0", "0x1p-2", "1e-7", "3.0", "-0.0", "1_0.5", "1E+2", "0x1.8p1",
          "1e300", ".Values.a", ".Values.big", ".Values.f", ".Values.neg", ".Values.zero", "(float64 \"2.5\")", "2.675"]
INT64S = [".Values.si", ".Values.sneg", ".Values.szero", "(int64 3)", "(add 1 2)", "(int64 .Values.big)", ".Values.sm.x"]
LISTS = [".Values.l", ".Values.el", ".Values.ls", ".Values.ln", ".Values.ll", ".Values.lm", ".Values.sl", '(list 1 "a" 2.5)', "(list)",
         "(list nil)", '(list "b" "a")', "(until 3)", '(splitList "," "a,b,c")', "(list 1 1.0 (int64 1))", "(list (list 1) (dict))",
         '(list "x" "x" "y")', "(tuple 3 2 1)", '(regexFindAll "a" "banana" -1)', '(without (list 1 2) 2)', '(chunk 2 (list 1 2 3))',
         "(index .Values.ll 0)", "(list .Values.a .Values.si 1)", '(.Files.Lines "conf/a.txt")', "(list true false nil \"\" 0)"]
DICTS = [".Values.m", ".Values.em", ".Values.ms", '(dict "a" 1 "b" "x")', "(dict)", '(dict "a" (dict "b" (dict "c" 1)))', ".Values.m.n",
         "(index .Values.lm 0)", ".Values.sm", '(dict "k" nil "l" (list 1))', '(dict 1 2)', '(dict "a")', '(fromYaml .Values.yaml)',
         '(dict "n" 1.0 "t" true)', ".Values.global", '(dict "x" .Values.l "y" .Values.m)', '(fromJson .Values.json)', ".Values"]
MAPSTR = ['(split "," "a,b")', '(splitn "." 2 "a.b.c")']
TIMES = ['(toDate "2006-01-02" "2020-02-29")', '(toDate "2006-01-02T15:04:05Z07:00" "2017-12-30T22:30:45+02:00")',
         '(toDate "15:04" "07:08")', '(mustToDate "Jan 2 2006" "Mar 9 1999")', '(toDate "2006-01-02" "bad")',
         '(dateModify "-36h" (toDate "2006-01-02" "2021-03-28"))']
DURATIONS = ['(mustToDuration "1h30m")', "(mustToDuration 90)", '(mustToDuration "-1.5s")', "(mustToDuration 0)",
             '(durationRoundTo "3h25m" "1h")']
REGEXES = ['"a+"', '"[a-z]+"', '"(a)(b)?"', '"^h"', '"l{2}"', '"\\\\d+"', '"(?i)STR"', '""', '"x*"', '"[0-9]+\\\\.?"', '"(?P<n>o)"', '"."',
           '"\\\\bw"', '"é|✓"', '"["', '"(?=a)"', '"a**"', '"\\\\pL+"', '"[^,]*"', '"(?s).*"', '"(a|ab)(c|bcd)"', '"\\\\s+"', '"a{1001}"']
VERSIONS = ['"1.2.3"', '"v1.2"', '"1"', '"1.2.3-beta.1+b"', '"1.29.3-eks-1"', '"x"', '""', ".Values.ver", ".Capabilities.KubeVersion.Version",
            '"01.2.3"', '"1.2.3.4"', '"v0.0.1"', '"2.0.0-rc.10"']
CONSTRAINTS = ['">=1.2.0"', '"^1.2"', '"~1.2.3"', '"1.x"', '"*"', '">=1.0.0-0 <2"', '"1.2 - 1.4"', '"=1.2.3 || >2"', '"bad"', '">1, <3"',
               '"!=1.2.3"', '">= 1.20-0"', '"^0.2.3"', '""', '"~1"', '"=> 1"']
LAYOUTS = ['"2006-01-02"', '"Mon Jan _2 15:04:05 2006"', '"2006-01-02T15:04:05Z07:00"', '"3:04PM .000"', '"Monday, 02-Jan-06 MST"', '"002"',
           '"2006"', '"15h04m05s.999"', '"-0700 Z07:00:00"', '"Jan"', '""']
ZONES = ['"UTC"', '"America/New_York"', '"Europe/Berlin"', '"Nope/Zone"', '""', '"Asia/Kolkata"', '"Local"']
JSONS = [".Values.json", '"{}"', '"[1,2]"', '"{\\"a\\":1}"', '"nope"', '""', '"{\\"a\\":"', '"null"', '"3"', '"\\"x\\""']
YAMLS = [".Values.yaml", '"a: 1"', '"- 1\\n- x"', '"a: b: c"', '""', '"x"', '"a: &x 1\\nb: *x"', '"a: 1\\na: 2"', '"{a: [1,"', '"on: off"',
         '"a: 010\\nb: 1_000\\nc: .5"', '"\\t- x"', '"a: !!str 1"']
TOMLS = [".Values.toml", '"a = 1"', '"a = "', '"[x]\\ny=[1,2]"', '""', '"a = 1979-05-27T07:32:00Z"', '"a.b = \\"x\\""']
BASE64S = ['"aGVsbG8="', '"!!"', '""', '"aGVsbG8"', '"NBSWY3DP"', '"MZXW6==="', '(b64enc "x\\n")']
PATHS = ['"/a/b/c.txt"', '"a/../b"', '""', '"."', '"/"', '"a//b/./c/"', '"x.tar.gz"', '"../.."', ".Template.Name"]
URLS = [".Values.url", '"http://h/p"', '"x"', '""', '"mailto:a@b"', '"//h:80"', '"http://a b"', '"%zz"', '"https://h?q=1#f"']
FORMATS = ['"%v"', '"%d"', '"%s"', '"%q"', '"%T"', '"%5.2f|"', '"%v %v"', '"%-8s|%8s|"', '"%05d"', '"%x"', '"%#v"', '"%+v"', '"%t"', '"%e"', '"%g"',
           '"%c"', '"%U"', '"%b"', '"%o"', '"%[2]v %[1]v"', '"%*d"', '"%!"', '"%z"', '"%%"', '"%.3s|"', '"%6.2v|"', '"% x"', '"%#x"', '"%X"', '"%s %s"',
           '"plain"', '"%G"', '"%+d"', '"%#q"', '"%+q"', '"%x %X %#v %T"', '"%3c|"', '"%08.3f"', '"%+.2e"', '"%[3]d"', '"%.*f"', '"%O"', '"%#o"', '"%-5t|"']
TPLTEXTS = [".Values.tplv", '"{{ . }}"', '"plain"', '"{{ .Values.a }}"', '"{{ if . }}y{{ else }}n{{ end }}"', ".Values.tplbad", '"{{ nope }}"',
            '"{{"', '"{{ .x }}"', '"{{ define \\"T\\" }}in{{ end }}{{ template \\"T\\" }}{{ include \\"T\\" . }}"', '"{{ include \\"h\\" . }}"',
            '"{{ range $i, $e := . }}{{ $i }}{{ end }}"', '"{{ fail \\"in: tpl\\" }}"', '"{{ tpl \\"{{ . }}\\" . }}"', '"{{ required \\"r\\" .nope }}"',
            '"\\n\\n{{ index . 9 }}"', '"{{ .Values.nope }}|{{ .nope }}"', '"{{/* c */}}x"', '"{{ $x := . }}{{ $x }}"', '"{{ include \\"nope\\" . }}"']
ROOTED = (".Values", ".Release", ".Chart", ".Capabilities", ".Files", ".Template", ".Subcharts")
DEFINES = ["h", "echo", "kind", "deep", "bad", "nop", "loop3", "dot"]
HELPERS = """{{ define "h" }}H:{{ kindOf . }}{{ end }}
{{- define "echo" }}{{ . }}{{ end }}
{{- define "kind" }}{{ printf "%T %v" . . }}{{ end }}
{{- define "deep" }}{{ include "kind" (list .) }}-{{ template "echo" . }}{{ end }}
{{- define "bad" }}
  {{ .nope.nope }}{{ end }}
{{- define "nop" }}{{ .x }}{{ end }}
{{- define "loop3" }}{{ range $i, $_ := until 3 }}{{ $i }}{{ include "echo" $ }}{{ end }}{{ end }}
{{- define "dot" }}{{ with . }}[{{ . }}]{{ else }}none{{ end }}{{ end }}
"""
POOLS = {"s": TEXTS, "i": INTS, "F": FLOATS, "I": INT64S, "l": LISTS, "d": DICTS, "m": MAPSTR, "t": TIMES, "q": DURATIONS, "r": REGEXES,
         "v": VERSIONS, "c": CONSTRAINTS, "w": LAYOUTS, "z": ZONES, "j": JSONS, "y": YAMLS, "k": TOMLS, "h": BASE64S, "p": PATHS, "x": URLS,
         "f": FORMATS, "O": TPLTEXTS, "Q": ['"1h"', '"-36h"', '"1d"', '""', '"90s"', '"1.5m"', '"x"'],
         "U": ["0", "1", "3", "5", "-1", "2", "7", "(len .Values.ls)", ".Release.Revision", ".Values.a", ".Values.si", "2.0", "'\\x03'", "(int 4)", "1.5", "(add 1 1)", "12"], "b": ["true", "false", ".Values.t", ".Values.fl", ".Values.sb", "(not 1)", "(eq 1 1)"],
         "o": ["(semver \"1.2.3\")", "(semver .Values.ver)", "(semver \"v1.2\")", "(semver \"2.0.0-a\")"],
         "C": ['"%s"' % d for d in DEFINES] + ['"nope"', '(print "h" "")'], "P": ["1", "2", "0", "-1", "4294967296", "1.0"],
         "S": ['(splitList "," "b,a,c")', '(sortAlpha .Values.ls)', '(toStrings (list 1 "a"))', '(.Files.Lines "conf/a.txt")'],
         "N": ["(until 4)", "(untilStep 1 9 3)", "(until 0)"], "M": ["(chunk 2 .Values.ls)"],
         "nil": [".Values.nope", "nil", ".Values.m.z", ".nope", "(.Values.nope).x", "(get (dict) \"x\" | first)", "$.Values.sm.nope",
                 "(index .Values \"nope\")", "(coalesce)", "(index .Values.l 2)", "(lookup \"v1\" \"Pod\" \"\" \"\").items"],
         "odd": [".Files", ".Values", ".Capabilities.KubeVersion", "(.Files.GetBytes \"conf/a.txt\")", "(index .Values.s 0)", ".Release",
                 "(index .Values.uni 1)", ".Chart.Annotations", ".Chart.Dependencies", "(int64 9007199254740993)", "(mustToDuration 1)",
                 "(.Values.AsMap)", "1i", "1.5i", "1+2i", ".Capabilities.KubeVersion.String", "((semver \"1.2.3\").Major)",
                 "(toDate \"2006\" \"2020\").Year", "((toDate \"2006\" \"2020\").Month)", "(buildCustomCert \"\" \"\")"]}
FIELDS = ["x", "k", "name", "nope", "a", "Major", "Year", "y", "n.x.y", "n.x", "Seconds", "Get", "Has", "String", "Version", "items", "v", "YAML",
          "Prerelease", "n.nope.y"]
METHODS = [('%o.Major', ""), ('%o.Prerelease', ""), ('%o.String', ""), ('%o.Original', ""), ('%o.Compare', "o"), ('%o.Equal', "o"),
           ('%o.LessThan', "o"), ('%o.GreaterThan', "o"), ('%o.IncMinor', ""), ('%o.Metadata', ""), ('%o.Patch', ""), ('%o.SetPrerelease', "s"),
           ('%t.Year', ""), ('%t.Month', ""), ('%t.Weekday', ""), ('%t.Unix', ""), ('%t.Format', "w"), ('%t.UTC', ""), ('%t.IsZero', ""),
           ('%t.Add', "q"), ('%t.AddDate', "iii"), ('%t.Sub', "t"), ('%t.After', "t"), ('%t.Before', "t"), ('%t.Equal', "t"), ('%t.YearDay', ""),
           ('%t.Truncate', "q"), ('%t.UnixNano', ""), ('%t.String', ""), ('%t.Day', ""),
           ('%q.Seconds', ""), ('%q.Hours', ""), ('%q.String', ""), ('%q.Milliseconds', ""), ('%q.Round', "q"), ('%q.Truncate', "q"), ('%q.Abs', ""),
           ('.Files.Get', "p"), ('.Files.Lines', "p"), ('(.Files.Glob "conf/*").AsConfig', ""), ('(.Files.Glob "**").AsSecrets', ""),
           ('.Files.GetBytes', "p"), ('.Files.Glob', "p"), ('.Capabilities.APIVersions.Has', "s"), ('.Capabilities.KubeVersion.GitVersion', ""),
           ('.Capabilities.KubeVersion.String', ""), ('.Values.Table', "s"), ('.Values.PathValue', "s"), ('.Values.AsMap', ""), ('.Values.YAML', "")]


def parse(table):
    rows = []
    for row in table.split():
        name, _, rest = row.partition(":")
        params, _, result = rest.partition(">")
        rows.append((name, params, result))
    return rows


ROWS = parse(FUNCTIONS)
BY_RESULT = {}
for row in ROWS:
    BY_RESULT.setdefault(row[2], []).append(row)
BY_RESULT["n"] = BY_RESULT["i"] + BY_RESULT["I"] + BY_RESULT["F"]
BY_RESULT["D"] = BY_RESULT["d"]
BY_RESULT["l"] += BY_RESULT["S"] + BY_RESULT["N"] + BY_RESULT["M"]
# What can stand behind a "|", by what it is given.
LIKE = {"s": "srvcwzjykhpxfQ", "i": "inUue", "I": "nu", "F": "nu", "S": "l", "N": "l", "M": "l", "l": "l", "d": "d", "D": "d", "m": "a", "q": "u",
        "t": "te", "b": "b", "o": "o", "a": "a"}
CHANGES = ("set", "unset", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite")


STAGES = [r for r in ROWS if r[1] and r[0] not in CHANGES and "U" not in r[1]]
TAKES = {t: [r for r in STAGES if r[1].rstrip("*")[-1] in like + "aa"] for t, like in LIKE.items()}


class Maker:
    def __init__(self, seed):
        self.d, self.id, self.names = Dice("t%d" % seed), "%d" % seed, 0
        self.vars = [[("$", "root")]]
        self.dots = ["root"]
        self.loops = 0
        self.defines = []
        self.wrong = self.d.of([0, 0, 0, 0, 0, 30, 12, 6]) # one in so many arguments is of a wrong type
        self.nl = self.d.one_in(3)

    # ---- expressions

    def type(self):
        return self.d.of("ssssiiFFInnlllddbbttqoSNm") if not self.d.one_in(8) else self.d.of(["nil", "odd", "M"])

    def named(self, t):
        found = [n for scope in self.vars for n, vt in scope if vt == t]
        return self.d.of(found) if found else None

    def root(self, text):
        """Paths start at the data; where dot is something else, at $."""
        if self.dots[-1] == "root" and not self.d.one_in(6):
            return text
        for r in ROOTED + (".nope",):
            for before in ("(", " ", ""):
                if not before and text.startswith(r):
                    text = "$" + text
                elif before:
                    text = text.replace(before + r, before + "$" + r)
        return text

    def leaf(self, t):
        d = self.d
        if t == "n":
            t = d.of("iiIFF")
        if t == "u":
            t = d.of("iFsqq")
            if t == "s":
                return d.of(['"1h30m"', '"90"', '"1e3"', '"2.5s"', '"x"', '""', '"-90s"', '" 5m "', '"0x1p4"', '"1d"'])
        if t == "e":
            t = d.of("ttti")
        if t in "aD" or t == "g":
            t = "d" if t == "D" else self.type()
            if t == "n":
                t = "i"
        if d.one_in(5):
            v = self.named(t)
            if v:
                return v
        if d.one_in(6) and self.dots[-1] == t:
            return "."
        pool = POOLS.get(t)
        return self.root(d.of(pool if pool else TEXTS))

    def args(self, params, depth):
        d, out, i = self.d, [], 0
        if params == "g":
            for _ in range(d.n(4)):
                out += [d.of(['"a"', '"b"', '"k"', '"x"', '"n"', '"1"']), self.arg(self.type(), depth)]
            if d.one_in(12):
                out.append('"odd"')
            return out
        while i < len(params):
            p = params[i]
            if i + 1 < len(params) and params[i + 1] == "*":
                out += [self.arg(p, depth) for _ in range(d.n(4))]
                i += 2
                continue
            out.append(self.arg(p, depth))
            i += 1
        if self.wrong and d.one_in(self.wrong * 2) and "U" not in params:
            how = d.n(4)
            if how == 0 and out:
                out.pop(d.n(len(out)))
            elif how == 1:
                out.append(self.arg(self.type(), 0))
            elif how == 2 and len(out) > 1:
                i = d.n(len(out) - 1)
                out[i], out[i + 1] = out[i + 1], out[i]
        return out

    def arg(self, t, depth):
        if t == "D":
            # Only what nobody else sees may be changed.
            return self.d.of(['(dict "a" 1 "b" (dict "c" ""))', "(dict)", "(deepCopy %s)" % self.root(".Values.m"),
                              '(dict "n" (dict "x" 1) "l" (list 1) "z" nil)'])
        if t == "U": # a long list costs Helm its memory
            return self.root(self.d.of(POOLS["U"])) if not self.wrong or self.d.n(self.wrong) else self.d.of(['"3"', "nil", "true", ".Values.nope"])
        if self.wrong and self.d.one_in(self.wrong):
            t = self.type()
        return self.operand(t, depth)

    def call(self, row, depth):
        name, params, _ = row
        args = self.args(params, depth)
        if args and self.d.one_in(4):
            return "%s | %s" % (args[-1], " ".join([name] + args[:-1]))
        return " ".join([name] + args)

    def operand(self, t, depth):
        d = self.d
        if depth <= 0 or d.one_in(3):
            return self.leaf(t)
        if d.one_in(14):
            return "(%s)" % self.method(depth - 1)
        if d.one_in(16):
            return "(%s).%s" % (self.pipe(d.of("ddatoq"), depth - 1), d.of(FIELDS))
        rows = BY_RESULT.get("n" if t == "e" else "a" if t in ("u", "g") else t)
        if not rows or t == "a" and d.one_in(2):
            t = self.type()
            rows = BY_RESULT.get(t)
        if not rows:
            return self.leaf(t)
        return "(%s)" % self.call(d.of(rows), depth - 1)

    def method(self, depth):
        path, params = self.d.of(METHODS)
        for c in "otq":
            path = path.replace("%" + c, self.leaf(c) if path.startswith("%" + c) else "")
        if path.startswith("$"):
            path = "(%s)%s" % (path.split(".")[0], path[path.index("."):]) if "." in path else path
        return " ".join([self.root(path)] + self.args(params, depth))

    def pipe(self, t=None, depth=None, any_call=True):
        d = self.d
        depth = d.of([1, 1, 2, 2, 3]) if depth is None else depth
        t = t or self.type()
        if d.one_in(6):
            return self.leaf(t)
        if d.one_in(12):
            return self.method(depth)
        if any_call and d.one_in(3):
            return self.call(d.of(ROWS), depth)
        rows = BY_RESULT.get(t)
        row = d.of(rows) if rows else None
        text = self.call(row, depth) if row else self.leaf(t)
        got = row[2] if row else t
        while any_call and d.one_in(3):
            row = d.of(STAGES if d.one_in(8) else TAKES.get(got) or TAKES["a"])
            text += " | " + " ".join([row[0]] + self.args(row[1].rstrip("*")[:-1], depth - 1))
            got = row[2]
        return text

    def shown(self):
        """A value as it prints: some functions give a map's entries in any order, or an address."""
        d, p = self.d, self.pipe()
        how = d.n(12)
        if how < 4:
            return p
        if how < 7:
            return "printf %s (%s)%s" % (d.of(FORMATS), p, " (%s)" % self.pipe(depth=1) if d.one_in(3) else "")
        if how == 7:
            return "%s | %s" % (p, d.of(["toJson", "toYaml", "quote", "toString", "toYamlPretty", "toToml", "mustToJson"]))
        if how == 8:
            return 'printf "%%T %%v %%q %%#v" (%s) (%s) (%s) (%s)' % (p, p, p, p)
        if how == 9:
            return "print (%s) (%s)" % (p, self.pipe(depth=1))
        if how == 10:
            return "(%s) | %s" % (p, d.of(["kindOf", "typeOf", "empty", "len", "not"]))
        return "%s (%s)" % (d.of(["kindOf", "typeOf", "len", "quote", "toJson", "html", "js", "urlquery", "println"]), p)

    # ---- statements

    def open(self):
        return self.d.of(["{{", "{{", "{{ ", "{{- ", "{{ "])

    def act(self, text):
        d = self.d
        if self.nl and d.one_in(6):
            text = text.replace(" ", "\n", 1) if '"' not in text.split(" ")[0] and "`" not in text.split(" ")[0] else text
        left = d.of(["{{", "{{ ", "{{ ", "{{- "])
        return left + text + d.of(["}}", " }}", " }}", " -}}"])

    def text(self):
        return self.d.of([" ", "\n", "x", "-", "", "a\n  b", "\t", " } ", "{", " é ", ": ", "\r\n", "  \n\n"])

    def fresh(self):
        self.names += 1
        return "$%s" % self.d.of(["v", "x", "y", "k_", "é"]) + str(self.names)

    def block(self, depth):
        self.vars.append([])
        out = "".join(self.statement(depth) for _ in range(1 + self.d.n(3)))
        self.vars.pop()
        return out

    def scoped(self, dot, depth):
        self.dots.append(dot)
        out = self.block(depth)
        self.dots.pop()
        return out

    def statement(self, depth):
        d = self.d
        how = d.n(40)
        if how < 4:
            return self.text()
        if depth <= 0 or how < 18:
            return self.act(self.shown())
        if how < 22:
            t = self.type()
            name = self.fresh()
            out = self.act("%s := %s" % (name, self.pipe(t)))
            self.vars[-1].append((name, t))
            return out
        if how < 24:
            found = [n for scope in self.vars for n, t in scope if n != "$"]
            if not found:
                return self.act("$nope = 1") if self.wrong and d.one_in(3) else self.text()
            return self.act("%s = %s" % (d.of(found), self.pipe()))
        if how < 28:
            out = self.act("if " + self.condition()) + self.block(depth - 1)
            while d.one_in(4):
                out += self.act("else if " + self.pipe()) + self.block(depth - 1)
            if d.one_in(2):
                out += self.act("else") + self.block(depth - 1)
            return out + self.act("end")
        if how < 31:
            t = self.type()
            self.vars.append([])
            p = self.pipe(t)
            if d.one_in(3):
                name = self.fresh()
                p = "%s := %s" % (name, p)
                self.vars[-1].append((name, t))
            out = self.act("with " + p) + self.scoped(t, depth - 1)
            if d.one_in(4):
                out += self.act("else with " + self.pipe(t)) + self.scoped(t, depth - 1)
            if d.one_in(2):
                out += self.act("else") + self.block(depth - 1)
            self.vars.pop()
            return out + self.act("end")
        if how < 36:
            return self.range(depth)
        if how == 36:
            return self.template(depth)
        if how == 37:
            return d.of(["{{/* c }} */}}", "{{- /* c */ -}}", "{{/**/}}", "{{- /*\n*/}}"])
        if how == 38:
            return self.act("template %s%s" % (d.of(['"h"', '"echo"', '"deep"', '"dot"', '"nop"', '"bad"', '`kind`', '"nope"']),
                                                d.of(["", " " + self.pipe(), " " + self.leaf("a")])))
        if self.loops and d.one_in(1):
            return self.act(d.of(["break", "continue"]))
        return self.act(self.shown())

    def condition(self):
        p = self.pipe(self.d.of(["b", "b", "b", "a", "nil", "l", "s"]))
        if self.d.one_in(5):
            name = self.fresh()
            self.vars[-1].append((name, "b"))
            return "%s := %s" % (name, p)
        return p

    def range(self, depth):
        d = self.d
        t = d.of("lllddSNim") if not d.one_in(7) else self.type()
        p = self.pipe(t, any_call=False) if d.one_in(2) and t in "lSNd" else self.leaf(t)
        if t in "iIF":
            p = d.of(["3", "0", "-2", "(len .Values.ls)", ".Values.si", ".Values.a", "'\\x02'", "(int 2)", "2.0", "1i"])
            p = self.root(p)
        if t == "d" and p == ".Values":
            p = ".Values.m"
        self.vars.append([])
        how = d.n(6)
        item = {"S": "s", "N": "i", "m": "s", "i": "i"}.get(t, "a")
        if how < 2:
            v = self.fresh()
            p = "%s := %s" % (v, p)
            self.vars[-1].append((v, item))
        elif how < 4:
            k, v = self.fresh(), self.fresh()
            p = "%s, %s := %s" % (k, v, p)
            self.vars[-1] += [(k, "s" if t in "dm" else "i"), (v, item)]
        elif how == 4 and d.one_in(3):
            found = [n for scope in self.vars for n, _ in scope if n != "$"]
            if found:
                p = "%s = %s" % (d.of(found), p)
        self.loops += 1
        out = self.act("range " + p) + self.scoped(item, depth - 1)
        if d.one_in(4):
            out += self.act(d.of(["if %s" % self.condition()])) + self.act(d.of(["break", "continue"])) + self.act("end") + self.text()
        self.loops -= 1
        if d.one_in(3):
            out += self.act("else") + self.block(depth - 1)
        self.vars.pop()
        return out + self.act("end")

    def inner(self, depth, dot="a"):
        """The body of a definition: other variables, other dot."""
        vars, dots, loops = self.vars, self.dots, self.loops
        self.vars, self.dots, self.loops = [[("$", dot)]], [dot], 0
        out = "".join(self.statement(depth) for _ in range(1 + self.d.n(3)))
        self.vars, self.dots, self.loops = vars, dots, loops
        return out

    def template(self, depth):
        d = self.d
        self.names += 1
        name = "d%s-%d" % (self.id, self.names)
        how = d.n(4)
        root = d.one_in(2)
        dot = "root" if root else self.type()
        data = d.of(["$", "$"]) if root else "(%s)" % self.pipe(dot)
        if root and self.dots[-1] == "root" and len(self.dots) == 1:
            data = "."
        if how == 0:
            return self.act('block "%s" %s' % (name, data)) + self.inner(depth - 1, dot) + self.act("end")
        self.defines.append('{{ define "%s" }}%s{{ end }}\n' % (name, self.inner(depth - 1, dot)))
        if d.one_in(8): # a second one, in a file that comes first or last, or that is empty
            self.defines.append('{{ define "%s" }}%s{{ end }}\n' % (name, d.of(["  \n", "{{/* c */}}", "\t"])))
        if how == 1:
            return self.act('template "%s" %s' % (name, data))
        if how == 2:
            return self.act('include "%s" %s | %s' % (name, data, d.of(["nindent 2", "trim", "quote", "fromYaml", "upper", "len", "indent 1"])))
        return self.act('include (print "d" "%s") %s' % (name[1:], data))


class Case:
    def __init__(self, seed):
        self.seed = seed
        m = Maker(seed)
        kind = m.d.n(10)
        if kind < 5:
            self.body = "".join(m.act(m.shown()) for _ in range(1 + m.d.n(2)))
        else:
            self.body = "".join(m.statement(3) for _ in range(1 + m.d.n(5)))
        if kind == 9: # a slip of the pen
            d = m.d
            for _ in range(1 + d.n(2)):
                i = d.n(len(self.body) + 1)
                c = d.of(list("(){}|.$:=,-\"'`\\/*@ x1\n") + ["{{", "}}", "é", "{{- ", " -}}", "\x00", "\u200b"])
                self.body = self.body[:i] + (c if d.n(3) else "") + self.body[i + d.n(2):]
        self.helpers = "".join(m.defines)


def case(seed):
    return Case(seed)
