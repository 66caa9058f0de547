#!/usr/bin/env bash
# What releases cost that wait: N HelmReleases of a small chart whose Deployment never becomes ready, on the sandbox.
#
#   tests/bench/parked.sh [N] [parked|ready|both]      default: 10000 both
#
#   HC_BENCH_ROUNDS=30               interruptions of each kind
#   HC_BENCH_WAIT=hook               they wait for a Job, their pre-install hook, instead
#   HC_BENCH_FLAGS="--concurrent 8"  further flags for helmctl controller
#
# Two runs, each on a sandbox and a controller of its own: in the first no Deployment becomes ready, in the second all do.
# At 10, 1,000 and N releases: threads and memory of the controller once it rests. Memory is what it holds (RSS; with it the
# bytes a release, from 1,000 to N); at N also of a controller started anew on what is there: without what the installs left
# in the heap. The difference of both runs is what a wait holds. Then the CPU of a minute in which nothing happens, and how
# soon the controller turns to one release that is written to: among N, and at the same time, on the same machine, another
# controller to the only one it has. What else the machine does shows in both.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
n=${1:-10000} which=${2:-both} rounds=${HC_BENCH_ROUNDS:-30}
build=${HC_BUILD:-$root/build/release}
h=$build/bin/helmctl parked=$build/tests/parked
[ -x "$h" ] && [ -x "$parked" ] || { echo "no $h or $parked: build first"; exit 1; }
export PATH=$PATH:/usr/sbin
for tool in nginx curl; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not on this machine"; exit 77; }
done
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER
work=$(mktemp -d "${TMPDIR:-/tmp}/parked.XXXXXX")
SERVERS=$work/servers
mkdir -p "$SERVERS" "$work/parked/templates"
. "$root/deploy/examples/servers.sh"
declare -A sandbox controller rss
finish() {
    local p
    for p in "${controller[@]}" "${sandbox[@]}"; do kill -9 "$p" 2>/dev/null; done
    servers_stop
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
nginx_start || { echo "SKIP: nginx could not be started"; exit 77; }

cat >"$work/parked/Chart.yaml" <<'CHART'
{apiVersion: v2, name: parked, version: 1.0.0}
CHART
cat >"$work/parked/templates/all.yaml" <<'CHART'
{{- if .Values.hook }}
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}, annotations: {helm.sh/hook: pre-install, sandbox.helmctl.dev/behavior: hang}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: job, image: example/job:1}]}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {note: {{ .Values.note | default "none" | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, annotations: {sandbox.helmctl.dev/behavior: {{ .Values.behavior }}}}
spec:
  progressDeadlineSeconds: 86400
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: web, image: example/web:1}]}
CHART
chart=$SERVERS/www/charts/parked.tgz
tar -C "$work" --owner=0 --group=0 -czf "$chart" parked
digest=$(sha256sum "$chart" | cut -d' ' -f1)
waiting="{behavior: hang}"
[ "${HC_BENCH_WAIT:-}" != hook ] || waiting="{behavior: ready, hook: true}"

cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }
field() { awk -v f="$2:" '$1 == f { print $2 }' "/proc/$1/status"; }
rest() { # PID: until it has used next to nothing for three seconds
    local before now calm=0 waited=0
    before=$(cpu "$1")
    while [ $calm -lt 3 ]; do
        sleep 1
        now=$(cpu "$1")
        if awk -v a="$before" -v b="$now" 'BEGIN { exit !(b - a <= 0.05) }'; then calm=$((calm + 1)); else calm=0; fi
        before=$now
        waited=$((waited + 1))
        [ $waited -lt 300 ] || { echo "the controller does not come to rest: at work for five minutes"; return; }
    done
}

# Each cluster is a sandbox with one controller, named by a word.
start_controller() { # CLUSTER
    # shellcheck disable=SC2086
    KUBECONFIG=$work/$1.kubeconfig RUNTIME_NAMESPACE=bench "$h" controller --controllers=helm --storage-path "$work/$1.storage" \
        --storage-addr 127.0.0.1:0 --metrics-addr 0 --health-addr 0 --log-level error ${HC_BENCH_FLAGS:-} >>"$work/log" 2>&1 &
    controller[$1]=$!
}
stop_controller() { # CLUSTER
    kill "${controller[$1]}" && wait "${controller[$1]}" 2>/dev/null
    unset "controller[$1]"
}
start() { # CLUSTER
    local server api
    "$h" sandbox --kubeconfig "$work/$1.kubeconfig" --ready-after 1 >"$work/$1.sandbox.log" 2>&1 &
    sandbox[$1]=$!
    for _ in $(seq 100); do [ -s "$work/$1.kubeconfig" ] && break; sleep 0.05; done
    server=$(sed -n 's/.*server: *//p' "$work/$1.kubeconfig")
    KUBECONFIG=$work/$1.kubeconfig "$h" deploy --crds-only >/dev/null || exit 1
    api=$server/apis/source.toolkit.fluxcd.io/v1/namespaces/bench/ocirepositories
    curl -fsS -o /dev/null -H 'Content-Type: application/json' -d '{"metadata":{"name":"bench"}}' "$server/api/v1/namespaces" || exit 1
    curl -fsS -o /dev/null -H 'Content-Type: application/json' "$api" -d '{"apiVersion":"source.toolkit.fluxcd.io/v1",
        "kind":"OCIRepository","metadata":{"name":"parked"},"spec":{"interval":"24h","url":"oci://127.0.0.1/charts/parked",
        "layerSelector":{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","operation":"copy"}}}' || exit 1
    curl -fsS -o /dev/null -X PATCH -H 'Content-Type: application/merge-patch+json' "$api/parked/status" -d '{"status":{
        "observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"Succeeded","message":"stored",
        "observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}],"artifact":{"digest":"sha256:'"$digest"'",
        "revision":"1.0.0@sha256:'"$digest"'","path":"ocirepository/bench/parked/x.tgz","size":'"$(stat -c %s "$chart")"',
        "url":"http://127.0.0.1:'"$HTTP_PORT"'/charts/parked.tgz","lastUpdateTime":"2026-01-01T00:00:00Z"}}}' || exit 1
    start_controller "$1"
}
stop() { # CLUSTER
    stop_controller "$1"
    kill "${sandbox[$1]}" && wait "${sandbox[$1]}" 2>/dev/null
    unset "sandbox[$1]"
}
fleet() { # CLUSTER make|interrupt ...
    KUBECONFIG=$work/$1.kubeconfig "$parked" "${@:2}"
}

line() { # CLUSTER N WHAT
    rss[$1-$3$2]=$(field "${controller[$1]}" VmRSS)
    printf '%-7s %6d releases%-16s %2d threads  %7d KiB' "$1" "$2" "${3:+, $3}" "$(field "${controller[$1]}" Threads)" "${rss[$1-$3$2]}"
}
slope() { echo $(((${rss[$1-$2]} - ${rss[$1-1000]}) * 1024 / ($2 - 1000))); } # CLUSTER N: bytes a release

interrupts() {
    local c0 c1 other
    start lone
    fleet lone make 1 1 "$waiting" >/dev/null || exit 1
    rest "${controller[lone]}"
    c0=$(cpu "${controller[parked]}") c1=$(cpu "${controller[lone]}")
    fleet lone interrupt "$rounds" 1 "$waiting" >"$work/lone" &
    other=$!
    fleet parked interrupt "$rounds" "$n" "$waiting" >"$work/many" || exit 1
    wait $other || exit 1
    echo "interruptions, $rounds of each kind, of one release among $n ($(awk -v a="$c0" -v b="$(cpu "${controller[parked]}")" -v n="$rounds" 'BEGIN { printf "%.1f", (b - a) / n / 5 * 1000 }') ms of CPU each, the installs they begin included):"
    sed 's/^/    /' "$work/many"
    echo "at the same time, of the only one another controller has ($(awk -v a="$c1" -v b="$(cpu "${controller[lone]}")" -v n="$rounds" 'BEGIN { printf "%.1f", (b - a) / n / 5 * 1000 }') ms of CPU each):"
    sed 's/^/    /' "$work/lone"
    stop lone
}

run() { # CLUSTER VALUES
    local from=1 to took c0
    start "$1"
    for to in 10 1000 "$n"; do
        [ "$to" -ge "$from" ] && [ "$to" -le "$n" ] || continue
        took=$(fleet "$1" make "$from" "$to" "$2") || { tail -5 "$work/log"; exit 1; }
        rest "${controller[$1]}"
        line "$1" "$to" ""
        [ "$to" -le 1000 ] || printf '  %5d bytes a release' "$(slope "$1" "$to")"
        printf '   (made in %s s)\n' "$took"
        from=$((to + 1))
    done
    c0=$(cpu "${controller[$1]}")
    sleep 60
    awk -v c0="$c0" -v c1="$(cpu "${controller[$1]}")" 'BEGIN { printf "        a minute in which nothing happens: %.2f %% of a core\n", (c1 - c0) / 0.6 }'
    if [ "$1" = parked ]; then interrupts; fi
    stop_controller "$1"
    start_controller "$1"
    sleep 5
    rest "${controller[$1]}"
    line "$1" "$n" anew
    echo
    stop "$1"
}
[ "$which" = ready ] || run parked "$waiting"
[ "$which" = parked ] || run ready "{behavior: ready}"
if [ "$which" = both ]; then
    echo "a wait holds, beyond what a release costs that is Ready:"
    [ "$n" -le 1000 ] || echo "    $(($(slope parked "$n") - $(slope ready "$n"))) bytes, by what 1,001 to $n added"
    echo "    $(((rss[parked-anew$n] - rss[ready-anew$n]) * 1024 / n)) bytes, by controllers started anew at $n"
fi
