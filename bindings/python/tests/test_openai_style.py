"""The shape of OpenAI's SDK."""

import json
import os
import unittest
from types import SimpleNamespace

from llmcost import (
    ChatCompletion,
    ChatCompletionChunk,
    ConfigError,
    DeadlineError,
    OpenAI,
    Receipt,
)
from support import MODEL, MockCase

MESSAGES = [{"role": "user", "content": "Hello"}]


class NotGiven:
    """As the SDK names its placeholder."""


class Completions(MockCase):
    def test_completion(self) -> None:
        self.reply(text="Hi", usage={"prompt": 5, "completion": 2, "cached": 1})
        completion = self.open().chat.completions.create(
            model=MODEL, messages=MESSAGES, temperature=0
        )
        self.assertIsInstance(completion, ChatCompletion)
        self.assertTrue(completion.id)
        self.assertEqual((completion.object, completion.model), ("chat.completion", MODEL))
        self.assertEqual(completion.choices[0].message.content, "Hi")
        self.assertEqual(completion.choices[0].finish_reason, "stop")
        self.assertIsNone(completion.choices[0].message.tool_calls)
        self.assertIsNone(completion.system_fingerprint)
        self.assertEqual((completion.usage.prompt_tokens, completion.usage.total_tokens), (5, 7))
        self.assertEqual(completion.usage.prompt_tokens_details.cached_tokens, 1)
        self.assertIsInstance(completion.llmcost, Receipt)
        self.assertGreater(completion.llmcost.cost, 0)
        with self.assertRaises(AttributeError):
            completion.chioces

    def test_dumps(self) -> None:
        completion = self.open().chat.completions.create(model=MODEL, messages=MESSAGES)
        dumped = completion.model_dump()
        self.assertEqual(dumped["choices"][0]["message"]["content"], "Hello")
        self.assertEqual(dumped["llmcost"]["status"], "OK")
        self.assertEqual(json.loads(completion.model_dump_json()), dumped)
        self.assertEqual(json.loads(completion.to_json()), dumped)
        self.assertIn("\n  ", completion.to_json())
        message = completion.choices[0].message
        self.assertEqual(message.to_dict()["refusal"], None)
        self.assertEqual(
            message.model_dump(exclude_none=True), {"role": "assistant", "content": "Hello"}
        )
        self.assertEqual(completion._request_id, completion.llmcost.lines[0]["request_id"])
        self.assertTrue(completion._request_id)
        with self.assertRaises(TypeError):
            completion.model_dump(exclude={"llmcost"})
        self.assertIn("choices", repr(completion))
        dumped["choices"].clear()
        self.assertEqual(len(completion.choices), 1)

    def test_tools_and_their_message_in_the_next_request(self) -> None:
        self.reply(tool_calls=[{"id": "c1", "name": "f", "arguments": {"a": 1}}])
        client = self.open()
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        message = (
            client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=tools)
            .choices[0]
            .message
        )
        self.assertEqual(json.loads(message.tool_calls[0].function.arguments), {"a": 1})
        self.reply(text="done")
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "1"}
        final = client.chat.completions.create(
            model=MODEL, messages=[*MESSAGES, message, result], tools=tools
        )
        self.assertEqual(final.choices[0].message.content, "done")
        self.assertEqual(self.mock.request(-1)["messages"][1]["tool_calls"][0]["id"], "c1")

    def test_stream(self) -> None:
        self.mock.script({"default": {"chunk_bytes": 2}})
        stream = self.open().chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        self.assertIsInstance(chunks[0], ChatCompletionChunk)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(
            "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "Hello",
        )
        self.assertEqual(
            [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1], "stop"
        )
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.total_tokens, 0)
        self.assertEqual(stream.llmcost.status, "OK")

    def test_stream_without_usage(self) -> None:
        with self.open().chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True
        ) as stream:
            chunks = list(stream)
        self.assertTrue(all(chunk.choices for chunk in chunks))
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_arguments_of_the_sdk(self) -> None:
        client = self.open()
        client.chat.completions.create(
            model=MODEL,
            messages=MESSAGES,
            stream=NotGiven(),
            tools=NotGiven(),
            stop=None,
            extra_body={"top_k": 5},
            timeout=30.0,
            n=NotGiven(),
        )
        self.assertEqual(self.mock.request(-1)["top_k"], 5)
        self.assertNotIn("stop", self.mock.request(-1))
        for wrong in (
            {"extra_headers": {"X": "y"}},
            {"extra_query": {"a": "b"}},
            {"timeout": "long"},
            {"timeout": 0},
        ):
            with self.assertRaises(TypeError):
                client.chat.completions.create(model=MODEL, messages=MESSAGES, **wrong)
        self.fault(silent=True)
        with self.assertRaises(DeadlineError):
            client.chat.completions.create(model=MODEL, messages=MESSAGES, timeout=0.1)

    def test_objects_with_model_dump_as_messages(self) -> None:
        message = SimpleNamespace(
            model_dump=lambda: {"role": "user", "content": "dumped", "name": None}
        )
        completion = self.open().chat.completions.create(model=MODEL, messages=[message])
        self.assertEqual(completion.choices[0].message.content, "dumped")

    def test_tags_and_cache_of_ours(self) -> None:
        client = self.open({"cache": {"memory": {}}})
        for _ in range(2):
            completion = client.chat.completions.create(
                model=MODEL, messages=MESSAGES, sampled=True, tags={"a": "b"}
            )
        self.assertEqual(completion.llmcost["cache"], "hit")


class DropIn(MockCase):
    def test_one_line_changes(self) -> None:
        with OpenAI(api_key="sk-mine", base_url=self.mock.url + "/v1") as client:
            for model in (MODEL, "unheard-of", "org/model"):
                completion = client.chat.completions.create(model=model, messages=MESSAGES)
                self.assertEqual(completion.choices[0].message.content, "Hello")
                self.assertEqual(self.mock.request(-1)["model"], model)
        self.assertEqual(self.mock.header(-1, "authorization"), "Bearer sk-mine")
        self.assertEqual(self.mock.header(-1, ":path"), "/v1/chat/completions")

    def test_other_arguments(self) -> None:
        with OpenAI(
            api_key="k",
            base_url=self.mock.url + "/v1",
            organization="o",
            default_headers={"X-Team": "t"},
            timeout=60,
            max_retries=0,
        ) as client:
            client.chat.completions.create(model=MODEL, messages=MESSAGES)
            self.assertEqual(self.mock.header(-1, "X-Team"), "t")
            self.assertEqual(self.mock.header(-1, "OpenAI-Organization"), "o")
        self.fault(silent=True)
        with OpenAI(api_key="k", base_url=self.mock.url + "/v1", timeout=0.2) as client:
            with self.assertRaises(DeadlineError):
                client.chat.completions.create(model=MODEL, messages=MESSAGES)

    def test_environment(self) -> None:
        names = {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": self.mock.url + "/v1"}
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            with OpenAI() as client:
                client.chat.completions.create(model=MODEL, messages=MESSAGES)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        self.assertEqual(self.mock.header(-1, "authorization"), "Bearer sk-env")

    def test_config(self) -> None:
        receipts = []
        with OpenAI(
            config=self.mock.config(models={"small": "openai/gpt-4o-mini"}),
            on_receipt=receipts.append,
        ) as client:
            client.chat.completions.create(model="small", messages=MESSAGES)
            with self.assertRaises(ConfigError):
                client.chat.completions.create(model="unheard-of", messages=MESSAGES)
        self.assertEqual(len(receipts), 2)
        with self.assertRaises(TypeError):
            OpenAI(api_key="k", config={})


if __name__ == "__main__":
    unittest.main()
