"""The front door."""

import ctypes
import json
import numbers
import os
from decimal import Decimal
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    overload,
)

from . import _blocking, _native, errors
from ._core import AlertCallback, Core, Judge, KeySource, Labeller, ReceiptCallback, called, check
from .answer import Answer
from .embeddings import Embeddings
from .openai_style import Completions, EmbeddingsShape
from .receipt import EXACT, Receipt
from .stream import Stream
from .tagging import TagScope, as_tags, current_tags

lib = _native.lib

Config = Union[str, "os.PathLike[str]", Mapping[str, Any], None]
Messages = Union[str, Sequence[Any]]
Made = TypeVar("Made")

# Options of a call that are ours: they travel under the body's member "llmcost".
_OURS = (
    "tags",
    "cache",
    "namespace",
    "deadline_ms",
    "cache_ttl_ms",
    "sampled",
    "input_bound_tokens",
    "purpose",
    "priority",
)


def _config_text(config: Config) -> Optional[bytes]:
    if config is None:
        return None
    if isinstance(config, Mapping):
        return _native.to_json(config)
    if isinstance(config, (str, os.PathLike)):
        return _native.argument("config", os.fspath(config))
    raise TypeError(
        f"config must be a path, a dict, JSON text or None, not {type(config).__name__}"
    )


def _message_list(messages: Messages) -> List[Any]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if isinstance(messages, (bytes, Mapping)) or not hasattr(messages, "__iter__"):
        raise TypeError(
            f"messages must be a str or a list of messages, not {type(messages).__name__}"
        )
    return list(messages)


def _text_list(inputs: Union[str, Sequence[str]]) -> Union[str, List[str]]:
    if isinstance(inputs, str):
        return inputs
    if isinstance(inputs, (bytes, Mapping)) or not hasattr(inputs, "__iter__"):
        raise TypeError(f"inputs must be a str or a list of str, not {type(inputs).__name__}")
    return list(inputs)


def _our_members(given: Any) -> Dict[str, Any]:
    """What stands under "llmcost" already."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"llmcost must be a dict, not {type(given).__name__}")
    return dict(given)


class Client:
    """A client: any thread, any number of calls at once.

    config      the path of a JSON file, a dict, JSON text, or None: every provider whose usual
                key variable is set
    on_receipt  called with the Receipt of every finished call, failed ones too
    on_alert    called with a dict for every alert
    judges      {name: function(question, answer)} for a cascade's {"judge": "host:NAME"}: True
                accepts the answer, False escalates, None cannot tell
    key_sources {name: function(provider, rejected)} for a provider's "key": "host:NAME": the key,
                for this call only, or (key, seconds that it is good); rejected is True when the
                provider has just refused the last one. An exception ends the call with CredentialsError
    labellers   {name: function(question)} for a choose's "label_with": "host:NAME": a label, or None
                when it cannot tell

    Callbacks run on the thread that drives the call. An exception in one goes to
    sys.unraisablehook.
    """

    def __init__(
        self,
        config: Config = None,
        *,
        on_receipt: Optional[ReceiptCallback] = None,
        on_alert: Optional[AlertCallback] = None,
        judges: Optional[Mapping[str, Judge]] = None,
        key_sources: Optional[Mapping[str, KeySource]] = None,
        labellers: Optional[Mapping[str, Labeller]] = None,
    ) -> None:
        self._core = Core(
            _config_text(config),
            on_receipt,
            on_alert,
            judges or {},
            key_sources or {},
            labellers or {},
        )

    def add_labeller(self, name: str, labeller: Labeller) -> None:
        """One more of the constructor's labellers. Before the first call."""
        self._core.add_labeller(name, labeller)

    # ---- calls ----

    @property
    def chat(self) -> "Chat":
        """client.chat(model, messages, ...); client.chat.completions.create(...) as in the SDK."""
        return Chat(self)

    def ask(self, model: str, question: str, **options: Any) -> str:
        """The text of the answer to one question."""
        return self.chat(model, question, **options).text

    def stream(self, model: str, messages: Messages, **options: Any) -> Stream:
        """chat() whose answer comes piece by piece: for delta in client.stream(...)."""
        options["stream_options"] = {
            "include_usage": True,
            **(options.get("stream_options") or {}),
        }
        return self._stream(self._body(model, messages, {**options, "stream": True}))

    def chat_json(self, body: Union[str, bytes, Mapping[str, Any]]) -> Dict[str, Any]:
        """OpenAI's chat-completions body in, its chat.completion out, whoever served it.

        Not for "stream": true: client.stream(), or client.chat.completions.create(stream=True).
        """
        if isinstance(body, Mapping):
            return self._call(_native.to_json(self._tagged(dict(body)))).raw
        if not isinstance(body, (str, bytes)):
            raise TypeError(f"body must be a dict or JSON text, not {type(body).__name__}")
        if current_tags(self._core):
            return self._call(_native.to_json(self._tagged(_as_object(body)))).raw
        return self._call(
            body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        ).raw

    def embed(self, model: str, inputs: Union[str, Sequence[str]], **options: Any) -> Embeddings:
        """Vectors for texts, or for one text; more than the provider takes at once is split.

        model    a single one: an alias, "provider/model" or a bare model name
        options  dimensions; purpose: "document", "query", "classification" or "clustering"; tags,
                 cache, namespace, deadline_ms, cache_ttl_ms, input_bound_tokens, priority; members
                 for the provider

        Raises LlmcostError.
        """
        return self._embed(model, inputs, options, Embeddings)

    @property
    def embeddings(self) -> EmbeddingsShape:
        """client.embeddings.create(...) as in OpenAI's SDK."""
        return EmbeddingsShape(self)

    def count_tokens(self, model: str, messages: Messages, **options: Any) -> int:
        """What the provider would count as the prompt, by asking it; at no cost."""
        body, tokens = self._body(model, messages, options), ctypes.c_int64()
        with self._core as client:
            status, response = called(
                lib.count_tokens_json, client, body, len(body), ctypes.byref(tokens)
            )
            try:
                if status:
                    raise errors.from_response(response, status)
                return tokens.value
            finally:
                lib.response_free(response)

    def balance(self, provider: str) -> Dict[str, Decimal]:
        """The money that is left at one configured provider, by currency."""
        with self._core as client:
            status, response = called(lib.balance, client, _native.argument("provider", provider))
            try:
                if status:
                    raise errors.from_response(response, status)
                return dict(
                    _amount(response, index)
                    for index in range(lib.response_balance_count(response))
                )
            finally:
                lib.response_free(response)

    def list_models(self, provider: str) -> List[str]:
        """The models that one configured provider offers."""
        with self._core as client:
            status, response = called(
                lib.list_models, client, _native.argument("provider", provider)
            )
            try:
                if status:
                    raise errors.from_response(response, status)
                count = lib.response_model_count(response)
                return [
                    _native.text(lib.response_model(response, index)) for index in range(count)
                ]
            finally:
                lib.response_free(response)

    def _embed(
        self, model: str, inputs: Any, options: Dict[str, Any], read: Callable[[Any], Made]
    ) -> Made:
        """What `read` makes of the response."""
        body = self._own_body(model, options)
        body["input"] = _text_list(inputs)
        status, response = _blocking.embed(self._core, _native.to_json(self._tagged(body)))
        try:
            if status:
                raise errors.from_response(response, status)
            return read(response)
        finally:
            lib.response_free(response)

    def _call(self, body: bytes) -> Answer:
        status, response = _blocking.chat(self._core, body)
        try:
            if status:
                error = errors.from_response(response, status)
                raise _in_our_words(error)
            return Answer(response)
        finally:
            lib.response_free(response)

    def _stream(self, body: bytes) -> Stream:
        return Stream(self._core, body)

    def _body(self, model: str, messages: Messages, options: Dict[str, Any]) -> bytes:
        body = self._own_body(model, options)
        body["messages"] = _message_list(messages)
        return _native.to_json(self._tagged(body))

    def _own_body(self, model: str, options: Dict[str, Any]) -> Dict[str, Any]:
        if not isinstance(model, str):
            raise TypeError(f"model must be a str, not {type(model).__name__}")
        ours = {name: options.pop(name) for name in _OURS if name in options}
        ours.update(_our_members(options.pop("llmcost", None)))
        body = {name: value for name, value in options.items() if value is not None}
        body["model"] = self._target(model)
        body["llmcost"] = {name: value for name, value in ours.items() if value is not None}
        return body

    def _target(self, model: str) -> str:
        """What the library is asked for; a subclass may know better where a name belongs."""
        return model

    def _tagged(self, body: Dict[str, Any]) -> Dict[str, Any]:
        """The body with the tags that are open here; the call's own go over them."""
        ours = _our_members(body.get("llmcost"))
        own_tags = as_tags(ours.get("tags") or {})
        tags = {**current_tags(self._core), **own_tags}
        if tags:
            ours["tags"] = {name: value for name, value in tags.items() if value is not None}
        if ours:
            body["llmcost"] = ours
        else:
            body.pop("llmcost", None)
        return body

    # ---- before a call ----

    def explain(self, model: str, messages: Messages, **options: Any) -> Dict[str, Any]:
        """Which way chat() with the same arguments would go, why, and what it could cost.

        Nothing is sent, held or counted: decisions, cache, tree, cost, budgets, and the status that
        the call would have before anything is sent.
        """
        body = self._body(model, messages, options)
        with self._core as client:
            return self._core.read_json(  # type: ignore[no-any-return]
                lib.explain_json, client, body, len(body)
            )

    def describe_routes(self, name: Optional[str] = None) -> str:
        """The routes of the config as trees in plain text; name: one route, alias or model."""
        wanted = None if name is None else _native.argument("name", name)
        with self._core as client:
            return self._core.read_text(lib.route_describe, client, wanted)

    # ---- tags ----

    def tags(self, **tags: object) -> TagScope:
        """Every call inside has these tags: with client.tags(...): or @client.tags(...)."""
        return TagScope(self._core, tags)

    # ---- the bill ----

    @overload
    def report(self, format: Literal["text"] = "text") -> str: ...

    @overload
    def report(self, format: Literal["json"]) -> Dict[str, Any]: ...

    def report(self, format: str = "text") -> Union[str, Dict[str, Any]]:
        """What was spent, saved and on what: "text" to read, "json" as a dict."""
        if format not in ("text", "json"):
            raise ValueError('format must be "text" or "json"')
        read = self._core.read_text if format == "text" else self._core.read_json
        with self._core as client:
            return read(lib.report, client, format.encode())

    def feedback(self, call: Union[Answer, Receipt, str], score: float) -> bool:
        """Say how good an answer was: the score of the side that a split sent the call to.

        call   the answer, its receipt or the receipt's id, any time later
        score  any measure from -1e9 to 1e9; another one for the same call replaces it

        False: the call went through no split, or is not one of the latest that did.
        """
        receipt = call.receipt if isinstance(call, Answer) else call
        text = receipt.id if isinstance(receipt, Receipt) else receipt
        with self._core as client:
            status = lib.feedback(client, _native.argument("call", text), _score(score))
        if not status:
            return True
        error = errors.from_status(status, "no receipt's id, or no score from -1e9 to 1e9")
        if error.status == "E_UNKNOWN_CALL":
            return False
        raise error

    def stats(self) -> Dict[str, Any]:
        """Counters of the client: cache, budgets, connections."""
        with self._core as client:
            return self._core.read_json(lib.stats, client)  # type: ignore[no-any-return]

    def budgets(self) -> List[Dict[str, Any]]:
        """The state of every budget: limit, spent, held, window."""
        with self._core as client:
            return self._core.read_json(lib.budgets, client)  # type: ignore[no-any-return]

    def targets(self) -> List[Dict[str, Any]]:
        """How every target does: its circuit breaker, calls, failures, answer times."""
        with self._core as client:
            return self._core.read_json(lib.targets, client)  # type: ignore[no-any-return]

    def correct_budget(
        self, budget: str, amount: Union[Decimal, str, int], value: Optional[str] = None
    ) -> None:
        """Add to what a budget has spent in its window; a negative amount gives back.

        amount  in the ledger's currency, exactly: a Decimal, a str or an int
        value   the tag's value, for a budget with "each"
        """
        tag_value = None if value is None else _native.argument("value", value)
        with self._core as client:
            status = lib.budget_correct(
                client, _native.argument("budget", budget), tag_value, _nano(amount)
            )
        if status:
            raise errors.from_status(
                status, f"no budget is named {budget!r}, or it is not of that kind"
            )

    def clear_cache(self) -> None:
        """Forget every cached answer."""
        with self._core as client:
            check(lib.cache_clear(client))

    def run(self, max_ms: int = 0) -> None:
        """Do work that outlived its call; only needed where no further calls are made."""
        if isinstance(max_ms, bool) or not isinstance(max_ms, int):
            raise TypeError(f"max_ms must be an int, not {type(max_ms).__name__}")
        with self._core as client:
            check(lib.client_run(client, min(max(max_ms, -(2**31)), 2**31 - 1)))

    # ---- the end ----

    def close(self) -> None:
        """Close it: calls in other threads are cancelled. Again is fine."""
        self._core.close()

    @property
    def is_closed(self) -> bool:
        """True after close()."""
        return self._core.is_closing

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Chat:
    """What client.chat is: a call, and the way to .completions.create()."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, model: str, messages: Messages, **options: Any) -> Answer:
        """Send one request and wait for the answer.

        model     a route, an alias, "provider/model" or a bare model name
        messages  a question, or messages in OpenAI's shape
        options   members of OpenAI's body (tools, tool_choice, response_format, stop, temperature,
                  max_tokens, ...),
                  and ours: tags, cache, namespace, deadline_ms, cache_ttl_ms, sampled,
                  input_bound_tokens, priority (-1000 to 1000: who goes first where calls queue)

        Raises LlmcostError.
        """
        if options.get("stream"):
            raise TypeError("stream=True: use client.stream()")
        return self._client._call(self._client._body(model, messages, options))

    @property
    def completions(self) -> Completions:
        """OpenAI's SDK's shape."""
        return Completions(self._client)


def _in_our_words(error: errors.LlmcostError) -> errors.LlmcostError:
    """The library tells a C program whom to call instead."""
    if error.status == "E_INVALID" and error.message.startswith('"stream": true'):
        error.message = (
            '"stream": true asks for pieces: use client.stream() or '
            "client.chat.completions.create(stream=True)"
        )
        error.args = (error.message,)
    return error


def _amount(response: Any, index: int) -> Tuple[str, Decimal]:
    currency = ctypes.c_char_p()
    amount = lib.response_balance(response, index, ctypes.byref(currency))
    return _native.text(currency.value), Decimal(_native.text(amount))


def _as_object(body: Union[str, bytes]) -> Dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise errors.RequestError(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise errors.RequestError("the body must be a JSON object")
    return value


def _score(score: float) -> float:
    if isinstance(score, bool) or not isinstance(score, (numbers.Real, Decimal)):
        raise TypeError(f"score must be a number, not {type(score).__name__}")
    try:
        return float(score)
    except OverflowError as error:
        raise ValueError("score must be from -1e9 to 1e9") from error


def _nano(amount: Union[Decimal, str, int]) -> int:
    if isinstance(amount, (float, bool)) or not isinstance(amount, (Decimal, str, int)):
        raise TypeError("amount must be a Decimal, a str or an int: a float is not exact")
    try:
        nano = EXACT.scaleb(Decimal(amount), 9)
        whole = int(nano)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{amount!r} is no amount") from error
    if whole != nano or not -(2**63) < whole < 2**63:
        raise ValueError(f"{amount!r} has more than 9 decimals, or is too large")
    return whole
