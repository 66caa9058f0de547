# helmctl plan, apply and --preflight on the real API server: what is foretold is what happens, what would be refused is
# told beforehand and nothing is written. To be sourced by release.sh ($h4 $h $k $dir).
planned=$dir/planned
mkdir -p "$planned/templates"
printf 'apiVersion: v2\nname: planned\nversion: 0.1.0\n' >"$planned/Chart.yaml"
cat >"$planned/templates/all.yaml" <<'CHART'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas | default 0 }}
  selector: {matchLabels: {app: {{ .Values.app | default "web" }}}}
  template:
    metadata: {labels: {app: {{ .Values.app | default "web" }}}}
    spec: {containers: [{name: app, image: example/app:1{{ if .Values.typo }}, imagee: x{{ end }}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: {{ .Values.password | default "hunter2" }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shared}
data: {v: {{ .Values.v | default "1" | quote }}}
{{- if not .Values.nodata }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}
{{- end }}
{{- with .Values.more }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ . }}}
{{- end }}
{{- if .Values.old }}
---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: old}
{{- end }}
CHART
# Without what the cluster's own controllers write.
everything() {
    look "$dir/everything" written plan apis/apps/v1/deployments api/v1/secrets api/v1/configmaps api/v1/persistentvolumeclaims
    cat "$dir/everything"
}
# foretold WHAT EXIT PATTERN ARGS...: plan says so, with that exit code, and nothing was written. `seen` is what was there
# after the last one; who writes in between empties it.
seen=
foretold() {
    local what=$1 want=$2 pattern=$3 before out code
    shift 3
    before=${seen:-$(everything)}
    out=$("$h" -n plan plan web "$planned" "$@" 2>&1)
    code=$?
    equal "$what: exit code" "$want" "$code"
    has "$what" "$pattern" "$out"
    hasnt "$what: no secret is shown" 'hunter2|aHVudGVy|geheim' "$out"
    seen=$(everything)
    equal "$what: nothing was written" "$before" "$seen"
}
if [ -n "$k" ] && command -v jq >/dev/null; then
    "$k" create namespace plan >/dev/null 2>&1
    seen=
    foretold "an install" 2 '^\+ create Deployment plan/web  \(planned/templates/all.yaml\)'
    "$h" -n plan install web "$planned" >/dev/null 2>&1
    seen=
    foretold "the same again" 0 'nothing would change'
    foretold "a change" 2 '/spec/replicas: 0 -> 2' --set replicas=2,v=2,password=geheim
    foretold "the change of a Secret" 2 '/data/password: \*\*\* -> \*\*\* \(changed\)' --set password=geheim
    # the plan that was kept is what happens, field by field
    "$h" -n plan plan web "$planned" --set replicas=2,v=2 -o json >"$dir/plan.json"
    "$h" -n plan plan web "$planned" --set replicas=2,v=2 -o "$dir/kept.plan" >/dev/null
    equal "a kept plan is for its owner alone" 600 "$(stat -c %a "$dir/kept.plan")"
    "$k" -n plan patch configmap shared --type merge -p '{"data":{"theirs":"1"}}' >/dev/null 2>&1
    seen=
    before=$(everything)
    out=$("$h" -n plan apply "$dir/kept.plan" 2>&1) && bad "a plan that does not hold is applied" || ok "a plan that does not hold is refused"
    seen=
    has "with what has changed since" 'ConfigMap plan/shared: /data/theirs: \(none\) -> "1"' "$out"
    equal "and nothing was written" "$before" "$(everything)"
    "$h" -n plan plan web "$planned" --set replicas=2,v=2 -o "$dir/kept.plan" >/dev/null
    out=$("$h" -n plan apply "$dir/kept.plan" 2>&1) && ok "a plan is applied" || bad "a plan is applied: $out"
    seen=
    equal "as foretold" "$(jq -r '.objects[] | select(.change == "change") | .name as $n | .fields[] | "\($n) \(.path) \(.to)"' "$dir/plan.json" | sort)" \
        "$(printf 'shared /data/v %s\nweb /spec/replicas %s' "$("$k" -n plan get configmap shared -o jsonpath='{.data.v}')" "$("$k" -n plan get deployment web -o jsonpath='{.spec.replicas}')")"
    equal "revision 2" "2 deployed ssa" "$("$h4" -n plan get metadata web -o json | jq -r '[.revision, .status, .applyMethod] | join(" ")')"
    now="--set replicas=2,v=2"
    foretold "nothing is left of it" 0 'nothing would change' $now
    # what cannot work, each with object, field and remedy
    foretold "an immutable field" 1 '^x immutable field: Deployment plan/web  \(planned/templates/all.yaml:6\)' $now --set app=other
    foretold "its name and what to do" 1 'field:  spec.selector' $now --set app=other
    foretold "an invalid field" 1 '^x invalid object: Deployment plan/web' $now --set typo=1
    foretold "a removed API" 1 'it serves it as networking.k8s.io/v1' $now --set old=1
    foretold "data that would be lost" 1 '^x data loss: PersistentVolumeClaim plan/data' $now --set nodata=1
    foretold "unless that is meant" 2 '^- delete PersistentVolumeClaim plan/data' $now --set nodata=1 --allow-data-loss
    "$k" -n plan create configmap theirs >/dev/null 2>&1
    seen=
    foretold "somebody else's object" 1 '^x foreign object: ConfigMap plan/theirs' $now --set more=theirs
    foretold "or taken over" 2 'exists and is taken over' $now --set more=theirs --take-ownership
    "$k" -n plan patch configmap shared --field-manager mesh -p '{"data":{"v":"9"}}' >/dev/null 2>&1
    seen=
    foretold "another manager's field" 1 '^x conflict: ConfigMap plan/shared  \(planned/templates/all.yaml:19\)' $now --set v=3
    foretold "or taken over" 2 '/data/v: "9" -> "3"' $now --set v=3 --force-conflicts
    "$k" -n plan create quota few --hard=count/configmaps=3 >/dev/null 2>&1
    seen=
    "$k" -n plan wait --for=jsonpath='{.status.hard}' quota/few --timeout=10s >/dev/null 2>&1
    foretold "a quota" 1 '^x quota: ConfigMap plan/one-more' $now --set v=3,more=one-more --force-conflicts
    "$k" -n plan delete quota few >/dev/null 2>&1
    seen=
    # as somebody who may read everything and write Deployments alone
    "$k" create clusterrole plan-reader --verb=get,list,watch --resource='*.*' >/dev/null 2>&1
    "$k" create clusterrolebinding plan-reader --clusterrole=plan-reader --user=jane >/dev/null 2>&1
    "$k" -n plan create role deploy --verb=patch,update --resource=deployments.apps >/dev/null 2>&1
    "$k" -n plan create rolebinding deploy --role=deploy --user=jane >/dev/null 2>&1
    seen=
    foretold "a missing right" 1 '^x missing right: ConfigMap plan/shared' $now --set v=3 --force-conflicts --kube-as-user jane
    # a refusal that nobody foresaw: the error and the record say where it was written, what to do, what was done
    out=$("$h" -n bad install bad "$planned" --create-namespace --set replicas=many 2>&1) && bad "a text as a number is installed" || ok "a text as a number is refused"
    told='Deployment bad/web.*\.spec\.replicas: expected numeric.*\(planned/templates/all.yaml:5, from replicas, set by --set\); correct the chart.*Applied: [0-9] of 4 objects'
    has "with template, line and value" "$told" "$out"
    has "the record says it, too" "$told" "$("$h4" -n bad history bad -o json | jq -r '.[0].description')"
    before=$(everything)
    out=$("$h" -n plan upgrade web "$planned" $now --set app=other --force-conflicts --preflight 2>&1) && bad "--preflight lets it pass" || ok "--preflight refuses"
    seen=
    has "before anything is written" 'refused before anything was written: 1 problem' "$out"
    equal "no object was written" "$before" "$(everything)"
    equal "nor a revision" 2 "$("$h4" -n plan history web -o json | jq length)"
    out=$("$h" -n plan upgrade web "$planned" $now --force-conflicts --preflight 2>&1) && ok "--preflight lets pass what works" || bad "--preflight: $out"
    seen=
    # of a rollback and of an uninstall
    code_of() { "$h" -n plan plan web "$@" >"$dir/out" 2>&1; echo $?; }
    before=$(everything)
    equal "the plan of a rollback" 2 "$(code_of --rollback 1 --force-conflicts)"
    has "what it changes" '/spec/replicas: 2 -> 0' "$(cat "$dir/out")"
    has "which revision it would be, and of which content" 'rollback of release web .*: revision 4, with the content of 1' "$(cat "$dir/out")"
    equal "a rollback to what does not exist" 1 "$(code_of --rollback 77)"
    has "is told" 'the revision to go back to does not exist' "$(cat "$dir/out")"
    equal "the plan of an uninstall" 2 "$(code_of --uninstall)"
    has "what it deletes" '^- delete Deployment plan/web' "$(cat "$dir/out")"
    has "and what goes with that" '^- delete PersistentVolumeClaim plan/data .*what it holds goes with it' "$(cat "$dir/out")"
    equal "nothing was written" "$before" "$(everything)"
    out=$("$h" -n plan apply "$planned/Chart.yaml" 2>&1) && bad "a file that is no plan is applied" || has "a file that is no plan" 'is no plan, or a cut one: make it with helmctl plan' "$out"
else
    echo "SKIP plans: no kubectl or jq"
fi
