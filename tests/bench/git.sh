#!/usr/bin/env bash
# Git sources beside git itself, over HTTP (nginx, git-http-backend) and SSH (sshd), in one run: looking whether something is new
# (`git ls-remote`) and taking the tip (`git clone --depth 1`; ours makes the artifact too). And a soak: what a process holds
# after many fetches.
#
#   tests/bench/git.sh [FETCHES]      default: 2000 fetches, by HTTP and by SSH half each; 0: none
#
# The limits that hold: never slower than 1.2 times git; RSS flat within 1 MiB from the first quarter to the end.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
fetches=${1:-2000}
build=${HC_BUILD:-$root/build/release}
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
. "$root/deploy/examples/servers.sh"
trap 'servers_stop; rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin nginx_start || { echo "SKIP: nginx, fcgiwrap or git-http-backend is not on this machine"; exit 77; }
SSHD_OPTIONS='-o AcceptEnv=GIT_PROTOCOL'
sshd_start || { echo "SKIP: sshd is not on this machine"; exit 77; }
tool=$build/tests/source

# a repository as such repositories are: 400 manifests in folders, 200 commits, tags
git_repo fleet
{
    for i in $(seq 200); do
        printf 'commit refs/heads/main\ncommitter t <t@x> %d +0000\ndata 2\nc\n' "$((1700000000 + i))"
        for f in $(seq 2); do
            body=$(printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: n%d\ndata:\n  a: "%d"\n  b: %s\n' "$i" "$f" "$(printf '%0600d' "$((i * 7919))")")
            printf 'M 100644 inline apps/a%d/f%d.yaml\ndata %d\n%s\n' "$i" "$f" "${#body}" "$body"
        done
    done
} | git -C "$SERVERS/work/fleet" fast-import --quiet --force
git -C "$SERVERS/work/fleet" push -q origin refs/heads/main
for i in $(seq 50); do git -C "$SERVERS/git/fleet.git" tag "v1.0.$i" main; done
git -C "$SERVERS/git/fleet.git" gc -q
head=$(git -C "$SERVERS/git/fleet.git" rev-parse main)
s=$SERVERS/ssh
http=http://127.0.0.1:$HTTP_PORT/git/fleet.git
ssh=ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git/fleet.git
export GIT_SSH_COMMAND="ssh -F none -i $s/identity -o IdentitiesOnly=yes -o UserKnownHostsFile=$s/known_hosts" GIT_CONFIG_GLOBAL=/dev/null
cat >"$work/clone" <<SH
#!/bin/sh
rm -rf "$work/c" && exec git clone -q --depth 1 --single-branch --branch main "\$1" "$work/c"
SH
chmod +x "$work/clone"

bad=0
compare() { # WHAT, git's command up to "--", ours
    local what=$1 theirs=()
    shift
    while [ "$1" != -- ]; do theirs+=("$1"); shift; done
    shift
    "$build/tests/measure" 25 1 "${theirs[@]}" -- 1 "$@" >"$work/figures"
    awk -v what="$what" 'NR == 1 { w = $1; c = $2; next }
        { printf "%-28s git %7.1f ms   ours %7.1f ms   %.2f of the time, %.2f of the CPU\n", what, w / 1e3, $1 / 1e3, $1 / w, $2 / c; exit $1 > 1.2 * w }' "$work/figures" || bad=1
}
key=(identity="$s/identity" known_hosts="$s/known_hosts")
compare "nothing new, HTTP" git ls-remote "$http" refs/heads/main -- "$tool" "$work/store" git "$http" branch=main "known=main@sha1:$head"
compare "nothing new, SSH" git ls-remote "$ssh" refs/heads/main -- "$tool" "$work/store" git "$ssh" branch=main "known=main@sha1:$head" "${key[@]}"
compare "the tip, HTTP" "$work/clone" "$http" -- "$tool" "$work/store" git "$http" branch=main
compare "the tip, SSH" "$work/clone" "$ssh" -- "$tool" "$work/store" git "$ssh" branch=main "${key[@]}"
[ $bad = 0 ] && echo "within the limits" || echo "OVER THE LIMITS"

if [ "$fetches" -gt 0 ]; then
    for way in http ssh; do
        more=()
        [ $way = http ] || more=("${key[@]}")
        timeout 3000 "$tool" "$work/store" git "${!way}" branch=main timeout=60000 "repeat=$((fetches / 2))" "${more[@]}" >"$work/out"
        awk -v way=$way -v n="$((fetches / 2))" '/^rss-early/ { a = $2 } /^rss-late/ { b = $2 }
            END { printf "%d fetches over %s: RSS %.1f MiB, %+.2f MiB since the first quarter\n", n, way, b / 1024, (b - a) / 1024; exit !(a && b - a <= 1024) }' "$work/out" || { bad=1; tail -3 "$work/out"; }
    done
fi
exit $bad
