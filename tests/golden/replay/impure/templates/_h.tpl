{{- define "web.pw" -}}{{ randAlphaNum 16 }}{{- end -}}
