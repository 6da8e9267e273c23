#!/usr/bin/env python3
"""make replay on the recorded exchanges beside the checkout, and on a folder of whatever a folder may hold.

Prints every exchange that the library reads otherwise than its recording says, with the reason where there is one: a
difference without a reason fails, and so does a reason without its difference. Usage: check_replay.py PROGRAM
"""
import json
import os
import subprocess
import sys
import tempfile

FIXTURES = os.environ.get("FIXTURES", os.path.join("..", "shared", "fixtures"))
COLUMNS = ("provider case result finish text_bytes text_xxh3 tool_calls tools_xxh3 input input_cached write_5m write_30m write_1h "
           "output reasoning audio_in audio_out cost_nano currency differs").split()
EXPLAINED = {
    "cohere/count-tokens-46746c": "/v1/tokenize counts a bare text, not what a chat would count: the library has no such operation",
    "cohere/cohere-chat-5eafef": "the first version of the chat, which takes one message: the library speaks the second",
    "cerebras/chat-stream-tools-cached-reasoning-78c4e1": "two calls, each complete, with ids of their own under one index: the recording's list counts one",
}
UNSUPPORTED = {"batch", "file_content", "invoke", "ollama_generate", "dashscope_generation"}

passed, failed = 0, 0


def check(holds, what):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}")


def replay(program, folder):
    done = subprocess.run([program, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=280, check=False)
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    check(done.returncode == 0 and lines[-1] == "", f"{folder}: ended with {done.returncode}: {done.stderr[-500:]!r}")
    check(lines[0].split("\t") == COLUMNS, "the header line")
    rows = [dict(zip(COLUMNS, line.split("\t"))) for line in lines[1:-1]]
    check(all(line.count("\t") == len(COLUMNS) - 1 for line in lines[1:-1]), f"{folder}: every line has {len(COLUMNS)} columns")
    return {row["provider"] + "/" + row["case"]: row for row in rows}


def kind_of(case):
    with open(os.path.join(FIXTURES, case, "response.meta.json"), encoding="utf-8") as file:
        return json.load(file)["kind"]


def check_recorded(program):
    with open(os.path.join(FIXTURES, "INDEX.tsv"), encoding="utf-8") as file:
        cases = ["/".join(line.split("\t")[:2]) for line in file.read().splitlines()[1:]]
    rows = replay(program, FIXTURES)
    check(sorted(rows) == sorted(cases), "one line for each recorded exchange")
    for case, row in sorted(rows.items()):
        if row["result"] == "unsupported":
            kind = kind_of(case)
            print(f"unsupported: {case} ({EXPLAINED.get(case, kind)})")
            check(kind in UNSUPPORTED or case in EXPLAINED, f"{case}: the library has an operation for {kind}")
        elif row["differs"] or case in EXPLAINED:
            print(f"differs: {case}: {row['differs']} ({EXPLAINED.get(case, 'no reason known')})")
            check(bool(row["differs"]) and case in EXPLAINED, f"{case}: {row['differs'] or 'explained, but it does not differ'}")
        else:
            check(True, case)
    answered = [row for row in rows.values() if row["result"] == "ok"]
    priced = [row for row in answered if row["cost_nano"]]
    print(f"{len(rows)} exchanges: {len(answered)} answers, {len(priced)} of them with a price")


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def check_anything(program):
    chat = {"status": 200, "headers": {"content-type": "application/json"}, "provider": "openai", "kind": "chat", "endpoint": "/v1/chat/completions",
            "stream": False, "body_form": "json", "model": "gpt-4o", "tags": [], "usage_as_reported": {"prompt": 2}, "finish_as_reported": ["stop"], "tool_calls": 0}
    body = b'{"id":"a","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}'
    wrong = [{}, [], {"kind": 7}, {"kind": "chat", "status": "x"}, {"kind": "chat", "status": 10**30}, {"kind": "chat", "headers": [1], "tags": 1}, {**chat, "tool_calls": 1.5},
             {**chat, "usage_as_reported": {"prompt": 1e300}}, {**chat, "finish_as_reported": [1]}, {**chat, "headers": {"retry-after": "9" * 400}}]
    kinds = ["chat", "messages", "generate_content", "responses", "converse", "converse_stream", "cohere_chat", "ollama_chat", "embeddings", "count_tokens", "models", "other"]
    bodies = [b"", b"\0" * 50, b"{", b"[" * 100000, b"data: {\n\n" * 50, b'{"a":' * 5000, b"\xff" * 3000, b'{"error":{}}', b"[]", b"null", b'"text"', b'{"choices":[{"index":-1}]}',
              b'{"choices":[{"index":99999999999}]}', b"event: x\r\ndata: 1\r\n\r\n", b"\x00\x00\x00\x10\x00\x00\x00\x00\xff\xff\xff\xff", b"\x7f" * 16, body]
    with tempfile.TemporaryDirectory() as top:
        write(f"{top}/openai/good", "response.meta.json", json.dumps(chat).encode())
        write(f"{top}/openai/good", "response.body", body)
        for i, meta in enumerate(wrong):
            write(f"{top}/openai/meta{i}", "response.meta.json", json.dumps(meta).encode())
            write(f"{top}/openai/meta{i}", "response.body", body)
        count = 0
        for kind in kinds:
            for form in ("json", "sse", "ndjson", "eventstream"):
                for content in bodies:
                    meta = {**chat, "kind": kind, "body_form": form, "endpoint": "/v2/chat /api/embed", "status": (200, 200, 400, 503)[count % 4]}
                    write(f"{top}/any/{kind}{count}", "response.meta.json", json.dumps(meta).encode())
                    write(f"{top}/any/{kind}{count}", "response.body", content)
                    count += 1
        write(f"{top}/bytes/meta", "response.meta.json", b"\xff\xfe{")
        write(f"{top}/bytes/no-meta", "response.body", body)
        write(f"{top}/bytes/no-body", "response.meta.json", json.dumps(chat).encode())
        os.makedirs(f"{top}/bytes/folder/response.body")
        write(f"{top}/bytes/folder", "response.meta.json", json.dumps(chat).encode())
        os.makedirs(f"{top}/bytes/empty")
        os.makedirs(f"{top}/bytes/tab\there")
        os.makedirs(f"{top}/bytes/pipe")
        os.mkfifo(f"{top}/bytes/pipe/response.meta.json")
        os.symlink(top, f"{top}/bytes/loop")
        os.symlink("/nowhere", f"{top}/bytes/dangling")
        write(top, "INDEX.tsv", b"no folder")
        rows = replay(program, top)
        good = rows["openai/good"]
        check((good["result"], good["finish"], good["text_bytes"], good["input"], good["output"], good["cost_nano"], good["currency"], good["differs"]) ==
              ("ok", "stop", "2", "2", "1", "15000", "USD", ""), f"a good exchange: {good}")
        check(len(rows) == count + len(wrong) + 8 + 1, f"{len(rows)} lines")
        check("response.body" in rows["bytes/no-body"]["differs"] and "response.meta.json" in rows["bytes/no-meta"]["differs"], "what is missing is named")


program = sys.argv[1]
check_anything(program)
if os.path.isdir(FIXTURES):
    check_recorded(program)
    print(f"{passed} passed, {failed} failed, 0 skipped")
else:
    print(f"skipped: the recorded exchanges, {FIXTURES} is not there")
    print(f"{passed} passed, {failed} failed, 1 skipped")
sys.exit(failed != 0)
