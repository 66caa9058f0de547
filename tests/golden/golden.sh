#!/usr/bin/env bash
# Golden cases of `helmctl template`.
#
#   tests/golden/golden.sh [CASE...]              runs them (all without a word)
#   tests/golden/golden.sh --with-helm [CASE...]  writes the expectations anew, with the real Helm
#
# A case is a folder: chart/ (one or more), values files, args (what stands behind `template`, shell words; the default
# is "web ./chart"), and what must come out: expected.yaml (stdout, exit code 0) or expected.err (stderr without log
# lines, exit code 1). HELMCTL is the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
HELMCTL="${HELMCTL:-$here/../../build/release/bin/helmctl}"
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH
export KUBECONFIG=/dev/null # the namespace of a context would be taken
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
with_helm=
if [ "${1:-}" = --with-helm ]; then
    with_helm=$("$here/../peers/build.sh" --dir)/helm4
    "$here/../peers/build.sh" helm4 || exit
    shift
fi
[ $# -gt 0 ] || set -- $(cd "$here" && for d in */; do [ -d "$d/chart" ] && echo "${d%/}"; done)

failed=0
for case in "$@"; do
    cd "$here/$case" || { failed=1; continue; }
    eval "args=($([ -f args ] && cat args || echo web ./chart))"
    "${with_helm:-$HELMCTL}" template "${args[@]}" >"$tmp/out" 2>"$tmp/err"
    rc=$?
    sed -i '/^level=/d' "$tmp/err"
    if [ -n "$with_helm" ]; then
        rm -f expected.yaml expected.err
        if [ $rc = 0 ]; then cp "$tmp/out" expected.yaml; else cp "$tmp/err" expected.err; fi
        continue
    fi
    if [ -f expected.yaml ]; then want=expected.yaml got=out want_rc=0; else want=expected.err got=err want_rc=1; fi
    if [ $rc != $want_rc ] || ! cmp -s "$want" "$tmp/$got"; then
        echo "FAIL $case: exit code $rc, wanted $want_rc"
        diff -u --label "$case/$want" --label got "$want" "$tmp/$got" | head -40
        [ $rc = $want_rc ] || head -5 "$tmp/err"
        failed=1
    fi
done
[ -n "$with_helm" ] || echo "$# cases, $([ $failed = 0 ] && echo all pass || echo some fail)"
exit $failed
