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
ok() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; failed=1; fi; }
posts() { grep -c 'POST' "$SERVERS/nginx/access.log"; }
received() { sed -n 's/^received //p' "$SERVERS/out"; }
at=http://127.0.0.1:$HTTP_PORT

# ---- a repository with branches, tags of both kinds, and what is left out
git_repo fleet
w=$SERVERS/work/fleet
mkdir -p "$w/apps/web" "$w/docs" "$w/.github" "$w/clusters/prod"
echo a >"$w/apps/web/release.yaml"; echo d >"$w/docs/x.md"; echo p >"$w/logo.png"; echo c >"$w/.github/ci.yml"
echo p >"$w/clusters/prod/p.yaml"
ln -s /etc/passwd "$w/apps/link"; ln -s ../.. "$w/docs/up"
git_commit fleet one
first=$(git -C "$w" rev-parse HEAD)
git -C "$w" tag v1.0.0; git -C "$w" tag -a v1.1.0 -m annotated; git -C "$w" tag v2.0.0-rc.1; git -C "$w" tag v9.9
echo b >"$w/apps/web/values.yaml"
git_commit fleet 'two: a subject that is longer than the fifty characters of an event'
second=$(git -C "$w" rev-parse HEAD)
git -C "$w" checkout -q -b next; echo n >"$w/next"; git_commit fleet three
third=$(git -C "$w" rev-parse HEAD)
git -C "$w" push -q --tags origin 2>/dev/null
url=$at/git/fleet.git

get git "$url" branch=main
check "branch" "^revision main@sha1:$second$" '^unchanged 0$' '^file apps/web/values.yaml$' '^file docs/x.md$' '^subject two: a subject that is longer than the fifty chara\.\.\.$'
check_not "what Flux leaves out is left out, and links" '^file (logo.png|.github/ci.yml|apps/link|docs/up.*)$'
digest=$(sed -n 's/^digest //p' "$SERVERS/out")
get git "$url" branch=next; check "another branch" "^revision next@sha1:$third$" '^file next$'
before=$(posts)
get git "$url" branch=main "known=main@sha1:$second"; check "nothing new" '^unchanged 1$'
[ "$(($(posts) - before))" = 1 ]; ok $? "nothing new asks for the refs and no pack"
get git "$url" branch=main; check "same tree, same digest" "^digest $digest$"
get git "$at/old/fleet.git" branch=main; check "a server of protocol version 0" "^revision main@sha1:$second$" "^digest $digest$"
before=$(posts)
get git "$at/old/fleet.git" branch=main "known=main@sha1:$second"; check "nothing new, version 0" '^unchanged 1$'
[ "$(posts)" = "$before" ]; ok $? "nothing new fetches no pack, version 0"
get git "$url" tag=v1.0.0; check "tag" "^revision v1.0.0@sha1:$first$"
get git "$url" tag=v7; check "no such tag" "^error NOTFOUND .*has no tag 'v7'; it has v1.0.0, v1.1.0"
for version in git old; do
    u=$at/$version/fleet.git
    get git "$u" tag=v1.1.0; check "annotated tag is its commit ($version)" "^revision v1.1.0@sha1:$first$" '^file apps/web/release.yaml$'
    get git "$u" 'semver=>=1.0.0'; check "semver: no pre-release, no half version ($version)" "^revision v1.1.0@sha1:$first$"
    get git "$u" branch=gone; check "no such branch ($version)" "^error NOTFOUND .*has no branch 'gone'; it has main, next"
    get git "$u" name=refs/tags/v1.1.0; check "name of an annotated tag ($version)" "^revision refs/tags/v1.1.0@sha1:$first$"
done
get git "$url" 'semver=>=2.0.0-0'; check "semver with a pre-release" "^revision v2.0.0-rc.1@sha1:$first$"
get git "$url" 'semver=>=3.0.0'; check "semver that nothing fits" "^error NOTFOUND .*no tag that fits semver '>=3.0.0'"
get git "$url" 'semver=a.b'; check "no semver" "^error INPUT spec.ref.semver: .*a.b"
get git "$url" name=refs/heads/next; check "name" "^revision refs/heads/next@sha1:$third$"
get git "$url" name=refs/pull/1/head; check "no such name" "^error NOTFOUND .*has no reference 'refs/pull/1/head'"
get git "$url" "commit=$first" branch=main; check "commit behind the tip" "^revision main@sha1:$first$" '^file apps/web/release.yaml$'
check_not "it is that commit" '^file apps/web/values.yaml$'
get git "$at/old/fleet.git" "commit=$first" branch=main; check "the same where the server hands out tips only" "^revision main@sha1:$first$"
get git "$at/old/fleet.git" "commit=${first%?????}00000" branch=main; check "no such commit, version 0" "^error NOTFOUND branch 'main' of .* has no commit"
get git "$url" "commit=$first"; check "commit by itself" "^revision sha1:$first$"
get git "$url" "commit=${first%?????}00000"; check "no such commit" "^error NOTFOUND .* has no commit ${first%?????}00000"
get git "$url" commit=abc; check "half a commit" '^error INPUT .*not a whole commit id'
get git http://127.0.0.1:1/x.git "commit=$first" "known=sha1:$first"; check "a commit at hand asks nobody" '^unchanged 1$'

# ---- spec.ignore, .sourceignore, sparseCheckout
get git "$url" branch=main 'ignore=/*
!/docs'; check "spec.ignore" '^file docs/x.md$'
check_not "spec.ignore leaves the rest out" '^file (apps|clusters)'
get git "$url" branch=main 'ignore=/*
!/clusters/prod'; check "spec.ignore takes back a folder within a folder" '^file clusters/prod/p.yaml$'
get git "$url" branch=main sparse=./apps/web,docs; check "sparseCheckout" '^file apps/web/release.yaml$' '^file docs/x.md$'
check_not "sparseCheckout leaves the rest" '^file clusters'
get git "$url" branch=main sparse=nowhere; check "sparseCheckout of nothing" "^error INPUT .*'nowhere' of spec.sparseCheckout does not exist"

# ---- wrong input
get git "$at/moved/fleet.git" branch=main; check "redirect" "^revision main@sha1:$second$"
get git "$at/private/fleet.git" branch=main; check "credentials missing" '^error INPUT .*401.*secretRef'
get git "$at/private/fleet.git" branch=main user=git password=wrong; check "wrong password" '^error INPUT .*not accepted'
check_not "no password in the message" 'wrong'
get git "$at/private/fleet.git" branch=main user=git password=s3cret; check "basic auth" "^revision main@sha1:$second$"
get git "$at/git/none.git" branch=main; check "repository gone" '^error INPUT no Git repository at .*404.*check spec.url'
get git "$at/page/x.git" branch=main; check "a web page" '^error INPUT .*is a web page'
get git "http://127.0.0.1:1/x.git" branch=main; check "nobody there" '^error AGAIN .*127.0.0.1'
git init -q --bare "$SERVERS/git/empty.git"
get git "$at/git/empty.git" branch=main; check "an empty repository" '^error NOTFOUND .*the Git repository is empty'

# ---- only the tip is paid for: a history of 20 MB and 300 commits over a small tip, and one large folder beside it
git_repo deep
d=$SERVERS/work/deep
{
    for i in $(seq 300); do
        printf 'commit refs/heads/main\ncommitter t <t@x> %d +0000\ndata 2\nc\nM 100644 inline f\ndata %d\n%s\n' "$((1700000000 + i))" "${#i}" "$i"
    done
} | git -C "$d" fast-import --quiet --force
git -C "$d" reset -q --hard main
git -C "$d" config core.compression 0
for i in 1 2 3 4; do head -c 5000000 /dev/urandom >"$d/blob"; git -C "$d" add -A; git -C "$d" commit -q -m "$i"; done
rm "$d/blob"; mkdir "$d/big" "$d/small"; head -c 300000 /dev/urandom >"$d/big/x"; echo s >"$d/small/y"
git_commit deep small
for version in git old; do
    get git "$at/$version/deep.git" branch=main; check "shallow ($version)" '^file small/y$' '^file big/x$'
    [ "$(received)" -gt 300000 ] && [ "$(received)" -lt 310000 ]; ok $? "$(received) bytes for the 300 KB tip of a 20 MB history ($version)"
done
git -C "$SERVERS/git/deep.git" config uploadpack.allowFilter true
get git "$at/git/deep.git" branch=main sparse=small; check "sparse" '^file small/y$'
[ "$(received)" -lt 3000 ]; ok $? "$(received) bytes for one folder of it"
get git "$at/git/deep.git" branch=main max=100000; check "a ceiling on what is transferred" '^error LIMIT'

# ---- a process that fetches for long holds no more for it (tests/bench/git.sh: 2,000 fetches)
flat() { awk '/^rss-early/ { a = $2 } /^rss-late/ { b = $2 } END { print b - a; exit !(a && b - a <= 1024) }' "$SERVERS/out"; }
get git "$url" branch=main repeat=40; grew=$(flat); ok $? "40 fetches: $grew KiB more"

# ---- sub-modules: relative, absolute, on another host; include
git_repo super
s=$SERVERS/work/super
cp "$SERVERS/git/fleet.git/config" "$SERVERS/fleet.config"
git -C "$s" -c protocol.file.allow=always submodule --quiet add "$SERVERS/git/fleet.git" vendor/fleet 2>/dev/null
git -C "$s" config -f .gitmodules submodule.vendor/fleet.url ../fleet.git
echo top >"$s/top"; git_commit super one
get git "$at/private/super.git" branch=main user=git password=s3cret submodules=1; check "sub-module, relative URL, same credentials" '^file top$' '^file vendor/fleet/apps/web/values.yaml$'
check_not "Git's own files of it are left out" 'gitmodules'
get git "$at/git/super.git" branch=main; check_not "no sub-modules unless asked" '^file vendor'
git -C "$s" config -f .gitmodules submodule.vendor/fleet.url "http://localhost:$HTTP_PORT/private/fleet.git"; git_commit super two
: >"$SERVERS/nginx/access.log"
get git "$at/private/super.git" branch=main user=git password=s3cret submodules=1
check "sub-module on another host gets no credentials" "^error INPUT sub-module 'vendor/fleet' \(another server gets none of the credentials"
awk '/fleet.git/ && $3 != "-" { bad = 1 } /fleet.git/ { seen = 1 } END { exit bad || !seen }' "$SERVERS/nginx/access.log"; ok $? "and none were sent"
git -C "$s" config -f .gitmodules submodule.vendor/fleet.url /etc; git_commit super three
get git "$at/git/super.git" branch=main submodules=1; check "sub-module by a path" "^error INPUT sub-module 'vendor/fleet': its URL '/etc' .* is neither http"
get git "$at/git/super.git" branch=main "include=$digest:apps/web:lib/web"; check "include" '^file top$' '^file lib/web/values.yaml$'
check_not "only fromPath" '^file lib/web/docs'
get git "$at/git/super.git" branch=main "include=$digest::../../out"; check "include that leads out" "^error INPUT include 'other': toPath '../../out' leads out"
get git "$at/git/super.git" branch=main "include=$digest::top"; check "include over a file" "^error INPUT include 'other': toPath 'top' is there already"
get git "$at/git/super.git" branch=main "include=$digest:none:x"; check "include of nothing" "^error INPUT include 'other': its artifact has no 'none'"

# ---- who signed: real git with gpg and with SSH keys
git_repo signed
s=$SERVERS/work/signed
k=$SERVERS/keys
mkdir -m 700 "$k" "$k/gpg"
ssh-keygen -q -t ed25519 -N '' -C dev -f "$k/ssh"; ssh-keygen -q -t ecdsa -N '' -f "$k/other"
git -C "$s" config gpg.format ssh; git -C "$s" config user.signingkey "$k/ssh.pub"
echo 1 >"$s/f"; git -C "$s" add f; git -C "$s" commit -q -S -m 'signed by ssh'; git -C "$s" tag -s v1.0.0 -m 'ssh tag'; git -C "$s" tag -a v1.1.0 -m 'not signed'
sshkey=$(ssh-keygen -lf "$k/ssh.pub" | cut -d' ' -f2 | sed 's/[+]/[+]/g')
u=$at/git/signed.git
if command -v gpg >/dev/null; then
    export GNUPGHOME=$k/gpg
    gpg --batch --quiet --passphrase '' --quick-gen-key 'Dev <dev@example.com>' ed25519 sign 0 2>/dev/null
    gpg --armor --export >"$k/pgp.asc"
    git -C "$s" config gpg.format openpgp; git -C "$s" config user.signingkey dev@example.com
    git -C "$s" checkout -q -b pgp; echo 2 >"$s/f"; git -C "$s" commit -q -a -S -m 'signed by pgp'; git -C "$s" tag -s v2.0.0 -m 'pgp tag'
    pgpkey=$(gpg --list-keys --with-colons | awk -F: '/^pub/ { print $5 }')
    git -C "$s" push -q --tags origin HEAD main 2>/dev/null
    get git "$u" branch=pgp verify=HEAD pgp="$k/pgp.asc"; check "PGP, commit" '^verified verified signature of$' "^verified - commit '[0-9a-f]{40}' with key '$pgpkey'$"
    get git "$u" tag=v2.0.0 verify=TagAndHEAD pgp="$k/pgp.asc"; check "PGP, tag and commit" "^verified - tag 'v2.0.0@[0-9a-f]{40}' with key '$pgpkey'$" "^verified - commit"
    get git "$u" branch=pgp verify=HEAD ssh="$k/ssh.pub"; check "PGP, no PGP keys" '^reason InvalidCommitSignature$' '^error INPUT signature verification of commit .* failed: PGP signature detected but no PGP public keys'
    gpg --batch --quiet --passphrase '' --quick-gen-key 'Other <o@example.com>' ed25519 sign 0 2>/dev/null
    gpg --armor --export o@example.com >"$k/other.asc"
    get git "$u" branch=pgp verify=HEAD pgp="$k/other.asc"; check "PGP, a stranger's key" '^reason InvalidCommitSignature$' '^error INPUT signature verification of commit'
    gpgconf --kill all 2>/dev/null
else
    echo "SKIP: gpg is not on this machine"
    git -C "$s" push -q --tags origin HEAD main 2>/dev/null
fi
get git "$u" branch=main verify=HEAD ssh="$k/ssh.pub"; check "SSH, commit" "^verified - commit '[0-9a-f]{40}' with key '$sshkey'$" '^subject signed by ssh$'
get git "$u" tag=v1.0.0 verify=Tag ssh="$k/ssh.pub"; check "SSH, tag" "^verified - tag 'v1.0.0@[0-9a-f]{40}' with key '$sshkey'$"
get git "$u" name=refs/tags/v1.0.0 verify=TagAndHEAD ssh="$k/ssh.pub"; check "SSH, tag by name" "^verified - tag 'v1.0.0@" "^verified - commit"
get git "$at/old/signed.git" 'semver=1.0.x' verify=TagAndHEAD ssh="$k/ssh.pub"; check "SSH, tag by semver" "^verified - tag 'v1.0.0@"
get git "$u" branch=main verify=HEAD ssh="$k/other.pub"; check "SSH, a stranger's key" '^reason InvalidCommitSignature$' '^error INPUT signature verification of commit'
get git "$u" branch=main verify=Tag ssh="$k/ssh.pub"; check "no tag to verify" '^reason InvalidVerificationMode stalled$'
get git "$u" tag=v1.1.0 verify=Tag ssh="$k/ssh.pub"; check "a tag without signature" '^reason InvalidGitObject$' "^error INPUT cannot verify signature of tag 'v1.1.0@[0-9a-f]{40}' since it is not signed"
get git "$url" branch=main verify=HEAD ssh="$k/ssh.pub"; check "a commit without signature" '^reason InvalidCommitSignature$' 'it is not signed'
git -C "$SERVERS/git/signed.git" update-ref refs/tags/v5.0.0 "$(git -C "$s" rev-parse v1.0.0)"
get git "$u" tag=v5.0.0 verify=Tag ssh="$k/ssh.pub"; check "a signed tag under another name" '^reason InvalidTagSignature$' "signed under the name 'v1.0.0', not 'v5.0.0'"
tampered=$(git -C "$s" cat-file commit main | sed 's/^signed by ssh$/signed by nobody/' | git -C "$SERVERS/git/signed.git" hash-object -t commit -w --stdin)
git -C "$SERVERS/git/signed.git" update-ref refs/heads/tampered "$tampered"
get git "$u" branch=tampered verify=HEAD ssh="$k/ssh.pub"; check "a commit that was changed" '^reason InvalidCommitSignature$'

# ---- SSH
SSHD_OPTIONS='-o AcceptEnv=GIT_PROTOCOL'
if sshd_start; then
    s=$SERVERS/ssh
    ssh_url="ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git/fleet.git"
    over() { get git "$ssh_url" branch=main known_hosts="$s/known_hosts" "$@"; }
    over identity="$s/identity"; check "ssh" "^revision main@sha1:$second$" "^digest $digest$"
    over identity="$s/identity" repeat=12; grew=$(flat); ok $? "ssh, 12 fetches: $grew KiB more"
    over "known=main@sha1:$second" identity="$s/identity"; check "ssh, nothing new" '^unchanged 1$'
    over identity="$s/locked" "phrase=pass phrase"; check "ssh, encrypted key" "^revision main@sha1:$second$"
    over identity="$s/locked"; check "ssh, no phrase" "^error INPUT the private key 'identity' .* is encrypted: add its passphrase under the key 'password'"
    over identity="$s/locked" phrase=no; check "ssh, wrong phrase" "^error INPUT the private key 'identity' .* 'password' is not its passphrase"
    for kind in 'rsa RFC4716' 'rsa PEM' 'ecdsa PKCS8'; do
        f=$s/${kind// /-}
        ssh-keygen -q -t "${kind% *}" $([ "${kind% *}" = rsa ] && echo -b 2048) -m "${kind#* }" -N 'some words' -f "$f"; cat "$f.pub" >>"$s/authorized_keys"
        over identity="$f" 'phrase=some words'; check "ssh, encrypted $kind key" "^revision main@sha1:$second$"
    done
    over identity="$s/stranger"; check "ssh, wrong key" '^error INPUT .*does not accept the key'
    over identity="$s/known_hosts"; check "ssh, no key" '^error INPUT .*is no private key'
    get git "$ssh_url" branch=main identity="$s/identity"; check "ssh, no known_hosts" '^error INPUT .*no known_hosts'
    echo "example.org ssh-ed25519 AAAA" >"$s/other"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/other"; check "ssh, unknown host key" '^error INPUT the host key of \[127.0.0.1\]:.* SHA256:.* is not in'
    echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1-2 "$s/stranger.pub")" >"$s/changed"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/changed"; check "ssh, changed host key" '^error INPUT the host key of .* has changed: known_hosts has ssh-ed25519 SHA256:.*the server shows SHA256:'
    { cat "$s/changed"; echo "github.com ecdsa-sha2-nistp256 AAAA"; cat "$s/known_hosts"; } >"$s/several"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/several"; check "ssh, several keys of the host" "^revision main@sha1:$second$"
    { cat "$s/known_hosts"; sed 's/^/@revoked /' "$s/known_hosts"; } >"$s/revoked"
    get git "$ssh_url" branch=main identity="$s/identity" known_hosts="$s/revoked"; check "ssh, revoked host key" '^error INPUT the host key SHA256:.* is marked @revoked'
    ssh-keygen -q -H -f "$s/known_hosts" 2>/dev/null
    over identity="$s/identity"; check "ssh, hashed known_hosts" "^revision main@sha1:$second$"
    get git "ssh://$(id -un)@127.0.0.1:$SSH_PORT/nowhere.git" branch=main identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh, no repository" '^error INPUT no Git repository at'
    deep="ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git/deep.git"
    get git "$deep" branch=main identity="$s/identity" known_hosts="$s/known_hosts"; check "ssh, shallow" '^file small/y$'
    [ "$(received)" -gt 300000 ] && [ "$(received)" -lt 310000 ]; ok $? "ssh, $(received) bytes for the tip"
    get git "$deep" branch=main identity="$s/identity" known_hosts="$s/known_hosts" sparse=small; check "ssh, sparse" '^file small/y$'
    [ "$(received)" -lt 3000 ]; ok $? "ssh, $(received) bytes for one folder of it"
else
    echo "SKIP: sshd is not on this machine"
fi
# ---- trees and histories of strangers
# Trees in trees: 10^8 paths in 9 objects; and a hundred thousand folders deep enough that their paths alone are large.
git init -q --bare "$SERVERS/git/bomb.git"; git -C "$SERVERS/git/bomb.git" config http.receivepack true
b="git -C $SERVERS/git/bomb.git"
of=$(echo x | $b hash-object -w --stdin) kind="100644 blob"
for depth in 1 2 3 4 5 6 7 8; do
    of=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '%s %s\tf%s\n' "$kind" "$of" "$i"; done | $b mktree) kind="040000 tree"
done
commit=$(GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t $b commit-tree -m bomb "$of")
$b update-ref refs/heads/main "$commit"; $b symbolic-ref HEAD refs/heads/main; $b update-server-info
began=${EPOCHREALTIME/[.,]/}
get git "$at/git/bomb.git" branch=main timeout=1000; took=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
check "a tree of 10^8 paths" "^error LIMIT .*(too large to be read and packed in the time|has more than [0-9]+ files)"
[ "$took" -lt 8000 ]; ok $? "it had one second and took $took ms"
if [ "${BOMB:-}" ]; then # by hand: to the other limit
    "$HC_BUILD/tests/measure" 1 1 "$tool" "$SERVERS/store" git "$at/git/bomb.git" branch=main timeout=600000 | awk '{ printf "to the limit of files: %.1f s, %.1f s of CPU, %.1f MiB\n", $1 / 1e6, $2 / 1e6, $3 / 1024 }'
    "$tool" "$SERVERS/store" git "$at/git/bomb.git" branch=main timeout=600000
fi
# By hand: HISTORY_MB=1000, so much history that does not compress below a tip of three small files.
if [ "${HISTORY_MB:-}" ]; then
    git init -q --bare "$SERVERS/git/huge.git"
    python3 - "$HISTORY_MB" <<'PY' | git -C "$SERVERS/git/huge.git" -c core.compression=0 -c pack.compression=0 fast-import --quiet
import os, sys
out = sys.stdout.buffer
for i in range(int(sys.argv[1]) // 10):
    out.write(b"commit refs/heads/main\ncommitter t <t@t> %d +0000\ndata 2\nn\n" % (1700000000 + i) + b"M 100644 inline big\ndata 10000000\n" + os.urandom(10000000) + b"\n")
out.write(b"commit refs/heads/main\ncommitter t <t@t> 1800000000 +0000\ndata 2\nn\nD big\n")
for i in range(3):
    out.write(b"M 100644 inline small/%d\ndata 5\nsmall\n" % i)
PY
    echo "history of $(du -sm "$SERVERS/git/huge.git" | cut -f1) MB, $(git -C "$SERVERS/git/huge.git" rev-list --count main) commits"
    git -C "$SERVERS/git/huge.git" symbolic-ref HEAD refs/heads/main
    get git "$at/git/huge.git" branch=main; check "a large history" '^file small/2$'
    [ "$(received)" -lt 2000 ]; ok $? "of which $(received) bytes come"
    "$HC_BUILD/tests/measure" 3 1 "$tool" "$SERVERS/store" git "$at/git/huge.git" branch=main -- 1 git clone -q --depth 1 "$at/git/huge.git" "$SERVERS/clone" |
        awk '{ printf "%s: %.3f s, %.3f s of CPU, %.1f MiB\n", NR == 1 ? "ours" : "git clone --depth 1", $1 / 1e6, $2 / 1e6, $3 / 1024 }'
fi
left=$(find "$SERVERS/store/tmp" -mindepth 1 | wc -l)
[ "$left" = 0 ]; ok $? "nothing half-done is left in the store"
echo "$n checks"
exit $failed
