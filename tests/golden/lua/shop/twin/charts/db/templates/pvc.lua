{{ include "shop.claim" (dict "name" (printf "%s-db" .Release.Name) "size" .Values.size "region" .Values.global.region) }}
