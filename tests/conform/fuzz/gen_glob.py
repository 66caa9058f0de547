"""Globs of .Files, lines of .helmignore, --show-only."""
from peer import Chart, CHART

NAMES = ["a", "b", "ab", "abc", "a.txt", "b.yaml", "config/a", "config/b.txt", "config/sub/c.txt", "config/sub/deep/d", "x-y", "x_y", "A", "é", "d[1]", "a{b}", "a b", "1", "12", "config/.hidden", ".dot", "a*b", "e/f/g", "e/f/h.txt", "z!", "a,b", "README.md"]
BITS = ["*", "**", "?", "/", "a", "b", "c", "config", ".txt", ".", "[a-c]", "[!a]", "[abc]", "[^a]", "{a,b}", "{a,{b,c}}", "{config/*,e/**}", "sub", "\\*", "\\[", "[", "]", "{", "}", ",", "!", "-", "é", "x", "**/", "/**", "*.*", "[]", "[!]", "[a-]", "[z-a]", "{,a}", "{a", "a}", "\\", "[a", "[\\]]", "deep", "{*.txt,a*}", "[0-9]"]


def pattern(r):
    if r.random() < .2:
        return r.choice(["*", "**", "**/*", "config/*", "config/**", "**.txt", "*.{txt,yaml}", "[a-c]*", "config/*/c.txt", "c*/**/d", "", "/", "{a,b}*", "?", "??", "**/c.txt", "*/*/*", "config/", "./a", "**/**", "a**c", "***"])
    return "".join(r.choice(BITS) for _ in range(r.randint(1, 5)))


def quoted(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def glob(r):
    files = {n: "1" for n in r.sample(NAMES, 14)}
    t = "".join("# %d {{ range $k, $v := .Files.Glob %s }}[{{ $k }}]{{ end }}\n" % (i, quoted(pattern(r))) for i in range(40))
    files.update({"Chart.yaml": CHART, "templates/t.yaml": t})
    return Chart("glob", files)


IGNORE = ["*", "a", "*.txt", "config", "config/", "/a", "/config/*", "!a", "!*.txt", "#a", " a ", "a\t", "*/b.txt", "config/*.txt", "**", "a**", "[a-c]", "[^a]", "[a", "\\a", "\\*", "\\", "?", "??", "!", "/", "//", "./a", "../a", "config/sub/", "/config/sub/c.txt", "sub", "sub/", ".*", ".dot", "templates", "templates/", "templates/*", "*.yaml", "Chart.yaml", "values.yaml", "README*", "é", "a b", "!config", "!/a", "[]", "[]a]", "{a,b}", "charts", "a/", "!a/",
          "e/f", "e/*/g", "f", "f/", "*/", "!*/", "/*", "!!a", "! a", "\ufeffa", "[a-]", "[-a]", "[z-a]"]


def ignore(r):
    files = {n: "1" for n in r.sample(NAMES, 16)}
    lines = [r.choice(IGNORE) if r.random() < .8 else pattern(r) for _ in range(r.randint(1, 4))]
    files.update({"Chart.yaml": CHART, "values.yaml": "a: 1\n", "templates/t.yaml": "# {{ range $k, $v := .Files }}[{{ $k }}]{{ end }}{{ .Values }}\n", "templates/.x.yaml": "# x\n", "templates/y.yaml": "# y\n", "templates/sub/z.yaml": "# z\n",
                  ".helmignore": r.choice(["\n", "\n", "\r\n"]).join(lines) + r.choice(["", "\n"])})
    return Chart("helmignore", files)


GENERATORS = {"glob": (glob, 1), "helmignore": (ignore, 1)}
