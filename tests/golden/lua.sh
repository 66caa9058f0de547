#!/usr/bin/env bash
# Lua templates: a chart with some equals its twin of Go templates alone, byte for byte, and both equal what the real Helm
# made of the twin.
#
#   tests/golden/lua.sh              runs
#   tests/golden/lua.sh --with-helm  writes the expectations anew, with the real Helm
#   tests/golden/lua.sh --conform    the real Helm on the twins, compared; SKIP (77) without it
#
# A case is a folder lua/NAME: mixed/ and twin/ (same file names: a twin's .lua files hold Go templates, since it lacks
# the annotation), expected.yaml, and for each values-X.yaml an expected-X.yaml. HELMCTL is the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
HELMCTL="${HELMCTL:-$here/../../build/release/bin/helmctl}"
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH
export KUBECONFIG=/dev/null # the namespace of a context would be taken
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mode=${1:-}
if [ -n "$mode" ]; then
    helm=$("$here/../peers/build.sh" --dir)/helm4
    "$here/../peers/build.sh" helm4 || exit
fi
failed=0 n=0
for case in "$here"/lua/*/; do
    cd "$case" || exit
    for values in '' values-*.yaml; do
        [ -z "$values" ] || [ -f "$values" ] || continue
        want=expected${values#values}
        [ -n "$values" ] || want=expected.yaml
        flags=${values:+-f $values}
        if [ "$mode" = --with-helm ]; then
            "$helm" template web twin $flags >"$want" || failed=1
            continue
        fi
        if [ "$mode" = --conform ]; then
            "$helm" template web twin $flags >"$tmp/helm" || failed=1
            cmp "$want" "$tmp/helm" || failed=1
        fi
        for chart in mixed twin; do
            n=$((n + 1))
            "$HELMCTL" template web $chart $flags >"$tmp/out" 2>"$tmp/err" && cmp -s "$want" "$tmp/out" && continue
            echo "FAIL $case$chart $flags"
            diff -u "$want" "$tmp/out" | head -20
            cat "$tmp/err"
            failed=1
        done
    done
    "$HELMCTL" lint mixed >"$tmp/out" 2>&1 || { echo "FAIL $case: lint"; cat "$tmp/out"; failed=1; }
    "$HELMCTL" package mixed -d "$tmp" >/dev/null && "$HELMCTL" template web "$tmp"/*.tgz | cmp - expected.yaml ||
        { echo "FAIL $case: package"; failed=1; }
    rm -f "$tmp"/*.tgz
    "$HELMCTL" template web mixed --record "$tmp/rec" >"$tmp/one" && "$HELMCTL" template mixed --replay "$tmp/rec" |
        cmp - "$tmp/one" || { echo "FAIL $case: replay"; failed=1; }
done

# Without the annotation, or with another version of it.
cd "$here/lua/shop" || exit
cp -r mixed "$tmp/plain"
sed -i '/^annotations:/,$d' "$tmp/plain/Chart.yaml"
"$HELMCTL" template web "$tmp/plain" >"$tmp/out" 2>"$tmp/err" && { echo "FAIL: Lua without the annotation"; failed=1; }
cp -r mixed "$tmp/later"
sed -i 's/lua-templates: v1/lua-templates: v7/' "$tmp/later/Chart.yaml"
"$HELMCTL" template web "$tmp/later" >"$tmp/out" 2>"$tmp/err" && { echo "FAIL: another version"; failed=1; }
grep -qF 'Error: chart "shop": the annotation helmctl.dev/lua-templates in its Chart.yaml is "v7", and this helmctl knows "v1"' \
    "$tmp/err" || { cat "$tmp/err"; failed=1; }
[ "$mode" = --with-helm ] || echo "$n renders with and without Lua: $([ $failed = 0 ] && echo all the same || echo some differ)"
exit $failed
