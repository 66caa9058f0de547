{{- define "shop.chart" -}}
{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
{{- define "shop.fullname" -}}
{{ include "shop.prefix" . }}-{{ .Chart.Name | trunc 20 }}
{{- end -}}
