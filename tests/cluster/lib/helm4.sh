# The real Helm 4, all runs in one process (helm4-many): a start of the program costs several times the work. To be sourced
# behind $here, $dir (a folder for its files) and $peers; helm4_start, then `helm4 ARGS...` as one calls the program, one at a
# time and without input, and helm4_stop at the end. Other homes, HELM_ variables, logins and hours of building may be said
# with each run. Install and upgrade leave out Helm's validation against the server's OpenAPI documents, which costs more
# than all the rest and changes nothing of what is valid (HELM4_VALIDATES=1: with it). What reads its input, runs beside
# others or is killed calls $peers/helm4; so do, by themselves, runs with a flag that Helm would keep for the next ones.
helm4_start() {
    mkfifo "$dir/helm4.asks" "$dir/helm4.answers"
    python3 "$here/lib/helm4.py" "$peers/helm4-many" "$dir/helm4.asks" "$dir/helm4.answers" "$dir/helm4" &
    exec 7>"$dir/helm4.asks" 8<"$dir/helm4.answers"
}
helm4_stop() {
    exec 7>&-
}
helm4() {
    local line=$PWD$'\x1f' word ns='' code
    for word in HOME PATH TZ KUBECONFIG DOCKER_CONFIG SOURCE_DATE_EPOCH "${!HELM_@}"; do
        [ -z "${!word+set}" ] || line+=$word=${!word}$'\x1e'
    done
    for word; do
        case $word in
        -n | --namespace) ns=1 ;;
        --registry-config* | --repository-c* | --content-cache* | --kube-[actit]* | --kubeconfig* | --debug)
            "$peers/helm4" "$@"
            return
            ;;
        esac
        line+=$'\x1f'$word
    done
    [ -n "$ns" ] || line+=$'\x1f-n\x1fdefault' # or it would be the one of the run before
    case "$1 ${3:-}" in
    install\ * | upgrade\ * | -n\ install | -n\ upgrade) [ -n "${HELM4_VALIDATES:-}" ] || line+=$'\x1f--disable-openapi-validation' ;;
    esac
    printf '%s\n' "$line" >&7
    read -r code <&8 || { echo "helm4.py is gone" >&2; return 99; }
    [ ! -s "$dir/helm4.out" ] || cat "$dir/helm4.out"
    [ ! -s "$dir/helm4.err" ] || cat "$dir/helm4.err" >&2
    return "$code"
}
