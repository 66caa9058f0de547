# Waves and dependencies on the real API server: the order as the server saw it, a kill between two waves, the real Helm
# with the same chart. To be sourced by release.sh ($h4 $h $k $dir).
waved=$dir/waved
mkdir -p "$waved/templates"
printf 'apiVersion: v2\nname: waved\nversion: 0.1.0\n' >"$waved/Chart.yaml"
cat >"$waved/templates/all.yaml" <<'CHART'
{{- define "pods" }}
  selector: {matchLabels: {app: {{ . }}}}
  template:
    metadata: {labels: {app: {{ . }}}}
    spec: {containers: [{name: app, image: "example/{{ . }}:1"}]}
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {release.helmctl.dev/depends-on: "Job/migrate {{ .Values.needs }}"}
spec: {{- include "pods" "web" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {release.helmctl.dev/depends-on: Deployment/db}
spec:
  template:
    metadata: {annotations: {sandbox.helmctl.dev/behavior: {{ .Values.migration | default "complete" }}}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "example/job:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, annotations: {release.helmctl.dev/wave: "-1"}}
spec: {{- include "pods" "db" }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: done, annotations: {release.helmctl.dev/wave: "1"}}
CHART
printf 'needs: ""\n' >"$waved/values.yaml"
if [ -n "$k" ] && command -v jq >/dev/null; then
    for ns in waves waves4; do "$k" create namespace $ns >/dev/null 2>&1; done
    out=$("$h" -n waves plan r "$waved" --set needs=Deployment/cache 2>&1)
    has "an unknown dependency is refused" 'Deployment/web: annotation release.helmctl.dev/depends-on: the release has no object "Deployment/cache"' "$out"
    "$h" -n waves install r "$waved" --set needs=Deployment/web >"$dir/out" 2>&1
    has "a circle is refused" 'in a circle .*: Deployment/web -> Deployment/web' "$(cat "$dir/out")"
    equal "and nothing was written" "" "$("$k" -n waves get deployment,job,secret -o name)"
    out=$("$h" -n waves plan r "$waved" 2>&1)
    has "plan shows the waves" 'wave 4 of 4:' "$out"
    # The first wave is under way: killed, and asked again.
    "$h" -n waves install r "$waved" --set migration=hang >/dev/null 2>&1 &
    pid=$!
    within 60 sh -c "'$k' -n waves get job migrate" || bad "the migration begins"
    kill -9 $pid; wait $pid 2>/dev/null
    equal "web waits for its migration" "" "$("$k" -n waves get deployment web -o name 2>/dev/null)"
    uid=$("$k" -n waves get deployment db -o jsonpath='{.metadata.uid}')
    "$k" -n waves patch "$("$k" -n waves get pod -l job-name=migrate -o name)" --subresource=status --type=merge -p '{"status":{"phase":"Succeeded"}}' >/dev/null
    out=$("$h" -n waves install r "$waved" --set migration=hang 2>&1) && ok "gone on with after a kill" || bad "gone on with after a kill: $out"
    equal "revision 1, and the real Helm reads it" '[{"revision":1,"status":"deployed"}]' "$("$h4" -n waves history r -o json | jq -c 'map({revision, status})')"
    equal "the first wave stayed" "$uid" "$("$k" -n waves get deployment db -o jsonpath='{.metadata.uid}')"
    "$h" -n waves uninstall r >/dev/null 2>&1 && ok "uninstalled in waves" || bad "uninstalled in waves"
    equal "nothing is left" "" "$("$k" -n waves get deployment,job,pod,configmap -o name | grep -v kube-root-ca)"
    # The order as the server tells it: the migration takes three seconds.
    "$h" -n waves install r "$waved" --set migration=slow >/dev/null 2>&1 && ok "installed" || bad "installed"
    equal "the migration was over when web came, and web was there when the last came" "true true" "$("$k" -n waves get deployment,job,configmap -o json | jq -r '[.items[] | {key: .metadata.name, value: .}] | from_entries
        | "\(.web.metadata.creationTimestamp >= .migrate.status.completionTime) \(.done.metadata.creationTimestamp >= (.web.status.conditions[] | select(.type == "Available") | .lastTransitionTime))"')"
    "$h4" -n waves4 install r "$waved" >/dev/null 2>&1 && "$h" -n waves4 upgrade r "$waved" --set a=b >/dev/null 2>&1 && ok "over what the real Helm installed" || bad "over what the real Helm installed"
    out=$("$h" -n waves4 upgrade r "$waved" --set a=c --set migration=x 2>&1)
    has "what the server refuses in a wave ends it" 'Job.*migrate.*(immutable|invalid)' "$out"
    "$h" -n waves4 rollback r 2 >/dev/null 2>&1 && ok "rolled back in waves" || bad "rolled back in waves"

    # Health rules: the chart's own, one on the command line before it, one that is no Lua; progress for machines.
    printf 'annotations: {release.helmctl.dev/health-rules: health}\n' >>"$waved/Chart.yaml"
    mkdir -p "$waved/health"
    printf 'if not obj.data then\n  return {status = "Degraded", message = "no data at all"}\nend\nreturn {status = "Healthy"}\n' >"$waved/health/ConfigMap.lua"
    out=$("$h" -n waves upgrade r "$waved" --set x=y --set migration=slow --wait 2>&1)
    has "a rule of the chart ends the wait" 'ConfigMap waves/done: no data at all' "$out"
    mkdir -p "$dir/rules"
    printf 'return {status = "Healthy"}\n' >"$dir/rules/ConfigMap.lua"
    "$h" -n waves upgrade r "$waved" --set x=z --set migration=slow --wait --health-rules "$dir/rules" --progress json 2>"$dir/events" >/dev/null && ok "one of the command line comes before it" || bad "one of the command line comes before it: $(tail -1 "$dir/events")"
    equal "events for machines" '"recorded" "deployed" 3' "$(jq -s -r '"\"\(.[0].event)\" \"\(.[-1].event)\" \([.[] | select(.event == "wave")] | length)"' "$dir/events")"
    printf 'return {\n' >"$dir/rules/ConfigMap.lua"
    has "a rule that is no Lua is refused with its line" 'health rule .*/rules/ConfigMap.lua:2: ' "$("$h" -n waves upgrade r "$waved" --health-rules "$dir/rules" 2>&1)"
else
    echo "SKIP waves: no kubectl or jq"
fi
