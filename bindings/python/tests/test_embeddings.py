"""Vectors, counts of tokens, balances and limits, over real HTTP."""

import base64
import json
import unittest
from decimal import Decimal
from typing import Any, List

from llmcost import BudgetError, Client, Embeddings, LlmcostError, OpenAI, RequestError

from support import MODEL, MockCase

EMBED = "openai/text-embedding-3-small"


def vectors(*rows: List[float]) -> str:
    """OpenAI's answer with these vectors."""
    data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    return json.dumps({"data": data, "model": "e", "usage": {"prompt_tokens": 6}})


class EmbeddingCase(MockCase):
    def path(self, path: str, body: str) -> None:
        reply = {"raw": {"status": 200, "content_type": "application/json", "body": body}}
        self.mock.script({"rules": [{"match": {"path": path}, "reply": reply}]})

    def provider(self, preset: str) -> Client:
        url = self.mock.config()["providers"]["openai"]["base_url"]
        client = Client({"providers": {preset: {"key": "none", "base_url": url, "retries": 0}}})
        self.addCleanup(client.close)
        return client

    def sent(self, index: int = -1) -> Any:
        return self.mock.request(index)


class EmbedTest(EmbeddingCase):
    def test_vectors(self) -> None:
        self.path("/v1/embeddings", vectors([1, -2.5], [0.1, 4]))
        client = self.open()
        with client.tags(feature="search"):
            made = client.embed(EMBED, ["one", "two"], dimensions=2, purpose="query")
        self.assertIsInstance(made, Embeddings)
        self.assertEqual(len(made), 2)
        self.assertEqual(made.dimensions, 2)
        self.assertEqual(list(made[0]), [1.0, -2.5])
        self.assertAlmostEqual(made[1][0], 0.1, places=6)
        self.assertEqual([list(row) for row in made][0], [1.0, -2.5])
        self.assertEqual(made[0:1], made.vectors[:1])
        self.assertEqual(made.receipt.cost, Decimal("0.00000012"))
        self.assertEqual((made.provider, made.cached), ("openai", False))
        self.assertIn("2 of 2 dimensions", repr(made))
        self.assertEqual(bytes(memoryview(made[0]).cast("B"))[:4], b"\0\0\x80\x3f")
        body = self.sent()
        self.assertEqual(body["input"], ["one", "two"])
        self.assertEqual(body["dimensions"], 2)
        self.assertNotIn("llmcost", body)

    def test_one_text(self) -> None:
        self.path("/v1/embeddings", vectors([1, 2, 3]))
        made = self.open().embed(EMBED, "one", user="u-1")
        self.assertEqual([list(row) for row in made], [[1, 2, 3]])
        self.assertEqual(self.sent()["user"], "u-1")

    def test_the_cache(self) -> None:
        self.path("/v1/embeddings", vectors([1, 2]))
        client = self.open({"cache": {"memory": {}}})
        self.assertEqual([client.embed(EMBED, "one").cached for _ in range(2)], [False, True])

    def test_failures(self) -> None:
        self.path("/v1/embeddings", vectors([1, 2]))
        client = self.open({"budgets": [{"limit": "0.0000001 USD"}]})
        with self.assertRaises(BudgetError):
            client.embed(EMBED, "one")
        with self.assertRaisesRegex(RequestError, "inputs is empty"):
            client.embed(EMBED, [])
        with self.assertRaisesRegex(RequestError, "input\\[0\\]"):
            client.embed(EMBED, [5])  # type: ignore[list-item]
        with self.assertRaisesRegex(RequestError, "purpose"):
            client.embed(EMBED, "one", purpose="sport")
        with self.assertRaises(TypeError):
            client.embed(None, "one")  # type: ignore[arg-type]
        self.assertEqual(self.mock.request_count, 0)
        with self.assertRaisesRegex(LlmcostError, "1 vectors came for 2 texts"):
            self.open().embed(EMBED, ["one", "two"])


class OpenAIShapeTest(EmbeddingCase):
    def test_the_sdks_shape(self) -> None:
        self.path("/v1/embeddings", vectors([1, -2.5], [0.5, 4]))
        client = OpenAI(api_key="none", base_url=self.mock.config()["providers"]["openai"]["base_url"])
        self.addCleanup(client.close)
        made = client.embeddings.create(
            model="text-embedding-3-small", input=["one", "two"], dimensions=2, timeout=50
        )
        self.assertEqual([item.embedding for item in made.data], [[1, -2.5], [0.5, 4]])
        self.assertEqual([item.index for item in made.data], [0, 1])
        self.assertEqual((made.object, made.data[0].object), ("list", "embedding"))
        self.assertEqual((made.usage.prompt_tokens, made.usage.total_tokens), (6, 6))
        self.assertEqual(made.llmcost.cost, Decimal("0.00000012"))
        self.assertEqual(made._request_id, made.llmcost.lines[0]["request_id"])
        self.assertTrue(made._request_id)
        self.assertEqual(made.model_dump()["data"][1]["embedding"], [0.5, 4])
        self.assertEqual(self.sent()["dimensions"], 2)
        self.assertNotIn("timeout", self.sent())

    def test_packed(self) -> None:
        self.path("/v1/embeddings", vectors([1]))
        made = self.open().embeddings.create(
            model=EMBED, input="one", encoding_format="base64", tags={"feature": "search"}
        )
        self.assertEqual(base64.b64decode(made.data[0].embedding), b"\0\0\x80\x3f")

    def test_what_it_refuses(self) -> None:
        client = self.open()
        with self.assertRaisesRegex(RequestError, "input\\[0\\]"):
            client.embeddings.create(model=EMBED, input=[[1, 2]])
        with self.assertRaisesRegex(TypeError, "extra_headers"):
            client.embeddings.create(model=EMBED, input="x", extra_headers={"a": "b"})
        with self.assertRaises(TypeError):
            client.embeddings.create(EMBED, "x")  # type: ignore[misc]
        self.assertEqual(self.mock.request_count, 0)


class AroundTest(EmbeddingCase):
    def test_a_count(self) -> None:
        self.path("/v1/tokenizers/estimate-token-count", '{"data": {"total_tokens": 80}}')
        client = self.provider("moonshot")
        self.assertEqual(client.count_tokens("moonshot/kimi-k2", "How long is this?"), 80)
        self.assertEqual(self.sent()["messages"][0]["content"], "How long is this?")
        with self.assertRaises(RequestError):
            self.open().count_tokens(MODEL, "Who knows?")

    def test_a_balance(self) -> None:
        told = '{"balance_infos": [{"currency": "CNY", "total_balance": "110.05"}]}'
        self.path("/v1/user/balance", told)
        self.assertEqual(self.provider("deepseek").balance("deepseek"), {"CNY": Decimal("110.05")})
        with self.assertRaises(RequestError):
            self.open().balance("openai")

    def test_limits(self) -> None:
        headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "1s"}
        self.reply(text="x", headers=headers)
        answer = self.open().chat(MODEL, "Hello")
        self.assertEqual(answer.limits, {"requests": {"limit": 60, "reset_ms": 1000}})


if __name__ == "__main__":
    unittest.main()
