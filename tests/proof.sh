#!/bin/sh
# The long form of the tests, in named stages. Each leaves NAME.log and, when it passed, NAME.passed with the commit it ran
# at in build/proof, and how long or how often; a rerun at the same commit skips what passed, so a stopped proof goes on
# where it was. Uncommitted changes count as a commit of their own. Arguments: the stages to run; none: all. Ends with one line of counts.
set -u

BUILD=${BUILD:-build}
PYTHON=${PYTHON:-python3}
MAKE=${MAKE:-make}
FUZZ_SECONDS=${PROOF_FUZZ_SECONDS:-1800}
ROUNDS=${PROOF_ROUNDS:-200}
kept=$BUILD/proof
make_quiet="$MAKE --no-print-directory -s"
asan="CC=clang CXX=clang++ CFLAGS='-O1 -g'"
asan_flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
tsan_flags='-fsanitize=thread'
fuzz_flags='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'

commit() {
    head=$(git rev-parse HEAD 2>/dev/null || echo "none, $(date +%s)")
    changes=$(git status --porcelain 2>/dev/null | grep . && git diff HEAD 2>/dev/null)
    [ -z "$changes" ] && echo "$head" || echo "$head+$(echo "$changes" | cksum | cut -d' ' -f1)"
}

tests_of() { # a build folder: its unit tests
    $make_quiet BUILD="$1" print-unit-tests
}

# ---- stages: each a function of its name ----

# Every allocation-failure sweep (all N, until it passes) under AddressSanitizer and UBSan: the Nth allocation fails once,
# and once more with all from the Nth on.
sweep() {
    sweep_once || return 1
    LLMCOST_TEST_FAIL_FOR_GOOD=1 sweep_once
}

sweep_once() {
    eval "$make_quiet BUILD=$BUILD/asan $asan SANITIZE='$asan_flags' tests" || return 1
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 TEST_TIMEOUT=14400 \
        $PYTHON tests/run.py $(tests_of "$BUILD/asan") $($make_quiet BUILD="$BUILD/asan" print-system-tests)
}

valgrind_units() {
    command -v valgrind >/dev/null || { echo "valgrind is not installed"; return 77; }
    $make_quiet tests || return 1
    set --
    for test in $(tests_of "$BUILD"); do
        set -- "$@" "sh:" "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect $test"
    done
    TEST_TIMEOUT=14400 $PYTHON tests/run.py "$@"
}

# The random models, each at least a million steps.
models() {
    $make_quiet tests || return 1
    set --
    for test in test_accounts test_memory_cache test_receipt test_marker test_marker_properties test_catalog test_encodings test_store_threads test_route_trees test_explain; do
        set -- "$@" "$BUILD/tests/unit/$test"
    done
    LLMCOST_TEST_ROUNDS=$ROUNDS TEST_TIMEOUT=14400 $PYTHON tests/run.py "$@"
}

threads() {
    eval "$make_quiet BUILD=$BUILD/tsan $asan SANITIZE='$tsan_flags' tests-threaded" || return 1
    set --
    for test in $(find "$BUILD"/tsan/tests/unit "$BUILD"/tsan/tests/system -type f -name 'test_*' -perm -u+x 2>/dev/null | sort); do
        set -- "$@" "$test"
    done
    LLMCOST_TEST_ROUNDS=$((ROUNDS / 10 + 1)) TSAN_OPTIONS=halt_on_error=1 TEST_TIMEOUT=14400 $PYTHON tests/run.py "$@"
}

fuzz() { # a target
    target=$BUILD/fuzz/tests/fuzz/$1 corpus=$BUILD/fuzz/tests/fuzz/corpus/$1
    $make_quiet BUILD="$BUILD/fuzz" CC=clang SANITIZE="$fuzz_flags" "$target" || return 1
    mkdir -p "$corpus" || return 1
    "$target" -max_total_time="$FUZZ_SECONDS" -timeout=100 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$kept/$1-" "$corpus" "tests/fuzz/seeds/${1#fuzz_}" || return 1
    echo "1 passed, 0 failed"
}

# What a stage must have passed at to be skipped.
mark_of() {
    case $1 in
    fuzz_*) echo "$now, $FUZZ_SECONDS s" ;;
    models | threads) echo "$now, $ROUNDS rounds" ;;
    *) echo "$now" ;;
    esac
}

run_stage() {
    case $1 in
    fuzz_*) fuzz "$1" ;;
    valgrind) valgrind_units ;;
    sweep | models | threads) "$1" ;;
    *) echo "no stage is called $1"; return 1 ;;
    esac
}

# ---- the run ----

all="sweep models threads valgrind $($make_quiet print-fuzzers)"
mkdir -p "$kept" || exit 1
now=$(commit)
passed=0 failed=0 skipped=0 broken=
for stage in ${*:-$all}; do
    if [ "$(cat "$kept/$stage.passed" 2>/dev/null)" = "$(mark_of "$stage")" ]; then
        echo "ok   $stage: passed before at this commit: $(tail -n 1 "$kept/$stage.log")"
        passed=$((passed + 1))
        continue
    fi
    rm -f "$kept/$stage.passed"
    began=$(date +%s)
    (run_stage "$stage") >"$kept/$stage.log" 2>&1
    code=$?
    took=$(($(date +%s) - began))
    if [ $code -eq 0 ]; then
        mark_of "$stage" >"$kept/$stage.passed"
        passed=$((passed + 1))
        echo "ok   $stage: $(tail -n 1 "$kept/$stage.log") ($took s)"
    elif [ $code -eq 77 ]; then
        skipped=$((skipped + 1))
        echo "skip $stage: $(tail -n 1 "$kept/$stage.log")"
    else
        failed=$((failed + 1)) broken="$broken $stage"
        echo "FAIL $stage ($took s), see $kept/$stage.log:"
        tail -n 20 "$kept/$stage.log" | sed 's/^/    /'
    fi
done
for stage in $broken; do
    echo "failed  $stage"
done
echo "proof at $now, results in $kept"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
