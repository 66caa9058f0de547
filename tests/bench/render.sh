#!/usr/bin/env bash
# helmctl template beside helm template: wall time, CPU time and peak RSS of a whole process, a chart a line, and the
# medians of the ratios; then what start-up alone costs.
#
#   tests/bench/render.sh [--start] [NAME...]     all charts with their defaults (or the first overlay that renders);
#                                                 --start: only the start-up figures; NAME: only charts that begin so
#
# HELMCTL, HC_SHARED as in tests/conform. RUNS: runs of helmctl a chart (default 11), HELM_RUNS of Helm (3).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
HELMCTL="${HELMCTL:-$root/build/release/bin/helmctl}"
HC_SHARED="${HC_SHARED:-$root/../shared}"
MEASURE="${MEASURE:-$root/build/release/tests/measure}"
RUNS="${RUNS:-11}" HELM_RUNS="${HELM_RUNS:-3}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH
export HELM_CACHE_HOME=$tmp/helm HELM_CONFIG_HOME=$tmp/helm HELM_DATA_HOME=$tmp/helm

one_file_chart() {
    mkdir -p "$tmp/one/templates"
    printf 'apiVersion: v2\nname: one\nversion: 1.0.0\n' >"$tmp/one/Chart.yaml"
    printf 'replicas: 2\n' >"$tmp/one/values.yaml"
    cat >"$tmp/one/templates/deployment.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
YAML
}
start_up() {
    one_file_chart
    failed=0
    for what in "version" "template web $tmp/one"; do
        # shellcheck disable=SC2086
        read -r wall cpu rss rc < <("$MEASURE" 201 "$HELMCTL" $what)
        awk -v what="helmctl ${what%% *}" -v wall="$wall" -v cpu="$cpu" -v rss="$rss" -v rc="$rc" 'BEGIN {
            ok = cpu <= 2000 && rss <= 8192 && rc == 0
            printf "%-18s %6.2f ms wall  %6.2f ms CPU (at most 2)  %5.1f MiB (at most 8)  %s\n", what, wall / 1000,
                   cpu / 1000, rss / 1024, ok ? "ok" : "MISSED"
            exit !ok }' || failed=1
    done
    return $failed
}

only=
[ "${1:-}" = --start ] && { start_up; exit; }
only="$*"
HELM=$("$root/tests/peers/build.sh" --dir)/helm4
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: no real Helm on this machine"; exit 77; }
[ -f "$HC_SHARED/charts/index.tsv" ] || { echo "SKIP: no charts in $HC_SHARED/charts"; exit 77; }

printf '%-30s %27s   %27s   %s\n' '' 'wall ms  helm helmctl ratio' 'CPU ms  helm helmctl ratio' 'RSS MiB  helm helmctl ratio'
while IFS=$'\t' read -r file chart _; do
    archive=$HC_SHARED/charts/$file
    [ -f "$archive" ] || continue
    match=
    for w in $only; do [ "${chart#"$w"}" != "$chart" ] && match=1; done
    [ -z "$only" ] || [ -n "$match" ] || continue
    for values in "" "$HC_SHARED/charts/values/$chart/production.yaml" "$HC_SHARED/charts/values/$chart/staging.yaml"; do
        args=(template rel "$archive")
        [ -z "$values" ] || args+=(-f "$values")
        read -r wall cpu rss rc < <("$MEASURE" "$HELM_RUNS" "$HELM" "${args[@]}")
        [ "$rc" = 0 ] && break
    done
    [ "$rc" = 0 ] || continue
    read -r wall2 cpu2 rss2 rc2 < <("$MEASURE" "$RUNS" "$HELMCTL" "${args[@]}")
    [ "$rc2" = 0 ] || { printf '%-30s helmctl does not render it\n' "$chart"; continue; }
    echo "$chart $wall $wall2 $cpu $cpu2 $rss $rss2" >>"$tmp/rows"
    echo "$chart $wall $wall2 $cpu $cpu2 $rss $rss2" | awk '{
        printf "%-30s %12.1f %7.1f %6.1f   %12.1f %7.1f %6.1f   %13.1f %7.1f %5.1f\n", $1, $2 / 1000, $3 / 1000, $2 / $3,
               $4 / 1000, $5 / 1000, $4 / $5, $6 / 1024, $7 / 1024, $6 / $7 }'
done <"$HC_SHARED/charts/index.tsv"

median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
least() { sort -n | head -1 | awk '{ printf "%.1f", $1 }'; }
echo
echo "$(wc -l <"$tmp/rows") charts; Helm's time as a multiple of helmctl's, median (least):" \
    "wall $(awk '{ print $2 / $3 }' "$tmp/rows" | median) ($(awk '{ print $2 / $3 }' "$tmp/rows" | least))," \
    "CPU $(awk '{ print $4 / $5 }' "$tmp/rows" | median) ($(awk '{ print $4 / $5 }' "$tmp/rows" | least))," \
    "RSS $(awk '{ print $6 / $7 }' "$tmp/rows" | median) ($(awk '{ print $6 / $7 }' "$tmp/rows" | least))"
start_up
