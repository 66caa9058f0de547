#!/usr/bin/env bash
# helmctl template beside helm template: wall time, CPU time and peak RSS of a whole process, a line per render, then the
# medians and the worst of the ratios, what start-up alone costs, and what a second render in one process costs.
#
#   tests/bench/render.sh [--start|--warm] [NAME...]   every chart with its defaults and with every overlay that Helm renders;
#                                                      --start, --warm: only those figures; NAME: only charts that begin so
#
# HELMCTL, HC_SHARED as in tests/conform. ROUNDS (3): in each of them Helm runs once and helmctl RUNS (5) times, turn by
# turn, so that both meet the same machine; figures are medians. A render whose output holds keys or password hashes made
# on the spot is marked with a *: there both programs mostly do the same arithmetic, so medians are told without them too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
HELMCTL="${HELMCTL:-$root/build/release/bin/helmctl}"
HC_SHARED="${HC_SHARED:-$root/../shared}"
MEASURE="${MEASURE:-$root/build/release/tests/measure}"
WARM="${WARM:-$root/build/release/tests/warm}"
ROUNDS="${ROUNDS:-3}" RUNS="${RUNS:-5}"
charts=$HC_SHARED/charts
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH
export KUBECONFIG=/dev/null
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
        read -r wall cpu rss rc < <("$MEASURE" 201 1 "$HELMCTL" $what)
        awk -v what="helmctl ${what%% *}" -v wall="$wall" -v cpu="$cpu" -v rss="$rss" -v rc="$rc" 'BEGIN {
            ok = cpu <= 2000 && rss <= 8192 && rc == 0
            printf "%-18s %6.2f ms wall  %6.2f ms CPU (at most 2)  %5.1f MiB (at most 8)  %s\n", what, wall / 1000,
                   cpu / 1000, rss / 1024, ok ? "ok" : "MISSED"
            exit !ok }' || failed=1
    done
    return $failed
}
wanted() { # NAME
    [ ${#only[@]} = 0 ] && return 0
    for w in "${only[@]}"; do [ "${1#"$w"}" != "$1" ] && return 0; done
    return 1
}
cases() { # NAME<tab>ARCHIVE<tab>OVERLAY
    while IFS=$'\t' read -r file chart _; do
        [ -f "$charts/$file" ] && wanted "$chart" || continue
        printf '%s\t%s\t\n' "$chart" "$charts/$file"
        for overlay in "$charts/values/$chart"/*.yaml; do
            [ ! -f "$overlay" ] ||
                printf '%s/%s\t%s\t%s\n' "$chart" "$(basename "$overlay" .yaml)" "$charts/$file" "$overlay"
        done
    done <"$charts/index.tsv"
}
# The render makes keys or password hashes: it differs from run to run, and holds PEM or bcrypt, as it is or in base64, where a
# hash behind a name begins at any of three places of a group.
is_dear() {
    "$HELMCTL" template "$@" >"$tmp/a" 2>/dev/null && "$HELMCTL" template "$@" >"$tmp/b" 2>/dev/null || return 1
    ! cmp -s "$tmp/a" "$tmp/b" && grep -qE 'LS0tLS1CRUdJTi|-----BEGIN |JDJhJ|QyYSQx|kMmEkM|\$2a\$' "$tmp/a"
}
summary() { # NAME FILE-OF-ROWS
    awk -v name="$1" '
        function median(v, n,   i, j, t) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
            return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        }
        { w[NR] = $2 / $3; c[NR] = $4 / $5; r[NR] = $6 / $7
          if (!lw || w[NR] < lw) { lw = w[NR]; nw = $1 }
          if (!lc || c[NR] < lc) { lc = c[NR]; nc = $1 }
          if (!lr || r[NR] < lr) { lr = r[NR]; nr = $1 } }
        END { if (NR) printf "%s, %d renders: Helm as a multiple of helmctl, median (worst): wall %.1f (%.1f %s), CPU %.1f (%.1f %s), RSS %.1f (%.1f %s)\n",
              name, NR, median(w, NR), lw, nw, median(c, NR), lc, nc, median(r, NR), lr, nr }' "$2"
}
# Fails when a second render parses something, or costs more than half of the first. A chart that makes keys or hashes (*)
# makes them in both; it is shown and counted, and may cost more.
warm() {
    failed=0
    : >"$tmp/warm"
    while IFS=$'\t' read -r name archive overlay; do
        [ -z "$overlay" ] || continue
        "$WARM" "$archive" >"$tmp/w" 2>"$tmp/e" || { [ $? = 2 ] || { cat "$tmp/e"; failed=1; }; continue; }
        ! is_dear rel "$archive" || name=$name'*'
        sed "s|^|$name |" "$tmp/w" >>"$tmp/warm"
    done < <(cases)
    awk '{ printf "%s %.3f %d %d %d\n", $1, $3 / $2, $4, $2, $3 }' "$tmp/warm" | sort -k2,2n | awk '
        { v[NR] = $2; parsed += $3; name[NR] = $1; over = $2 > 0.5 && $1 !~ /[*]$/ ? over + 1 : over
          if ($2 > 0.5) told = told sprintf("  %-32s %.2f  %.1f ms after %.1f ms%s\n", $1, $2, $5 / 1000, $4 / 1000, $1 ~ /[*]$/ ? "" : "  MISSED") }
        END { if (NR) printf "second render in one process, %d charts: parsed and compiled %d; CPU as a part of the first, loading in: median %.2f, worst %.2f (%s)\n%s",
                NR, parsed, v[int((NR + 1) / 2)], v[NR], name[NR], told
              exit !(NR && parsed == 0 && !over) }' || failed=1
    return $failed
}

mode=
case ${1:-} in --start | --warm) mode=$1; shift ;; esac
only=("$@")
[ "$mode" = --start ] && { start_up; exit; }
[ -f "$charts/index.tsv" ] || { echo "SKIP: no charts in $charts"; exit 77; }
[ "$mode" = --warm ] && { warm; exit; }
HELM=$("$root/tests/peers/build.sh" --dir)/helm4
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: no real Helm on this machine"; exit 77; }

printf '%-42s %27s   %27s   %s\n' '' 'wall ms  helm helmctl ratio' 'CPU ms  helm helmctl ratio' 'RSS MiB  helm helmctl ratio'
refused=0
: >"$tmp/all"
: >"$tmp/plain"
while IFS=$'\t' read -r name archive overlay; do
    args=(rel "$archive")
    [ -z "$overlay" ] || args+=(-f "$overlay")
    "$HELM" template "${args[@]}" >/dev/null 2>&1 || { refused=$((refused + 1)); continue; }
    { read -r wall cpu rss _ && read -r wall2 cpu2 rss2 rc2; } < <(
        "$MEASURE" "$ROUNDS" 1 "$HELM" template "${args[@]}" -- "$RUNS" "$HELMCTL" template "${args[@]}")
    [ "$rc2" = 0 ] || { printf '%-42s helmctl does not render it\n' "$name"; continue; }
    star=
    is_dear "${args[@]}" && star='*'
    row="$name$star $wall $wall2 $cpu $cpu2 $rss $rss2"
    echo "$row" >>"$tmp/all"
    [ -n "$star" ] || echo "$row" >>"$tmp/plain"
    echo "$row" | awk '{
        printf "%-42s %12.1f %7.1f %6.1f   %12.1f %7.1f %6.1f   %13.1f %7.1f %5.1f\n", $1, $2 / 1000, $3 / 1000, $2 / $3,
               $4 / 1000, $5 / 1000, $4 / $5, $6 / 1024, $7 / 1024, $6 / $7 }'
done < <(cases)
echo
summary "all" "$tmp/all"
summary "without those that make keys or password hashes (*)" "$tmp/plain"
echo "$refused renders that Helm refuses are left out"
missed=0
warm || missed=1
start_up || missed=1
exit $missed
