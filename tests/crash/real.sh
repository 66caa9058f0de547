#!/usr/bin/env bash
# SIGKILL behind every single API write, on the real API server with the cluster's own controllers; by hand.
#
#   tests/crash/real.sh [command|controller] [unanswered|answered] [TALE...]
#
# A story has a namespace, a chart with hooks (Jobs, a ConfigMap, a test Pod), a definition in crds/, an object of it and a
# Deployment that is waited for, and a front (front.py) between client and server. It is told once in peace. Then, for each n and
# in both modes, once more: in each of its acts the client is killed behind its nth write, before the answer (unanswered) or at the
# next thing it asks for (answered), and started again: the command line by the same command, the controller as a kubelet would.
# Each act must end as it did in peace: all objects with their managed fields, all records (the whole of them, revisions without
# gaps), the exit code, the HelmRelease's status; and everything that was made, hooks above all, was made as often.
#
#   command      good: install, test, upgrade, rollback, uninstall; failing: an upgrade whose rollout runs out of time and one
#                whose hook fails, both rolled back; failing-install: one whose hook fails, uninstalled again
#   controller   releases: the same by a HelmRelease, then a mended upgrade and the uninstall; failing-releases; forced,
#                forced-install: an upgrade and an install that reconcile.fluxcd.io/forceAt asks for, and such that fail
#
#   HC_CRASH_AT="3 7"     behind these writes only, 0: nobody is killed
#   HC_CRASH_EVERY=3      behind every third; else every eighth first, then those between: on Ctrl-C or SIGTERM it ends with the
#                         stories that are under way, and says what it has
#   HC_CRASH_PATIENCE=90  seconds after which an act is stuck
#   JOBS=3                stories side by side
#   KEEP=1                leaves the folder
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
h=${HC_BUILD:-$root/build/release}/bin/helmctl
command -v python3 >/dev/null || { echo "SKIP: python3 is not on this machine"; exit 77; }
[ -x "$h" ] || { echo "no $h: build first"; exit 1; }
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER
dir=$(mktemp -d "${TMPDIR:-/tmp}/crash-real.XXXXXX")
leave() {
    "$root/tests/cluster/control-plane.sh" stop "$dir/plane" >/dev/null 2>&1
    [ -n "${KEEP:-}" ] && echo "kept: $dir" || rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT TERM
"$root/tests/cluster/control-plane.sh" start "$dir/plane" || exit $?
mkdir "$dir/stories"
KUBECONFIG=$dir/plane/kubeconfig "$h" deploy --crds-only >"$dir/deploy.log" 2>&1 || { tail -n 3 "$dir/deploy.log"; exit 1; }
python3 "$root/tests/crash/real.py" "$dir/plane" "$h" "$dir/stories" "$@"
