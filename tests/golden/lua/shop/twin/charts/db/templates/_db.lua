{{- define "shop.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  labels:
    region: {{ .region }}
  name: {{ .name }}
spec:
  resources:
    requests:
      storage: {{ .size }}
{{- end -}}
