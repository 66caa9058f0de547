#!/usr/bin/env bash
# Proves `why` and `values --unread` by mutation over the public charts: runs the program origins for each chart with its
# defaults and each overlay, and adds up. See its head for what is proved.
#
#   tests/conform/origins.sh                 the fixed selection (what CI runs)
#   tests/conform/origins.sh --all           all charts and overlays; FIELDS and LINES for each (default 150, 40)
#   tests/conform/origins.sh redis drupal    only these charts, with every violation told
#
# HC_ORIGINS: the program. HC_SHARED: folder that holds charts/ (default ../shared). JOBS: how many at once (default 2).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
program=${HC_ORIGINS:-$root/build/release/tests/conform.origins}
charts=${HC_SHARED:-$root/../shared}/charts
[ -f "$charts/index.tsv" ] || { echo "SKIP: no charts in $charts (HC_SHARED says where they are)"; exit 77; }
[ -x "$program" ] || { echo "no program at $program: build it first" >&2; exit 1; }

# Charts of every style: Bitnami's library, merges of dicts, tpl everywhere, Lua-long helpers, plain ones.
selection="podinfo redis grafana prometheus traefik vault metrics-server app-template drupal gateway base cluster
external-dns ingress-nginx cluster-autoscaler dex oauth2-proxy reloader sealed-secrets velero promtail nats
cloudnative-pg crossplane keda rabbitmq wordpress external-secrets"
all=
[ "${1:-}" = --all ] && { all=1; shift; }
verbose=
[ $# = 0 ] || { selection=$*; verbose=-v; }
if [ -n "$all" ]; then fields=${FIELDS:-150} lines=${LINES:-40}; else fields=${FIELDS:-30} lines=${LINES:-3}; fi

cases() { # CHART-FILE [OVERLAY]
    # Its templates are Lua, which none of the public charts has.
    [ -n "$verbose" ] || for overlay in '' values-big.yaml; do
        printf '%s\0%s\0' "$root/tests/golden/lua/shop/mixed" "${overlay:+$root/tests/golden/lua/shop/$overlay}"
    done
    tail -n +2 "$charts/index.tsv" | while IFS=$'\t' read -r file chart _; do
        [ -f "$charts/$file" ] || continue
        if [ -z "$all" ]; then case " $(echo $selection) " in *" $chart "*) ;; *) continue ;; esac; fi
        [ -n "$all$verbose" ] && printf '%s\0\0' "$charts/$file"
        n=0
        for overlay in "$charts/values/$chart"/*.yaml; do
            [ -f "$overlay" ] || continue
            printf '%s\0%s\0' "$charts/$file" "$overlay"
            n=$((n + 1))
            [ -n "$all$verbose" ] || break
        done
    done
}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
cases | xargs -0 -r -n2 -P"${JOBS:-2}" sh -c '"$0" --fields '"$fields"' --lines '"$lines $verbose"' "$1" $2' "$program" >"$out" 2>/dev/null
grep -v '	' "$out"
[ -n "$all$verbose" ] && grep '	' "$out" | sed "s|$charts/||" | sort
grep '	' "$out" | awk -F'\t' '
    { n++; f += $2; s += $3; c += $4; u += $5; l += $6; p += $7; v += $8; k += $9; kf += $10; w += $11; t += $12; a += $13 }
    END {
        printf "%d renders, %d fields asked about, %d lines changed\n", n, f, l
        printf "lines named as a source: the field changed %d times of %d (%.1f %%)\n", c, s, s ? 100 * c / s : 0
        printf "lines not named: the field changed %d times of %d (%.3f %%)\n", v, p, p ? 100 * v / p : 0
        printf "keys misspelled: %d of %d found (%.1f %%); %d more are keys of maps that are taken whole\n", kf, k, k ? 100 * kf / k : 0, w
        printf "keys of the overlays as they are that nothing reads: %d; false alarms: %d\n", t, a
        bad = n == 0 || c < 0.97 * s || v > 0.001 * p || kf < 0.95 * k || a > 0
        if (bad) print "too many are wrong"
        exit bad
    }'
