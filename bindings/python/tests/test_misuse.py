"""What a program can hand over by mistake: a specific exception in Python's terms, and nothing breaks."""

import copy
import gc
import pickle
import threading
import types
import unittest
from typing import Any, Callable, List, Type

import llmcost
from llmcost import Client, ClosedError, CredentialsError, LlmcostError, RequestError
from support import MODEL, MockCase, unraisable, wait_until

ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}


def elsewhere(function: Callable[[], Any]) -> None:
    """On another thread than the main one, where calls take another road."""
    failures: List[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for failure in failures:
        raise failure


class WrongArguments(MockCase):
    def refuses(self, error: Type[BaseException], words: str, function: Any, *args: Any, **named: Any) -> None:
        with self.subTest(words), self.assertRaisesRegex(error, words):
            function(*args, **named)

    def test_wrong_types_are_named(self) -> None:
        client = self.open()
        self.refuses(TypeError, "inputs must be a str or a list of str, not int", client.embed, "e", 5)
        self.refuses(TypeError, "inputs .* not bytes", client.embed, "e", b"abc")
        self.refuses(TypeError, "inputs .* not dict", client.embed, "e", {"a": 1})
        self.refuses(TypeError, "inputs .* not NoneType", client.embed, "e", None)
        self.refuses(TypeError, "llmcost must be a dict, not str", client.chat, MODEL, "x", llmcost="x")
        self.refuses(TypeError, "llmcost must be a dict, not list", client.chat_json, {**ASKED, "llmcost": [1]})
        self.refuses(TypeError, "max_ms must be an int, not str", client.run, "x")
        self.refuses(TypeError, "max_ms must be an int, not float", client.run, 1.5)
        self.refuses(TypeError, "score must be a number, not str", client.feedback, "r-0123456789abcdef", "x")
        self.refuses(ValueError, "score must be", client.feedback, "r-0123456789abcdef", 10**400)
        self.refuses(TypeError, "judges must be a dict of functions, not list", self.open, judges=[len])
        self.refuses(TypeError, "labellers must be a dict", self.open, labellers=len)
        self.refuses(TypeError, "key_sources must be a dict", self.open, key_sources="x")
        self.refuses(TypeError, "index must be an int, not str", self.mock.request, "x")
        client.run(2**40)
        client.run(-(2**40))

    def test_what_the_mock_has_not_recorded(self) -> None:
        client = self.open()
        client.ask(MODEL, "Hello")
        self.assertEqual(self.mock.request(-1), self.mock.request(0))
        for index in (1, -2, 2**64, -(2**64)):
            with self.subTest(index):
                with self.assertRaises(IndexError):
                    self.mock.request(index)
                self.assertIsNone(self.mock.header(index, "host"))

    def test_any_mapping_is_a_dict(self) -> None:
        config = types.MappingProxyType(self.mock.config())
        with Client(config) as client:
            message = types.MappingProxyType({"role": "user", "content": "Hello"})
            self.assertEqual(client.chat(MODEL, [message]).text, "Hello")

    def test_a_body_that_streams_is_refused_in_pythons_words(self) -> None:
        client = self.open()

        def ask() -> None:
            for body in ({**ASKED, "stream": True}, '{"stream": true, ' + llmcost_json(ASKED)[1:]):
                with self.assertRaisesRegex(RequestError, r"client\.stream\(\)") as raised:
                    client.chat_json(body)
                self.assertNotIn("_", raised.exception.message)
                self.assertEqual(str(raised.exception), raised.exception.message)

        ask()
        elsewhere(ask)
        self.assertEqual(self.mock.request_count, 0)


def llmcost_json(value: Any) -> str:
    """As the package writes it."""
    return llmcost._native.to_json(value).decode()


class Keys(MockCase):
    def ask_with(self, given: Any) -> Any:
        config = self.mock.config()
        config["providers"]["openai"]["key"] = "host:vault"
        with Client(config, key_sources={"vault": lambda provider, rejected: given}) as client:
            client.ask(MODEL, "Hello")
            return self.mock.header(-1, "authorization")

    def test_a_key_is_never_cut(self) -> None:
        with unraisable() as seen, self.assertRaises(CredentialsError):
            self.ask_with("sk-one\0two")
        self.assertIsInstance(seen[0], ValueError)
        self.assertEqual(self.mock.request_count, 0)

    def test_a_key_that_is_good_for_ever(self) -> None:
        asked = []

        def source(provider: str, rejected: bool) -> Any:
            asked.append(provider)
            return "sk-mock", float("inf")

        config = self.mock.config()
        config["providers"]["openai"]["key"] = "host:vault"
        with Client(config, key_sources={"vault": source}) as client:
            client.ask(MODEL, "Hello")
            client.ask(MODEL, "Hello")
        self.assertEqual(len(asked), 1)


class Copies(MockCase):
    def test_what_owns_something_in_c_is_not_copied(self) -> None:
        client = self.open()
        stream = client.stream(MODEL, "Hello there")
        for thing in (stream, self.mock):
            for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
                with self.subTest(thing=thing, attempt=attempt), self.assertRaisesRegex(TypeError, "copied"):
                    attempt(thing)
        gc.collect()
        self.assertEqual(stream.finish().text, "Hello there")
        for attempt in (copy.deepcopy, pickle.dumps):
            with self.assertRaises(TypeError):
                attempt(client)

    def test_a_copied_client_is_the_same_one(self) -> None:
        client = self.open()
        other = copy.copy(client)
        self.assertEqual(other.ask(MODEL, "Hello"), "Hello")
        other.close()
        self.assertTrue(client.is_closed)

    def test_results_and_errors_travel_between_processes(self) -> None:
        client = self.open()
        answer = pickle.loads(pickle.dumps(client.chat(MODEL, "Hello")))
        self.assertEqual((answer.text, str(answer.receipt)), ("Hello", answer.receipt.summary))
        for kind in vars(llmcost).values():
            if isinstance(kind, type) and issubclass(kind, LlmcostError):
                error = kind("why")
                error.code = "quota"
                for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                    self.assertIs(type(copied), kind)
                    self.assertEqual((str(copied), copied.message, copied.code, copied.trail), ("why", "why", "quota", []))


class Closing(MockCase):
    def test_close_reaches_who_waits_for_a_piece(self) -> None:
        self.fault(silent=True)
        client, ended = self.open(), []

        def read(step: Callable[[Any], Any]) -> None:
            try:
                step(client.stream(MODEL, "Hello", deadline_ms=600_000))
            except LlmcostError as error:
                ended.append(type(error))

        threads = [threading.Thread(target=read, args=(step,)) for step in (list, lambda stream: stream.finish())]
        for thread in threads:
            thread.start()
        self.assertTrue(wait_until(lambda: self.mock.request_count == 2))
        client.close()
        for thread in threads:
            thread.join(60)
        self.assertEqual(ended, [ClosedError, ClosedError])

    def test_an_interrupted_close_can_be_repeated(self) -> None:
        client = self.open()
        core = client._core
        stream = client.stream(MODEL, "Hello")
        before = core._may_close

        def interrupted() -> bool:
            core._may_close = before  # type: ignore[method-assign]
            raise KeyboardInterrupt

        core._may_close = interrupted  # type: ignore[method-assign]
        with self.assertRaises(KeyboardInterrupt):
            client.close()
        with self.assertRaises(ClosedError):
            client.ask(MODEL, "Hello")
        elsewhere(client.close)
        self.assertIsNone(core._handle)
        self.assertIsNone(stream._handle)

    def test_hooks_of_a_closed_client(self) -> None:
        client = self.open()
        client.close()
        with self.assertRaises(ClosedError):
            client.add_labeller("topic", lambda question: None)


if __name__ == "__main__":
    unittest.main()
