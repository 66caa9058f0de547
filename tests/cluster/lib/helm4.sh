# The real Helm 4, all runs in one process (helm4-many): a start of the program costs several times the work. To be sourced
# behind $dir, $peers and the HELM_ variables; helm4_start, then `helm4 ARGS...` as one calls the program, one at a time,
# and helm4_stop at the end. Install and upgrade leave out Helm's validation against the server's OpenAPI documents, which
# costs more than all the rest and changes nothing of what is valid (HELM4_VALIDATES=1: with it). What runs beside others or
# is killed calls $peers/helm4.
helm4_start() {
    mkfifo "$dir/helm4.asks" "$dir/helm4.answers"
    python3 "$here/lib/helm4.py" "$peers/helm4-many" "$dir/helm4.asks" "$dir/helm4.answers" "$dir/helm4" &
    exec 7>"$dir/helm4.asks" 8<"$dir/helm4.answers"
}
helm4_stop() {
    exec 7>&-
}
helm4() {
    local line=$PWD$'\x1f'${HELM_DRIVER:-} word ns='' code
    for word; do
        case $word in -n | --namespace) ns=1 ;; esac
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
