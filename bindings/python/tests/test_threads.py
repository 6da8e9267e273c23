"""Threads, closing under them, garbage, forks, and the end of the interpreter."""

import gc
import os
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from llmcost import CancelledError, Client, ClosedError, LlmcostError, MisuseError
from support import MODEL, MockCase, wait_until


class Threads(MockCase):
    def test_many_threads_one_client(self) -> None:
        client = self.open()

        def work(number: int) -> None:
            for turn in range(20):
                text = f"thread {number} turn {turn}"
                if turn % 2:
                    self.assertEqual(client.ask(MODEL, text), text)
                else:
                    self.assertEqual("".join(client.stream(MODEL, text)), text)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        self.assertEqual(client.report("json")["total"]["calls"], 160)

    def test_calls_overlap(self) -> None:
        self.mock.script({"default": {"delay_ms": 1500}})
        client, begin = self.open(), time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: client.ask(MODEL, str(number)), range(8)))
        self.assertEqual(answers, [str(number) for number in range(8)])
        self.assertLess(time.monotonic() - begin, 10)  # one after the other: 12

    def test_python_runs_while_a_call_waits(self) -> None:
        self.fault(silent=True)
        client, ended = self.open(), []

        def ask() -> None:
            try:
                client.ask(MODEL, "Hello", deadline_ms=60_000)
            except LlmcostError as error:
                ended.append(type(error))

        thread = threading.Thread(target=ask)
        thread.start()
        self.assertTrue(wait_until(lambda: self.mock.request_count == 1))
        for _ in range(20):
            time.sleep(0.005)
        self.assertEqual(ended, [])
        client.close()
        thread.join(60)
        self.assertEqual(ended, [CancelledError])


class Closing(MockCase):
    def outcome(self, call, results) -> threading.Thread:
        def run() -> None:
            try:
                results.append(call())
            except LlmcostError as error:
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def test_a_blocked_call_is_cancelled(self) -> None:
        self.fault(silent=True)
        client, results = self.open(), []
        threads = [self.outcome(lambda: client.ask(MODEL, "Hello"), results) for _ in range(4)]
        self.assertTrue(wait_until(lambda: self.mock.request_count == 4))
        client.close()
        for thread in threads:
            thread.join(60)
        self.assertEqual([type(result) for result in results], [CancelledError] * 4)
        self.assertTrue(client.is_closed)

    def test_a_reader_of_a_stream_is_told(self) -> None:
        self.mock.script(
            {"default": {"reply": {"text": "word " * 400}, "chunk_bytes": 5, "chunk_delay_ms": 20}}
        )
        client, results = self.open(), []
        stream = client.stream(MODEL, "Hello")
        thread = self.outcome(lambda: list(stream), results)
        self.assertTrue(wait_until(lambda: self.mock.request_count == 1))
        client.close()
        thread.join(60)
        self.assertEqual(type(results[0]), ClosedError)
        self.assertTrue(wait_until(lambda: self.mock.abandoned_count == 1))

    def test_calls_after_it(self) -> None:
        client = self.open()
        client.close()
        client.close()
        for call in (
            lambda: client.ask(MODEL, "x"),
            lambda: client.stream(MODEL, "x"),
            client.report,
            client.stats,
            client.budgets,
            client.targets,
            client.clear_cache,
            client.run,
            lambda: client.list_models("openai"),
        ):
            with self.assertRaises(ClosedError) as caught:
                call()
            self.assertEqual(caught.exception.status, "E_CLOSED")

    def test_under_fire(self) -> None:
        for _ in range(30):
            client, failures = Client(self.mock.config()), []

            def work(client=client, failures=failures) -> None:
                try:
                    while True:
                        client.ask(MODEL, "Hello")
                        list(client.stream(MODEL, "Hello"))
                        client.report()
                except (ClosedError, CancelledError) as error:
                    failures.append(error)

            threads = [threading.Thread(target=work) for _ in range(6)]
            for thread in threads:
                thread.start()
            time.sleep(0.005)
            closers = [threading.Thread(target=client.close) for _ in range(2)]
            for thread in closers + threads:
                if thread in closers:
                    thread.start()
            client.close()
            for thread in threads + closers:
                thread.join(60)
                self.assertFalse(thread.is_alive())
            self.assertEqual(len(failures), 6)


class Garbage(MockCase):
    def test_a_client_without_close(self) -> None:
        client = Client(self.mock.config())
        client.ask(MODEL, "Hello")
        self.assertEqual(self.mock.open_count, 1)
        del client
        gc.collect()
        self.assertTrue(wait_until(lambda: self.mock.open_count == 0))

    def test_a_stream_outlives_its_client(self) -> None:
        self.mock.script({"default": {"chunk_bytes": 1}})
        stream = Client(self.mock.config()).stream(MODEL, "abc")
        gc.collect()
        self.assertEqual("".join(stream), "abc")

    def test_an_answer_outlives_its_client(self) -> None:
        with Client(self.mock.config()) as client:
            answer = client.chat(MODEL, "Hello")
        del client
        gc.collect()
        self.assertEqual((answer.text, answer.receipt.status), ("Hello", "OK"))

    @unittest.skipIf(
        "asan" in os.environ.get("LD_PRELOAD", ""), "a sanitizer keeps what was freed"
    )
    def test_memory_does_not_grow(self) -> None:
        client = self.open({"cache": {"memory": {"max_bytes": "1MB"}}})

        def rounds(count: int) -> None:
            for _ in range(count):
                client.chat(MODEL, "Hello", temperature=0)
                list(client.stream(MODEL, "Hello", temperature=0))
                try:
                    client.chat("nobody", "x")
                except LlmcostError:
                    pass

        rounds(300)
        before = resident_kilobytes()
        rounds(1500)
        self.assertLess(resident_kilobytes() - before, 3000)


def resident_kilobytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


@unittest.skipUnless(hasattr(os, "fork"), "no fork here")
class Forks(MockCase):
    def test_a_child_is_refused_and_the_parent_goes_on(self) -> None:
        client = self.open()
        client.ask(MODEL, "Hello")
        stream = client.stream(MODEL, "Hello")
        child = os.fork()
        if child == 0:
            refused = 0
            for call in (
                lambda: client.ask(MODEL, "Hello"),
                lambda: next(stream),
                lambda: stream.finish(),
                lambda: self.mock.url,
            ):
                try:
                    call()
                except MisuseError:
                    refused += 1
            try:
                stream.close()
                client.close()
                self.mock.close()
            finally:
                os._exit(refused)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 4)
        self.assertEqual("".join(stream), "Hello")
        self.assertEqual(client.ask(MODEL, "Hello"), "Hello")


class Ends(unittest.TestCase):
    def run_program(self, program: str) -> None:
        paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", program],
            env={**os.environ, **paths},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", "ended\n"))

    def test_nothing_is_closed(self) -> None:
        self.run_program(
            "import llmcost\n"
            "slow = {'reply': {'text': 'word ' * 99}, 'chunk_bytes': 5, 'chunk_delay_ms': 50}\n"
            "mock = llmcost.Mock({'default': slow})\n"
            "client = llmcost.Client(mock.config(), on_receipt=lambda receipt: None)\n"
            "stream = client.stream('gpt-4o-mini', 'Hello')\n"
            "next(stream)\n"
            "print('ended')\n"
        )

    def test_a_daemon_thread_is_inside_a_call(self) -> None:
        self.run_program(
            "import llmcost, threading, time\n"
            "mock = llmcost.Mock({'default': {'fault': {'silent': True}}})\n"
            "client = llmcost.Client(mock.config())\n"
            "def ask():\n"
            "    try: client.ask('gpt-4o-mini', 'Hello')\n"
            "    except llmcost.CancelledError: pass\n"
            "threading.Thread(target=ask, daemon=True).start()\n"
            "while mock.request_count == 0: time.sleep(0.01)\n"
            "print('ended')\n"
        )


if __name__ == "__main__":
    unittest.main()
