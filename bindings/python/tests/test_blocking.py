"""Blocking calls on the main thread, which heed signals and still are what they were."""

import signal
import threading
import unittest
from typing import Callable

from llmcost import CancelledError, Client, ClosedError, LlmcostError
from support import MODEL, MockCase, wait_until

EMBED = "openai/text-embedding-3-small"


class Interrupting(MockCase):
    def setUp(self) -> None:
        super().setUp()
        # Whoever starts the tests in the background may have had the signal ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def sent_when_asked(self, number: int) -> threading.Thread:
        """A thread that sends this process a signal as soon as the provider has been asked."""

        def send() -> None:
            if wait_until(lambda: self.mock.request_count >= 1):
                signal.pthread_kill(threading.main_thread().ident, number)  # type: ignore

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    def interrupted(self, call: Callable[[Client], object]) -> None:
        self.mock.script({"rules": [{"match": {"path": "*"}, "fault": {"silent": True}}]})
        receipts: list = []
        client = self.open(on_receipt=receipts.append)
        other = self.sent_when_asked(signal.SIGINT)
        with self.assertRaises(KeyboardInterrupt):
            call(client)
        other.join()
        self.assertEqual([receipt.status for receipt in receipts], ["E_CANCELLED"])
        self.assertTrue(wait_until(lambda: self.mock.abandoned_count == 1))
        self.reply(text="well")
        self.assertEqual(client.ask(MODEL, "Hello"), "well")

    def test_a_chat(self) -> None:
        self.interrupted(lambda client: client.chat(MODEL, "Hello", deadline_ms=100_000))

    def test_a_question(self) -> None:
        self.interrupted(lambda client: client.ask(MODEL, "Hello", deadline_ms=100_000))

    def test_vectors(self) -> None:
        self.interrupted(lambda client: client.embed(EMBED, "Hello", deadline_ms=100_000))

    def test_a_handler_that_lets_it_go_on(self) -> None:
        heard: list = []
        before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(self.mock.request_count))
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        self.mock.script({"default": {"reply": {"text": "late"}, "delay_ms": 1500}})
        other = self.sent_when_asked(signal.SIGUSR1)
        self.assertEqual(self.open().ask(MODEL, "Hello"), "late")
        other.join()
        self.assertEqual(heard, [1])


class AsBefore(MockCase):
    def test_the_answer_is_not_streamed(self) -> None:
        self.open().chat(MODEL, "Hello")
        self.assertNotIn("stream", self.mock.request(-1))

    def test_closed_by_another_thread(self) -> None:
        self.fault(silent=True)
        client = self.open()

        def close() -> None:
            if wait_until(lambda: self.mock.request_count == 1):
                client.close()

        other = threading.Thread(target=close)
        other.start()
        with self.assertRaises(CancelledError) as caught:
            client.ask(MODEL, "Hello", deadline_ms=100_000)
        other.join(60)
        self.assertIsNotNone(caught.exception.receipt)
        self.assertTrue(client.is_closed)
        with self.assertRaises(ClosedError):
            client.ask(MODEL, "Hello")

    def test_under_fire(self) -> None:
        for turn in range(30):
            client, failures = Client(self.mock.config()), 0
            other = threading.Timer(0.0005 * turn, client.close)
            other.start()
            while not failures:
                try:
                    client.ask(MODEL, "Hello")
                except (ClosedError, CancelledError):
                    failures += 1
            other.join(60)
            self.assertFalse(other.is_alive())

    def test_a_call_inside_a_callback(self) -> None:
        said: list = []

        def judge(question: str, answer: str) -> bool:
            if len(said) < 2:  # its own call is no cascade
                said.append(client.ask(MODEL, f"Is it {answer}?"))
            return True

        cascade = {"cascade": [MODEL, MODEL], "escalate_on": {"judge": "host:nested"}}
        client = self.open({"routes": {"r": cascade}}, judges={"nested": judge})
        self.assertEqual(client.ask("r", "noon"), "noon")
        self.assertEqual(said, ["Is it noon?"])

    def test_stream_true_is_refused(self) -> None:
        with self.assertRaisesRegex(LlmcostError, '"stream": true'):
            self.open().chat_json({"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": True})
        self.assertEqual(self.mock.request_count, 0)


if __name__ == "__main__":
    unittest.main()
