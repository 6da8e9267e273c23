#!/bin/sh
# Installs into a folder of its own, moves it, builds C and C++ programs through pkg-config both ways, runs them, and
# looks that uninstall leaves nothing behind. check_install.sh BUILD
set -eu
build=$1
cc=${CC:-cc}
cxx=${CXX:-c++}
pkg_config=${PKG_CONFIG:-pkg-config}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
passed=0

fail() {
    echo "$1"
    echo "$passed passed, 1 failed"
    exit 1
}
ok() {
    passed=$((passed + 1))
}
quietly() {
    "$@" >"$root/log" 2>&1 || {
        cat "$root/log"
        fail "failed: $*"
    }
}

quietly make BUILD="$build" prefix="$root/first" install
mv "$root/first" "$root/moved" # the .pc file is relative to itself
export PKG_CONFIG_PATH="$root/moved/lib/pkgconfig"
version=$(sed -n 's/^#define LLMCOST_VERSION_TEXT *"\(.*\)"$/\1/p' include/llmcost/version.h)
[ "$($pkg_config --modversion llmcost)" = "$version" ] || fail "pkg-config says version $($pkg_config --modversion llmcost), the header $version"
ok
case "$($pkg_config --libs llmcost)" in *curl*) fail "programs need not link libcurl themselves" ;; esac
ok

# Shared, by SONAME.
# shellcheck disable=SC2046
quietly $cc -o "$root/shared" examples/hello.c $($pkg_config --cflags --libs llmcost)
# shellcheck disable=SC2046
quietly $cxx -std=c++17 -o "$root/shared_cpp" examples/hello.cpp $($pkg_config --cflags --libs llmcost)
ldd "$root/shared" >"$root/needs" 2>&1 || true
LD_LIBRARY_PATH="$root/moved/lib" "$root/shared" | grep -q '^\$0\.0' || fail "the program on the shared library does not run"
LD_LIBRARY_PATH="$root/moved/lib" "$root/shared_cpp" | grep -q '^\$0\.0' || fail "the C++ program on the shared library does not run"
grep -q 'libllmcost\.so\.0 ' "$root/needs" || fail "the program does not ask for libllmcost.so.0"
passed=$((passed + 3))

# libllmcost.a with shared libcurl: no libllmcost.so in sight, the rest by Requires.private.
mkdir "$root/archive"
cp "$root/moved/lib/libllmcost.a" "$root/archive"
private=$($pkg_config --print-requires-private llmcost)
# shellcheck disable=SC2046,SC2086
quietly $cc -o "$root/static" examples/hello.c $($pkg_config --cflags llmcost) "$root/archive/libllmcost.a" $($pkg_config --libs $private) -pthread
"$root/static" | grep -q '^\$0\.0' || fail "the program on the static library does not run"
ldd "$root/static" | grep -q llmcost && fail "the static program asks for the shared library"
passed=$((passed + 2))
mv "$root/moved" "$root/first"

# Staged, with folders of a distribution; then away without a trace.
quietly make BUILD="$build" DESTDIR="$root/stage" prefix=/usr libdir=/usr/lib/x86_64-linux-gnu install
[ -f "$root/stage/usr/lib/x86_64-linux-gnu/pkgconfig/llmcost.pc" ] || fail "the staged .pc file is missing"
grep -rq "$root" "$root/stage/usr/lib/x86_64-linux-gnu/pkgconfig" && fail "the staged .pc file knows where it was built"
[ "$(PKG_CONFIG_PATH="$root/stage/usr/lib/x86_64-linux-gnu/pkgconfig" $pkg_config --variable=libdir llmcost | xargs realpath)" = "$(realpath "$root/stage/usr/lib/x86_64-linux-gnu")" ] ||
    fail "the staged .pc file does not find its libraries"
quietly make BUILD="$build" DESTDIR="$root/stage" prefix=/usr libdir=/usr/lib/x86_64-linux-gnu uninstall
quietly make BUILD="$build" prefix="$root/first" uninstall
left=$(find "$root/stage" "$root/first" ! -type d)
[ -z "$left" ] || fail "uninstall left: $left"
passed=$((passed + 4))
echo "$passed passed, 0 failed"
