#!/usr/bin/env bash
# Checks on the tree itself: the module table (every #include has an edge in CMakeLists.txt), the one home of each
# external library, private headers, file sizes, banned calls, and words that do not belong into the code.
# Prints each finding as file:line: what; exits 1 when there is one. With --self-test it plants one violation of each
# rule in a copy and fails unless each is found.
set -u
root=$(cd "${HC_TREE:-$(dirname "$0")/../..}" && pwd)
self="$(cd "$(dirname "$0")" && pwd)/tree.sh"

if [ "${1:-}" = --self-test ]; then
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    mkdir -p "$copy/core/base" "$copy/core/value" "$copy/core/http" "$copy/deploy/kube"
    cp "$root/CMakeLists.txt" "$copy/"
    missed=0
    plant() { # RULE FILE TEXT
        printf '%s\n' "$3" >"$copy/$2"
        HC_TREE=$copy bash "$self" >"$copy/out" 2>&1 && { echo "not found: $1"; missed=1; }
        rm -f "$copy/$2"
    }
    plant "arrow that points up" core/base/x.c '#include "core/value/value.h"'
    plant "arrow that is not drawn" core/value/x.c '#include "core/http/http.h"'
    plant "library away from its home" deploy/kube/x.c '#include <curl/curl.h>'
    plant "private header of another folder" deploy/kube/x.c '#include "core/http/loop_impl.h"'
    plant "banned call" core/base/x.c 'void f(char *a, const char *b) { strcpy(a, b); }'
    plant "unfinished work" core/base/x.c '/* TODO */'
    plant "path without the module" core/value/x.c '#include "value.h"'
    yes '' | head -n 1001 >"$copy/core/base/long.c"
    HC_TREE=$copy bash "$self" >/dev/null 2>&1 && { echo "not found: file over 1000 lines"; missed=1; }
    rm "$copy/core/base/long.c"
    HC_TREE=$copy bash "$self" || { echo "found something in a clean tree"; missed=1; }
    exit $missed
fi

cd "$root" || exit 2
find core charts-fetch templating lua deploy helmctl -name '*.[ch]' 2>/dev/null | sort >/tmp/hc-tree.$$
trap 'rm -f /tmp/hc-tree.$$' EXIT

awk -v list=/tmp/hc-tree.$$ '
function add(h, folders) { home[++homes] = h; where[homes] = " " folders " " }
function say(f, l, what) { print f ":" l ": " what; bad = 1 }
# The longest module folder that is a prefix of a path.
function module_of(path,    m) {
    m = path
    while (sub(/\/[^\/]*$/, "", m)) if (m in is_module) return m
    return ""
}
function reach(from, to,    n, parts, i) {
    if (from == to) return 1
    if ((from, to) in memo) return memo[from, to]
    memo[from, to] = 0
    n = split(uses[from], parts, " ")
    for (i = 1; i <= n; i++) if (reach(parts[i], to)) return memo[from, to] = 1
    return 0
}
BEGIN {
    add("^curl/", "core/http"); add("^yaml\\.h$", "core/value"); add("^archive(_entry)?\\.h$", "charts-fetch/unpack")
    add("^zlib\\.h$", "charts-fetch/unpack"); add("^git2(/|\\.h)", "charts-fetch/source"); add("^libssh/", "charts-fetch/source")
    add("^(lua|lualib|lauxlib|luaconf)\\.h$", "lua/sandbox lua/bridge lua/funcs lua/rt lua/rules templating/render")
    add("^pcre2\\.h$", "lua/funcs"); add("^sqlite3\\.h$", "helmctl/sandbox")
    add("^microhttpd\\.h$", "helmctl/serve helmctl/sandbox");
    add("^openssl/", "core/base core/http lua/funcs charts-fetch/verify charts-fetch/source deploy/kube")
    # What is not named here knows of no threads: the thread sanitizer passes its tests by (CMakeLists.txt beside this).
    add("^pthread\\.h$", "core/value core/http templating/render lua/funcs charts-fetch/cache charts-fetch/source deploy/release deploy/kube deploy/reconcile helmctl/sandbox helmctl/controller helmctl/serve helmctl/cli")
    # The table: hc_module(FOLDER USES a b LIBS ...), over several lines.
    while ((getline line < "CMakeLists.txt") > 0) {
        if (line ~ /^hc_module\(/) { text = ""; open_ = 1 }
        if (open_) text = text " " line
        if (open_ && line ~ /\)$/) {
            open_ = 0
            sub(/^ *hc_module\(/, "", text); sub(/\) *$/, "", text)
            n = split(text, w, /[ \t]+/); name = w[1]; is_module[name] = 1; mode = ""
            for (i = 2; i <= n; i++) {
                if (w[i] == "USES" || w[i] == "LIBS" || w[i] == "EMBED") mode = w[i]
                else if (mode == "USES") uses[name] = uses[name] " " w[i]
            }
        }
    }
    banned = "(strcpy|strcat|sprintf|vsprintf|atoi|atol|atoll|strtok|gets|rand|srand|alloca|tmpnam|mktemp|system|popen)"
    while ((getline file < list) > 0) {
        from = module_of(file); lines = 0
        if (from == "") { say(file, 1, "is in no folder of the module table"); continue }
        while ((getline line < file) > 0) {
            lines++
            if (match(line, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/)) {
                inc = line; sub(/^[^"]*"/, "", inc); sub(/".*/, "", inc)
                to = module_of(inc)
                if (to == "") say(file, lines, "\"" inc "\" is not the whole path of a module header")
                else if (!reach(from, to)) say(file, lines, from " may not use " to " (no edge in CMakeLists.txt)")
                else if (inc ~ /_impl\.h$/ && to != from) say(file, lines, "\"" inc "\" is private to " to)
            } else if (match(line, /^[ \t]*#[ \t]*include[ \t]*<[^>]*>/)) {
                inc = line; sub(/^[^<]*</, "", inc); sub(/>.*/, "", inc)
                for (i = 1; i <= homes; i++)
                    if (inc ~ home[i] && !index(where[i], " " from " "))
                        say(file, lines, "<" inc "> has its home in" where[i] "and stays there")
            }
            if (match(line, "(^|[^A-Za-z0-9_])" banned "[ \t]*\\(") && line !~ /^[ \t]*(\/?\*|\/\/)/ && line !~ /"[^"]*\(/)
                say(file, lines, "banned call: " substr(line, RSTART, RLENGTH))
            if (line ~ /(TODO|FIXME|XXX)/) say(file, lines, "unfinished work")
        }
        close(file)
        if (lines > 1000) say(file, lines, "over 1000 lines: usually two files")
    }
    exit bad
}'
