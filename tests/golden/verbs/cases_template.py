"""helm template: its flags, and how charts, sub-charts and values come together."""
from run import case, LOGS, MORE, Dir, Link, Tgz

BASE = "apiVersion: v2\nname: c\nversion: 0.1.0\n"
V = "v: {{ .Values | toJson }}\n"
CM = "kind: ConfigMap\nmetadata: {name: a}\n"


def chart(meta=BASE, **files):
    out = {"chart/Chart.yaml": meta}
    for name, body in files.items():
        out["chart/" + name] = body
    return out


FULL = chart(**{
    "templates/a.yaml": CM + "r: {{ .Release | toJson }}\n", "templates/b.yaml": "kind: Service\nmetadata: {name: b}\n---\nkind: Secret\n",
    "templates/sub/c.yaml": "kind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: 'pre-install,test'}}\n",
    "templates/tests/t.yaml": "kind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n",
    "templates/h.yaml": "kind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: post-install}}\n", "crds/x.yaml": "kind: CRD\n",
    "templates/k.yaml": "k: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.APIVersions.Has \"x/v1\" }} "
                        "{{ .Capabilities.APIVersions.Has \"y/v1\" }}\n",
    "templates/NOTES.txt": "notes", "charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "charts/s/crds/y.yaml": "y: 1\n",
    "charts/s/templates/s.yaml": CM, "values.yaml": "a: 1\n"})
for key, args in {
        "plain": "template r chart", "no-name": "template chart", "three": "template a b chart", "none": "template", "crds": "template r chart --include-crds",
        "skip-crds": "template r chart --include-crds --skip-crds", "no-hooks": "template r chart --no-hooks", "skip-tests": "template r chart --skip-tests",
        "upgrade": "template r chart --is-upgrade", "namespace": "template r chart -n shop", "namespace-late": "template r chart --namespace=shop",
        "kube": "template r chart --kube-version 1.29", "kube-v": "template r chart --kube-version v1.29.3-gke.1", "kube-bad": "template r chart --kube-version abc",
        "kube-one": "template r chart --kube-version 1", "kube-one-large": "template r chart --kube-version v99999999999999999999..3.1", "kube-empty": "template r chart --kube-version ''", "api": "template r chart -a x/v1 --api-versions y/v1,z",
        "show": "template r chart -s templates/a.yaml", "show-two": "template r chart -s templates/b.yaml -s templates/a.yaml", "show-glob": "template r chart -s 'templates/*.yaml'",
        "show-sub": "template r chart -s charts/s/templates/s.yaml", "show-deep": "template r chart -s 'templates/*/c.yaml'", "show-none": "template r chart -s templates/no.yaml",
        "show-notes": "template r chart -s templates/NOTES.txt", "show-crd": "template r chart --include-crds -s crds/x.yaml", "show-bad-glob": "template r chart -s 'templates/[a'",
        "show-hook": "template r chart -s templates/h.yaml", "show-hook-no": "template r chart --no-hooks -s templates/h.yaml", "show-dir": "template r chart -s templates",
        "show-dot": "template r chart -s ./templates/a.yaml", "name-template": "template --name-template '{{ \"x\" | upper | lower }}-{{ 1 }}' chart",
        "name-template-bad": "template --name-template '{{ if }}' chart", "name-template-name": "template r chart --name-template x", "name-template-invalid": "template --name-template 'A_B' chart",
        "name-template-fail": "template --name-template '{{ fail \"x\" }}' chart", "generate": "template -g chart", "generate-name": "template r chart -g",
        "name-bad": "template R_ chart", "name-long": "template " + "a" * 54 + " chart", "name-dot": "template a.b chart", "name-empty": "template '' chart",
        "dry-run": "template r chart --dry-run", "dry-run-client": "template r chart --dry-run=client", "dry-run-none": "template r chart --dry-run=none", "dry-run-bad": "template r chart --dry-run=x",
        "dry-run-true": "template r chart --dry-run=true", "dry-run-false": "template r chart --dry-run=false", "validate-and": "template r chart --validate --dry-run",
        "unknown": "template r chart --nope", "unknown-short": "template r chart -z", "bool-bad": "template r chart --no-hooks=x", "needs": "template r chart --set",
        "deprecated": "template r chart --force --atomic --hide-notes --render-subchart-notes", "force-both": "template r chart --force-replace --force-conflicts",
        "force-old": "template r chart --force --force-conflicts", "wait-bad": "template r chart --wait=x", "wait-true": "template r chart --wait=true", "wait": "template r chart --wait",
        "labels": "template r chart --labels a=b,c=d", "labels-bad": "template r chart --labels a", "timeout": "template r chart --timeout 5m", "timeout-bad": "template r chart --timeout x",
        "description": "template r chart --description d --create-namespace --disable-openapi-validation --replace --take-ownership --wait-for-jobs --server-side=false",
        "devel": "template r chart --devel --version 9", "debug": "template r chart --debug", "post-renderer-missing": "template r chart --post-renderer nope",
        "skip-schema": "template r chart --skip-schema-validation"}.items():
    case("template/" + key, FULL, args, helm3=key in ("plain", "crds", "no-hooks", "show", "show-two", "show-glob", "upgrade", "kube", "kube-v", "kube-bad", "api",
                                                    "skip-tests", "name-template", "show-none"),
         differs={"debug": "the debug lines are our own", "post-renderer-missing": "a program, not a plugin",
                  "name-template-bad": "Helm does not clean this text", "name-template-fail": "Helm does not clean this text",
                  "name-template-invalid": LOGS, "name-bad": LOGS, "name-long": LOGS, "name-empty": LOGS}.get(key))
for key, args in {"dir": "--output-dir out", "dir-crds": "--output-dir out --include-crds", "dir-name": "--output-dir out --release-name", "dir-hooks": "--output-dir out --no-hooks",
                  "dir-tests": "--output-dir out --skip-tests", "dir-show": "--output-dir out -s templates/a.yaml"}.items():
    case("template/" + key, FULL, "template r chart " + args, tree="out")
case("template/dir-empty", FULL, "template r chart --output-dir ''", tree="out")
case("template/name-template-empty", FULL, "template --name-template '' chart")
case("template/name-template-function", FULL, "template --name-template '{{ nope }}' chart")
case("template/name-template-open", FULL, "template --name-template 'a{{ 1' chart")
CONTEXTS = {"kc": "current-context: a\ncontexts:\n- {name: a, context: {cluster: x, namespace: shop}}\n- {name: b, context: {namespace: other}}\n- {name: c, context: {}}\n",
            "broken": "a: [\n", "home/.kube/config": "current-context: h\ncontexts:\n- {name: h, context: {namespace: of-home}}\n"}
for key, args, env in [("env", "", {"KUBECONFIG": "kc"}), ("home", "", {}), ("home-env-empty", "", {"KUBECONFIG": ""}), ("flag", "--kubeconfig kc", {}), ("context", "--kubeconfig kc --kube-context b", {}),
                       ("context-env", "", {"KUBECONFIG": "kc", "HELM_KUBECONTEXT": "b"}), ("context-bare", "", {"KUBECONFIG": "kc", "HELM_KUBECONTEXT": "c"}),
                       ("context-none", "--kube-context nope", {"KUBECONFIG": "kc"}), ("missing", "--kubeconfig nope", {}), ("missing-env", "", {"KUBECONFIG": "nope:kc"}),
                       ("none-there", "", {"KUBECONFIG": "nope"}), ("broken", "", {"KUBECONFIG": "broken:kc"}), ("n", "-n mine", {"KUBECONFIG": "kc"}), ("n-env", "", {"KUBECONFIG": "kc", "HELM_NAMESPACE": "mine"})]:
    case("namespace/" + key, {**chart(**{"templates/a.yaml": "kind: X\nmetadata: {name: \"{{ .Release.Namespace }}_\"}\n"}), **CONTEXTS}, "template r chart " + args, env=env, then="lint chart " + args)
for key in ("name", "owner", "status", "version", "createdAt", "modifiedAt", "Name"):
    case("template/labels-of-helm-" + key, FULL, f"template r chart -s templates/a.yaml --labels a=b --labels {key}=x")
for key, args in {"never": "--color never", "bad": "--color x", "bad-too": "--colour=", "late": "--color x --color auto"}.items():
    case("template/color-" + key, FULL, "template r chart -s templates/a.yaml " + args, differs="Helm says it in a log line" if "bad" in key else None)
case("template/timeout-bare", FULL, "template r chart --timeout 300")
case("template/dir-twice", FULL, "template r chart --output-dir out", then="template r chart --output-dir out --include-crds", tree="out")
case("template/bad-yaml", chart(**{"templates/a.yaml": "a: b: c\n", "templates/b.yaml": CM}), "template r chart", helm3=True)
case("template/bad-yaml-debug", chart(**{"templates/a.yaml": "a: b: c\n", "templates/b.yaml": CM}), "template r chart --debug", differs="debug lines")
case("template/parse-error-debug", chart(**{"templates/a.yaml": "{{ if }}"}), "template r chart --debug", differs="debug lines")
case("template/dependency-update", {**chart(BASE + "dependencies:\n- {name: s, version: 1.x.x, repository: 'file://../s'}\n", **{"templates/a.yaml": V}),
                                   "s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.2.3\n", "s/values.yaml": "x: 1\n"},
     "template r chart --dependency-update")
case("template/dependency-update-there", chart(BASE + "dependencies:\n- {name: s, version: 1.x.x}\n", **{
    "templates/a.yaml": V, "charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.2.3\n"}), "template r chart --dependency-update")

# ---- values
SETS = ["a=1", "a=1,b=x", "a.b.c=1", "a[0]=x", "a[2]=x", "a[0].b=c", "a={x,y}", "a={}", "a={x,{y}}", "a=null", "a.b=null", "a", "a,b=1", "a.=1", "=v", "a=1,",
        "a\\,b=1", "a\\.b=1", "a=x\\,y", "a=true", "a=TRUE", "a=1.5", "a=007", "a=0", "a=-5", "a=1e3", "a[-1]=x", "a[x]=1", "a[70000]=x", "a[0", "a[0]", "a[0]x=1",
        "a={x", "a={x}b=1", "a={x},b=1", " a=1 , b= 2", "d=x", "d.e=5", "d.e.f=5", "l[0]=z", "l[5]=z", "l=x", "n.x=1", "d=null", "d.e=null", "a==b", "a=b=c",
        "a[0][1]=x", "l[0].k=v", "t.x=1", ".".join("abcdefghijklmnopqrstuvwxyzabcdefgh") + "=1", "a=12345678901234567890", "a=\"x\"", "é=ü", "a={true,1,null,1.5}"]
VALUES = "d: {e: 1, f: 2}\nl: [a, b]\nn: null\nt: text\n"
for i, text in enumerate(SETS):
    case(f"set/plain-{i}", chart(**{"templates/a.yaml": V, "values.yaml": VALUES}), "template r chart --set '" + text.replace("'", "'\\''") + "'", helm3=i % 4 == 0,
         differs=LOGS)
for i, args in enumerate([
        "--set-string a=1,b=true,c=null,d=", "--set-json 'a={\"x\":[1,2.5,null]},b=1'", "--set-json 'a={'", "--set-json '{\"d\":{\"e\":null,\"g\":1}}'", "--set-json a=", "--set-json 'a=1 ,b=2'",
        "--set-file a=f.txt", "--set-file a=nothere", "--set-file a=f.txt,b=f.txt", "--set-literal 'a.b=x,y=z\\n'", "--set-literal a", "--set-json '[1]'", "--set-json a", "--set a=1 --set-string a=2 --set-json a=3 --set-literal a=4",
        "--set-literal a=4 --set a=1", "-f v.yaml", "-f v.yaml -f w.yaml", "-f v.yaml,w.yaml", "-f 'v.yaml,\"w.yaml\"'", "-f nothere.yaml", "-f ''", "-f -", "-f v.yaml -f - --set d.e=9", "-f list.yaml", "-f bad.yaml", "-f two.yaml",
        "-f empty.yaml", "-f null.yaml", "-f ./v.yaml --set l=null", "-f nulls.yaml", "--values=v.yaml", "-fv.yaml", "-f dir", "-f nopath://x", "--set-file d.e=f.txt --set d.f=5"]):
    case(f"set/more-{i}", {**chart(**{"templates/a.yaml": V, "values.yaml": VALUES}), "f.txt": "file\ntext\n", "v.yaml": "d: {e: v}\nv: 1\n", "w.yaml": "d: {f: w}\nl: [w]\n",
                           "list.yaml": "- a\n", "bad.yaml": "a: [\n", "two.yaml": "a: 1\n---\nb: 2\na: 3\n", "empty.yaml": "", "null.yaml": "null\n", "nulls.yaml": "d: null\nl: null\nq: {r: null}\n",
                           "dir": Dir()}, "template r chart " + args, stdin="stdin: 1\nd: {f: s}\n", helm3=i % 3 == 0, differs="needs the network half" if "nopath" in args else None)

for key, args in {"open-index": "--set 'a[0=1'", "open-index-nested": "--set-string 'b=1,a[0][=1'", "open-index-json": "--set-json 'a[=1'", "open-index-literal": "--set-literal 'a[0'"}.items():
    case("set/" + key, chart(**{"templates/a.yaml": V}), "template r chart " + args, helm3=True)
case("template/unknown-hooks", chart(**{"templates/a.yaml": CM + "---\nmetadata: {annotations: {helm.sh/hook: 'crd-install, \"x\"'}}\n---\nmetadata: {annotations: {helm.sh/hook: nope}}\n"}),
     "template r chart", helm3=True)
for key, args in {"flags": "--validate=false --force --atomic --hide-notes --render-subchart-notes", "both": "--validate=false --dry-run", "dry-run": "--dry-run=x", "dry-run-none": "--dry-run=none", "wait": "--wait=x"}.items():
    case("template/gone-" + key, chart(**{"templates/a.yaml": CM}), "template r chart " + args, helm3=True)
case("template/kube-range", chart(BASE + "kubeVersion: '>=1.30'\n"), "template r chart --kube-version 1.29.03-gke.1", helm3=True)

# ---- sub-charts
S = "apiVersion: v2\nname: s\nversion: 1.2.3\n"
SUB = {"chart/charts/s/Chart.yaml": S, "chart/charts/s/values.yaml": "a: s\nd: {x: 1, y: 2}\nglobal: {g: s, t: {u: 1}}\nexports: {out: {e: 1}, other: {o: 2}}\nnul: null\n",
       "chart/charts/s/templates/s.yaml": "s: {{ .Values | toJson }}\nn: {{ .Chart.Name }} {{ .Template.Name }}\n"}


def deps(name, entries, values="", args="", more=None, helm3=True, **kw):
    files = chart(BASE + ("dependencies:\n" + entries if entries else ""), **{"templates/a.yaml": V + "d: {{ len .Chart.Dependencies }}\n", "values.yaml": values})
    case("deps/" + name, {**files, **SUB, **(more or {})}, "template r chart " + args, helm3=helm3, **{"differs": LOGS, **kw})


D = "- {name: s, version: 1.2.3%s}\n"
for name, entries, values, args in [
        ("unlisted", "", "s: {a: p}\n", ""), ("listed", D % "", "s: {a: p, d: {x: null}}\n", ""), ("set-null", D % "", "s: {a: p}\n", "--set s.d.x=null --set s.a=null"),
        ("null-section", D % "", "s: null\n", ""), ("text-section", D % "", "s: text\n", ""), ("text-section-set", D % "", "", "--set s=text"), ("list-section", D % "", "s: [a]\n", ""),
        ("wrong-version", "- {name: s, version: 2.0.0}\n", "", ""), ("range", "- {name: s, version: '^1'}\n", "", ""), ("bad-range", "- {name: s, version: abc}\n", "", ""),
        ("no-version", "- {name: s}\n", "", ""), ("alias", D % ", alias: q", "q: {a: p}\ns: {a: n}\n", ""), ("alias-twice", D % ", alias: q" + D % ", alias: w", "q: {a: 1}\nw: {a: 2}\n", ""),
        ("alias-and-plain", D % "" + D % ", alias: w", "s: {a: 1}\nw: {a: 2}\n", ""), ("condition-false", D % ", condition: s.on", "s: {on: false}\n", ""), ("condition-true", D % ", condition: s.on", "s: {on: true}\n", ""),
        ("condition-set", D % ", condition: s.on", "s: {on: false}\n", "--set s.on=true"), ("condition-none", D % ", condition: s.nope", "", ""), ("condition-text", D % ", condition: s.on", "s: {on: 'yes'}\n", ""),
        ("condition-two", D % ", condition: 's.nope,s.on'", "s: {on: false}\n", ""), ("condition-spaces", D % ", condition: ' s.on '", "s: {on: false}\n", ""), ("condition-default", D % ", condition: s.a", "", ""),
        ("condition-global", D % ", condition: global.on", "global: {on: false}\n", ""), ("tags-false", D % ", tags: [t]", "tags: {t: false}\n", ""), ("tags-mixed", D % ", tags: [t, u]", "tags: {t: false, u: true}\n", ""),
        ("tags-text", D % ", tags: [t]", "tags: {t: 'no'}\n", ""), ("tags-condition", D % ", tags: [t], condition: s.on", "tags: {t: false}\ns: {on: true}\n", ""), ("tags-set", D % ", tags: [t]", "", "--set tags.t=false"),
        ("globals", D % "", "global: {g: p, h: 1}\n", ""), ("globals-set", D % "", "global: {g: p}\n", "--set global.g=set,global.t=x"), ("globals-text", D % "", "global: text\n", ""), ("globals-null", D % "", "global: {g: null}\n", ""),
        ("globals-conflict", D % "", "global: {t: x}\n", ""), ("sub-globals", D % "", "s: {global: {g: own}}\n", ""),
        ("import", D % ", import-values: [out]", "", ""), ("import-two", D % ", import-values: [out, other]", "e: p\n", ""), ("import-map", D % ", import-values: [{child: d, parent: imp.here}]", "imp: {here: {x: p}}\n", ""),
        ("import-missing", D % ", import-values: [nope]", "", ""), ("import-map-missing", D % ", import-values: [{child: nope, parent: p}]", "", ""), ("import-scalar", D % ", import-values: [{child: a, parent: p}]", "", ""),
        ("import-bad", D % ", import-values: [1]", "", ""), ("import-bad-map", D % ", import-values: [{child: 1, parent: p}]", "", ""), ("import-parent-dot", D % ", import-values: [{child: d, parent: .}]", "", ""),
        ("import-user", D % ", import-values: [out]", "", "--set s.exports.out.e=9"), ("import-disabled", D % ", import-values: [out], condition: s.on", "s: {on: false}\n", ""),
        ("table-over", D % "", "s: {a: {b: 1}}\n", ""), ("scalar-over", D % "", "s: {d: 5}\n", ""), ("set-table-over", D % "", "", "--set s.a.b=1 --set s.d=5"), ("nul", D % "", "s: {nul: {x: 1}}\n", ""), ("enabled-field", D % ", enabled: false", "", "")]:
    deps(name, entries, values, args)
GRAND = {"chart/charts/s/charts/g/Chart.yaml": "apiVersion: v2\nname: g\nversion: 0.1.0\n", "chart/charts/s/charts/g/values.yaml": "z: g\nexports: {up: {w: 1}}\n",
         "chart/charts/s/charts/g/templates/g.yaml": "g: {{ .Values | toJson }}\n"}
deps("grand", D % "", "s: {g: {z: p}}\nglobal: {q: 1}\n", more=GRAND)
deps("grand-condition", D % "", "s: {g: {on: false}}\n", more={**GRAND, "chart/charts/s/Chart.yaml": S + "dependencies:\n- {name: g, version: 0.1.0, condition: g.on}\n"})
deps("grand-import", D % ", import-values: [{child: from, parent: top}]", "", more={**GRAND, "chart/charts/s/Chart.yaml": S + "dependencies:\n- {name: g, version: 0.1.0, import-values: [{child: exports.up, parent: from}]}\n"})
deps("library", "- {name: lib, version: 1.0.0}\n" + D % "", "", more={"chart/charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
     "chart/charts/lib/templates/l.yaml": "l: 1\n", "chart/charts/lib/templates/_l.tpl": "{{ define \"l\" }}lib{{ end }}", "chart/templates/u.yaml": "u: {{ include \"l\" . }}\n"})
deps("tgz", "- {name: z, version: 1.0.0}\n", "z: {k: p}\n", more={"chart/charts/z-1.0.0.tgz": Tgz({"z/Chart.yaml": "apiVersion: v2\nname: z\nversion: 1.0.0\n", "z/values.yaml": "k: z\n", "z/templates/z.yaml": V})})
deps("tgz-bad", "- {name: z, version: 1.0.0}\n", "", more={"chart/charts/z-1.0.0.tgz": "abc"}, helm3=False, differs="says what it is")
deps("plain-file", D % "", "", more={"chart/charts/README.md": "x"}, helm3=False)
# A chart is copied for each dependency that names it; what copies have in common with each other and with the loaded chart
# shows in paths, in names and in what is there at all. Letters: what the chart at that depth says of the one below it.
LISTS = {"x": "", "e": "dependencies: []\n", "y": "dependencies:\n- {name: N, version: '*'}\n", "z": "dependencies:\n- {name: N, version: '*', alias: Na}\n",
         "w": "dependencies:\n- {name: N, version: '*', alias: Na, import-values: [{child: vN, parent: iN}]}\n- {name: N, version: '*', alias: Nb}\n",
         "v": "dependencies:\n- {name: N, version: '*', condition: Nb.on}\n- {name: N, version: '*', alias: Nb}\n"}
SHOW = "a: {{ .Chart.Name }} {{ .Values | toJson }} {{ .Template.Name }} {{ .Chart.Dependencies | toJson }} {{ .Chart.Maintainers | toJson }}\n"
for letters in ("ev", "zx", "wx", "wz", "vz", "ex", "yex", "exw", "xxw", "zxx", "wxw", "wzv", "vwx", "vyw", "wyz", "vvv", "zwv", "yvx"):
    files = {}
    for depth, name in enumerate("cstu"[:len(letters) + 1]):
        top, below = "chart/" + "".join("charts/%s/" % n for n in "stu"[:depth]), "cstuu"[depth + 1]
        files[top + "Chart.yaml"] = "apiVersion: v2\nname: %s\nversion: 0.1.0\n" % name + (LISTS[letters[depth]].replace("N", below) if depth < len(letters) else "")
        files[top + "templates/a.yaml"] = SHOW
        files[top + "values.yaml"] = "v%s: {a: 1}\nsb: {on: false}\n" % name
        files[top + "crds/%s.yaml" % name] = "crd: %s\n" % name
    case("deps/copies-" + letters, files, "template r chart --include-crds", helm3=True, differs=LOGS)
deps("hidden", D % "", "", more={"chart/charts/_x/Chart.yaml": "a: [\n", "chart/charts/.y/Chart.yaml": "a: [\n"})

# What the two Helms tell apart in templates: types and their texts, .Chart, versions, mustToJson, errors that are Go's own.
KUBE = "--kube-version v1.33.4-gke.12"
for key, text in {
        "types": "{{ printf \"%T %T %T %T %T %T\" .Values .Chart .Files .Capabilities .Release .Capabilities.KubeVersion }}",
        "chart-yaml": "{{ .Chart | toYaml | quote }} {{ .Chart.Name }} {{ .Chart.AppVersion | quote }}", "chart-unknown": "{{ .Chart.Foo }}",
        "chart-metadata": "{{ .Chart.Metadata.Name }} {{ .Chart.Metadata.Annotations.a }} {{ with .Chart.Metadata }}{{ .Version }}{{ end }}",
        "chart-dict": "{{ get .Chart \"Name\" }}", "chart-keys": "{{ keys .Chart | sortAlpha }}", "chart-has": "{{ hasKey .Chart \"Type\" }}",
        "chart-deps": "{{ range .Chart.Dependencies }}{{ .Name }}{{ .Enabled }}{{ end }}|{{ range .Chart.Maintainers }}{{ .Email }}{{ end }}",
        "chart-print": "{{ len .Chart.Maintainers }} {{ .Chart.Annotations }} {{ .Chart.Keywords }} {{ .Chart.Deprecated }}",
        "kube": "{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Version }} {{ print .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.GitVersion }}",
        "must-json": "{{ dict \"a\" \"<é>\" \"b\" (list 1.5 nil) | mustToJson }}", "must-json-bad": "{{ mustToJson (float64 \"NaN\") }}",
        "nil": "{{ .Values.n.x }}", "call": "{{ include \"h\" . }}\n{{- define \"h\" }}{{ .Values.n.x.y }}{{ end }}", "func": "{{ atoi (list) }}",
        "fail": "{{ fail \"a: b\" }}", "required": "{{ required \"gone: x\" .Values.x }}", "parse": "{{ if }}", "tpl": "{{ tpl \"{{ .Values.n.x }}\" . }}"}.items():
    case("versions/" + key, chart(BASE + "appVersion: 1.10\nkeywords: [k]\nmaintainers: [{name: m, email: m@x}]\nannotations: {a: b}\n",
                                  **{"templates/t.yaml": "a: {}  # " + text + "\n"}), "template r chart " + KUBE, helm3=True)
