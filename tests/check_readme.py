#!/usr/bin/env python3
"""Holds the README to the truth. check_readme.py BUILD [--write]

- `<!-- file: NAME -->` before a block: the block is that file, in a folder of its own.
- `<!-- run: COMMAND -->` before a block: the block is what the command prints there; figures that differ from run to run
  are not shown. `$ ` blocks (sh) after `<!-- run -->` are run line by line and must succeed.
- every json block is a config that a client must open with.
- `<!-- recipe: CASE; CASE -->` before a json block of one line: the "routes" of a config, which are asked. A CASE is
  `ROUTE [tag=value ...] [streamed] ["question"] [without TARGET ...] [{rule of the mock's script} ...] -> TARGET or E_STATUS`:
  a TARGET that is left out answers 503. Every provider that it names is the loopback one.
- `<!-- table: NAME -->` ... `<!-- end -->`: what the code's own tables print.

The provider is the loopback one, the library is installed for the occasion. --write puts the real output in.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
WRITE = "--write" in sys.argv
README = "README.md"
BLOCK = re.compile(r"<!-- (file|run)(?:: (.*?))? -->\n```(\w*)\n(.*?)```\n", re.S)
RECIPE = re.compile(r"<!-- recipe: (.*?) -->\n```json\n(.*?)```\n", re.S)
JSON = re.compile(r"```json\n(.*?)```\n", re.S)
TABLE = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)

passed = failed = 0


def judge(good, name, why=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"README: {name}: {why}")


def run(command, folder, environment):
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=600, check=False, executable="/bin/bash")
    return done.returncode, done.stdout


def check_blocks(text, folder, environment):
    def one(match):
        kind, what, language, body = match.groups()
        if kind == "file":
            with open(os.path.join(folder, what), "w", encoding="utf-8") as file:
                file.write(body)
            return match.group(0)
        if not what:
            for line in body.splitlines():
                code, out = run(line, folder, environment)
                judge(code == 0, line, out)
            return match.group(0)
        code, out = run(what, folder, environment)
        judge(code == 0 and (WRITE or out == body), what, f"ended with {code} and printed:\n{out}")
        begin, end = (at - match.start() for at in match.span(4))
        return match.group(0)[:begin] + out + match.group(0)[end:] if WRITE else match.group(0)
    return BLOCK.sub(one, text)


def check_configs(text, folder, environment):
    for index, body in enumerate(JSON.findall(RECIPE.sub("", text))):
        path = os.path.join(folder, f"config{index}.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(body)
        code, out = run(f"'{BUILD}/tests/tools/open_config' '{path}'", folder, environment)
        judge(code == 0, f"config {index}", out + body)


def providers_of(node):
    """What stands in front of the slashes of its names."""
    if isinstance(node, dict):
        return set().union(*(providers_of(key) | providers_of(value) for key, value in node.items())) if node else set()
    if isinstance(node, list):
        return set().union(*map(providers_of, node)) if node else set()
    match = re.fullmatch(r"([a-z0-9._-]+)/[^\s]+", node) if isinstance(node, str) else None
    return {match.group(1)} if match else set()


def parse_case(case):
    """Its route, the arguments for the tool, the rules for the mock, and who shall answer."""
    said, _, expected = case.rpartition("->")
    rules, arguments, out, decoder = [], [], False, json.JSONDecoder()
    route, said = (said.strip() + " ").split(" ", 1)
    while said := said.strip():
        if said[0] == "{":
            rule, end = decoder.raw_decode(said)
            rules.append(rule)
        elif said[0] == '"':
            question, end = decoder.raw_decode(said)
            arguments += ["--question", question]
        else:
            word = said.split()[0]
            end = len(word)
            if word == "without":
                out = True
            elif out and "=" not in word:
                rules.append({"match": {"model": word.split("/", 1)[1]}, "fault": {"status": 503}})
            else:
                out = False
                arguments.append("--stream" if word == "streamed" else word)
        said = said[end:]
    return route, arguments, rules, expected.strip()


def ask_recipe(recipe, case, folder, environment):
    route, arguments, rules, expected = parse_case(case)
    script, config = os.path.join(folder, "recipe_script.json"), os.path.join(folder, "recipe.json")
    with open(script, "w", encoding="utf-8") as file:
        json.dump({"rules": rules, "default": {"reply": {"text": "An answer."}}}, file)
    mock = subprocess.Popen([f"{BUILD}/llmcost-mock", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = mock.stdout.readline().strip()
        if not url:
            return f"the script was not taken: {rules}"
        whole = dict(recipe)
        providers = whole.setdefault("providers", {})
        for name in providers_of({key: value for key, value in whole.items() if key != "providers"}) | set(providers):
            providers[name] = {"retries": 0, "key": "none", **providers.get(name, {}), "base_url": url}
        with open(config, "w", encoding="utf-8") as file:
            json.dump(whole, file)
        done = subprocess.run([f"{BUILD}/tests/tools/ask_route", config, route, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        return "" if done.stdout.strip() == expected else f"{done.stdout.strip()} answered"
    finally:
        mock.communicate()


def check_recipes(text, folder, environment):
    for cases, body in RECIPE.findall(text):
        for case in cases.split(";"):
            why = ask_recipe(json.loads(body), case.strip(), folder, environment)
            judge(not why, f"recipe {case.strip()}", f"{why}\n{body}")


def check_tables(text):
    def one(match):
        head, name, body, end = match.groups()
        now = subprocess.run([f"{BUILD}/tests/tools/document", name], stdout=subprocess.PIPE, text=True, check=True).stdout
        judge(WRITE or now.strip() == body.strip(), f"table {name}", "differs from the code; make readme writes it anew")
        return f"{head}{now.strip()}\n{end}"
    return TABLE.sub(one, text)


def check_links(text):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        judge(os.path.exists(target), "link", f"{target} does not exist")


def check_paths(name):
    """Files that a document names in backticks are there."""
    with open(name, encoding="utf-8") as file:
        for path in sorted(set(re.findall(r"`((?:lib|tests|include|examples|bindings)/[\w./-]*)`", file.read()))):
            judge(os.path.exists(path), name, f"{path} does not exist")


def main():
    with open(README, encoding="utf-8") as file:
        text = file.read()
    folder = tempfile.mkdtemp()
    mock = subprocess.Popen([f"{BUILD}/llmcost-mock", "examples/first_answers.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = mock.stdout.readline().strip()
        subprocess.run(["make", "-s", f"BUILD={BUILD}", f"prefix={folder}/usr", "install"], stdout=subprocess.DEVNULL, check=True)
        shutil.copytree("bindings/python/llmcost", os.path.join(folder, "llmcost"))
        environment = dict(os.environ, OPENAI_API_KEY="sk-not-a-key", OPENAI_BASE_URL=url + "/v1", ANTHROPIC_API_KEY="not-a-key", KIMI_1="not-a-key", KIMI_2="not-a-key",
                           PKG_CONFIG_PATH=f"{folder}/usr/lib/pkgconfig", LD_LIBRARY_PATH=f"{folder}/usr/lib", LLMCOST_LIBRARY=f"{folder}/usr/lib/libllmcost.so.0")
        text = check_blocks(text, folder, environment)
        check_configs(text, folder, environment)
        check_recipes(text, folder, environment)
        text = check_tables(text)
        check_links(text)
        check_paths("CONTRIBUTING.md")
        check_paths(README)
    finally:
        mock.communicate()
        shutil.rmtree(folder)
    if WRITE:
        with open(README, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
