#!/usr/bin/env bash
# Compares `helmctl template` with the real Helm, byte for byte, over charts x overlays.
#
#   tests/conform/conform.sh               all cases; fails when one of expected-pass.txt differs
#   tests/conform/conform.sh podinfo       only cases whose name begins with a word given; nothing fails by the list
#   tests/conform/conform.sh --update      writes what is equal now into expected-pass.txt
#   tests/conform/conform.sh --helm3 ...   the same with Helm 3 and --helm-version 3 (expected-pass3.txt); without words
#                                          every eighth case of it, with `all` every one
#
# HELMCTL: the program (default build/release/bin/helmctl). HC_SHARED: folder that holds charts/ (default ../shared).
# HC_CONFORM_DIR: results (default build/conform): results.txt says how each case went, diff/ what differs. Helm's outputs
# are kept by the content of chart and overlay where they outlive the clone (tests/tool/cache.sh conform; HC_CONFORM_REF
# overrides it). JOBS: how many at once (default 2).
#
# What differs between Helm's own runs (random values, map order) is masked, see mask.awk; only for cases whose first
# comparison differs Helm runs three times. A refusal is equal when exit code and message are; warnings do not count.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export HELMCTL="${HELMCTL:-$root/build/release/bin/helmctl}"
export HC_SHARED="${HC_SHARED:-$root/../shared}"
export HC_CONFORM_DIR="${HC_CONFORM_DIR:-$root/build/conform}"
export HC_CONFORM_REF="${HC_CONFORM_REF:-$("$root/tests/tool/cache.sh" conform)}"
export LC_ALL=C

# ---- one case: NAME CHART-FILE OVERLAY-FILE|- EXTRA-FLAGS...
if [ "${1:-}" = --one ]; then
    name=$2 chart=$3 overlay=$4
    shift 4
    cd "$HC_SHARED" || exit 1 # Helm's messages hold the path it was given: the same in every clone
    args=(rel "$chart" --namespace conform "$@")
    [ "$overlay" = - ] || args+=(-f "$overlay")
    key=$( { cat "$chart"; [ "$overlay" = - ] || cat "$overlay"; echo "$HELM_ID $*"; } | sha256sum | cut -c1-16)
    ref=$HC_CONFORM_REF/$key
    work=$HC_CONFORM_DIR/runs/${name//\//_}
    mkdir -p "$ref" "$work" "$HC_CONFORM_DIR/diff"

    helm() { # N: Helm's Nth run, kept
        [ -f "$ref/rc.$1" ] && return
        # Under names of its own first: another clone may be filling the same folder.
        "$HELM" template "${args[@]}" >"$ref/out.$1.$$" 2>"$ref/err.$1.$$"
        echo $? >"$ref/rc.$1.$$"
        for f in out err rc; do mv "$ref/$f.$1.$$" "$ref/$f.$1"; done
    }
    message() { # the error without log lines; schema lines and the like come in random order
        sed -e '/^level=/d' -e '/^$/d' -e '/^Use --debug flag/d' "$1" | sort
    }
    say() { # VERDICT DETAIL
        printf '%s\t%s\t%s\n' "$name" "$1" "$2" >"$work/result"
        exit 0
    }
    diff_to() { # OURS-FILE HELMS-FILE
        diff -u --label helm --label helmctl "$2" "$1" | head -400 >"$HC_CONFORM_DIR/diff/${name//\//_}.diff"
    }

    rm -f "$HC_CONFORM_DIR/diff/${name//\//_}.diff"
    helm 1
    [ "$HELM_MAJOR" = 4 ] || args+=(--helm-version "$HELM_MAJOR")
    timeout 60 "$HELMCTL" template "${args[@]}" >"$work/out" 2>"$work/err"
    rc=$?
    helm_rc=$(cat "$ref/rc.1")
    if [ "$rc" != "$helm_rc" ]; then
        diff_to "$work/err" "$ref/err.1"
        say differs "exit code $rc, Helm's $helm_rc: $(grep -m1 '^Error' "$work/err" "$ref/err.1" | head -1 | cut -c1-200)"
    fi
    if [ "$rc" != 0 ]; then
        message "$work/err" >"$work/msg"
        message "$ref/err.1" >"$work/msg.helm"
        cmp -s "$work/msg" "$work/msg.helm" && say equal refused
        diff_to "$work/err" "$ref/err.1"
        inner() { grep -v '^level=\|^$\|^Use --debug' "$1" | tail -1 | sed 's/.*: //; s/^ *//'; }
        [ "$(inner "$work/err")" = "$(inner "$ref/err.1")" ] && say equal 'refused, same innermost message'
        say differs "message: $(grep -m1 '^Error' "$work/err" | cut -c1-200)"
    fi
    cmp -s "$work/out" "$ref/out.1" && say equal ''
    [ "$HELM_MAJOR" = 4 ] || unset 'args[-1]' 'args[-1]'
    helm 2
    [ -f "$ref/rc.3" ] || sleep 1.1 # so that what tells the time varies too
    helm 3
    if awk -f "$here/mask.awk" "$ref/out.1" "$ref/out.2" "$ref/out.3" "$work/out" >"$work/mask" 2>&1; then
        say equal "but for $(tail -1 "$work/mask")"
    fi
    diff_to "$work/out" "$ref/out.1"
    say differs "$(grep -c '^[-+][^-+]' "$HC_CONFORM_DIR/diff/${name//\//_}.diff") lines; $(head -1 "$work/mask")"
fi

# ---- all cases
skip() { echo "SKIP: $*"; exit 77; }
update= every=1
export HELM_MAJOR=4
list=$here/expected-pass.txt
if [ "${1:-}" = --helm3 ]; then
    shift
    HELM_MAJOR=3 every=8 list=$here/expected-pass3.txt
    export HC_CONFORM_DIR=${HC_CONFORM_DIR}3
fi
[ "${1:-}" = all ] && { every=1; shift; }
[ "${1:-}" = --update ] && { update=1 every=1; shift; }
[ $# = 0 ] || every=1
[ -f "$HC_SHARED/charts/index.tsv" ] || skip "no charts in $HC_SHARED/charts (HC_SHARED says where they are)"
[ -x "$HELMCTL" ] || { echo "no program at $HELMCTL: build it first" >&2; exit 1; }
HELM=$("$root/tests/peers/build.sh" --dir)/helm$HELM_MAJOR
[ -x "$HELM" ] || { command -v go >/dev/null || skip "no Go on this machine to build the real Helm with"; }
"$root/tests/peers/build.sh" "helm$HELM_MAJOR" || { [ -x "$HELM" ] || skip "the real Helm could not be built"; }
HELM_ID=$("$HELM" version --short 2>/dev/null)
mkdir -p "$HC_CONFORM_DIR/home"
export HELM HELM_ID HELM_CACHE_HOME=$HC_CONFORM_DIR/home HELM_CONFIG_HOME=$HC_CONFORM_DIR/home \
    HELM_DATA_HOME=$HC_CONFORM_DIR/home
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH

apis=monitoring.coreos.com/v1,policy/v1,cert-manager.io/v1,gateway.networking.k8s.io/v1,autoscaling/v2
cases() { # NAME<tab>CHART<tab>OVERLAY<tab>FLAGS
    tail -n +1 "$HC_SHARED/charts/index.tsv" | while IFS=$'\t' read -r file chart _; do
        [ -f "$HC_SHARED/charts/$file" ] || continue
        printf '%s/defaults\t%s\t-\t\n' "$chart" "charts/$file"
        printf '%s/defaults+apis\t%s\t-\t--api-versions=%s --kube-version=v1.32.5\n' "$chart" \
            "charts/$file" "$apis"
        for overlay in "$HC_SHARED/charts/values/$chart"/*.yaml; do
            [ -f "$overlay" ] && printf '%s/%s\t%s\t%s\t\n' "$chart" "$(basename "$overlay" .yaml)" \
                "charts/$file" "${overlay#"$HC_SHARED/"}"
        done
    done
}
wanted() {
    if [ $# = 0 ]; then cat; else
        while IFS= read -r line; do
            for w in "$@"; do [ "${line#"$w"}" != "$line" ] && { printf '%s\n' "$line"; break; }; done
        done
    fi
}
rm -rf "$HC_CONFORM_DIR/runs"
cases | wanted "$@" | awk -v every="$every" 'NR % every == 0' | tr '\n\t' '\0\1' |
    xargs -0 -r -n1 -P"${JOBS:-2}" bash -c 'IFS=$'"'\\1'"' read -r n c o f <<<"$1"; exec "$0" --one "$n" "$c" "$o" $f' "$here/conform.sh"
cat "$HC_CONFORM_DIR"/runs/*/result | sort >"$HC_CONFORM_DIR/results.txt"

all=$(wc -l <"$HC_CONFORM_DIR/results.txt")
equal=$(grep -c $'\tequal\t' "$HC_CONFORM_DIR/results.txt")
grep $'\tdiffers\t' "$HC_CONFORM_DIR/results.txt" | cut -c1-260
echo "$equal of $all renders equal ($(cut -d/ -f1 "$HC_CONFORM_DIR/results.txt" | sort -u | wc -l) charts," \
    "$(grep $'\tdiffers\t' "$HC_CONFORM_DIR/results.txt" | cut -d/ -f1 | sort -u | wc -l) of them with a difference); details in $HC_CONFORM_DIR"
[ $# = 0 ] || exit 0
grep $'\tequal\t' "$HC_CONFORM_DIR/results.txt" | cut -f1 | sort >"$HC_CONFORM_DIR/equal.txt"
if [ -n "$update" ]; then
    cp "$HC_CONFORM_DIR/equal.txt" "$list"
    exit 0
fi
sort "$list" >"$HC_CONFORM_DIR/expected.txt"
if [ $every != 1 ]; then # only those that ran
    cut -f1 "$HC_CONFORM_DIR/results.txt" | sort | comm -12 - "$HC_CONFORM_DIR/expected.txt" >"$HC_CONFORM_DIR/ran.txt"
    mv "$HC_CONFORM_DIR/ran.txt" "$HC_CONFORM_DIR/expected.txt"
fi
comm -13 "$HC_CONFORM_DIR/expected.txt" "$HC_CONFORM_DIR/equal.txt" >"$HC_CONFORM_DIR/unlisted.txt"
[ ! -s "$HC_CONFORM_DIR/unlisted.txt" ] ||
    echo "equal and not yet listed (--update adds them): $(tr '\n' ' ' <"$HC_CONFORM_DIR/unlisted.txt" | cut -c1-600)"
lost=$(comm -23 "$HC_CONFORM_DIR/expected.txt" "$HC_CONFORM_DIR/equal.txt")
[ -z "$lost" ] || { echo "listed as equal, and not: " $lost; exit 1; }
