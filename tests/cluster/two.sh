#!/usr/bin/env bash
# Two controllers with leader election on a real control plane. The one that leads is stopped (SIGSTOP) in the middle of its
# work, the other takes its lease and goes on, and then the first one continues (SIGCONT): when the work is done, and, every other
# time, as soon as the other has begun to write. By hand, some minutes a tale (lib/two.py says what is compared):
#
#   tests/cluster/two.sh [TALE...] [WRITE...]    stopped behind these writes; without: behind each
#
#   upgrade      with hooks of both sides
#   remediated   an upgrade whose last hook fails, and its rollback with hooks
#   late         an upgrade whose objects are not ready in time, and its rollback
#   undone       an install whose last hook fails, and its uninstall
#   uninstall    the HelmRelease is deleted
#
#   KEEP=1 leaves the folder with logs
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/deploy/examples/servers.sh"
build=${HC_BUILD:-$root/build/release}
bin=$(cd "$build" && pwd)/bin/helmctl
"$root/tests/peers/build.sh" helm4 >/dev/null || { echo "SKIP: the real peers cannot be built here"; exit 77; }
helm=$("$root/tests/peers/build.sh" --dir)/helm4
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
source_part=
finish() {
    [ -z "$source_part" ] || kill -9 "$source_part" 2>/dev/null
    servers_stop
    "$here/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    [ "${KEEP:-}" ] && echo "kept $work" || rm -rf "$work"
}
trap finish EXIT
HC_CLUSTER_AUDIT=1 "$here/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
nginx_start || { echo "SKIP: nginx"; exit 77; }
export KUBECONFIG=$work/cp/kubeconfig

chart=$work/two
mkdir -p "$chart/templates"
printf 'apiVersion: v2\nname: two\nversion: 1.0.0\n' >"$chart/Chart.yaml"
printf 'v: "0"\nfails: ""\nstuck: ""\n' >"$chart/values.yaml"
cat >"$chart/templates/all.yaml" <<'CHART'
{{- range $i := until 4 }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: data-{{ $i }}}
data: {v: {{ $.Values.v | quote }}}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {v: {{ .Values.v | quote }}{{ if .Values.stuck }}, sandbox.helmctl.dev/behavior: image-pull{{ end }}}
    spec:
      containers: [{name: web, image: example/web:1}]
{{- if eq .Values.v "1" }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: leaves}
{{- end }}
CHART
cat >"$chart/templates/hooks.yaml" <<'CHART'
{{- range $name, $event := dict "before-a" "pre-upgrade" "before-b" "pre-upgrade" "behind" "post-upgrade" "made" "post-install"
      "back-a" "pre-rollback" "back-b" "post-rollback" "leave-a" "pre-delete" "leave-b" "post-delete" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  annotations: {helm.sh/hook: {{ $event }}}
spec:
  backoffLimit: 0
  template:
    {{- if eq $.Values.fails $name }}
    metadata: {annotations: {sandbox.helmctl.dev/behavior: fail}}
    {{- end }}
    spec:
      restartPolicy: Never
      containers: [{name: job, image: example/job:1}]
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: before-c
  annotations: {helm.sh/hook: pre-upgrade, helm.sh/hook-weight: "1"}
CHART
tar -C "$work" -czf "$SERVERS/www/charts/two-1.0.0.tgz" two
"$helm" repo index "$SERVERS/www/charts" >/dev/null
"$bin" deploy --crds-only >/dev/null || exit 1
# As another user than the two, so that the audit log tells who wrote.
"$bin" controller --controllers source --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" \
    --metrics-addr 0 --health-addr 0 >"$work/source.log" 2>&1 &
source_part=$!
python3 "$here/lib/two.py" "$work/cp" "$bin" "$work" "http://127.0.0.1:$HTTP_PORT/charts" "$@"
