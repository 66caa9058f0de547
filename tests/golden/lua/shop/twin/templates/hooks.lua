{{- define "job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: {{ .weight | quote }}
  labels:
    {{- include "shop.labels" .dot | nindent 4 }}
  name: {{ .name }}
spec:
  template:
    spec:
      restartPolicy: Never
{{- end -}}
{{- if .Values.hooks -}}
{{ include "job" (dict "dot" . "name" "migrate" "hook" "pre-install,pre-upgrade" "weight" -5) }}
---
{{ include "job" (dict "dot" . "name" "check" "hook" "test" "weight" 0) }}
---
{{ end -}}
apiVersion: v1
big: 12345678
empty: ""
float: 3
half: {{ .Values.ratio }}
has: {{ .Capabilities.APIVersions.Has "apps/v1" }}
host: {{ join "," .Values.hosts }}
kind: ConfigMap
kube: {{ .Capabilities.KubeVersion.Minor | quote }}
list: []
long: 1e+21
map: {}
metadata:
  name: scalars
neg: -7
nested:
- []
- {}
- null
- a: null
"no": false
note: {{ tpl .Values.note . }}
nothing: null
number: "012"
region: {{ .Values.global.region }}
sub: {{ .Subcharts.db.Values.size }}
sum: 12345679
template: {{ .Template.Name }}
text: |
  a: b
upper: X
whole: 3
"yes": true
