"""helm lint: rules, levels, flags."""
from run import LOGS, case, Dir, Link, Tgz

BASE = "apiVersion: v2\nname: c\nversion: 0.1.0\nicon: https://x/y.png\n"
NO_ICON = "apiVersion: v2\nname: c\nversion: 0.1.0\n"
OK = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"


def chart(meta=BASE, **files):
    out = {"chart/Chart.yaml": meta, "chart/templates/t.yaml": OK, "chart/values.yaml": "a: 1\n"}
    for name, body in files.items():
        if body is None:
            out.pop("chart/" + name, None)
        else:
            out["chart/" + name] = body
    return out


def lint(name, files, args="", **more):
    case("lint/" + name, files, "lint chart " + args, keep_order=True, **{"helm3": True, **more})


# ---- Chart.yaml
for key, meta in {
        "ok": BASE, "no-icon": NO_ICON, "empty": "", "not-yaml": "a: [\n", "list": "- a\n", "no-name": "apiVersion: v2\nversion: 0.1.0\n",
        "no-version": "apiVersion: v2\nname: c\n", "no-api": "name: c\nversion: 0.1.0\n",
        "bad-api": "apiVersion: v9\nname: c\nversion: 0.1.0\n", "v1": "apiVersion: v1\nname: c\nversion: 0.1.0\n",
        "v1-type": "apiVersion: v1\nname: c\nversion: 0.1.0\ntype: application\n",
        "v1-deps": "apiVersion: v1\nname: c\nversion: 0.1.0\ndependencies: [{name: a, version: 1}]\n",
        "name-slash": "apiVersion: v2\nname: a/b\nversion: 0.1.0\n", "name-other": "apiVersion: v2\nname: other\nversion: 0.1.0\n",
        "version-bad": "apiVersion: v2\nname: c\nversion: abc\n", "version-short": "apiVersion: v2\nname: c\nversion: 1.2\n",
        "version-int": "apiVersion: v2\nname: c\nversion: 1\n", "version-v": "apiVersion: v2\nname: c\nversion: v1.2.3\n",
        "version-zero": "apiVersion: v2\nname: c\nversion: 0.0.0-0\n", "version-000": "apiVersion: v2\nname: c\nversion: 0.0.0\n",
        "version-bool": "apiVersion: v2\nname: c\nversion: true\n", "version-map": "apiVersion: v2\nname: c\nversion: {}\n",
        "version-null": "apiVersion: v2\nname: c\nversion:\n",
        "app-version-number": BASE + "appVersion: 1.2\n", "app-version-list": BASE + "appVersion: [1]\n",
        "app-version-null": BASE + "appVersion:\n", "app-version-bool": BASE + "appVersion: yes\n",
        "unknown": BASE + "foo: 1\nbar: 2\n", "unknown-deep": BASE + "maintainers: [{name: a, nick: b}]\n",
        "unknown-case": BASE + "HOME: http://x\n", "double": BASE + "name: d\n", "double-two": BASE + "name: d\nversion: 1.0.0\n",
        "maintainer-null": BASE + "maintainers: [null]\n", "maintainer-noname": BASE + "maintainers: [{email: a@b.c}]\n",
        "type-bad": BASE + "type: other\n", "type-library": BASE + "type: library\n",
        "icon-bad": NO_ICON + "icon: foo\n", "icon-rel": NO_ICON + "icon: /a/b.png\n", "icon-data": NO_ICON + "icon: data:abc\n",
        "icon-space": NO_ICON + "icon: http://a b\n", "icon-file": NO_ICON + "icon: file:///x\n",
        "sources-bad": BASE + "sources: [http://ok, foo, '']\n", "sources-empty": BASE + "sources: ['']\n",
        "deprecated": BASE + "deprecated: true\n", "kube": BASE + "kubeVersion: '>=1.99'\n"}.items():
    lint("chartfile-" + key, chart(meta), differs="the last double key is told, by Helm all" if key == "double-two" else None)
EMAILS = ["a@b.c", "a@b", "a", "a.b@c.d.ef", "a..b@c.de", ".a@c.de", "\"a b\"@c.de", "a@c.d1", "a@-c.de", "a+b@c.de", "a@c.de.",
          "a b@c.de", "é@ü.de", "a@c_d.ef", "a@b@c.de"]
for i, email in enumerate(EMAILS):
    lint(f"email-{i}", chart(BASE + f"maintainers: [{{name: x, email: '{email}'}}]\n"))
URLS = ["http://x", "https://x.y/z?a=b#c", "x.y", "x", "localhost", "http://", "ftp://a.b", "git://a.b", "a.b:80", "a.b:x", "http://a b.c",
        "http://1.2.3.4", "http://[::1]:80/", "//a.b", "mailto:a@b.c", "http://a_b.c", "http://-a.b", "http://a.b:99999", "a b", ".a.b",
        "http://user:pw@a.b/"]
for i, url in enumerate(URLS):
    lint(f"url-{i}", chart(BASE + f"maintainers: [{{name: x, url: '{url}'}}]\nsources: ['{url}']\n"))

# ---- values.yaml and schema
for key, text in {"none": None, "empty": "", "bad": "a: [\n", "list": "- a\n", "text": "x\n", "two": "a: 1\n---\nb: 2\n"}.items():
    lint("values-" + key, chart(**{"values.yaml": text}))
SCHEMA = '{"properties": {"a": {"type": "string"}}, "required": ["b"]}'
lint("schema", chart(**{"values.schema.json": SCHEMA}))
lint("schema-set", chart(**{"values.schema.json": SCHEMA}), "--set a=x,b=1")
lint("schema-skip", chart(**{"values.schema.json": SCHEMA}), "--skip-schema-validation")
lint("schema-bad", chart(**{"values.schema.json": "{"}))
lint("schema-empty", chart(**{"values.schema.json": ""}))
lint("schema-null", chart(**{"values.schema.json": '{"properties": {"a": {"type": "null"}}}', "values.yaml": "a: null\n"}))
lint("schema-no-values", chart(**{"values.schema.json": SCHEMA, "values.yaml": None}))
lint("schema-of-sub", {**chart(BASE + "dependencies: [{name: s, version: 1.0.0}]\n"),
                       "chart/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n",
                       "chart/charts/s/values.schema.json": SCHEMA})

# ---- templates
TEMPLATES = {
    "no-dir": {"templates/t.yaml": None}, "is-file": {"templates/t.yaml": None, "templates": "x"},
    "empty-dir": {"templates/t.yaml": None, "templates": Dir()},
    "extension": {"templates/a.json": "{}", "templates/b.md": "", "templates/c": "", "templates/.d": "", "templates/E.YAML": OK},
    "indent": {"templates/t.yaml": "\n  " + OK.replace("\n", "\n  ")}, "indent-tab": {"templates/t.yaml": "\n\t# x\n" + OK},
    "parse-error": {"templates/t.yaml": "{{ if }}\n"}, "nil": {"templates/t.yaml": "a: {{ .Values.x.y }}\n"},
    "required": {"templates/t.yaml": OK + "data:\n  a: {{ required \"need it\" .Values.q }}\n"},
    "fail": {"templates/t.yaml": OK + "data:\n  a: {{ fail \"stop\" }}\n"},
    "not-yaml": {"templates/t.yaml": "a: [\n"}, "not-yaml-2": {"templates/t.yaml": OK + "---\na: b: c\n", "templates/u.yaml": "a: [\n"},
    "list-top": {"templates/t.yaml": "- a\n"}, "text-top": {"templates/t.yaml": "abc\n"}, "number-top": {"templates/t.yaml": "12\n"},
    "sep-text": {"templates/t.yaml": OK + "--- x\n" + OK}, "sep-comment": {"templates/t.yaml": OK + "--- # x\n" + OK},
    "sep-glued": {"templates/t.yaml": OK + "---a: b\n"}, "only-comment": {"templates/t.yaml": "# nothing\n"},
    "sep-first": {"templates/t.yaml": "---\n" + OK + "---\n"}, "null-doc": {"templates/t.yaml": "null\n---\n" + OK},
    "kind-list": {"templates/t.yaml": "apiVersion: v1\nkind: []\nmetadata: {name: a}\n"},
    "kind-number": {"templates/t.yaml": "apiVersion: 1\nkind: 2\nmetadata: {name: 3}\n"},
    "meta-text": {"templates/t.yaml": "apiVersion: v1\nkind: X\nmetadata: abc\n"},
    "name-map": {"templates/t.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: {a: b}}\n"},
    "case-fields": {"templates/t.yaml": "APIVERSION: v1\nKIND: ConfigMap\nMetaData: {NAME: a}\n"},
    "json": {"templates/t.yaml": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'},
    "json-bad-name": {"templates/t.yaml": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A_"}}'},
    "notes": {"templates/NOTES.txt": "hello {{ .Values.a.b.c }}"}, "notes-ok": {"templates/NOTES.txt": "hello"},
    "partial": {"templates/_x.yaml": "{{ define \"x\" }}a{{ end }}"}, "crlf": {"templates/t.yaml": OK.replace("\n", "\r\n")},
    "workload": {"templates/t.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n"},
    "workload-ok": {"templates/t.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {}}}\n"},
    "list-policy": {"templates/t.yaml": "apiVersion: v1\nkind: List\nmetadata: {name: a}\nitems:\n- metadata:\n    annotations: {helm.sh/resource-policy: keep}\n"},
    "list-ok": {"templates/t.yaml": "apiVersion: v1\nkind: List\nmetadata: {name: a}\nitems:\n- metadata: {}\n"},
    "lookup": {"templates/t.yaml": OK + "data: {{ lookup \"v1\" \"Secret\" \"a\" \"b\" | toJson }}\n"},
    "release": {"templates/t.yaml": OK + "data: {a: {{ .Release.Name }}, b: {{ .Release.Namespace }}}\nx: [\n"},
    "bad-helmignore": {".helmignore": "a**\n"}, "long-line": {"templates/t.yaml": "# " + "x" * 70000 + "\n" + OK},
    "dup-keys": {"templates/t.yaml": OK + "metadata: {name: b}\n"},
    "tab": {"templates/t.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n"},
}
for key, more in TEMPLATES.items():
    lint("templates-" + key, chart(**more), helm3=key not in ("required", "fail"))  # what they log: lint/fail
NAMES = [("ConfigMap", ""), ("ConfigMap", "A"), ("ConfigMap", "a.b"), ("ConfigMap", "a_b"), ("ConfigMap", "-a"), ("ConfigMap", "a."), ("Service", "1a"),
         ("Service", "a.b"), ("Namespace", "a.b"), ("Namespace", "1a"), ("Role", "system:a"), ("Role", "a/b%"), ("Role", ""), ("Role", ".."),
         ("ClusterRoleBinding", "a%b"), ("CertificateSigningRequest", "A B"), ("ServiceAccount", "a.b"), ("Foo", "A"), ("ConfigMap", "a" * 254),
         ("Service", "a" * 64), ("ConfigMap", "A" * 254)]
for i, (kind, name) in enumerate(NAMES):
    lint(f"name-{i}", chart(**{"templates/t.yaml": f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: '{name}'\n"}))
for i, (api, kind) in enumerate([
        ("extensions/v1beta1", "Deployment"), ("extensions/v1beta1", "Ingress"), ("apps/v1beta1", "StatefulSet"), ("batch/v1beta1", "CronJob"),
        ("policy/v1beta1", "PodDisruptionBudget"), ("v1", "Endpoints"), ("v1", "EndpointsList"), ("v1", "ComponentStatus"), ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler"), ("networking.k8s.io/v1beta1", "IngressList"), ("networking.k8s.io/v1beta1", "IngressClass"),
        ("networking.k8s.io/v1beta1", "IngressClassList"), ("discovery.k8s.io/v1beta1", "EndpointSliceList"), ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"),
        ("apps/v1beta1", "Scale"), ("apps/v1beta2", "ScaleList"), ("admission.k8s.io/v1beta1", "AdmissionReview"), ("storage.k8s.io/v1beta1", "CSINodeList"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"), ("storagemigration.k8s.io/v1beta1", "StorageVersionMigration"),
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"), ("policy/v1beta1", "PodSecurityPolicy"), ("scheduling.k8s.io/v1beta1", "PriorityClass"),
        ("apps/v1", "Deployment"), ("admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy"), ("coordination.k8s.io/v1alpha2", "LeaseCandidate"),
        ("resource.k8s.io/v1beta1", "ResourceClaim"), ("authentication.k8s.io/v1beta1", "TokenReview"), ("policy/v1beta1", "Eviction")]):
    for version in ("", "1.20", "1.36.2"):
        lint(f"deprecated-{i}{'-' + version if version else ''}",
             chart(**{"templates/t.yaml": f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{selector: {{matchLabels: {{}}}}}}\n"}),
             f"--kube-version {version}" if version else "")

# ---- dependencies, CRDs
SUB = {"chart/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "chart/charts/s/templates/a.yaml": "s: [\n"}
DEP = BASE + "dependencies:\n- {name: s, version: 1.0.0}\n"
lint("deps-unlisted", {**chart(), **SUB})
lint("deps-listed", {**chart(DEP), **SUB})
lint("deps-missing", chart(DEP))
lint("deps-twice", chart(BASE + "dependencies:\n- {name: s, version: 1.0.0}\n- {name: s, version: 1.0.0}\n"))
lint("deps-alias", {**chart(BASE + "dependencies:\n- {name: s, version: 1.0.0, alias: q}\n"), **SUB})
lint("deps-sub-bad", {**chart(DEP), "chart/charts/s/Chart.yaml": "a: [\n"})
lint("deps-disabled", {**chart(BASE + "dependencies:\n- {name: s, version: 1.0.0, condition: s.on}\n"), **SUB}, "--set s.on=false")
lint("subcharts", {**chart(DEP), **SUB}, "--with-subcharts")
lint("subcharts-tgz", {**chart(DEP), "chart/charts/s-1.0.0.tgz": Tgz({"s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n"})},
     "--with-subcharts")
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n"
for key, more in {"ok": {"crds/a.yaml": CRD}, "kind": {"crds/a.yaml": OK}, "bad": {"crds/a.yaml": "a: [\n", "crds/b.yaml": OK},
                  "template": {"crds/a.yaml": "{{ .Values }}\n"}, "file": {"crds": "x"}, "other": {"crds/README.md": "x"},
                  "two": {"crds/a.yaml": CRD + "---\n" + OK}, "empty": {"crds/a.yaml": ""}, "list": {"crds/a.yaml": "- a\n"},
                  "json": {"crds/a.json": "{}"}}.items():
    lint("crds-" + key, chart(**more), differs="told as YAML, by Helm as JSON" if key == "template" else None)

# ---- flags
lint("flag-strict", chart(NO_ICON, **{"templates/t.yaml": None}), "--strict")
lint("flag-strict-ok", chart(NO_ICON), "--strict")
lint("flag-quiet", chart(NO_ICON), "--quiet")
lint("flag-quiet-warning", chart(NO_ICON, **{"templates/t.yaml": None}), "--quiet")
lint("flag-quiet-error", chart("apiVersion: v2\n"), "--quiet")
lint("flag-kube-bad", chart(), "--kube-version abc")
lint("flag-kube-empty", chart(), "--kube-version ''")
lint("flag-values", {**chart(**{"templates/t.yaml": OK + "data: {a: {{ .Values.x }}}\ny: [\n"}), "v.yaml": "x: 5\n"}, "-f v.yaml")
lint("flag-values-missing", chart(), "-f nothere.yaml")
lint("flag-set-bad", chart(), "--set a.b")
lint("flag-namespace", chart(**{"templates/t.yaml": OK + "data: {{ .Release.Namespace }}\nx: [\n"}), "-n shop")
lint("flag-unknown", chart(), "--nope")
case("lint/no-args", {"x": ""}, "lint")
case("lint/here", chart(), "lint", helm3=True)
case("lint/here-chart", {k[len("chart/"):]: v for k, v in chart().items()}, "lint", helm3=True)
case("lint/two", {**chart(), "other/Chart.yaml": NO_ICON}, "lint chart other", keep_order=True)
case("lint/not-there", {"x/y": ""}, "lint nothere", keep_order=True)
case("lint/not-there-dot", {"x/y": ""}, "lint ./nothere/", keep_order=True)
case("lint/no-chart", {"x/y": ""}, "lint x", keep_order=True)
case("lint/archive", {"c.tgz": Tgz({"c/Chart.yaml": BASE, "c/templates/t.yaml": OK})}, "lint c.tgz", keep_order=True)
case("lint/archive-missing", {"x": ""}, "lint c.tgz", keep_order=True)
case("lint/archive-bad", {"c.tgz": "abc"}, "lint c.tgz", keep_order=True, differs="says what the archive is")
lint("chart-yaml-dir", {"chart/Chart.yaml": Dir(), "chart/templates/t.yaml": OK})
lint("link", {**chart(**{"a.txt": Link("../out.txt")}), "out.txt": "x"}, differs="a link is told once, by Helm with each rule")

# ---- of Helm 3 alone
lint("crd-hook", chart(**{"templates/t.yaml": OK + "  annotations:\n    \"helm.sh/hook\":  crd-install\n"}))
lint("crd-hook-plain", chart(**{"templates/_t.tpl": "{{/* helm.sh/hook: crd-install */}}"}))
lint("crd-hook-other", chart(**{"templates/t.yaml": OK + "  annotations:\n    helm.sh/hook: x,crd-install\n"}))
lint("release-time", chart(**{"templates/t.yaml": OK + "  # {{/* .Release.Time */}}\n"}))
lint("deprecated-1.19", chart(**{"templates/t.yaml": "apiVersion: rbac.authorization.k8s.io/v1beta1\nkind: Role\nmetadata: {name: a}\n"}))
lint("deprecated-1.21", chart(**{"templates/t.yaml": "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"}))
lint("yml", chart(**{"templates/t.yml": "a: b: c\n", "templates/U.YAML": "a: b: c\n"}))
lint("skip-schema", chart(**{"values.schema.json": SCHEMA}), "--skip-schema-validation")
lint("template-error", chart(**{"templates/t.yaml": "{{ .Values.x.y }}"}))
lint("release", chart(**{"templates/t.yaml": "{{ fail (toJson .Release) }}", "templates/u.yaml": "{{ if or .Release.IsInstall .Release.IsUpgrade }}{{ .x.y }}{{ end }}"}))
lint("memory", chart(**{"templates/t.yaml": OK + "data:{{ range until 5 }}\n  a{{ . }}: {{ if repeat 6000000 \"a\" }}b{{ end }}{{ end }}\n"}))
lint("fail", chart(**{"templates/t.yaml": "{{ fail \"no\" }}{{ required \"r\" .Values.z }}"}), differs=LOGS)

# What the templates rule sees: the values rule has laid defaults into the maps of the user, and what is coalesced is coalesced
# again. A default that the user takes away with null is back then.
NULLS = chart(**{"values.yaml": "a: 1\nb: {c: 1, d: null, e: {f: 2}}\nm: null\ns: {p: null, q: null, r: 1}\n", "templates/a.yaml": "a: {{ fail (toJson .Values) }}\n",
                 "templates/b.yaml": "b: {{ required \"none\" .Values.zz }}{{ required \"empty: \\\"x\\\"\" \"\" }}\n",
                 "charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 0.1.0\nicon: x\n", "charts/s/values.yaml": "p: 1\nt: {u: 1, v: null}\nz: null\n"})
for key, args in {"none": "", "top": "--set a=null", "map": "--set b=null", "nested": "--set b.c=null,s.t=null,s.r=null", "more": "--set s.t.u=null,k=1,b.d=1,x=null,b.x=null",
                  "sub": "--set b.c=null,s.t=null,s.x=1 --with-subcharts", "over": "--set a.b=1,b=1"}.items():
    lint("nulls-" + key, NULLS, args, differs="values behind warnings are not told" if key == "over" else None)
