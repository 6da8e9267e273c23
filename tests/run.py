#!/usr/bin/env python3
"""Runs test programs and adds up what they say.

Each argument is a program that prints TAP (cmocka does with CMOCKA_MESSAGE_OUTPUT=TAP), or, after the word `sh:`, a
command that counts as one test by its exit code. They begin in the order of the arguments, TEST_JOBS of them at a time
(one more than there are processors, for many wait for time to pass): name the long ones first. Skipped tests are named
with the reason they printed. Ends with one line: N passed, N failed, N skipped.
"""
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

TIMEOUT_S = int(os.environ.get("TEST_TIMEOUT", "1800"))
JOBS = int(os.environ.get("TEST_JOBS") or len(os.sched_getaffinity(0)) + 1)
RESULT = re.compile(r"^(not )?ok \d+ (?:- )?(?:# SKIP )?(.*)$")
PLAN = re.compile(r"^\d+\.\.\d+$")
COUNTS = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def run(command, shell):
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run(command, shell=shell, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode("utf-8", "replace") + f"\ntimed out after {TIMEOUT_S} s\n"


def reason(lines, at):
    """What the test printed before its SKIP line."""
    words = []
    for line in reversed(lines[:at]):
        if RESULT.match(line) or PLAN.match(line) or not line.strip():
            break
        words.append(line.lstrip("# ").strip())
    return " ".join(reversed(words)) or "no reason given"


def count(name, code, text):
    passed, failed, skipped = [], [], []
    lines = text.splitlines()
    for at, line in enumerate(lines):
        result = RESULT.match(line)
        if not result:
            continue
        if "# SKIP" in line:
            skipped.append((result.group(2), reason(lines, at)))
        elif result.group(1):
            failed.append(result.group(2))
        else:
            passed.append(result.group(2))
    if not (passed or failed or skipped):
        for line in lines:
            counts = COUNTS.match(line.strip())
            if counts:
                numbers = [int(number or 0) for number in counts.groups()]
                return numbers[0], numbers[1] or (1 if code else 0), [(name, "see above")] * numbers[2]
    if code != 0 and not failed:
        failed.append(f"{name} ended with {code}")
    if not (passed or failed or skipped):
        passed.append(name)
    return len(passed), len(failed), skipped


def run_and_count(command, shell):
    name = command if shell else os.path.basename(command)
    began = time.monotonic()
    code, text = run(command if shell else [command], shell)
    return name, text, count(name, code, text), time.monotonic() - began


def tests_of(arguments):
    words = iter(arguments)
    for word in words:
        yield (next(words), True) if word == "sh:" else (word, False)


def main():
    totals, skips, broken = [0, 0, 0], [], []
    pool = ThreadPoolExecutor(JOBS)
    for test in as_completed([pool.submit(run_and_count, *test) for test in tests_of(sys.argv[1:])]):
        name, text, (passed, failed, skipped), took = test.result()
        print(f"{'FAIL' if failed else 'ok  '} {name}: {passed} passed, {failed} failed, {len(skipped)} skipped ({took:.1f} s)", flush=True)
        if failed:
            broken.append(name)
            print("\n".join("    " + line for line in text.splitlines()[-60:]), flush=True)
        skips += [(name, test, why) for test, why in skipped]
        totals[0] += passed
        totals[1] += failed
        totals[2] += len(skipped)
    for name, test, why in skips:
        print(f"skipped {name}: {test}: {why}")
    for name in broken:
        print(f"failed  {name}")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
