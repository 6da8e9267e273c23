#!/usr/bin/env python3
"""Runs the examples and the demo as a reader would and compares what they print.

check_examples.py BUILD. Each expected line is a regular expression that must match some line, in this order.
"""
import os
import re
import subprocess
import sys

BUILD = sys.argv[1]

EXAMPLES = {
    "hello": [r"A cache whose entries expire after a fixed time\.", r"\$0\.00000795: openai/gpt-4o-mini, 5 in, 12 out"],
    "hello-cpp": [r"A cache whose .*", r"\$0\.00000795: .*", r"A cache whose .*", r"\$0\.0000\d+: openai/gpt-4o-mini, .*"],
    "stream": [r"(\[[^\]]{1,8}\]){7}", r"ended with stop: \$0\.00000945: openai/gpt-4o-mini, 7 in, 14 out"],
    "tools": [r"\$0\.0000\d+: openai/gpt-4o, .*", r'the model calls parcel_status\(\{"number": ?"4711"\}\)', r"Parcel 4711 is out for delivery\.", r"\$0\.000\d+: openai/gpt-4o, .*"],
    "cascade": [r"When do you open\?", r"  We open at nine\.", r"  \$0\.00000735: openai/gpt-4o-mini, .* saved \$0\.00004265 of \$0\.00005 \(route .*\)", r"  step 1: gpt-4o-mini, 7350 .*",
                r"What are the customs.*", r"  Gifts under 45 euros.*", r"  \$0\.0001325: openai/gpt-4o, .* over 2 legs; saved -\$0\.0000075 .*\(overhead -\$0\.0000075\)",
                r"  step 1: gpt-4o-mini, 7500 .*", r"  step 2: gpt-4o, 125000 .*"],
    "choose": [r"A thorough answer\.", r"  because: task is review", r"A short answer\.", r"  because: by default, label simple \(score 0\)", r"A thorough answer\.",
               r"  because: label complex \(score 7: math 1, reasoning 4, steps 1, conditions 1\)"],
    "fallback": [r"(\[[^\]]+\])+ that was nothing", r"\[We open at nine\.\]", r"We open at nine\.", r"\$0\.0000\d+: openai/gpt-4o-mini, .*overhead -.*", r"  gpt-4\.1: E_OVERLOADED",
                 r"  gpt-4o: E_SERVER", r"  gpt-4o-mini: OK"],
    "cache": [r"fresh: \$0\.000095: openai/gpt-4o, 6 in, 8 out", r"cached: \$0 from the cache: .* saved \$0\.000095"],
    "budget": [r"\$0\.0007: .*", r"\$0\.0007: .*", r'alert: \{"alert":"budget","budget":"summaries",.*"fraction":0\.5,.*\}', r"\$0\.0007: .*", r"\$0\.0007: .*",
               r'openai/gpt-4o: budget "summaries" has \$0\.0002 left and the call may cost .*', r"refused: the budget could not cover the call; nothing was sent"],
    "report": [r"calls     4 .*", r"cost      \$0\.002124", r"feature .*", r"summaries .* 84\.7 % .*", r"faq .* 15\.3 % .*", r"model .*", r"provider .*", r"day .*"],
    "split": [r"calls     100 .*", r"split faq by user .*", r"openai/gpt-4o-mini +50 +\d+ +0 +0 +0 +\$0\.00\d+ +\$0\.000108 .*", r"openai/gpt-4o +50 .* \$0\.0018 .*",
              r"  openai/gpt-4o against openai/gpt-4o-mini, 95 % intervals", r"    cost of a call +\$0\.001692 +\$0\.001692 \.\. \$0\.001692   differs", r"    score +.* \.\. .*"],
    "epoll": [r"20 of 20 answered, asleep while waiting"],
    "embed": [r"\$0\.00000028: openai/text-embedding-3-small, 14 in", r"\$0\.00000016: openai/text-embedding-3-small, 8 in",
              r"nearest: An order takes three days\.", r"\$0 from the cache: 14 in, saved \$0\.00000028"],
    "explain": [r"desk: fallback, the next one when one failed", r"  1\. faq: cascade, escalates on the marker .*", r"     1\. openai/gpt-4o-mini  \$0\.15 in, .*",
                r"     2\. openai/gpt-4o  .*", r"  2\. openai/gpt-4\.1  .*", r'"cost":\{"least_nano":\d+,.*"status":"OK","message":null,"not_asked":\[\]\}'],
    "policy": [r"the provider saw: Write to x+ or x+ today\.", r"redacted: 2"],
}
DEMO = [r"  questions +600 .*", r"cost by feature .*", r"  faq .*", r"  summaries .*", r"  all +600 .*", r"saving by policy.*", r"  cache +\d+\.\d{4} USD .*",
        r"  overhead +-\d+\.\d{4} USD .*", r"hit rate +\d+\.\d% .*", r"escalations +\d+", r"wrong answers +\d+ let through of \d+ .*", r"refused +[1-9]\d* by the budget \"summaries\": .*",
        r"net saving +\d+\.\d% .*", r"allowed +\d+\.\d% .*within 2 points", r"receipts .*within 2 points", r"report +equal to the sum of the receipts, to the last unit", r"budget +kept"]

passed = failed = 0


def run(command, **environment):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False, env=dict(os.environ, **environment))


def check(name, done, expected, code=0, says=""):
    global passed, failed
    lines, at, missing = done.stdout.splitlines(), 0, None if says in done.stderr else says
    for pattern in expected:
        while at < len(lines) and not re.fullmatch(pattern, lines[at]):
            at += 1
        if at == len(lines):
            missing = pattern
            break
        at += 1
    good = missing is None and done.returncode == code
    passed, failed = passed + good, failed + (not good)
    if not good:
        print(f"{name}: ended with {done.returncode}, missing {missing!r} in:\n{done.stdout}{done.stderr}")


def check_real_provider():
    """--model, pointed at the loopback provider: ten questions, then the same with a provider so dear that the budget ends it."""
    cheap = '{"default": {"reply": {"text": "It is on its way.", "usage": {"prompt": 30, "completion": 12}}}}'
    for script, expected, code in ((cheap, [r"Ten questions to openai/gpt-4o-mini.*", r" 1  .*", r"10  .*", r"spent \$0\.0000\d+ of \$0\.05, 0 failed"], 0),
                                   (cheap.replace("12", "90000"), [r".*budget \"demo\" has .*", r"spent .*, \d failed"], 1)):
        path = os.path.join(BUILD, "demo_script.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        mock = subprocess.Popen([os.path.join(BUILD, "llmcost-mock"), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        url = mock.stdout.readline().strip()
        done = run([os.path.join(BUILD, "llmcost-demo"), "--model", "openai/gpt-4o-mini", "--base-url", url + "/v1"], OPENAI_API_KEY="sk-not-a-key")
        check("demo --model", done, [p.replace("^", "") for p in expected] if code == 0 else [r" +" + expected[0], expected[1]], code)
        mock.communicate()


for example, expected_lines in EXAMPLES.items():
    check(example, run([os.path.join(BUILD, "examples", example)]), expected_lines)
demo = os.path.join(BUILD, "llmcost-demo")
check("demo", run([demo, "--questions", "600", "--seed", "7"]), DEMO)
check("demo without repeats", run([demo, "--questions", "300", "--repeat", "0", "--easy", "0.1"]), [r"hit rate +0\.0% .*", r"allowed .*within 2 points"])
for wrong, said in ((["--repeat", "1"], "demo: --repeat takes a number from 0 to 0.95"), (["--questions", "0"], "demo: --questions takes a number from 100 to 1000000"),
                    (["--easy", "nan"], "from 0 to 1"), (["--easy"], "a value is missing after --easy"), (["--many", "2"], "not an option: --many"), (["--help"], "(6000; 100 to 1000000)")):
    check("demo " + " ".join(wrong), run([demo, *wrong]), [], 2, said)
check("demo without a key", run([demo, "--model", "openai/gpt-4o-mini"], OPENAI_API_KEY=""), [], 2)
check_real_provider()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
