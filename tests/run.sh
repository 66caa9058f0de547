#!/usr/bin/env bash
# Sets up what the tests need on a bare Debian 12 (as root or with sudo; without either, what is missing is skipped and
# said), builds, and runs every ring under ctest.
#
#   tests/run.sh                 everything
#   tests/run.sh -L unit         more words go to ctest: one ring
#
# Rings are ctest labels: unit golden tool style crash fuzz conform cluster sanitizer. A ring whose real peers cannot be
# had on this machine (no Go, no network) says SKIP and why.
set -eu
cd "$(dirname "$0")/.."

build_packages="gcc clang cmake ninja-build ccache pkg-config libcurl4-openssl-dev libnghttp2-dev libidn2-dev libyaml-dev libarchive-dev libgit2-dev libssh-dev
libdeflate-dev liblua5.4-dev libmicrohttpd-dev libpcre2-dev libsqlite3-dev libssl-dev zlib1g-dev"
test_packages="libcmocka-dev gnupg clang-format clang-tidy libclang-rt-14-dev bats git nginx-light fcgiwrap openssh-server
openssh-client docker-registry curl jq python3 openssl time procps ca-certificates"

missing=
for p in $build_packages $test_packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    if [ -z "$sudo" ] || sudo -n true 2>/dev/null; then
        echo "installing:$missing"
        export DEBIAN_FRONTEND=noninteractive
        $sudo apt-get update -qq || true
        # shellcheck disable=SC2086
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
            echo "some packages could not be installed:$missing" >&2
    else
        echo "not installed, and no right to install:$missing" >&2
    fi
fi

# Where python3 is a script that looks for the right one (pyenv's), its start costs five times the interpreter's: the tests
# find that one first.
if python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null) && [ -x "$python" ] && [ "$(command -v python3)" != "$python" ]; then
    mkdir -p build/first
    ln -sf "$python" build/first/python3
    export PATH="$PWD/build/first:$PATH"
fi

# Many tests wait more than they work, so ctest has two places a processor; what works hard says so (PROCESSORS).
cores=$(nproc)
# The real peers are Go programs: collecting less often takes a third off what they cost.
export GOGC="${GOGC:-400}"
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$cores}" CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$((2 * cores))}"
cmake --preset release >build.log 2>&1 || { cat build.log; exit 1; }
rm -f build.log
cmake --build --preset release -- -k 20 | grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' || true
cmake --build --preset release >/dev/null

# The tests make and remove some hundred thousand small files: in memory that costs half, and a busy disk holds nothing up.
if [ -z "${TMPDIR:-}" ] && [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt 2000000 ] 2>/dev/null &&
    TMPDIR=$(mktemp -d /dev/shm/helmctl-tests.XXXXXX 2>/dev/null); then
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 130' INT TERM
    if ! { printf '#!/bin/sh\n' >"$TMPDIR/x" && chmod +x "$TMPDIR/x" && "$TMPDIR/x"; } 2>/dev/null; then # no programs there
        rm -rf "$TMPDIR"
        unset TMPDIR
        trap - EXIT
    fi
fi
export HC_PORTS="$PWD/build/ports" # free_port of deploy/examples/servers.sh
rm -rf "$HC_PORTS"
mkdir -p "$HC_PORTS"
ctest --test-dir build/release --output-on-failure "$@"
