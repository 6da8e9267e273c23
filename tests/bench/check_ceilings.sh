#!/bin/sh
# Instruction counts against tests/bench/ceilings.txt. Skipped by name without valgrind, and where the compiler or its
# flags are others than the ceilings were taken with. Usage: check_ceilings.sh BUILD [update]
build=$1
BENCH=$build/tests/bench/bench
here=$(dirname "$0")
. "$here/count.sh"

command -v valgrind >/dev/null 2>&1 || { echo "skipped: instruction ceilings, valgrind is missing"; exit 0; }
echo | ${CC:-cc} -dM -E - | grep -q '__GNUC__ 12$' || { echo "skipped: instruction ceilings, they are those of gcc 12"; exit 0; }
[ "${FLAGS:--O2 -g }" = "-O2 -g " ] || { echo "skipped: instruction ceilings, they are those of the usual CFLAGS"; exit 0; }

# Reads "work units ceiling", prints the same with what was measured. A call polls once more when its server was late, so
# a figure above its ceiling is taken again, and the least of six counts.
measure() {
    while read -r name units ceiling; do
        case $name in '' | '#'*) continue ;; esac
        least=
        for attempt in 1 2 3 4 5 6; do
            now=$(instructions "$name" ours "$units" </dev/null)
            [ -z "$least" ] || [ "${now:-0}" -lt "$least" ] && least=$now
            [ "${least:-0}" -le "$ceiling" ] && break
        done
        echo "$name $units $ceiling $least"
    done <"$here/ceilings.txt"
}

start_provider "$build"
measure >"$provider_dir/measured"
if [ "$2" = update ]; then
    { sed -n '/^#/p' "$here/ceilings.txt"; awk '{ print $1, $2, int($4 * 1.05) }' "$provider_dir/measured"; } >"$provider_dir/new"
    cp "$provider_dir/new" "$here/ceilings.txt"
fi
awk '$4 == "" || $4 + 0 > $3 + 0 { bad = 1; mark = "ABOVE ITS CEILING" }
     { printf "%-8s %8d instructions, ceiling %8d  %s\n", $1, $4, $3, mark; mark = "" }
     END { exit bad }' "$provider_dir/measured"
status=$?
stop_provider
exit $status
