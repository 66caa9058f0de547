#!/usr/bin/env bash
# The controller against the sandbox: what it does with each kind, what it refuses, and what it costs when nothing is to
# be done. Counts are exact. Git is served by nginx and git-http-backend.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/deploy/examples/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" kubectl helm4 >/dev/null || { echo "SKIP: the real kubectl and helm cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
kubectl=$peers/kubectl helm=$peers/helm4
bin=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
sandbox='' controller=''
finish() {
    [ "$failed" = 0 ] || tail -n 25 "$work/controller.log"
    [ -n "$controller" ] && kill -9 "$controller" 2>/dev/null
    [ -n "$sandbox" ] && kill -9 "$sandbox" 2>/dev/null
    servers_stop
    [ "${KEEP:-}" ] && echo "kept $work" || rm -rf "$work"
}
trap finish EXIT
nginx_start || { echo "SKIP: nginx, fcgiwrap or git-http-backend is not on this machine"; exit 77; }
"$bin" sandbox --kubeconfig "$work/kubeconfig" >"$work/sandbox.log" 2>&1 &
sandbox=$!
within 10 test -s "$work/kubeconfig" || { echo "the sandbox did not start"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$("$kubectl" config view -o jsonpath='{.clusters[0].cluster.server}')
"$bin" deploy --crds-only >/dev/null || exit 1

git_repo fleet
fleet=$SERVERS/work/fleet
mkdir -p "$fleet/chart/templates" "$fleet/apps/sub" "$fleet/values"
cat >"$fleet/chart/Chart.yaml" <<Y
apiVersion: v2
name: small
version: 1.0.0
appVersion: "7"
Y
echo 'text: default' >"$fleet/chart/values.yaml"
cat >"$fleet/chart/templates/all.yaml" <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data:
  text: {{ .Values.text | quote }}
  revision: "{{ .Release.Revision }}"
  {{- if .Values.generate }}
  password: {{ randAlphaNum 16 }}
  {{- end }}
Y
cat >"$fleet/chart/templates/web.yaml" <<'Y'
{{- if .Values.web }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}, annotations: {sandbox.helmctl.dev/behavior: slow, sandbox.helmctl.dev/after: 700ms}}
    spec: {containers: [{name: web, image: "example/web:{{ .Values.web }}"}]}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80}]}
{{- end }}
Y
cat >"$fleet/chart/templates/check.yaml" <<'Y'
{{- if .Values.check }}
apiVersion: batch/v1
kind: Job
metadata: {name: "{{ .Release.Name }}-check", annotations: {helm.sh/hook: test}}
spec: {template: {metadata: {annotations: {sandbox.helmctl.dev/behavior: complete}}, spec: {restartPolicy: Never, containers: [{name: c, image: "example/c:1"}]}}}
{{- end }}
Y
echo 'text: from-git' >"$fleet/values/prod.yaml"
cat >"$fleet/apps/one.yaml" <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: one, namespace: apps}
Y
cp "$fleet/apps/one.yaml" "$fleet/apps/sub/two.yaml"
sed -i 's/name: one/name: two/' "$fleet/apps/sub/two.yaml"
git_commit fleet "first"
"$kubectl" create namespace apps >/dev/null
"$kubectl" create namespace other >/dev/null

controller_start() {
    "$bin" controller --storage-path "$work/storage" --min-retry-delay 50ms --max-retry-delay 1s --requeue-dependency 1s \
        --log-encoding console "$@" >>"$work/controller.log" 2>&1 &
    controller=$!
}
# Most of what is asked and applied goes without a process of kubectl's, which story.sh and sandbox_clients.sh have enough of.
path() { # KIND NAME [NAMESPACE]: sets $path
    case $1 in
    hr | HelmRelease) path=apis/helm.toolkit.fluxcd.io/v2/namespaces/${3:-apps}/helmreleases/$2 ;;
    ks | Kustomization) path=apis/kustomize.toolkit.fluxcd.io/v1/namespaces/${3:-apps}/kustomizations/$2 ;;
    hc) path=apis/source.toolkit.fluxcd.io/v1/namespaces/${3:-apps}/helmcharts/$2 ;;
    gitrepo | GitRepository) path=apis/source.toolkit.fluxcd.io/v1/namespaces/${3:-apps}/gitrepositories/$2 ;;
    cm) path=api/v1/namespaces/${3:-apps}/configmaps/$2 ;;
    deployment) path=apis/apps/v1/namespaces/${3:-apps}/deployments/$2 ;;
    *) return 2 ;;
    esac
}
get() { # KIND NAME [NAMESPACE]: the object as JSON; fails when it is not there
    path "$@" && curl -fsS "$server/$path" 2>/dev/null
}
apply() { # the object on stdin, by server-side apply
    local text
    text=$(cat)
    [[ $text =~ kind:\ ([A-Za-z]+).*[\{\ ]name:\ ([a-z0-9-]+),\ namespace: ]] && path "${BASH_REMATCH[@]:1}" &&
        curl -fsS -o "$work/applied" -X PATCH -H 'Content-Type: application/apply-patch+yaml' --data-binary "$text" \
            "$server/$path?fieldManager=tests&force=true" || bad "apply: $text"
}
hr() { get hr "$1" | jq -r "$2"; }
gone() { ! get "$1" "$2" >/dev/null; }
ready() { [ "$(get "$1" "$2" | jq -r 'if .status.observedGeneration == .metadata.generation then (.status.conditions[]? | select(.type == "Ready").status) else "old" end')" = "${3:-True}" ]; }
message() { get "$1" "$2" | jq -r '.status.conditions[] | select(.type == "Ready").message'; }
revisions() { "$helm" history "$1" -n "${2:-apps}" -o json 2>/dev/null | jq -r 'length'; }
text() { get cm "$1" "${2:-apps}" | jq -r .data.text; }
requests() { curl -s "$server/sandbox/stats" | jq .requests; }
release() { # NAME, further lines of spec
    cat <<Y
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: $1, namespace: apps}
spec:
  interval: ${interval:-10m}
  chart: {spec: {chart: chart, sourceRef: {kind: GitRepository, name: fleet}}}
$2
Y
}
metrics=127.0.0.1:$(free_port)
controller_start --metrics-addr "$metrics"
apply <<Y
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: apps}
spec: {interval: 1h, url: "http://127.0.0.1:$HTTP_PORT/git/fleet.git", ref: {branch: main}}
Y
sync_git() { "$kubectl" annotate gitrepo fleet -n apps "reconcile.fluxcd.io/requestedAt=$(date +%s%N)" --overwrite >/dev/null; }

# ---- sources
within 10 ready gitrepo fleet && ok "GitRepository is Ready" || bad "GitRepository: $(message gitrepo fleet)"
artifact=$(get gitrepo fleet | jq -c .status.artifact)
equal "revision" "main@sha1:$(git -C "$fleet" rev-parse HEAD)" "$(jq -r .revision <<<"$artifact")"
equal "the artifact is served and has its digest" "$(jq -r .digest <<<"$artifact")" \
    "sha256:$(curl -sf "$(jq -r .url <<<"$artifact")" | sha256sum | cut -d' ' -f1)"
equal "nothing else is served" 404 "$(curl -s -o /dev/null -w '%{http_code}' "$(jq -r '.url | split("/")[0:3] | join("/")' <<<"$artifact")/blobs/sha256/")"

rm -rf "$work/storage"
sync_git
served() { [ "$(jq -r .digest <<<"$artifact")" = "sha256:$(curl -sf "$(jq -r .url <<<"$artifact")" | sha256sum | cut -d' ' -f1)" ]; }
within 10 served && ok "and again when its folder was removed" || bad "the folder was removed: $(message gitrepo fleet)"

# ---- HelmRelease
release web '  values: {text: inline}' | apply
within 10 ready hr web && ok "HelmRelease is Ready" || bad "HelmRelease: $(message hr web)"
equal "values" inline "$(text web)"
equal "revision of the chart's artifact" 1.0.0 "$("$kubectl" get hc apps-web -n apps -o jsonpath='{.status.artifact.revision}')"
equal "HelmChart as Flux names it" apps/apps-web "$(hr web .status.helmChart)"
equal "finalizer" finalizers.fluxcd.io "$(hr web '.metadata.finalizers[0]')"
equal "conditions in order" "Ready Released" "$(hr web '[.status.conditions[].type] | join(" ")')"
equal "reason" InstallSucceeded "$(hr web '.status.conditions[0].reason')"
equal "history" "1 deployed install small 1.0.0 7" "$(hr web '.status.history[0] | "\(.version) \(.status) \(.action) \(.chartName) \(.chartVersion) \(.appVersion)"')"
equal "inventory" "apps_web__ConfigMap v1" "$(hr web '.status.inventory.entries[0] | "\(.id) \(.v)"')"
equal "origin labels" "web apps" "$(get cm web | jq -r '.metadata.labels | "\(."helm.toolkit.fluxcd.io/name") \(."helm.toolkit.fluxcd.io/namespace")"')"

# ---- metrics under the names and labels of controller-runtime
scraped=$(curl -s "http://$metrics/metrics")
for m in 'gotk_reconcile_duration_seconds_count{kind="HelmRelease",name="web",namespace="apps"}' 'workqueue_depth{controller="helmrelease",name="helmrelease"}' \
    'controller_runtime_reconcile_total{controller="gitrepository",result="error"}' 'controller_runtime_reconcile_errors_total{controller="helmrelease"}'; do
    case $scraped in *"$m "*) ok "$m" ;; *) bad "$m is not in $scraped" ;; esac
done

# ---- nothing to do costs nothing
interval=1s
release idle '  values: {text: idle}' | apply
within 10 ready hr idle && ok "a release with an interval of a second" || bad "idle: $(message hr idle)"
within 2 false
before=$(requests)
within 3 false
after=$(requests)
equal "three intervals send no request" 0 $((after - before))
interval=10m

# ---- what an install and an upgrade cost: every request about the release, by verb
counts() {
    curl -s "$server/sandbox/stats" | jq -r '.byVerb | to_entries | map(select(.key |
        test(" (secrets|deployments|services|configmaps|events)") or test("^(patch|update) helmreleases"))) | sort_by(.key)[] |
        "\(.key | sub("\\.(apps|helm\\.toolkit\\.fluxcd\\.io)"; "")) \(.value)"'
}
reset() { curl -s -X DELETE "$server/sandbox/stats" >/dev/null; }
release warm '  values: {web: 1}' | apply # its kinds are watched from now on
within 10 ready hr warm || bad "warm: $(message hr warm)"
reset
counted() { # IMAGE-TAG: of a chart that is there
    release counted "  chartRef: {kind: HelmChart, name: apps-warm}
  values: {web: $1}" | sed '/^  chart:/d' | apply
}
counted 1
within 10 ready hr counted || bad "counted: $(message hr counted)"
told() { counts | grep -q "^create events $1"; }
within 5 told 1
# One patch of the HelmRelease is this script's, here and below.
equal "requests of an install" "create events 1
create secrets 1
get secrets 1
patch configmaps 1
patch deployments 1
patch helmreleases 2
patch helmreleases/status 2
patch services 1
update secrets 1" "$(counts)"
reset
counted 2
within 10 ready hr counted || bad "counted: $(message hr counted)"
within 5 told 1
equal "requests of an upgrade: what stays as it is is looked at, not written" "create events 1
create secrets 1
get secrets 3
get services 1
patch configmaps 1
patch deployments 1
patch helmreleases 1
patch helmreleases/status 2
update secrets 2" "$(counts)"

# ---- values: a file in Git, then a commit
release web '  values: {}
  valuesFrom: [{kind: GitRepository, name: fleet, path: values/prod.yaml}]' | apply
within 10 test "$(text web)" = from-git; within 5 ready hr web && equal "a file in Git" from-git "$(text web)"
echo 'text: commit' >"$fleet/values/prod.yaml"
git_commit fleet "values"
sync_git
commit_there() { [ "$(text web)" = commit ]; }
within 10 commit_there && ok "a commit changes the values" || bad "text: $(text web)"
within 5 ready hr web
equal "one revision a change" 3 "$(revisions web)"

# ---- force, suspend
token=$(date +%s%N)
"$kubectl" annotate hr web -n apps "reconcile.fluxcd.io/requestedAt=$token" "reconcile.fluxcd.io/forceAt=$token" --overwrite >/dev/null
four() { [ "$(revisions web)" = 4 ]; }
within 10 four && ok "forceAt is one revision" || bad "revisions: $(revisions web)"
handled() { [ "$(hr web .status.lastHandledForceAt)" = "$token" ] && [ "$(hr web .status.lastHandledReconcileAt)" = "$token" ]; }
within 5 handled && ok "the tokens are echoed" || bad "tokens: $(hr web .status)"
"$kubectl" patch hr web -n apps --type merge -p '{"spec":{"suspend":true,"values":{"text":"later"}}}' >/dev/null
within 2 false
equal "suspended: nothing happens" 4 "$(revisions web)"
ready hr web && ok "but its generation is observed: what depends on it goes on" || bad "suspended: $(hr web .status.observedGeneration)"
"$kubectl" patch gitrepo fleet -n apps --type merge -p '{"spec":{"suspend":true}}' >/dev/null
within 5 ready gitrepo fleet && ok "that of a source, too" || bad "suspended source: $(message gitrepo fleet)"
"$kubectl" patch gitrepo fleet -n apps --type merge -p '{"spec":{"suspend":false}}' >/dev/null
"$kubectl" patch hr web -n apps --type merge -p '{"spec":{"suspend":false}}' >/dev/null
later() { [ "$(text web)" = later ]; }
within 10 later && ok "resumed: it happens" || bad "text: $(text web)"

# ---- dependencies
release second '  dependsOn: [{name: first}]' | apply
reason() { [ "$(hr "$1" '.status.conditions[] | select(.type == "Ready").reason')" = "$2" ]; }
within 5 reason second DependencyNotReady && ok "waits for what it depends on" || bad "second: $(hr second .status.conditions)"
release first '  values: {}' | apply
within 10 ready hr second && ok "and goes on" || bad "second: $(message hr second)"

# ---- two HelmReleases with one release name take it from each other ever more slowly
release twin-a '  releaseName: twin
  values: {text: a}' | apply
release twin-b '  releaseName: twin
  values: {text: b}' | apply
within 10 ready hr twin-a && within 10 ready hr twin-b || bad "twins: $(message hr twin-a)"
within 3 false
newest=$("$helm" history twin -n apps -o json | jq -r '.[-1].revision')
[ "$newest" -gt 3 ] && [ "$newest" -lt 40 ] && ok "two of one name do not keep the server busy" || bad "$newest revisions in 3 s"
"$kubectl" delete hr twin-a twin-b -n apps --wait=false >/dev/null

# ---- a namespace that comes a moment after the release that needs it; an ignore rule that cannot be read
release early '  storageNamespace: later' | apply
within 5 ready hr early False && has "a missing namespace" 'namespaces "later" not found' "$(message hr early)"
"$kubectl" create namespace later >/dev/null
within 8 ready hr early && ok "is not waited for until the interval" || bad "early: $(message hr early)"
release ignoring '  driftDetection: {mode: enabled, ignore: [{paths: [/data], target: {kind: "["}}]}' | apply
within 5 reason ignoring StateError && has "an ignore rule that cannot be read" 'invalid kind regex.*`\^\(\[\)\$`' "$(message hr ignoring)"
"$kubectl" delete hr ignoring early -n apps --wait=false >/dev/null
within 5 gone hr ignoring && ok "keeps nobody from deleting" || bad "ignoring is still there"

# ---- another namespace: the old release goes first
release first '  targetNamespace: other
  releaseName: first' | apply
moved() { get cm first other >/dev/null && ! get cm first >/dev/null; }
within 10 moved && ok "a new target namespace moves the release" || bad "first: $(message hr first)"

# ---- what failed until no retry is left is tried again when somebody does something about it
ask() { # NAME ANNOTATION...: with one token
    local name=$1 token
    token=$(date +%s%N)
    shift
    "$kubectl" annotate hr "$name" -n apps $(printf "reconcile.fluxcd.io/%s=$token " "$@") --overwrite >/dev/null
}
slow() { # NAME TIMEOUT [MORE]: a Deployment that takes 700 ms
    release "$1" "  timeout: $2
  values: {web: 1}
${3:-}" | apply
}
slow longer 100ms
slow resetting 100ms
slow trying 100ms '  install: {strategy: {name: RetryOnFailure, retryInterval: 10m}}'
release back '  values: {}' | apply
release keeps '  values: {text: kept}' | apply
release checked '  values: {check: true}' | apply
within 10 ready hr back && within 10 ready hr keeps && within 10 ready hr checked || bad "back: $(message hr back)"
slow back 100ms '  upgrade: {remediation: {retries: 1}}'
release keeps '  upgrade: {preserveValues: true}
  values: {more: 1}' | apply
release checked '  test: {enable: true}
  values: {check: true}' | apply
stalled() { hr "$1" '.status.conditions[] | select(.type == "Stalled").message' | grep -q "after $2 attempt"; }
within 10 stalled longer 1 && within 10 stalled resetting 1 && within 10 stalled back 2 || bad "stalled: $(hr longer .status.conditions)"
equal "history behind two rollbacks" "5 deployed rollback, 4 failed upgrade, 3 superseded rollback" \
    "$(hr back '[.status.history[] | "\(.version) \(.status) \(.action)"] | join(", ")')"
equal "counts" "2 null 2" "$(hr back '.status | "\(.upgradeFailures) \(.installFailures) \(.failures)"')"
slow longer 10s
within 10 ready hr longer && equal "a longer time-out: tried again" 2 "$(revisions longer)" || bad "longer: $(message hr longer)"
ask resetting requestedAt
handled_by() { [ "$(hr "$1" .status.lastHandledReconcileAt)" = "$(hr "$1" '.metadata.annotations."reconcile.fluxcd.io/requestedAt"')" ]; }
within 5 handled_by resetting && equal "a request alone changes nothing" 1 "$(revisions resetting)"
ask resetting requestedAt resetAt
within 10 ready hr resetting && equal "resetAt: tried again" 2 "$(revisions resetting)" || bad "resetting: $(message hr resetting)"
equal "what was upgraded from" "2 deployed, 1 superseded" "$(hr resetting '[.status.history[] | "\(.version) \(.status)"] | join(", ")')"
between() { [ "$(hr trying '.status.conditions[] | select(.type == "Reconciling").message')" = "retrying after 10m0s" ]; }
within 5 between && equal "RetryOnFailure counts" "1 1" "$(hr trying '.status | "\(.installFailures) \(.failures)"')" || bad "trying: $(hr trying .status.conditions)"
ask trying requestedAt
within 10 ready hr trying && equal "a request does not wait for retryInterval" 2 "$(revisions trying)" || bad "trying: $(message hr trying)"
within 10 ready hr keeps && equal "preserveValues" "kept 2" "$(text keeps) $(revisions keeps)"
ask keeps requestedAt
within 5 handled_by keeps && equal "and is in sync then" 2 "$(revisions keeps)"
tested() { [ "$(hr checked '.status.history[0].testHooks | to_entries[0].value.phase')" = Succeeded ]; }
within 10 tested && equal "tests that are asked for later run" "TestSucceeded 1" \
    "$(hr checked '.status.conditions[] | select(.type == "Ready").reason') $(revisions checked)" || bad "checked: $(hr checked .status)"
"$kubectl" delete hr longer resetting trying back keeps checked -n apps --wait=false >/dev/null

# ---- wrong input: one clear message, and nothing else changes
release wrong '  valuesFrom: [{kind: ConfigMap, name: nope}]' | apply
within 5 reason wrong ValuesError && has "missing ConfigMap" "could not resolve ConfigMap chart values reference 'apps/nope' with key 'values.yaml': configmaps \"nope\" not found" "$(message hr wrong)"
release wrong '  values: {}' | sed 's/chart: chart,/chart: nowhere,/' | "$kubectl" replace -f - >/dev/null
within 5 reason wrong SourceNotReady && has "missing chart path" "nowhere" "$(message hr wrong)"
equal "no release was made" "" "$(revisions wrong)"
"$kubectl" delete hr wrong -n apps --wait=false >/dev/null
within 10 gone hr wrong && ok "it can be deleted" || bad "wrong is still there"

# ---- delete
"$kubectl" delete hr web -n apps --wait=false >/dev/null
within 10 gone hr web && ok "deleted" || bad "web: $(hr web .status.conditions)"
equal "its records" "" "$(revisions web)"
within 5 gone cm web && within 5 gone hc apps-web && ok "its objects and its HelmChart are gone" || bad "something of web is left"

# ---- Kustomization
kustomization() { # NAME PATH
    cat <<Y
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: $1, namespace: apps}
spec:
  interval: 10m
  path: $2
  prune: true
  sourceRef: {kind: GitRepository, name: fleet}
Y
}
kustomization all ./apps | apply
within 10 ready ks all && ok "Kustomization is Ready" || bad "Kustomization: $(message ks all)"
equal "a folder without a kustomization file takes all below it" "apps_one__ConfigMap apps_two__ConfigMap" \
    "$(get ks all | jq -r '[.status.inventory.entries[].id] | sort | join(" ")')"
rm "$fleet/apps/one.yaml"
git_commit fleet "without one"
sync_git
within 10 gone cm one && ok "what left the source is pruned" || bad "one is still there"
equal "what stayed, stayed" two "$("$kubectl" get cm two -n apps -o jsonpath='{.metadata.name}')"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: three, namespace: apps}\ndata: {}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: Bad_Name, namespace: apps}\n' >"$fleet/apps/bad.yaml"
git_commit fleet "refused"
sync_git
within 10 ready ks all False && has "a refused object is named" "Secret/apps/Bad_Name dry-run failed" "$(message ks all)"
within 1 false
gone cm three && ok "and nothing of that revision was applied" || bad "three was applied"
rm "$fleet/apps/bad.yaml"
mkdir -p "$fleet/self"
kustomization self ./self >"$fleet/self/self.yaml"
git_commit fleet "self"
sync_git
kustomization self ./self | apply
within 10 ready ks self && ok "a Kustomization may hold itself" || bad "self: $(message ks self)"
rm "$fleet/self/self.yaml"
cp "$fleet/apps/sub/two.yaml" "$fleet/self/four.yaml"
sed -i 's/name: two/name: four/' "$fleet/self/four.yaml"
git_commit fleet "without itself"
sync_git
within 10 ready ks self False && has "but never prunes itself" "would prune itself" "$(message ks self)"
gone cm four && ok "and then applies nothing" || bad "four was applied"
"$kubectl" delete ks all -n apps --wait=false >/dev/null
within 10 gone cm two && within 5 gone ks all && ok "a deleted Kustomization prunes" || bad "two is still there"

# ---- generated values stay, where that is asked for
keeping() { # TEXT
    release "$1" "  values: {generate: true, text: $2}" |
        sed 's/metadata: {name/metadata: {annotations: {release.helmctl.dev\/keep-generated: enabled}, name/' | apply
}
password() { get cm "$1" | jq -r .data.password; }
keeping kept one
release forgetful '  values: {generate: true, text: one}' | apply
within 10 ready hr kept && within 10 ready hr forgetful || bad "kept: $(message hr kept)"
first_kept=$(password kept) first_forgetful=$(password forgetful)
[ ${#first_kept} = 16 ] && ok "a generated password" || bad "password: '$first_kept'"
keeping kept two
release forgetful '  values: {generate: true, text: two}' | apply
two() { [ "$(text "$1")" = two ] && ready hr "$1"; }
within 10 two kept && within 10 two forgetful || bad "kept: $(message hr kept)"
equal "it survives the upgrade" "$first_kept" "$(password kept)"
[ "$(password forgetful)" != "$first_forgetful" ] && ok "and without the annotation does not" || bad "forgetful kept its password"
equal "the real helm reads the record" 2 "$(revisions kept)"
"$helm" rollback kept 1 -n apps --force-conflicts >/dev/null || bad "helm rollback"
four() { [ "$(revisions kept)" = 4 ] && two kept; }
within 15 four && equal "and a revision of the real helm in between" "$first_kept" "$(password kept)" || bad "kept: $(message hr kept)"

# ---- restart and stop
kill -9 $controller
wait $controller 2>/dev/null
rm -rf "$work/storage"
controller_start
release late '  values: {text: late}' | apply
within 15 ready hr late && ok "works on after kill -9 and with its store lost" || bad "late: $(message hr late)"
equal "without new revisions" 1 "$(revisions idle)"
keeping again one
within 10 ready hr again || bad "again: $(message hr again)"
first_again=$(password again)
kill -9 $controller
wait $controller 2>/dev/null
keeping again two
controller_start --no-cross-namespace-refs
release crossing '  values: {}' | sed 's/name: fleet}/name: fleet, namespace: other}/' | apply
within 15 two again && equal "a generated password survives the process, too" "$first_again" "$(password again)"

within 10 reason crossing AccessDenied && has "a chart of another namespace" "can't access 'GitRepository/other/fleet', cross-namespace" "$(message hr crossing)"
get hc apps-crossing other >/dev/null && bad "a HelmChart was made there" || ok "and nothing is made there"
"$kubectl" delete hr crossing -n apps --wait=false >/dev/null

# ---- killed before the status was noted, deleted before the next process: nothing is left behind
fault() { curl -s -X "$1" "$server/sandbox/faults" ${2:+-d "$2"} >/dev/null; }
"$helm" install foreign "$fleet/chart" -n apps >/dev/null || bad "helm install"
fault POST '{"verb": "patch", "path": "*/helmreleases/orphan/status", "action": "status", "code": 500}'
release orphan '  values: {web: 1}' | apply
there() { get "$1" "$2" >/dev/null; }
within 10 there deployment orphan && ok "an install of which the status cannot tell" || bad "orphan is not installed"
kill -9 $controller
wait $controller 2>/dev/null
equal "the status knows nothing" null "$(hr orphan .status.storageNamespace)"
"$kubectl" delete hr orphan -n apps --wait=false >/dev/null
release foreign '  values: {}' | sed 's/metadata: {name/metadata: {finalizers: [finalizers.fluxcd.io], name/' | apply
"$kubectl" delete hr foreign -n apps --wait=false >/dev/null
fault DELETE
controller_start
within 15 gone hr orphan && within 5 gone deployment orphan && ok "it is uninstalled all the same" || bad "orphan is left"
equal "with its records" "" "$(revisions orphan)"
within 10 gone hr foreign && there cm foreign && ok "what somebody else installed under the name stays" || bad "foreign: $(hr foreign .status)"
kill -TERM $controller
stopped() { ! kill -0 $controller 2>/dev/null; }
within 10 stopped && ok "SIGTERM ends it" || bad "it runs on after SIGTERM"
wait $controller
equal "with status 0" 0 $?
controller=
done_
