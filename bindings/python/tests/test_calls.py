"""Blocking calls: what goes out, what comes back."""

import json
import os
import tempfile
import time
import unittest
from decimal import Decimal, localcontext
from pathlib import Path

import llmcost
from llmcost import Answer, CacheMissError, Client, ConfigError, Mock, RequestError
from support import MODEL, MockCase

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Calls(MockCase):
    def test_answer_has_everything(self) -> None:
        self.reply(text="Hi!", usage={"prompt": 1000, "completion": 500})
        answer = self.open().chat(MODEL, [{"role": "user", "content": "Hello"}])
        self.assertIsInstance(answer, Answer)
        self.assertEqual((answer.text, str(answer)), ("Hi!", "Hi!"))
        self.assertEqual(
            (answer.model, answer.provider, answer.finish_reason), (MODEL, "openai", "stop")
        )
        self.assertEqual((answer.cached, answer.altered), (False, False))
        self.assertTrue(answer.request_id.startswith("req_mock"))
        self.assertEqual(answer.usage["prompt_tokens"], 1000)
        self.assertEqual(answer.usage["completion_tokens"], 500)
        self.assertEqual(len(answer.choices), 1)
        self.assertEqual(answer.raw["object"], "chat.completion")
        self.assertEqual((answer.tool_calls, answer.reasoning, answer.refusal), ([], "", ""))

    def test_receipt(self) -> None:
        self.reply(text="Hi!", usage={"prompt": 1000, "completion": 500})
        receipt = self.open().chat(MODEL, "Hello").receipt
        self.assertEqual(receipt.cost_nano, 1000 * 150 + 500 * 600)
        self.assertEqual(receipt.cost, Decimal("0.00045"))
        self.assertEqual((receipt.saved_nano, receipt.saved), (0, Decimal(0)))
        self.assertEqual((receipt.currency, receipt.status), ("USD", "OK"))
        self.assertEqual(sum(line["cost_nano"] for line in receipt.lines), receipt.cost_nano)
        self.assertEqual(receipt.lines[0]["model"], MODEL)
        self.assertIn("$0.00045", str(receipt))
        self.assertEqual(json.loads(json.dumps(receipt)), dict(receipt))
        self.assertTrue(receipt.id)

    def test_money_does_not_depend_on_the_hosts_decimal_context(self) -> None:
        self.reply(text="Hi!", usage={"prompt": 123457, "completion": 0})
        receipt = self.open().chat(MODEL, "Hello").receipt
        with localcontext() as context:
            context.prec = 2
            self.assertEqual(str(receipt.cost), "0.018518550")

    def test_ask_returns_text(self) -> None:
        self.assertEqual(self.open().ask(MODEL, "echo"), "echo")

    def test_body_is_what_the_caller_said(self) -> None:
        self.open().chat(
            MODEL,
            [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello"}],
            temperature=0,
            top_p=0.5,
            stop=["END"],
            seed=7,
            max_tokens=33,
            tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "weather"}},
            user="u1",
            response_format={"type": "json_object"},
            n=None,
            tags={"feature": "x"},
        )
        body = self.mock.request(-1)
        self.assertEqual(
            [message["content"] for message in body["messages"]], ["Be short.", "Hello"]
        )
        self.assertEqual((body["temperature"], body["top_p"], body["seed"]), (0, 0.5, 7))
        self.assertEqual(body["stop"], ["END"])
        self.assertEqual(body["tools"][0]["function"]["name"], "weather")
        self.assertEqual(body["tool_choice"]["function"]["name"], "weather")
        self.assertEqual(body["response_format"], {"type": "json_object"})
        self.assertNotIn("llmcost", body)
        self.assertNotIn("n", body)
        self.assertIn(33, (body.get("max_tokens"), body.get("max_completion_tokens")))

    def test_members_that_openai_does_not_know_pass_through(self) -> None:
        self.open().chat(MODEL, "Hello", top_k=40, chat_template_kwargs={"thinking": False})
        self.assertEqual(self.mock.request(-1)["top_k"], 40)
        self.assertEqual(self.mock.request(-1)["chat_template_kwargs"], {"thinking": False})

    def test_a_conversation_with_a_tool(self) -> None:
        self.mock.script(
            {
                "rules": [
                    {
                        "match": {"contains": "Lima"},
                        "times": 1,
                        "reply": {
                            "tool_calls": [
                                {"id": "c1", "name": "weather", "arguments": {"city": "Lima"}}
                            ]
                        },
                    },
                    {"match": {}, "reply": {"text": "Sunny."}},
                ]
            }
        )
        client = self.open()
        messages = [{"role": "user", "content": "Weather in Lima?"}]
        first = client.chat(MODEL, messages, tools=[WEATHER])
        self.assertEqual(first.finish_reason, "tool_calls")
        call = first.tool_calls[0]
        self.assertEqual((call["id"], call["function"]["name"]), ("c1", "weather"))
        self.assertEqual(json.loads(call["function"]["arguments"]), {"city": "Lima"})
        messages += [
            first.message,
            {"role": "tool", "tool_call_id": "c1", "content": "25 degrees"},
        ]
        self.assertEqual(client.chat(MODEL, messages, tools=[WEATHER]).text, "Sunny.")
        self.assertEqual(self.mock.request(-1)["messages"][1]["tool_calls"][0]["id"], "c1")

    def test_reasoning_refusal_and_choices(self) -> None:
        client = self.open()
        self.reply(text="42", reasoning="Think.")
        self.assertEqual(client.chat(MODEL, "Hello").reasoning, "Think.")
        self.reply(refusal="No.")
        answer = client.chat(MODEL, "Hello")
        self.assertEqual((answer.refusal, answer.text), ("No.", ""))
        self.reply(choices=[{"text": "a"}, {"text": "b"}])
        answer = client.chat(MODEL, "Hello", n=2)
        self.assertEqual([choice["message"]["content"] for choice in answer.choices], ["a", "b"])

    def test_another_provider_behind_the_same_call(self) -> None:
        self.reply(text="Bonjour")
        answer = self.open().chat("anthropic/claude-sonnet-4-5", "Hello", max_tokens=100)
        self.assertEqual((answer.text, answer.provider), ("Bonjour", "anthropic"))
        self.assertEqual(self.mock.header(-1, ":path"), "/v1/messages")

    def test_list_models(self) -> None:
        self.mock.script({"models": ["a", "b"]})
        client = self.open()
        self.assertEqual(client.list_models("openai"), ["a", "b"])
        with self.assertRaises(ConfigError):
            client.list_models("nobody")

    def test_chat_json(self) -> None:
        client = self.open()
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        for form in (body, json.dumps(body), json.dumps(body).encode()):
            with self.subTest(type(form).__name__):
                answer = client.chat_json(form)
                self.assertEqual(answer["choices"][0]["message"]["content"], "Hello")
                self.assertEqual(answer["llmcost"]["status"], "OK")
        self.assertEqual(list(body), ["model", "messages"])
        with client.tags(feature="x"):
            self.assertEqual(client.chat_json(json.dumps(body))["llmcost"]["status"], "OK")
            with self.assertRaises(RequestError):
                client.chat_json("{")
            with self.assertRaises(RequestError):
                client.chat_json("[]")
        with self.assertRaises(RequestError):
            client.chat_json("{")
        with self.assertRaises(RequestError):
            client.chat_json("")


class Cache(MockCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.open({"cache": {"memory": {"max_bytes": "1MB"}}})

    def test_second_answer_is_cached_and_saves(self) -> None:
        first = self.client.chat(MODEL, "Hello", temperature=0)
        second = self.client.chat(MODEL, "Hello", temperature=0)
        self.assertEqual((first.cached, second.cached), (False, True))
        self.assertEqual((second.text, second.receipt.cost_nano), ("Hello", 0))
        self.assertEqual(second.receipt.saved_nano, first.receipt.cost_nano)
        self.assertEqual(self.mock.request_count, 1)
        self.assertEqual("".join(self.client.stream(MODEL, "Hello", temperature=0)), "Hello")
        self.assertEqual(self.mock.request_count, 1)
        self.assertEqual(self.client.stats()["cache"]["hits"], 2)

    def test_options_of_ours(self) -> None:
        self.client.chat(MODEL, "Hello", sampled=True)
        self.assertTrue(self.client.chat(MODEL, "Hello", sampled=True).cached)
        self.assertFalse(self.client.chat(MODEL, "Hello", sampled=True, cache="off").cached)
        self.assertFalse(self.client.chat(MODEL, "Hello", sampled=True, cache="refresh").cached)
        self.assertFalse(self.client.chat(MODEL, "Hello", sampled=True, namespace="b").cached)
        self.assertTrue(
            self.client.chat(MODEL, "Hello", llmcost={"sampled": True, "namespace": "b"}).cached
        )
        self.client.clear_cache()
        sent = self.mock.request_count
        with self.assertRaises(CacheMissError) as caught:
            self.client.chat(MODEL, "Hello", sampled=True, cache="only")
        self.assertEqual(caught.exception.status, "E_CACHE_MISS")
        self.assertEqual(self.mock.request_count, sent)

    def test_ttl(self) -> None:
        self.client.chat(MODEL, "Hello", temperature=0, cache_ttl_ms=1)
        time.sleep(0.05)
        self.assertFalse(self.client.chat(MODEL, "Hello", temperature=0).cached)


class Texts(MockCase):
    def test_every_kind_of_text_comes_back_as_it_went(self) -> None:
        client = self.open()
        for text in (
            "Grüße",
            "日本語",
            "🎉 emoji 👩‍👩‍👧",
            "a\u0000b",
            '"quotes" \\ \n\t\r',
            "\u2028\uffff",
            "عربى",
        ):
            with self.subTest(text):
                self.assertEqual(client.ask(MODEL, text), text)
                self.assertEqual("".join(client.stream(MODEL, text)), text)

    def test_a_lone_surrogate_is_an_error_or_a_replacement_never_a_crash(self) -> None:
        try:
            self.assertEqual(self.open().ask(MODEL, "a\ud800b"), "a\ufffdb")
        except RequestError:
            pass

    def test_huge_text(self) -> None:
        text = "0123456789äöü " * 400_000
        client = self.open()
        self.assertEqual(client.ask(MODEL, text, deadline_ms=60_000), text)
        self.mock.script({"default": {"chunk_bytes": 65536}})
        self.assertEqual("".join(client.stream(MODEL, text)), text)

    def test_tags_in_any_script(self) -> None:
        client = self.open({"report": {"tags": ["feature"]}})
        client.chat(MODEL, "Hello", tags={"feature": "häßlich 日本"})
        rows = client.report("json")["by"][0]["rows"]
        self.assertEqual(rows[0]["value"], "häßlich 日本")


class Arguments(MockCase):
    def test_wrong_types_are_refused_before_anything_is_sent(self) -> None:
        client = self.open()
        wrong = [
            lambda: client.chat(None, "x"),
            lambda: client.chat(MODEL, None),
            lambda: client.chat(MODEL, 5),
            lambda: client.chat(MODEL, b"x"),
            lambda: client.chat(MODEL, {"role": "user"}),
            lambda: client.chat(MODEL, "x", stream=True),
            lambda: client.chat(MODEL, "x", tools=[object()]),
            lambda: client.chat_json(None),
            lambda: client.chat_json(5),
            lambda: client.list_models(None),
            lambda: Client(5),
            lambda: Client(b"{}"),
            lambda: client.stream(None, "x"),
            lambda: client.correct_budget("b", 0.5),
            lambda: client.chat(MODEL, "x", tags="faq"),
        ]
        for call in wrong:
            with self.assertRaises(TypeError):
                call()
        self.assertEqual(self.mock.request_count, 0)

    def test_wrong_values(self) -> None:
        client = self.open()
        for call in (
            lambda: client.chat(MODEL, "x", temperature=float("nan")),
            lambda: client.list_models("a\0b"),
            lambda: Client("a\0b"),
            lambda: client.report("xml"),
        ):
            with self.assertRaises(ValueError):
                call()
        for options in (
            {"temperature": "hot"},
            {"cache": "sometimes"},
            {"deadline_ms": "soon"},
            {"llmcost": {"cahce": "off"}},
            {"tools": "weather"},
        ):
            with self.subTest(options), self.assertRaises(RequestError) as caught:
                client.chat(MODEL, "x", **options)
            self.assertEqual(caught.exception.status, "E_INVALID")
        with self.assertRaises(RequestError):
            client.chat(MODEL, [])
        with self.assertRaises(RequestError):
            client.chat(MODEL, [None])
        self.assertEqual(self.mock.request_count, 0)


class Configs(MockCase):
    def test_forms_of_a_config(self) -> None:
        config = self.mock.config()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "llm cöst.json"
            path.write_text(json.dumps(config), encoding="utf-8")
            for form in (config, json.dumps(config), "  \n" + json.dumps(config), str(path), path):
                with self.subTest(type(form).__name__), Client(form) as client:
                    self.assertEqual(client.ask(MODEL, "Hello"), "Hello")

    def test_none_is_the_environment(self) -> None:
        before = os.environ.get("OPENAI_API_KEY")
        os.environ["OPENAI_API_KEY"] = "sk-test"
        try:
            with Client() as client:
                self.assertEqual(client.report("json")["total"]["calls"], 0)
        finally:
            if before is None:
                del os.environ["OPENAI_API_KEY"]
            else:
                os.environ["OPENAI_API_KEY"] = before

    def test_a_wrong_config_says_what_and_where(self) -> None:
        with self.assertRaises(ConfigError) as caught:
            Client({"providers": {"openai": {"base_ulr": "x"}}})
        self.assertIn('"base_url"', str(caught.exception))
        self.assertEqual(
            (caught.exception.status, caught.exception.category), ("E_CONFIG", "config")
        )
        self.assertTrue(caught.exception.is_fatal)
        with self.assertRaises(ConfigError) as caught:
            Client("/nowhere/llmcost.json")
        self.assertEqual(caught.exception.status, "E_FILE")
        self.assertIn("/nowhere/llmcost.json", str(caught.exception))

    def test_version(self) -> None:
        self.assertEqual(llmcost.__version__, llmcost.library_version())


class Explained(MockCase):
    def test_explain(self) -> None:
        client = self.open(
            {
                "routes": {"r": {"fallback": [MODEL, "openai/gpt-4o"]}},
                "cache": {"memory": {}, "sampled": True},
            }
        )
        before = client.explain("r", "Hello")
        self.assertEqual(before["kind"], "fallback")
        self.assertEqual(before["cache"]["outcome"], "miss")
        self.assertEqual([step["name"] for step in before["tree"]["steps"]][1], "openai/gpt-4o")
        self.assertEqual(client.stats()["cache"]["misses"], 0)
        answer = client.chat("r", "Hello")
        self.assertLessEqual(answer.receipt.cost_nano, before["cost"]["greatest_nano"])
        self.assertEqual(client.explain("r", "Hello")["cache"]["outcome"], "hit")
        self.assertEqual(client.explain("none such", "Hello")["status"], "E_UNKNOWN_MODEL")

    def test_describe_routes(self) -> None:
        client = self.open({"routes": {"r": {"fallback": [MODEL, "openai/gpt-4o"]}}})
        self.assertTrue(client.describe_routes().startswith("r: fallback"))
        self.assertIn("per million", client.describe_routes("openai/gpt-4o"))
        with self.assertRaises(llmcost.LlmcostError):
            client.describe_routes("none such")


class Bill(MockCase):
    def test_report(self) -> None:
        client = self.open({"report": {"tags": ["feature"]}})
        client.chat(MODEL, "Hello", tags={"feature": "faq"})
        self.assertIn("faq", client.report())
        report = client.report("json")
        self.assertEqual(report["total"]["calls"], 1)
        self.assertEqual(report["by"][0]["rows"][0]["value"], "faq")

    def test_budgets(self) -> None:
        client = self.open(
            {
                "budgets": [
                    {"name": "all", "limit": "1 USD"},
                    {"name": "user", "limit": "2 USD", "each": "user"},
                ]
            }
        )
        self.reply(text="x", usage={"prompt": 1000, "completion": 0})
        client.chat(MODEL, "Hello", tags={"user": "ann"})
        self.assertEqual(client.budgets()[0]["spent_nano"], 150_000)
        client.correct_budget("all", Decimal("-0.0001"))
        self.assertEqual(client.budgets()[0]["spent_nano"], 50_000)
        client.correct_budget("all", "0.5")
        self.assertEqual(client.budgets()[0]["spent_nano"], 500_050_000)
        client.correct_budget("user", 1, "ann")
        spent = {
            budget["value"]: budget["spent_nano"]
            for budget in client.budgets()
            if budget["name"] == "user"
        }
        self.assertEqual(spent["ann"], 1_000_150_000)
        with self.assertRaises(llmcost.MisuseError):
            client.correct_budget("nobody", 1)
        for amount in ("0.0000000001", "NaN", "Infinity", "much", Decimal(10) ** 30):
            with self.assertRaises(ValueError):
                client.correct_budget("all", amount)

    def test_run(self) -> None:
        self.open().run(0)


class Servers(unittest.TestCase):
    def test_mock(self) -> None:
        with Mock({"default": {"reply": {"text": "Hi"}}}) as mock, Client(mock.config()) as client:
            self.assertEqual(client.ask(MODEL, "Hello"), "Hi")
            self.assertEqual(
                (mock.request_count, mock.connection_count, mock.abandoned_count), (1, 1, 0)
            )
            self.assertEqual(mock.request(0)["model"], MODEL)
            self.assertEqual(mock.header(0, "Authorization"), "Bearer sk-mock")
            self.assertIsNone(mock.header(0, "X-None"))
            with self.assertRaises(IndexError):
                mock.request(1)
            with self.assertRaises(ConfigError) as caught:
                mock.script({"rulse": []})
            self.assertIn("rulse", str(caught.exception))
            mock.script(None)
            self.assertEqual(client.ask(MODEL, "Hello"), "Hello")
        with self.assertRaises(llmcost.MisuseError):
            mock.url
        with self.assertRaises(ConfigError):
            Mock("[")


if __name__ == "__main__":
    unittest.main()
