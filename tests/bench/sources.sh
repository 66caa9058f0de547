#!/usr/bin/env bash
# A large Helm repository: what reading its index costs, what a look-up costs then, and one chart out of it beside the real
# Helm; then charts out of a registry, pulled by each.
#
#   tests/bench/sources.sh [VERSIONS]      default: 200000, some 60 MB
#
# The limits that hold: the table of the index in at most 1.5 times the time that libyaml's scanner takes for the file and
# in at most 24 MiB; a second look-up reads no YAML.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
versions=${1:-200000}
build=${HC_BUILD:-$root/build/release}
chart=${HC_SHARED:-$root/../shared}/charts/podinfo-6.14.1.tgz
[ -f "$chart" ] || { echo "SKIP: no podinfo chart at $chart"; exit 77; }
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
. "$root/deploy/examples/servers.sh"
trap 'servers_stop; rm -rf "$work"' EXIT
export HELM_CACHE_HOME=$work/helm/cache HELM_CONFIG_HOME=$work/helm/config HELM_DATA_HOME=$work/helm/data
PATH=$PATH:/usr/sbin nginx_start || { echo "SKIP: nginx"; exit 77; }
cp "$chart" "$SERVERS/www/charts/"

python3 - "$versions" "$SERVERS/www/charts/index.yaml" "$(sha256sum "$chart" | cut -d' ' -f1)" <<'PY'
import sys
n, path, digest = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(path, "w") as f:
    f.write("apiVersion: v1\nentries:\n")
    for i in range(n):
        c, v = divmod(i, 100)
        if v == 0:
            f.write(f"  chart-{c:05d}:\n")
        f.write(f"""  - apiVersion: v2
    appVersion: {v}.1.0
    created: "2026-01-01T00:00:00.{i:09d}Z"
    description: One chart of many, number {c}
    digest: {i + 16**63:064x}
    name: chart-{c:05d}
    urls:
    - https://charts.example.com/chart-{c:05d}-{v}.2.3.tgz
    version: {v}.2.3
""")
    f.write(f"""  podinfo:
  - apiVersion: v1
    digest: {digest}
    name: podinfo
    urls:
    - podinfo-6.14.1.tgz
    version: 6.14.1
""")
PY
echo "index of $((versions + 1)) versions, $(($(stat -c %s "$SERVERS/www/charts/index.yaml") / 1000000)) MB"

line() { awk -F'\t' -v what="$1" '{ printf "%-44s %8.4f s CPU   %6.1f MiB more   %s\n", what, $2, $3 / 1024, $1 }' "$2"; }
"$build/tests/index" scan "$SERVERS/www/charts/index.yaml" >"$work/scan"
cp "$SERVERS/www/charts/index.yaml" "$work/index.yaml"
mkdir "$work/store"
"$build/tests/index" table "$work/store" "$work/index.yaml" >"$work/table"
"$build/tests/index" find "$work/store" "$(cut -f1 "$work/table")" "chart-00123" '~57' >"$work/find"
line "libyaml's scanner over the file" "$work/scan"
line "its table made" "$work/table"
line "a look-up by the table" "$work/find"
awk -F'\t' 'FNR == NR { scan = $2; next } { exit !($2 <= 1.5 * scan && $3 <= 24 * 1024) }' "$work/scan" "$work/table" &&
    grep -q 'tables-built=0' "$work/find" && echo "within the limits" || { echo "OVER THE LIMITS"; exit 1; }

"$root/tests/peers/build.sh" helm4 >/dev/null || { echo "SKIP: the real Helm cannot be built here"; exit 0; }
helm=$("$root/tests/peers/build.sh" --dir)/helm4
of="show chart podinfo --version 6.14.1 --repo http://127.0.0.1:$HTTP_PORT/charts"
# shellcheck disable=SC2086
"$helm" $of >"$work/helm.out" && "$build/bin/helmctl" $of | cmp - "$work/helm.out"
# shellcheck disable=SC2086
"$build/tests/measure" 2 1 "$helm" $of -- 2 "$build/bin/helmctl" $of |
    awk 'NR == 1 { w = $1; c = $2; r = $3 } { printf "%-44s %8.3f s wall  %7.3f s CPU  %6.1f MiB   %.1f %.1f %.1f times less\n",
        NR == 1 ? "one chart: helm show chart --repo" : "one chart: helmctl show chart --repo", $1 / 1e6, $2 / 1e6, $3 / 1024, w / $1, c / $2, r / $3 }'

# ---- a registry, and an address: a usual chart, and one of 20 MB ----

pulls() { # WHAT ARGUMENTS, of $archive
    mkdir -p "$work/pulled"
    # shellcheck disable=SC2086
    "$build/tests/measure" 5 2 "$helm" $2 -- 2 "$build/bin/helmctl" $2 |
        awk -v what="$1" -v kb="$(($(stat -c %s "$archive") / 1000))" 'NR == 1 { w = $1; c = $2; r = $3 }
            { printf "%-44s %8.3f s wall  %7.3f s CPU  %6.1f MiB   %.1f %.1f %.1f times less\n",
              (NR == 1 ? "helm" : "helmctl") " pull " what ", " kb " kB", $1 / 1e6, $2 / 1e6, $3 / 1024, w / $1, c / $2, r / $3 }'
    cmp "$archive" "$work/pulled/$(basename "$archive")"
    rm -r "$work/pulled"
}

registry_start private || { echo "SKIP: docker-registry is not on this machine"; exit 0; }
export HELM_REGISTRY_CONFIG=$work/login.json
"$helm" registry login "127.0.0.1:$REGISTRY_PORT" -u oci -p s3cret --plain-http >/dev/null 2>&1
tar -xzf "$chart" -C "$work"
head -c 20000000 /dev/urandom >"$work/podinfo/noise"
"$helm" package "$work/podinfo" --version 6.99.0 -d "$work" >/dev/null
for archive in "$chart" "$work/podinfo-6.99.0.tgz"; do
    "$build/bin/helmctl" push "$archive" "oci://127.0.0.1:$REGISTRY_PORT/charts" --plain-http >/dev/null
    version=$(basename "$archive" .tgz)
    of="pull oci://127.0.0.1:$REGISTRY_PORT/charts/podinfo --version ${version#podinfo-} --plain-http -d $work/pulled"
    pulls "oci://" "$of"
    [ -e "$SERVERS/www/charts/$(basename "$archive")" ] || cp "$archive" "$SERVERS/www/charts/"
    pulls "http://" "pull http://127.0.0.1:$HTTP_PORT/charts/$(basename "$archive") -d $work/pulled"
done
