# A chart repository, a sandbox and a controller on loopback, for scripts that need nothing real. To be sourced behind check.sh:
# $h is helmctl, $work a folder that goes at the end with all that was started. The script writes the chart $work/app (app 1.0.0)
# and calls
#   local_start [FLAG...]        serves it, starts the sandbox (FLAG...); KUBECONFIG and $api are set
#   local_controller FILE [FLAG...]   starts the controller (FLAG...) and applies FILE behind a HelmRepository named charts
for p in python3 curl; do command -v $p >/dev/null || { echo "SKIP: $p is not on this machine"; exit 77; }; done
h=${HC_BUILD:?}/bin/helmctl
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER
work=$(mktemp -d)
pids=
finish() {
    [ "$failed" = 0 ] || tail -n 30 "$work/controller.log"
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
mkdir -p "$work/www" "$work/app/templates"
echo '{apiVersion: v2, name: app, version: 1.0.0}' >"$work/app/Chart.yaml"

local_start() {
    "$h" package "$work/app" -d "$work/www" >/dev/null || exit 1
    cat >"$work/www/index.yaml" <<'INDEX'
apiVersion: v1
entries:
  app:
  - {apiVersion: v2, name: app, version: 1.0.0, urls: [app-1.0.0.tgz]}
INDEX
    cat >"$work/serve.py" <<'SERVE'
import functools, http.server, os, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]))
with open(sys.argv[2] + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
SERVE
    python3 "$work/serve.py" "$work/www" "$work/port" 2>/dev/null &
    pids="$pids $!"
    "$h" sandbox --kubeconfig "$work/kubeconfig" "$@" >"$work/sandbox.log" 2>&1 &
    pids="$pids $!"
    within 10 test -s "$work/kubeconfig" && within 10 test -s "$work/port" || { echo "FAIL nothing starts"; exit 1; }
    export KUBECONFIG=$work/kubeconfig
    api=$(sed -n 's/^ *server: //p' "$KUBECONFIG")
}

local_controller() { # FILE FLAG...
    local file=$1
    shift
    {
        cat <<REPOSITORY
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {interval: 1h, url: "http://127.0.0.1:$(cat "$work/port")"}
---
REPOSITORY
        cat "$file"
    } >"$work/deployed.yaml"
    "$h" controller --storage-path "$work/store" "$@" >"$work/controller.log" 2>&1 &
    pids="$pids $!"
    "$h" deploy --crds-only -f "$work/deployed.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
}
