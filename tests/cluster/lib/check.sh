# What the scripts of this folder say. To be sourced.
checks=0 failed=0
ok() { checks=$((checks + 1)); echo "ok   $*"; }
bad() { checks=$((checks + 1)); failed=$((failed + 1)); echo "FAIL $*"; }
# equal WHAT WANT GOT
equal() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: want '$2', got '$3'"; fi; }
# has WHAT PATTERN TEXT
has() { if printf '%s\n' "$3" | grep -qE -- "$2"; then ok "$1"; else bad "$1: no /$2/ in: $3"; fi; }
hasnt() { if printf '%s\n' "$3" | grep -qE -- "$2"; then bad "$1: /$2/ is in: $3"; else ok "$1"; fi; }
# within SECONDS COMMAND...: until it succeeds; false when the time is over
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}
done_() { echo "$checks checks, $failed failed"; [ "$failed" = 0 ]; }
