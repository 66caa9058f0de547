#!/usr/bin/env bash
# How a command ends: output that is not taken is a failure, closed streams are none, and a signal in the middle of a
# download leaves nothing behind, neither among the temporary files nor in Helm's cache nor where the chart was to go.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
command -v python3 >/dev/null || { echo "SKIP: python3 is not on this machine"; exit 77; }
h=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
export HOME=$work/home TMPDIR=$work/tmp
mkdir -p "$HOME" "$TMPDIR" "$work/into"
unset HELM_CACHE_HOME HELM_CONFIG_HOME HELM_REPOSITORY_CACHE HELM_REPOSITORY_CONFIG XDG_CACHE_HOME XDG_CONFIG_HOME

# It gives an index at once, and of /slow/... and of charts the beginning alone, and says so in begun/.
cat >"$work/server.py" <<'PY'
import http.server, os, sys, threading
os.mkdir("begun")
INDEX = b"apiVersion: v1\nentries:\n  web:\n  - {apiVersion: v2, name: web, version: 0.1.0, urls: [web-0.1.0.tgz]}\n"
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        whole = self.path.endswith("index.yaml") and not self.path.startswith("/slow/")
        self.send_response(200)
        self.send_header("Content-Length", str(len(INDEX) if whole else 1 << 20))
        self.end_headers()
        self.wfile.write(INDEX)
        if not whole:
            open("begun/" + self.path.strip("/").split("/")[0], "w").close()
            threading.Event().wait()
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
s.daemon_threads = True
open("port.new", "w").write(str(s.server_port))
os.rename("port.new", "port")
s.serve_forever()
PY
(cd "$work" && exec python3 server.py) &
server=$!
within 10 test -s "$work/port" || { echo "FAIL the server does not start"; exit 1; }
url=http://127.0.0.1:$(cat "$work/port")

"$h" repo add one "$url/one" >/dev/null || bad "repo add"
"$h" create "$work/app" >/dev/null
for verb in "repo list" "repo list -o json" "search repo" "search repo -o yaml" "repo update" "dependency list $work/app" "lint $work/app" version --help; do
    # shellcheck disable=SC2086
    said=$("$h" $verb 2>&1 >/dev/full)
    equal "a full disk: $verb" "1 Error: write output: No space left on device" "$? $said"
    # shellcheck disable=SC2086
    said=$("$h" $verb 2>&1 >&-)
    equal "no stdout: $verb" "0 " "$? $said"
done
head -c 20000 /dev/urandom >"$work/app/blob" # more than 4 KiB when it is packed
mkdir "$work/limited"
said=$(ulimit -f 4; cd "$work/limited" && "$h" package "$work/app" 2>&1)
equal "a file over ulimit -f" "1 Error: failed to save: write '$work/limited/app-0.1.0.tgz': File too large" "$? $said"
equal "a file over ulimit -f: nothing is left" "" "$(ls "$work/limited")"
rm "$work/app/blob"
"$h" repo add two "$url/two" <&- >&- 2>&-
equal "no streams at all" "0 one two" "$? $("$h" repo list --no-headers | cut -f1 | tr -d ' ' | xargs)"
equal "nothing was printed into a file" "" "$(grep -rl 'has been added' "$HOME")"

round=0
ends() { # SIGNAL CODE WORD...: {} in it is the address of this round
    local sig=$1 code=$2 pid
    shift 2
    round=$((round + 1))
    (cd "$work/into" && exec "$h" "${@//\{\}/$url/$round}") >"$work/out" 2>&1 &
    pid=$!
    within 10 test -e "$work/begun/$round" || bad "no download of $*"
    kill -s "$sig" $pid
    wait $pid 2>/dev/null
    equal "$sig: $1 ends by it" $((128 + code)) $?
}
leaves_nothing() { equal "$1 leaves nothing" "" "$(find "$TMPDIR" "$work/into" "$HOME" -mindepth 1 \( -name '*helmctl-*' -o -path "$work/into/*" \))"; }
for s in "INT 2" "TERM 15" "HUP 1"; do
    # shellcheck disable=SC2086
    ends $s pull web --repo {}
    leaves_nothing "pull by $s"
done
ends TERM 15 pull web --repo {} --untar
leaves_nothing "pull --untar"
ends INT 2 template r {}/web-0.1.0.tgz
leaves_nothing template
begun() { test -e "$work/begun/slow"; }
"$h" repo add three "$url/slow/x" >"$work/out" 2>&1 &
pid=$!
within 10 begun || bad "no download of an index"
kill -s KILL $pid
wait $pid 2>/dev/null
has "a kill leaves a folder" helmctl-chart- "$(ls "$HOME/.cache/helm/repository")"
rm "$work/begun/slow"
"$h" repo add three "$url/slow/x" >"$work/out" 2>&1 &
pid=$!
within 10 begun || bad "no download of an index"
equal "the next one takes it away, and not its own" 1 "$(find "$HOME/.cache/helm/repository" -maxdepth 1 -name 'helmctl-chart-*' | wc -l)"
"$h" repo update >/dev/null
equal "nor that of one that is at work" 1 "$(find "$HOME/.cache/helm/repository" -maxdepth 1 -name 'helmctl-chart-*' | wc -l)"
kill -s TERM $pid
wait $pid 2>/dev/null
leaves_nothing "repo add"

has "without a temporary folder Helm's cache will do" 'no chart .nothing. in the repository' "$(TMPDIR=$work/nowhere "$h" show chart nothing --repo "$url/one" 2>&1)"
leaves_nothing "that"

# A repository that does not answer holds up none of the others.
printf 'repositories:\n- {name: three, url: %s/slow/x}\n- {name: one, url: %s/one}\n' "$url" "$url" >"$HOME/.config/helm/repositories.yaml"
"$h" repo update >"$work/out" 2>&1 &
pid=$!
within 10 grep -q '"one" chart repository' "$work/out" && ok "the second of two is there while the first is asked" || bad "one waits for three"
kill -s TERM $pid
wait $pid 2>/dev/null
leaves_nothing "repo update"
done_
