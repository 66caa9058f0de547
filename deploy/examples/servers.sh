# Real servers on loopback, for the quick start and the tests: nginx with git-http-backend and static files, sshd.
# To be sourced. Each keeps all it has below $SERVERS; servers_stop stops them.

free_port() {
    # A port nobody listens on now, below the range the kernel takes for outgoing connections (32768 on). Where many run
    # side by side, the folder $HC_PORTS knows who took which and does not listen yet.
    local p
    for _ in $(seq 50); do
        p=$((20000 + RANDOM % 12700))
        [ -z "${HC_PORTS:-}" ] || mkdir "$HC_PORTS/$p" 2>/dev/null || continue
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
    done
    return 1
}

wait_port() { # PORT
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.05
    done
    echo "nobody listens on port $1" >&2
    return 1
}

# Of a location of nginx: what hands $path over to git-http-backend.
git_backend() {
    cat <<CONF
            fastcgi_pass unix:$SERVERS/nginx/fcgi.sock;
            fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT $SERVERS/git;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param PATH_INFO \$path;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
CONF
}

# One server of nginx, its "listen" and what belongs to that given.
nginx_server() {
    cat <<CONF
    server {
        $1
        root $SERVERS/www;
        location ~ ^/(?<area>git|private|old)(?<path>/.*)\$ {
            set \$realm off;
            if (\$area = private) { set \$realm private; }
            set \$git_protocol \$http_git_protocol;
            if (\$area = old) { set \$git_protocol ""; }
            fastcgi_param HTTP_GIT_PROTOCOL \$git_protocol;
            auth_basic \$realm;
            auth_basic_user_file $SERVERS/nginx/htpasswd;
$(git_backend)
            fastcgi_param REMOTE_USER \$remote_user;
            fastcgi_param REMOTE_ADDR \$remote_addr;
            client_max_body_size 64m;
        }
        location /moved/ { rewrite ^/moved/(.*)\$ /git/\$1 permanent; }
        location /page/ { default_type text/html; return 200 '<html>not git</html>'; }
    }
CONF
}

# Git over HTTP (/git/REPO.git; /private/REPO.git with user git and password s3cret; /old/REPO.git, which speaks only
# version 0 of the protocol) and static files (/charts/) from
# $SERVERS/www; sets HTTP_PORT. With NGINX_TLS, a folder with server.pem, server.key and ca.pem: the same over TLS for
# clients with a certificate; sets TLS_PORT.
nginx_start() {
    command -v nginx >/dev/null && command -v fcgiwrap >/dev/null && [ -x /usr/lib/git-core/git-http-backend ] || return 77
    HTTP_PORT=$(free_port)
    [ -n "${NGINX_TLS:-}" ] && TLS_PORT=$(free_port)
    mkdir -p "$SERVERS/git" "$SERVERS/www/charts" "$SERVERS/nginx"
    printf 'git:%s\n' "$(openssl passwd -apr1 s3cret)" >"$SERVERS/nginx/htpasswd"
    # one process: its children would outlive a kill
    fcgiwrap -c 1 -s "unix:$SERVERS/nginx/fcgi.sock" >"$SERVERS/nginx/fcgi.log" 2>&1 &
    echo $! >"$SERVERS/fcgiwrap.pid"
    cat >"$SERVERS/nginx/nginx.conf" <<CONF
daemon off;
pid $SERVERS/nginx/pid;
error_log $SERVERS/nginx/error.log;
worker_processes 1;
$( [ "$(id -u)" = 0 ] && echo 'user root;' )
events { worker_connections 256; }
http {
    access_log $SERVERS/nginx/access.log;
    client_body_temp_path $SERVERS/nginx/body; proxy_temp_path $SERVERS/nginx/proxy; fastcgi_temp_path $SERVERS/nginx/fastcgi;
    uwsgi_temp_path $SERVERS/nginx/uwsgi; scgi_temp_path $SERVERS/nginx/scgi;
    types { text/yaml yaml; application/gzip tgz; }
$(nginx_server "listen 127.0.0.1:$HTTP_PORT;")
$( [ -n "${NGINX_TLS:-}" ] && nginx_server "listen 127.0.0.1:$TLS_PORT ssl; ssl_certificate $NGINX_TLS/server.pem;
        ssl_certificate_key $NGINX_TLS/server.key; ssl_client_certificate $NGINX_TLS/ca.pem; ssl_verify_client on;" )
}
CONF
    nginx -p "$SERVERS/nginx" -c "$SERVERS/nginx/nginx.conf" >"$SERVERS/nginx/out.log" 2>&1 &
    echo $! >"$SERVERS/nginx.pid"
    wait_port "$HTTP_PORT"
}

# sshd for the user who runs the test, with a key of its own; sets SSH_PORT, writes $SERVERS/ssh/{identity,known_hosts}.
sshd_start() {
    [ -x /usr/sbin/sshd ] || return 77
    SSH_PORT=$(free_port)
    mkdir -p "$SERVERS/ssh"
    chmod 700 "$SERVERS/ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$SERVERS/ssh/host" <<<y >/dev/null
    ssh-keygen -q -t ed25519 -N '' -f "$SERVERS/ssh/identity" <<<y >/dev/null
    ssh-keygen -q -t ed25519 -N 'pass phrase' -f "$SERVERS/ssh/locked" <<<y >/dev/null
    ssh-keygen -q -t ed25519 -N '' -f "$SERVERS/ssh/stranger" <<<y >/dev/null
    cat "$SERVERS/ssh/identity.pub" "$SERVERS/ssh/locked.pub" >"$SERVERS/ssh/authorized_keys"
    echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1-2 "$SERVERS/ssh/host.pub")" >"$SERVERS/ssh/known_hosts"
    [ "$(id -u)" = 0 ] && mkdir -p /run/sshd
    /usr/sbin/sshd -D -e -f /dev/null -h "$SERVERS/ssh/host" -p "$SSH_PORT" -o ListenAddress=127.0.0.1 \
        -o AuthorizedKeysFile="$SERVERS/ssh/authorized_keys" -o StrictModes=no -o UsePAM=no -o PidFile="$SERVERS/ssh/pid" \
        -o PasswordAuthentication=no -o PermitRootLogin=yes ${SSHD_OPTIONS:-} >"$SERVERS/ssh/log" 2>&1 &
    echo $! >"$SERVERS/sshd.pid"
    wait_port "$SSH_PORT"
}

# An OCI registry without TLS; sets REGISTRY_PORT. With `private` it wants user oci and password s3cret.
registry_start() { # [private]
    command -v docker-registry >/dev/null || return 77
    REGISTRY_PORT=$(free_port)
    mkdir -p "$SERVERS/registry"
    {
        printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n'
        printf 'storage: {filesystem: {rootdirectory: %s/registry/data}, delete: {enabled: true}}\n' "$SERVERS"
        printf 'http: {addr: "127.0.0.1:%s"}\n' "$REGISTRY_PORT"
        if [ "${1:-}" = private ]; then
            # bcrypt of s3cret, at the least cost
            printf '%s\n' 'oci:$2b$04$JReLah4.gc0IxroOTMKcKeO7DQYSKDKl3.9LECtJS4fseV0ZbwOBO' >"$SERVERS/registry/htpasswd"
            printf 'auth: {htpasswd: {realm: registry, path: %s/registry/htpasswd}}\n' "$SERVERS"
        fi
    } >"$SERVERS/registry/config.yml"
    OTEL_TRACES_EXPORTER=none docker-registry serve "$SERVERS/registry/config.yml" >"$SERVERS/registry/log" 2>&1 &
    echo $! >"$SERVERS/registry.pid"
    wait_port "$REGISTRY_PORT"
}

# A bare repository $SERVERS/git/NAME.git with a work tree $SERVERS/work/NAME on branch main.
git_repo() { # NAME
    git init -q --bare -b main "$SERVERS/git/$1.git"
    git -C "$SERVERS/git/$1.git" config http.receivepack true
    git -C "$SERVERS/git/$1.git" config uploadpack.allowReachableSHA1InWant "${2:-false}"
    mkdir -p "$SERVERS/work"
    git clone -q "$SERVERS/git/$1.git" "$SERVERS/work/$1" 2>/dev/null
    git -C "$SERVERS/work/$1" checkout -q -B main
    git -C "$SERVERS/work/$1" config user.name tester
    git -C "$SERVERS/work/$1" config user.email tester@example.com
}

git_commit() { # NAME MESSAGE
    git -C "$SERVERS/work/$1" add -A
    git -C "$SERVERS/work/$1" commit -q -m "$2"
    git -C "$SERVERS/work/$1" push -q origin HEAD 2>/dev/null
}

servers_stop() {
    local f
    for f in "$SERVERS"/*.pid; do
        [ -f "$f" ] && kill "$(cat "$f")" 2>/dev/null
    done
    wait 2>/dev/null
    return 0
}
