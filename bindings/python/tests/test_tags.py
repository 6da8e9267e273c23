"""Tags that follow the program's flow, seen in the report and at the budgets."""

import asyncio
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from llmcost import BudgetError
from support import MODEL, MockCase


class Tags(MockCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.open({"report": {"tags": ["feature", "user"]}})

    def ask(self) -> str:
        return self.client.ask(MODEL, "Hello")

    def calls(self, tag: str = "feature"):
        tables = {table["name"]: table["rows"] for table in self.client.report("json")["by"]}
        return {row["value"]: row["calls"] for row in tables.get(tag, [])}

    def test_with(self) -> None:
        self.ask()
        with self.client.tags(feature="a", user=7):
            self.ask()
            with self.client.tags(feature="b"):
                self.ask()
                self.client.chat(MODEL, "Hello", tags={"feature": "c"})
                self.client.chat(MODEL, "Hello", tags={"user": None})
                with self.client.tags(feature=None):
                    self.ask()
            self.ask()
        self.ask()
        self.assertEqual(self.calls(), {None: 3, "a": 2, "b": 2, "c": 1})
        self.assertEqual(self.calls("user"), {None: 3, "7": 5})

    def test_every_way_to_call(self) -> None:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        with self.client.tags(feature="a"):
            list(self.client.stream(MODEL, "Hello"))
            self.client.chat_json(body)
            self.client.chat.completions.create(**body)
            list(self.client.chat.completions.create(**body, stream=True))
        self.assertEqual(self.calls(), {"a": 4})

    def test_function(self) -> None:
        @self.client.tags(feature="a")
        def answer(question: str, *, twice: bool = False) -> str:
            """Documented."""
            return self.client.ask(MODEL, question) * (1 + twice)

        self.assertEqual(answer("x", twice=True), "xx")
        self.assertEqual((answer.__name__, answer.__doc__), ("answer", "Documented."))
        self.ask()
        self.assertEqual(self.calls(), {"a": 1, None: 1})

    def test_recursion_and_exceptions(self) -> None:
        @self.client.tags(feature="a")
        def descend(depth: int) -> None:
            if depth == 0:
                raise ZeroDivisionError
            self.ask()
            descend(depth - 1)

        with self.assertRaises(ZeroDivisionError):
            descend(3)
        self.ask()
        self.assertEqual(self.calls(), {"a": 3, None: 1})

    def test_generator(self) -> None:
        @self.client.tags(feature="a")
        def steps():
            try:
                while True:
                    self.ask()
                    with self.client.tags(feature="inner"):
                        self.ask()
                        got = yield
                        self.ask()
                    if got == "end":
                        return "returned"
            finally:
                self.ask()

        generator = steps()
        next(generator)
        self.ask()
        with self.assertRaises(StopIteration) as stopped:
            generator.send("end")
        self.assertEqual(stopped.exception.value, "returned")
        self.assertEqual(self.calls(), {"a": 2, "inner": 2, None: 1})

    def test_generator_that_is_left_or_thrown_into(self) -> None:
        @self.client.tags(feature="a")
        def steps():
            try:
                yield 1
            except ValueError:
                yield 2
            finally:
                self.ask()

        left = steps()
        next(left)
        left.close()
        thrown = steps()
        next(thrown)
        self.assertEqual(thrown.throw(ValueError), 2)
        thrown.close()
        self.ask()
        self.assertEqual(self.calls(), {"a": 2, None: 1})

    def test_coroutines_do_not_see_each_other(self) -> None:
        async def one(name: str) -> None:
            with self.client.tags(feature=name):
                await asyncio.sleep(0.01)
                self.ask()
                await asyncio.sleep(0.01)
                await asyncio.to_thread(self.ask)

        async def all_of_them() -> None:
            await asyncio.gather(*(one(name) for name in "abcd"))

        asyncio.run(all_of_them())
        self.assertEqual(self.calls(), {name: 2 for name in "abcd"})

    def test_decorated_coroutines_and_asynchronous_generators(self) -> None:
        @self.client.tags(feature="a")
        async def one() -> str:
            await asyncio.sleep(0)
            return self.ask()

        @self.client.tags(feature="b")
        async def several():
            for _ in range(2):
                await asyncio.sleep(0)
                yield self.ask()

        async def main() -> None:
            self.assertEqual(await one(), "Hello")
            async for answer in several():
                self.assertEqual(answer, "Hello")
                self.ask()

        asyncio.run(main())
        self.assertEqual(self.calls(), {"a": 1, "b": 2, None: 2})

    def test_an_asynchronous_generator_that_is_sent_to_thrown_into_and_left(self) -> None:
        steps: list = []

        @self.client.tags(feature="a")
        async def talk():
            try:
                steps.append((yield 1))
                try:
                    yield 2
                except ValueError as error:
                    steps.append(str(error))
                    yield 3
            finally:
                self.ask()

        async def main() -> None:
            generator = talk()
            await generator.__anext__()
            self.assertEqual(await generator.asend("sent"), 2)
            self.assertEqual(await generator.athrow(ValueError("thrown")), 3)
            await generator.aclose()
            self.ask()

        asyncio.run(main())
        self.assertEqual(steps, ["sent", "thrown"])
        self.assertEqual(self.calls(), {"a": 1, None: 1})

    def test_one_scope_in_many_threads(self) -> None:
        scope = self.client.tags(feature="a")

        @scope
        def decorated() -> None:
            self.ask()

        def work() -> None:
            for _ in range(5):
                with scope:
                    with scope:
                        decorated()
                self.ask()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.calls(), {"a": 40, None: 40})

    def test_threads_begin_without_tags_unless_given_the_context(self) -> None:
        with self.client.tags(feature="a"), ThreadPoolExecutor(1) as pool:
            pool.submit(self.ask).result()
            pool.submit(copy_context().run, self.ask).result()
        self.assertEqual(self.calls(), {"a": 1, None: 1})

    def test_classes_are_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "methods"):

            @self.client.tags(feature="a")
            class Work:
                pass

    def test_clients_do_not_share_them(self) -> None:
        other = self.open()
        with other.tags(feature="a"):
            self.ask()
        self.assertEqual(self.calls(), {None: 1})

    def test_budget_by_tag(self) -> None:
        client = self.open({"budgets": [{"limit": "0.000001 USD", "where": {"feature": "a"}}]})
        with client.tags(feature="a"), self.assertRaises(BudgetError):
            client.ask(MODEL, "Hello")
        self.assertEqual(client.ask(MODEL, "Hello"), "Hello")


if __name__ == "__main__":
    unittest.main()
