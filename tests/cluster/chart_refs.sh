#!/usr/bin/env bash
# Charts that are not on this machine, by every form of the chart argument, from real servers: what `template` prints is
# what the real Helm prints. Install and upgrade go to the sandbox and are read back by the real Helm.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/servers.sh"
"$here/../peers/build.sh" helm4 helm4-many || exit $?
peers=$("$here/../peers/build.sh" --dir)
h=${HC_BUILD:?}/bin/helmctl h4=helm4
SERVERS=$(mktemp -d) dir=$SERVERS
. "$here/lib/helm4.sh"
trap 'helm4_stop; servers_stop; rm -rf "$SERVERS"' EXIT
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER HELM_REPOSITORY_CONFIG HELM_REGISTRY_CONFIG HELM_CONTENT_CACHE
export HOME=$SERVERS/home HELM_CONFIG_HOME=$SERVERS/helm HELM_DATA_HOME=$SERVERS/helm DOCKER_CONFIG=$SERVERS/none
export TMPDIR=$SERVERS/tmp KUBECONFIG=$SERVERS/kubeconfig
mkdir -p "$HOME" "$TMPDIR"
helm4_start
{ nginx_start && registry_start private; } || { echo "SKIP: nginx, git-http-backend or docker-registry is not on this machine"; exit 77; }
host=127.0.0.1:$REGISTRY_PORT plain=http://127.0.0.1:$HTTP_PORT/charts

# TLS: /charts/ is open, /private/ wants a login, /v2/ is the registry; on the second port a client certificate is wanted.
pki=$SERVERS/pki
mkdir -p "$pki" "$SERVERS/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout "$pki/ca.key" -out "$pki/ca.pem" 2>/dev/null
for who in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$who" -keyout "$pki/$who.key" -out "$pki/$who.csr" 2>/dev/null
    openssl x509 -req -in "$pki/$who.csr" -CA "$pki/ca.pem" -CAkey "$pki/ca.key" -CAcreateserial -days 2 -out "$pki/$who.pem" \
        -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1') 2>/dev/null
done
server() { # PORT EXTRA
    cat <<CONF
    server {
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $pki/server.pem;
        ssl_certificate_key $pki/server.key;
        $2
        root $SERVERS/www;
        location /private/ { auth_basic private; auth_basic_user_file $SERVERS/nginx/htpasswd; }
        location /v2/ { proxy_pass http://$host; proxy_set_header Host \$http_host; }
    }
CONF
}
tls_start() { # nginx writes its pid when it has all its ports
    TLS_PORT=$(free_port) MTLS_PORT=$(free_port)
    cat >"$SERVERS/tls/nginx.conf" <<CONF
daemon off;
pid $SERVERS/tls/pid;
error_log $SERVERS/tls/error.log;
worker_processes 1;
$( [ "$(id -u)" = 0 ] && echo 'user root;' )
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $SERVERS/tls/body; proxy_temp_path $SERVERS/tls/proxy; fastcgi_temp_path $SERVERS/tls/fastcgi;
    uwsgi_temp_path $SERVERS/tls/uwsgi; scgi_temp_path $SERVERS/tls/scgi;
$(server "$TLS_PORT" '')
$(server "$MTLS_PORT" "ssl_client_certificate $pki/ca.pem; ssl_verify_client on;")
}
CONF
    nginx -p "$SERVERS/tls" -c "$SERVERS/tls/nginx.conf" >"$SERVERS/tls/out.log" 2>&1 &
    echo $! >"$SERVERS/tls.pid"
    within 4 test -s "$SERVERS/tls/pid" && return
    kill "$(cat "$SERVERS/tls.pid")" 2>/dev/null
    return 1
}
tls_start || tls_start || tls_start || { cat "$SERVERS/tls/out.log"; exit 1; }
tls=https://127.0.0.1:$TLS_PORT mtls=https://127.0.0.1:$MTLS_PORT

"$h4" registry login "$host" -u oci -p s3cret --plain-http >"$SERVERS/login" 2>&1 || { cat "$SERVERS/login"; exit 1; }
mkdir -p "$SERVERS/www/private/mixed"
"$h4" create "$SERVERS/web" >/dev/null
for version in 1.0.0 1.2.1+b5 1.10.0 2.0.0-rc.1; do
    "$h4" package "$SERVERS/web" --version "$version" -d "$SERVERS/www/charts" >/dev/null &&
        "$h4" push "$SERVERS/www/charts/web-$version.tgz" "oci://$host/charts" --plain-http >"$SERVERS/push" 2>&1 ||
        { cat "$SERVERS/push"; exit 1; }
done
"$h4" push "$SERVERS/www/charts/web-1.0.0.tgz" "oci://$host/charts/other_place" --plain-http >/dev/null 2>&1
cp "$SERVERS"/www/charts/*.tgz "$SERVERS/www/private"
cp "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/www/private/mixed"
"$h4" repo index "$SERVERS/www/charts"
"$h4" repo index "$SERVERS/www/private"
"$h4" repo index "$SERVERS/www/private/mixed" --url "https://localhost:$TLS_PORT/private/mixed" # another host than 127.0.0.1
export HELM_CACHE_HOME=$SERVERS/cache
"$h4" repo add open "$plain" >/dev/null
"$h4" repo add closed "$tls/private" --username git --password s3cret --ca-file "$pki/ca.pem" >/dev/null

both() { # ARGS...: what both say; each starts without cached charts
    rm -rf "$SERVERS/cache/content"
    "$h4" template "$@" >"$SERVERS/want" 2>"$SERVERS/want.err"
    want=$?
    "$h" template "$@" >"$SERVERS/got" 2>"$SERVERS/got.err"
    got=$?
}
same() { # ARGS...: both succeed and print the same
    both "$@"
    if [ "$want$got" = 00 ] && [ -s "$SERVERS/want" ] && cmp -s "$SERVERS/want" "$SERVERS/got" &&
        cmp -s "$SERVERS/want.err" "$SERVERS/got.err"; then
        ok "template $*"
    else
        bad "template $*: Helm gives $want, helmctl $got"
        diff "$SERVERS/want" "$SERVERS/got" | head -5
        diff "$SERVERS/want.err" "$SERVERS/got.err"
    fi
}
refused() { # PATTERN ARGS...: both fail, and helmctl's error is of this kind
    local pattern=$1
    shift
    both "$@"
    if [ "$want$got" = 11 ] && [ ! -s "$SERVERS/got" ] && grep -qE -- "^Error: $pattern" "$SERVERS/got.err"; then
        ok "refused: template $*"
    else
        bad "refused: template $*: Helm gives $want, helmctl $got"
        cat "$SERVERS/want.err" "$SERVERS/got.err"
    fi
}

# A registry, with the login of `helm registry login`.
web=oci://$host/charts/web
digest=$(curl -sI -u oci:s3cret -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$host/v2/charts/web/manifests/1.0.0" |
    tr -d '\r' | sed -n 's/^Docker-Content-Digest: //Ip')
same "$web" --plain-http
has "Pulled: on stderr" "^Pulled: $host/charts/web:1\.10\.0$" "$(cat "$SERVERS/got.err")"
same "$web" --plain-http --version 1.0.0
same "$web" --plain-http --version '~1.0'
same "$web" --plain-http --devel
same "$web:1.0.0" --plain-http
same "$web" --plain-http --version 1.2.1+b5
equal "any tag may stand in the reference, which Helm does not take" "$(cat "$SERVERS/got")" "$("$h" template "$web:1.2.1_b5" --plain-http 2>/dev/null)"
refused 'invalid reference: invalid tag "1.2.1\+b5"' "$web:1.2.1+b5" --plain-http
refused ".*$digest" "$web@$digest" --plain-http --version 1.10.0
same "$web:1.0.0" --plain-http --version 1.0.0
same "$web@$digest" --plain-http
same "$web:1.0.0@$digest" --plain-http
same name "$web" --plain-http -n shop --set replicaCount=3
same "oci://$host/charts/other_place/web" --plain-http
echo 'replicaCount: 7' >"$SERVERS/www/charts/seven.yaml"
same "$web" --plain-http -f "$plain/seven.yaml"
same "$web" --plain-http --set-file "podAnnotations.file=$plain/seven.yaml" -f "$plain/seven.yaml"
refused "failed to fetch $plain/none.yaml : 404" "$web" --plain-http -f "$plain/none.yaml"
refused 'chart reference and version mismatch: 1\.10\.0 is not 1\.0\.0' "$web:1.0.0" --plain-http --version 1.10.0
refused 'could not locate a version matching provided version string 7\.x' "$web" --plain-http --version 7.x
refused '.*charts/web.*7\.0\.0' "$web" --plain-http --version 7.0.0
refused '.*charts/none.*NAME_UNKNOWN' "oci://$host/charts/none" --plain-http
refused 'improper constraint: "abc def"|.*abc def' "$web" --plain-http --version 'abc def'
same "oci://127.0.0.1:$TLS_PORT/charts/web" --ca-file "$pki/ca.pem" --username oci --password s3cret
same "oci://127.0.0.1:$TLS_PORT/charts/web" --insecure-skip-tls-verify --username oci --password s3cret
same "oci://127.0.0.1:$MTLS_PORT/charts/web" --ca-file "$pki/ca.pem" --cert-file "$pki/client.pem" --key-file "$pki/client.key" \
    --username oci --password s3cret
# Other logins.
mkdir -p "$SERVERS/docker"
cp "$HELM_CONFIG_HOME/registry/config.json" "$SERVERS/docker/config.json"
cp "$SERVERS/docker/config.json" "$SERVERS/logins.json"
rm "$HELM_CONFIG_HOME/registry/config.json"
refused '.*login.*--username' "$web" --plain-http
same "$web" --plain-http --registry-config "$SERVERS/logins.json"
same "$web" --plain-http --username oci --password s3cret
refused '.*(may not read it|not accepted)' "$web" --plain-http --username oci --password wrong
DOCKER_CONFIG=$SERVERS/docker same "$web" --plain-http
mkdir -p "$HOME/.docker" && cp "$SERVERS/logins.json" "$HOME/.docker/config.json"
unset DOCKER_CONFIG
same "$web" --plain-http
export DOCKER_CONFIG=$SERVERS/none

# An address.
same "$plain/web-1.0.0.tgz"
same "$plain/web-1.0.0.tgz" --version 3
same name "$plain/web-1.10.0.tgz" --set replicaCount=2
refused '.*none\.tgz.*404' "$plain/none.tgz"
refused 'scheme "ftp" not supported' ftp://127.0.0.1/web.tgz
same "$tls/charts/web-1.0.0.tgz" --ca-file "$pki/ca.pem"
same "$tls/charts/web-1.0.0.tgz" --insecure-skip-tls-verify
same "$tls/private/web-1.0.0.tgz" --insecure-skip-tls-verify --username git --password s3cret
same "$mtls/charts/web-1.0.0.tgz" --ca-file "$pki/ca.pem" --cert-file "$pki/client.pem" --key-file "$pki/client.key"
refused '.*127\.0\.0\.1' "$tls/charts/web-1.0.0.tgz"
# The system's authorities: ours stands behind all of them, some words, and another of the same name. Go reads them once a process.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout "$pki/twin.key" -out "$pki/twin.pem" 2>/dev/null
{ cat /etc/ssl/certs/ca-certificates.crt "$pki/twin.pem" "$pki/server.key"; echo "# ours"; cat "$pki/ca.pem"; } >"$pki/system.pem"
h4=$peers/helm4 SSL_CERT_FILE=$pki/system.pem same "$tls/charts/web-1.0.0.tgz"
h4=$peers/helm4 SSL_CERT_FILE=$pki/system.pem same "oci://127.0.0.1:$TLS_PORT/charts/web" --username oci --password s3cret
SSL_CERT_FILE=$pki/twin.pem refused '.*127\.0\.0\.1.*(SSL|certificate)' "$tls/charts/web-1.0.0.tgz"
SSL_CERT_FILE=$pki/nowhere refused ".*the system's authorities cannot be read: $pki/nowhere" "$tls/charts/web-1.0.0.tgz"
SSL_CERT_FILE=$pki/system.pem refused '.*(SSL|certificate)' "$tls/charts/web-1.0.0.tgz" --ca-file "$pki/twin.pem" # which stands for all
refused '.*wants a login' "$tls/private/web-1.0.0.tgz" --ca-file "$pki/ca.pem"
refused '.*ca-file.*nowhere' "$tls/charts/web-1.0.0.tgz" --ca-file /nowhere

# --repo
same web --repo "$plain"
same web --repo "$plain/" --version '~1.0'
same web --repo "$plain" --version 1.2.1+b5
same web --repo "$plain" --devel
same web --repo "$tls/private" --ca-file "$pki/ca.pem" --username git --password s3cret
same web --repo "$tls/private" --insecure-skip-tls-verify --username git --password s3cret
same web --repo "$mtls/charts" --ca-file "$pki/ca.pem" --cert-file "$pki/client.pem" --key-file "$pki/client.key"
same web --repo "$tls/private/mixed" --ca-file "$pki/ca.pem" --username git --password s3cret --pass-credentials
refused '.*401' web --repo "$tls/private/mixed" --ca-file "$pki/ca.pem" --username git --password s3cret
refused "chart \"web\" version \"9\" not found in $plain repository" web --repo "$plain" --version 9
refused "chart \"none\" not found in $plain repository" none --repo "$plain"
refused "looks like \"$plain/nope\" is not a valid chart repository or cannot be reached: .*404" web --repo "$plain/nope"
refused 'looks like "http://127.0.0.1:1/x" is not a valid chart repository or cannot be reached: ' web --repo http://127.0.0.1:1/x
refused "looks like \"oci://$host/charts\" is not a valid chart repository" web --repo "oci://$host/charts"

# A repository by its name.
same open/web
same open/web --version 1.0.0
same open/web --devel
same closed/web
# an address that the index of a known repository lists is asked with that one's login and authority
mkdir -p "$SERVERS/www/private/whole" && cp "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/www/private/whole/"
"$h4" repo index "$SERVERS/www/private/whole" --url "$tls/private/whole"
"$h4" repo add whole "$tls/private/whole" --username git --password s3cret --ca-file "$pki/ca.pem" >/dev/null
same "$tls/private/whole/web-1.0.0.tgz"
refused '.*' "$tls/private/web-1.0.0.tgz"
"$h4" repo remove whole >/dev/null
refused 'chart "web" matching 9 not found in open index' open/web --version 9
refused 'chart "none" matching  not found in open index' open/none
refused 'repo nobody not found' nobody/web
refused 'non-absolute URLs should be in form of repo_name/path_to_chart, got: web' web
cp "$HELM_CONFIG_HOME/repositories.yaml" "$SERVERS/repos.yaml"
rm "$HELM_CONFIG_HOME/repositories.yaml"
refused 'repo open not found' open/web
same open/web --repository-config "$SERVERS/repos.yaml"
HELM_REPOSITORY_CONFIG=$SERVERS/repos.yaml same open/web
mkdir -p "$HOME/.config/helm" && cp "$SERVERS/repos.yaml" "$HOME/.config/helm/repositories.yaml"
equal "~/.config/helm/repositories.yaml" "$(cat "$SERVERS/want")" "$(env -u HELM_CONFIG_HOME "$h" template open/web)"

# The content cache is Helm's: each reads what the other kept. The archive is gone from the server meanwhile.
"$h" template web --repo "$plain" --version 1.0.0 --content-cache "$SERVERS/kept" >"$SERVERS/want"
mv "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/away.tgz"
equal "helmctl reads its cache" "$(cat "$SERVERS/want")" \
    "$("$h" template web --repo "$plain" --version 1.0.0 --content-cache "$SERVERS/kept")"
equal "Helm reads it too" "$(cat "$SERVERS/want")" "$("$h4" template open/web --repository-config "$SERVERS/repos.yaml" \
    --version 1.0.0 --content-cache "$SERVERS/kept")"
refused '.*404' web --repo "$plain" --version 1.0.0
mv "$SERVERS/away.tgz" "$SERVERS/www/charts/web-1.0.0.tgz"
equal "show chart" "$("$h4" show chart web --repo "$plain")" "$("$h" show chart web --repo "$plain")"

# Releases, in the sandbox.
"$h" sandbox --data "$SERVERS/sandbox" --kubeconfig "$KUBECONFIG" >"$SERVERS/sandbox.log" 2>&1 &
echo $! >"$SERVERS/sandbox.pid"
within 20 test -s "$KUBECONFIG" || { cat "$SERVERS/sandbox.log"; exit 1; }
"$h" install a "$web" --version 1.0.0 --registry-config "$SERVERS/logins.json" --plain-http >"$SERVERS/out" 2>&1 || cat "$SERVERS/out"
has "install oci://" 'web-1\.0\.0' "$("$h4" list)"
"$h" upgrade a web --repo "$plain" --version 1.10.0 >"$SERVERS/out" 2>&1 || cat "$SERVERS/out"
has "upgrade --repo" 'web-1\.10\.0' "$("$h4" list)"
"$h" upgrade --install b "$plain/web-1.0.0.tgz" >"$SERVERS/out" 2>&1 || cat "$SERVERS/out"
has "upgrade --install of an address" '^b\b.*web-1\.0\.0' "$("$h4" list)"
"$h" install c nobody/web >"$SERVERS/out" 2>&1
has "install: no such repository" 'repo nobody not found' "$(cat "$SERVERS/out")"

equal "nothing is left in the temporary folder" "" "$(find "$TMPDIR" -mindepth 1 -name 'helmctl-*')"
done_
