#!/usr/bin/env bash
# Whatever a release waits for (a hook, a wave before the next is sent, its objects at the end), the wait ends at once
# for a new revision, for suspend, for delete, and on the command line for Ctrl-C; and what was begun is gone on with.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/local.sh"
# .Values.at is what never becomes ready.
cat >"$work/app/templates/all.yaml" <<'CHART'
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-hook, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    metadata: {annotations: {sandbox.helmctl.dev/behavior: {{ eq .Values.at "hook" | ternary "hang" "complete" }}}}
    spec: {restartPolicy: Never, containers: [{name: c, image: example/job}]}
{{- if eq .Values.at "job" }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}}
spec:
  ttlSecondsAfterFinished: 3600
  template:
    metadata: {annotations: {sandbox.helmctl.dev/behavior: hang}}
    spec: {restartPolicy: Never, containers: [{name: c, image: example/job}]}
{{- end }}
{{- range $i, $name := list "wave" "objects" }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ $.Release.Name }}-{{ $name }}, annotations: {release.helmctl.dev/wave: "{{ $i }}"}}
spec:
  selector: {matchLabels: {app: {{ $.Release.Name }}-{{ $name }}}}
  template:
    metadata:
      labels: {app: {{ $.Release.Name }}-{{ $name }}}
      annotations: {sandbox.helmctl.dev/behavior: {{ eq $.Values.at $name | ternary "hang" "ready" }}}
    spec: {containers: [{name: web, image: example/web}]}
{{- end }}
CHART
local_start --ready-after 20
releases=$api/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases
deployments=$api/apis/apps/v1/namespaces/default/deployments jobs=$api/apis/batch/v1/namespaces/default/jobs

release() { # NAME WHAT-NEVER-BECOMES-READY
    cat <<RELEASE
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: $1, namespace: default}
spec:
  interval: 1h
  timeout: 1h
  values: {at: $2}
  chart: {spec: {chart: app, sourceRef: {kind: HelmRepository, name: charts}}}
RELEASE
}
waits="hook wave objects"
{
    for at in $waits; do
        for what in revision suspend delete; do release "$at-$what" $at; done
    done
    release job job
} >"$work/all.yaml"
local_controller "$work/all.yaml" --log-level debug

patch() { curl -fsS -o /dev/null -X PATCH -H 'Content-Type: application/merge-patch+json' "$1" --data "$2"; } # URL JSON
there() { curl -fsS -o /dev/null "$1" 2>/dev/null; }
gone() { ! there "$1"; }
shows() { # URL TEXT-WITHOUT-BLANKS
    local answer
    answer=$(curl -fsS "$1" 2>/dev/null) && [[ ${answer//[[:space:]]/} == *"$2"* ]]
}
status_of() { # RELEASE: revisions and their status, newest last
    local all said=
    all=$("$h" history "$1" -n default -o json 2>/dev/null)
    while [[ $all =~ \"revision\":\ *([0-9]+) ]]; do
        said="$said ${BASH_REMATCH[1]}" all=${all#*"${BASH_REMATCH[0]}"}
        [[ $all =~ \"status\":\ *\"([a-z-]+)\" ]] && said="$said ${BASH_REMATCH[1]}"
    done
    echo "${said# }"
}
is() { [ "$(status_of "$1")" = "$2" ]; }
parked() { # RELEASE WAIT: laid down for it, as the log has it
    local line
    while IFS= read -r line; do
        [[ $line == *"waits: "*"$2"*"\"$1\""* ]] && return
    done <"$work/controller.log"
    return 1
}
words() { case $1 in hook) echo "pre-install hook Job" ;; wave) echo "wave 1 of 2: " ;; objects) echo "-objects: " ;; esac; }
make_ready() { # RELEASE WAIT: a Deployment, by hand
    patch "$deployments/$1-$2" '{"spec":{"template":{"metadata":{"annotations":{"sandbox.helmctl.dev/behavior":"ready"}}}}}'
    within 5 shows "$deployments/$1-$2" '"availableReplicas":1'
}

for at in $waits; do
    for what in revision suspend delete; do
        within 20 parked "$at-$what" "$(words $at)" || bad "$at-$what never waits: $(status_of "$at-$what")"
    done
done

for at in $waits; do
    patch "$releases/$at-revision" '{"spec":{"values":{"at":"nothing"}}}'
    within 10 is "$at-revision" "1 superseded 2 deployed" && ok "waiting for $at: a new revision takes its place" ||
        bad "waiting for $at, a new revision: $(status_of "$at-revision")"

    patch "$releases/$at-suspend" '{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"1"}},"spec":{"suspend":true}}'
    within 5 shows "$releases/$at-suspend" '"lastHandledReconcileAt":"1"' && ok "waiting for $at: suspended" || bad "waiting for $at, suspend is not seen"
    if [ $at = hook ]; then curl -fsS -o /dev/null -X DELETE "$jobs/$at-suspend-hook"; else make_ready "$at-suspend" $at; fi
    # what the controller would do of it, it would have done before it answers this
    patch "$releases/$at-suspend" '{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"2"}}}'
    within 5 shows "$releases/$at-suspend" '"lastHandledReconcileAt":"2"' || bad "a request while suspended is not seen"
    equal "waiting for $at, suspended: nothing goes on when the wait is over" "1 pending-install" "$(status_of "$at-suspend")"
    [ $at != wave ] || { there "$deployments/$at-suspend-objects" && bad "the next wave was sent" || ok "nor is the next wave sent"; }
    patch "$releases/$at-suspend" '{"spec":{"suspend":false}}'
    after="1 deployed"
    [ $at != hook ] || after="1 failed" # its Job was deleted before it had finished
    within 10 is "$at-suspend" "$after" && ok "resumed: it comes to its end" || bad "resumed: $(status_of "$at-suspend")"

    curl -fsS -o /dev/null -X DELETE "$releases/$at-delete"
    within 10 gone "$releases/$at-delete" && ok "waiting for $at: deleted" || bad "waiting for $at, deleted: $(status_of "$at-delete")"
    equal "no record is left" "" "$(status_of "$at-delete")"
    within 5 gone "$deployments/$at-delete-wave" && gone "$deployments/$at-delete-objects" && ok "and none of its objects" || bad "objects are left"

    "$h" install "cli-$at" "$work/app" --set "at=$at" --wait --timeout 10m >"$work/out" 2>&1 &
    pid=$!
    case $at in hook) is_at=$jobs/cli-hook-hook ;; *) is_at=$deployments/cli-$at-$at ;; esac
    within 10 there "$is_at" || bad "the command sends nothing: $(cat "$work/out")"
    began=${EPOCHREALTIME/[.,]/}
    kill -INT $pid
    wait $pid
    code=$?
    took=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
    equal "waiting for $at: Ctrl-C ends the command" 1 $code
    [ $took -lt 3000 ] && ok "at once" || bad "after $took ms"
    has "it says how to go on" "interrupted; revision 1 stays as it is, and the same command goes on" "$(cat "$work/out")"
    equal "and leaves the revision as it is" "1 pending-install" "$(status_of "cli-$at")"
    if [ $at = objects ]; then
        make_ready "cli-$at" $at
        "$h" install "cli-$at" "$work/app" --set "at=$at" --wait --timeout 1m >"$work/out" 2>&1
        equal "the same command goes on with it" "0 1 deployed" "$? $(status_of "cli-$at")"
    fi
    "$h" uninstall "cli-$at" >/dev/null 2>&1 && gone "$deployments/cli-$at-wave" && ok "uninstalled" || bad "not uninstalled"
done

# A Job that is gone by its time to live is done: the watch says so, long before somebody looks.
within 20 parked job "wave 1 of 2: Job default/job: " || bad "job never waits: $(status_of job)"
curl -fsS -o /dev/null -X DELETE "$jobs/job"
within 5 is job "1 deployed" && ok "a Job with a time to live that is gone is done" || bad "job: $(status_of job)"
gone "$jobs/job" && ok "and is not made anew" || bad "the Job is there again"
done_
