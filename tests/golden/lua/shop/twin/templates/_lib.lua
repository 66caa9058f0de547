{{- define "shop.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ .Chart.Name }}
{{- end -}}
{{- define "shop.labels" -}}
{{ include "shop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ include "shop.chart" . }}
{{- end -}}
{{- define "shop.prefix" -}}{{ lower .Release.Name }}{{- end -}}
{{- define "shop.portName" -}}p{{ .i }}{{- end -}}
