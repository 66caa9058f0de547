#!/usr/bin/env bash
# A drop-in: Flux's helm-controller and ours take each other's releases over, and no release gets a new revision by it. The
# real helm-controller works on artifacts that our source part serves. That it finds our releases in sync is the proof
# that the digests in status.history are its own to the byte.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/deploy/examples/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 kubectl helm-controller >/dev/null || { echo "SKIP: the real peers cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
helm=$peers/helm4 kubectl=$peers/kubectl
bin=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
source_part='' ours='' flux=''
finish() {
    for p in $source_part $ours $flux; do kill -9 "$p" 2>/dev/null; done
    servers_stop
    "$here/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    [ "${KEEP:-}" ] && echo "kept $work" || rm -rf "$work"
}
trap finish EXIT
"$here/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
nginx_start || { echo "SKIP: nginx"; exit 77; }
export KUBECONFIG=$work/cp/kubeconfig
tar -C "$root/deploy/examples/charts" -czf "$SERVERS/www/charts/storefront-1.4.0.tgz" storefront
"$helm" repo index "$SERVERS/www/charts" >/dev/null
"$bin" deploy --crds-only >/dev/null || exit 1
for ns in apps flux-system; do "$kubectl" create namespace $ns >/dev/null; done
"$bin" controller --controllers source --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" >"$work/source.log" 2>&1 &
source_part=$!

ours_start() {
    "$bin" controller --controllers helm --storage-path "$work/ours" --storage-addr 0 >>"$work/ours.log" 2>&1 &
    ours=$!
}
flux_start() {
    RUNTIME_NAMESPACE=flux-system "$peers/helm-controller" --watch-all-namespaces --enable-leader-election=false \
        --metrics-addr="127.0.0.1:$(free_port)" --health-addr="127.0.0.1:$(free_port)" >"$work/flux.log" 2>&1 &
    flux=$!
}
ours_stop() { kill "$ours"; wait "$ours" 2>/dev/null; ours=; }
flux_stop() { kill "$flux"; wait "$flux" 2>/dev/null; flux=; }
release() { # NAME VALUES
    "$kubectl" apply -f - >/dev/null <<Y
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: $1, namespace: apps}
spec:
  interval: 2s
  chart: {spec: {chart: storefront, version: 1.x, sourceRef: {kind: HelmRepository, name: charts}}}
  commonMetadata: {labels: {team: a}, annotations: {note: "<&>"}}
  postRenderers:
  - kustomize:
      patches:
      - target: {kind: Service}
        patch: |
          - op: add
            path: /metadata/labels/patched
            value: "yes"
  values: $2
Y
}
ready() {
    local at generation observed status
    at='{.metadata.generation} {.status.observedGeneration} {.status.conditions[?(@.type=="Ready")].status}'
    read -r generation observed status < <("$kubectl" get hr "$1" -n apps -o jsonpath="$at"; echo)
    [ "$generation" = "$observed" ] && [ "$status" = True ]
}
revision() { "$helm" history "$1" -n apps -o json 2>/dev/null | jq -r '[.[] | "\(.revision) \(.status)"] | join(", ")'; }
digests() { "$kubectl" get hr -n apps -o json | jq -c '[.items[].status | {history, lastAttemptedConfigDigest, observedPostRenderersDigest, observedCommonMetadataDigest}]'; }

"$kubectl" apply -f - >/dev/null <<Y
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: apps}
spec: {interval: 1h, url: "http://127.0.0.1:$HTTP_PORT/charts"}
Y

# ---- a Deployment of Flux starts ours as it is: every flag of the real one, and those of the other controllers
flags=$("$peers/helm-controller" --help 2>&1 | awk '$1 ~ /^--/ { print $1 "=" ($2 ~ /^u?int|float/ ? 3 : $2 == "duration" ? "10s" : $2 == "string" || $2 == "stringArray" ? "a" : $2 == "mapStringBool" ? "OOMWatch=true" : "true") }' |
    sed 's/\(--log-level=\)a/\1info/; s/\(--log-encoding=\)a/\1json/; s/\(algo=\)a/\1sha256/')
[ "$(printf '%s\n' "$flags" | wc -l)" -gt 30 ] || bad "flags of the real one: $flags"
# shellcheck disable=SC2086
equal "every flag is taken" "Error: none of the files in \$KUBECONFIG is there: $work/none" \
    "$(KUBECONFIG=$work/none "$bin" controller --storage-path "$work/ours" $flags --helm-cache-max-size=10 --helm-cache-ttl=60m --helm-cache-purge-interval=5m \
        --helm-index-max-size=1 --helm-chart-max-size=1 --helm-chart-file-max-size=1 --artifact-digest-algo=sha256 --ssh-kex-algos=a --ssh-hostkey-algos=a \
        --concurrent-ssa=4 --sops-age-secret=a --default-decryption-service-account=a 2>&1 | grep -v '"a flag has no effect"')"

# ---- Flux installs, we take over
flux_start
release one '{replicas: 2, shop: {title: "<b> & Co", banner: "a: b"}}'
within 60 ready one && ok "Flux installed from our artifact" || bad "Flux: $(tail -n 3 "$work/flux.log")"
flux_stop
before=$(digests)
ours_start
within 3 false
equal "taken over without a revision" "1 deployed" "$(revision one)"
equal "and with the same digests in the status" "$before" "$(digests)"
ready one && ok "and Ready" || bad "not Ready: $("$kubectl" get hr one -n apps -o json | jq -c .status.conditions)"

# ---- we install and upgrade, Flux takes over
release two '{replicas: 1, shop: {banner: "x > y"}}'
within 60 ready two && ok "we installed" || bad "two: $(tail -n 3 "$work/ours.log")"
release one '{replicas: 3, shop: {title: "Später"}}'
upgraded() { [ "$("$bin" history one -n apps -o json | jq length)" = 2 ] && [ "$(revision one)" = "1 superseded, 2 deployed" ]; }
within 60 upgraded && within 10 ready one && ok "and upgraded" || bad "one: $(revision one)"
ours_stop
before=$(digests)
flux_start
in_sync() { [ "$(grep -c "release in-sync with desired state" "$work/flux.log")" -ge 4 ]; }
within 60 in_sync && ok "Flux finds our releases in sync" || bad "Flux: $(grep -o '"msg":"[^"]*"' "$work/flux.log" | sort | uniq -c | tail -n 8)"
equal "no new revision of the first" "1 superseded, 2 deployed" "$(revision one)"
equal "nor of the second" "1 deployed" "$(revision two)"
equal "and the same digests" "$before" "$(digests)"
flux_stop
done_
