#!/usr/bin/env bash
# deploy/kube against the real API server.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap '"$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
"$here/control-plane.sh" start "$dir"
. "$dir/env"
export HC_APISERVER KUBECONFIG="$dir/kubeconfig"
"$HC_BUILD/tests/cluster.kube_client"
