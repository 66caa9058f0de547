{{- define "shop.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}

{{- define "shop.labels" -}}
app: shop
{{ toYaml .Values.podLabels }}
{{- end }}
