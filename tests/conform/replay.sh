#!/usr/bin/env bash
# Records every public chart and replays it offline: same bytes each time. Says how many of the charts are impure.
#
#   tests/conform/replay.sh              two replays a chart
#   RUNS=100 tests/conform/replay.sh     by hand
#
# HELMCTL: the program (default build/release/bin/helmctl). HC_SHARED: folder that holds charts/ (default ../shared).
# Without charts: SKIP (77).
set -u
here=$(cd "$(dirname "$0")" && pwd)
HELMCTL="${HELMCTL:-$here/../../build/release/bin/helmctl}"
charts="${HC_SHARED:-$here/../../../shared}/charts"
RUNS="${RUNS:-2}"
set -- "$charts"/*.tgz
[ -f "$1" ] || { echo "SKIP: no charts in $charts"; exit 77; }
unset HELM_NAMESPACE TZ
export KUBECONFIG=/dev/null
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0 recorded=0 impure=0
for chart in "$@"; do
    "$HELMCTL" template rel "$chart" --record "$tmp/rec" >"$tmp/one" 2>/dev/null || continue # refuses without values
    recorded=$((recorded + 1))
    grep -q '"clock"\|"in":' "$tmp/rec" && impure=$((impure + 1)) && for i in $(seq "$RUNS"); do
        TZ=Asia/Kathmandu "$HELMCTL" template "$chart" --replay "$tmp/rec" >"$tmp/again" 2>"$tmp/err"
        cmp -s "$tmp/one" "$tmp/again" && continue
        echo "FAIL $(basename "$chart"), replay $i"
        diff "$tmp/one" "$tmp/again" | head -5
        cat "$tmp/err"
        failed=1
        break
    done
done
echo "$recorded charts recorded, $impure of them impure, $RUNS replays each: $([ $failed = 0 ] && echo all the same || echo some differ)"
[ $recorded -gt 0 ] || failed=1
exit $failed
