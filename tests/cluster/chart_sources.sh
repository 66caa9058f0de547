#!/usr/bin/env bash
# HelmCharts out of a Helm repository, a registry, Git and a bucket, values out of a bucket, a chart that somebody else keeps: choice of versions, values files, what is built anew and what is
# not, dependencies from three places, and trees that mean harm. The API server is the sandbox; what is built is compared
# with what the real Helm makes of the same folder.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: the real helm cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir) # before HOME is another one, in which there is nothing yet
helm=$peers/helm4
s3rver=
[ "${HC_VERSITYGW:-}" ] || { "$root/tests/peers/build.sh" s3rver && s3rver=$peers/s3rver; }
bin=${HC_BUILD:?}/bin/helmctl
. "$here/lib/stage.sh"
export PATH=$PATH:/usr/sbin HOME=$work
nginx_start || { echo "SKIP: nginx, fcgiwrap or git-http-backend is not on this machine"; exit 77; }
registry_start || { echo "SKIP: docker-registry is not on this machine"; exit 77; }
repo=http://127.0.0.1:$HTTP_PORT/charts

chart() { # FOLDER NAME VERSION
    mkdir -p "$1/templates"
    printf 'apiVersion: v2\nname: %s\nversion: %s\n' "$2" "$3" >"$1/Chart.yaml"
    printf 'who: %s\nkeep: {a: 1, b: 2}\n' "$2" >"$1/values.yaml"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-%s}\ndata: {values: {{ .Values | toJson | quote }}}\n' "$2" >"$1/templates/cm.yaml"
}
for v in 1.0.0 1.1.0 2.0.0-rc.1; do
    chart "$work/web-$v" web "$v"
    printf 'who: production\nkeep: {b: 3}\n' >"$work/web-$v/values-prod.yaml"
    "$bin" package "$work/web-$v" -d "$SERVERS/www/charts" >/dev/null
done
chart "$work/part" part 0.3.0
"$bin" package "$work/part" -d "$work" >/dev/null
"$helm" push "$work/part-0.3.0.tgz" "oci://127.0.0.1:$REGISTRY_PORT/charts" --plain-http >/dev/null 2>&1 || { bad "push"; exit 1; }
"$helm" repo index "$SERVERS/www/charts"

git_repo tree >/dev/null
t=$SERVERS/work/tree
chart "$t/charts/umbrella" umbrella 0.1.0
chart "$t/lib/near" near 0.2.0
chart "$t/charts/umbrella/charts/held" held 0.4.0
cat >>"$t/charts/umbrella/Chart.yaml" <<DEPS
dependencies:
- {name: near, version: 0.x, repository: "file://../../lib/near"}
- {name: held, version: 0.4.0}
- {name: web, version: 1.x, repository: "$repo", alias: front}
- {name: part, version: 0.3.0, repository: "oci://127.0.0.1:$REGISTRY_PORT/charts"}
DEPS
printf 'who: %s\n' tree >"$t/common.yaml"
chart "$t/charts/plain" plain 1.0.0
chart "$t/charts/thief" thief 1.0.0
printf 'dependencies: [{name: passwd, version: 1.x, repository: "file://../../../../../../../../etc"}]\n' >>"$t/charts/thief/Chart.yaml"
chart "$t/charts/sick" sick 1.0.0
printf '{{ broken\n' >"$t/charts/sick/Chart.yaml"
ln -s /etc/hosts "$t/charts/plain/templates/link.yaml"
git_commit tree first

# A bucket, where the packages of its server can be had; curl signs what is put there. HC_VERSITYGW names another server,
# which takes minutes to build and checks signatures, too.
bucket=
if [ "${HC_VERSITYGW:-}" ]; then
    bucket=1
    s3_port=$(free_port)
    s3=http://127.0.0.1:$s3_port/charts
    mkdir -p "$work/s3/charts"
    ROOT_ACCESS_KEY=S3RVER ROOT_SECRET_KEY=S3RVER "$HC_VERSITYGW" --port "127.0.0.1:$s3_port" posix "$work/s3" >"$work/s3.log" 2>&1 &
    pids="$pids $!"
    wait_port "$s3_port" || bad "versitygw"
elif [ "$s3rver" ]; then
    bucket=1
    s3_port=$(free_port)
    s3=http://127.0.0.1:$s3_port/charts
    "$s3rver" -d "$work/s3" -a 127.0.0.1 -p "$s3_port" --configure-bucket charts >"$work/s3.log" 2>&1 &
    pids="$pids $!"
    wait_port "$s3_port" || bad "s3rver"
else
    echo "SKIP of the bucket: its server cannot be had here"
fi
put() { # FILE KEY
    curl -fsS --aws-sigv4 aws:amz:us-east-1:s3 --user S3RVER:S3RVER -H "x-amz-content-sha256: $(sha256sum "$1" | cut -d' ' -f1)" -T "$1" "$s3/$2" >/dev/null || bad "put $2"
}
bucket_objects() {
    local b='apiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\nmetadata: {name: %s, namespace: default}\nspec: {interval: 1h, endpoint: "127.0.0.1:'$s3_port'", insecure: true, bucketName: %s, secretRef: {name: %s}, ignore: "*.log\\n"}\n---\n'
    printf "$b$b$b" store charts s3 stranger charts s3-wrong missing nowhere s3
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s3, namespace: default}\nstringData: {accesskey: S3RVER, secretkey: S3RVER}\n---\n'
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s3-wrong, namespace: default}\nstringData: {accesskey: S3RVER, secretkey: planted-wrong}\n---\n'
    printf 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: b, namespace: default}\nspec: {interval: 10m, chart: {spec: {chart: charts/plain, sourceRef: {kind: Bucket, name: store}}}, valuesFrom: [{kind: Bucket, name: store, path: values/prod env.yaml}]}\n'
    hc from-bucket '{kind: Bucket, name: store}' charts/plain 'reconcileStrategy: Revision'
    echo ---
}
if [ "$bucket" ]; then
    printf 'who: bucket\n' >"$work/prod.yaml"
    put "$t/charts/plain/Chart.yaml" charts/plain/Chart.yaml
    put "$t/charts/plain/values.yaml" charts/plain/values.yaml
    put "$t/charts/plain/templates/cm.yaml" charts/plain/templates/cm.yaml
    put "$work/prod.yaml" values/prod%20env.yaml
    put "$work/prod.yaml" values/noise.log
    put "$work/prod.yaml" docs/left-out
    printf '/docs\n' >"$work/ignore"
    put "$work/ignore" .sourceignore
fi
cp "$SERVERS/www/charts/web-1.0.0.tgz" "$SERVERS/www/theirs.tgz"

"$bin" sandbox --kubeconfig "$work/kubeconfig" --ready-after 50 >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" || { cat "$work/sandbox.log"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
hc() { # NAME SOURCE CHART [MORE]
    printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: %s, namespace: default}\n' "$1"
    printf 'spec: {interval: 10m, sourceRef: %s, chart: %s%s}\n' "$2" "$3" "${4:+, $4}"
}
http='{kind: HelmRepository, name: http}' git='{kind: GitRepository, name: tree}' oci='{kind: HelmRepository, name: oci}'
{
    cat <<OBJ
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: http, namespace: default}
spec: {interval: 1h, url: "$repo/"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: oci, namespace: default}
spec: {type: oci, interval: 1h, insecure: true, url: "oci://127.0.0.1:$REGISTRY_PORT/charts"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: tree, namespace: default}
spec: {interval: 1h, url: "http://127.0.0.1:$HTTP_PORT/git/tree.git", ref: {branch: main}}
OBJ
    echo ---
    [ -z "$bucket" ] || bucket_objects
    printf 'apiVersion: source.toolkit.fluxcd.io/v1\nkind: ExternalArtifact\nmetadata: {name: theirs, namespace: default}\nspec: {sourceRef: {apiVersion: example.com/v1, kind: Maker, name: m}}\n---\n'
    printf 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x, namespace: default}\nspec: {interval: 10m, chartRef: {kind: ExternalArtifact, name: theirs}}\n'
    printf -- '---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r, namespace: default}\n'
    printf 'spec: {interval: 10m, chartRef: {kind: HelmChart, name: umbrella}}\n'
    hc latest "$http" web
    hc pre "$http" web 'version: ">=1.0.0-0"'
    hc exact "$http" web 'version: 2.0.0-rc.1'
    hc none "$http" web 'version: 9.x'
    hc merged "$http" web 'valuesFiles: [values.yaml, values-prod.yaml, gone.yaml], ignoreMissingValuesFiles: true'
    hc strict "$http" web 'valuesFiles: [values.yaml, gone.yaml]'
    hc itself "$http" web 'valuesFiles: [./values.yaml]'
    hc part "$oci" part 'version: 0.3.x'
    hc umbrella "$git" ./charts/umbrella
    hc plain "$git" charts/plain
    hc eager "$git" ./charts/plain 'reconcileStrategy: Revision'
    hc both "$git" charts/plain 'reconcileStrategy: Revision, valuesFiles: [charts/plain/values.yaml, ../../common.yaml]'
    hc thief "$git" charts/thief
    hc sick "$git" charts/sick
    hc outside "$git" ../../../../../etc
    hc absolute "$git" /charts/plain
    hc orphan '{kind: GitRepository, name: nobody}' charts/plain
} >"$work/objects.yaml"
"$bin" deploy --crds-only -f "$work/objects.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
"$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 --feature-gates ExternalArtifact=true >"$work/controller.log" 2>&1 &
pids="$pids $!"

charts=$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default
# All objects at once, one line a fact: NAME FIELD VALUE, with tabs.
look() {
    { curl -fsS "$charts/helmcharts"; curl -fsS "$charts/helmrepositories"; curl -fsS "$charts/buckets"; } | jq -r '.items[] | . as $o | .metadata.name as $n | [
        (.status.conditions[]? | [.type, "\(.status) \(.reason): \(.message)"]),
        (.status.artifact // {} | to_entries[] | ["artifact." + .key, "\(.value)"]),
        (.status // {} | to_entries[] | select(.key | startswith("observed")) | [.key, (.value | tostring)])][] | [$n] + . | @tsv' >"$work/facts"
}
fact() { awk -F '\t' -v n="$1" -v k="$2" '$1 == n && $2 == k {print $3}' "$work/facts"; } # NAME FIELD
settled() { look && [ "$(grep -cP '\tReady\t(True|False)' "$work/facts")" -ge "$(grep -cE '^kind: (Helm(Chart|Repository)|Bucket)$' "$work/objects.yaml")" ] && ! grep -q 'NoSourceArtifact' "$work/facts"; }
artifact() { curl -fsS "$(fact "$1" artifact.url)" -o "$work/$1.tgz"; } # NAME
# ready NAME REASON VERSION MESSAGE-END
ready() {
    equal "$1" "True $2: $4" "$(fact "$1" Ready)"
    equal "$1: stored" "True $2: $4" "$(fact "$1" ArtifactInStorage)"
    equal "$1: revision" "$3" "$(fact "$1" artifact.revision)"
}
# refused NAME CONDITION REASON PATTERN
refused() {
    has "$1" "^False $3: $4" "$(fact "$1" Ready)"
    has "$1: $2" "^True $3: " "$(fact "$1" "$2")"
}
within 30 settled || { bad "not settled"; cut -c1-150 "$work/facts"; }
head=$(git -C "$t" rev-parse HEAD)
ready latest ChartPullSucceeded 1.1.0 "pulled 'web' chart with version '1.1.0'"
equal "the file's name" "helmchart/default/latest/web-1.1.0.tgz" "$(fact latest artifact.path)"
artifact latest && cmp -s "$work/latest.tgz" "$SERVERS/www/charts/web-1.1.0.tgz" && ok "a chart as it was pulled" || bad "latest.tgz"
equal "what the source's artifact was" "$(fact http artifact.revision)" "$(fact latest observedSourceArtifactRevision)"
equal "and the chart's name" web "$(fact latest observedChartName)"
ready pre ChartPullSucceeded 2.0.0-rc.1 "pulled 'web' chart with version '2.0.0-rc.1'"
ready exact ChartPullSucceeded 2.0.0-rc.1 "pulled 'web' chart with version '2.0.0-rc.1'"
refused none FetchFailed InvalidChartReference "invalid chart reference: failed to get chart version for remote reference: .*9\\.x"
has "only another version helps" "^True InvalidChartReference" "$(fact none Stalled)"
ready merged ChartPackageSucceeded 1.1.0+1 "packaged 'web' chart with version '1.1.0+1' and merged values files [values.yaml values-prod.yaml]"
equal "the files that were there" '["values.yaml","values-prod.yaml"]' "$(fact merged observedValuesFiles)"
artifact merged
equal "values, later over earlier" $'keep:\n  a: 1\n  b: 3\nwho: production' "$(tar -xzOf "$work/merged.tgz" web/values.yaml)"
equal "the version inside" "version: 1.1.0+1" "$(tar -xzOf "$work/merged.tgz" web/Chart.yaml | grep version)"
refused strict BuildFailed ValuesFilesError "values files merge error: .*no values file found at path 'gone.yaml'"
ready itself ChartPullSucceeded 1.1.0 "pulled 'web' chart with version '1.1.0'"
ready part ChartPullSucceeded 0.3.0 "pulled 'part' chart with version '0.3.0'"
ready plain ChartPackageSucceeded 1.0.0 "packaged 'plain' chart with version '1.0.0'"
artifact plain
hasnt "a link out of the tree is not in it" 'link.yaml' "$(tar -tzf "$work/plain.tgz")"
ready eager ChartPackageSucceeded "1.0.0+${head:0:12}" "packaged 'plain' chart with version '1.0.0+${head:0:12}'"
ready both ChartPackageSucceeded "1.0.0+${head:0:12}.1" "packaged 'plain' chart with version '1.0.0+${head:0:12}.1' and merged values files [charts/plain/values.yaml ../../common.yaml]"
artifact both
has "values below the root of the source" '^who: tree$' "$(tar -xzOf "$work/both.tgz" plain/values.yaml)"
refused thief BuildFailed DependencyBuildError "dependency build error: failed to add local dependency 'passwd': no chart found at '/etc'"
refused sick FetchFailed InvalidChartReference "invalid chart reference: "
refused outside FetchFailed InvalidChartReference "invalid chart reference: nothing is at '/etc'"
refused absolute FetchFailed InvalidChartReference "invalid chart reference: local chart reference path is expected to be relative"
refused orphan FetchFailed SourceUnavailable "failed to get source: .*nobody"

# The umbrella beside what the real Helm makes of the same folder.
ready umbrella ChartPackageSucceeded 0.1.0 "packaged 'umbrella' chart with version '0.1.0'"
artifact umbrella
cp -R "$t" "$work/peer"
(cd "$work/peer/charts/umbrella" && "$helm" dependency update --plain-http . >"$work/peer.log" 2>&1) || { bad "the real Helm"; cat "$work/peer.log"; }
"$helm" template r "$work/peer/charts/umbrella" | sed -n 's/^metadata: {name: \(.*\)}/\1/p; s/^data: {values: \(.*\)}/\1/p' | paste - - | sort >"$work/theirs"
released() { curl -fsS "$server/api/v1/namespaces/default/configmaps" | jq -r '.items[] | select(.metadata.name | startswith("r-")) | "\(.metadata.name)\t\(.data.values | tojson)"' | sort | cmp -s "$work/theirs" -; }
within 20 released && ok "with dependencies from three places it renders as the real Helm's" || { bad "umbrella"; cat "$work/theirs"; }
equal "each is in it" "front held near part " "$(tar -tzf "$work/umbrella.tgz" | sed -n 's,^umbrella/charts/\([^/]*\)/Chart.yaml,\1,p' | sort | tr '\n' ' ')"

# A change that does not touch the version: seen by reconcileStrategy Revision alone.
before=$(fact plain artifact.digest)
echo "# changed" >>"$t/charts/plain/templates/cm.yaml"
git_commit tree second
curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"now"}}}' "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/tree" >/dev/null
head=$(git -C "$t" rev-parse HEAD)
observed() { look && [ "$(fact plain observedSourceArtifactRevision) $(fact eager observedSourceArtifactRevision)" = "main@sha1:$head main@sha1:$head" ]; }
within 20 observed || bad "the new revision is not seen"
equal "ChartVersion: the chart stays" "1.0.0 $before" "$(fact plain artifact.revision) $(fact plain artifact.digest)"
equal "Revision: a new one" "1.0.0+${head:0:12}" "$(fact eager artifact.revision)"
# A tree that can be built again heals what could not.
printf 'apiVersion: v2\nname: sick\nversion: 1.0.0\n' >"$t/charts/sick/Chart.yaml"
git_commit tree third
curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"again"}}}' "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/tree" >/dev/null
repaired() { look && fact sick Ready | grep -q '^True'; }
within 20 repaired && ok "a repaired chart" || bad "sick: $(fact sick Ready)"
equal "and nothing of the failure stays" "" "$(fact sick FetchFailed)$(fact sick Stalled)"
# A bucket
if [ "$bucket" ]; then
    md5() { md5sum "$1" | cut -d' ' -f1; }
    index() {
        printf '%s %s\n' charts/plain/Chart.yaml "$(md5 "$1/Chart.yaml")" charts/plain/templates/cm.yaml "$(md5 "$1/templates/cm.yaml")" \
            charts/plain/values.yaml "$(md5 "$1/values.yaml")" "values/prod env.yaml" "$(md5 "$work/prod.yaml")" | sha256sum | cut -d' ' -f1
    }
    revision=$(index "$work/peer/charts/plain")
    equal "the bucket" "True Succeeded: stored artifact: revision 'sha256:$revision'" "$(fact store Ready)"
    equal "its file" "bucket/default/store/$revision.tar.gz" "$(fact store artifact.path)"
    artifact store
    equal "without what is left out" "charts/plain/Chart.yaml charts/plain/templates/cm.yaml charts/plain/values.yaml values/prod env.yaml" "$(tar -tzf "$work/store.tgz" | grep -v '/$' | sed 's,^\./,,' | sort | paste -sd' ')"
    ready from-bucket ChartPackageSucceeded "1.0.0+${revision:0:12}" "packaged 'plain' chart with version '1.0.0+${revision:0:12}'"
    [ -z "${HC_VERSITYGW:-}" ] || has "a wrong secret" "^False BucketOperationFailed: .*SignatureDoesNotMatch.*check accesskey" "$(fact stranger Ready)"
    hasnt "which is not told" "planted-wrong" "$(cat "$work/controller.log" "$work/facts")"
    has "no such bucket" "^False BucketOperationFailed: bucket 'nowhere' not found" "$(fact missing Ready)"
    from_bucket() { curl -fsS "$server/api/v1/namespaces/default/configmaps/b-plain" | jq -r .data.values | grep -q '"who":"bucket"'; }
    within 20 from_bucket && ok "values out of a bucket" || bad "b: $(curl -fsS "$server/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/b" | jq -c .status.conditions)"
    ask() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"metadata\":{\"annotations\":{\"reconcile.fluxcd.io/requestedAt\":\"$1\"}}}" "$charts/buckets/store" >/dev/null; }
    asked() { curl -fsS "$charts/buckets/store" | jq -e ".status.lastHandledReconcileAt == \"$1\" and .status.artifact.revision $2" >/dev/null; }
    before=$(wc -l <"$work/s3.log")
    ask one
    within 20 asked one "== \"sha256:$revision\"" || bad "asked again"
    now=$(tail -n "+$((before + 1))" "$work/s3.log" | grep ' 200 ')
    [ "${HC_VERSITYGW:-}" ] || has "the list is asked for again" 'list-type=2' "$now"
    equal "the same list: nothing is fetched" "" "$(grep -v 'list-type=2\|sourceignore' <<<"$now" | grep -o '\.yaml.*')"
    printf 'who: another\n' >"$work/prod.yaml"
    put "$work/prod.yaml" values/prod%20env.yaml
    ask two
    within 20 asked two "== \"sha256:$(index "$work/peer/charts/plain")\"" && ok "a changed object is a new revision" || bad "changed object"
fi
# What somebody else keeps
curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"status\":{\"artifact\":{\"digest\":\"sha256:$(sha256sum "$SERVERS/www/theirs.tgz" | cut -d' ' -f1)\",\"lastUpdateTime\":\"2026-01-01T00:00:00Z\",\"path\":\"x\",\"revision\":\"1.0.0\",\"url\":\"http://127.0.0.1:$HTTP_PORT/theirs.tgz\"}}}" "$charts/externalartifacts/theirs/status" >/dev/null || bad "status of theirs"
released_x() { curl -fsS "$server/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/x" | jq -e '.status.history[0] | .status == "deployed" and .chartVersion == "1.0.0"' >/dev/null; }
within 20 released_x && ok "a chart of an ExternalArtifact" || bad "x: $(curl -fsS "$server/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/x" | jq -c .status.conditions)"
events() { curl -fsS "$server/api/v1/namespaces/default/events" | jq -r '.items[] | select(.involvedObject.kind == "HelmChart") | "\(.involvedObject.name) \(.type) \(.reason)"' | sort -u; }
has "an event of the new artifact" '^latest Normal ChartPullSucceeded$' "$(events)"
has "and of one that is packed" '^umbrella Normal ChartPackageSucceeded$' "$(events)"
has "and of what cannot be built" '^strict Warning ValuesFilesError$' "$(events)"
done_
