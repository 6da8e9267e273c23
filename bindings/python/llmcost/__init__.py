"""libllmcost for Python: a receipt for every model call, hard budgets, smaller bills.

from llmcost import Client

with Client("llmcost.json") as client:
    answer = client.chat("faq", "What is a TTL cache?", tags={"feature": "faq"})
    print(answer.text, answer.receipt, sep="\\n")
    for delta in client.stream("faq", "Tell me more"):
        print(delta, end="")
"""

from . import _native
from .answer import Answer
from .client import Chat, Client
from .embeddings import Embeddings
from .errors import (
    BreakerOpenError,
    BudgetError,
    CacheMissError,
    CancelledError,
    CapacityError,
    ClosedError,
    ConfigError,
    CredentialsError,
    DeadlineError,
    HostError,
    LimitedError,
    LlmcostError,
    MisuseError,
    NetworkError,
    RateLimitError,
    RequestError,
    ServerError,
)
from .mock import Mock
from .openai_client import OpenAI
from .openai_style import ChatCompletion, ChatCompletionChunk, ChunkStream
from .receipt import Receipt
from .stream import RESTART, Event, Stream
from .tagging import TagScope

__version__ = "0.1.0"


def library_version() -> str:
    """The version of the C library that is running."""
    return _native.text(_native.lib.version())


__all__ = [
    "Answer",
    "BreakerOpenError",
    "BudgetError",
    "CacheMissError",
    "CancelledError",
    "CapacityError",
    "Chat",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChunkStream",
    "Client",
    "ClosedError",
    "ConfigError",
    "CredentialsError",
    "DeadlineError",
    "Embeddings",
    "Event",
    "HostError",
    "LimitedError",
    "LlmcostError",
    "MisuseError",
    "Mock",
    "NetworkError",
    "OpenAI",
    "RESTART",
    "RateLimitError",
    "Receipt",
    "RequestError",
    "ServerError",
    "Stream",
    "TagScope",
    "library_version",
]
