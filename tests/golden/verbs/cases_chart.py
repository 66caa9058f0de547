"""Chart.yaml, requirements.yaml and how charts are loaded."""
import gzip

from run import case, pack, MORE, Dir, Link, Tgz, Zeros

BASE = "apiVersion: v2\nname: c\nversion: 0.1.0\n"
T = "a: {{ .Chart.Name }}\n"
SHOW = "chart: {{ .Chart | toJson }}\n"


def chart(meta=BASE, **files):
    out = {"chart/Chart.yaml": meta, "chart/templates/t.yaml": T}
    for name, body in files.items():
        if body is None:
            out.pop("chart/" + name, None)
        else:
            out["chart/" + name] = body
    return out


META = {
    "missing-name": "apiVersion: v2\nversion: 0.1.0\n",
    "missing-version": "apiVersion: v2\nname: c\n",
    "missing-api": "name: c\nversion: 0.1.0\n",
    "api-v1": "apiVersion: v1\nname: c\nversion: 0.1.0\n",
    "api-v3": "apiVersion: v3\nname: c\nversion: 0.1.0\n",
    "api-bad": "apiVersion: v7\nname: c\nversion: 0.1.0\n",
    "api-number": "apiVersion: 2\nname: c\nversion: 0.1.0\n",
    "version-bad": "apiVersion: v2\nname: c\nversion: abc\n",
    "version-short": "apiVersion: v2\nname: c\nversion: 1.2\n",
    "version-v": "apiVersion: v2\nname: c\nversion: v1.2.3\n",
    "version-number": "apiVersion: v2\nname: c\nversion: 1\n",
    "version-float": "apiVersion: v2\nname: c\nversion: 1.10\n",
    "version-lead-zero": "apiVersion: v2\nname: c\nversion: 01.2.3\n",
    "version-build": "apiVersion: v2\nname: c\nversion: 1.2.3-rc.1+b.5\n",
    "version-spaces": "apiVersion: v2\nname: c\nversion: ' 1.2.3'\n",
    "version-long": "apiVersion: v2\nname: c\nversion: 1.2.3-" + "a" * 300 + "\n",
    "name-slash": "apiVersion: v2\nname: a/b\nversion: 0.1.0\n",
    "name-dots": "apiVersion: v2\nname: ..\nversion: 0.1.0\n",
    "name-dot": "apiVersion: v2\nname: .\nversion: 0.1.0\n",
    "name-backslash": "apiVersion: v2\nname: 'a\\b'\nversion: 0.1.0\n",
    "name-number": "apiVersion: v2\nname: 12\nversion: 0.1.0\n",
    "name-bool": "apiVersion: v2\nname: n\nversion: 0.1.0\n",
    "name-upper": "apiVersion: v2\nname: MyChart_1\nversion: 0.1.0\n",
    "name-null": "apiVersion: v2\nname: null\nversion: 0.1.0\n",
    "name-list": "apiVersion: v2\nname: [a]\nversion: 0.1.0\n",
    "name-newline": "apiVersion: v2\nname: \"a\\nb\"\nversion: 0.1.0\n",
    "type-application": BASE + "type: application\n",
    "type-library": BASE + "type: library\n",
    "type-bad": BASE + "type: other\n",
    "type-empty": BASE + "type: ''\n",
    "type-list": BASE + "type: []\n",
    "deprecated": BASE + "deprecated: true\n",
    "deprecated-text": BASE + "deprecated: 'true'\n",
    "deprecated-yes": BASE + "deprecated: yes\n",
    "unknown-field": BASE + "foo: bar\n",
    "case-fields": "APIVERSION: v2\nNAME: c\nVersion: 0.1.0\n",
    "double-fields": BASE + "version: 0.2.0\n",
    "double-case": BASE + "Version: 0.2.0\n",
    "app-version-number": BASE + "appVersion: 1.10\n",
    "app-version-date": BASE + "appVersion: 2020-01-01\n",
    "app-version-int": BASE + "appVersion: 0x10\n",
    "app-version-big": BASE + "appVersion: 123456789012345678901234567890\n",
    "app-version-e": BASE + "appVersion: 1e5\n",
    "description-fold": BASE + "description: |\n  two\n  lines\ttab\n",
    "description-zero": BASE + "description: \"a\\u200bb\\u00a0c\"\n",
    "maintainers-null": BASE + "maintainers:\n- \n",
    "maintainers-text": BASE + "maintainers: me\n",
    "maintainers-texts": BASE + "maintainers: [me]\n",
    "maintainers-ok": BASE + "maintainers:\n- name: a\n  email: b@c\n  url: http://x\n- {}\n",
    "keywords": BASE + "keywords: [a, 1, 2.5, true, null]\n",
    "keywords-text": BASE + "keywords: a\n",
    "sources": BASE + "sources: [http://x]\nhome: http://h\nicon: http://i\n",
    "annotations": BASE + "annotations: {a: 1, b: true, c: null, d: 2.50}\n",
    "annotations-list": BASE + "annotations: []\n",
    "annotations-deep": BASE + "annotations: {a: {b: c}}\n",
    "empty-file": "",
    "list-file": "- a\n",
    "text-file": "abc\n",
    "not-yaml": "a: [\n",
    "tab": "name:\tc\napiVersion: v2\nversion: 0.1.0\n\tx: y\n",
    "two-documents": BASE + "---\nname: other\n",
    "bom": "\ufeff" + BASE,
    "crlf": BASE.replace("\n", "\r\n"),
    "kube-ok": BASE + "kubeVersion: '>=1.20.0'\n",
    "kube-zero": BASE + "kubeVersion: '>=1.20.0-0'\n",
    "kube-too-new": BASE + "kubeVersion: '>=1.99.0'\n",
    "kube-range": BASE + "kubeVersion: '1.30 - 1.36'\n",
    "kube-bad": BASE + "kubeVersion: 'abc'\n",
    "kube-number": BASE + "kubeVersion: 1.37\n",
    "kube-empty": BASE + "kubeVersion: ''\n",
    "kube-star": BASE + "kubeVersion: '*'\n",
    "dependencies-null-entry": BASE + "dependencies:\n- \n",
    "dependencies-map": BASE + "dependencies: {a: b}\n",
    "dependencies-empty": BASE + "dependencies: []\n",
    "dependencies-null": BASE + "dependencies:\n",
    "dependencies-no-name": BASE + "dependencies:\n- version: 1\n",
    "dependencies-alias-bad": BASE + "dependencies:\n- name: a\n  version: 1\n  alias: 'b.c'\n",
    "dependencies-twice": BASE + "dependencies:\n- {name: a, version: 1}\n- {name: a, version: 1}\n",
    "dependencies-twice-alias": BASE + "dependencies:\n- {name: a, version: 1}\n- {name: b, alias: a, version: 1}\n",
    "dependencies-missing": BASE + "dependencies:\n- {name: a, version: 1, repository: https://x}\n- {name: b}\n",
    "dependencies-tags-text": BASE + "dependencies:\n- {name: a, version: 1, tags: x}\n",
    "dependencies-in-v1": "apiVersion: v1\nname: c\nversion: 0.1.0\ndependencies:\n- {name: a, version: 1}\n",
    "anchors": "apiVersion: &a v2\nname: c\nversion: 0.1.0\nappVersion: *a\n",
    "nul-byte": "apiVersion: v2\nname: c\u0000\nversion: 0.1.0\n",
    "bad-utf8": b"apiVersion: v2\nname: c\xff\nversion: 0.1.0\n",
}
for key, meta in META.items():
    case("meta/" + key, {**chart(meta), "chart/templates/t.yaml": SHOW}, "template r chart", helm3=key not in (
        "api-v3",))
for key in ("api-v1", "annotations", "maintainers-ok", "keywords", "case-fields", "app-version-number", "empty-file",
            "description-fold", "unknown-field", "dependencies-in-v1", "version-bad"):
    case("meta/show-" + key, chart(META[key]), "show chart chart")

# ---- files ------------------------------------------------------------------------------------------------------
FILES = "{{ range $k, $v := .Files }}{{ $k }}: {{ len $v }}\n{{ end }}"


def files(**more):
    return chart(**{"templates/t.yaml": FILES, **more})


case("files/none", {"x/y": ""}, "template r x")
case("files/no-path", {"x/y": ""}, "template r nothere", differs=MORE)
case("files/no-path-dot", {"x/y": ""}, "template r ./nothere")
case("files/empty-dir", {"x": Dir()}, "template r x")
case("files/file-not-archive", {"x.tgz": "hello"}, "template r x.tgz")
case("files/file-yaml", {"x.yaml": "a: b"}, "template r x.yaml")
case("files/file-empty", {"x.tgz": ""}, "template r x.tgz")
case("files/chart-yaml-dir", {"chart/Chart.yaml": Dir(), "chart/templates/t.yaml": T}, "template r chart")
case("files/listing", files(**{"a.txt": "a", "d/b.txt": "bb", "README.md": "r", "crds/x.yaml": "a: b",
                               "values.yaml": "a: b", "values.schema.json": "{}", "Chart.lock": "", ".hidden": "h",
                               "LICENSE": "l", "charts/README.md": "x"}), "template r chart", helm3=True)
case("files/binary", files(**{"a.bin": bytes(range(256))}), "template r chart")
case("files/bom", files(**{"a.txt": "\ufeffabc", "templates/u.yaml": "\ufeffu: {{ .Files.Get \"a.txt\" }}\n",
                           "values.yaml": "\ufeffa: b\n"}), "template r chart")
case("files/link", files(**{"a.txt": "abc", "b.txt": Link("a.txt")}), "template r chart")
case("files/link-out", {**files(**{"b.txt": Link("../out.txt")}), "out.txt": "outside"}, "template r chart")
case("files/link-dir", {**files(**{"d": Link("../out")}), "out/x.txt": "outside"}, "template r chart")
case("files/link-broken", files(**{"b.txt": Link("nowhere")}), "template r chart")
case("files/link-circle", files(**{"b.txt": Link("b.txt")}), "template r chart")
case("files/link-template", {**files(**{"templates/u.yaml": Link("../../out.yaml")}), "out.yaml": "u: 1\n"},
     "template r chart")
case("files/null-device", files(**{"b.txt": Link("/dev/null")}), "template r chart",
     differs="the link is not told when the chart is refused")
case("files/chart-is-link", {**{k.replace("chart/", "real/"): v for k, v in chart().items()}, "chart": Link("real")},
     "template r chart")
case("files/values-missing", chart(**{"templates/t.yaml": "v: {{ .Values | toJson }}\n"}), "template r chart")
for key, text in {"empty": "", "null": "null\n", "list": "- a\n", "text": "abc\n", "number": "12\n", "bad": "a: [\n",
                  "tabs": "a:\n\tb: c\n", "two": "a: 1\nb: 1\n---\nb: 2\n", "dup": "a: 1\na: 2\n",
                  "sep-text": "a: 1\n--- x\nb: 2\n", "dots": "a: 1\n...\nb: 2\n", "comment": "# only\n",
                  "null-top": "a:\n", "inf": "a: .inf\n", "anchor": "a: &x {b: 1}\nc: *x\n", "bad-anchor": "a: *x\n",
                  "merge": "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "key-number": "1: a\n2.5: b\ntrue: c\n",
                  "key-null": "~: a\n", "key-list": "[a]: b\n", "tag": "a: !!str 12\n", "crlf": "a: 1\r\nb: 2\r\n",
                  "no-newline": "a: b", "bad-utf8": b"a: \xff\n", "control": "a: \x07\n", "sep-first": "---\na: 1\n",
                  "sep-only": "---\n", "sep-twice": "---\n---\na: 1\n", "scalar-then-map": "abc\n---\na: 1\n"}.items():
    case("values/" + key, chart(**{"templates/t.yaml": "v: {{ .Values | toJson }}\n", "values.yaml": text}),
         "template r chart", helm3=True)
case("files/backslash", files(**{"a\\b.txt": "x"}), "template r chart")
case("files/backslash-template", files(**{"templates\\u.yaml": "u: 1"}), "template r chart")
case("files/space", files(**{"a b.txt": "x", "templates/a b.yaml": "s: 1\n"}), "template r chart")
case("files/template-kinds", chart(**{"templates/a.txt": "a: 1\n", "templates/b.json": "{\"b\": 1}",
                                      "templates/c.tpl": "c: 1\n", "templates/_d.yaml": "d: 1\n", "templates/e": "e: 1\n",
                                      "templates/sub/f.yaml": "f: 1\n", "templates/.g.yaml": "g: 1\n",
                                      "templates/NOTES.txt": "notes\n", "templates/sub/NOTES.txt": "n",
                                      "templates/h.md": "h: 1\n", "templates/i.yml": "i: 1\n",
                                      "templates/xNOTES.txt": "x"}), "template r chart", helm3=True)
case("files/no-templates", chart(**{"templates/t.yaml": None}), "template r chart", helm3=True)
case("files/size-5m", files(**{"f.bin": Zeros(5242881)}), "template r chart", helm3=True)
case("files/size-100m", files(**{"f.bin": Zeros(104857601)}), "template r chart")
case("files/size-100m-ignored", files(**{"f.bin": Zeros(104857601), ".helmignore": "f.bin\n"}), "template r chart")
for key, text in {"plain": "a.txt\n", "glob": "*.txt\n", "dir": "d/\n", "dir-file": "a.txt/\n", "anchor": "/a.txt\n",
                  "anchor-deep": "/b.txt\n", "negate": "*\n!a.txt\n!Chart.yaml\n!templates\n", "comment": "#a.txt\n \n",
                  "double-star": "d/**\n", "path": "d/b.txt\n", "path-glob": "d/*.txt\n", "question": "?.txt\n",
                  "class": "[ab].txt\n", "class-bad": "[a\n", "space": "  a.txt  \n", "hidden": ".*\n", "crlf": "a.txt\r\n",
                  "templates": "templates/\n", "template": "templates/t.yaml\n", "values": "values.yaml\n",
                  "chart-yaml": "Chart.yaml\n", "bang-only": "!\n", "escape": "\\#x.txt\n", "self": ".helmignore\n",
                  "negate-first": "!a.txt\n*.txt\n", "charts": "charts/\n", "bom": "\ufeffa.txt\n", "dot-slash": "./a.txt\n",
                  "dot": ".\n", "slash": "/\n", "trailing-glob": "d*\n", "two": "d/\na.txt\n", "case": "A.TXT\n"}.items():
    case("ignore/" + key, files(**{".helmignore": text, "a.txt": "a", "#x.txt": "x", "d/b.txt": "bb", "d/e/c.txt": "c",
                                   "values.yaml": "a: 1\n", ".hidden": "h",
                                   "charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n",
                                   "charts/s/templates/a.yaml": "s: 1\n", "charts/s/a.txt": "a"}), "template r chart")

# ---- archives ---------------------------------------------------------------------------------------------------
INNER = {"c/Chart.yaml": BASE, "c/templates/t.yaml": FILES, "c/a.txt": "abc"}
case("archive/plain", {"c.tgz": Tgz(INNER)}, "template r c.tgz", helm3=True)
case("archive/other-ext", {"c.bin": Tgz(INNER)}, "template r c.bin")
case("archive/dot", {"c.tgz": Tgz({"./Chart.yaml": BASE, "./templates/t.yaml": T, "./templates/d/u.yaml": "u: 1\n"})}, "template r c.tgz", then="lint c.tgz")
case("archive/dot-long", {"c.tgz": Tgz({"./Chart.yaml": BASE, "./templates/t.yaml": T, "./templates/" + "d" * 150 + ".yaml": "u: 1\n"})}, "template r c.tgz", then="show chart c.tgz")
case("archive/dot-below", {"c.tgz": Tgz({"./" + name: body for name, body in INNER.items()})}, "template r c.tgz")
BROKEN = bytearray(gzip.decompress(pack({"c/Chart.yaml": BASE, "c/templates/t.yaml": T})))
BROKEN[1024 + 148] ^= 1  # a digit of the sum in the second header
for key, args in {"template": "template r c.tgz", "show": "show all c.tgz"}.items():
    case("archive/sum-" + key, {"c.tgz": gzip.compress(bytes(BROKEN), mtime=0)}, args, differs="it says that fetching or packing again helps")
for key, text in {"html": "\n <!doctype html><title>Login</title>", "html-tag": "<HTML>", "html-not": "<htmlx>", "xml": "<?xml version='1.0'?>", "zip": "PK\3\4xyz",
                  "text": "hello\n" * 100, "text-short": "hello\n", "binary": "hello\n\1" * 100}.items():
    case("archive/type-" + key, {"c.tgz": text}, "show chart ./c.tgz")
case("archive/lint-tar", {"c.tgz": gzip.decompress(pack(INNER))}, "lint c.tgz")
case("archive/lint-outside", {"c.tgz": Tgz({**INNER, "x.txt": "x"})}, "lint c.tgz")
for key, n in {"longest": 65535, "too-long": 65536}.items():
    case("helmignore/" + key, chart(**{".helmignore": "a" * n + "\n"}), "lint chart", then="template r chart")
case("chart/crds-case", chart(**{"crds/a.YAML": "kind: A\n", "crds/b.Yml": "kind: B\n", "crds/c.JSON": "{}\n", "crds/d.YAMLX": "kind: D\n"}), "template r chart --include-crds",
     then="show crds chart")
case("archive/helmignore", {"c.tgz": Tgz({**INNER, "c/.helmignore": "a.txt\n"})}, "template r c.tgz")
case("archive/bom", {"c.tgz": Tgz({**INNER, "c/a.txt": "\ufeffabc"})}, "template r c.tgz")
case("archive/no-base", {"c.tgz": Tgz({"Chart.yaml": BASE})}, "template r c.tgz", differs=MORE)
case("archive/outside", {"c.tgz": Tgz({**INNER, "x.txt": "x"})}, "template r c.tgz", helm3=True, differs=MORE)
case("archive/two-bases", {"c.tgz": Tgz({**INNER, "d/x.txt": "x"})}, "template r c.tgz", helm3=True)
case("archive/parent", {"c.tgz": Tgz({**INNER, "c/../../x.txt": "x"})}, "template r c.tgz", differs=MORE)
case("archive/backslash", {"c.tgz": Tgz({"c\\Chart.yaml": BASE, "c\\templates\\t.yaml": T})}, "template r c.tgz")
case("archive/drive", {"c.tgz": Tgz({**INNER, "c/d:x/y.txt": "x"})}, "template r c.tgz")
case("archive/link", {"c.tgz": Tgz({**INNER, "c/l.txt": Link("a.txt")})}, "template r c.tgz")
case("archive/dirs", {"c.tgz": Tgz({"c": Dir(), "c/d": Dir(), **INNER})}, "template r c.tgz")
case("archive/empty", {"c.tgz": Tgz({})}, "template r c.tgz", helm3=True, differs=MORE)
case("archive/cut", {"c.tgz": Tgz(INNER) and __import__("run").pack(INNER)[:100]}, "template r c.tgz", differs=MORE)
case("archive/big-file", {"c.tgz": Tgz({**INNER, "c/f.bin": Zeros(5242881)})}, "template r c.tgz", helm3=True)
case("archive/big", {"c.tgz": Tgz({**INNER, "c/f.bin": Zeros(104857601)})}, "template r c.tgz", differs=MORE)
case("archive/missing-chart", {"c.tgz": Tgz({"c/templates/t.yaml": T})}, "template r c.tgz", helm3=True)

# ---- requirements.yaml ------------------------------------------------------------------------------------------
SUB = {"charts/s/Chart.yaml": "apiVersion: v1\nname: s\nversion: 1.0.0\n", "charts/s/templates/a.yaml": "s: 1\n"}
V1 = "apiVersion: v1\nname: c\nversion: 0.1.0\n"
REQ = "dependencies:\n- {name: s, version: 1.x.x, condition: s.enabled}\n"
for key, args in {"v1": (V1, REQ), "v2": (BASE, REQ), "bad": (V1, "dependencies: [\n"), "text": (V1, "abc\n"),
                  "wrong-version": (V1, "dependencies:\n- {name: s, version: 2.0.0}\n"),
                  "both": (BASE + "dependencies:\n- {name: s, version: 1.0.0}\n", "dependencies:\n- {name: q}\n"),
                  "lists": (V1, "dependencies: []\n"), "empty": (V1, "")}.items():
    case("requirements/" + key, files(**{"Chart.yaml": args[0], "requirements.yaml": args[1], **SUB}),
         "template r chart --set s.enabled=false", helm3=True)
case("requirements/lock", files(**{"Chart.yaml": V1, "requirements.yaml": REQ, "requirements.lock": "a: [\n", **SUB}),
     "template r chart")
case("requirements/lock-ok", files(**{"Chart.yaml": V1, "requirements.yaml": REQ, "requirements.lock": "digest: x\n",
                                      **SUB}), "template r chart")
for key, text in {"bad": "a: [\n", "list": "- a\n", "ok": "dependencies: []\ndigest: x\ngenerated: \"2020-01-01T00:00:00Z\"\n",
                  "time": "generated: yesterday\n", "deps": "dependencies:\n- {name: s, version: 1}\n", "empty": "",
                  "deps-text": "dependencies: abc\n"}.items():
    case("lock/" + key, files(**{"Chart.lock": text}), "template r chart")
