#!/usr/bin/env bash
# push, pull, registry login and logout beside the real Helm, on one home folder and against real registries: one over TLS
# with user and password, one whose tokens a server of ours gives, and both through a proxy that is busy, cuts, lies and
# redirects.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
for p in jq curl python3 openssl docker-registry; do
    command -v $p >/dev/null || { echo "SKIP: $p is not on this machine"; exit 77; }
done
"$root/tests/peers/build.sh" helm4 helm4-many || { echo "SKIP: the real helm cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir) h4=helm4
ours=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d) dir=$work
. "$here/lib/helm4.sh"
SERVERS=$work/servers
mkdir -p "$SERVERS/front" "$work/home" "$work/bin"
trap 'helm4_stop; servers_stop; rm -rf "$work"' EXIT
front=$SERVERS/front
cd "$work" || exit 1
helm4_start

# ---- servers ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=tests -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$front/tls.key" -out "$front/tls.pem" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout "$front/token.key" -out "$front/token.pem" 2>/dev/null
TOKEN_PORT=$(free_port) FRONT_PORT=$(free_port) ELSEWHERE_PORT=$(free_port) BASIC_PORT=$(free_port) BEARER_PORT=$(free_port)
# bcrypt of s3cret, at the least cost
printf '%s\n' 'oci:$2b$04$JReLah4.gc0IxroOTMKcKeO7DQYSKDKl3.9LECtJS4fseV0ZbwOBO' >"$SERVERS/htpasswd"
registry() { # NAME PORT AUTH
    cat >"$SERVERS/$1.yml" <<CONF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $SERVERS/data}}
http: {addr: "127.0.0.1:$2", tls: {certificate: $front/tls.pem, key: $front/tls.key}}
auth: {$3}
CONF
    OTEL_TRACES_EXPORTER=none docker-registry serve "$SERVERS/$1.yml" >"$SERVERS/$1.log" 2>&1 &
    echo $! >"$SERVERS/$1.pid"
}
registry basic "$BASIC_PORT" "htpasswd: {realm: r, path: $SERVERS/htpasswd}"
registry bearer "$BEARER_PORT" "token: {realm: 'https://127.0.0.1:$TOKEN_PORT/token', service: registry, issuer: tests, rootcertbundle: $front/token.pem}"
python3 "$here/lib/registry_front.py" "$front" "$TOKEN_PORT" "$FRONT_PORT" "$ELSEWHERE_PORT" "$BASIC_PORT" >"$SERVERS/front.out" 2>&1 &
echo $! >"$SERVERS/front.pid"
for p in $BASIC_PORT $BEARER_PORT $FRONT_PORT; do wait_port "$p" || { cat "$SERVERS"/*.log "$SERVERS/front.out"; exit 1; }; done
basic=127.0.0.1:$BASIC_PORT bearer=127.0.0.1:$BEARER_PORT ca="--ca-file $front/tls.pem"
export HELM_CONFIG_HOME=$work/home/config HELM_CACHE_HOME=$work/home/cache HELM_DATA_HOME=$work/home/data DOCKER_CONFIG=$work/home/docker
config=$HELM_CONFIG_HOME/registry/config.json

# Runs the same with both, each in a folder of its own; what each leaves and says is in helm/ and ours/.
both() {
    rm -rf helm ours
    mkdir helm ours
    (cd helm && "$h4" "$@" >../helm.out 2>../helm.err; echo $? >../helm.rc)
    (cd ours && "$ours" "$@" >../ours.out 2>../ours.err; echo $? >../ours.rc)
}
same() { # ARGS...: output, exit code and files are the same
    both "$@"
    if cmp -s helm.out ours.out && cmp -s helm.rc ours.rc && diff -r helm ours >/dev/null; then ok "as Helm: ${*//$work/}"; else
        bad "not as Helm: $*"
        diff helm.out ours.out
        diff -r helm ours
        cat helm.err ours.err
    fi
}
refuses() { # PATTERN ARGS...: both do, ours says why
    local pattern=$1
    shift
    both "$@"
    equal "refused as by Helm: ${*//$work/}" "$(cat helm.rc)" "$(cat ours.rc)"
    has "and why" "$pattern" "$(cat ours.err)"
}

alone() { # PATTERN ARGS...: ours says no; what Helm says was compared by hand
    local pattern=$1
    shift
    "$ours" "$@" >out 2>&1 && bad "taken: $*"
    has "refused: ${*//$work/}" "$pattern" "$(cat out)"
}

# ---- charts ----

"$h4" create web >/dev/null
for v in 1.0.0 1.2.1+b5 2.0.0-rc.1; do "$h4" package web --version $v >/dev/null; done
mkdir -p rich/charts/sub
printf 'apiVersion: v2\nname: sub\nversion: 1.2.3\n' >rich/charts/sub/Chart.yaml
cat >rich/Chart.yaml <<'CHART'
apiVersion: v2
name: rich
version: 0.1.0+meta
description: "A <rich> & \"quoted\" chart é"
home: https://example.com/?a=1&b=2
sources: [https://git.example.com/x, https://second]
keywords: [a, b]
kubeVersion: ">=1.20.0-0"
appVersion: 1.10
maintainers: [{name: Ann, email: ann@example.com}, {name: Bob}, {email: c@example.com}]
annotations: {zeta: z, alpha: "x < y", org.opencontainers.image.version: "not this", org.opencontainers.image.url: own}
dependencies: [{name: sub, version: 1.x.x, repository: "https://c", import-values: [data, {parent: p, child: c}]}]
CHART
"$h4" package rich >/dev/null
echo "a provenance file" >"rich-0.1.0+meta.tgz.prov"
touch -d '2020-02-03 04:05:06 UTC' rich-0.1.0+meta.tgz
head -c 17500000 /dev/urandom >web/noise
"$h4" package web --version 7.0.0 >/dev/null

# ---- logins, both ways ----

refuses 'authenticating to ".*401' registry login "$basic" -u oci -p wrong $ca
refuses 'certificate' registry login "$basic" -u oci -p s3cret
refuses 'invalid reference: invalid registry' registry login "$basic/path" -u oci -p s3cret $ca
alone 'HTTP without TLS, which must be asked for' push "$work/web-1.0.0.tgz" "oci://127.0.0.1:$FRONT_PORT/x"
[ ! -e "$config" ] && ok "a login that fails keeps nothing" || bad "$config is there"
"$h4" registry login "$basic" -u oci -p s3cret $ca >/dev/null 2>&1
cp "$config" of-helm.json
rm -r "$HELM_CONFIG_HOME"
printf 's3cret\r\n' | "$ours" registry login "$basic" -u oci --password-stdin $ca >out 2>err
equal "login" "Login Succeeded" "$(cat out)"
equal "the file is Helm's" "$(cat of-helm.json)" "$(cat "$config")"
equal "and nobody else reads it" 600 "$(stat -c %a "$config")"
printf '{"zz": {"b": 1.50, "a":[1,2]}, "auths": {"x": {"auth": "eDp5", "email":"q"}}, "HttpHeaders": {}}' | tee h.json >o.json
for step in login logout; do
    args="registry $step $basic"
    [ $step = login ] && args="$args -u oci -p s3cret $ca"
    # shellcheck disable=SC2086
    "$h4" $args --registry-config h.json >h.out 2>&1
    # shellcheck disable=SC2086
    "$ours" $args --registry-config o.json >o.out 2>&1
    equal "$step leaves the rest of a file alone" "$(cat h.json)" "$(cat o.json)"
    equal "and says" "$(cat h.out)" "$(cat o.out)"
done
same registry logout nowhere.example
echo '{broken' >b.json
refuses 'failed to decode config file .*b.json' registry logout x --registry-config "$work/b.json"

# ---- push: what is there then is the same, byte for byte ----

pushed() { # ARCHIVE NAME TAG: pushed by each to a place of its own
    "$h4" push "$1" "oci://$basic/helm" $ca >h.out 2>h.err || { bad "helm push $1"; cat h.err; }
    "$ours" push "$1" "oci://$basic/ours" $ca >o.out 2>o.err || { bad "push $1"; cat o.err; }
    equal "what push says of $1" "$(sed s,/helm/,/ours/, h.out)" "$(cat o.out)"
    for who in helm ours; do
        curl -sk -u oci:s3cret -H "Accept: application/vnd.oci.image.manifest.v1+json" "https://$basic/v2/$who/$2/manifests/$3" >$who.manifest
        curl -sk -u oci:s3cret "https://$basic/v2/$who/$2/blobs/$(jq -r .config.digest $who.manifest)" >$who.config
    done
    cmp helm.manifest ours.manifest && cmp helm.config ours.config && ok "its manifest and config" || bad "manifest or config of $1"
}
pushed web-1.0.0.tgz web 1.0.0
TZ=America/St_Johns pushed rich-0.1.0+meta.tgz rich 0.1.0_meta
pushed web-7.0.0.tgz web 7.0.0
equal "with its provenance file" "a provenance file" "$(curl -skL -u oci:s3cret "https://$basic/v2/ours/rich/blobs/$(jq -r '.layers[] | select(.mediaType | endswith("prov")).digest' ours.manifest 2>/dev/null || true)" 2>/dev/null | grep provenance || curl -sk -u oci:s3cret "https://$basic/v2/ours/rich/blobs/sha256:$(sha256sum rich-0.1.0+meta.tgz.prov | cut -d' ' -f1)")"
alone '^Error: none.tgz: no such file$' push none.tgz "oci://$basic/x"
alone '^Error: cannot push directory, must provide chart archive \(.tgz\)$' push "$work/web" "oci://$basic/x"
alone '^Error: scheme "http" not supported$' push "$work/web-1.0.0.tgz" http://x
alone '^Error: scheme prefix missing from remote \(e.g. "oci://"\)$' push "$work/web-1.0.0.tgz" x
alone 'invalid repository "X/web"' push "$work/web-1.0.0.tgz" "oci://$basic/X" $ca
alone 'may not write it; it was asked with --username' push "$work/web-1.0.0.tgz" "oci://$basic/ours" $ca --username oci --password wrong

# ---- pull, with the login of either ----

"$ours" push "web-1.2.1+b5.tgz" "oci://$basic/ours" $ca >/dev/null && "$ours" push web-2.0.0-rc.1.tgz "oci://$basic/ours" $ca >/dev/null || bad "push"
web=oci://$basic/ours/web
for how in "--version <7" "--version 1.2.1+b5" "--devel --untar" "--version 9.9.9" "--version >9" "--version 1.2"; do
    # shellcheck disable=SC2086
    same pull "$web" $ca $how
done
digest=sha256:$(curl -sk -u oci:s3cret -H "Accept: application/vnd.oci.image.manifest.v1+json" "https://$basic/v2/ours/web/manifests/1.0.0" | sha256sum | cut -d' ' -f1)
same pull "$web@$digest" $ca --version 7.0.0
same pull "$web:1.0.0" $ca --version 1.2.1
same pull "oci://$basic/ours/rich" $ca --prov
same show chart "$web@$digest" $ca
cp of-helm.json "$config"
same pull "$web" $ca --version 1.0.0
"$ours" registry logout "$basic" >/dev/null
refuses 'wants a login' pull "$web" $ca

# ---- credential helpers ----

cat >bin/docker-credential-box <<HELPER
#!/bin/sh
case \$1 in
get) [ -f "$work/box" ] && cat "$work/box" || { echo "credentials not found in native keychain"; exit 1; } ;;
store) cat >"$work/box" ;;
erase) rm -f "$work/box" ;;
esac
HELPER
printf '#!/bin/sh\nyes\n' >bin/docker-credential-flood
printf '#!/bin/sh\necho broken box; exit 3\n' >bin/docker-credential-broken
chmod +x bin/*
export PATH=$work/bin:$PATH
mkdir -p "$DOCKER_CONFIG" "$(dirname "$config")"
echo "{\"credHelpers\":{\"$basic\":\"box\"}}" >"$config"
"$ours" registry login "$basic" -u oci -p s3cret $ca >/dev/null 2>&1
equal "the helper keeps it" "{\"ServerURL\":\"$basic\",\"Username\":\"oci\",\"Secret\":\"s3cret\"}" "$(cat box)"
hasnt "and the file does not" 'b2Np' "$(cat "$config")"
same pull "$web" $ca --version 1.0.0
mv "$config" "$DOCKER_CONFIG/config.json"
same pull "$web" $ca --version 1.0.0
mv "$DOCKER_CONFIG/config.json" "$config"
"$ours" registry logout "$basic" >/dev/null
[ ! -e box ] && ok "and forgets it" || bad "box is there"
alone 'wants a login' pull "$web" $ca
for bad in flood:'more than 65536 bytes' broken:'ended with 3: broken box' none:'cannot be started'; do
    echo "{\"credsStore\":\"${bad%%:*}\"}" >"$config"
    alone "${bad#*:}" pull "$web" $ca
done
rm "$config"

# ---- tokens ----

tokens() { grep -c '^token' "$front/front.log"; }
printf s3cret | "$ours" registry login "$bearer" -u oci --password-stdin $ca >/dev/null || bad "login with tokens"
has "asked with OAuth2 first, as by Helm" '^token POST oci 0' "$(tail -n 1 "$front/front.log")"
before=$(tokens)
"$ours" push web-1.0.0.tgz "oci://$bearer/team" $ca >out 2>&1 && ok "push with a token" || { bad push; cat out; }
has "for pull and push of that repository" '^token GET oci 1 repository:team/web:pull,push$' "$(tail -n 1 "$front/front.log")"
equal "one for all requests" $((before + 1)) "$(tokens)"
same pull "oci://$bearer/team/web" $ca
"$ours" push web-1.0.0.tgz "oci://$bearer/public" $ca >/dev/null
"$ours" registry logout "$bearer" >/dev/null
same pull "oci://$bearer/public/web" $ca
has "anonymous, and for pull alone" '^token GET anonymous 1 repository:public/web:pull$' "$(tail -n 1 "$front/front.log")"
alone 'wants a login' pull "oci://$bearer/team/web" $ca
alone 'the registry login is not accepted; it was asked with --username' pull "oci://$bearer/team/web" $ca --username oci --password wrong
mkdir -p "$(dirname "$config")"
echo "{\"auths\":{\"$bearer\":{\"identitytoken\":\"identity\"}}}" >"$config"
same pull "oci://$bearer/team/web" $ca
has "an identity token is exchanged" '^token POST oci 1' "$(tail -n 1 "$front/front.log")"

# ---- servers that have a bad day ----

echo "{\"auths\":{\"127.0.0.1:$FRONT_PORT\":{\"auth\":\"b2NpOnMzY3JldA==\"}}}" >"$config"
bad_day() { # MODE ARGS...
    echo "$1" >"$front/mode"
    : >"$front/front.log"
    shift
    rm -rf got && mkdir got
    (cd got && timeout 60 "$ours" "$@" --plain-http >../out 2>../err)
}
big="oci://127.0.0.1:$FRONT_PORT/ours/web"
bad_day cut pull "$big" --version 7.0.0 && cmp web-7.0.0.tgz got/web-7.0.0.tgz && ok "a blob that is cut in the middle, again and again" || { bad cut; cat err; }
has "goes on where it was" 'bytes=[1-9][0-9]*-$' "$(cat "$front/front.log")"
bad_day busy pull "$big" --version 1.0.0 && cmp web-1.0.0.tgz got/web-1.0.0.tgz && ok "429 with Retry-After is waited for" || { bad busy; cat err; }
bad_day busy push "$work/web-2.0.0-rc.1.tgz" "oci://127.0.0.1:$FRONT_PORT/busy" && ok "by push too" || { bad "busy push"; cat err; }
bad_day redirect pull "$big" --version 1.0.0 && cmp web-1.0.0.tgz got/web-1.0.0.tgz && ok "a blob on another host" || { bad redirect; cat err; }
has "which sees no credentials" '^elsewhere GET /v2/ours/web/blobs/[^ ]* clean$' "$(cat "$front/front.log")"
nothing() { # WHAT PATTERN
    equal "$1: nothing is left" "" "$(ls -A got)"
    has "and why" "$2" "$(cat err)"
    hasnt "without the password" 's3cret|b2NpOnMzY3JldA' "$(cat out err)"
}
bad_day wrong pull "$big" --version 1.0.0 && bad "other bytes are taken" || nothing "other bytes" 'has the digest sha256:[0-9a-f]{64} instead of'
bad_day loop pull "$big" --version 1.0.0 --untar && bad "a loop ends well" || nothing "a redirect loop" 'redirects'
bad_day none show chart "$big" --version 1.0.0 && ok "and afterwards all is well" || { bad none; cat err; }
done_
