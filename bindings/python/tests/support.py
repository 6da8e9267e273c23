"""What the tests share: a provider on loopback, and a client that talks to it over real HTTP."""

import contextlib
import sys
import time
import unittest
from typing import Any, Callable, Iterator, List

from llmcost import Client, Mock

MODEL = "gpt-4o-mini"


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """True as soon as the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@contextlib.contextmanager
def unraisable() -> Iterator[List[BaseException]]:
    """Collects what goes to sys.unraisablehook."""
    seen: List[BaseException] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda args: seen.append(args.exc_value)  # type: ignore
    try:
        yield seen
    finally:
        sys.unraisablehook = before


class MockCase(unittest.TestCase):
    """A mock and, by self.open(), clients of it; all closed at the end."""

    def setUp(self) -> None:
        self.mock = Mock()
        self.addCleanup(self.mock.close)

    def open(self, config: Any = None, **options: Any) -> Client:
        client = Client(self.mock.config(**(config or {})), **options)
        self.addCleanup(client.close)
        return client

    def reply(self, **reply: Any) -> None:
        self.mock.script({"default": {"reply": reply}})

    def fault(self, **fault: Any) -> None:
        self.mock.script({"default": {"fault": fault}})
