#!/usr/bin/env bash
# SIGKILL for the whole controller right behind its nth API write, in a story from Git to the uninstall.
#   controller.sh           a Kustomization brings a HelmRelease, which is installed (revision 1), upgraded (2), broken by a
#                           commit (3), rolled back (4), mended by a commit (5) and uninstalled when the Kustomization is
#                           deleted
#   controller.sh install   it is broken from the beginning: installed, uninstalled as remediation, tried once more,
#                           uninstalled again, then mended by a commit, and uninstalled
# The story is first told undisturbed, which counts its
# writes; then once for each chosen n, with the controller started again as a kubelet would. Every chapter must come to
# the same history, values, conditions and objects, and every hook must have run as often.
#
#   HC_CRASH_ALL=1   a kill behind every write
#   HC_CRASH_PLACES=6  behind so many, evenly spread
#   HC_CRASH_AT="3 7"  behind these
#   HC_CRASH_JOBS=4  stories told side by side
#   HC_CRASH_TIMEOUT=3s, HC_CRASH_PATIENCE=25  after what time the broken upgrade fails, and a chapter that is not at its end
#                    (seconds): more of both on a machine that has other things to do
#   HC_CRASH_KEEP=1  leaves the folder with logs and snapshots
set -u
tale=${1:-upgrade}
root=$(cd "$(dirname "$0")/../.." && pwd)
h=${HC_BUILD:?}/bin/helmctl
for tool in git jq curl nginx fcgiwrap; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "SKIP: $tool is not on this machine"; exit 77; }
done
export PATH=$PATH:/usr/sbin
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER KUBECONFIG
dir=$(mktemp -d "${TMPDIR:-/tmp}/crash-controller.XXXXXX")
SERVERS=$dir/servers
mkdir -p "$SERVERS" "$dir/home"
export HOME=$dir/home
. "$root/deploy/examples/servers.sh"
leave() {
    local f
    for f in "$dir"/run-*/*.pid; do # what a story that was cut off left running
        [ -f "$f" ] && : >"${f%/*}/stop" && kill -9 "$(cat "$f")" 2>/dev/null
    done
    servers_stop
    [ -n "${HC_CRASH_KEEP:-}" ] && echo "kept: $dir" || rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT TERM
nginx_start || { echo "SKIP: nginx, fcgiwrap and git-http-backend could not be started"; exit 77; }

# ---- the chart: the example's, with a Job at every event it leaves out --------------------------------------------

cp -R "$root/deploy/examples/charts/storefront" "$dir/storefront"
cat >"$dir/storefront/templates/notify.yaml" <<'CHART'
{{- range list "post-install" "post-upgrade" "pre-rollback" "post-rollback" "pre-delete" "post-delete" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: notify-{{ . }}
  annotations:
    helm.sh/hook: {{ . }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: notify, image: example/notify:1}]
{{- end }}
CHART
charts=$SERVERS/www/charts
tar -C "$dir" --owner=0 --group=0 -czf "$charts/storefront-1.4.0.tgz" storefront
cat >"$charts/index.yaml" <<INDEX
apiVersion: v1
entries:
  storefront:
    - {apiVersion: v2, name: storefront, version: 1.4.0, created: "2026-01-01T00:00:00Z", urls: [storefront-1.4.0.tgz],
       digest: $(sha256sum "$charts/storefront-1.4.0.tgz" | cut -d' ' -f1)}
INDEX

# ---- one story; everything of it is in $run -----------------------------------------------------------------------

get() { curl -fsS "$server$1" 2>/dev/null; }
hr=/apis/helm.toolkit.fluxcd.io/v2/namespaces/production/helmreleases/storefront
ks=/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/production

# What a chapter came to, as text. Pods have names of chance, so a failure's description is cut.
# One jq for all of it: to start it is a third of what a story costs.
snapshot() {
    { "$h" history storefront -n production -o json 2>/dev/null; curl -fsS "$server$hr" "${kinds[@]/#/$server/}" 2>/dev/null; } |
        jq -r 'if type == "array" then
            .[] | [.revision, .status, (.description | if test("failed|not ready"; "i") then .[:60] else . end)] | tojson
        elif .kind == "HelmRelease" then
            {history: [.status.history[]? | [.version, .status, .chartVersion]],
            conditions: ([.status.conditions[]? | [.type, .status, .reason]] | sort),
            failures: [.status.failures, .status.installFailures, .status.upgradeFailures],
            current: (.metadata.generation == .status.observedGeneration), finalizers: .metadata.finalizers} | tojson
        else
            (.kind | rtrimstr("List")) as $kind | [.items[] | select(.metadata.namespace | IN("production", "flux-system")) |
                select(.metadata.name != "kube-root-ca.crt") | [$kind, .metadata.namespace, .metadata.name,
                .spec.template.spec.containers[0].image? // "", (.spec.replicas? // "" | tostring)] | join(" ")] | sort | .[]
        end'
    "$h" get values storefront -n production 2>/dev/null
}
kinds=(api/v1/configmaps api/v1/services api/v1/secrets apis/apps/v1/deployments apis/batch/v1/jobs
    apis/networking.k8s.io/v1/ingresses apis/source.toolkit.fluxcd.io/v1/helmrepositories
    apis/source.toolkit.fluxcd.io/v1/helmcharts apis/helm.toolkit.fluxcd.io/v2/helmreleases
    apis/kustomize.toolkit.fluxcd.io/v1/kustomizations apis/source.toolkit.fluxcd.io/v1/gitrepositories)
writes() { get /sandbox/stats | jq .writes; }
# The cluster's revision: where it stands still, nothing needs to be looked at again.
# Asked for several times a second by every story, so without a process.
revision() { # sets $now
    local answer fd
    now=
    { exec {fd}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return
    printf 'GET /api/v1/namespaces?limit=1 HTTP/1.0\r\n\r\n' >&"$fd"
    IFS= read -r -d '' -t 2 -u "$fd" answer
    exec {fd}>&-
    [[ $answer =~ \"resourceVersion\":\ *\"([0-9]+)\" ]] && now=${BASH_REMATCH[1]}
}

# The undisturbed story takes what it comes to, once nothing is written any more; the others must come to the same.
chapter() { # NAME JQ-EXPRESSION-ABOUT-THE-RELEASE (or `gone`) WORDS-THAT-ARE-IN-IT-THEN
    local until=$((SECONDS + ${HC_CRASH_PATIENCE:-25})) body now last= looked_at= still=0 host=${server#http://} port
    port=${host##*:} host=${host%:*}
    while :; do
        revision
        if [ "$now" = "$last" ]; then still=$((still + 1)); else still=0 last=$now; fi
        # A story that counts must have come to rest for good (0.75 s); the others are compared anyway.
        if [ "$now" != "$looked_at" ] && [ $still -ge $((n == 0 ? 5 : 1)) ]; then
            looked_at=$now
            if if [ "$2" = gone ]; then
                get "$server_alive" >/dev/null && ! get "$hr" >/dev/null && ! get "$ks" >/dev/null
            else
                body=$(get "$hr") && [[ ${body//[[:space:]]/} == *"${3:-}"* ]] && jq -e "$2" <<<"$body" >/dev/null 2>&1
            fi; then
                snapshot >"$run/$1"
                [ "$n" = 0 ] && { echo "$1 $(writes)" >>"$run/writes"; return 0; }
                cmp -s "$run/$1" "$dir/run-0/$1" && return 0
            fi
        fi
        if [ $SECONDS -ge $until ]; then
            echo "chapter '$1' did not come to its end:"
            snapshot >"$run/$1"
            [ -f "$dir/run-0/$1" ] && diff "$dir/run-0/$1" "$run/$1" | sed 's/^/    /'
            get "$hr" | jq -r '.status.conditions[]? | "    \(.type)=\(.status) \(.reason): \(.message)"'
            return 1
        fi
        sleep 0.15
    done
}

# The controller as a kubelet keeps it. The first one stops before it does anything, so that the kill can be armed.
supervise() {
    local code
    while [ ! -e "$run/stop" ]; do
        bash -c 'echo $$ >"$0/controller.new" && mv "$0/controller.new" "$0/controller.pid"
            [ -e "$0/begun" ] || { : >"$0/begun"; kill -STOP $$; }
            exec "$@"' "$run" "$h" controller --storage-path "$run/storage" --storage-addr "127.0.0.1:$storage_port" \
            --metrics-addr 0 --health-addr 0 >>"$run/log" 2>&1 &
        wait $!
        code=$?
        [ -e "$run/stop" ] || echo "$code" >>"$run/ends"
        [ "$code" = 137 ] || sleep 0.5
    done
}

hooks() { jq -r 'select(.type == "ADDED") | .object.metadata | "\(.name) \(.uid)"' "$run/jobs" | sort -u | cut -d' ' -f1 | uniq -c; }

ready='(.metadata.generation == .status.observedGeneration) and any(.status.conditions[]; .type == "Ready" and .status == "True")'
tag() { # FROM TO: a commit
    sed -i "s/tag: \"$1\"/tag: \"$2\"/" "$values" && git_commit "fleet-$n" "$2"
}
tale_of_upgrade() {
    chapter 1-installed "$ready and .status.history[0].version == 1" '"version":1' || return 1
    tag 2.0.0 2.1.0
    chapter 2-upgraded "$ready and .status.history[0].version == 2" '"version":2' || return 1
    tag 2.1.0 2.2.0-broken
    chapter 3-rolled-back '.status.history[0] | .version == 4 and .status == "deployed"' '"version":4' || return 1
    tag 2.2.0-broken 2.2.0
    chapter 4-mended "$ready and .status.history[0].version == 5" '"version":5'
}
tale_of_install() {
    chapter 1-given-up 'any(.status.conditions[]; .type == "Stalled" and .status == "True") and .status.installFailures == 2 and
        .status.history[0].status == "uninstalled"' '"type":"Stalled"' || return 1
    tag 2.0.0-broken 2.2.0
    chapter 2-mended "$ready and .status.history[0].version == 1" '"version":1'
}

story() {
    local w=$SERVERS/work/fleet-$n values
    values=$w/environments/production/values.yaml
    git_repo "fleet-$n"
    cp -R "$root/deploy/examples/fleet/." "$w/"
    # The namespace is there before and stays, so that Jobs can run at the uninstall.
    sed -i '/namespace.yaml/d' "$w/environments/production/kustomization.yaml"
    local limit=${HC_CRASH_TIMEOUT:-3s}
    if [ "$tale" = install ]; then
        sed -i "s/^  timeout: 2m/  timeout: 30s/; s/^  install:/  install:\n    timeout: $limit/
            s/retries: 3/retries: 1\n      remediateLastFailure: true/" "$w/environments/base/release.yaml"
        sed -i 's/tag: "2.0.0"/tag: "2.0.0-broken"/' "$values"
    else
        sed -i "s/^  timeout: 2m/  timeout: 30s/; s/^  upgrade:/  upgrade:\n    timeout: $limit/" "$w/environments/base/release.yaml"
    fi
    git_commit "fleet-$n" first
    cat >"$run/fleet.yaml" <<FLEET
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: production}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1s, url: "http://127.0.0.1:$HTTP_PORT/git/fleet-$n.git", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: production, namespace: flux-system}
spec:
  interval: 1m
  retryInterval: 1s
  path: ./environments/production
  prune: true
  sourceRef: {kind: GitRepository, name: fleet}
  postBuild: {substitute: {charts_url: "http://127.0.0.1:$HTTP_PORT/charts"}}
FLEET
    "$h" deploy --crds-only -f "$run/fleet.yaml" >"$run/deploy.log" 2>&1 || { tail -n 3 "$run/deploy.log"; return 1; }
    supervise 2>/dev/null &
    local i
    for i in $(seq 200); do
        [ -f "$run/controller.pid" ] && grep -q '^State:.T' "/proc/$(cat "$run/controller.pid")/status" 2>/dev/null && break
        sleep 0.02
    done
    curl -fsS -X DELETE "$server/sandbox/stats" >/dev/null
    curl -fsS -d "{\"n\":$n,\"pid\":$(cat "$run/controller.pid"),\"agent\":\"helmctl*\"}" "$server/sandbox/kill-after-write" \
        >/dev/null || { echo "the kill could not be armed"; return 1; }
    kill -CONT "$(cat "$run/controller.pid")"

    if [ "$tale" = install ]; then
        tale_of_install || return 1
    else
        tale_of_upgrade || return 1
    fi
    curl -fsS -X DELETE "$server$ks" >/dev/null
    chapter 9-uninstalled gone || return 1
    hooks >"$run/hooks"
    [ "$n" = 0 ] || diff "$dir/run-0/hooks" "$run/hooks" >"$run/hooks.diff" ||
        { echo "hooks ran more or less often:"; sed 's/^/    /' "$run/hooks.diff"; return 1; }
    if [ -s "$run/ends" ] && { [ "$n" = 0 ] || [ "$(cat "$run/ends")" != 137 ]; }; then
        echo "the controller ended by itself: exit $(tr '\n' ' ' <"$run/ends")"
        return 1
    fi
}

tell() { # N: the story with a kill behind write N, in a process of its own; 0: none
    n=$1 run=$dir/run-$1
    trap - EXIT
    mkdir -p "$run"
    export KUBECONFIG=$run/kubeconfig
    "$h" sandbox --ready-after 50 --kubeconfig "$KUBECONFIG" >"$run/sandbox.log" 2>&1 &
    echo $! >"$run/sandbox.pid"
    for _ in $(seq 200); do [ -s "$KUBECONFIG" ] && break; sleep 0.02; done
    server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"') server_alive=/version
    storage_port=$(free_port)
    curl -sN "$server/apis/batch/v1/jobs?watch=true" >"$run/jobs" &
    echo $! >"$run/watch.pid"
    story >"$run/said" 2>&1
    echo $? >"$run/code"
    : >"$run/stop"
    for f in controller watch sandbox; do
        [ -f "$run/$f.pid" ] && kill -9 "$(cat "$run/$f.pid")" 2>/dev/null
        rm -f "$run/$f.pid"
    done
    wait 2>/dev/null
}

# ---- the undisturbed story, then those with a kill -----------------------------------------------------------------

show() { # N: why a story failed
    sed 's/^/  /' "$dir/run-$1/said"
    echo "  the controller's last words:"
    tail -n 12 "$dir/run-$1/log" | cut -c 1-400 | sed 's/^/    /'
}
(tell 0) 2>/dev/null
[ "$(cat "$dir/run-0/code" 2>/dev/null)" = 0 ] || { echo "FAILED: the undisturbed story"; show 0; exit 1; }
before=0
while read -r name sum; do
    printf '%-16s writes %d to %d\n' "$name" $((before + 1)) "$sum"
    before=$sum
done <"$dir/run-0/writes"
all=$before
echo "hooks: $(awk '{ printf "%s%s x%s", s, $2, $1; s = ", " }' "$dir/run-0/hooks")"
# It must be the story that is meant, whatever else the others are compared with.
if [ "$tale" = install ]; then
    want="deployed" got=$(head -n 1 "$dir/run-0/2-mended" | jq -r '.[1]')
    gave_up=$(jq -c 'select(.history) | [.history, .failures[1]]' "$dir/run-0/1-given-up" 2>/dev/null | head -n 1)
    [ "$gave_up" = '[[[1,"uninstalled","1.4.0"]],2]' ] || { echo "FAILED: given up with $gave_up"; cat "$dir/run-0/1-given-up"; exit 1; }
else
    want="deployed superseded superseded superseded failed"
    got=$(head -n 5 "$dir/run-0/4-mended" | jq -r '.[1]' | sort | tr '\n' ' ')
fi
[ "$(xargs <<<"$got")" = "$(tr ' ' '\n' <<<"$want" | sort | xargs)" ] || { echo "FAILED: the history is $got"; cat "$dir/run-0"/*mended; exit 1; }
[ "$(sed -n '$=' "$dir/run-0/9-uninstalled")" = 1 ] || { echo "FAILED: left after the uninstall:"; cat "$dir/run-0/9-uninstalled"; exit 1; }

if [ -n "${HC_CRASH_AT:-}" ]; then
    at=$HC_CRASH_AT
elif [ -n "${HC_CRASH_ALL:-}" ]; then
    at=$(seq "$all")
else
    last=$((${HC_CRASH_PLACES:-6} - 1))
    at=$(for i in $(seq 0 "$last"); do echo $((1 + i * (all - 1) / last)); done | sort -nu)
fi
running=0
for k in $at; do
    [ $running -lt "${HC_CRASH_JOBS:-4}" ] || { wait -n -p ended 2>/dev/null; running=$((running - 1)); }
    (tell "$k") 2>/dev/null &
    pids="${pids:-} $!"
    running=$((running + 1))
done
wait $pids
kills=0 failed=0 missed=0
for k in $at; do
    if [ "$(cat "$dir/run-$k/code" 2>/dev/null)" != 0 ]; then
        echo "FAILED: killed behind write $k"
        show "$k"
        failed=$((failed + 1))
    elif [ -s "$dir/run-$k/ends" ]; then
        kills=$((kills + 1))
    else
        missed=$((missed + 1)) # two status writes became one: the last numbers may not be reached
    fi
done
echo "$all writes; $kills stories with a kill ended the same, $failed did not, $missed had fewer writes than that"
[ $failed = 0 ] && [ $kills -gt 0 ] && [ $missed -le $((1 + kills / 5)) ]
