# Client-side apply beside the real Helm 4: the same commands in two namespaces, with the same changes of others in
# between; objects, their managed fields and the records must be equal. To be sourced by release.sh ($h4 $h $k $dir).
merge=$dir/merge
mkdir -p "$merge/templates" "$merge/crds"
printf 'apiVersion: v2\nname: merge\nversion: 0.1.0\n' >"$merge/Chart.yaml"
printf 'step: 1\n' >"$merge/values.yaml"
cat >"$merge/crds/widgets.yaml" <<'CRD'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
CRD
cat >"$merge/templates/all.yaml" <<'CHART'
{{- $two := eq (int .Values.step) 2 }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web{{ if not $two }}, tier: front{{ end }}}
  annotations: {note: "{{ .Values.step }}"}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  strategy: {{ if $two }}{type: Recreate}{{ else }}{type: RollingUpdate, rollingUpdate: {maxSurge: {{ .Values.step }}}}{{ end }}
  template:
    metadata: {labels: {app: web}}
    spec:
      {{- if not $two }}
      nodeSelector: {disk: ssd}
      {{- end }}
      imagePullSecrets: [{name: one}{{ if $two }}, {name: two}{{ end }}]
      volumes:
        - name: data
          {{ if $two }}configMap: {name: conf}{{ else }}emptyDir: {}{{ end }}
        - name: conf
          configMap: {name: conf}
      containers:
        - name: app
          image: example/app:{{ .Values.step }}
          args: [serve{{ if $two }}, --fast{{ end }}]
          env:
            {{- if $two }}
            - {name: C, value: "3"}
            - {name: A, value: "2"}
            {{- else }}
            - {name: A, value: "1"}
            - {name: B, value: "2"}
            {{- end }}
          ports:
            - {name: dns-tcp, containerPort: 53}
            - {name: dns, containerPort: 53, protocol: UDP}
            {{- if $two }}
            - {name: http, containerPort: 8080}
            {{- end }}
          volumeMounts:
            - {name: data, mountPath: /data}
            {{- if not $two }}
            - {name: conf, mountPath: /conf}
            {{- end }}
        {{- if not $two }}
        - name: helper
          image: example/helper:1
        {{- end }}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
    - {name: http, port: {{ if $two }}81{{ else }}80{{ end }}, targetPort: 80}
    - {name: other, port: 90}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, labels: {a: "1"}}
data:
  same: x
  {{ if $two }}added{{ else }}gone{{ end }}: "1"
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
imagePullSecrets: [{name: one}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 0, selector: {matchLabels: {app: {{ if $two }}other{{ else }}web{{ end }}}}}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: web}
spec:
  list: [1, {{ .Values.step }}]
  {{ if $two }}added{{ else }}gone{{ end }}: {deep: true}
{{- if $two }}
---
apiVersion: v1
kind: Secret
metadata: {name: second}
stringData: {k: v}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: "post-install,post-upgrade,post-rollback"}}
data: {step: "{{ .Values.step }}"}
CHART
objects() { # NAMESPACE FILE: what matters of its objects
    look "$2" merged "$1" apis/apps/v1/deployments api/v1/services api/v1/configmaps api/v1/serviceaccounts apis/policy/v1/poddisruptionbudgets \
        api/v1/secrets apis/example.com/v1/widgets
}
# Each tool reads what the other wrote.
method() {
    "$1" -n "$2" get metadata m -o json 2>/dev/null |
        sed -E 's/.*"revision":([0-9]+).*/\1 &/; s/^([0-9]+ ).*"status":"([a-z-]+)".*/\1\2 &/; s/^([0-9]+ [a-z-]+ ).*"applyMethod":"([a-z]+)".*/\1\2/'
}
twice() { # ARGS...: both tools, each in its namespace; then everything is equal
    "$h4" -n merge4 "$@" >"$dir/four.out" 2>&1
    local four=$?
    "$h" -n merge-ours "$@" >"$dir/ours.out" 2>&1
    local ours=$?
    [ $four = $ours ] || { bad "same exit ($four, ours $ours): $*"; head -3 "$dir/four.out" "$dir/ours.out"; }
    equal "same record: $*" "$(method "$h" merge4)" "$(method "$h4" merge-ours)"
    objects merge4 "$dir/four.dump"
    objects merge-ours "$dir/ours.dump"
    if cmp -s "$dir/four.dump" "$dir/ours.dump"; then ok "same objects: $*"; else bad "same objects: $*"; diff "$dir/four.dump" "$dir/ours.dump" | head -40; fi
}
others() { # what other people do to the objects
    local ns at
    patch() { # PATH JSON [KIND-OF-PATCH]
        [ "$(api -o "$dir/answer" -w '%{http_code}' -X PATCH -H "Content-Type: application/${3:-strategic-merge-patch}+json" -d "$2" "$at/$1?fieldManager=mesh")" = 200 ] ||
            bad "patch of $1: $(cat "$dir/answer")"
    }
    for ns in merge4 merge-ours; do
        at=$HC_APISERVER/apis/apps/v1/namespaces/$ns
        patch deployments/web '{"metadata":{"labels":{"mesh":"on"}},"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"X","value":"x"}]},{"name":"car","image":"example/car"}]}}}}'
        at=$HC_APISERVER/api/v1/namespaces/$ns
        patch configmaps/conf '{"data":{"theirs":"1","same":"changed"}}'
        patch services/web '{"metadata":{"annotations":{"theirs":"1"}}}'
        patch serviceaccounts/web '{"imagePullSecrets":[{"name":"theirs"}]}'
        at=$HC_APISERVER/apis/example.com/v1/namespaces/$ns
        patch widgets/web '{"spec":{"theirs":1,"list":[7]}}' merge-patch
    done
}
if [ -n "$k" ] && command -v jq >/dev/null; then
    "$k" create namespace merge4 >/dev/null 2>&1
    "$k" create namespace merge-ours >/dev/null 2>&1
    twice install m "$merge" --server-side=false
    others
    twice upgrade m "$merge" --set step=2
    has "there is something to compare" '"name": "car"' "$(cat "$dir/ours.dump")"
    twice upgrade m "$merge" --set step=2
    others
    twice rollback m 1
    others
    twice upgrade m "$merge" --set step=2 --server-side=true --force-conflicts
    twice upgrade m "$merge" --set step=3
    twice rollback m 1
    twice upgrade m "$merge" --set step=2 --force-replace
    twice rollback m 1 --server-side=true --force-conflicts
    twice upgrade m "$merge" --set step=3 --server-side=false
    was=$(method "$h4" merge-ours)
    out=$("$h" -n merge-ours upgrade m "$merge" --server-side=true --force-replace 2>&1) && bad "what contradicts itself is done" || ok "what contradicts itself is refused"
    has "in Helm's words" 'cannot use server-side apply and force replace together' "$out"
    equal "and nothing was recorded" "$was" "$(method "$h4" merge-ours)"
else
    echo "SKIP client-side apply beside Helm: no kubectl or jq"
fi
