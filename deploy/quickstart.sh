#!/usr/bin/env bash
# From nothing to a fleet that Git drives, on one machine: installs what is missing (Debian 12), builds helmctl, starts a
# simulated Kubernetes API, a Git server and a chart repository on loopback, and plays the life of two environments:
# install, upgrade, a broken commit that rolls back by itself, its fix, and a change by hand that is put back.
#
#   deploy/quickstart.sh           ends by itself and stops all it started
#   deploy/quickstart.sh --keep    leaves everything running and says how to look around and how to stop
#
# Exit status 0 only when every step happened. The real cluster is the real target; the sandbox is for trying.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
keep=0
case "${1:-}" in
--keep) keep=1 ;;
'') ;;
*) sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' off=$'\e[0m'; else bold= green= red= dim= off=; fi
begun=$SECONDS
head_() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
ok() { printf '  %sok%s   %s\n' "$green" "$off" "$*"; }
info() { printf '       %s%s%s\n' "$dim" "$*" "$off"; }
die() {
    printf '  %sFAILED%s %s\n' "$red" "$off" "$*"
    [ -f "$dir/controller.log" ] && { echo "  the controller's last words:"; tail -n 15 "$dir/controller.log" | sed 's/^/    /'; }
    exit 1
}
dir=/nonexistent

# ---- packages and build ---------------------------------------------------------------------------------------

packages="gcc cmake ninja-build pkg-config libcurl4-openssl-dev libnghttp2-dev libidn2-dev libyaml-dev libarchive-dev libgit2-dev libssh-dev
liblua5.4-dev libmicrohttpd-dev libpcre2-dev libsqlite3-dev libssl-dev zlib1g-dev libdeflate-dev libcmocka-dev
git nginx-light fcgiwrap curl jq openssl ca-certificates"
missing=
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    head_ "Installing packages:$missing"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        { echo "These packages are needed and could not be installed:$missing" >&2; exit 1; }
fi
export PATH=$PATH:/usr/sbin:/sbin

head_ "Building helmctl"
cmake --preset release -DHC_WERROR=OFF >/dev/null && cmake --build --preset release --target helmctl helmctl-cluster helmctl-serve >/tmp/helmctl-build.$$ 2>&1 ||
    { grep -E 'error' /tmp/helmctl-build.$$ | head -20; rm -f /tmp/helmctl-build.$$; echo "the build failed" >&2; exit 1; }
rm -f /tmp/helmctl-build.$$
export PATH=$root/build/release/bin:$PATH
ok "$(helmctl version)"
begun=$SECONDS

# ---- the stage ---------------------------------------------------------------------------------------------------

dir=$(mktemp -d "${TMPDIR:-/tmp}/helmctl-quickstart.XXXXXX")
SERVERS=$dir/servers
mkdir -p "$SERVERS"
. "$root/deploy/examples/servers.sh"
stop_all() {
    for f in "$dir"/*.pid; do [ -f "$f" ] && kill "$(cat "$f")" 2>/dev/null; done
    servers_stop
}
finish() {
    local code=$?
    if [ $keep = 1 ] && [ $code = 0 ]; then
        cat >"$dir/stop.sh" <<STOP
#!/bin/sh
for f in "$dir"/*.pid "$SERVERS"/*.pid; do kill "\$(cat "\$f")" 2>/dev/null; done
sleep 1
rm -rf "$dir"
STOP
        chmod +x "$dir/stop.sh"
        trap - EXIT
        head_ "Everything is still running. In this shell or another:"
        printf '  export PATH=%s/build/release/bin:$PATH KUBECONFIG=%s\n' "$root" "$KUBECONFIG"
        printf '  cd %s/work/fleet         # the Git repository: edit, commit, push, and watch\n' "$SERVERS"
        printf '  helmctl get helmreleases -A\n'
        printf '  tail -f %s/controller.log\n' "$dir"
        printf '  %s/stop.sh                # stops all of it and removes the folder\n' "$dir"
        exit 0
    fi
    stop_all
    rm -rf "$dir"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

# Tries a command until it succeeds or the seconds are over.
within() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}

head_ "Starting a simulated cluster, a Git server and a chart repository on loopback"
helmctl sandbox --kubeconfig "$dir/kubeconfig" --data "$dir/sandbox" >"$dir/sandbox.log" 2>&1 &
echo $! >"$dir/sandbox.pid"
nginx_start || die "nginx, fcgiwrap and git-http-backend could not be started"
within 10 test -s "$dir/kubeconfig" || die "the sandbox did not start: $(tail -3 "$dir/sandbox.log")"
export KUBECONFIG=$dir/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
ok "Kubernetes API (simulated) at $server"

charts=$SERVERS/www/charts
tar -C "$root/deploy/examples/charts" --owner=0 --group=0 -czf "$charts/storefront-1.4.0.tgz" storefront
cat >"$charts/index.yaml" <<INDEX
apiVersion: v1
entries:
  storefront:
    - apiVersion: v2
      name: storefront
      version: 1.4.0
      appVersion: "2.0.0"
      description: A small web shop, the example of helmctl
      created: "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
      digest: $(sha256sum "$charts/storefront-1.4.0.tgz" | cut -d' ' -f1)
      urls: [storefront-1.4.0.tgz]
generated: "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
INDEX
ok "chart repository at http://127.0.0.1:$HTTP_PORT/charts with storefront 1.4.0"

git_repo fleet
fleet=$SERVERS/work/fleet
cp -R "$root/deploy/examples/fleet/." "$fleet/"
# In this play nobody wants to wait two minutes for a failure.
sed -i 's/^  timeout: 2m/  timeout: 6s/' "$fleet/environments/base/release.yaml"
git_commit fleet "The fleet: one base, two environments"
ok "Git repository at http://127.0.0.1:$HTTP_PORT/git/fleet.git"

helmctl controller --storage-path "$dir/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr "127.0.0.1:$(free_port)" \
    --health-addr "127.0.0.1:$(free_port)" >"$dir/controller.log" 2>&1 &
echo $! >"$dir/controller.pid"

cat >"$dir/fleet.yaml" <<FLEET
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec:
  interval: 1s
  url: http://127.0.0.1:$HTTP_PORT/git/fleet.git
  ref: {branch: main}
FLEET
for e in staging production; do
    cat >>"$dir/fleet.yaml" <<FLEET
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: $e, namespace: flux-system}
spec:
  interval: 1m
  path: ./environments/$e
  prune: true
  sourceRef: {kind: GitRepository, name: fleet}
  postBuild: {substitute: {charts_url: "http://127.0.0.1:$HTTP_PORT/charts"}}
FLEET
done

# ---- questions the play asks ---------------------------------------------------------------------------------------

release() { # ENVIRONMENT JQ-EXPRESSION: of the HelmRelease
    curl -fsS "$server/apis/helm.toolkit.fluxcd.io/v2/namespaces/$1/helmreleases/storefront" | jq -er "$2"
}
deployment() { # ENVIRONMENT JQ-EXPRESSION
    curl -fsS "$server/apis/apps/v1/namespaces/$1/deployments/storefront" | jq -er "$2"
}
ready='(.metadata.generation == .status.observedGeneration) and any(.status.conditions[]; .type == "Ready" and .status == "True")'
at_revision() { # ENVIRONMENT REVISION STATUS
    release "$1" ".status.history[0] | select(.version == $2 and .status == \"$3\")"
}
is_ready() { release "$1" "$ready | select(.)"; }
message() { release "$1" '.status.conditions[] | select(.type == "Ready") | .message'; }
shape() { deployment "$1" '"\(.spec.replicas) replica(s) of \(.spec.template.spec.containers[0].image), memory \(.spec.template.spec.containers[0].resources.requests.memory)"'; }
revisions() { helmctl history storefront -n "$1" -o json | jq -r 'length'; }
push() { # MESSAGE
    git_commit fleet "$1"
    info "git push: $1"
}

# ---- the play -------------------------------------------------------------------------------------------------------

head_ "1. One GitRepository and one Kustomization per environment"
helmctl deploy --crds-only -f "$dir/fleet.yaml" >"$dir/deploy.log" 2>&1 || die "$(tail -3 "$dir/deploy.log")"
for e in staging production; do
    within 20 is_ready "$e" || die "$e is not ready: $(message "$e" 2>&1)"
    ok "$e is Ready: $(shape "$e")"
done
[ "$(shape staging)" != "$(shape production)" ] || die "both environments look the same"

head_ "2. A commit upgrades staging"
sed -i 's/^replicas: 1/replicas: 2/; s/tag: "2.1.0"/tag: "2.2.0"/' "$fleet/environments/staging/values.yaml"
push "staging: two replicas of 2.2.0"
within 15 at_revision staging 2 deployed || die "staging is not at revision 2: $(message staging 2>&1)"
within 10 is_ready staging || die "staging is not ready: $(message staging 2>&1)"
ok "staging is at revision 2: $(shape staging)"
at_revision production 1 deployed >/dev/null || die "production was touched"
ok "production is untouched, at revision 1"

head_ "3. A commit breaks production"
sed -i 's/tag: "2.0.0"/tag: "2.1.0-broken"/' "$fleet/environments/production/values.yaml"
push "production: 2.1.0-broken, an image that does not exist"
within 25 at_revision production 3 deployed || die "production did not roll back: $(message production 2>&1)"
within 5 release production '.status.conditions[] | select(.type == "Remediated" and .status == "True")' || die "no Remediated condition"
ok "the upgrade to revision 2 failed and was rolled back by itself: revision 3 is revision 1 again"
image=$(deployment production '.spec.template.spec.containers[0].image')
case $image in *:2.0.0) ok "production runs $image" ;; *) die "production runs $image" ;; esac
why=$(release production '[.status.conditions[] | select(.type == "Released" or .type == "Ready") | .message] | .[0]')
case $(release production '[.status.conditions[].message] | join(" ")') in
*storefront*2.1.0-broken*) ok "the HelmRelease says why:" ;;
*) die "the HelmRelease does not say what failed: $why" ;;
esac
release production '.status.conditions[] | select(.type == "Released" or .type == "Ready") | .message' | grep 2.1.0-broken | head -n 1 | fold -s -w 100 | sed 's/^/         /'
at_revision staging 2 deployed >/dev/null || die "staging was touched"
ok "staging is untouched, at revision 2"

head_ "4. The fix is pushed"
sed -i 's/tag: "2.1.0-broken"/tag: "2.1.0"/' "$fleet/environments/production/values.yaml"
push "production: 2.1.0, the one that exists"
within 20 at_revision production 4 deployed || die "production is not at revision 4: $(message production 2>&1)"
within 10 is_ready production || die "production is not ready: $(message production 2>&1)"
ok "production is at revision 4: $(shape production)"

head_ "5. A change by hand is seen and put back"
curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"spec":{"replicas":7}}' \
    "$server/apis/apps/v1/namespaces/production/deployments/storefront?fieldManager=somebody" >/dev/null || die "the change by hand was refused"
info "somebody sets replicas to 7"
changed=$(date +%s%N)
within 15 deployment production 'select(.spec.replicas == 3)' || die "replicas are still $(deployment production .spec.replicas)"
ok "put back to 3 after $((($(date +%s%N) - changed) / 1000000)) ms, without a new revision ($(revisions production) in all)"
[ "$(revisions production)" = 4 ] || die "a revision was made"

head_ "6. Where things are"
helmctl get helmreleases -A || die "helmctl get helmreleases"
echo
helmctl history storefront -n production | cut -c 1-160 || die "helmctl history"
echo
echo "Where production's values came from:"
helmctl get values storefront -n production --origins || die "helmctl get values --origins"

printf '\n%sAll six steps happened, in %s s.%s Go on with:\n' "$green" "$((SECONDS - begun))" "$off"
cat <<'NEXT'
  deploy/quickstart.sh --keep                      the same, and everything stays up to look at
  helmctl template web deploy/examples/charts/storefront -f deploy/examples/fleet/environments/production/values.yaml
  helmctl deploy --export                          what installs helmctl into your own cluster
NEXT
