#!/usr/bin/env bash
# OCIRepository and chart fetches against a real registry that the real Helm filled.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/servers.sh"
. "$here/lib/fetched.sh"
"$here/../peers/build.sh" helm4 || exit $?
helm=$("$here/../peers/build.sh" --dir)/helm4
SERVERS=$(mktemp -d)
trap 'servers_stop; rm -rf "$SERVERS"' EXIT
tool=${HC_BUILD:?}/tests/source_tool
export HELM_CONFIG_HOME=$SERVERS/helm HELM_CACHE_HOME=$SERVERS/helm HELM_DATA_HOME=$SERVERS/helm
registry_start private || { echo "SKIP: docker-registry is not on this machine"; exit 77; }
host=127.0.0.1:$REGISTRY_PORT

"$helm" registry login "$host" -u oci -p s3cret --plain-http >"$SERVERS/login" 2>&1 || { cat "$SERVERS/login"; exit 1; }
"$helm" create "$SERVERS/web" >/dev/null
for version in 1.0.0 1.2.0 1.10.0 1.2.1+build5 2.0.0-rc.1; do
    "$helm" package "$SERVERS/web" --version "$version" -d "$SERVERS/packages" >/dev/null &&
        "$helm" push "$SERVERS/packages/web-$version.tgz" "oci://$host/charts" --plain-http >"$SERVERS/push" 2>&1 ||
        { cat "$SERVERS/push"; exit 1; }
done
config=$SERVERS/helm/registry/config.json
digest_of() { echo "sha256:$(sha256sum "$SERVERS/packages/web-$1.tgz" | cut -d' ' -f1)"; }

get ocichart "oci://$host/charts/web" "docker=$config" plain=1
check "newest release, login of Helm" '^revision 1\.10\.0$' "^digest $(digest_of 1.10.0)\$" '^file web/Chart.yaml$'
get ocichart "oci://$host/charts/web" range=1.2.1+build5 user=oci password=s3cret plain=1
check "exact version with build metadata" '^revision 1\.2\.1\+build5$' "^digest $(digest_of 1.2.1+build5)\$"
get ocichart "oci://$host/charts/web" 'range=~1.2.0' user=oci password=s3cret plain=1
check "range" '^revision 1\.2\.1\+build5$'
get ocichart "oci://$host/charts/web" 'range=>=1.0.0-0' user=oci password=s3cret plain=1
check "range with pre-releases" '^revision 2\.0\.0-rc\.1$'
get ocichart "oci://$host/charts/web" range=1.10.0 known=1.10.0 user=oci password=s3cret plain=1
check "version at hand" '^unchanged 1$'
get ocichart "oci://$host/charts/web" range=7.x user=oci password=s3cret plain=1
check "no such version" '^error NOTFOUND'
get ocichart "oci://$host/charts/nothing" user=oci password=s3cret plain=1
check "no such chart" '^error NOTFOUND .*NAME_UNKNOWN'
get ocichart "oci://$host/charts/web" range=1.0.0 plain=1
check "no login" '^error INPUT .*wants a login'
get ocichart "oci://$host/charts/web" range=1.0.0 user=oci password=wrong plain=1
check "wrong login" '^error INPUT .*may not read it'

get ocichart "oci://$host/charts/web" range=1.0.0 user=oci password=s3cret
check "HTTP only when asked" '^error INPUT .*speak HTTP without TLS'
get oci "oci://$host/charts/web" tag=1.0.0 user=oci password=s3cret insecure=1
check "by tag, TLS tried first" '^revision 1\.0\.0@sha256:[0-9a-f]{64}$' "^digest $(digest_of 1.0.0)\$"
revision=$(sed -n 's/^revision //p' "$SERVERS/out")
get oci "oci://$host/charts/web" tag=1.0.0 "known=$revision" user=oci password=s3cret plain=1
check "nothing new" "^revision $revision\$" '^unchanged 1$'
get oci "oci://$host/charts/web" "digest=${revision#*@}" user=oci password=s3cret plain=1
check "by digest" "^revision ${revision#*@}\$" "^digest $(digest_of 1.0.0)\$"
get oci "oci://$host/charts/web" 'semver=*' 'filter=^1\.2' user=oci password=s3cret plain=1
check "by range and filter" '^revision 1\.2\.0@'
get oci "oci://$host/charts/web" tag=9.9.9 user=oci password=s3cret plain=1
check "no such tag" '^error NOTFOUND'

# a layer of 19 MB unpacked: neither it nor what is in it is ever in memory whole
mkdir "$SERVERS/tree"
seq 2500000 >"$SERVERS/tree/numbers"
tar -C "$SERVERS/tree" -c numbers | gzip -1 >"$SERVERS/layer"
echo '{}' >"$SERVERS/config"
blob() { # FILE: puts it, prints its descriptor's digest and size
    local digest to
    digest=sha256:$(sha256sum "$1" | cut -d' ' -f1)
    to=$(curl -sSi -u oci:s3cret -X POST "http://$host/v2/trees/numbers/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl -sS -u oci:s3cret -H 'Content-Type: application/octet-stream' -T "$1" "$to&digest=$digest" >&2
    echo "\"digest\": \"$digest\", \"size\": $(stat -c %s "$1")"
}
type=application/vnd.oci.image.manifest.v1+json
echo "{\"schemaVersion\": 2, \"mediaType\": \"$type\", \"config\": {\"mediaType\": \"application/vnd.cncf.flux.config.v1+json\", $(blob "$SERVERS/config")}," \
    "\"layers\": [{\"mediaType\": \"application/vnd.cncf.flux.content.v1.tar+gzip\", $(blob "$SERVERS/layer")}]}" |
    curl -sS -u oci:s3cret -X PUT -H "Content-Type: $type" --data-binary @- "http://$host/v2/trees/numbers/manifests/latest"
get oci "oci://$host/trees/numbers" user=oci password=s3cret plain=1
check "a large layer, repacked" '^revision latest@sha256:' '^file numbers$'
awk '/^peak/ { exit !($2 > 0 && $2 < 20 * 1024) }' "$SERVERS/out" && echo "ok   its memory" ||
    { echo "FAIL its memory: $(grep '^peak' "$SERVERS/out") KiB"; failed=1; }
before=$(find "$SERVERS/store" -name "$(digest_of 1.0.0 | cut -d: -f2)" | wc -l)
[ "$before" = 1 ] || { echo "FAIL the blob is there $before times"; failed=1; }
exit $failed
