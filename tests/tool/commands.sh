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
rm -f /tmp/hc-help.$$
exit $bad
