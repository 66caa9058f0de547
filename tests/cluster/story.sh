#!/usr/bin/env bash
# The quick start's story on real servers: a Kubernetes control plane, nginx with git-http-backend, a chart repository, a
# registry; the real helm and kubectl look on. Counts are exact.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
shared=${HC_SHARED:-$root/../shared}
[ -f "$shared/charts/podinfo-6.14.1.tgz" ] || { echo "SKIP: no charts at $shared"; exit 77; }
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 kubectl || { echo "SKIP: the real helm and kubectl cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
helm=$peers/helm4 kubectl=$peers/kubectl
bin=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
controller=
finish() {
    [ -n "$controller" ] && kill -9 "$controller" 2>/dev/null
    servers_stop
    "$here/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    [ "${KEEP:-}" ] && echo "kept $work" || rm -rf "$work"
}
trap finish EXIT
"$here/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
nginx_start || { echo "SKIP: nginx"; exit 77; }
export KUBECONFIG=$work/cp/kubeconfig

# ---- sources
charts=$SERVERS/www/charts
cp "$shared/charts/podinfo-6.14.1.tgz" "$shared/charts/prometheus-29.27.0.tgz" "$shared/charts/trivy-operator-0.34.0.tgz" "$charts/"
tar -C "$root/deploy/examples/charts" -czf "$charts/storefront-1.4.0.tgz" storefront
"$helm" repo index "$charts" >/dev/null
git_repo fleet
fleet=$SERVERS/work/fleet
cp -R "$root/deploy/examples/fleet/." "$fleet/"
sed -i 's/^  timeout: 2m/  timeout: 10s/' "$fleet/environments/base/release.yaml"
mkdir -p "$fleet/platform"
cat >"$fleet/platform/all.yaml" <<OBJ
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: platform}
spec: {interval: 5m, url: "http://127.0.0.1:$HTTP_PORT/charts"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: podinfo, namespace: platform}
spec:
  interval: 5m
  chart: {spec: {chart: podinfo, version: 6.x, sourceRef: {kind: HelmRepository, name: charts}}}
  values: {replicaCount: 2, ui: {message: hello}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: monitoring, namespace: platform}
spec:
  interval: 5m
  timeout: 2m
  dependsOn: [{name: podinfo}]
  chart: {spec: {chart: prometheus, sourceRef: {kind: HelmRepository, name: charts}}}
  install: {disableHooks: true, disableWait: true}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: scanner, namespace: platform}
spec:
  interval: 5m
  timeout: 2m
  dependsOn: [{name: podinfo}]
  chart: {spec: {chart: trivy-operator, sourceRef: {kind: HelmRepository, name: charts}}}
  install: {disableHooks: true, disableWait: true}
OBJ
git_commit fleet "the fleet"
for ns in flux-system platform; do "$kubectl" create namespace $ns >/dev/null; done
{
    cat <<OBJ
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1s, url: "http://127.0.0.1:$HTTP_PORT/git/fleet.git", ref: {branch: main}}
OBJ
    for e in environments/staging environments/production platform; do
        cat <<OBJ
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: ${e##*/}, namespace: flux-system}
spec:
  interval: 10m
  path: ./$e
  prune: true
  sourceRef: {kind: GitRepository, name: fleet}
  postBuild: {substitute: {charts_url: "http://127.0.0.1:$HTTP_PORT/charts"}}
OBJ
    done
} >"$work/fleet.yaml"
controller_start() {
    "$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 \
        --health-addr 127.0.0.1:0 >>"$work/controller.log" 2>&1 &
    controller=$!
}
if ! "$bin" deploy --crds-only -f "$work/fleet.yaml" >"$work/deploy.log" 2>&1; then cat "$work/deploy.log"; exit 1; fi
controller_start

hr() { "$kubectl" get hr "$2" -n "$1" -o json | jq -r "$3"; }
ready() { "$kubectl" wait hr "$2" -n "$1" --for=condition=Ready --timeout="${3:-20}s" >/dev/null 2>&1; }
revision() { "$helm" history "$2" -n "$1" -o json 2>/dev/null | jq -r "[.[] | \"\(.revision) \(.status)\"] | join(\", \")"; }
# Waited for with our own history, which costs a tenth; the real Helm has the last word.
ours() { "$bin" history "$2" -n "$1" -o json 2>/dev/null | sed -E 's/[^{]*\{"revision":([0-9]+),[^}]*"status":"([a-z-]+)"[^}]*\}/\1 \2, /g; s/, \]$//'; }
is() { [ "$(ours "$1" "$2")" = "$3" ] && [ "$(revision "$1" "$2")" = "$3" ]; }
tail_log() { [ "$failed" = 0 ] || tail -n 20 "$work/controller.log"; }
trap 'tail_log; finish' EXIT

# ---- install
for e in staging production; do
    within 40 is $e storefront "1 deployed" && ready $e storefront && ok "$e is installed" || bad "$e: $(revision $e storefront); $(hr $e storefront .status.conditions)"
done
equal "staging's replicas" 1 "$("$kubectl" get deploy storefront -n staging -o jsonpath='{.spec.replicas}')"
equal "production's replicas" 3 "$("$kubectl" get deploy storefront -n production -o jsonpath='{.spec.replicas}')"
equal "values the real helm reads" '{"image":{"tag":"2.0.0"},"ingress":{"className":"nginx","enabled":true,"hosts":[{"host":"shop.example.com","paths":[{"path":"/","pathType":"Prefix"}]}]},"replicas":3,"resources":{"limits":{"memory":"512Mi"},"requests":{"cpu":"250m","memory":"256Mi"}},"shop":{"currency":"EUR","title":"Storefront"}}' \
    "$("$helm" get values storefront -n production -o json)"
objects() { "$kubectl" create --dry-run=client -o json -f - | jq -cS 'del(.metadata.labels["helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace"], .metadata.namespace)' | sort | sha256sum; }
equal "the manifest is what the real helm renders itself, with labels that say where it came from" \
    "$("$helm" template storefront "$root/deploy/examples/charts/storefront" -n production --no-hooks --kube-version v1.37.2 -f "$fleet/environments/production/values.yaml" | objects)" \
    "$("$helm" get manifest storefront -n production | objects)"
equal "origin labels" "storefront production" "$("$kubectl" get deploy storefront -n production -o json | jq -r '.metadata.labels | .["helm.toolkit.fluxcd.io/name"] + " " + .["helm.toolkit.fluxcd.io/namespace"]')"
equal "hook ran once" "1" "$("$helm" get hooks storefront -n production | grep -c 'kind: Job')"
has "helm status" 'STATUS: deployed' "$("$helm" status storefront -n production)"
within 60 is platform podinfo "1 deployed" && ready platform podinfo 30 && ok "podinfo is installed" || bad "podinfo: $(hr platform podinfo .status.conditions)"
within 120 is platform monitoring "1 deployed" && ready platform monitoring 60 && ok "prometheus with its sub-charts is installed, after what it depends on" || bad "monitoring: $(hr platform monitoring .status.conditions)"
within 60 is platform scanner "1 deployed" && ready platform scanner 60 && ok "trivy-operator is installed: definitions, and objects of them" || bad "scanner: $(hr platform scanner .status.conditions)"
equal "CRDs of the chart are there" 12 "$("$kubectl" get crd -o name | grep -c aquasecurity.github.io)"
equal "and objects of them" 4 "$("$kubectl" get clustercompliancereports -o name | wc -l)"
has "helm list" 'storefront' "$("$helm" list -A)"
equal "helm lists five releases" 5 "$("$helm" list -A -o json | jq length)"

# ---- upgrade by a commit
sed -i 's/^replicas: 1/replicas: 2/' "$fleet/environments/staging/values.yaml"
git_commit fleet "staging: two replicas"
within 20 is staging storefront "1 superseded, 2 deployed" && ready staging storefront && ok "a commit is one revision" || bad "staging: $(revision staging storefront)"
equal "replicas" 2 "$("$kubectl" get deploy storefront -n staging -o jsonpath='{.spec.replicas}')"
equal "production untouched" "1 deployed" "$(revision production storefront)"

# ---- a broken commit rolls back
sed -i 's/tag: "2.0.0"/tag: "2.1.0-broken"/' "$fleet/environments/production/values.yaml"
git_commit fleet "production: broken"
within 40 is production storefront "1 superseded, 2 failed, 3 deployed" && ok "failed, rolled back: three revisions" || bad "production: $(revision production storefront)"
equal "description of the rollback" "Rollback to 1" "$("$helm" history storefront -n production -o json | jq -r '.[2].description')"
equal "the good image is back" ghcr.io/example/storefront:2.0.0 "$("$kubectl" get deploy storefront -n production -o jsonpath='{.spec.template.spec.containers[0].image}')"
remediated() { [ "$(hr production storefront '[.status.conditions[] | select(.type == "Remediated")][0].status')" = True ]; }
within 10 remediated && ok "Remediated" || bad "conditions: $(hr production storefront .status.conditions)"
has "one sentence names object, container and cause" 'storefront.*2\.1\.0-broken' "$(hr production storefront '[.status.conditions[].message] | join("; ")')"
equal "staging untouched" "1 superseded, 2 deployed" "$(revision staging storefront)"

# ---- kill -9 at a bad moment, then the fix
kill -9 $controller
sed -i 's/2.1.0-broken/2.1.0/' "$fleet/environments/production/values.yaml"
git_commit fleet "production: fixed"
controller_start
within 30 is production storefront "1 superseded, 2 failed, 3 superseded, 4 deployed" && ready production storefront && ok "the fix is revision 4" || bad "production: $(revision production storefront)"

# ---- a change by hand
"$kubectl" scale deploy storefront -n production --replicas=7 >/dev/null
back() { [ "$("$kubectl" get deploy storefront -n production -o jsonpath='{.spec.replicas}')" = 3 ]; }
within 20 back && ok "a change by hand is put back" || bad "replicas: $("$kubectl" get deploy storefront -n production -o jsonpath='{.spec.replicas}')"
equal "without a revision" "1 superseded, 2 failed, 3 superseded, 4 deployed" "$(revision production storefront)"

# ---- the real helm rolls back, and Git wins again
"$helm" rollback storefront 1 -n staging --force-conflicts >/dev/null 2>&1
"$kubectl" annotate hr storefront -n staging "reconcile.fluxcd.io/requestedAt=$(date +%s%N)" --overwrite >/dev/null
within 30 is staging storefront "1 superseded, 2 superseded, 3 superseded, 4 deployed" && ok "after a rollback by hand the wanted state comes back" || bad "staging: $(revision staging storefront)"

# ---- suspend, resume
"$bin" suspend helmrelease podinfo -n platform >/dev/null
sed -i 's/replicaCount: 2/replicaCount: 3/' "$fleet/platform/all.yaml"
git_commit fleet "podinfo: three"
wanted() { [ "$("$kubectl" get hr podinfo -n platform -o jsonpath='{.spec.values.replicaCount}')" = 3 ]; }
within 30 wanted && ok "what is suspended is still written" || bad "podinfo is not written"
equal "suspended: no revision" "1 deployed" "$(revision platform podinfo)"
"$bin" resume helmrelease podinfo -n platform >/dev/null
within 30 is platform podinfo "1 superseded, 2 deployed" && ok "resumed: revision 2" || bad "podinfo: $(revision platform podinfo)"

# ---- prune: what leaves Git leaves the cluster
git -C "$fleet" rm -rq environments/staging
git_commit fleet "staging is gone" >/dev/null 2>&1
"$kubectl" delete kustomization staging -n flux-system --wait=true --timeout=60s >/dev/null 2>&1
gone() { ! "$kubectl" get hr storefront -n staging >/dev/null 2>&1; }
within 40 gone && ok "a deleted Kustomization prunes its release" || bad "staging's HelmRelease is still there"
equal "and the release is uninstalled" "" "$("$helm" list -n staging -q 2>/dev/null)"

# ---- nothing to do costs nothing
before=$("$kubectl" get secrets -A -o json | jq -r '[.items[].metadata.resourceVersion] | sort | join(",")' | sha256sum)
token=$(date +%s%N)
"$kubectl" annotate hr storefront -n production "reconcile.fluxcd.io/requestedAt=$token" --overwrite >/dev/null
handled() { [ "$("$kubectl" get hr storefront -n production -o jsonpath='{.status.lastHandledReconcileAt}')" = "$token" ]; }
within 15 handled || bad "the reconcile that was asked for: $(hr production storefront .status)"
equal "a reconcile with nothing to do writes no record" "$before" "$("$kubectl" get secrets -A -o json | jq -r '[.items[].metadata.resourceVersion] | sort | join(",")' | sha256sum)"
has "conditions as kubectl shows them" 'True +Helm upgrade succeeded' "$("$kubectl" get hr storefront -n production)"
done_
