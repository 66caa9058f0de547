"""Errors as a person and a program get them (--error-format); the helm form is what all other cases compare."""
from run import case

BASE = "apiVersion: v2\nname: c\nversion: 0.1.0\n"
VALUES = "image:\n  repository: x\n  port: 8080\ndb:\n  password: 5\n  token: abc\nnothing: null\nlist: [a]\ntext: plain\n"


def error(name, template, args="", more=None, values=VALUES, meta=BASE):
    files = {"chart/Chart.yaml": meta, "chart/values.yaml": values, "chart/templates/t.yaml": template, **(more or {})}
    for form in ("person", "json"):
        case(f"errors/{name}-{form}", files, f"template r chart --error-format {form} {args}", own=True, keep_order=True)


HELPERS = {"chart/templates/_h.tpl": "{{- define \"h\" }}\n  name: {{ .Values.imag.tag.x }}\n{{- end }}\n"
                                     "{{ define \"deep\" }}{{ include \"h\" . }}{{ end }}\n"
                                     "{{ define \"loop\" }}{{ include \"loop\" . }}{{ end }}\n"}
error("nil-in-include", "a: 1\nb:\n{{ include \"deep\" . }}\n", more=HELPERS)
error("near-name", "a: {{ .Values.image.repositori.x }}\n")
error("wrong-type", "a: {{ trunc .Values.image.port \"x\" }}\n")
error("wrong-type-set", "a: {{ trunc .Values.image.port \"x\" }}\n", "--set image.port=5")
error("wrong-type-file", "a: {{ trunc .Values.image.port \"x\" }}\n", "-f v.yaml", {"v.yaml": "# mine\nimage:\n  port: 1.5\n"})
error("secret-number", "a: {{ .Values.db.password.x }}\n")
error("secret-text", "a: {{ .Values.db.token.x }}\n")
error("null", "a: {{ .Values.nothing.x }}\n")
error("list", "a: {{ .Values.list.x }}\n")
error("text", "a: {{ .Values.text.x }}\n")
error("root-variable", "{{ range .Values.list }}a: {{ $.Values.text.x }}{{ end }}\n")
error("required", "a: {{ required \"set q, please\" .Values.q }}\n")
error("fail", "a: 1\n\tb: {{ fail \"stop\" }}\n")
error("function", "a: {{ index .Values.list 9 }}\n")
error("parse", "a: 1\nb: {{ .Values.image }\n")
error("unknown-function", "a: {{ nope }}\n")
error("not-yaml", "kind: X\na: b: c\n")
error("not-yaml-of-secret", "kind: Secret\ndata:\n  a: b: c\n")
error("many-bytes", "é: ü {{ .Values.text.x }}\n")
error("values-file", "a: 1\n", "-f v.yaml", {"v.yaml": "a: 1\nb: [\nc: d\n"})
error("values-file-secret", "a: 1\n", "-f v.yaml", {"v.yaml": "a: 1\npassword: {\nc: d\n"})
error("values-file-list", "a: 1\n", "-f v.yaml", {"v.yaml": "- a\n"})
error("chart-values", "a: 1\n", values="a: 1\nb: [\nc: d\n")
error("chart-yaml", "a: 1\n", meta="apiVersion: v2\nname: [c]\nversion: 0.1.0\n")
error("chart-name", "a: 1\n", meta="apiVersion: v2\nversion: 0.1.0\n")
error("sub-chart-yaml", "a: 1\n", more={"chart/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n",
                                       "chart/charts/s/values.yaml": "x:\n  y: [\nz: 1\n"})
error("sub-chart-value", "a: 1\n", "--set s.port=x", {
    "chart/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "chart/charts/s/values.yaml": "# s\nport: 5\nnum: 1\n",
    "chart/charts/s/templates/u.yaml": "p: {{ trunc .Values.num \"x\" }}\n"})
error("schema", "a: 1\n", more={"chart/values.schema.json": '{"properties": {"text": {"type": "number"}}}'})
error("schema-layers", "a: 1\n", "-f v.yaml --set s.port=x", {
    "v.yaml": "# mine\nimage:\n  port: no port\n",
    "chart/values.schema.json": '{"properties": {"image": {"required": ["tag"], "properties": {"port": {"type": "number"}}}, '
                                '"db": {"properties": {"password": {"type": "string"}}}}}',
    "chart/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "chart/charts/s/values.yaml": "port: 5\n",
    "chart/charts/s/values.schema.json": '{"properties": {"port": {"type": "integer"}}}'})
error("set", "a: 1\n", "--set a")
error("set-second", "a: 1\n", "--set x=1 --set 'a=1,db.token=se\\,cret,c.é'")
error("helmignore", "a: 1\n", more={"chart/.helmignore": "*.md\n# all below\na/**\n"})
error("helmignore-pattern", "a: 1\n", more={"chart/.helmignore": "[a\n"})
error("no-chart", "a: 1\n", "--set-file x=nothere")
error("loop", "a: {{ include \"loop\" . }}\n", more=HELPERS)
error("memory", "a: 1\n{{ $d := dict }}{{ range $i := until 1000 }}{{ $_ := set $d (toString $i) (until 5000) }}{{ end }}\n")
LUA = "apiVersion: v2\nname: c\nversion: 0.1.0\nannotations: {helmctl.dev/lua-templates: v1}\n"
error("lua-loop", "a: 1\n", more={"chart/templates/x.lua": "local n = 0\nwhile true do\n  n = n + 1\nend\n"}, meta=LUA)
error("lua-chain", "a: 1\n", more={"chart/templates/_l.lua": "return { of = function(v)\n  return v.repo.x\nend }\n",
                                  "chart/templates/x.lua": "local l = require \"_l\"\nreturn { kind = \"X\",\n  of = l.of(Values.image) }\n"}, meta=LUA)
case("errors/flag", {"x": ""}, "template r x --error-format nope", own=True)
case("errors/show-person", {"chart/Chart.yaml": "a: [\n"}, "show chart chart", env={"HELMCTL_ERROR_FORMAT": "person"}, own=True,
     keep_order=True)
case("errors/package-json", {"chart/Chart.yaml": "a: [\n"}, "package chart", env={"HELMCTL_ERROR_FORMAT": "json"}, own=True)
