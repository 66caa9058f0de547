{{- $name := include "shop.fullname" . -}}
{{- $seen := 0 -}}
{{- range .Values.workers -}}
{{- if gt (int .replicas) 0 -}}
{{- if $seen }}---
{{ end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    {{- include "shop.labels" $ | nindent 4 }}
  name: {{ $name }}-{{ .name }}
spec:
  replicas: {{ .replicas }}
  selector:
    matchLabels:
      {{- include "shop.selector" $ | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/conf: {{ $.Files.Get "app.conf" | sha256sum }}
      labels:
        {{- include "shop.labels" $ | nindent 8 }}
    spec:
      containers:
      - args:{{ if .args }}
        {{- range .args }}
        - {{ . }}
        {{- end }}{{ else }} []{{ end }}
        env:
        {{- range $k, $v := $.Values.env }}
        - name: {{ $k | toJson | eq "\"yes\"" | ternary "\"yes\"" $k }}
          value: {{ has $v (list "true" "no") | ternary ($v | quote) $v }}
        {{- end }}
        image: {{ $.Values.image.repository }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}
        name: {{ .name }}
        resources: {}
      nodeSelector: {}
      tolerations: []
{{ $seen = add $seen 1 }}
{{- end -}}
{{- end -}}
{{- $_ := set .Values "seen" $seen -}}
