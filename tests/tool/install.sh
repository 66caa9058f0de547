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
# What renders loads libc and nothing else.
libs=$(ldd "$prefix/bin/helmctl" | grep -cE '=> /.*\.so' || true)
[ "$libs" -le 2 ] || { ldd "$prefix/bin/helmctl"; echo "the front loads $libs shared libraries"; exit 1; }
echo "installed tree works; the front loads $libs shared libraries"
