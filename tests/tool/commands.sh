#!/usr/bin/env bash
# Every command that is written is in the table, answers --help, and stands in the reference.
set -u
cd "$(dirname "$0")/../.."
bin=${HC_BUILD:?}/bin/helmctl
bad=0
list=$("$bin" --help)
for c in completion controller create dependency deploy env events get history install lint list package plan pull push reconcile recording registry repo resume rollback sandbox search show status suspend template test uninstall upgrade values verify version why; do
    printf '%s\n' "$list" | grep -qE "^  $c " || { echo "helmctl $c is not in the list of commands"; bad=1; }
    "$bin" $c --help >/tmp/hc-help.$$ 2>&1 || { echo "helmctl $c --help fails"; bad=1; }
    wide=$(LC_ALL=C.UTF-8 awk 'length > 100' /tmp/hc-help.$$)
    [ -z "$wide" ] || { echo "helmctl $c --help is wider than 100 columns: $wide"; bad=1; }
    grep -q '^Usage:' /tmp/hc-help.$$ || { echo "helmctl $c --help says no usage"; bad=1; }
    grep -q "^## .*\b$c\b" helmctl/docs/commands.md || { echo "helmctl/docs/commands.md says nothing of $c"; bad=1; }
done
# help of a verb, and what was meant
says() { # CODE WANT ARGS...
    local code=$1 want=$2 got
    shift 2
    got=$("$bin" "$@" 2>&1)
    [ $? = "$code" ] && [ "$got" = "$want" ] || { echo "helmctl $*: want '$want', got '$got'"; bad=1; }
}
says 0 "$("$bin" repo add --help)" help repo add
says 0 "$("$bin" install -h)" help install
says 0 "$("$bin" --help)" help
says 0 "$("$bin" --help)" --debug
says 0 "v0.1.0, v4.3.1, " version --template '{{.Version}}, {{.HelmVersion}}, {{.GitCommit}}'
says 0 v0.1.0 version --short
says 1 'Error: parse error at (_:1): unclosed action' version --template '{{'
says 1 $'Error: unknown command "intsall" for "helmctl"\n\nDid you mean this?\n\tinstall\n\nRun \'helmctl --help\' for usage.' intsall
says 1 $'Error: unknown command "ad" for "helmctl repo"\n\nDid you mean this?\n\tadd\n\nRun \'helmctl repo --help\' for usage.' repo ad
says 1 'Error: unknown flag: --vesion; did you mean --version?' install --vesion 1
says 1 $'Error: unknown command "bogus" for "helmctl"\n\nRun \'helmctl --help\' for usage.' help bogus
says 1 'Error: unknown flag: --xyz' --xyz list
says 1 "Error: flag needs an argument: 'n' in -n" -n
rm -f /tmp/hc-help.$$
exit $bad
