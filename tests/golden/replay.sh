#!/usr/bin/env bash
# Recording and replay on the command line: a chart that calls every function whose answer is never the same (replay/impure)
# gives the same bytes 100 times out of 100 (RUNS), anywhere; a change that asks something new says so; files are written whole,
# readable by their owner alone. HELMCTL is the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
HELMCTL="${HELMCTL:-$here/../../build/release/bin/helmctl}"
unset HELM_NAMESPACE HELM_DEBUG SOURCE_DATE_EPOCH TZ
export KUBECONFIG=/dev/null # the namespace of a context would be taken
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit
cp -r "$here/replay/impure" chart
failed=0
fail() { echo "FAIL: $*"; failed=1; }
says() { # TEXT FILE
    grep -qF -- "$1" "$2" || { fail "wanted \"$1\" in:"; cat "$2"; }
}

"$HELMCTL" template web chart -n shop --is-upgrade --kube-version 1.33 --record rec.json >one.yaml || fail "record"
"$HELMCTL" template web chart -n shop --is-upgrade --kube-version 1.33 >two.yaml
cmp -s one.yaml two.yaml && fail "the chart is not impure"
[ "$(stat -c %a rec.json)" = 600 ] || fail "mode $(stat -c %a rec.json)"
for i in $(seq "${RUNS:-100}"); do
    # elsewhere: another zone, no zone files of its own, nothing said again that the recording knows
    TZ=Asia/Kathmandu "$HELMCTL" template chart --replay rec.json >again.yaml 2>err || { fail "replay $i"; cat err; break; }
    cmp -s one.yaml again.yaml || { fail "replay $i differs"; diff one.yaml again.yaml | head -5; break; }
done
"$HELMCTL" template chart --replay rec.json --record copy.json >again.yaml || fail "replay and record"
for key in admin-password ann carol crt rsa b aes; do # generated values are kept, the clock goes on
    [ "$(grep "^  $key: " one.yaml)" = "$(grep "^  $key: " again.yaml)" ] || fail "$key is not kept"
done
grep -q '^    unix' one.yaml || fail "no clock"
"$HELMCTL" recording diff rec.json copy.json >diff.txt
[ "$(grep -vc '^~ clock' diff.txt)" = 0 ] || { fail "diff"; cat diff.txt; }
"$HELMCTL" recording show rec.json >show.txt || fail "show"
for secret in $(sed -n 's/^  admin-password: //p; s/^  ann: //p' one.yaml) hunter2; do
    grep -qF "$secret" show.txt && fail "show tells $secret"
done

# a new question
echo '  token: {{ randAlphaNum 40 }}' >>chart/templates/secret.yaml
"$HELMCTL" template chart --replay rec.json >out 2>err && fail "a new question went through"
says 'randAlphaNum 40 for token is asked, and recording rec.json has no answer to it' err
says 'web/templates/secret.yaml:42:12' err
says 'web/templates/_h.tpl:1: randAlphaNum 16 for admin-password' err
[ -s out ] && fail "half an output"
"$HELMCTL" template chart --replay rec.json --record next.json >next.yaml 2>err || { fail "merge"; cat err; }
for key in admin-password ann carol crt; do
    [ "$(grep "^  $key: " one.yaml)" = "$(grep "^  $key: " next.yaml)" ] || fail "$key did not survive"
done
[ "$("$HELMCTL" recording diff rec.json next.json | grep -c '^+ .* for token$')" = 1 ] || fail "diff does not tell token"
"$HELMCTL" template chart --replay next.json | cmp -s - next.yaml || fail "the merged recording"
sed -i '/^  carol: /d; /range .Values.users/,/end }}/d' chart/templates/secret.yaml
"$HELMCTL" template chart --replay next.json >out 2>err || fail "fewer questions"
says 'a value of it was not asked for" value="web/templates/secret.yaml:31: randAlphaNum 10 for carol"' err

# files that are none
refused() { # FILE TEXT
    "$HELMCTL" template web chart -n shop --replay "$1" >out 2>err && fail "$1 was taken"
    says "$2" err
}
head -c 2000 rec.json >cut.json
refused cut.json 'recording cut.json is cut short'
sed 's,recording/v1,recording/v7,' rec.json >later.json
refused later.json 'has the format helmctl.dev/recording/v7'
refused nowhere.json 'nowhere.json'
refused chart/Chart.yaml 'is no recording'
sed -i 's/name: web/name: other/' chart/Chart.yaml
refused rec.json 'recording rec.json is of chart "web", not of "other"'
sed -i 's/name: other/name: web/' chart/Chart.yaml
"$HELMCTL" template api chart -n shop --replay rec.json >out 2>err && fail "another release"
says 'is of release "web" in namespace "shop", not of "api" in "shop"' err
cp rec.json before.json
echo '{{ fail "no" }}' >chart/templates/bad.yaml
"$HELMCTL" template web chart -n shop --record rec.json >out 2>err && fail "no failure"
cmp -s rec.json before.json || fail "a render that failed wrote its recording"
rm chart/templates/bad.yaml
"$HELMCTL" template web chart --record /nowhere/rec.json >out 2>err && fail "no folder"
[ -s out ] && fail "output without its recording"
mkfifo pipe # what is no file is written into, not replaced (/dev/stderr, /dev/null)
timeout 5 cat pipe >piped &
"$HELMCTL" template web chart --record pipe >out || fail "record into a pipe"
wait $!
[ -p pipe ] || fail "the pipe was replaced"
says '"format"' piped
[ $failed = 0 ] && echo "recording and replay: all pass"
exit $failed
