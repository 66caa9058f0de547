#!/usr/bin/env bash
# Answers that come together on one HTTP/2 connection, their pieces mixed (lib/interleaved.py): none may be left unread until
# a deadline. RUNS=300 for more than a sample.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
for p in python3 openssl; do command -v $p >/dev/null || { echo "SKIP: $p is not on this machine"; exit 77; }; done
dir=$(mktemp -d)
server=
trap 'kill $server; rm -rf "$dir"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/crt" -days 2 \
    -subj /CN=interleaved -addext subjectAltName=IP:127.0.0.1 2>"$dir/openssl.log" || { cat "$dir/openssl.log"; exit 1; }
python3 "$here/lib/interleaved.py" "$dir/crt" "$dir/key" "$dir/port" 2 &
server=$!
within 20 test -s "$dir/port"
cat >"$dir/kubeconfig" <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
 "users": [{"name": "u", "user": {"token": "t"}}],
 "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:$(cat "$dir/port")", "certificate-authority": "$dir/crt"}}]}
EOF
export KUBECONFIG=$dir/kubeconfig
runs=${RUNS:-24} late=0 other=0
for _ in $(seq "$runs"); do
    out=$(timeout 2.5 "$HC_BUILD/bin/helmctl" list 2>&1)
    case $? in
    124) late=$((late + 1)) ;;
    *) case $out in *'knows no kind Secret'*) ;; *) other=$((other + 1)) && echo "$out" ;; esac ;;
    esac
done
equal "$runs times two answers at once, left unread" 0 $late
equal "and read whole" 0 $other
done_
