#!/usr/bin/env bash
# Builds the real programs the tests compare against (Helm, a Kubernetes control plane, kwok, Flux)
# from the Go module proxy. Each is a small tool module of its own: one module for all does not resolve.
#
# What they share is asked for in the same version by all of them (the `// indirect` lines of their go.mod), although most
# would be content with less: Go then compiles a package of the Kubernetes libraries once and not once a module: 3,500
# packages instead of 5,800. To raise a version: raise it in one go.mod, run align.py, which raises the others until all
# agree, build every program, run the tests that use them. What Helm 4 renders with (sprig, the YAML libraries,
# jsonschema, toml, semver, go-crypto) stays what its own release names; helm.sh/helm/v4 in flux what helm-controller's names.
#
#   tests/peers/build.sh helm4 kube-apiserver ...   builds what is named and missing
#   tests/peers/build.sh --dir                      prints where the programs are put
#
# They outlive the clone (tests/tool/cache.sh peers) and are built again when what they are made of changes.
# HC_PEERS_DIR overrides the folder; programs that are there already are then used as they are. Exit 77 when Go is needed
# and not on the machine, so that a caller can say SKIP.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${HC_PEERS_DIR:-$("$root/tests/tool/cache.sh" peers)}
[ "${1:-}" = --dir ] && { echo "$out"; exit 0; }
mkdir -p "$out"

kube=v1.37.2
# Helm 3 takes the version of its Kubernetes client at link time, as its own Makefile does; without it: v1.20.
helm3_ld="-s -w"
for v in pkg/lint/rules pkg/chartutil; do
    helm3_ld="$helm3_ld -X helm.sh/helm/v3/$v.k8sVersionMajor=1 -X helm.sh/helm/v3/$v.k8sVersionMinor=37"
done
kube_ld="-s -w -X k8s.io/component-base/version.gitVersion=$kube -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"

# No debug information: it would be stripped at link time. One set of flags for all, or what they share would be compiled
# again.
gcflags=all=-dwarf=false
export GOGC="${GOGC:-400}" # the compiler collects less often

build() { # NAME MODULE-FOLDER PACKAGE LDFLAGS
    [ -x "$out/$1" ] && [ -n "${HC_PEERS_DIR:-}" ] && return 0
    command -v go >/dev/null 2>&1 || { echo "SKIP: $1 needs Go, which is not on this machine" >&2; exit 77; }
    local key
    key=$({ cat "$here/$2/go.mod" "$here/$2/go.sum" "$here/$2"/*/*.go 2>/dev/null; go version; echo "$3 $4 $gcflags"; } | sha256sum)
    made() { [ -x "$out/$1" ] && [ "$(cat "$out/$1.key" 2>/dev/null)" = "$key" ]; }
    made "$1" && return 0
    exec 9>"$out/.lock" # one builder at a time; who only looks does not wait for it
    flock 9
    made "$1" && return 0
    echo "building $1" >&2
    (cd "$here/$2" && GOFLAGS=-buildvcs=false CGO_ENABLED=0 go build -trimpath -gcflags "$gcflags" -ldflags "$4" -o "$out/$1.new" "$3")
    mv "$out/$1.new" "$out/$1"
    echo "$key" >"$out/$1.key"
}

# An S3 server out of npm packages, which are checked against the digests of package-lock.json. Without npm or a registry
# that answers: SKIP.
install_s3rver() {
    command -v npm >/dev/null 2>&1 || { echo "SKIP: s3rver needs npm, which is not on this machine" >&2; exit 77; }
    local key
    key=$(cat "$here/s3rver/package-lock.json" | sha256sum)
    [ "$(cat "$out/s3rver.key" 2>/dev/null)" = "$key" ] && return 0
    exec 9>"$out/.lock"
    flock 9
    rm -rf "$out/s3rver.d"
    mkdir "$out/s3rver.d"
    cp "$here/s3rver"/package*.json "$out/s3rver.d/"
    (cd "$out/s3rver.d" && npm ci --ignore-scripts --no-audit --no-fund >"$out/s3rver.log" 2>&1) ||
        { echo "SKIP: the packages of s3rver cannot be had" >&2; exit 77; }
    ln -sf s3rver.d/node_modules/.bin/s3rver "$out/s3rver"
    echo "$key" >"$out/s3rver.key"
}

for name in "$@"; do
    case $name in
    s3rver) install_s3rver ;;
    helm4) build helm4 helm4 helm.sh/helm/v4/cmd/helm "-s -w" ;;
    helm4-many) build helm4-many helm4 ./many "-s -w" ;; # the same, many runs in one process
    helm3) build helm3 helm3 helm.sh/helm/v3/cmd/helm "$helm3_ld" ;;
    kube-apiserver | kube-controller-manager | kube-scheduler | kubectl)
        build "$name" kubernetes "k8s.io/kubernetes/cmd/$name" "$kube_ld" ;;
    etcd) build etcd etcd go.etcd.io/etcd/server/v3 "-s -w" ;;
    kwok) build kwok kwok sigs.k8s.io/kwok/cmd/kwok "-s -w" ;;
    helm-controller) build helm-controller flux github.com/fluxcd/helm-controller "-s -w" ;;
    *) echo "unknown peer '$name'" >&2; exit 2 ;;
    esac
done
