"""The official anthropic client against the loopback provider: messages, stream, tools, errors. Usage: anthropic_client.py MOCK"""
import sys

import anthropic
from loopback import loopback

TEXT = "Four degrees, and \u00e9l\u00e8ve \U0001F600."
SCRIPT = {
    "models": ["claude-haiku-4-5"],
    "rules": [
        {"match": {"contains": "weather"}, "reply": {"tool_calls": [{"id": "toolu_1", "name": "weather", "arguments": {"city": "Oslo"}}],
                                                     "usage": {"prompt": 60, "completion": 15}}},
        {"match": {"contains": "too many"}, "fault": {"status": 429, "retry_after": "1"}},
        {"match": {"contains": "overloaded"}, "fault": {"status": 529}},
        {"match": {"contains": "forbidden"}, "fault": {"status": 401}},
        {"reply": {"text": TEXT, "usage": {"prompt": 20, "completion": 8, "cached": 4}}, "chunk_bytes": 5},
    ],
}


def ask(client, text, **more):
    return client.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=[{"role": "user", "content": text}], **more)


def talk(client):
    answer = ask(client, "How cold is it?")
    assert answer.content[0].text == TEXT and answer.stop_reason == "end_turn", answer
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (16, 4, 8), answer.usage

    with client.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=[{"role": "user", "content": "How cold is it?"}]) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == TEXT and len(pieces) > 2, pieces
    assert final.usage.output_tokens == 8 and final.stop_reason == "end_turn", final

    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    call = ask(client, "What is the weather?", tools=[tool])
    assert call.stop_reason == "tool_use" and call.content[-1].input == {"city": "Oslo"}, call

    assert [model.id for model in client.models.list()] == ["claude-haiku-4-5"]
    for text, error in (("too many", anthropic.RateLimitError), ("overloaded", anthropic.InternalServerError), ("forbidden", anthropic.AuthenticationError)):
        try:
            ask(client, text)
        except error:
            continue
        raise AssertionError(f"{text}: no {error.__name__}")
    print("  the anthropic client", anthropic.__version__, "read messages, streams, tool calls, models and errors as meant")


if __name__ == "__main__":
    with loopback(sys.argv[1], SCRIPT) as url:
        talk(anthropic.Anthropic(api_key="sk-test", base_url=url, max_retries=0))
