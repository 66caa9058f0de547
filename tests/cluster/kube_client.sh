#!/usr/bin/env bash
# deploy/kube against the real API server; then gitops_verbs.sh on the same one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap '"$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
HC_CLUSTER_ONLY=apiserver "$here/control-plane.sh" start "$dir"
. "$dir/env"
export HC_APISERVER KUBECONFIG="$dir/kubeconfig"
"$HC_BUILD/tests/cluster.kube_client"
"$here/gitops_verbs.sh" "$dir"
