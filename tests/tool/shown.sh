#!/usr/bin/env bash
# What is shown of releases without a cluster: list, get, and a client dry run, whose Secrets can be hidden.
set -u
h=${HC_BUILD:?}/bin/helmctl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
equal() { [ "$2" = "$3" ] || { echo "$1: want '$2', got '$3'"; bad=1; }; }
printf 'apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]\ncontexts: [{name: c, context: {cluster: c, user: c}}]\ncurrent-context: c\nusers: [{name: c, user: {}}]\n' >"$dir/config"
export KUBECONFIG=$dir/config HELM_DRIVER=memory HELM_MEMORY_DRIVER_DATA=$dir/records
unset HELM_NAMESPACE
cat >"$dir/records" <<'YAML'
- {name: app-1, namespace: default, version: 1, info: {status: superseded, last_deployed: "2026-01-02T03:04:05Z"}, chart: {metadata: {name: c, version: 1.0.0}}}
- name: app-1
  namespace: default
  version: 2
  info: {status: deployed, last_deployed: "2026-02-03T04:05:06Z"}
  config: {x: null, there: null, m: {gone: null}}
  chart: {metadata: {name: c, version: 1.0.0, dependencies: [{name: z}, {name: a}]}, values: {there: 1, m: {gone: 1, kept: 2}}}
- {name: web, namespace: default, version: 1, manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: k, annotations: {helm.sh/resource-policy: keep}}\n", info: {status: failed, last_deployed: "2026-01-02T03:04:05Z"}, chart: {metadata: {name: c, version: 1.0.0}}}
YAML
equal "a selector is held against the newest revision" web "$("$h" list -q -l version=1)"
equal "and finds it" app-1 "$("$h" list -q -l 'version!=1,status in (deployed)')"
equal "a filter is a regular expression of Go" app-1 "$("$h" list -q --filter '^APP-\d$(?i)|^app-\d$')"
equal "one that is none" 'Error: error parsing regexp: missing closing ]: `[`' "$("$h" list --filter '[' 2>&1)"
equal "a layout of times" '2026-Feb-03' "$("$h" list --filter app --time-format 2006-Jan-02 -o json | grep -o '2026-[A-Za-z0-9-]*')"
equal "superseded ones are shown when nothing else is asked for" app-1 "$("$h" list -q --superseded)"
equal "and not beside others" web "$("$h" list -q --superseded --failed)"
equal "a null that meets no default is shown" '{"m":{"kept":2},"x":null}' "$("$h" get values app-1 -a -o json)"
equal "dependencies by name" "DEPENDENCIES: a,z" "$("$h" get metadata app-1 | grep DEPENDENCIES)"
equal "labels of a revision that is named are the user's" "LABELS: " "$("$h" get metadata app-1 --revision 1 | grep LABELS)"

equal "a template over a release" 'app-1 2 deployed c 1.0.0 map[gone:1 kept:2] 2026-02-03 04:05:06 +0000 UTC' \
    "$("$h" get all app-1 --template '{{with .Release}}{{.Name}} {{.Version}} {{.Info.Status}} {{.Chart.Metadata.Name}} {{.Chart.Metadata.Version}} {{.Chart.Values.m}} {{.Info.LastDeployed}}{{end}}')"

equal "what an uninstall would leave behind" "$(printf 'These resources were kept due to the resource policy:\n[ConfigMap] k\n\nrelease "web" uninstalled')" "$("$h" uninstall web --dry-run)"

mkdir -p "$dir/sec/templates"
printf 'apiVersion: v2\nname: sec\nversion: 0.1.0\n' >"$dir/sec/Chart.yaml"
cat >"$dir/sec/templates/a.yaml" <<'YAML'
{apiVersion: v1, kind: Secret, metadata: {name: flow}, stringData: {k: {{ print "sent" "inel" }}}}
---
apiVersion: v1
kind: "Secret" # and more
metadata: {name: quoted}
stringData: {k: {{ print "sent" "inel" }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain}
data: {k: "{{ len (lookup "v1" "Namespace" "" "") }}"}
YAML
export KUBECONFIG=$dir/nowhere
for form in table json yaml; do
    out=$("$h" install x "$dir/sec" --dry-run=client --hide-secret -o $form 2>&1)
    equal "dry run as $form" 0 $?
    equal "hidden as $form" "0 2 1" "$(grep -c sentinel <<<"$out") $(grep -o HIDDEN <<<"$out" | wc -l) $(grep -o 'name: plain' <<<"$out" | wc -l)"
done
has=$("$h" install x "$dir/sec" --dry-run=client -o json | grep -c '"values":null')
equal "a chart without values has none in its record" 1 "$has"
printf 'apiVersion: v1\nkind: Config\ncontexts: [{name: c, context: {cluster: c, user: c, namespace: elsewhere}}]\ncurrent-context: c\n' >"$dir/context"
export KUBECONFIG=$dir/nowhere:$dir/context:$dir/config
equal "a kubeconfig in several files" "NAMESPACE: elsewhere" "$("$h" install x "$dir/sec" --dry-run=client | grep NAMESPACE)"
equal "shown without the flag" 2 "$("$h" install x "$dir/sec" --dry-run=client | grep -c sentinel)"
equal "a name that is in use is no matter" 0 "$("$h" install web "$dir/sec" --dry-run=client >/dev/null 2>&1; echo $?)"
[ $bad = 0 ] && echo "all is shown as it should be"
exit $bad
