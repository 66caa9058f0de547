#!/usr/bin/env bash
# The sandbox under its real clients: kubectl and both Helms. Each step says what it wants and fails with what came.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HC_BUILD:-$root/build/release}
"$root/tests/peers/build.sh" kubectl helm4 helm3 || { echo "SKIP: kubectl and helm are needed"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
kubectl=$peers/kubectl helm4=$peers/helm4 helm3=$peers/helm3
command -v curl >/dev/null || { echo "SKIP: curl is needed"; exit 77; }

dir=$(mktemp -d)
pid=
stop() { # it must end by itself, with 0 and nothing to complain about
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null
    wait "$pid" && ! grep -qE "Sanitizer|runtime error|Error:" "$dir/log" || { echo "FAIL: the sandbox's end"; cat "$dir/log"; failed=1; }
    pid=
}
trap 'stop; rm -rf "$dir"' EXIT
export KUBECONFIG=$dir/kubeconfig HELM_CACHE_HOME=$dir/helm HELM_CONFIG_HOME=$dir/helm HELM_DATA_HOME=$dir/helm HOME=$dir
failed=0 steps=0

start() {
    rm -f "$KUBECONFIG"
    "$build/bin/helmctl" sandbox --data "$dir/data" --kubeconfig "$KUBECONFIG" "$@" >"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do [ -s "$KUBECONFIG" ] && break; kill -0 "$pid" 2>/dev/null || break; read -rt 0.02 <> <(:); done
    [ -s "$KUBECONFIG" ] || { echo "the sandbox did not start:"; cat "$dir/log"; exit 1; }
    url=$(sed -n 's/ *server: //p' "$KUBECONFIG")
}
# want "what" "pattern" command...: the command must succeed and print the pattern (extended regular expression).
want() {
    local what=$1 pattern=$2 out
    shift 2
    steps=$((steps + 1))
    out=$("$@" 2>&1) && grep -qE -- "$pattern" <<<"$out" && return
    echo "FAIL: $what"
    printf '  %s\n' "$*" "$out"
    failed=1
}
# refuse "what" "pattern" command...: the command must fail and say the pattern.
refuse() {
    local what=$1 pattern=$2 out
    shift 2
    steps=$((steps + 1))
    out=$("$@" 2>&1) || { grep -qE -- "$pattern" <<<"$out" && return; }
    echo "FAIL: $what"
    printf '  %s\n' "$*" "$out"
    failed=1
}

start
cat >"$dir/web.yaml" <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27", ports: [{containerPort: 80}]}]}
E
cat >"$dir/chart.yaml" <<'E'
apiVersion: v2
name: app
version: 1.0.0
E

echo "kubectl"
want "version" "Server Version: v1.36.3" "$kubectl" version
want "api-resources" "deployments +deploy +apps/v1 +true +Deployment" "$kubectl" api-resources
want "apply creates" "deployment.apps/web created" "$kubectl" apply -f "$dir/web.yaml"
want "rollout" "successfully rolled out" "$kubectl" rollout status deploy/web --timeout=20s
want "apply again changes nothing" "unchanged" "$kubectl" apply -f "$dir/web.yaml"
want "a table" "web +3/3 +3 +3" "$kubectl" get deploy
want "wait" "condition met" "$kubectl" wait --for=condition=Available deploy/web --timeout=20s
want "describe" "ScalingReplicaSet" "$kubectl" describe deploy web
want "edit" "edited" env EDITOR="sed -i s/replicas:.3/replicas:\ 2/" "$kubectl" edit deploy web
want "strategic patch" "patched" "$kubectl" patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s:1"}]}}}}'
want "both containers, the new one first" "^side web$" "$kubectl" get deploy web -o "jsonpath={.spec.template.spec.containers[*].name}"
want "JSON patch" "patched" "$kubectl" patch deploy web --type=json -p '[{"op":"remove","path":"/spec/template/spec/containers/0"}]'
want "merge patch" "patched" "$kubectl" patch deploy web --type=merge -p '{"metadata":{"labels":{"x":"y"}}}'
want "rolled out again" "successfully rolled out" "$kubectl" rollout status deploy/web --timeout=20s # the pods asked next stay
refuse "logs politely" "only simulates pods" "$kubectl" logs deploy/web
refuse "immutable selector" "field is immutable" "$kubectl" patch deploy web --type=merge -p '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'
refuse "apply conflict" '- .spec.template.spec.containers\[name="web"\].image' \
    "$kubectl" apply --server-side -f <(sed s/1.27/1.28/ "$dir/web.yaml")
want "forced apply" "serverside-applied" "$kubectl" apply --server-side --force-conflicts -f <(sed s/1.27/1.28/ "$dir/web.yaml")
want "scale" "scaled" "$kubectl" scale deploy web --replicas=1
want "dry run" "created \(server dry run\)" "$kubectl" create configmap dry --from-literal=a=1 --dry-run=server
refuse "and nothing stored" "NotFound" "$kubectl" get configmap dry
want "create from typed clients" "secret/s created" "$kubectl" create secret generic s --from-literal=a=1
want "its value" "^MQ==$" "$kubectl" get secret s -o "jsonpath={.data.a}"
want "create job" "job.batch/j created" "$kubectl" create job j --image=busybox
want "job completes" "condition met" "$kubectl" wait --for=condition=Complete job/j --timeout=20s
want "field selector" "Succeeded|Completed" "$kubectl" get pods --field-selector=status.phase=Succeeded
want "delete waits" "deleted" "$kubectl" delete deploy web --timeout=20s
want "and its pods go" "" "$kubectl" wait --for=delete pod -l app=web --timeout=20s
want "a token" "sandbox.default.default" "$kubectl" create token default
want "auth can-i" "yes" "$kubectl" auth can-i create deployments
want "whoami" "sandbox-admin" "$kubectl" auth whoami

echo "custom resources"
for f in "$root"/deploy/manifests/crd-*.yaml; do
    want "apply $(basename "$f")" "serverside-applied" "$kubectl" apply --server-side -f "$f"
done
want "established" "condition met" "$kubectl" wait --for=condition=Established crd/helmreleases.helm.toolkit.fluxcd.io --timeout=20s
cat >"$dir/hr.yaml" <<'E'
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec: {interval: 5m, chart: {spec: {chart: podinfo, sourceRef: {kind: HelmRepository, name: podinfo}}}}
E
want "an object of it" "created" "$kubectl" apply -f "$dir/hr.yaml"
want "its defaults" "ChartVersion" "$kubectl" get hr web -o jsonpath='{.spec.chart.spec.reconcileStrategy}'
want "its columns" "NAME +AGE +READY +STATUS" "$kubectl" get helmrelease
refuse "its schema" "spec.interval in body should match" "$kubectl" patch hr web --type=merge -p '{"spec":{"interval":"5x"}}'
refuse "unknown fields" 'unknown field "spec.intervall"' "$kubectl" apply -f <(sed 's/interval:/intervall: 5m, interval:/' "$dir/hr.yaml")
want "its status" "patched" "$kubectl" patch hr web --subresource=status --type=merge \
    -p '{"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"UpgradeSucceeded","message":"ok","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}'
want "waiting for it" "condition met" "$kubectl" wait --for=condition=Ready hr/web --timeout=20s

mkdir -p "$dir/app/templates"
cp "$dir/chart.yaml" "$dir/app/Chart.yaml"
cat >"$dir/app/templates/all.yaml" <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas | default 1 }}
  progressDeadlineSeconds: 60
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: app, image: "app:{{ .Values.tag | default "1" }}"}]}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: {{ .Release.Name }}}, ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: h, image: "hook:1"}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation
    sandbox.helmctl.dev/behavior: {{ .Values.test | default "complete" | quote }}
spec: {restartPolicy: Never, containers: [{name: t, image: "test:1"}]}
E
for helm in helm4 helm3; do
    echo "$helm"
    h=$peers/$helm
    want "install" "STATUS: deployed" "$h" install app "$dir/app" -n "$helm" --create-namespace --wait --timeout 30s
    want "upgrade" "REVISION: 2" "$h" upgrade app "$dir/app" -n "$helm" --set replicas=3 --wait --timeout 30s
    want "three pods" "app +3/3" "$kubectl" get deploy -n "$helm"
    refuse "a broken upgrade" "not ready|timed out|deadline" "$h" upgrade app "$dir/app" -n "$helm" --set tag=broken --wait --timeout 2s
    want "it says failed" "failed" "$h" status app -n "$helm"
    want "the event names the image" 'Failed to pull image "app:broken"' "$kubectl" get events -n "$helm"
    want "rollback" "Rollback was a success" "$h" rollback app 2 -n "$helm" --wait --timeout 30s
    want "history" "4 .*deployed .*Rollback to 2" "$h" history app -n "$helm"
    want "list" "app[[:space:]]+$helm[[:space:]]+4.*deployed" "$h" list -A
    want "test" "Phase: +Succeeded" "$h" test app -n "$helm" --timeout 30s
    want "records" "helm.sh/release.v1" "$kubectl" get secrets -n "$helm"
    want "uninstall" "uninstalled" "$h" uninstall app -n "$helm" --wait --timeout 30s
    want "nothing left" "^$" "$kubectl" get deploy,svc,secret,rs -n "$helm" -o name
    want "the namespace goes" "deleted" "$kubectl" delete ns "$helm" --timeout=20s
done

# Logs of hooks and tests: what the real Helm prints of them is what we print.
mkdir -p "$dir/logs/templates"
sed 's/name: app/name: logs/' "$dir/chart.yaml" >"$dir/logs/Chart.yaml"
cat >"$dir/logs/templates/all.yaml" <<'E'
{{- define "job" }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-output-log-policy: {{ .output }}, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded,hook-failed", helm.sh/hook-weight: "{{ .weight }}"}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {sandbox.helmctl.dev/behavior: {{ .behavior }}, sandbox.helmctl.dev/log: "{{ .name }} begins\nstep\n{{ .name }} ends\n"}}
    spec: {restartPolicy: Never, containers: [{name: h, image: "hook:1"}]}
{{- end }}
---
{{- include "job" (dict "name" "first" "output" "hook-succeeded" "weight" 1 "behavior" "complete") }}
---
{{- include "job" (dict "name" "second" "output" "\"hook-succeeded,hook-failed\"" "weight" 2 "behavior" (.Values.second | default "complete")) }}
---
{{- include "job" (dict "name" "silent" "output" "hook-failed" "weight" 0 "behavior" "complete") }}
{{- range list "one" "two" "three" }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ . }}
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded", sandbox.helmctl.dev/log: "test {{ . }}\npassed\n"}
spec: {restartPolicy: Never, initContainers: [{name: i, image: "test:1"}], containers: [{name: t, image: "test:1"}]}
{{- end }}
E
tool() { # NAME ARGS...: what it prints, without what differs from run to run
    local name=$1
    shift
    # Helm 4 wraps the log of a hook into a line of its own log; we print it as it is, as Helm 3 does.
    { "$name" "$@"; echo "exit $?"; } 2>&1 | sed -E "/^level=INFO msg=/{s/^level=INFO msg=\"(.*)\"$/\1/; s/\\\\n/\\n/g}; s/ours/h4/g; /^level=/d; s/[A-Z][a-z]{2} [A-Z][a-z]{2} +[0-9]+ [0-9:]+ 20[0-9]+/WHEN/"
}
both() { # WHAT ARGS...
    local what=$1
    shift
    steps=$((steps + 1))
    tool "$helm4" -n h4 "$@" >"$dir/want" 2>&1
    tool "$build/bin/helmctl" -n ours "$@" >"$dir/got" 2>&1
    cmp -s "$dir/want" "$dir/got" && return
    echo "FAIL: $what"
    diff "$dir/want" "$dir/got"
    failed=1
}
both "logs of hooks that succeed, in Helm's order" install app "$dir/logs" --create-namespace --timeout 30s
want "they are there" "second begins" cat "$dir/got"
both "logs of tests" test app --logs --timeout 30s
want "they are there" "POD LOGS: two \(t\)" cat "$dir/got"
both "of some tests" test app --logs --filter name=two --timeout 30s
both "uninstall" uninstall app
refuse "a hook that fails: its log" "^second begins" "$build/bin/helmctl" -n ours install app "$dir/logs" --set second=fail --timeout 30s
refuse "as Helm" "second begins" "$helm4" -n h4 install app "$dir/logs" --set second=fail --timeout 30s
want "its last words outlive it" "its log ends: second ends \(before that: second begins \| step\)" "$build/bin/helmctl" -n ours history app
want "but its object does not" "^$" "$kubectl" -n ours get job second -o name --ignore-not-found

echo "restart"
want "keep me" "created" "$kubectl" create configmap kept --from-literal=a=1
stop
start
want "kept" "^1$" "$kubectl" get configmap kept -o "jsonpath={.data.a}"
want "CRDs too" "True" "$kubectl" get hr web

echo "faults"
fault() { curl -sS -XPOST "$url/sandbox/faults" -d "$1"; }
want "arm 429" '"ids"' fault '{"verb":"create","path":"*/configmaps","action":"status","code":429,"retryAfter":1,"count":1}'
want "kubectl retries" "created" "$kubectl" create configmap again --from-literal=a=1
want "arm refuse" '"ids"' fault '{"verb":"get","path":"*/configmaps/kept","action":"refuse","count":1}'
refuse "closed" "Empty reply|reset|closed" curl -sS "$url/api/v1/namespaces/default/configmaps/kept"
want "arm lost answer" '"ids"' fault '{"verb":"delete","path":"*/configmaps/kept","action":"answer-lost","count":1}'
refuse "no answer" "Empty reply|reset|closed" curl -sS -XDELETE "$url/api/v1/namespaces/default/configmaps/kept"
refuse "but done" "NotFound" "$kubectl" get configmap kept
want "arm delay" '"ids"' fault '{"verb":"get","path":"*/configmaps/again","action":"delay","delayMs":300,"count":1}'
want "delayed" "^0\.[3-9]|^[1-9]" curl -sS -o /dev/null -w '%{time_total}' "$url/api/v1/namespaces/default/configmaps/again"
want "arm drop" '"ids"' fault '{"verb":"get","path":"*/configmaps/again","action":"drop","count":1}'
refuse "dropped" "timed out" curl -sS -m 0.5 "$url/api/v1/namespaces/default/configmaps/again"
want "arm cut" '"ids"' fault '{"action":"cut-watch","delayMs":300,"count":1}'
want "the watch ends" "^0\.[2-9]|^[1-9]" curl -sS -m 20 -o /dev/null -w '%{time_total}' "$url/api/v1/configmaps?watch=1"
want "stats" '"watch configmaps":1' curl -sS "$url/sandbox/stats"
stop

echo "token and TLS"
start --token letmein
refuse "without it" "Unauthorized" curl -sS --fail-with-body "$url/api"
want "with it" '"APIVersions"' curl -sS --fail-with-body -H "Authorization: Bearer letmein" "$url/api"
stop
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 -subj /CN=sandbox \
        -addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
    start --token letmein --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem"
    want "kubectl over TLS" "default +Active" "$kubectl" get ns
    want "helm over TLS" "NAME" "$peers/helm4" list -A
    stop
fi
[ $failed = 0 ] && echo "$steps steps"
exit $failed
