#!/usr/bin/env bash
# `cmake --install` gives a tree that works under any prefix: the front renders, and hands other verbs over.
set -eu
build=${HC_BUILD:?}
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --prefix "$prefix" >/dev/null
cd /
"$prefix/bin/helmctl" version | grep -q '^helmctl v'
"$prefix/bin/helmctl" deploy --export | grep -q '^kind: Deployment'
"$prefix/bin/helmctl" nonsense 2>&1 | grep -q 'unknown command "nonsense"'
"$prefix/bin/helmctl" controller --help | grep -q 'helmctl controller'
"$prefix/libexec/helmctl/helmctl-cluster" sandbox --help | grep -q 'helmctl sandbox'
! ldd "$prefix/libexec/helmctl/helmctl-cluster" | grep -E 'lib(git2|ssh|sqlite3|microhttpd|mbedtls|pcre2-8)\.so' ||
    { echo "helmctl-cluster loads libraries that only helmctl-serve needs"; exit 1; }
# What renders loads libc and nothing else.
libs=$(ldd "$prefix/bin/helmctl" | grep -cE '=> /.*\.so' || true)
[ "$libs" -le 2 ] || { ldd "$prefix/bin/helmctl"; echo "the front loads $libs shared libraries"; exit 1; }
echo "installed tree works; the front loads $libs shared libraries"
