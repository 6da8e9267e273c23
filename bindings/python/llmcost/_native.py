"""The C library: where it is, what its functions take, and how its texts become Python's.

Handles are opaque pointers, requests and answers are JSON. One struct is written down: the options
of opening a client, because the reason of a refused configuration comes through them. It begins
with its own size and only grows at the end.
"""

import ctypes
import json
import os
import sys
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional

SONAME = "libllmcost.so.0"

ReceiptFn = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
AlertFn = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)


class Options(ctypes.Structure):
    """llmcost_options: only `error` is used."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("log_level", c_int32),
        ("allocator", c_void_p),
        ("clock", c_void_p),
        ("log", c_void_p),
        ("log_user", c_void_p),
        ("environment", c_void_p),
        ("environment_user", c_void_p),
        ("random_seed", c_uint64),
        ("transport", c_void_p),
        ("error", POINTER(c_void_p)),
    ]


class Judgement(ctypes.Structure):
    """llmcost_judgement: what a judge is shown. Texts by pointer: they may hold zero bytes."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("question", c_void_p),
        ("question_bytes", c_size_t),
        ("answer", c_void_p),
        ("answer_bytes", c_size_t),
        ("model", c_char_p),
        ("request", c_void_p),
    ]


class Labelling(ctypes.Structure):
    """llmcost_labelling: what a labeller is shown."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("question", c_void_p),
        ("question_bytes", c_size_t),
        ("request", c_void_p),
    ]


JudgeFn = ctypes.CFUNCTYPE(c_int, POINTER(Judgement), c_void_p)
LabellerFn = ctypes.CFUNCTYPE(c_int, POINTER(Labelling), c_void_p, c_size_t, c_void_p)
KeyFn = ctypes.CFUNCTYPE(
    c_int, c_char_p, c_int, c_void_p, c_size_t, POINTER(c_int64), c_void_p
)
DoneFn = ctypes.CFUNCTYPE(None, c_uint64, c_void_p, c_void_p)

_OUT = POINTER(c_void_p)
_SIZE_OUT = POINTER(c_size_t)
_COUNT_OUT = POINTER(c_int64)

# Texts that are ours to free come as c_void_p: ctypes would turn a c_char_p into bytes and lose
# the pointer.
_FUNCTIONS = {
    "version": (c_char_p,),
    "status_name": (c_char_p, c_int),
    "status_text": (c_char_p, c_int),
    "status_category": (c_int, c_int),
    "status_is_retriable": (c_int, c_int),
    "status_is_budget": (c_int, c_int),
    "status_is_fatal": (c_int, c_int),
    "options_init": (None, POINTER(Options), c_uint32),
    "client_open": (c_int, _OUT, c_char_p, POINTER(Options)),
    "client_close": (c_int, c_void_p),
    "client_run": (c_int, c_void_p, c_int32),
    "client_on_receipt": (c_int, c_void_p, ReceiptFn, c_void_p),
    "client_on_alert": (c_int, c_void_p, AlertFn, c_void_p),
    "client_add_judge": (c_int, c_void_p, c_char_p, JudgeFn, c_void_p),
    "client_add_labeller": (c_int, c_void_p, c_char_p, LabellerFn, c_void_p),
    "client_add_key_source": (c_int, c_void_p, c_char_p, KeyFn, c_void_p),
    "chat_json": (c_int, c_void_p, c_char_p, c_size_t, _OUT),
    "list_models": (c_int, c_void_p, c_char_p, _OUT),
    "embed_json": (c_int, c_void_p, c_char_p, c_size_t, _OUT),
    "count_tokens_json": (c_int, c_void_p, c_char_p, c_size_t, POINTER(c_int64), _OUT),
    "balance": (c_int, c_void_p, c_char_p, _OUT),
    "stream_open_json": (c_int, c_void_p, c_char_p, c_size_t, _OUT),
    "stream_next": (c_int, c_void_p, _OUT),
    "stream_poll": (c_int, c_void_p, c_int32),
    "stream_finish": (c_int, c_void_p, _OUT),
    "stream_close": (None, c_void_p),
    "loop_open": (c_int, c_void_p, _OUT),
    "loop_close": (c_int, c_void_p),
    "loop_submit_json": (
        c_int, c_void_p, c_char_p, c_size_t, c_void_p, DoneFn, _OUT, POINTER(c_uint64)
    ),
    "loop_submit_embed_json": (
        c_int, c_void_p, c_char_p, c_size_t, DoneFn, _OUT, POINTER(c_uint64)
    ),
    "loop_cancel": (c_int, c_void_p, c_uint64),
    "loop_poll": (c_int, c_void_p, c_int32),
    "loop_pending": (c_uint64, c_void_p),
    "loop_wake": (None, c_void_p),
    "event_get_kind": (c_int, c_void_p),
    "event_text": (c_void_p, c_void_p, _SIZE_OUT),
    "event_choice": (c_uint32, c_void_p),
    "event_tool_index": (c_uint32, c_void_p),
    "event_tool_id": (c_char_p, c_void_p),
    "event_tool_name": (c_char_p, c_void_p),
    "event_finish": (c_int, c_void_p),
    "event_finish_raw": (c_char_p, c_void_p),
    "event_tokens": (c_int64, c_void_p, c_int),
    "class_name": (c_char_p, c_uint32),
    "event_json": (c_char_p, c_void_p),
    "finish_name": (c_char_p, c_int),
    "response_free": (None, c_void_p),
    "response_status": (c_int, c_void_p),
    "response_error": (c_void_p, c_void_p),
    "response_choice_text": (c_void_p, c_void_p, c_uint32, _SIZE_OUT),
    "response_finish": (c_int, c_void_p, c_uint32),
    "response_model_name": (c_char_p, c_void_p),
    "response_provider": (c_char_p, c_void_p),
    "response_request_id": (c_char_p, c_void_p),
    "response_from_cache": (c_int, c_void_p),
    "response_is_altered": (c_int, c_void_p),
    "response_json": (c_char_p, c_void_p),
    "response_model_count": (c_uint32, c_void_p),
    "response_model": (c_char_p, c_void_p, c_uint32),
    "response_embedding_count": (c_uint32, c_void_p),
    "response_embedding": (c_void_p, c_void_p, c_uint32, POINTER(c_uint32)),
    "response_balance_count": (c_uint32, c_void_p),
    "response_balance": (c_char_p, c_void_p, c_uint32, POINTER(c_char_p)),
    "response_rate_limit": (c_int, c_void_p, c_int, _COUNT_OUT, _COUNT_OUT, _COUNT_OUT),
    "response_summary": (c_char_p, c_void_p),
    "response_receipt": (c_char_p, c_void_p),
    "error_free": (None, c_void_p),
    "error_status": (c_int, c_void_p),
    "error_message": (c_char_p, c_void_p),
    "error_provider": (c_char_p, c_void_p),
    "error_code": (c_char_p, c_void_p),
    "error_provider_message": (c_char_p, c_void_p),
    "error_request_id": (c_char_p, c_void_p),
    "error_http_status": (c_int32, c_void_p),
    "error_retry_after_ms": (c_int64, c_void_p),
    "error_trail": (c_char_p, c_void_p),
    "string_free": (None, c_void_p),
    "report": (c_int, c_void_p, c_char_p, _OUT),
    "stats": (c_int, c_void_p, _OUT),
    "budgets": (c_int, c_void_p, _OUT),
    "targets": (c_int, c_void_p, _OUT),
    "explain_json": (c_int, c_void_p, c_char_p, c_size_t, _OUT),
    "route_describe": (c_int, c_void_p, c_char_p, _OUT),
    "budget_correct": (c_int, c_void_p, c_char_p, c_char_p, c_int64),
    "feedback": (c_int, c_void_p, c_char_p, c_double),
    "cache_clear": (c_int, c_void_p),
    "mock_start": (c_int, _OUT, c_char_p, c_void_p),
    "mock_stop": (c_int, c_void_p),
    "mock_url": (c_char_p, c_void_p),
    "mock_script": (c_int, c_void_p, c_char_p, _OUT),
    "mock_request_count": (c_uint64, c_void_p),
    "mock_connection_count": (c_uint64, c_void_p),
    "mock_open_count": (c_uint64, c_void_p),
    "mock_abandoned_count": (c_uint64, c_void_p),
    "mock_request_body": (c_void_p, c_void_p, c_uint64, _SIZE_OUT),
    "mock_request_header": (c_char_p, c_void_p, c_uint64, c_char_p),
}


def _candidates() -> Iterator[str]:
    """Where the library may be, best first."""
    tree = Path(__file__).resolve().parents[3]
    if (tree / "include" / "llmcost" / "llmcost.h").is_file():
        built = tree / "build" / SONAME
        if built.is_file():
            yield str(built)
    yield SONAME
    for prefix in (sys.prefix, "/usr/local"):
        installed = Path(prefix) / "lib" / SONAME
        if installed.is_file():
            yield str(installed)


def _load() -> ctypes.CDLL:
    named = os.environ.get("LLMCOST_LIBRARY")
    failures = []
    for path in [named] if named else _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            failures.append(str(error))
    raise ImportError(
        "libllmcost was not found: build it (make), install it (make install; ldconfig), or set "
        "LLMCOST_LIBRARY to the file. Tried: " + "; ".join(failures)
    )


class _Library:
    """The functions by their names without the prefix."""

    def __init__(self, library: ctypes.CDLL) -> None:
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, "llmcost_" + name)
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"libllmcost has no function {name}")


lib = _Library(_load())


def text(value: Optional[bytes]) -> str:
    """A borrowed text; what is no UTF-8 is shown, not raised."""
    return value.decode("utf-8", "replace") if value else ""


def sized_text(function: Callable[..., Optional[int]], *arguments: Any) -> Optional[str]:
    """A text that says its length, so that it may hold zero bytes."""
    size = c_size_t()
    address = function(*arguments, ctypes.byref(size))
    return (
        None
        if address is None
        else ctypes.string_at(address, size.value).decode("utf-8", "replace")
    )


def taken_text(address: c_void_p) -> str:
    """A text that is ours: copied, then freed."""
    try:
        return text(ctypes.cast(address, c_char_p).value)
    finally:
        lib.string_free(address)


def argument(name: str, value: object) -> bytes:
    """A Python text for a C parameter that ends at the first zero."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{name} contains a zero character")
    return value.encode("utf-8", "surrogateescape")


def _plain(value: object) -> object:
    """What an SDK's objects and ours are in JSON."""
    for name in ("model_dump", "to_dict"):
        method = getattr(value, name, None)
        if callable(method):
            return method()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


# Made once: json.dumps() with options makes an encoder for every call. No NaN; the second one
# escapes everything.
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain).encode


def to_json(value: object) -> bytes:
    """JSON that every reader takes; lone surrogates, which UTF-8 lacks, are escaped."""
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError:
        return _encode_ascii(value).encode("ascii")


def from_json(value: Optional[bytes]) -> Any:
    """JSON that the library wrote; None where it had no memory to."""
    if value is None:
        raise MemoryError("libllmcost: out of memory")
    return json.loads(value.decode("utf-8", "replace"))
