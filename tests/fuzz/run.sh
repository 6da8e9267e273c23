#!/bin/sh
# Runs every fuzz target in a folder for FUZZ_SECONDS each, from its seeds; stops at the first finding.
set -eu
here=$(dirname "$0")
for target in "$1"/fuzz_*; do
    case "$target" in *.o | *.d) continue ;; esac
    [ -x "$target" ] || continue
    name=$(basename "$target")
    corpus="$1/corpus/$name"
    mkdir -p "$corpus"
    echo "fuzz: $name for ${FUZZ_SECONDS:-20} s"
    "$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$1/$name-" "$corpus" "$here/seeds/${name#fuzz_}" || exit 1
done
