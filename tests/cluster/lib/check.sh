# What the scripts of this folder say. To be sourced.
checks=0 failed=0
ok() { checks=$((checks + 1)); echo "ok   $*"; }
bad() { checks=$((checks + 1)); failed=$((failed + 1)); echo "FAIL $*"; }
# equal WHAT WANT GOT
equal() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: want '$2', got '$3'"; fi; }
# has WHAT PATTERN TEXT
has() { if printf '%s\n' "$3" | grep -qE -- "$2"; then ok "$1"; else bad "$1: no /$2/ in: $3"; fi; }
hasnt() { if printf '%s\n' "$3" | grep -qE -- "$2"; then bad "$1: /$2/ is in: $3"; else ok "$1"; fi; }
# within SECONDS COMMAND...: until it succeeds; false when the time is over. It looks again after as long as the look took,
# so that one that costs much does not hold up what it waits for.
within() {
    local until=$((SECONDS + $1)) began took
    shift
    while :; do
        began=${EPOCHREALTIME/[.,]/}
        "$@" >/dev/null 2>&1 && return
        [ $SECONDS -lt $until ] || return 1
        took=$((${EPOCHREALTIME/[.,]/} - began))
        [ $took -ge 100000 ] || took=100000
        [ $took -le 900000 ] || took=900000
        sleep "0.$(printf '%06d' $took)"
    done
}
done_() { echo "$checks checks, $failed failed"; [ "$failed" = 0 ]; }
