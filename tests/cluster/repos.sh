#!/usr/bin/env bash
# repo and pull beside the real Helm: the same commands, each tool on a home of its own, give the same output, exit code and
# files; then both go on with the home of the other.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
h=${HC_BUILD:?}/bin/helmctl
chart=${HC_SHARED:-$root/../shared}/charts/podinfo-6.14.1.tgz
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: the real Helm cannot be built here"; exit 77; }
helm=$("$root/tests/peers/build.sh" --dir)/helm4
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS" "$work/theirs" "$work/ours"
. "$root/deploy/examples/servers.sh"
trap 'servers_stop; rm -rf "$work"' EXIT
unset HELM_NAMESPACE HELM_REPOSITORY_CACHE HELM_REPOSITORY_CONFIG HELM_CONTENT_CACHE HELM_CACHE_HOME HELM_CONFIG_HOME
export PATH=$PATH:/usr/sbin
nginx_start || { echo "SKIP: nginx"; exit 77; }
url=http://127.0.0.1:$HTTP_PORT/charts
failed=0 done=0
bad() { echo "FAIL: $*"; failed=1; }

"$h" create "$work/web" >/dev/null && "$h" package "$work/web" -d "$SERVERS/www/charts" >/dev/null || bad "no chart"
if [ -f "$chart" ]; then cp "$chart" "$SERVERS/www/charts/"; fi
"$helm" repo index "$SERVERS/www/charts" || bad "no index"
mkdir "$SERVERS/www/charts/broken"
printf 'entries: [\n' >"$SERVERS/www/charts/broken/index.yaml"

run() { # TOOL HOME WORD...
    local tool=$1 home=$2
    shift 2
    (cd "$work/$home" && HOME=$work/$home "$tool" "$@" >"$work/$home.out" 2>"$work/$home.err")
    echo "exit $?" >>"$work/$home.out"
}
both() { # WORD...: equal output, exit code, and what is left in the folder; errors are compared by how they begin
    done=$((done + 1))
    run "$helm" theirs "$@"
    run "$h" ours "$@"
    if [ "${2:-}" = update ]; then # the real Helm tells them as they come
        sort -o "$work/theirs.out" "$work/theirs.out"
        sort -o "$work/ours.out" "$work/ours.out"
    fi
    cmp -s "$work/theirs.out" "$work/ours.out" || { bad "$*: stdout"; diff "$work/theirs.out" "$work/ours.out"; }
    local theirs ours
    theirs=$(head -1 "$work/theirs.err" | sed 's/helm repo/helmctl repo/; s/helm pull/helmctl pull/' | cut -c"1-${begin:-60}")
    ours=$(head -1 "$work/ours.err" | cut -c"1-${begin:-60}")
    [ "$theirs" = "$ours" ] || { bad "$*: stderr"; echo "< $theirs"; echo "> $ours"; }
}
same_files() {
    diff <(cd "$work/theirs" && find . -type f ! -name '*.chart' ! -name '*-charts.txt' | sort | xargs -d '\n' sha256sum) \
        <(cd "$work/ours" && find . -type f ! -name '*.chart' ! -name '*-charts.txt' | sort | xargs -d '\n' sha256sum) || bad "files after: $1"
    diff <(cat "$work"/theirs/.cache/helm/repository/*-charts.txt 2>/dev/null | sort) <(cat "$work"/ours/.cache/helm/repository/*-charts.txt 2>/dev/null | sort) || bad "names of charts after: $1"
    diff <(cd "$work/theirs" && find . -name 'repositories.*' -printf '%m %p\n' | sort) <(cd "$work/ours" && find . -name 'repositories.*' -printf '%m %p\n' | sort) || bad "modes after: $1"
}

both repo list
both repo list -o json
both repo list -o yaml
both repo update
both repo remove x
both repo add a/b "$url"
begin=30 both repo add
both repo add one "$url"
both repo add one "$url"
both repo add one "$url/other"
begin=40 both repo add two "$url/none"
begin=40 both repo add two "$url/broken"
both repo add two ftp://example.com
both repo add three "$url" --username ann --password secret --pass-credentials
both repo add three "$url" --force-update
both repo list
both repo list -o json
both repo list -o yaml
both repo update one
both repo update nope
same_files "repo add"
both pull one/web
both pull one/web -d .
both pull one/web --version '>=0.1.0'
both pull web --repo "$url" --untar --untardir here
both pull web --repo "$url" --untar --untardir here
both pull one/web --untar
both pull "$url/web-0.1.0.tgz" --untar --untardir there
begin=22 both pull one/web -d nowhere
begin=50 both pull one/web --version 99
begin=30 both pull one/nothing
begin=26 both pull nope/web
begin=60 both pull web
begin=30 both pull
[ ! -f "$chart" ] || both pull one/podinfo one/web -d here
same_files "pull"
both repo remove nope
both repo remove three
same_files "repo remove"

# one home, both tools
mv "$work/theirs" "$work/theirs-was"
mv "$work/ours" "$work/theirs"
mv "$work/theirs-was" "$work/ours"
both repo list
both repo add four "$url"
both pull one/web -d .
both repo update
same_files "the homes were changed over"
grep -rl secret "$work/theirs.out" "$work/ours.out" "$work/ours.err" && bad "a password is told"
echo "$done commands"
exit $failed
