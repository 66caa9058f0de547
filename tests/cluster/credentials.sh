#!/usr/bin/env bash
# Every kind of source with every way to sign in, against real servers over TLS: nginx (client certificates, basic and bearer
# credentials, Git, charts, a bucket), docker-registry behind it, openssl s_server, and HTTP proxies. What works is seen in the
# servers' logs; what is refused says which Secret is at fault and what to do. lib/credentials.py has the table. The whole costs
# 2.5 CPU-seconds, the servers included (CPU=1 tells).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
for tool in python3 openssl nginx fcgiwrap git; do command -v $tool >/dev/null || [ -x /usr/sbin/$tool ] || { echo "SKIP: $tool is not on this machine"; exit 77; }; done
bin=${HC_BUILD:?}/bin/helmctl
. "$here/lib/stage.sh"
export PATH=$PATH:/usr/sbin HOME=$work
pki=$work/pki
mkdir -p "$pki" "$SERVERS/nginx" "$SERVERS/www/charts" "$SERVERS/www/shelf" "$SERVERS/git"

# ---- two authorities: ours, and one that nobody trusts
ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
for authority in ca other; do
    openssl req -x509 $ec -days 2 -subj /CN=$authority -keyout "$pki/$authority.key" -out "$pki/$authority.pem" 2>/dev/null
done
cert() { # NAME AUTHORITY
    openssl req $ec -subj "/CN=$1" -keyout "$pki/$1.key" -out "$pki/$1.csr" 2>/dev/null
    openssl x509 -req -in "$pki/$1.csr" -CA "$pki/$2.pem" -CAkey "$pki/$2.key" -CAcreateserial -days 2 -out "$pki/$1.pem" \
        -extfile <(echo subjectAltName=IP:127.0.0.1,DNS:charts.test) 2>/dev/null
}
cert server ca
cert team-client ca
cert stranger other

# ---- what the servers have
registry_start private || { echo "SKIP: docker-registry is not on this machine"; exit 77; }
mkdir -p "$work/web/templates"
printf 'apiVersion: v2\nname: web\nversion: 1.0.0\n' >"$work/web/Chart.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n' >"$work/web/templates/a.yaml"
"$bin" package "$work/web" -d "$SERVERS/www/charts" >/dev/null
printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$REGISTRY_PORT" "$(printf oci:s3cret | base64 -w0)" >"$work/login.json"
"$bin" push "$SERVERS/www/charts/web-1.0.0.tgz" "oci://127.0.0.1:$REGISTRY_PORT/charts" --plain-http --registry-config "$work/login.json" >"$work/push.log" 2>&1 ||
    { cat "$work/push.log"; bad push; exit 1; }
git init -q -b main "$work/fleet"
echo a >"$work/fleet/a.yaml"
git -C "$work/fleet" add -A
git -C "$work/fleet" -c user.name=tester -c user.email=t@example.com commit -qm one
git clone -q --bare "$work/fleet" "$SERVERS/git/fleet.git"

# ---- nginx: one server that wants certificates, two that do not, one without TLS
MUTUAL=$(free_port) TLS=$(free_port) OTHER=$(free_port) PLAIN=$(free_port) ALERT=$(free_port)
index() { # FOLDER URL
    mkdir -p "$SERVERS/www/$1"
    printf 'apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.0.0, urls: ["%s"]}\n' "$2" >"$SERVERS/www/$1/index.yaml"
}
for f in charts basic bearer; do index $f "https://127.0.0.1:$TLS/charts/web-1.0.0.tgz"; done
index mutual web-1.0.0.tgz
cp "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/www/mutual/"
index away "https://127.0.0.1:$MUTUAL/led/web-1.0.0.tgz"
index far "https://127.0.0.1:$OTHER/basic/web-1.0.0.tgz"
cp "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/www/basic/"
printf '<?xml version="1.0"?><ListBucketResult><Name>shelf</Name><IsTruncated>false</IsTruncated><Contents><Key>a.yaml</Key><ETag>"60b725f10c9c85c70d97880dfe8191b3"</ETag><Size>2</Size></Contents></ListBucketResult>' >"$SERVERS/www/list.xml"
echo a >"$SERVERS/www/shelf/a.yaml"
: >"$SERVERS/www/shelf/.sourceignore" # a server that is no more than nginx would have no S3 word for "there is none"
printf 'team:%s\n' "$(openssl passwd -apr1 planted-password)" >"$SERVERS/nginx/htpasswd"
fcgiwrap -c 1 -s "unix:$SERVERS/nginx/fcgi.sock" >"$SERVERS/nginx/fcgi.log" 2>&1 &
echo $! >"$SERVERS/fcgiwrap.pid"
git_location() { # PREFIX [MORE]
    cat <<CONF
        location ~ ^/$1(?<path>/.*)\$ {
            ${2:-}
            fastcgi_param HTTP_GIT_PROTOCOL \$http_git_protocol;
$(git_backend)
        }
CONF
}
server() { # LISTEN
    cat <<CONF
    server {
        $1
        root $SERVERS/www;
        location /basic/ { auth_basic team; auth_basic_user_file $SERVERS/nginx/htpasswd; }
        location /bearer/ { if (\$http_authorization != "Bearer planted-token") { return 401; } }
        location /led/ { rewrite ^/led/(.*)\$ https://127.0.0.1:$OTHER/charts/\$1 redirect; }
        location ~ ^/shelf/?\$ { default_type application/xml; rewrite ^ /list.xml; }
        location /v2/ { proxy_pass http://127.0.0.1:$REGISTRY_PORT; proxy_set_header Host \$http_host; }
$(git_location git)
$(git_location login 'auth_basic team; auth_basic_user_file '"$SERVERS/nginx/htpasswd;")
$(git_location token 'if ($http_authorization != "Bearer planted-token") { return 401; }')
    }
CONF
}
tls="ssl; ssl_certificate $pki/server.pem; ssl_certificate_key $pki/server.key;"
cat >"$SERVERS/nginx/nginx.conf" <<CONF
daemon off;
pid $SERVERS/nginx/pid;
error_log $SERVERS/nginx/error.log;
worker_processes 1;
$([ "$(id -u)" = 0 ] && echo 'user root;')
events { worker_connections 256; }
http {
    log_format who '\$server_port \$request_method \$uri \$status auth=\$http_authorization cert=\$ssl_client_s_dn';
    access_log $SERVERS/nginx/access.log who;
    client_body_temp_path $SERVERS/nginx/body; proxy_temp_path $SERVERS/nginx/proxy; fastcgi_temp_path $SERVERS/nginx/fastcgi;
    uwsgi_temp_path $SERVERS/nginx/uwsgi; scgi_temp_path $SERVERS/nginx/scgi;
$(server "listen 127.0.0.1:$MUTUAL $tls ssl_client_certificate $pki/ca.pem; ssl_verify_client on;")
$(server "listen 127.0.0.1:$TLS $tls")
$(server "listen 127.0.0.1:$OTHER $tls ssl_client_certificate $pki/ca.pem; ssl_verify_client optional;")
$(server "listen 127.0.0.1:$PLAIN;")
}
CONF
nginx -p "$SERVERS/nginx" -c "$SERVERS/nginx/nginx.conf" >"$SERVERS/nginx/out.log" 2>&1 &
echo $! >"$SERVERS/nginx.pid"
openssl s_server -accept "127.0.0.1:$ALERT" -cert "$pki/server.pem" -key "$pki/server.key" -CAfile "$pki/ca.pem" -Verify 1 -verify_return_error -WWW \
    >"$SERVERS/alert.log" 2>&1 &
echo $! >"$SERVERS/alert.pid"
wait_port "$PLAIN" && wait_port "$ALERT" || exit 1

MUTUAL=$MUTUAL TLS=$TLS OTHER=$OTHER PLAIN=$PLAIN ALERT=$ALERT REGISTRY=$REGISTRY_PORT STORAGE=$(free_port) \
    python3 "$here/lib/credentials.py" "$work" "$bin"
code=$?
[ "$code" = 0 ] || failed=1
if [ "${CPU:-}" ]; then
    ticks=0
    for p in "$SERVERS"/*.pid; do
        for q in $(cat "$p") $(pgrep -P "$(cat "$p")"); do
            # shellcheck disable=SC2046
            set -- $(sed 's/.*) //' "/proc/$q/stat")
            ticks=$((ticks + ${12} + ${13} + ${14} + ${15}))
        done
    done
    echo "CPU of the servers: $((ticks * 10)) ms; of the rest:"
    times
fi
exit $code
