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
# What is set for loading libraries is not for the programs that are started.
printf '#!/bin/sh\nenv >"%s/env"\nexit 1\n' "$prefix" >"$prefix/plugin"
chmod +x "$prefix/plugin"
cat >"$prefix/kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: "$prefix/plugin", interactiveMode: Never}}}]
YAML
! "$prefix/bin/helmctl" list --kubeconfig "$prefix/kubeconfig" 2>"$prefix/said" || exit 1
grep -q 'plugin.*failed with exit code 1' "$prefix/said" && grep -q '^PATH=' "$prefix/env"
! grep GNUTLS "$prefix/env" || exit 1
# What renders loads libc and nothing else.
libs=$(ldd "$prefix/bin/helmctl" | grep -cE '=> /.*\.so' || true)
[ "$libs" -le 2 ] || { ldd "$prefix/bin/helmctl"; echo "the front loads $libs shared libraries"; exit 1; }
echo "installed tree works; the front loads $libs shared libraries"
