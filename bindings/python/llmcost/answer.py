"""The answer of one call."""

import ctypes
from typing import Any, Dict, List

from . import _native
from .receipt import Receipt

lib = _native.lib

_LIMITS = ("requests", "tokens", "input_tokens", "output_tokens")


def limits_of(response: Any) -> Dict[str, Dict[str, int]]:
    """What the provider told of its limits: {"requests": {"limit", "remaining", "reset_ms"}}."""
    limits: Dict[str, Dict[str, int]] = {}
    for kind, name in enumerate(_LIMITS):
        figures = {key: ctypes.c_int64() for key in ("limit", "remaining", "reset_ms")}
        if lib.response_rate_limit(response, kind, *map(ctypes.byref, figures.values())):
            limits[name] = {key: told.value for key, told in figures.items() if told.value >= 0}
    return limits


class Answer:
    """What a model answered.

    raw                all of it as an OpenAI chat.completion, the receipt under "llmcost"
    model, provider    who answered
    request_id         the provider's, "" where it sent none
    finish_reason      "stop", "length", "tool_calls", "content_filter", ...
    usage              the provider's counts as a dict; empty where there are none
    receipt            what it cost
    cached             True when it came from the cache
    altered            True when a policy changed the answer or it is the best there was
    limits             what the provider told of its limits: "requests", "tokens", "input_tokens",
                       "output_tokens", each with what was told of "limit", "remaining", "reset_ms"
    """

    def __init__(self, response: Any) -> None:
        self.raw: Dict[str, Any] = _native.from_json(lib.response_json(response))
        self.receipt = Receipt.with_summary(self.raw["llmcost"], response)
        self.model = _native.text(lib.response_model_name(response))
        self.provider = _native.text(lib.response_provider(response))
        self.request_id = _native.text(lib.response_request_id(response))
        self.finish_reason = _native.text(lib.finish_name(lib.response_finish(response, 0)))
        self.cached = bool(lib.response_from_cache(response))
        self.altered = bool(lib.response_is_altered(response))
        self.limits = limits_of(response)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return (
            f"<Answer of {self.provider}/{self.model}, {self.finish_reason}: {self.text[:60]!r}>"
        )

    @property
    def choices(self) -> List[Dict[str, Any]]:
        """All choices as dicts in OpenAI's shape."""
        return self.raw.get("choices") or []

    @property
    def message(self) -> Dict[str, Any]:
        """The first choice's message: append it to the messages of the next request."""
        return self.choices[0]["message"] if self.choices else {"role": "assistant", "content": ""}

    @property
    def text(self) -> str:
        """The text of the first choice, "" where there is none."""
        return self.message.get("content") or ""

    @property
    def reasoning(self) -> str:
        """The reasoning that the provider showed."""
        return self.message.get("reasoning_content") or ""

    @property
    def refusal(self) -> str:
        """The model's refusal."""
        return self.message.get("refusal") or ""

    @property
    def tool_calls(self) -> List[Dict[str, Any]]:
        """The tool calls that the first choice asks for, in OpenAI's shape."""
        return self.message.get("tool_calls") or []

    @property
    def usage(self) -> Dict[str, Any]:
        """The provider's counts."""
        return self.raw.get("usage") or {}
