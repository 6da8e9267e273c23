"""Streams: pieces, events, chunks, and every way to leave."""

import gc
import json
import signal
import threading
import time
import unittest
from typing import Callable

from llmcost import RESTART, LlmcostError, MisuseError, RateLimitError, ServerError, Stream
from support import MODEL, MockCase, wait_until

SLOW = {"default": {"reply": {"text": "word " * 400}, "chunk_bytes": 5, "chunk_delay_ms": 20}}


class Pieces(MockCase):
    def test_deltas_and_answer(self) -> None:
        self.mock.script({"default": {"reply": {"text": "one two three four"}, "chunks": 6}})
        stream = self.open().stream(MODEL, "Hello")
        with self.assertRaises(MisuseError):
            stream.answer
        pieces = list(stream)
        self.assertEqual(len(pieces), 6)
        self.assertEqual("".join(pieces), "one two three four")
        self.assertEqual(stream.answer.text, "one two three four")
        self.assertGreater(stream.receipt.cost_nano, 0)
        self.assertEqual(list(stream), [])
        self.assertTrue(self.mock.request(-1)["stream"])

    def test_pieces_come_as_they_are_sent(self) -> None:
        self.mock.script(
            {"default": {"reply": {"text": "a" * 50}, "chunk_bytes": 10, "chunk_delay_ms": 1000}}
        )
        stream = self.open().stream(MODEL, "Hello")
        times = []
        for _ in range(2):
            self.assertEqual(next(stream), "a" * 10)
            times.append(time.monotonic())
        stream.close()
        self.assertGreater(times[1] - times[0], 0.1)

    def test_split_characters_are_whole(self) -> None:
        self.mock.script(
            {"default": {"reply": {"text": "🎉é日" * 9}, "chunk_bytes": 3, "split_utf8": True}}
        )
        self.assertEqual("".join(self.open().stream(MODEL, "Hello")), "🎉é日" * 9)

    def test_what_comes_beside_the_text(self) -> None:
        self.reply(text="ab", logprobs=[-0.5, -0.25])
        events = list(self.open().stream(MODEL, "Hi", logprobs=True).events())
        items = [item for event in events for item in event.logprobs or []]
        self.assertEqual([item["logprob"] for item in items], [-0.5, -0.25])
        lines = [
            {"model": "m", "citations": ["https://a"], "choices": [{"index": 0, "delta": {"content": "x"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        text = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
        self.reply(raw={"content_type": "text/event-stream", "body": text})
        extras = [event.extra for event in self.open().stream(MODEL, "Hi").events() if event.extra]
        self.assertEqual(extras, [{"citations": ["https://a"]}])

    def test_events(self) -> None:
        self.reply(
            reasoning="Hm.",
            text="Hi",
            tool_calls=[{"id": "c1", "name": "f", "arguments": {"a": 1}}],
            usage={"prompt": 3, "completion": 4},
        )
        stream = self.open().stream(MODEL, "Hello")
        events = list(stream.events())
        kinds = {event.kind: event for event in events}
        self.assertEqual(
            set(kinds), {"reasoning", "text", "tool_call", "tool_arguments", "finish", "usage"}
        )
        self.assertEqual((kinds["reasoning"].text, kinds["text"].text), ("Hm.", "Hi"))
        self.assertEqual((kinds["tool_call"].tool_id, kinds["tool_call"].tool_name), ("c1", "f"))
        self.assertEqual(
            "".join(event.text for event in events if event.kind == "tool_arguments"), '{"a":1}'
        )
        self.assertEqual(kinds["finish"].finish_reason, "tool_calls")
        self.assertEqual(kinds["finish"].finish_raw, "tool_calls")
        self.assertEqual(kinds["usage"].usage["prompt_tokens"], 3)
        self.assertEqual((kinds["usage"].tokens["input"], kinds["text"].tokens), (3, None))
        self.assertEqual(stream.answer.tool_calls[0]["function"]["arguments"], '{"a":1}')

    def test_an_answer_that_begins_again(self) -> None:
        self.mock.script(
            {
                "rules": [
                    {
                        "match": {"model": "gpt-4o"},
                        "reply": {"text": "Once upon a time"},
                        "chunk_bytes": 4,
                        "fault": {"error_in_stream": {"after": 2}},
                    }
                ],
                "default": {"reply": {"text": "An answer."}, "chunk_bytes": 4},
            }
        )
        targets = ["openai/gpt-4o", "openai/gpt-4o-mini"]
        client = self.open({"routes": {"r": {"fallback": targets, "after_delta": "continue"}}})
        screen = ""
        for delta in client.stream("r", "Hello"):
            screen = "" if delta is RESTART else screen + delta
            self.assertIs(type(screen), str)
        self.assertEqual((screen, repr(RESTART)), ("An answer.", "llmcost.RESTART"))
        kinds = [event.kind for event in client.stream("r", "Hello").events()]
        self.assertEqual(kinds.count("restart"), 1)
        self.assertEqual(kinds[kinds.index("restart") + 1], "text")
        chunks = list(client.stream("r", "Hello").chunks())
        self.assertEqual([c["llmcost"] for c in chunks if "llmcost" in c], [{"restart": True}])
        stream = client.stream("r", "Hello")
        self.assertEqual(stream.finish().text, "An answer.")

    def test_several_choices(self) -> None:
        self.reply(choices=[{"text": "aaa"}, {"text": "bbb"}])
        client = self.open()
        self.assertEqual("".join(client.stream(MODEL, "Hello", n=2)), "aaa")
        seen = {0: "", 1: ""}
        for event in client.stream(MODEL, "Hello", n=2).events():
            seen[event.choice] += event.text
        self.assertEqual(seen, {0: "aaa", 1: "bbb"})

    def test_finish_skips_the_rest(self) -> None:
        self.mock.script({"default": {"reply": {"text": "one two three"}, "chunk_bytes": 2}})
        stream = self.open().stream(MODEL, "Hello")
        next(stream)
        self.assertEqual(stream.finish().text, "one two three")
        self.assertEqual(stream.finish().text, "one two three")
        self.assertEqual(self.mock.abandoned_count, 0)

    def test_many_streams_in_turn(self) -> None:
        client = self.open()
        streams = [client.stream(MODEL, f"question {number}") for number in range(10)]
        self.assertEqual(
            ["".join(stream) for stream in streams], [f"question {number}" for number in range(10)]
        )


class Failures(MockCase):
    def test_before_the_first_piece(self) -> None:
        self.fault(status=429, retry_after=3)
        stream = self.open().stream(MODEL, "Hello")
        with self.assertRaises(RateLimitError) as caught:
            next(stream)
        self.assertEqual(caught.exception.retry_after, 3)
        self.assertEqual(caught.exception.receipt.cost_nano, 0)
        self.assertEqual(list(stream), [])
        with self.assertRaises(MisuseError):
            stream.answer

    def test_in_the_middle(self) -> None:
        self.mock.script(
            {
                "default": {
                    "reply": {"text": "one two three"},
                    "chunk_bytes": 4,
                    "fault": {
                        "error_in_stream": {"after": 2, "type": "server_error", "message": "Oh."}
                    },
                }
            }
        )
        stream, text = self.open().stream(MODEL, "Hello"), ""
        with self.assertRaises(ServerError) as caught:
            for piece in stream:
                text += piece
        self.assertEqual(text, "one two ")
        self.assertEqual(caught.exception.partial_text, "one two ")
        self.assertGreater(caught.exception.receipt.cost_nano, 0)

    def test_without_its_end(self) -> None:
        self.mock.script(
            {"default": {"reply": {"text": "one two three"}, "fault": {"no_terminator": True}}}
        )
        with self.assertRaises(LlmcostError) as caught:
            list(self.open().stream(MODEL, "Hello"))
        self.assertEqual(caught.exception.status, "E_TRUNCATED")

    def test_invalid_request(self) -> None:
        with self.assertRaises(LlmcostError) as caught:
            list(self.open().stream(MODEL, []))
        self.assertEqual(caught.exception.status, "E_INVALID")
        self.assertEqual(self.mock.request_count, 0)


class Leaving(MockCase):
    def setUp(self) -> None:
        super().setUp()
        self.mock.script(SLOW)
        self.receipts: list = []
        self.client = self.open(on_receipt=self.receipts.append)

    def assert_cancelled(self) -> None:
        self.assertTrue(
            wait_until(lambda: self.mock.abandoned_count == 1), "the provider saw nobody leave"
        )
        self.assertTrue(wait_until(lambda: self.mock.open_count == 0))
        self.assertEqual([receipt.status for receipt in self.receipts], ["E_CANCELLED"])
        self.assertEqual(
            self.client.ask("anthropic/claude-sonnet-4-5", "still works?", max_tokens=9)[:4],
            "word",
        )

    def test_break(self) -> None:
        for _ in self.client.stream(MODEL, "Hello"):
            break
        gc.collect()
        self.assert_cancelled()

    def test_break_out_of_events(self) -> None:
        for _ in self.client.stream(MODEL, "Hello").events():
            break
        gc.collect()
        self.assert_cancelled()

    def test_close(self) -> None:
        stream = self.client.stream(MODEL, "Hello")
        next(stream)
        stream.close()
        stream.close()
        self.assertEqual(list(stream), [])
        self.assert_cancelled()

    def test_del(self) -> None:
        stream = self.client.stream(MODEL, "Hello")
        next(stream)
        del stream
        gc.collect()
        self.assert_cancelled()

    def test_with(self) -> None:
        with self.client.stream(MODEL, "Hello") as stream:
            next(stream)
        self.assert_cancelled()

    def test_exception_inside_with(self) -> None:
        with self.assertRaises(ZeroDivisionError), self.client.stream(MODEL, "Hello") as stream:
            next(stream)
            raise ZeroDivisionError
        self.assert_cancelled()

    def test_a_generator_around_it(self) -> None:
        def pieces():
            yield from self.client.stream(MODEL, "Hello")

        generator = pieces()
        next(generator)
        generator.close()
        gc.collect()
        self.assert_cancelled()

    def test_openai_style(self) -> None:
        with self.client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}], stream=True
        ) as stream:
            next(stream)
        self.assert_cancelled()

    def test_client_close(self) -> None:
        stream = self.client.stream(MODEL, "Hello")
        next(stream)
        self.client.close()
        self.assertTrue(wait_until(lambda: self.mock.abandoned_count == 1))
        with self.assertRaises(LlmcostError) as caught:
            next(stream)
        self.assertEqual(caught.exception.status, "E_CLOSED")


class Interrupting(MockCase):
    def setUp(self) -> None:
        super().setUp()
        # Whoever starts the tests in the background may have had the signal ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def interrupted(self, wait: Callable[[Stream], object]) -> None:
        self.fault(silent=True)
        receipts: list = []
        client = self.open(on_receipt=receipts.append)

        def interrupt() -> None:
            if wait_until(lambda: self.mock.request_count == 1):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # type: ignore

        other = threading.Thread(target=interrupt)
        other.start()
        with self.assertRaises(KeyboardInterrupt):
            with client.stream(MODEL, "Hello", deadline_ms=100_000) as stream:
                wait(stream)
        other.join()
        self.assertEqual([receipt.status for receipt in receipts], ["E_CANCELLED"])

    def test_the_next_piece(self) -> None:
        self.interrupted(next)

    def test_the_end(self) -> None:
        self.interrupted(lambda stream: stream.finish())


class OneThreadAtATime(MockCase):
    def test_a_second_reader_is_told(self) -> None:
        self.mock.script({"default": {"delay_ms": 3000}})
        stream, results = self.open().stream(MODEL, "Hello"), []
        reader = threading.Thread(target=lambda: results.append(list(stream)))
        reader.start()
        self.assertTrue(wait_until(lambda: self.mock.request_count == 1))
        with self.assertRaises(MisuseError):
            next(stream)
        reader.join()
        self.assertEqual(results, [["Hello"]])

    def test_handed_from_thread_to_thread(self) -> None:
        self.mock.script({"default": {"chunk_bytes": 1}})
        stream, pieces = self.open().stream(MODEL, "abcdef"), []
        for _ in range(6):
            thread = threading.Thread(target=lambda: pieces.append(next(stream)))
            thread.start()
            thread.join()
        self.assertEqual("".join(pieces), "abcdef")


if __name__ == "__main__":
    unittest.main()
