#!/usr/bin/env bash
# get, reconcile, suspend, resume, events against the real API server. No controller runs: this script writes the
# status a controller would.
#
#   gitops_verbs.sh [DIR]    DIR: of a control plane that runs already (kube_client.sh's)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
dir=${1:-}
if [ -z "$dir" ]; then
    dir=$(mktemp -d)
    trap '"$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
    HC_CLUSTER_ONLY=apiserver "$here/control-plane.sh" start "$dir"
fi
. "$dir/env"
export KUBECONFIG=$dir/kubeconfig
unset HELM_NAMESPACE HELM_KUBECONTEXT
helmctl=$HC_BUILD/bin/helmctl
fails=0
expect() { # WHAT FILE TEXT...: the file holds each text
    local what=$1 file=$2 text
    shift 2
    for text; do
        grep -qF -- "$text" "$file" || { echo "$what: no '$text' in:"; cat "$file"; fails=1; }
    done
}
token=$(sed -n "s/,admin-token.*//p" "$dir/pki/tokens.csv")
api() { # METHOD PATH TYPE BODY
    curl -sS --noproxy '*' --cacert "$dir/pki/ca.crt" -H "Authorization: Bearer $token" -X "$1" -H "Content-Type: $3" \
        --data-binary "$4" -o "$dir/answer" -w '%{http_code}\n' "$HC_APISERVER$2"
}
apply() { # PATH YAML
    case $(api PATCH "$1?fieldManager=test&force=true" application/apply-patch+yaml "$2") in
    200 | 201) ;;
    *) echo "apply $1:"; cat "$dir/answer"; exit 1 ;;
    esac
}
status() { # PATH JSON
    [ "$(api PATCH "$1/status" application/merge-patch+json "$2")" = 200 ] || { cat "$dir/answer"; exit 1; }
}

# verbs that render tell a person and a program where it failed
mkdir -p "$dir/c/templates"
printf 'apiVersion: v2\nname: c\nversion: 1.0.0\n' >"$dir/c/Chart.yaml"
printf 'port: 80\n' >"$dir/c/values.yaml"
printf 'a:\n  port: {{ trunc .Values.port "x" }}\n' >"$dir/c/templates/a.yaml"
"$helmctl" install web "$dir/c" --error-format person >"$dir/out" 2>&1 && { echo "a broken chart is installed"; fails=1; }
expect "install for a person" "$dir/out" "Error: INSTALLATION FAILED: wrong type for value; expected int; got float64" \
    "--> c/templates/a.yaml:2:18" "               ^^^^^^^^^^^^" ".Values.port is a number, 80, from values.yaml:1 (default of the chart)"
"$helmctl" upgrade --install web "$dir/c" --set port=5m --error-format json >"$dir/out" 2>&1 && { echo "upgraded"; fails=1; }
expect "upgrade for a program" "$dir/out" '"says":"is a text"' '"origin":"--set"' '"line":2,"column":18'
"$helmctl" apply "$dir/c/Chart.yaml" >"$dir/out" 2>&1 && { echo "applied"; fails=1; }
expect "apply of no plan" "$dir/out" "Chart.yaml is no plan, or a cut one: make it with helmctl plan RELEASE CHART -o"
"$helmctl" plan web "$dir/c" >"$dir/out" 2>&1 && { echo "planned"; fails=1; }
expect "plan for a script" "$dir/out" 'Error: c/templates/a.yaml:2:' 'executing "c/templates/a.yaml" at <.Values.port>:'

# before the kinds are there
"$helmctl" get helmreleases >"$dir/out" 2>&1 && { echo "get of an unknown kind succeeds"; fails=1; }
expect "no CRD" "$dir/out" "CustomResourceDefinition"

for crd in "$root"/deploy/manifests/crd-*.yaml; do
    name=$(sed -n 's/^  name: //p' "$crd" | head -n 1)
    apply "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/$name" "$(cat "$crd")"
done
hr=/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases
src=/apis/source.toolkit.fluxcd.io/v1/namespaces/default
tries=0
until [ "$(api GET "$hr" application/json '')" = 200 ] && [ "$(api GET "$src/gitrepositories" application/json '')" = 200 ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { echo "the kinds are not served"; exit 1; }
    sleep 0.05
done

"$helmctl" get helmreleases >"$dir/out" 2>&1
expect "none" "$dir/out" '✗ no HelmRelease objects found in "default" namespace'

sha=0123456789abcdef0123456789abcdef01234567
apply "$src/gitrepositories/fleet" '{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"fleet","namespace":"default"},"spec":{"url":"https://example.com/fleet","interval":"1m"}}'
apply "$hr/web" '{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"default","labels":{"team":"a"}},"spec":{"interval":"1m","chart":{"spec":{"chart":"./web","sourceRef":{"kind":"GitRepository","name":"fleet"}}}}}'
apply "$hr/db" '{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"db","namespace":"default"},"spec":{"interval":"1m","suspend":true,"chart":{"spec":{"chart":"./db","sourceRef":{"kind":"GitRepository","name":"fleet"}}}}}'
cond() { # STATUS MESSAGE [TOKEN]
    printf '{"status":{"observedGeneration":9,%s"conditions":[{"type":"Ready","status":"%s","reason":"X","message":"%s","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}' \
        "${3:+\"lastHandledReconcileAt\":\"$3\",}" "$1" "$2"
}
status "$hr/web" "$(cond False 'Helm install failed for release default/web')"
status "$src/gitrepositories/fleet" "$(cond True "stored artifact for revision 'main@sha1:$sha'")"
status "$src/gitrepositories/fleet" '{"status":{"artifact":{"revision":"main@sha1:'$sha'","digest":"sha256:'$sha$sha'","path":"x","url":"http://x","lastUpdateTime":"2026-01-01T00:00:00Z"}}}'

"$helmctl" get hr >"$dir/out"
printf 'NAME\tREVISION\tSUSPENDED\tREADY\tMESSAGE                                     \n' >"$dir/want"
printf 'db  \t        \tTrue     \tFalse\twaiting to be reconciled                    \t\n' >>"$dir/want"
printf 'web \t        \tFalse    \tFalse\tHelm install failed for release default/web\t\n' >>"$dir/want"
sed -i 's/ *$//; s/ *\t$//' "$dir/want" "$dir/out"
cmp -s "$dir/want" "$dir/out" || { echo "get hr:"; diff "$dir/want" "$dir/out"; fails=1; }
"$helmctl" get sources git fleet -A >"$dir/out"
expect "get sources git" "$dir/out" "NAMESPACE" "main@sha1:01234567" "stored artifact for revision 'main@sha1:01234567'"
grep -q "$sha" "$dir/out" && { echo "the hash is not cut"; fails=1; }
"$helmctl" get all -A >"$dir/out"
expect "get all" "$dir/out" "gitrepository/fleet" "helmrelease/web" "helmrelease/db"
"$helmctl" get sources -o json >"$dir/out"
expect "json" "$dir/out" "\"revision\": \"main@sha1:$sha\"" '"kind": "GitRepository"'
"$helmctl" get helmrelease -l team=a -o yaml >"$dir/out"
expect "yaml" "$dir/out" "name: web" 'ready: "False"'
grep -q "name: db" "$dir/out" && { echo "the selector is not used"; fails=1; }
"$helmctl" get hr nothing >"$dir/out" 2>&1 && { echo "get of what is not there succeeds"; fails=1; }
"$helmctl" get hr --status-selector ready=true >"$dir/out" 2>&1
expect "status selector" "$dir/out" "no HelmRelease objects"

"$helmctl" suspend hr web --reason "night shift" >"$dir/out" 2>&1
expect suspend "$dir/out" "► suspending helmrelease web in default namespace" "✔ helmrelease suspended"
"$helmctl" get hr web -o yaml >"$dir/out"
expect suspended "$dir/out" "suspended: true"
"$helmctl" reconcile hr web >"$dir/out" 2>&1 && { echo "a suspended object is reconciled"; fails=1; }
expect "reconcile suspended" "$dir/out" "resource is suspended"
status "$hr/web" "$(cond True 'Helm install succeeded')"
"$helmctl" resume hr web --timeout 20s >"$dir/out" 2>&1
expect resume "$dir/out" "✔ helmrelease resumed" "✔ HelmRelease reconciliation completed"

# completion out of the cluster
words() { # WHAT WANT ARGS...: the lines, parted by "/"
    local what=$1 want=$2 got
    shift 2
    got=$("$helmctl" __complete "$@" 2>&1 | tr '\t\n' '~/')
    [ "$got" = "$want" ] || { echo "completion of $what: want '$want', got '$got'"; fails=1; }
}
printf 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: {{ .Release.Name }}}\n' >"$dir/c/templates/a.yaml"
printf 'apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: "5"\n' >"$dir/c/Chart.yaml"
"$helmctl" install shop "$dir/c" >/dev/null && "$helmctl" install shelf "$dir/c" >/dev/null &&
    "$helmctl" upgrade shop "$dir/c" >/dev/null || { echo "install"; fails=1; }
words releases 'shelf~c-1.0.0 -> deployed/shop~c-1.0.0 -> deployed/:4/' status s
words "releases left" 'shelf~c-1.0.0 -> deployed/:4/' uninstall shop s
words revisions '2~App: 5, Chart: c-1.0.0, deployed/1~App: 5, Chart: c-1.0.0, superseded/:36/' rollback shop ''
words "--revision" '2~App: 5, Chart: c-1.0.0, deployed/:36/' get values shop --revision 2
words namespaces 'kube-system/:4/' status -n kube-s
words "another namespace" ':4/' status -n kube-system ''
words "objects of a kind" 'db~waiting to be reconciled/web~Helm install succeeded/:4/' suspend hr ''
words "sources" 'fleet~stored artifact for revision '"'main@sha1:01234567'"'/:4/' reconcile source git ''
words "objects, others than these" 'db~waiting to be reconciled/:4/' get helmreleases web ''

answer() { # PATH STATUS: plays the controller once: takes the token of the annotation over into the status
    local t n=0
    while :; do
        api GET "$1" application/json '' >/dev/null
        t=$(sed -n 's/.*"reconcile.fluxcd.io\/requestedAt": *"\([^"]*\)".*/\1/p' "$dir/answer" | head -n 1)
        [ -n "$t" ] && [ "$t" != "${3:-}" ] && break
        n=$((n + 1))
        [ $n -lt 200 ] || exit 1
        sleep 0.05
    done
    status "$1" "$(cond "$2" 'it is done' "$t")"
}
"$helmctl" reconcile helmrelease web --with-source --timeout 30s >"$dir/rec" 2>&1 &
pid=$!
answer "$src/gitrepositories/fleet" True
answer "$hr/web" True
wait $pid || { echo "reconcile fails"; fails=1; }
expect reconcile "$dir/rec" "► annotating GitRepository fleet in default namespace" "✔ fetched revision main@sha1:$sha" \
    "✔ HelmRelease annotated" "◎ waiting for HelmRelease reconciliation" "✔ HelmRelease reconciliation completed"
before=$(sed -n 's/.*"reconcile.fluxcd.io\/requestedAt": *"\([^"]*\)".*/\1/p' "$dir/answer" | head -n 1)
"$helmctl" reconcile helmrelease web --timeout 30s --force >"$dir/rec" 2>&1 &
pid=$!
answer "$hr/web" False "$before"
wait $pid && { echo "a failed reconciliation succeeds"; fails=1; }
expect "reconcile failed" "$dir/rec" "HelmRelease reconciliation failed: 'it is done'"

for i in 1 2; do
    api POST /api/v1/namespaces/default/events application/json '{"metadata":{"name":"e'$i'"},"involvedObject":{"kind":"HelmRelease","name":"web","namespace":"default"},"type":"Warning","reason":"InstallFailed","message":"no '$i'","count":3,"firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-0'$i'T00:00:00Z"}' >/dev/null
done
"$helmctl" events --for hr/web --types warning >"$dir/out"
expect events "$dir/out" "LAST SEEN" "InstallFailed" "HelmRelease/web" "(x3 over"
[ "$(sed -n 2p "$dir/out" | grep -c 'no 1')" = 1 ] || { echo "events are not in order"; cat "$dir/out"; fails=1; }
"$helmctl" events -n kube-system >"$dir/out" 2>&1
expect "no events" "$dir/out" "✗ No events found in kube-system namespace."
"$helmctl" get nonsense >"$dir/out" 2>&1 && fails=1
expect "unknown kind" "$dir/out" "'nonsense' is nothing to get"
exit $fails
