#!/usr/bin/env bash
# Charts out of a real, private registry through the controller: an OCIRepository by semver, an oci:// HelmRepository, wrong
# credentials, and a new version that is seen. The API server is the sandbox.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: the real helm cannot be built here"; exit 77; }
helm=$("$root/tests/peers/build.sh" --dir)/helm4
bin=${HC_BUILD:?}/bin/helmctl
. "$here/lib/stage.sh"
registry_start private || { echo "SKIP: docker-registry is not on this machine"; exit 77; }
export HELM_REGISTRY_CONFIG=$work/login.json
"$helm" registry login "127.0.0.1:$REGISTRY_PORT" -u "oci" -p "s3cret" --plain-http >/dev/null 2>&1
push() { # VERSION
    cp -R "$root/deploy/examples/charts/storefront" "$work/chart-$1"
    sed -i "s/^version: .*/version: $1/" "$work/chart-$1/Chart.yaml"
    "$helm" package "$work/chart-$1" -d "$work" >/dev/null
    "$helm" push "$work/storefront-$1.tgz" "oci://127.0.0.1:$REGISTRY_PORT/charts" --plain-http >/dev/null 2>&1 || { bad "push of $1"; exit 1; }
}
push 1.4.0
push 2.0.0-rc.1

"$bin" sandbox --kubeconfig "$work/kubeconfig" --ready-after 50 >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" || { cat "$work/sandbox.log"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
login() { printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$REGISTRY_PORT" "$(printf '%s' "$1" | base64 -w0)" | base64 -w0; }
cat >"$work/objects.yaml" <<OBJ
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: default}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: $(login "oci:s3cret")}
---
apiVersion: v1
kind: Secret
metadata: {name: wrong, namespace: default}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: $(login "oci:planted-wrong-word")}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: storefront, namespace: default}
spec: {interval: 1s, insecure: true, url: "oci://127.0.0.1:$REGISTRY_PORT/charts/storefront", ref: {semver: 1.x}, secretRef: {name: login}, layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: locked, namespace: default}
spec: {interval: 10m, insecure: true, url: "oci://127.0.0.1:$REGISTRY_PORT/charts/storefront", secretRef: {name: wrong}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: notag, namespace: default}
spec: {interval: 10m, insecure: true, url: "oci://127.0.0.1:$REGISTRY_PORT/charts/storefront", ref: {tag: 9.9.9}, secretRef: {name: login}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: registry, namespace: default}
spec: {type: oci, interval: 1m, insecure: true, url: "oci://127.0.0.1:$REGISTRY_PORT/charts", secretRef: {name: login}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: by-ref, namespace: default}
spec: {interval: 10m, chartRef: {kind: OCIRepository, name: storefront}, values: {migration: {enabled: false}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: by-repo, namespace: default}
spec: {interval: 10m, chart: {spec: {chart: storefront, version: 1.x, sourceRef: {kind: HelmRepository, name: registry}}}, values: {migration: {enabled: false}}}
OBJ
"$bin" deploy --crds-only -f "$work/objects.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
"$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 >"$work/controller.log" 2>&1 &
pids="$pids $!"

get() { curl -fsS "$server/apis/$1/namespaces/default/$2" | jq -r "$3"; }
hr() { get helm.toolkit.fluxcd.io/v2 "helmreleases/$1" "$2"; }
source() { get source.toolkit.fluxcd.io/v1 "$1" "$2"; }
version() { [ "$(hr "$1" '.status.history[0] | "\(.version) \(.chartVersion) \(.status)"' | sed 's/+[0-9a-f]*//')" = "$2" ]; }
ready='.status.conditions[] | select(.type == "Ready") | "\(.status) \(.reason): \(.message)"'
within 20 version by-ref "1 1.4.0 deployed" && ok "chartRef to an OCIRepository" || bad "by-ref: $(hr by-ref "$ready")"
has "the version carries the digest" '^1\.4\.0\+[0-9a-f]{12}$' "$(hr by-ref '.status.history[0].chartVersion')"
has "and the history the digest of the manifest" '^sha256:[0-9a-f]{64}$' "$(hr by-ref '.status.history[0].ociDigest')"
has "revision of the source" '^1\.4\.0@sha256:[0-9a-f]{64}$' "$(source ocirepositories/storefront .status.artifact.revision)"
within 20 version by-repo "1 1.4.0 deployed" && ok "an oci:// HelmRepository" || bad "by-repo: $(hr by-repo "$ready")"
refused() { source ocirepositories/locked "$ready" | grep -q '^False'; }
within 10 refused
has "wrong credentials, and whose" '^False OCIArtifactPullFailed: .*401.*asked with .*Secret default/wrong' "$(source ocirepositories/locked "$ready")"
hasnt "which are not repeated" 'planted-wrong-word' "$(source ocirepositories/locked .status; cat "$work/controller.log")"
missing() { source ocirepositories/notag "$ready" | grep -q '^False'; }
within 10 missing
has "no such tag" '^False OCIArtifactPullFailed: failed to determine artifact digest: .*9\.9\.9' "$(source ocirepositories/notag "$ready")"
push 1.5.0
within 20 version by-ref "2 1.5.0 deployed" && ok "a new version in the range is an upgrade" || bad "by-ref: $(hr by-ref "$ready")"
done_
