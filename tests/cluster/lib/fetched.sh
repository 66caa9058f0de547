# What source_tool ($tool) fetched. To be sourced; wants $SERVERS.
failed=0 n=0
get() { timeout 30 "$tool" "$SERVERS/store" "$@" >"$SERVERS/out" 2>"$SERVERS/err"; }
check() { # WHAT PATTERN...: every pattern is in the output
    local what=$1 p
    shift
    n=$((n + 1))
    for p in "$@"; do
        grep -qE -- "$p" "$SERVERS/out" && continue
        echo "FAIL $what: no /$p/ in:"
        cat "$SERVERS/out" "$SERVERS/err"
        failed=1
        return
    done
    echo "ok   $what"
}
check_not() { # WHAT PATTERN
    n=$((n + 1))
    if grep -qE -- "$2" "$SERVERS/out"; then echo "FAIL $1: /$2/ is in:"; cat "$SERVERS/out"; failed=1; else echo "ok   $1"; fi
}
