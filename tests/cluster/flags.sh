#!/usr/bin/env bash
# The flags of install, upgrade, rollback, uninstall and test as a table of cases (lib/flags.py): the real Helm 4 and helmctl run
# each in fresh namespaces, and what they print and leave behind must be equal. All of them by hand, some minutes:
#
#   tests/cluster/flags.sh [CASE...]       -l lists them
#
# release.sh runs a sample.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
[ "${1:-}" = -l ] && exec python3 "$here/lib/flags.py" . . . -l
HC_BUILD=${HC_BUILD:-$root/build/release}
"$root/tests/peers/build.sh" helm4 || exit $?
dir=$(mktemp -d)
trap '"$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
"$here/control-plane.sh" start "$dir" || exit $?
export KUBECONFIG=$dir/kubeconfig HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER HELM_MAX_HISTORY
python3 "$here/lib/flags.py" "$dir" "$(cd "$HC_BUILD" && pwd)/bin/helmctl" "$("$root/tests/peers/build.sh" --dir)/helm4" "$@"
