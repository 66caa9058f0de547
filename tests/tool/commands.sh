#!/usr/bin/env bash
# Every command that is written is in the table, answers --help, and stands in the reference.
set -u
cd "$(dirname "$0")/../.."
bin=${HC_BUILD:?}/bin/helmctl
bad=0
list=$("$bin" --help)
for c in completion controller deploy env events get history install list push reconcile recording registry resume rollback sandbox status suspend template test uninstall upgrade values version why; do
    printf '%s\n' "$list" | grep -qE "^  $c " || { echo "helmctl $c is not in the list of commands"; bad=1; }
    "$bin" $c --help >/tmp/hc-help.$$ 2>&1 || { echo "helmctl $c --help fails"; bad=1; }
    grep -q '^Usage:' /tmp/hc-help.$$ || { echo "helmctl $c --help says no usage"; bad=1; }
    grep -q "^## .*\b$c\b" helmctl/docs/commands.md || { echo "helmctl/docs/commands.md says nothing of $c"; bad=1; }
done
rm -f /tmp/hc-help.$$
exit $bad
