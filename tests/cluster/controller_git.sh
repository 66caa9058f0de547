#!/usr/bin/env bash
# GitRepositories through the controller, on the sandbox, with real Git servers: every way to sign in (client certificate and
# private CA, GitHub App, encrypted SSH key, proxies), spec.verify, include, sparseCheckout, sub-modules; status, conditions,
# reasons and events as source-controller has them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
for tool in jq python3 openssl; do command -v $tool >/dev/null || { echo "SKIP: $tool is not on this machine"; exit 77; }; done
bin=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS" "$work/pki"
pids=
finish() {
    [ "$failed" = 0 ] || tail -n 15 "$work/controller.log"
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    servers_stop
    rm -rf "$work"
}
trap finish EXIT

# ---- servers
pki=$work/pki
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout "$pki/ca.key" -out "$pki/ca.pem" 2>/dev/null
for who in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$who" -keyout "$pki/$who.key" -out "$pki/$who.csr" 2>/dev/null
    openssl x509 -req -in "$pki/$who.csr" -CA "$pki/ca.pem" -CAkey "$pki/ca.key" -CAcreateserial -days 2 -out "$pki/$who.pem" \
        -extfile <(echo subjectAltName=IP:127.0.0.1) 2>/dev/null
done
NGINX_TLS=$pki
nginx_start || { echo "SKIP: nginx, fcgiwrap or git-http-backend is not on this machine"; exit 77; }
SSHD_OPTIONS='-o AcceptEnv=GIT_PROTOCOL'
sshd_start || { echo "SKIP: sshd is not on this machine"; exit 77; }
openssl genrsa -out "$work/app.pem" 2048 2>/dev/null
openssl rsa -in "$work/app.pem" -pubout -out "$work/app.pub" 2>/dev/null
python3 "$here/lib/git_standins.py" github "$work/app.pub" "$work/github.log" >"$work/github.port" & pids="$pids $!"
python3 "$here/lib/git_standins.py" proxy "$work/proxy.log" >"$work/proxy.port" & pids="$pids $!"
echo 'x-access-token:{PLAIN}ghs_planted' >>"$SERVERS/nginx/htpasswd"

# ---- repositories
git_repo fleet
w=$SERVERS/work/fleet
mkdir -p "$w/apps/web" "$w/docs"
echo a >"$w/apps/web/a.yaml"; echo d >"$w/docs/d.md"
git -C "$w" config gpg.format ssh; ssh-keygen -q -t ed25519 -N '' -f "$work/signer"; git -C "$w" config user.signingkey "$work/signer.pub"
git -C "$w" config commit.gpgsign true
git_commit fleet 'the first commit'
git -C "$w" tag -s v1.0.0 -m one; git -C "$w" push -q --tags origin
first=$(git -C "$w" rev-parse HEAD)
git_repo super
git -C "$SERVERS/work/super" -c protocol.file.allow=always submodule --quiet add "$SERVERS/git/fleet.git" fleet 2>/dev/null
git -C "$SERVERS/work/super" config -f .gitmodules submodule.fleet.url ../fleet.git
echo s >"$SERVERS/work/super/s"; git_commit super one
git init -q --bare "$SERVERS/git/empty.git"

# ---- the cluster
"$bin" sandbox --kubeconfig "$work/kubeconfig" --ready-after 50 >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" -a -s "$work/github.port" -a -s "$work/proxy.port" || { cat "$work/sandbox.log"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
b64() { base64 -w0 "$1"; }
text() { printf '%s' "$1" | base64 -w0; }
repo() { # NAME URL [MORE [INTERVAL]]: a GitRepository
    printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: %s, namespace: default}\nspec: {url: "%s", interval: %s, timeout: 20s%s}\n' "$1" "$2" "${4:-10m}" "${3:+, $3}"
}
secret() { # NAME KEY: VALUE, ...
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: default}\ndata: {%s}\n' "$1" "$2"
}
main='ref: {branch: main}'
http=http://127.0.0.1:$HTTP_PORT
ssh=ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git
{
    secret basic "username: $(text git), password: $(text s3cret)"
    secret wrong "username: $(text git), password: $(text planted-wrong-word)"
    secret mutual "ca.crt: $(b64 "$pki/ca.pem"), tls.crt: $(b64 "$pki/client.pem"), tls.key: $(b64 "$pki/client.key")"
    secret caonly "caFile: $(b64 "$pki/ca.pem")"
    secret key "identity: $(b64 "$SERVERS/ssh/locked"), password: $(text 'pass phrase'), known_hosts: $(b64 "$SERVERS/ssh/known_hosts")"
    secret locked "identity: $(b64 "$SERVERS/ssh/locked"), known_hosts: $(b64 "$SERVERS/ssh/known_hosts")"
    secret app "githubAppID: $(text 42), githubAppInstallationOwner: $(text acme), githubAppPrivateKey: $(b64 "$work/app.pem"), githubAppBaseURL: $(text "http://127.0.0.1:$(cat "$work/github.port")")"
    secret proxy "address: $(text "http://127.0.0.1:$(cat "$work/proxy.port")"), username: $(text p), password: $(text p@ss)"
    secret signers "dev.sshpub: $(b64 "$work/signer.pub")"
    secret strangers "dev.sshpub: $(b64 "$SERVERS/ssh/stranger.pub")"
    repo plain "$http/git/fleet.git" "$main" 1s
    repo basic "$http/private/fleet.git" "$main, secretRef: {name: basic}"
    repo wrong "$http/private/fleet.git" "$main, secretRef: {name: wrong}"
    repo mutual "https://127.0.0.1:$TLS_PORT/git/fleet.git" "$main, secretRef: {name: mutual}"
    repo nocert "https://127.0.0.1:$TLS_PORT/git/fleet.git" "$main, secretRef: {name: caonly}"
    repo noca "https://127.0.0.1:$TLS_PORT/git/fleet.git" "$main"
    repo app "$http/private/fleet.git" "$main, provider: github, secretRef: {name: app}" 1s
    repo app2 "$http/private/super.git" "$main, provider: github, secretRef: {name: app}"
    repo noprovider "$http/private/fleet.git" "$main, secretRef: {name: app}"
    repo key "$ssh/fleet.git" "$main, secretRef: {name: key}"
    repo locked "$ssh/fleet.git" "$main, secretRef: {name: locked}"
    repo sshproxy "$ssh/fleet.git" "$main, secretRef: {name: key}, proxySecretRef: {name: proxy}"
    repo tlsproxy "https://127.0.0.1:$TLS_PORT/git/fleet.git" "$main, secretRef: {name: mutual}, proxySecretRef: {name: proxy}"
    repo signed "$http/git/fleet.git" 'ref: {tag: v1.0.0}, verify: {mode: TagAndHEAD, secretRef: {name: signers}}'
    repo forged "$http/git/fleet.git" "$main, verify: {secretRef: {name: strangers}}"
    repo notag "$http/git/fleet.git" "$main, verify: {mode: Tag, secretRef: {name: signers}}"
    repo sparse "$http/git/fleet.git" "$main, sparseCheckout: [apps/web], ignore: '*.txt'"
    repo super "$http/private/super.git" "$main, recurseSubmodules: true, secretRef: {name: basic}"
    repo with "$http/git/super.git" "$main, include: [{repository: {name: plain}, fromPath: apps, toPath: lib}]"
    repo lost "$http/git/super.git" "$main, include: [{repository: {name: nobody}}]"
    repo over "$http/git/super.git" "$main, include: [{repository: {name: plain}, toPath: s}]"
    repo gone "$http/git/fleet.git" 'ref: {branch: gone}'
    repo empty "$http/git/empty.git" "$main"
} >"$work/objects.yaml"
"$bin" deploy --crds-only -f "$work/objects.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
"$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 >"$work/controller.log" 2>&1 &
pids="$pids $!"

get() { curl -fsS "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/$1" | jq -r "$2"; }
cond() { get "$1" ".status.conditions[] | select(.type == \"$2\") | \"\(.status) \(.reason): \(.message)\""; }
files() { curl -fsS "$(get "$1" .status.artifact.url)" | tar -tzf - | sort | tr '\n' ' '; }
is() { cond "$1" Ready | grep -qE "$2"; }
expect() { # NAME PATTERN: Ready says so, soon
    within 20 is "$1" "$2" && ok "$1" || bad "$1: no /$2/ in: $(cond "$1" Ready)"
}
stored="^True Succeeded: stored artifact for revision 'main@sha1:$first'$"
for name in plain basic mutual app key sshproxy tlsproxy sparse; do expect $name "$stored"; done
expect signed "^True Succeeded: stored artifact for revision 'v1.0.0@sha1:$first'$"
expect super "^True Succeeded"; expect app2 "^True Succeeded"; expect with "^True Succeeded"
has "event of a new artifact" "stored artifact for commit 'the first commit'" "$(curl -fsS "$server/api/v1/namespaces/default/events" | jq -r '.items[] | select(.involvedObject.name == "plain" and .reason == "NewArtifact") | .message')"

expect wrong '^False GitOperationFailed: failed to checkout and determine revision: .*401.*not accepted'
expect nocert '^False GitOperationFailed: failed to checkout and determine revision'
expect noca '^False GitOperationFailed: failed to checkout and determine revision: .*certificate'
expect locked "^False AuthenticationFailed: .*encrypted: add its passphrase under the key 'password'"
expect noprovider "^False InvalidProviderConfiguration: secretRef 'default/app' has github app data but provider is not set to github"
expect gone "^False GitOperationFailed: .*has no branch 'gone'; it has main"
expect empty '^False EmptyGitRepository: git repository is empty'
has "FetchFailed" '^True EmptyGitRepository' "$(cond empty FetchFailed)"

expect forged "^False InvalidCommitSignature: signature verification of commit '$first' failed"
has "SourceVerified, a stranger" '^False InvalidCommitSignature' "$(cond forged SourceVerified)"
equal "an unverified commit makes no artifact" null "$(get forged .status.artifact)"
expect notag "^False InvalidVerificationMode: cannot verify tag object's signature if a tag reference is not specified"
has "which only another spec mends" '^True InvalidVerificationMode' "$(cond notag Stalled)"
has "SourceVerified" "^True Succeeded: verified signature of" "$(cond signed SourceVerified)"
has "its tag" "tag 'v1.0.0@[0-9a-f]{40}' with key 'SHA256:" "$(cond signed SourceVerified)"
equal "mode" TagAndHEAD "$(get signed .status.sourceVerificationMode)"

equal "sparse" "apps/web/a.yaml " "$(files sparse)"
equal "observed" '["apps/web"] *.txt' "$(get sparse '"\(.status.observedSparseCheckout) \(.status.observedIgnore)"')"
equal "sub-modules" "fleet/apps/web/a.yaml fleet/docs/d.md s " "$(files super)"
equal "observed sub-modules" true "$(get super .status.observedRecurseSubmodules)"
equal "include" "lib/web/a.yaml s " "$(files with)"
equal "observed include" "plain main@sha1:$first" "$(get with '"\(.status.observedInclude[0].repository.name) \(.status.includedArtifacts[0].revision)"')"
expect lost "^False NotFound: could not get resource for include 'nobody'"
has "IncludeUnavailable" '^True NotFound' "$(cond lost IncludeUnavailable)"
expect over "^False CopyFailure: include 'plain': toPath 's' is there already"

# ---- nothing new, and something new
tokens() { grep -c 'POST.* 201' "$work/github.log"; }
equal "one token for all fetches of an app" 1 "$(tokens)"
has "the proxy was asked with its login" "^CONNECT 127.0.0.1:$SSH_PORT yes" "$(cat "$work/proxy.log")"
has "for https too" "^CONNECT 127.0.0.1:$TLS_PORT yes" "$(cat "$work/proxy.log")"
echo b >"$w/apps/web/b.yaml"; git_commit fleet 'the second commit'
second=$(git -C "$w" rev-parse HEAD)
expect plain "main@sha1:$second"; expect app "main@sha1:$second"
included() { [ "$(get with '.status.includedArtifacts[0].revision')" = "main@sha1:$second" ]; }
within 20 included && ok "what is included is taken anew" || bad "include: $(get with .status)"
equal "and is in the artifact" "lib/web/a.yaml lib/web/b.yaml s " "$(files with)"
equal "still one token" 1 "$(tokens)"
# ---- the keys of spec.verify: others mean another look, those that come back do too, the same do not
keys() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"data\":{\"dev.sshpub\":\"$(b64 "$1")\"}}" "$server/api/v1/namespaces/default/secrets/signers" >/dev/null; }
ask() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"metadata\":{\"annotations\":{\"reconcile.fluxcd.io/requestedAt\":\"$1\"}}}" "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/signed" >/dev/null; }
told() { curl -fsS "$server/api/v1/namespaces/default/events" | jq -r '.items[] | select(.involvedObject.name == "signed") | "\(.type) \(.reason): \(.message)"'; }
unchanged() { told | grep -q "^Normal GitOperationSucceeded: no changes since last reconciliation: observed revision 'v1.0.0@sha1:$first'$"; }
ask one
within 20 unchanged && ok "the same keys: nothing is fetched" || bad "events of signed: $(told)"
keys "$SERVERS/ssh/stranger.pub"
ask two
expect signed "^False Invalid[A-Za-z]*Signature: signature verification of"
has "not verified by the new keys" '^False Invalid[A-Za-z]*Signature' "$(cond signed SourceVerified)"
equal "the artifact stays" "v1.0.0@sha1:$first" "$(get signed .status.artifact.revision)"
keys "$work/signer.pub"
ask three
expect signed "^True Succeeded: stored artifact for revision 'v1.0.0@sha1:$first'$"
has "verified again" "^True Succeeded: verified signature of.*" "$(cond signed SourceVerified)"
hasnt "no secret anywhere" 'planted-wrong-word|ghs_planted|s3cret|pass phrase|p@ss|p%40ss' "$(curl -fsS "$server/apis/source.toolkit.fluxcd.io/v1/gitrepositories" "$server/api/v1/events"; cat "$work/controller.log")"
done_
