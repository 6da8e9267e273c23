#!/bin/sh
# Each public header alone, pedantically, in C99 and C++17 with gcc and clang, every INIT macro expanded.
set -eu
failed=0
passed=0
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for header in include/llmcost/*.h; do
    name=$(basename "$header")
    {
        echo "#include <llmcost/$name>"
        # LLMCOST_X_Y_INIT initialises an llmcost_x_y.
        sed -n 's/^#define \(LLMCOST_[A-Z_]*_INIT\)\b.*/\1/p' "$header" | while read -r macro; do
            type=$(echo "$macro" | sed 's/_INIT$//' | tr 'A-Z' 'a-z')
            echo "extern $type ${type}_sample; $type ${type}_sample = $macro;"
        done
        echo "extern int nothing_${name%.h}; int nothing_${name%.h} = 0;"
    } >"$temp/alone"
    for compiler in "gcc -std=c99 -x c" "clang -std=c99 -x c" "g++ -std=c++17 -x c++" "clang++ -std=c++17 -x c++"; do
        command -v "${compiler%% *}" >/dev/null 2>&1 || continue
        # shellcheck disable=SC2086
        if $compiler -Wall -Wextra -Wpedantic -Werror -Iinclude -c -o "$temp/o" "$temp/alone"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done
for header in include/llmcost/*.hpp; do
    [ -e "$header" ] || continue
    echo "#include <llmcost/$(basename "$header")>" >"$temp/alone"
    for compiler in g++ clang++; do
        if $compiler -std=c++17 -x c++ -Wall -Wextra -Wpedantic -Werror -Iinclude -c -o "$temp/o" "$temp/alone"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
