#!/usr/bin/env bash
# GitRepository fetches against real Git servers: nginx with git-http-backend, and sshd.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/servers.sh"
. "$here/lib/fetched.sh"
SERVERS=$(mktemp -d)
trap 'servers_stop; rm -rf "$SERVERS"' EXIT
tool=${HC_BUILD:?}/tests/source_tool
nginx_start || { echo "SKIP: nginx, fcgiwrap or git-http-backend is not on this machine"; exit 77; }

git_repo fleet
w=$SERVERS/work/fleet
mkdir -p "$w/apps/web" "$w/docs" "$w/.github"
echo a >"$w/apps/web/release.yaml"; echo d >"$w/docs/x.md"; echo p >"$w/logo.png"; echo c >"$w/.github/ci.yml"
ln -s /etc/passwd "$w/apps/link"
git_commit fleet one
first=$(git -C "$w" rev-parse HEAD)
git -C "$w" tag v1.0.0; git -C "$w" tag -a v1.1.0 -m annotated; git -C "$w" tag v2.0.0-rc.1
echo b >"$w/apps/web/values.yaml"
git_commit fleet two
second=$(git -C "$w" rev-parse HEAD)
git -C "$w" checkout -q -b next; echo n >"$w/next"; git_commit fleet three
third=$(git -C "$w" rev-parse HEAD)
git -C "$w" push -q --tags origin 2>/dev/null
url=http://127.0.0.1:$HTTP_PORT/git/fleet.git

get git "$url" branch=main
check "branch" "^revision main@sha1:$second$" '^unchanged 0$' '^file apps/web/values.yaml$' '^file docs/x.md$'
check_not "what Flux leaves out is left out" '^file (logo.png|.github/ci.yml|apps/link)$'
digest=$(sed -n 's/^digest //p' "$SERVERS/out")
get git "$url" branch=next; check "another branch" "^revision next@sha1:$third$" '^file next$'
get git "$url" branch=main; check "same tree, same digest" "^digest $digest$"
posts=$(grep -c 'POST' "$SERVERS/nginx/access.log")
get git "$url" branch=main "known=main@sha1:$second"; check "nothing new" '^unchanged 1$'
[ "$posts" = "$(grep -c 'POST' "$SERVERS/nginx/access.log")" ] && echo "ok   nothing new fetches no pack" || { echo "FAIL a pack was fetched"; failed=1; }
get git "$url" tag=v1.0.0; check "tag" "^revision v1.0.0@sha1:$first$"
get git "$url" tag=v1.1.0; check "annotated tag is its commit" "^revision v1.1.0@sha1:$first$" '^file apps/web/release.yaml$'
get git "$url" 'semver=>=1.0.0'; check "semver leaves pre-releases out" "^revision v1.1.0@sha1:$first$"
get git "$url" 'semver=>=2.0.0-0'; check "semver with a pre-release" "^revision v2.0.0-rc.1@sha1:$first$"
get git "$url" name=refs/heads/next; check "name" "^revision refs/heads/next@sha1:$third$"
get git "$url" "commit=$first" branch=main; check "commit behind the tip, server hands out tips only" "^revision main@sha1:$first$" '^file apps/web/release.yaml$'
check_not "it is that commit" '^file apps/web/values.yaml$'
git -C "$SERVERS/git/fleet.git" config uploadpack.allowReachableSHA1InWant true
get git "$url" "commit=$first"; check "commit by itself" "^revision sha1:$first$"
get git "$url" branch=main 'ignore=/*
!/docs'; check "spec.ignore" '^file docs/x.md$'
check_not "spec.ignore leaves the rest out" '^file apps'
get git "http://127.0.0.1:$HTTP_PORT/moved/fleet.git" branch=main; check "redirect" "^revision main@sha1:$second$"
get git "http://127.0.0.1:$HTTP_PORT/private/fleet.git" branch=main; check "credentials missing" '^error INPUT .*401.*secretRef'
get git "http://127.0.0.1:$HTTP_PORT/private/fleet.git" branch=main user=git password=wrong; check "wrong password" '^error INPUT .*not accepted'
check_not "no password in the message" 'wrong'
get git "http://127.0.0.1:$HTTP_PORT/private/fleet.git" branch=main user=git password=s3cret; check "basic auth" "^revision main@sha1:$second$"
get git "$url" branch=gone; check "no such branch" "^error NOTFOUND .*has no branch 'gone'; it has main, next"
get git "http://127.0.0.1:$HTTP_PORT/git/none.git" branch=main; check "repository gone" '^error INPUT no Git repository at .*404.*check spec.url'
get git "http://127.0.0.1:$HTTP_PORT/page/x.git" branch=main; check "a web page" '^error INPUT .*is a web page'
get git "http://127.0.0.1:1/x.git" branch=main; check "nobody there" '^error AGAIN .*127.0.0.1'

# Only the tip is paid for: a repository whose history holds 20 MB and whose tip is small.
git_repo deep
d=$SERVERS/work/deep
for i in 1 2 3 4; do head -c 5000000 /dev/urandom >"$d/blob"; git_commit deep "big $i"; done
rm "$d/blob"; echo small >"$d/small"; git_commit deep small
: >"$SERVERS/nginx/access.log"
get git "http://127.0.0.1:$HTTP_PORT/git/deep.git" branch=main; check "shallow" '^file small$'
bytes=$(awk '/POST/ { n += $10 } END { print n + 0 }' "$SERVERS/nginx/access.log")
[ "$bytes" -gt 0 ] && [ "$bytes" -lt 10000 ] && echo "ok   $bytes bytes for the tip of a 20 MB history" || { echo "FAIL $bytes bytes"; failed=1; }

if sshd_start; then
    s=$SERVERS/ssh
    ssh_url="ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git/fleet.git"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh" "^revision main@sha1:$second$" "^digest $digest$"
    get git "$ssh_url" branch=main "known=main@sha1:$second" identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh, nothing new" '^unchanged 1$'
    get git "$ssh_url" branch=main identity="$s/locked" "phrase=pass phrase" known_hosts="$s/known_hosts"; check "ssh, encrypted key" "^revision main@sha1:$second$"
    get git "$ssh_url" branch=main identity="$s/locked" known_hosts="$s/known_hosts"; check "ssh, no phrase" '^error INPUT .*(cannot be read|does not accept)'
    get git "$ssh_url" branch=main identity="$s/stranger" known_hosts="$s/known_hosts"; check "ssh, wrong key" '^error INPUT .*does not accept the key'
    get git "$ssh_url" branch=main identity="$s/identity"; check "ssh, no known_hosts" '^error INPUT .*no known_hosts'
    echo "example.org ssh-ed25519 AAAA" >"$s/other"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/other"; check "ssh, unknown host key" '^error INPUT the host key of \[127.0.0.1\]:.* SHA256:.* is not in'
    echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1-2 "$s/stranger.pub")" >"$s/changed"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/changed"; check "ssh, changed host key" '^error INPUT the host key of .* has changed: known_hosts has ssh-ed25519 SHA256:.*the server shows SHA256:'
    ssh-keygen -q -H -f "$s/known_hosts" 2>/dev/null
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh, hashed known_hosts" "^revision main@sha1:$second$"
    get git "ssh://$(id -un)@127.0.0.1:$SSH_PORT/nowhere.git" branch=main identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh, no repository" '^error INPUT no Git repository at'
else
    echo "SKIP: sshd is not on this machine"
fi
left=$(find "$SERVERS/store/tmp" -mindepth 1 | wc -l)
[ "$left" = 0 ] && echo "ok   nothing half-done is left in the store" || { echo "FAIL $left files left"; failed=1; }
echo "$n checks"
exit $failed
