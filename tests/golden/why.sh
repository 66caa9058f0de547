#!/usr/bin/env bash
# Golden cases of `why`, `values` and `--strict-values`: cases/NAME.args is a command line (shell words), run in the folder
# why/ with the chart shop/ and prod.yaml; cases/NAME.expected is what comes out, with the exit code at the end.
#
#   tests/golden/why.sh [NAME...]            runs them (all without a word)
#   tests/golden/why.sh --update [NAME...]   writes the expectations anew: read the difference before you believe it
set -u
here=$(cd "$(dirname "$0")" && pwd)
HELMCTL="${HELMCTL:-$here/../../build/release/bin/helmctl}"
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH
export KUBECONFIG=/dev/null # the namespace of a context would be taken
update=
[ "${1:-}" = --update ] && { update=1; shift; }
cd "$here/why" || exit 1
[ $# -gt 0 ] || set -- $(cd cases && for f in *.args; do echo "${f%.args}"; done)
failed=0
for case in "$@"; do
    eval "args=($(cat "cases/$case.args"))"
    got=$("$HELMCTL" "${args[@]}" 2>&1; echo "exit code $?")
    if [ -n "$update" ]; then
        printf '%s\n' "$got" >"cases/$case.expected"
    elif [ "$got" != "$(cat "cases/$case.expected")" ]; then
        echo "FAIL $case"
        diff -u --label "$case.expected" --label got "cases/$case.expected" <(printf '%s\n' "$got") | head -40
        failed=1
    fi
done
echo "$# cases, $([ $failed = 0 ] && echo all pass || echo some fail)"
exit $failed
