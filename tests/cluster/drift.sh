#!/usr/bin/env bash
# A change by hand is put back long before the interval of the HelmRelease, whether the object has a state (a Deployment)
# or only content that its metadata does not show (a ConfigMap, a Secret). Somebody who writes on is named and left alone; with
# mode warn it is only told.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/local.sh"
cat >"$work/app/templates/all.yaml" <<'CHART'
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {user: me}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example/web}]}
CHART
local_start
cat >"$work/all.yaml" <<ALL
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app, namespace: default}
spec:
  interval: 1h
  driftDetection: {mode: enabled}
  chart: {spec: {chart: app, sourceRef: {kind: HelmRepository, name: charts}}}
ALL
local_controller "$work/all.yaml"
core=$api/api/v1/namespaces/default apps=$api/apis/apps/v1/namespaces/default
release=$api/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/app
ready() { curl -s "$release" | grep -q '"reason":"InstallSucceeded"'; }
within 20 ready && ok "installed" || bad "not installed: $(curl -s "$release")"

patch() { # URL JSON: as a person with kubectl
    curl -s -o "$work/answer" -X PATCH -H 'Content-Type: application/merge-patch+json' "$1?fieldManager=kubectl-edit" --data "$2"
}
back() { curl -s "$1" | grep -q "$2"; } # URL PATTERN
for round in 1 2; do
    patch "$core/configmaps/settings" '{"data":{"colour":"red"}}'
    has "round $round: the ConfigMap is changed" '"colour":"red"' "$(cat "$work/answer")"
    within 5 back "$core/configmaps/settings" '"colour":"blue"' && ok "round $round: it is put back" || bad "the ConfigMap stays changed"
    patch "$core/secrets/login" '{"stringData":{"user":"you"}}'
    within 5 back "$core/secrets/login" '"user":"bWU="' && ok "round $round: the Secret is put back" || bad "the Secret stays changed"
    patch "$apps/deployments/web" '{"spec":{"replicas":5}}'
    within 5 back "$apps/deployments/web" '"replicas":2' && ok "round $round: the Deployment is put back" || bad "the Deployment stays changed"
done
curl -s -o /dev/null -X DELETE "$core/configmaps/settings"
within 5 back "$core/configmaps/settings" '"colour":"blue"' && ok "what was deleted is there again" || bad "the ConfigMap stays away"
drifted() { curl -s "$release" | tr -d '\n' | grep -o '"type":"Drifted"[^}]*}\|{[^{}]*"type":"Drifted"[^}]*}' | head -n 1; }
condition() { drifted | grep -q "$1"; } # PATTERN
for i in 1 2 3 4 5 6 7 8; do # a controller that insists
    curl -s -o /dev/null -X PATCH -H 'Content-Type: application/merge-patch+json' "$core/configmaps/settings?fieldManager=painter" \
        --data '{"data":{"colour":"red"}}'
    decided() { back "$core/configmaps/settings" '"colour":"blue"' || condition DriftFight; }
    within 5 decided || break
    condition DriftFight && break
done
has "who fights for a field is named" 'ConfigMap default/settings: /data/colour is changed again by painter each time' "$(drifted)"
back "$core/configmaps/settings" '"colour":"red"' && ok "and left alone" || bad "it is put back again"
patch "$apps/deployments/web" '{"spec":{"replicas":5}}'
within 5 back "$apps/deployments/web" '"replicas":2' && ok "other objects are put back all the same" || bad "the Deployment stays changed"
curl -s -X DELETE "$api/sandbox/stats" >/dev/null
began=$SECONDS
for i in $(seq 30); do patch "$core/configmaps/settings" "{\"data\":{\"colour\":\"red$i\"}}"; done
looks=$(curl -s "$api/sandbox/stats" | tr -d ' \n' | sed -n 's/.*"getconfigmaps":\([0-9]*\).*/\1/p')
[ "${looks:-0}" -le $((SECONDS - began + 2)) ] && ok "thirty writes in a row make one look a second" || bad "$looks looks for thirty writes in $((SECONDS - began)) s"

patch "$release" '{"spec":{"driftDetection":{"mode":"warn"}}}'
patch "$core/secrets/login" '{"stringData":{"user":"you"}}'
within 5 condition 'Secret default/login changed at /data/user' && ok "with mode warn it is told" || bad "Drifted: $(drifted)"
has "and stays so" '"status":"True"' "$(drifted)"
patch "$core/secrets/login" '{"stringData":{"user":"me"}}'
patch "$core/configmaps/settings" '{"data":{"colour":"blue"}}'
within 5 condition NoDriftDetected && ok "until it is gone" || bad "Drifted: $(drifted)"
equal "no new revision" 1 "$(curl -s "$core/secrets?labelSelector=owner%3Dhelm" | grep -o '"name":"sh.helm.release' | wc -l)"
done_
