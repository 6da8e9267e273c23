"""The official openai client against the loopback provider: chat, stream, tools, errors. Usage: openai_client.py MOCK"""
import json
import sys

import openai
from loopback import loopback

SCRIPT = {
    "models": ["gpt-4o", "gpt-4o-mini"],
    "rules": [
        {"match": {"contains": "weather"}, "reply": {"tool_calls": [{"id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}],
                                                     "usage": {"prompt": 60, "completion": 15}}},
        {"match": {"contains": "too many"}, "fault": {"status": 429, "retry_after": "1"}},
        {"match": {"contains": "forbidden"}, "fault": {"status": 401}},
        {"reply": {"text": "Four degrees, and \u00e9l\u00e8ve \U0001F600.", "usage": {"prompt": 20, "completion": 8, "cached": 4}}, "chunk_bytes": 5},
    ],
}


def ask(client, text, **more):
    return client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}], **more)


def talk(client):
    answer = ask(client, "How cold is it?")
    assert answer.choices[0].message.content == "Four degrees, and \u00e9l\u00e8ve \U0001F600.", answer
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (20, 8, 28)
    assert answer.usage.prompt_tokens_details.cached_tokens == 4

    pieces, usage = [], None
    for chunk in ask(client, "How cold is it?", stream=True, stream_options={"include_usage": True}):
        pieces += [choice.delta.content or "" for choice in chunk.choices]
        usage = chunk.usage or usage
    assert "".join(pieces) == answer.choices[0].message.content and len([piece for piece in pieces if piece]) > 2, pieces
    assert usage.total_tokens == 28

    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
    call = ask(client, "What is the weather?", tools=[tool]).choices[0]
    assert call.finish_reason == "tool_calls" and json.loads(call.message.tool_calls[0].function.arguments) == {"city": "Oslo"}

    assert {model.id for model in client.models.list()} == {"gpt-4o", "gpt-4o-mini"}
    for text, error in (("too many", openai.RateLimitError), ("forbidden", openai.AuthenticationError)):
        try:
            ask(client, text)
        except error:
            continue
        raise AssertionError(f"{text}: no {error.__name__}")
    print("  the openai client", openai.__version__, "read answers, streams, tool calls, models and errors as meant")


if __name__ == "__main__":
    with loopback(sys.argv[1], SCRIPT) as url:
        talk(openai.OpenAI(api_key="sk-test", base_url=url + "/v1", max_retries=0))
