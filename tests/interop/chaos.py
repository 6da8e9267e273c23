"""The library against llmock, a chaos mock of ten providers by other people: errors and broken streams at random.

Every call must end once, with an answer or with a status that says what went wrong, its receipt must add up, and the
mock's own verdict on its client must be good. Usage: chaos.py LLMOCK (the program), with LLMCOST_LIBRARY set.
"""
import collections
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"))
import llmcost  # noqa: E402

CALLS = 40  # questions for each provider, half of them streamed
DOORS = {
    "openai": ("openai", "/v1", "gpt-4o-mini"),
    "responses": ("openai-responses", "/v1", "gpt-4o-mini"),
    "anthropic": ("anthropic", "/anthropic", "claude-haiku-4-5"),
    "google": ("google", "/gemini/v1beta", "gemini-2.5-flash"),
    "mistral": ("mistral", "/mistral/v1", "mistral-small-2603"),
    "groq": ("groq", "/groq/openai/v1", "llama-3.1-8b-instant"),
    "xai": ("xai", "/xai/v1", "grok-4.3"),
    "together": ("together", "/together/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "cohere": ("cohere", "/cohere", "command-r7b-12-2024"),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url, server):
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit("llmock ended at its start")
        try:
            with urllib.request.urlopen(url + "/openapi.json", timeout=2) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("llmock did not become ready")


def ask(client, name, model, number):
    """Each call asks something of its own: the mock takes the same question again for another try of it."""
    question = f"Tell me story {number}."
    if number % 2 == 0:
        return client.chat(f"{name}/{model}", question, max_tokens=200).text
    return "".join(client.stream(f"{name}/{model}", question, max_tokens=200))


def one_call(client, name, model, number, tally):
    """What broke off after its first piece cannot be tried again unseen: that is the program's to decide, and this one does."""
    for _ in range(12):
        tally["calls"] += 1
        try:
            text = ask(client, name, model, number)
            assert text, f"{name}: an empty answer"
            tally["answered"] += 1
            return
        except llmcost.LlmcostError as error:
            assert error.category in ("capacity", "server", "network", "time"), f"{name}: {error.status}: {error}"
            tally[error.status] += 1
            time.sleep(error.retry_after or 0)


def main():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.argv[1], "serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--response-style", "varied", "--error-rate", "429=0.08",
                               "--error-rate", "500=0.08", "--error-rate", "503=0.08", "--stream-fault", "disconnect=0.08", "--stream-fault", "truncate=0.08",
                               "--stream-fault", "malformed=0.08", "--stream-fault", "stall=0.04", "--stream-stall-seconds", "3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(url, server)
        providers = {name: {"preset": preset, "base_url": url + path, "key": "sk-chaos", "retries": 2, "idle_ms": 1500, "first_byte_ms": 30000}
                     for name, (preset, path, _) in DOORS.items()}
        models = {name: model for name, (_, _, model) in DOORS.items()}
        tally = collections.defaultdict(collections.Counter)
        with llmcost.Client({"providers": providers, "unknown_price": "allow"}) as client:
            for name, model in models.items():
                for i in range(CALLS):
                    one_call(client, name, model, i, tally[name])
            report = client.report("json")
        for name, counts in tally.items():
            print(f"  {name}: " + ", ".join(f"{what} {count}" for what, count in counts.most_common()))
            assert sum(counts.values()) == 2 * counts["calls"] and counts["answered"] == CALLS, f"{name}: {dict(counts)}"
        assert report["total"]["calls"] == sum(counts["calls"] for counts in tally.values()), report["total"]
        verdict = subprocess.run([sys.argv[1], "report", "--url", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        print("  llmock's verdict:", " ".join(verdict.stdout.split())[:600])
        return verdict.returncode
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
