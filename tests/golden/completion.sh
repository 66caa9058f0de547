#!/usr/bin/env bash
# Completion: what `helmctl __complete` offers, by the table completion.tsv, and what the scripts make of it in the shells. bash
# is driven as readline does it; zsh and fish where they are installed. No cluster: tests/cluster/gitops_verbs.sh has one.
#
#   tests/golden/completion.sh             runs
#   tests/golden/completion.sh --conform   the real Helm on the same table; SKIP (77) without it
set -u
here=$(cd "$(dirname "$0")" && pwd)
helm=
if [ "${1:-}" = --conform ]; then
    helm=$("$here/../peers/build.sh" --dir)/helm4
    "$here/../peers/build.sh" helm4 || exit
fi
HELMCTL=$(realpath "${HELMCTL:-$here/../../build/release/bin/helmctl}")
for v in $(compgen -e); do case $v in HELM_* | KUBE* | XDG_*) unset "$v" ;; esac; done
tmp=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
export HOME=$tmp/home KUBECONFIG=$tmp/home/kubeconfig PATH=$tmp/bin:$PATH
failed=0 n=0
bad() { echo "FAIL $*"; failed=1; }
same() { # WHAT WANT GOT
    n=$((n + 1))
    [ "$2" = "$3" ] || bad "$1: want '$2', got '$3'"
}

mkdir -p "$tmp/bin" "$HOME/.config/helm" "$HOME/.cache/helm/repository" "$tmp/here/a folder"
ln -s "$HELMCTL" "$tmp/bin/helmctl"
ln -s "$HELMCTL" "$tmp/bin/helm.mine"
cat >"$HOME/.config/helm/repositories.yaml" <<'Y'
apiVersion: ""
generated: "0001-01-01T00:00:00Z"
repositories:
- {name: shop, url: https://charts.example.com/shop}
- {name: other, url: https://charts.example.com/other}
Y
cat >"$HOME/.cache/helm/repository/shop-index.yaml" <<'Y'
apiVersion: v1
entries:
  cart:
  - {apiVersion: v2, name: cart, version: 1.1.0, appVersion: "7", created: "2026-01-02T03:04:05Z", urls: [cart-1.1.0.tgz]}
  - {apiVersion: v2, name: cart, version: 1.0.0, deprecated: true, created: "2026-01-01T03:04:05Z", urls: [cart-1.0.0.tgz]}
  db:
  - {apiVersion: v2, name: db, version: 2.0.0, created: "2026-01-01T03:04:05Z", urls: [db-2.0.0.tgz]}
  'x;touch${IFS}hacked':
  - {apiVersion: v2, name: x, version: 2.0.0, created: "2026-01-01T03:04:05Z", urls: [x-2.0.0.tgz]}
Y
printf 'cart\ndb\n' >"$HOME/.cache/helm/repository/shop-charts.txt"
kubeconfig() { # PORT
    cat >"$KUBECONFIG" <<Y
apiVersion: v1
kind: Config
current-context: east
clusters: [{name: c1, cluster: {server: "http://127.0.0.1:$1"}}, {name: c2, cluster: {server: "http://127.0.0.1:$1"}}]
contexts: [{name: east, context: {cluster: c1, user: me}}, {name: west, context: {cluster: c2, user: me}}]
users: [{name: me, user: {token: t}}]
Y
}
kubeconfig 1
cd "$tmp/here" || exit

# ---- the table
ask() { # PROGRAM ARGS: sorted words into $words, the directive into $directive, stderr into $tmp/err
    local word
    eval "set -- $1 __complete $2"
    word=${!#}
    case $word in -*=*) word=${word#*=} ;; esac
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    directive=$(sed -n '$s/^://p' "$tmp/out")
    # Helm leaves the choice of some words to the shell
    words=$(sed '$d; s/\t.*//; /^_activeHelp_/d' "$tmp/out" | while IFS= read -r w; do
        case $w in "$word"*) printf '%s\n' "$w" ;; esac
    done | LC_ALL=C sort)
}
row() { # PROGRAM ARGS WANT DIRECTIVE
    local w
    ask "$1" "$2"
    n=$((n + 1))
    [ $((directive & ~32)) = "$4" ] || bad "$1 $2: directive $directive, want $4"
    case $3 in
    +*)
        for w in ${3#+}; do
            case $w in
            !*) printf '%s\n' "$words" | grep -qxF -- "${w#!}" && bad "$1 $2: '${w#!}' is offered" ;;
            *) printf '%s\n' "$words" | grep -qxF -- "$w" || bad "$1 $2: no '$w' in: $words" ;;
            esac
        done
        ;;
    *) [ "$(echo $words)" = "$3" ] || bad "$1 $2: want '$3', got '$(echo $words)'" ;;
    esac
}
while IFS='|' read -r who args want number; do
    case $who in '' | '#'*) continue ;; esac
    if [ -z "$helm" ]; then
        row helmctl "$args" "$want" "$number"
        [ -s "$tmp/err" ] && bad "$args: stderr: $(cat "$tmp/err")"
    elif [ "$who" = = ]; then
        row "$helm" "$args" "$want" "$number"
    fi
done <"$here/completion.tsv"
if [ -n "$helm" ]; then
    echo "$n rows, failed: $failed"
    exit $failed
fi

# ---- words and their help
same "help of a version" "1.0.0	Created: 2026-01-01 (deprecated)" "$(helmctl __complete pull shop/cart --version 1.0 | head -n 1)"
same "newest version first" "1.1.0" "$(helmctl __complete pull shop/cart --version '' | head -n 1 | cut -f1)"
same "without help" "install" "$(helmctl __completeNoDesc ins | head -n 1)"
helmctl __complete >/dev/null 2>&1 && bad "__complete without a word succeeds"
rm "$HOME/.cache/helm/repository/shop-charts.txt"
same "charts out of the index; none that a shell would run" "shop/cart shop/db :0" "$(helmctl __complete install web shop/ | tr '\n' ' ' | sed 's/ $//')"
touch "$tmp/here/shape"
same "files beside repositories" "shape shop/ :2" "$(helmctl __completeNoDesc install web sh | tr '\n' ' ' | sed 's/ $//')"
HELM_KUBETOKEN=secret helmctl __complete env '' | grep -q secret && bad "a token is shown"

# every verb is asked for its flags, and none begins to work instead
for verb in $(helmctl __completeNoDesc '' | sed '$d'); do
    timeout 10 "$HELMCTL" __completeNoDesc "$verb" --help >"$tmp/out" </dev/null
    [ "$verb" = help ] || same "flags of $verb" "--help :4" "$(tr '\n' ' ' <"$tmp/out" | sed 's/ $//')"
done

# ---- the scripts
for shell in bash fish powershell zsh; do
    helmctl completion $shell >"$tmp/$shell" || bad "completion $shell"
    grep -q '@[A-Z]@' "$tmp/$shell" && bad "completion $shell: not all is filled in"
    helmctl completion $shell --no-descriptions | grep -q '__completeNoDesc ' || bad "completion $shell --no-descriptions"
done
helmctl completion >"$tmp/out" || bad "completion without a shell"
grep -q powershell "$tmp/out" || bad "completion tells of no shell"
helmctl completion tcsh >"$tmp/out" 2>&1 && bad "a script for tcsh"
grep -q 'unknown command "tcsh" for "helmctl completion"' "$tmp/out" || bad "tcsh: $(cat "$tmp/out")"
helmctl completion bash more >"$tmp/out" 2>&1 && bad "completion bash more"
grep -q '"helmctl completion bash" accepts no arguments' "$tmp/out" || bad "bash more: $(cat "$tmp/out")"
helm.mine completion bash | grep -q '^complete -o default -F _helm_mine_words helm.mine$' || bad "the name it is called by"

# ---- bash, as readline calls it
. "$tmp/bash"
type _init_completion >/dev/null 2>&1 && bad "bash-completion is loaded: the test would not see that it is needed"
tab() { # LINE: COMPREPLY into $reply, entries parted by "/"
    local rest=$1 word part=
    COMP_WORDS=() COMP_LINE=$1 COMP_POINT=${#1} COMP_KEY=9
    for ((; ${#rest}; )); do # blanks part words; runs of = and : are words
        word=${rest:0:1} rest=${rest:1}
        case $word in
        ' ') [ -z "$part" ] || COMP_WORDS+=("$part"); part= ;;
        [=:]) case $part in '' | [=:]*) part+=$word ;; *) COMP_WORDS+=("$part"); part=$word ;; esac ;;
        *) case $part in [=:]*) COMP_WORDS+=("$part"); part= ;; esac; part+=$word ;;
        esac
    done
    COMP_WORDS+=("$part") COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _helmctl_words 2>"$tmp/err"
    [ ! -s "$tmp/err" ] || bad "bash: $1: $(cat "$tmp/err")"
    reply=$(IFS=/; echo "${COMPREPLY[*]-}")
}
is() { tab "$1"; same "bash: $1" "$2" "$reply"; } # LINE REPLY
COMP_TYPE=9 COLUMNS=100
is 'helmctl ins' install
is 'helmctl -n web un' uninstall
is 'helmctl registry ' 'login   (log in to a registry)/logout  (log out of a registry)'
is 'helmctl list --output ' json/table/yaml
is 'helmctl list --output=' json/table/yaml
is 'helmctl list --output=j' json
is 'helmctl list   -o   j' json
is 'helmctl install web oci' 'oci://'
is 'helmctl install web oci:' '//'
is 'helmctl install web shop/c' shop/cart
is 'helmctl install "web" sh\op/c' shop/cart
is 'helmctl install web ./' ''
is 'helmctl install $(touch hacked) sh' ''
is 'helmctl --kubeconfig ~/none --kube-context ' ''
is 'helmctl --kubeconfig ~/kubeconfig --kube-context w' west
is "$tmp/bin/helmctl ins" install
is './gone/helmctl ins' install
is 'helmctl pull --destination a' 'a folder'
[ -e hacked ] && bad "completion runs what is typed"
COMP_TYPE=37
is 'helmctl registry ' login/logout
COMP_TYPE=9 COLUMNS=30
is 'helmctl repo l' list
is 'helmctl registry lo' 'login   (log in to a regis.../logout  (log out of a regi...'
COMP_WORDBREAKS=" "
is 'helmctl list --output=j' '--output=json'
is 'helmctl install web oci' 'oci://'

# ---- zsh and fish
if command -v zsh >/dev/null; then
    cat >"$tmp/try.zsh" <<'Z'
compdef() { : }
. $1
_describe() { print -rl -- "${(@P)3}" }
_files() { print -- "files $*" }
compset() { PREFIX=${PREFIX#*=} }
try() { words=(helmctl "$@") CURRENT=$(($# + 1)) PREFIX=${@[-1]}; print -r -- "$(_helmctl | head -n 1)" }
try ins; try list --output=j; try install web oci; try repo index ''; try pull --destination ''; try 'in\st'
Z
    same zsh 'install:install a chart as a release/json/oci\://:chart in a registry/files /files -//install:install a chart as a release' \
        "$(zsh -f "$tmp/try.zsh" "$tmp/zsh" 2>&1 | tr '\n' '/' | sed 's,/$,,')"
else
    echo "SKIP zsh: it is not on this machine"
fi
if command -v fish >/dev/null; then
    fishes=$(fish -N -c "source $tmp/fish"'; for l in "helmctl ins" "helmctl list --output=j" "helmctl list -o " "helmctl install web shop/d"; complete -C $l; end' 2>&1 | tr '\t\n' ' /')
    same fish 'install install a chart as a release/--output=json/json/table/yaml/shop/db/' "$fishes"
else
    echo "SKIP fish: it is not on this machine"
fi

# ---- a cluster that does not answer: no words, no message, and soon
if command -v python3 >/dev/null; then
    python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9)
print(s.getsockname()[1], flush=True); time.sleep(60)' >"$tmp/port" &
    server=$!
    until [ -s "$tmp/port" ] || ! kill -0 $server; do :; done
    kubeconfig "$(cat "$tmp/port")"
    began=${EPOCHREALTIME/[.,]/}
    helmctl __complete status '' >"$tmp/out" 2>"$tmp/err"
    same "a dead cluster" ":4" "$(cat "$tmp/out" "$tmp/err")"
    took=$((${EPOCHREALTIME/[.,]/} - began))
    [ $took -lt 5000000 ] || bad "a dead cluster holds up the shell for $took us"
fi

[ $failed = 0 ] && echo "$n lines are completed"
exit $failed
