#!/usr/bin/env bash
# Provenance files between helmctl and the real Helm: what one signs the other accepts, over keyrings that gpg made in
# every form; what is wrong is refused by both with the same words; pull, show and template with --verify.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
h=${HC_BUILD:?}/bin/helmctl
. "$root/tests/cluster/lib/servers.sh"
"$root/tests/peers/build.sh" helm4 helm3 || { echo "SKIP: the real Helm cannot be built here"; exit 77; }
command -v gpg >/dev/null || { echo "SKIP: gpg is not on this machine"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
helm=$peers/helm4 helm3=$peers/helm3
work=$(mktemp -d)
SERVERS=$work/servers
export GNUPGHOME=$work/g HOME=$work/home SOURCE_DATE_EPOCH=1700000000
mkdir -m 700 "$GNUPGHOME"
mkdir -p "$SERVERS" "$HOME"
trap 'servers_stop; gpgconf --kill all; rm -rf "$work"' EXIT
unset HELM_NAMESPACE HELM_REPOSITORY_CACHE HELM_REPOSITORY_CONFIG HELM_CONTENT_CACHE HELM_CACHE_HOME HELM_CONFIG_HOME
export PATH=$PATH:/usr/sbin
cd "$work" || exit 1
failed=0
bad() { echo "FAIL: $*"; failed=1; }

g() { gpg --batch --yes --quiet --no-tty --pinentry-mode loopback "$@" 2>>gpg.log || { cat gpg.log; exit 1; }; }
g --passphrase '' --quick-generate-key 'Rsa Signer <rsa@example.org>' rsa2048 sign,cert never
g --passphrase '' --quick-generate-key 'Edwards Signer <ed@example.org>' ed25519 sign,cert never
g --passphrase 'open sesame' --quick-generate-key 'Locked Signer <locked@example.org>' nistp384 sign,cert never
g --passphrase '' --quick-generate-key 'Foreign Signer <foreign@example.org>' ed25519 sign,cert never
printf 'open sesame\nsecond line\n' >pass
printf 'wrong\n' >wrongpass
team=(rsa@example.org ed@example.org locked@example.org)
g --export "${team[@]}" >pub.gpg
g --armor --export "${team[@]}" >pub.asc
g --export foreign@example.org >foreign.gpg
g --passphrase 'open sesame' --export-secret-keys >sec.gpg
"$helm" create web >/dev/null

text() { sed '/BEGIN PGP SIGNATURE/q; s/sha256:[0-9a-f]*/sha256:X/' "$1"; }
same() { # the same text up to the signature, but for the digest: two compressors
    diff <(text "theirs/$1.prov") <(text "ours/$1.prov") || bad "$1: the signed texts differ"
    grep -q "^  $1: sha256:$(sha256sum "ours/$1" | cut -d' ' -f1)\$" "ours/$1.prov" || bad "$1: the digest"
    [ "$(tail -c 28 "theirs/$1.prov")" = "$(tail -c 28 "ours/$1.prov")" ] || bad "$1: the ends differ"
}
tgz=web-0.1.0.tgz
for key in rsa:'Rsa Signer' ed:Edwards locked:'Locked Signer <locked@example.org>'; do
    for tool in theirs:$helm ours:$h; do
        "${tool#*:}" package web -d "${tool%%:*}" --sign --key "${key#*:}" --keyring sec.gpg --passphrase-file pass >out 2>&1 ||
            { cat out; bad "${tool%%:*} does not sign with ${key%%:*}"; }
    done
    same "$tgz"
    "$h" verify "theirs/$tgz" --keyring pub.asc >one 2>&1 || { cat one; bad "ours refuses Helm's, ${key%%:*}"; }
    "$helm" verify "ours/$tgz" --keyring pub.asc >two 2>&1 || { cat two; bad "Helm refuses ours, ${key%%:*}"; }
    diff <(text one) <(text two) || bad "what verify prints, ${key%%:*}"
    cp two one
    "$h" verify "ours/$tgz" --keyring "$GNUPGHOME/pubring.kbx" >two 2>&1 && cmp -s one two || { cat two; bad "by the keybox"; }
done
"$h" verify "ours/$tgz" >two 2>&1 && cmp -s one two || { cat two; bad "by GnuPG's own keyring"; }
"$helm3" verify "ours/$tgz" --keyring pub.gpg >two 2>&1 && cmp -s one two || { cat two; bad "Helm 3 refuses ours"; }
"$helm3" package web -d three --sign --key Edwards --keyring sec.gpg >out 2>&1 && "$h" verify "three/$tgz" --keyring pub.gpg >out 2>&1 || { cat out; bad "ours refuses Helm 3's"; }

both() { # BEGIN WORD...: the same exit code, stdout, and beginning of the error
    local begin=$1 theirs ours t o
    shift
    "$helm" "$@" >out.theirs 2>err.theirs </dev/null
    theirs=$?
    "$h" "$@" >out.ours 2>err.ours </dev/null
    ours=$?
    t=$(head -1 err.theirs | sed 's/helm verify/helmctl verify/' | cut -c"1-$begin") o=$(head -1 err.ours | cut -c"1-$begin")
    [ "$theirs" = "$ours" ] || bad "$*: exit code $ours, Helm has $theirs"
    cmp -s out.theirs out.ours || { diff out.theirs out.ours; bad "$*: stdout"; }
    [ "$t" = "$o" ] || { printf '< %s\n> %s\n' "$t" "$o"; bad "$*: stderr"; }
}
mkdir bare changed renamed
cp "ours/$tgz" bare/
cp "ours/$tgz" "ours/$tgz.prov" changed/
printf x >>"changed/$tgz"
cp "ours/$tgz" renamed/other-0.1.0.tgz
cp "ours/$tgz.prov" renamed/other-0.1.0.tgz.prov
both 200 verify "bare/$tgz" --keyring pub.gpg
both 200 verify "none-$tgz" --keyring pub.gpg
both 200 verify web --keyring pub.gpg
both 200 verify pass --keyring pub.gpg
both 200 verify "ours/$tgz" --keyring nokeys
both 48 verify "ours/$tgz" --keyring foreign.gpg
both 200 verify "changed/$tgz" --keyring pub.gpg
both 200 verify renamed/other-0.1.0.tgz --keyring pub.gpg
sed -i 's/^name: web/name: wab/' "renamed/other-0.1.0.tgz.prov"
both 33 verify renamed/other-0.1.0.tgz --keyring pub.gpg
printf 'no signature\n' >renamed/other-0.1.0.tgz.prov
both 200 verify renamed/other-0.1.0.tgz --keyring pub.gpg
both 200 verify
for args in '--key nobody --keyring sec.gpg' '--key Signer --keyring sec.gpg' '--key Rsa --keyring pub.gpg' '--key Rsa --keyring nokeys' \
    '--keyring sec.gpg' '--key Rsa --keyring sec.gpg --passphrase-file nofile' '--key Locked --keyring sec.gpg --passphrase-file wrongpass'; do
    # shellcheck disable=SC2086
    both 35 package web -d signed --sign $args
done
grep -rl 'open sesame' ours err.ours out.ours && bad "the passphrase is told"

# Fetched: by HTTP, and out of a registry where there is one.
nginx_start || { echo "SKIP: nginx"; exit 77; }
mkdir -p "$SERVERS/www/charts"
cp "ours/$tgz" "ours/$tgz.prov" "$SERVERS/www/charts/"
"$h" package web -d "$SERVERS/www/charts" --version 0.2.0 >/dev/null
cp "ours/$tgz.prov" "$SERVERS/www/charts/web-0.2.0.tgz.prov"
"$h" package web -d "$SERVERS/www/charts" --version 0.3.0 >/dev/null
url=http://127.0.0.1:$HTTP_PORT/charts
"$helm" repo index "$SERVERS/www/charts"
"$helm" repo add r "$url" >/dev/null 2>&1
mkdir p1 p2
both 1 pull r/web --version 0.1.0 -d p1 --verify --keyring pub.gpg
[ -f "p1/$tgz.prov" ] || bad "pull --verify leaves no provenance file"
both 1 pull "$url/$tgz" -d p1 --prov
"$h" pull r/web --version 0.1.0 --untar --untardir p2 --verify --keyring pub.gpg >out 2>&1 && [ -f p2/web/Chart.yaml ] || { cat out; bad "pull --untar --verify"; }
rm -rf p2/*
both 48 pull r/web --version 0.1.0 -d p2 --verify --keyring foreign.gpg
rm -f p2/*
both 40 pull r/web --version 0.2.0 -d p2 --verify --keyring pub.gpg
both 25 pull r/web --version 0.3.0 -d p2 --verify --keyring pub.gpg
rm -f p2/*
"$h" pull r/web --version 0.2.0 -d p2 --verify --keyring pub.gpg >out 2>&1 && bad "a foreign archive is taken"
[ -z "$(ls p2)" ] || bad "a chart that was refused is left: $(ls p2)"
for verb in 'template' 'show chart' 'show values'; do
    # shellcheck disable=SC2086
    "$h" $verb "ours/$tgz" --verify --keyring pub.gpg >out 2>&1 || { head -3 out; bad "$verb --verify"; }
    # shellcheck disable=SC2086
    both 48 $verb "ours/$tgz" --verify --keyring foreign.gpg
    # shellcheck disable=SC2086
    "$h" $verb r/web --version 0.2.0 --verify --keyring pub.gpg >out 2>&1 && bad "$verb --verify takes a foreign archive"
done
"$h" upgrade x "changed/$tgz" --verify --keyring pub.gpg --kube-apiserver http://127.0.0.1:1 >out 2>&1 && bad "upgrade --verify"
grep -q 'sha256 sum does not match' out || { cat out; bad "upgrade --verify: which rule"; }
# Dependencies: update wants a signature of each, build takes what has none; with a foreign one neither goes on.
for v in 0.1.0 0.2.0 0.3.0; do
    mkdir -p "dep-$v"
    printf 'apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: web, version: %s, repository: "%s"}]\n' "$v" "$url" >"dep-$v/Chart.yaml"
done
deps() { # WANT VERB VERSION KEYRING: both programs end so, and charts/ holds the archive or nothing
    for tool in "$helm" "$h"; do
        rm -rf "dep-$3/charts"
        local code=0
        "$tool" dependency "$2" "dep-$3" --verify --keyring "$4" --skip-refresh >out 2>&1 || code=1
        [ "$code" = "$1" ] || { cat out; bad "$(basename "$tool") dependency $2 --verify of $3: $code"; }
        [ "$(ls "dep-$3/charts" 2>/dev/null)" = "$([ "$1" = 1 ] || echo "web-$3.tgz")" ] || bad "$(basename "$tool") dependency $2 --verify of $3 leaves $(ls "dep-$3/charts")"
    done
}
"$helm" repo update >/dev/null 2>&1
deps 0 update 0.1.0 pub.gpg
deps 0 build 0.1.0 pub.gpg
deps 1 update 0.1.0 foreign.gpg
deps 1 build 0.1.0 foreign.gpg
deps 1 update 0.2.0 pub.gpg
grep -q 'does not contain a SHA for a file named' out || { cat out; bad "dependency update --verify: which rule"; }
deps 1 update 0.3.0 pub.gpg
grep -q 'failed to fetch provenance' out || { cat out; bad "dependency update --verify, no provenance file: which rule"; }
"$h" dependency update dep-0.3.0 --skip-refresh >out 2>&1 || { cat out; bad "dependency update without --verify"; }
deps 0 build 0.3.0 pub.gpg
grep -q 'WARNING: Verification not found for http' out || { cat out; bad "dependency build --verify does not say what has no signature"; }
# --dependency-update of a verb that renders: what is fetched is not verified, as in Helm.
mkdir -p dep-0.2.0/templates
echo '{a: {{ .Chart.Name }}}' >dep-0.2.0/templates/a.yaml
rm -rf dep-0.2.0/charts dep-0.2.0/Chart.lock
"$h" template x dep-0.2.0 --dependency-update >out 2>&1 && [ -f dep-0.2.0/charts/web-0.2.0.tgz ] || { cat out; bad "template --dependency-update"; }
"$h" install x "changed/$tgz" --verify --keyring pub.gpg --kube-apiserver http://127.0.0.1:1 >out 2>&1 && bad "install --verify"
grep -q 'sha256 sum does not match' out || { cat out; bad "install --verify: which rule"; }
if registry_start; then
    rm -f p2/*
    oci=oci://127.0.0.1:$REGISTRY_PORT/charts
    "$helm" push "ours/$tgz" "$oci" --plain-http >out 2>&1 || { cat out; bad "push"; }
    "$helm" pull "$oci/web" --version 0.1.0 --plain-http --verify --keyring pub.gpg >one 2>/dev/null
    "$h" pull "$oci/web" --version 0.1.0 --plain-http -d p2 --verify --keyring pub.gpg >out 2>/dev/null && cmp out one &&
        cmp "p2/$tgz.prov" "ours/$tgz.prov" || { cat out; bad "pull --verify out of a registry"; }
    "$h" pull "$oci/web" --version 0.1.0 --plain-http -d p2 --verify --keyring foreign.gpg >out 2>&1 && bad "a foreign key"
    grep -q '^Error: openpgp: signature made by unknown entity: ' out || { cat out; bad "a foreign key: which rule"; }
fi
exit $failed
