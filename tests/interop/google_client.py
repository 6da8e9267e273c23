"""The official google-genai client against the loopback provider: chat, stream, tools, counts, vectors, errors. Usage: google_client.py MOCK"""
import sys

from google import genai
from google.genai import errors, types
from loopback import loopback

TEXT = "Four degrees, and \u00e9l\u00e8ve \U0001F600."
SCRIPT = {
    "models": ["gemini-2.5-flash"],
    "rules": [
        {"match": {"contains": "weather"}, "reply": {"tool_calls": [{"id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}],
                                                     "usage": {"prompt": 60, "completion": 15}}},
        {"match": {"contains": "too many"}, "fault": {"status": 429, "retry_after": "1"}},
        {"match": {"contains": "forbidden"}, "fault": {"status": 401}},
        {"reply": {"text": TEXT, "usage": {"prompt": 20, "completion": 8, "cached": 4}}, "chunk_bytes": 5},
    ],
}
MODEL = "gemini-2.5-flash"


def talk(client):
    answer = client.models.generate_content(model=MODEL, contents="How cold is it?")
    assert answer.text == TEXT and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.cached_content_token_count, usage.total_token_count) == (20, 8, 4, 28), usage

    pieces = [chunk.text or "" for chunk in client.models.generate_content_stream(model=MODEL, contents="How cold is it?")]
    assert "".join(pieces) == TEXT and len([piece for piece in pieces if piece]) > 2, pieces

    declaration = types.FunctionDeclaration(name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}})
    call = client.models.generate_content(model=MODEL, contents="What is the weather?", config=types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])]))
    assert call.function_calls[0].name == "weather" and call.function_calls[0].args == {"city": "Oslo"}, call

    assert client.models.count_tokens(model=MODEL, contents="How cold is it?").total_tokens > 0
    vectors = client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"]).embeddings
    assert len(vectors) == 2 and len(vectors[0].values) == len(vectors[1].values) > 0 and vectors[0].values != vectors[1].values
    assert [model.name for model in client.models.list()] == ["models/gemini-2.5-flash"]
    for text, code in (("too many", 429), ("forbidden", 401)):
        try:
            client.models.generate_content(model=MODEL, contents=text)
        except errors.ClientError as error:
            assert error.code == code, error
            continue
        raise AssertionError(f"{text}: no error")
    print("  the google-genai client", genai.__version__, "read answers, streams, tool calls, counts, vectors, models and errors as meant")


if __name__ == "__main__":
    with loopback(sys.argv[1], SCRIPT) as url:
        talk(genai.Client(api_key="key-test", http_options=types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))))
