#!/usr/bin/env bash
# A real Kubernetes control plane on loopback, without kubelets: etcd, kube-apiserver, kube-controller-manager,
# kube-scheduler, and kwok with the stages of this folder in the place of nodes.
#
#   tests/cluster/control-plane.sh start DIR   starts it, waits until a pod could run, writes DIR/kubeconfig
#   tests/cluster/control-plane.sh stop DIR    kills it; DIR stays for a look at the logs
#
# DIR/kubeconfig has the contexts `token` (a bearer token, system:masters; the current one), `admin` (the same rights by
# client certificate, which the server verifies anew with each request) and `nobody` (a token without any right). DIR/env holds HC_APISERVER (the address).
# What a pod does is chosen by its annotation sandbox.helmctl.dev/behavior (stages/pods.yaml).
# HC_CLUSTER_AUDIT=1 has every request written to DIR/audit.log. HC_CLUSTER_ONLY=apiserver starts etcd and kube-apiserver alone. Exit 77: Go is not on the machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../peers
usage() { sed -n '2,13p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
verb=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

stop() {
    local f pid
    for f in "$dir"/*.pid; do
        [ -e "$f" ] || continue
        pid=$(cat "$f")
        # A number may belong to somebody else by now: only what was started with this folder is killed.
        if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$dir/"; then
            # SIGKILL: a kube-apiserver whose etcd is gone hangs for minutes on SIGTERM.
            kill -9 "$pid" 2>/dev/null || true
        fi
        rm -f "$f"
    done
}

case $verb in
start) ;;
stop) stop; exit 0 ;;
*) usage ;;
esac

export GOGC="${GOGC:-400}" # a third less to start; memory is not what a test runs out of
programs="etcd kube-apiserver"
[ "${HC_CLUSTER_ONLY:-}" = apiserver ] || programs="$programs kube-controller-manager kube-scheduler kwok"
# shellcheck disable=SC2086
"$peers/build.sh" $programs || exit $?
bin=$("$peers/build.sh" --dir)

stop
rm -rf "$dir/etcd" "$dir/pki" "$dir"/*.log
mkdir -p "$dir/pki"
trap 'stop' EXIT

taken=" "
port() { # sets $free: a port of loopback nobody listens on
    while :; do
        free=$((20000 + RANDOM % 12000))
        case $taken in *" $free "*) continue ;; esac
        [ -z "${HC_PORTS:-}" ] || mkdir "$HC_PORTS/$free" 2>/dev/null || continue # taken by a neighbour that starts, too
        (exec 3<>"/dev/tcp/127.0.0.1/$free") 2>/dev/null && continue
        taken="$taken$free "
        return
    done
}
port; p_etcd=$free
port; p_peer=$free
port; p_api=$free
url=https://127.0.0.1:$p_api

run() { # NAME ARGS...: in the background, for good
    local name=$1
    shift
    setsid "$bin/$name" "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
    echo $! >"$dir/$name.pid"
}
died() {
    echo "control plane: $1" >&2
    tail -n 5 "$dir"/*.log >&2
    exit 1
}
alive() { # NAME: false once it ended
    kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null
}

# Certificates: elliptic keys, made in milliseconds. One authority for servers and clients.
cd "$dir/pki"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>/dev/null; }
sign() { # NAME SUBJECT EXTENSION
    key "$1.key"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
        -extfile <(printf '%s\n' "$3") 2>/dev/null
}
key ca.key
openssl req -x509 -new -key ca.key -subj /CN=helmctl-test-ca -days 30 -out ca.crt 2>/dev/null
sign server /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
sign admin /O=system:masters/CN=admin "extendedKeyUsage=clientAuth"
key sa.key
token=$(openssl rand -hex 16)
nobody=$(openssl rand -hex 16)
printf '%s\n' "$token,admin-token,admin-token,\"system:masters\"" "$nobody,nobody,nobody" >tokens.csv
cd "$dir"

run etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls "http://127.0.0.1:$p_etcd" --advertise-client-urls "http://127.0.0.1:$p_etcd" \
    --listen-peer-urls "http://127.0.0.1:$p_peer" --initial-advertise-peer-urls "http://127.0.0.1:$p_peer" \
    --initial-cluster "default=http://127.0.0.1:$p_peer"
audit=
if [ -n "${HC_CLUSTER_AUDIT:-}" ]; then
    printf '{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived","ResponseStarted"],"rules":[{"level":"Metadata"}]}' >"$dir/audit.json"
    audit="--audit-policy-file $dir/audit.json --audit-log-path $dir/audit.log"
fi
# shellcheck disable=SC2086
run kube-apiserver $audit --etcd-servers "http://127.0.0.1:$p_etcd" --secure-port "$p_api" --bind-address 127.0.0.1 \
    --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/16 --cert-dir "$dir/pki" \
    --tls-cert-file "$dir/pki/server.crt" --tls-private-key-file "$dir/pki/server.key" \
    --client-ca-file "$dir/pki/ca.crt" --token-auth-file "$dir/pki/tokens.csv" \
    --service-account-key-file "$dir/pki/sa.key" --service-account-signing-key-file "$dir/pki/sa.key" \
    --service-account-issuer https://kubernetes.default.svc --authorization-mode RBAC --allow-privileged \
    --anonymous-auth=true --profiling=false

pem() { openssl base64 -A -in "$dir/pki/$1"; }
cat >"$dir/kubeconfig.new" <<EOF
apiVersion: v1
kind: Config
current-context: token
clusters:
- name: test
  cluster:
    server: $url
    certificate-authority-data: $(pem ca.crt)
contexts:
- name: admin
  context: {cluster: test, user: admin}
- name: token
  context: {cluster: test, user: token}
- name: nobody
  context: {cluster: test, user: nobody}
users:
- name: admin
  user:
    client-certificate-data: $(pem admin.crt)
    client-key-data: $(pem admin.key)
- name: token
  user: {token: $token}
- name: nobody
  user: {token: $nobody}
EOF
chmod 600 "$dir/kubeconfig.new"
mv "$dir/kubeconfig.new" "$dir/kubeconfig"
echo "HC_APISERVER=$url" >"$dir/env"

api() { # METHOD PATH [BODY [CONTENT-TYPE]]
    curl -sS --noproxy '*' --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" \
        -o "$dir/answer" -w '%{http_code}' -X "$1" ${3:+-d "$3" -H "Content-Type: ${4:-application/json}"} "$url$2"
}
tries=0
until [ "$(api GET /readyz 2>/dev/null)" = 200 ]; do
    tries=$((tries + 1))
    { [ $tries -le 600 ] && alive kube-apiserver && alive etcd; } || died "kube-apiserver does not become ready"
    sleep 0.1
done

if [ "${HC_CLUSTER_ONLY:-}" != apiserver ]; then
    # With their default of 20 requests a second the cluster's own controllers would be all a benchmark measures.
    run kube-controller-manager --kubeconfig "$dir/kubeconfig" --leader-elect=false --kube-api-qps=2000 --kube-api-burst=4000 --secure-port 0 \
        --service-account-private-key-file "$dir/pki/sa.key" --root-ca-file "$dir/pki/ca.crt" \
        --controllers '*,-node-lifecycle-controller,-node-ipam-controller' --concurrent-deployment-syncs 20 --concurrent-replicaset-syncs 20
    run kube-scheduler --kubeconfig "$dir/kubeconfig" --leader-elect=false --kube-api-qps=2000 --kube-api-burst=4000 --secure-port 0
    port
    run kwok --kubeconfig "$dir/kubeconfig" --config "$here/stages/nodes.yaml" --config "$here/stages/pods.yaml" \
        --manage-all-nodes --server-address "127.0.0.1:$free" --node-ip 127.0.0.1 --node-lease-duration-seconds 0
    capacity='{"cpu":"4k","memory":"4Ti","pods":"20k","ephemeral-storage":"4Ti"}'
    node='{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-0","labels":{"kubernetes.io/os":"linux",
        "kubernetes.io/arch":"amd64","kubernetes.io/hostname":"node-0"}},
        "status":{"capacity":'$capacity',"allocatable":'$capacity'}}'
    [ "$(api POST /api/v1/nodes "$node")" = 201 ] || died "cannot create the node: $(cat "$dir/answer")"
    # Admission gives a new node a taint that only the node lifecycle controller, which is off, would take away.
    [ "$(api PATCH /api/v1/nodes/node-0 '{"spec":{"taints":null}}' application/merge-patch+json)" = 200 ] ||
        died "cannot untaint the node: $(cat "$dir/answer")"
    tries=0
    until [ "$(api GET /api/v1/namespaces/default/serviceaccounts/default)" = 200 ] &&
        [ "$(api GET /api/v1/nodes/node-0)" = 200 ] && grep -q '"reason": *"Simulated"' "$dir/answer"; do
        tries=$((tries + 1))
        { [ $tries -le 600 ] && alive kwok && alive kube-controller-manager; } ||
            died "the node does not become ready"
        sleep 0.1
    done
fi
rm -f "$dir/answer"
trap - EXIT
