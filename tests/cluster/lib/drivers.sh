# Records in ConfigMaps beside the real Helm's: the same names, labels and, unpacked, the same bytes but for times (of
# files we record none); each tool goes on with what the other left. The memory driver answers from a file. To be
# sourced by release.sh.
records() { # NAMESPACE: each record, labels and unpacked payload, without times
    "$k" -n "$1" get configmap -l owner=helm -o json | jq -r '.items | sort_by(.metadata.name)[] | "\(.metadata.name) \(.metadata.labels | del(.createdAt, .modifiedAt)) \(.data | keys)", .data.release' |
        while IFS= read -r line; do
            case $line in
            sh.helm*) echo "$line" ;;
            *) printf '%s' "$line" | base64 -d | gunzip | sed -E 's/"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)"/"TIME"/g; s/,"modtime":"TIME"//g; s/"schemamodtime":"[^"]*"/"schemamodtime":"TIME"/g' ;;
            esac
        done | sed "s/$1/NS/g; s/,\"/,\\n\"/g" # a field a line, to read a difference
}
if [ -n "$k" ] && command -v jq >/dev/null; then
    for ns in cm4 cm-ours; do "$k" create namespace $ns >/dev/null 2>&1; done
    export HELM_DRIVER=configmap
    for step in "install r $mini" "upgrade r $mini --set size=2 --labels team=a" "rollback r 1" "test r"; do
        "$h4" -n cm4 $step >/dev/null 2>&1
        "$h" -n cm-ours $step >/dev/null 2>&1
        records cm4 >"$dir/want"
        records cm-ours >"$dir/got"
        if [ -s "$dir/want" ] && cmp -s "$dir/want" "$dir/got"; then ok "the same ConfigMaps: $step"; else bad "the same ConfigMaps: $step"; diff "$dir/want" "$dir/got" | cut -c1-400 | head; fi
    done
    equal "no Secret is a record" "" "$("$k" -n cm-ours get secret -l owner=helm -o name)"
    "$h4" -n cm-ours upgrade r "$mini" --set size=3 >/dev/null 2>&1 && ok "Helm goes on with our ConfigMaps" || bad "Helm goes on with our ConfigMaps"
    "$h" -n cm4 upgrade r "$mini" --set size=3 >/dev/null 2>&1 && ok "we go on with Helm's" || bad "we go on with Helm's"
    equal "the same history" "$("$h4" -n cm-ours history r -o json | jq -c 'map([.revision, .status, .description])')" "$("$h" -n cm4 history r -o json | jq -c 'map([.revision, .status, .description])')"
    "$h" -n cm4 uninstall r >/dev/null 2>&1
    equal "nothing is left of Helm's" "" "$("$k" -n cm4 get configmap -l owner=helm -o name)"
    export HELM_DRIVER=memory HELM_MEMORY_DRIVER_DATA=$dir/memory.yaml
    printf -- '- name: kept\n  namespace: default\n  version: 3\n  info: {status: deployed, description: from a file, last_deployed: "2026-01-02T03:04:05Z"}\n  chart: {metadata: {name: c, version: 1.0.0}}\n' >"$dir/memory.yaml"
    h4=$peers/helm4 # this driver outlives a run
    for f in table json yaml; do same "in memory" list -o $f; done
    same "in memory" status kept -o json
    h4=helm4
    unset HELM_DRIVER HELM_MEMORY_DRIVER_DATA
else
    echo "SKIP other drivers: no kubectl or jq"
fi

# A record over the size limit is refused before anything is written, by sizes; one that just fits is everybody's to read.
if [ -n "$k" ]; then
    "$k" create namespace large >/dev/null 2>&1
    large=$dir/large
    mkdir -p "$large/templates"
    printf 'apiVersion: v2\nname: large\nversion: 0.1.0\n' >"$large/Chart.yaml"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n' >"$large/templates/c.yaml"
    for driver in secret configmap; do
        export HELM_DRIVER=$driver
        head -c 900000 /dev/urandom >"$large/blob"
        "$h4" -n large install r "$large" >/dev/null 2>&1 && bad "the real Helm refuses it, too ($driver)" || ok "the real Helm refuses it, too ($driver)"
        out=$("$h" -n large install r "$large" 2>&1)
        has "too large, told by part ($driver)" 'bytes packed, and an object may hold [0-9]+\. .*chart files 1[0-9]{6}, .*manifest [0-9]+, hooks 0, notes 0 bytes.*\.helmignore' "$out"
        equal "nothing was written ($driver)" "" "$("$k" -n large get secret,configmap -o name | grep -v kube-root-ca)"
        head -c 740000 /dev/urandom >"$large/blob"
        "$h" -n large install r "$large" >/dev/null 2>&1 && ok "just fits ($driver)" || bad "just fits ($driver)"
        has "the real Helm lists it ($driver)" '^r.*deployed.*large-0.1.0' "$("$h4" -n large list)"
        "$h4" -n large rollback r 1 >/dev/null 2>&1 && ok "and goes on with it ($driver)" || bad "and goes on with it ($driver)"
        "$h" -n large uninstall r >/dev/null 2>&1
    done
    unset HELM_DRIVER
fi
