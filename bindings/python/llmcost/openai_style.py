"""The shape of OpenAI's SDK, so that existing code moves over by changing one line.

Left out on purpose: everything but chat completions and embeddings, and arguments that change the HTTP request
behind our back; they are refused by name, never ignored.
"""

import json
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional, Union

from . import _native
from .receipt import Receipt

if TYPE_CHECKING:
    from .client import Client
    from .stream import Stream

# Members that the SDK's objects always have: None where the answer lacks them.
_OPTIONAL = frozenset(
    "annotations audio completion_tokens_details content finish_reason function_call id llmcost "
    "logprobs name prompt_tokens_details reasoning_content refusal role service_tier "
    "system_fingerprint tool_calls usage".split()
)


class Shape:
    """A JSON object whose members are attributes."""

    def __init__(self, members: Dict[str, Any]) -> None:
        self._members = members

    def __getattr__(self, name: str) -> Any:
        members = self.__dict__.get("_members", {})
        if name not in members and name not in _OPTIONAL:
            raise AttributeError(f"{type(self).__name__} has no member {name!r}")
        value = _shaped(members.get(name))
        self.__dict__[name] = value
        return value

    def __dir__(self) -> Any:
        return sorted({*super().__dir__(), *self._members})

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self._members.items())
        return f"{type(self).__name__}({members})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self._members == other._members

    def model_dump(
        self,
        *,
        exclude_none: bool = False,
        mode: str = "python",
        by_alias: Optional[bool] = None,
        exclude_unset: bool = False,
        warnings: object = True,
    ) -> Dict[str, Any]:
        """The object as plain dicts and lists. Of the SDK's options the others change nothing."""
        members = json.loads(json.dumps(self._members))
        return _without_none(members) if exclude_none else members  # type: ignore[no-any-return]

    to_dict = model_dump

    def model_dump_json(self, *, indent: Optional[int] = None, **options: Any) -> str:
        """The object as JSON text."""
        return json.dumps(self.model_dump(**options), indent=indent, ensure_ascii=False)

    def to_json(self, *, indent: Optional[int] = 2, **options: Any) -> str:
        """The same, indented."""
        return self.model_dump_json(indent=indent, **options)


class ChatCompletion(Shape):
    """An answer: .choices[0].message.content, .usage, .model, and .llmcost, its receipt."""

    _request_id: Optional[str] = None  # the provider's


class ChatCompletionChunk(Shape):
    """A piece of an answer: .choices[0].delta.content."""


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _shaped(value: Any) -> Any:
    if isinstance(value, dict) and not isinstance(value, Receipt):
        return Shape(value)
    if isinstance(value, list):
        return [_shaped(item) for item in value]
    return value


class ChunkStream:
    """What create(stream=True) returns: iterate over it for chunks."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream
        self._chunks = stream.chunks()

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        return self

    def __next__(self) -> ChatCompletionChunk:
        return ChatCompletionChunk(next(self._chunks))

    @property
    def llmcost(self) -> Receipt:
        """The receipt, after the end."""
        return self._stream.receipt

    def close(self) -> None:
        """Leave it early: the call is cancelled."""
        self._stream.close()

    def __enter__(self) -> "ChunkStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Completions:
    """client.chat.completions"""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def create(
        self, *, model: str, messages: Any, stream: Optional[bool] = False, **options: Any
    ) -> Any:
        """A ChatCompletion, or a ChunkStream. Takes the SDK's arguments and Client.chat()'s."""
        client = self._client
        body = client._body(
            model,
            messages,
            {**_options(options), "stream": True if _given(stream) and stream else None},
        )
        if _given(stream) and stream:
            return ChunkStream(client._stream(body))
        answer = client._call(body)
        completion = ChatCompletion({**answer.raw, "llmcost": answer.receipt})
        completion._request_id = answer.request_id or None
        return completion


class EmbeddingList(Shape):
    """Vectors: .data[0].embedding, .usage, .model, and .llmcost, their receipt."""

    _request_id: Optional[str] = None  # the provider's, of the last batch


class EmbeddingsShape:
    """client.embeddings"""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def create(self, *, model: str, input: Any, **options: Any) -> EmbeddingList:
        """Takes the SDK's arguments and Client.embed()'s."""
        vectors = EmbeddingList(self._client._embed(model, input, _options(options), _as_listed))
        for line in vectors.llmcost.lines:
            vectors._request_id = line.get("request_id") or vectors._request_id
        return vectors


def _as_listed(response: Any) -> Dict[str, Any]:
    listed = _native.from_json(_native.lib.response_json(response))
    return {**listed, "llmcost": Receipt.of(response)}


def _given(value: object) -> bool:
    """False for None and for the SDK's own placeholders of an absent argument."""
    return value is not None and type(value).__name__ not in ("NotGiven", "Omit")


def _milliseconds(seconds: Any) -> int:
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 < seconds < 2**31 / 1000
    ):
        raise TypeError(f"timeout must be a positive number of seconds, not {seconds!r}")
    return max(1, int(seconds * 1000))


def _options(options: Dict[str, Any]) -> Dict[str, Any]:
    given = {name: value for name, value in options.items() if _given(value)}
    for name in ("extra_headers", "extra_query"):
        if given.pop(name, None):
            raise TypeError(
                f'{name}: headers and parameters belong to the provider in the config ("headers")'
            )
    if "timeout" in given:
        given["deadline_ms"] = _milliseconds(given.pop("timeout"))
    given.update(given.pop("extra_body", None) or {})
    return given


def provider_config(
    api_key: Optional[str],
    base_url: Optional[str],
    organization: Optional[str],
    project: Optional[str],
    timeout: Optional[float],
    max_retries: Optional[int],
    default_headers: Optional[Mapping[str, str]],
) -> Dict[str, Any]:
    """The config that stands for the arguments of the SDK's constructor."""
    headers = dict(default_headers or {})
    for name, value in (("OpenAI-Organization", organization), ("OpenAI-Project", project)):
        if _given(value):
            headers[name] = str(value)
    members: Dict[str, Union[str, int, Dict[str, str], None]] = {
        "key": api_key,
        "base_url": None if base_url is None else str(base_url),
        "retries": max_retries,
        "headers": headers or None,
    }
    provider = {name: value for name, value in members.items() if _given(value)}
    # No budget depends on the price here, so a model without one is let through; the receipt says
    # so.
    config: Dict[str, Any] = {"providers": {"openai": provider}, "unknown_price": "allow"}
    if _given(timeout):
        config["deadline_ms"] = _milliseconds(timeout)
    return config
