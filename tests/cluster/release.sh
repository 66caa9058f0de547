#!/usr/bin/env bash
# The release engine on a real control plane, with the real Helm 4 and Helm 3 as observers and as fellow users of the
# same releases: each reads, upgrades and rolls back what the others left.
#
#   HELM4_VALIDATES=1    Helm 4 validates against the server's OpenAPI documents as it does by itself (lib/helm4.sh)
#   HC_FAILING_ALL=1     all upgrades that fail, not a sample (lib/failing.py)
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 helm4-many helm3 || exit $?
peers=$("$root/tests/peers/build.sh" --dir)
dir=$(mktemp -d)
. "$here/lib/helm4.sh"
. "$here/lib/look.sh"
trap 'helm4_stop; look_stop; "$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
"$here/control-plane.sh" start "$dir" || exit $?
export KUBECONFIG=$dir/kubeconfig HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER
helm4_start
look_start
h=$HC_BUILD/bin/helmctl h4=helm4 h3=$peers/helm3 k=$peers/kubectl
[ -x "$k" ] || k=
chart=$root/deploy/examples/charts/storefront

# A chart of small objects: hooks of all events, one that is kept, one that a flag leaves out.
mini=$dir/mini
mkdir -p "$mini/templates"
printf 'apiVersion: v2\nname: mini\nversion: 1.2.3\nappVersion: "4.5"\ndescription: a <b> & c\n' >"$mini/Chart.yaml"
printf 'size: 1\nextra: true\nname: ""\nlist: [1, "2", {}]\n' >"$mini/values.yaml"
cat >"$mini/templates/all.yaml" <<'CHART'
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-a
  labels: {own: "yes"}
data:
  size: {{ .Values.size | quote }}
  revision: {{ .Release.Revision | quote }}
  {{- if .Values.extra }}
  extra: "1"
  {{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-s}
stringData: {k: v}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-kept
  annotations: {helm.sh/resource-policy: keep}
CHART
for event in pre-install post-install pre-upgrade post-upgrade pre-rollback post-rollback pre-delete post-delete test; do
    printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-%s\n  annotations: {helm.sh/hook: %s, helm.sh/hook-weight: "2"}\n' \
        $event $event >>"$mini/templates/hooks.yaml"
done
echo 'size {{ .Values.size }}' >"$mini/templates/NOTES.txt"

# Post-renderers: one that changes objects and hooks, one that fails.
for p in relabel fails; do
    mkdir -p "$dir/data/plugins/$p"
    printf 'apiVersion: v1\nname: %s\ntype: postrenderer/v1\nruntime: subprocess\nversion: 1.0.0\nconfig: {}\nruntimeConfig:\n  platformCommand:\n  - command: $HELM_PLUGIN_DIR/run\n' \
        $p >"$dir/data/plugins/$p/plugin.yaml"
done
printf '#!/bin/sh\nsed "s/own: .*yes./own: $1/; s/hook-weight: [^}]*/hook-weight: \\"3\\"/"\n' >"$dir/data/plugins/relabel/run"
printf '#!/bin/sh\nexit 1\n' >"$dir/data/plugins/fails/run"
chmod +x "$dir/data/plugins/"*/run

# The API server, asked without kubectl: one process a look.
. "$dir/env"
api() { curl -sS --noproxy '*' --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" "$@"; }

same() { # WHAT ARGS...: helm and helmctl print the same
    local what=$1
    shift
    "$h4" "$@" >"$dir/want" 2>&1
    "$h" "$@" >"$dir/got" 2>&1
    # Live objects change between two reads, and Helm prints them in any order.
    sed -i -E 's/"resources":\{.*\}(,"config"|,"manifest")/"resources":{}\1/' "$dir/want" "$dir/got"
    if cmp -s "$dir/want" "$dir/got"; then ok "$what: helmctl $*"; else bad "$what: helmctl $*"; diff "$dir/want" "$dir/got" | head -10; fi
}
observed() { # WHAT RELEASE [FORMAT...]
    local what=$1 release=$2 f
    shift 2
    for f in json "$@"; do
        same "$what" history "$release" -o $f
        same "$what" list -o $f
    done
    same "$what" status "$release" -o json
    for f in hooks all; do same "$what" get $f "$release"; done
    if [ $# -gt 0 ]; then
        for f in manifest notes values metadata; do same "$what" get $f "$release"; done
        same "$what" get values "$release" --all
    fi
    same "$what" get metadata "$release" -o json
    "$h3" history "$release" -o json >/dev/null 2>&1 && ok "$what: Helm 3 reads it" || bad "$what: Helm 3 reads it"
}
history_of() { "$h4" history "$1" -o json | tr '{' '\n' | sed -n 's/.*"revision":\([0-9]*\).*"status":"\([a-z-]*\)".*"description":"\([^"]*\)".*/\1 \2 \3/p' | cut -c1-60; }

# --- install, upgrade, failed upgrade, rollback of a workload
out=$("$h" install web "$chart" --wait --timeout 60s 2>&1) && ok "install --wait" || bad "install --wait: $out"
has "install prints the status" "STATUS: deployed" "$out"
observed "installed" web
has "status shows the pods" 'v1/Pod.related' "$("$h" status web)"
has "its Deployment is ready" '"readyReplicas":1' "$("$h4" status web -o json)"
"$h" upgrade web "$chart" --set replicas=2 --wait --timeout 60s >/dev/null 2>&1 && ok "upgrade --wait" || bad "upgrade --wait"
has "both replicas are ready" '"readyReplicas":2' "$("$h4" status web -o json)"
printf 'podAnnotations: {sandbox.helmctl.dev/behavior: image-pull}\nimage: {tag: nope}\n' >"$dir/broken.yaml"
out=$("$h" upgrade web "$chart" -f "$dir/broken.yaml" --wait --timeout 6s --rollback-on-failure 2>&1) && bad "a broken upgrade succeeds" || ok "a broken upgrade fails"
has "it says which container of which pod and why" 'Deployment default/web-storefront: container shop of pod web-storefront-[a-z0-9-]+ cannot pull image .ghcr.io/example/storefront:nope.' "$out"
has "it says that it was rolled back" 'has been rolled back due to rollback-on-failure being set' "$out"
equal "exactly these revisions" "1 superseded Install complete
2 superseded Upgrade complete
3 failed Upgrade \\
4 deployed Rollback to 2" "$(history_of web)"
observed "rolled back" web table yaml # every form of every verb
"$h4" rollback web 1 --wait --timeout 60s >/dev/null 2>&1 && ok "Helm 4 rolls ours back" || bad "Helm 4 rolls ours back"
"$h" rollback web 2 --wait=legacy --timeout 60s >/dev/null 2>&1 && ok "we roll Helm's back" || bad "we roll Helm's back"
"$h3" rollback web 1 --wait --timeout 60s >/dev/null 2>&1 && ok "Helm 3 rolls ours back" || bad "Helm 3 rolls ours back"
out=$("$h" upgrade web "$chart" --set replicas=1 --wait --timeout 60s 2>&1) && ok "we upgrade what Helm 3 left" || bad "we upgrade what Helm 3 left: $out"
equal "eight revisions" 8 "$(history_of web | wc -l)"
observed "after Helm 3" web
"$h" test web --timeout 60s >/dev/null 2>&1 && ok "test" || bad "test"
same "tested" status web -o json
"$h" uninstall web --wait --timeout 60s >/dev/null 2>&1 && ok "uninstall --wait" || bad "uninstall --wait"
equal "no release is left" "" "$("$h4" list -q)"

# --- two tools, the same commands: the cluster must look the same
both() { # ARGS... with NAME for the release
    "$h4" -n four "${@//NAME/x}" >"$dir/four.out" 2>&1
    echo "exit $?" >>"$dir/four.out"
    "$h" -n ours "${@//NAME/x}" >"$dir/ours.out" 2>&1
    echo "exit $?" >>"$dir/ours.out"
    # Left out: log lines of Helm and of its Kubernetes client (klog: I1126 20:35:42.9 ... a watch that was cut), which
    # come or not as goroutines end.
    sed -i -E 's/ \(exit code 1\)$//; /^level=/d; /^[IWE][0-9]{4} [0-9:.]+ +[0-9]+ [a-z_]+\.go:[0-9]+\]/d; s/ours/four/g; s/[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]* 20[0-9][0-9]/WHEN/' "$dir/four.out" "$dir/ours.out"
    if cmp -s "$dir/four.out" "$dir/ours.out"; then ok "same output: $*"; else bad "same output: $*"; diff "$dir/four.out" "$dir/ours.out" | head -10; fi
    local ns
    for ns in four ours; do
        look "$dir/$ns.dump" unlike $ns api/v1/configmaps api/v1/secrets api/v1/serviceaccounts api/v1/services apis/apps/v1/deployments apis/batch/v1/jobs
    done
    [ "$(wc -l <"$dir/four.dump")" -gt 2 ] || bad "no dump: $*"
    if cmp -s "$dir/four.dump" "$dir/ours.dump"; then ok "same cluster: $*"; else bad "same cluster: $*"; diff "$dir/four.dump" "$dir/ours.dump" | head -20; fi
}
both install NAME "$mini" --create-namespace
both install NAME "$mini"
both upgrade NAME "$mini" --set size=2,extra=false --description "mine"
both upgrade NAME "$mini"
both upgrade NAME "$mini" --reuse-values --set size=3
both upgrade NAME "$mini" --post-renderer relabel --post-renderer-args rendered
both get manifest NAME
both get hooks NAME
both upgrade NAME "$mini" --post-renderer fails
both upgrade NAME "$mini" --post-renderer nowhere
both upgrade NAME "$mini" --reset-values --labels team=a
both upgrade NAME "$mini" --no-hooks --history-max 3
both rollback NAME
both rollback NAME 99
both upgrade --install NAME "$mini" --set size=7
both upgrade other "$mini"
both template NAME "$mini" --dry-run=server
equal "a flag is told of once" "Flag --validate has been deprecated, use '--dry-run=server' instead" \
    "$("$h" -n ours template x "$mini" --validate 2>&1 >/dev/null)"
seen=$dir/seen # what its templates see is this cluster's
mkdir -p "$seen/templates"
printf 'apiVersion: v2\nname: seen\nversion: 1.0.0\n' >"$seen/Chart.yaml"
cat >"$seen/templates/all.yaml" <<'YAML'
apiVersion: v1
kind: {{ .Values.kind | default "ConfigMap" }}
metadata: {name: {{ .Values.name | default "seen" }}}
data:
  uid: {{ (lookup "v1" "Namespace" "" "kube-system").metadata.uid }}
  none: {{ len (lookup "v1" "Namespace" "" "nobody") | quote }}
  version: {{ .Capabilities.KubeVersion.Version | quote }}
  definitions: {{ .Capabilities.APIVersions.Has "apiextensions.k8s.io/v1/CustomResourceDefinition" | quote }}
YAML
both template NAME "$seen" --dry-run=server
both template NAME "$seen" --dry-run=server --kube-version 1.20 --is-upgrade
both template NAME "$seen" --dry-run=server --set name=kube-root-ca.crt --is-upgrade
refused() { # WORDS ARGS...
    local words=$1 out
    shift
    out=$("$h" -n ours template x "$seen" --dry-run=server "$@" 2>&1) && bad "taken: $*"
    [[ $out == "Error: "*"$words"* && $out != *"kind: "* ]] && ok "refused: $*" || bad "refused: $*: $out"
}
refused 'no matches for kind "Nope" in version "v1"' --set kind=Nope
refused 'ConfigMap "kube-root-ca.crt" in namespace "ours" exists and cannot be imported' --set name=kube-root-ca.crt --debug
both test NAME
both uninstall NAME --keep-history
both uninstall NAME --keep-history
both upgrade --install NAME "$mini"
both uninstall NAME
both uninstall NAME
both uninstall NAME --ignore-not-found
both rollback NAME
both status NAME
both history NAME
both get values NAME
both install bad_name "$mini"

# --- objects sent by the client
. "$here/lib/client_side.sh"

# --- plans
. "$here/lib/plan.sh"

# --- waves
. "$here/lib/waves.sh"

# --- upgrades that fail: a sample; all of them with HC_FAILING_ALL=1
# shellcheck disable=SC2046
out=$(python3 "$here/lib/failing.py" "$dir" "$h" $([ -n "${HC_FAILING_ALL:-}" ] || echo selector claim-templates cluster-ip job-template \
    crd-version-removed duplicate-env bad-quantity namespace-missing another-release quota-together right-to-grant record-too-large \
    crd-leaves hook-fails) 2>&1) && ok "$(tail -1 <<<"$out")" || bad "failing upgrades: $out"

# --- records in ConfigMaps and in memory
. "$here/lib/drivers.sh"

# --- flags: a sample; all of them with flags.sh
out=$(python3 "$here/lib/flags.py" "$dir" "$h" "$peers/helm4" name-template replace-failed dependencies-reuse-values 2>&1) && ok "$(tail -1 <<<"$out")" || bad "flags: $out"

# --- ownership
"$h4" install first "$mini" --set name=x >/dev/null 2>&1
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: second-a, namespace: default}\ndata: {mine: "1"}\n' >"$dir/foreign.yaml"
if [ -n "$k" ]; then
    "$k" apply -f "$dir/foreign.yaml" >/dev/null 2>&1
    out=$("$h" install second "$mini" 2>&1) && bad "a foreign object is taken" || ok "a foreign object is refused"
    equal "in Helm's words" "$("$h4" install second "$mini" 2>&1)" "${out%% (mini/*}"
    has "and with what to do" '\(mini/templates/all.yaml:4: metadata.name\); --take-ownership .*No revision was recorded, no object touched' "$out"
    equal "and nothing was recorded" "first" "$("$h4" list -q)"
    "$h" install second "$mini" --take-ownership --force-conflicts >/dev/null 2>&1 && ok "take-ownership" || bad "take-ownership"
    has "its label is ours now" 'managed-by: Helm' "$("$k" get configmap second-a -o yaml)"
    "$k" label configmap second-extra app.kubernetes.io/managed-by=somebody --overwrite >/dev/null 2>&1
    out=$("$h" uninstall second 2>&1)
    has "uninstall keeps what is not ours any more" 'not owned by this release' "$out"
    has "and what asks to be kept" 'kept due to the resource policy' "$out"
    equal "both are still there" "second-extra second-kept" "$("$k" get configmap -o name | sed -n 's|configmap/\(second-.*\)|\1|p' | grep -v -- '-pre\|-post\|-test' | tr '\n' ' ' | sed 's/ $//')"
fi

# --- the three take turns at one release (sequences.sh: as many as one likes)
out=$(python3 "$here/sequences.py" "$dir" "$h" "$peers/helm4-many" "$h3" 1 2 2>&1) && ok "two random sequences" || bad "two random sequences: $out"

# --- another program is at work: a command does not interfere
"$peers/helm4" install busy "$chart" --wait --timeout 60s --set podAnnotations."sandbox\.helmctl\.dev/behavior"=hang >/dev/null 2>&1 &
helm=$!
within 20 sh -c "'$peers/helm4' list --pending -q | grep -q busy"
kill -9 $helm
wait $helm 2>/dev/null
out=$("$h" upgrade busy "$chart" 2>&1) && bad "an operation in progress is ignored" || ok "an operation in progress is respected"
has "in Helm's words" 'another operation \(install/upgrade/rollback\) is in progress' "$out"
done_
