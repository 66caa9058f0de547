# Looks at the objects of the control plane in $dir through one process (look.py). To be sourced behind control-plane.sh start;
# look_start, then `look FILE RULE NAMESPACE API/RESOURCE...`, and look_stop at the end.
look_start() {
    mkfifo "$dir/look.asks" "$dir/look.answers"
    python3 "$here/lib/look.py" "$dir" "$dir/look.asks" "$dir/look.answers" 7>&- 8>&- &
    exec 5>"$dir/look.asks" 6<"$dir/look.answers"
}
look_stop() {
    exec 5>&-
}
look() {
    local IFS=$'\t' answer
    printf '%s\n' "$*" >&5
    read -r answer <&6
}
