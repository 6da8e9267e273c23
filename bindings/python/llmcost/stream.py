"""An answer that is pulled piece by piece."""

import ctypes
import json
import threading
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import _native, errors
from ._core import Core, called, closed_error
from .answer import Answer
from .receipt import Receipt

lib = _native.lib

_KINDS = (
    "",
    "text",
    "reasoning",
    "refusal",
    "tool_call",
    "tool_arguments",
    "finish",
    "usage",
    "restart",
    "logprobs",
    "extra",
)
_HEAD = ("id", "object", "created", "model", "choices")  # of every chunk
_TEXT, _RESTART = _KINDS.index("text"), _KINDS.index("restart")


class _Restart(str):
    """Empty, and not the same object as any other text."""

    def __repr__(self) -> str:
        return "llmcost.RESTART"


#: What iteration over a stream gives when all deltas so far are void: the target failed and another
#: one answers from the start. Only of a route with "after_delta": "continue". Compare with `is`.
RESTART: str = _Restart()


_SLICE_MS = 100  # how long Ctrl-C may have to wait


class Event(NamedTuple):
    """One piece of an answer."""

    # "text", "reasoning", "refusal", "tool_call", "tool_arguments", "finish", "usage", "logprobs",
    # "extra", or "restart": all pieces so far are void, see RESTART
    kind: str
    text: str = ""  # of text, reasoning, refusal and tool_arguments
    choice: int = 0
    tool_index: int = 0
    tool_id: str = ""  # of tool_call
    tool_name: str = ""  # of tool_call
    finish_reason: str = ""  # of finish
    usage: Optional[Dict[str, Any]] = None  # of usage, in OpenAI's shape
    finish_raw: str = ""  # of finish: the provider's own word
    tokens: Optional[Dict[str, int]] = None  # of usage: by class, such as "input_cached"
    logprobs: Optional[List[Dict[str, Any]]] = None  # of logprobs: of tokens of the text before
    extra: Optional[Dict[str, Any]] = None  # of extra: what came beside the text, such as citations


def _tokens(pointer: ctypes.c_void_p) -> Dict[str, int]:
    counts, number = {}, 0
    while name := _native.text(lib.class_name(number)):
        count = lib.event_tokens(pointer, number)
        if count >= 0:
            counts[name] = count
        number += 1
    return counts


def _event(pointer: ctypes.c_void_p) -> Event:
    number = lib.event_get_kind(pointer)
    kind = _KINDS[number] if number < len(_KINDS) else ""
    text = _native.sized_text(lib.event_text, pointer) or ""
    chunk: Dict[str, Any] = {}
    if kind in ("usage", "extra"):
        written = lib.event_json(pointer)
        chunk = _native.from_json(written) if written else {}
    return Event(
        kind,
        "" if kind == "logprobs" else text,
        lib.event_choice(pointer),
        lib.event_tool_index(pointer),
        _native.text(lib.event_tool_id(pointer)),
        _native.text(lib.event_tool_name(pointer)),
        _native.text(lib.finish_name(lib.event_finish(pointer))) if kind == "finish" else "",
        chunk.get("usage"),
        _native.text(lib.event_finish_raw(pointer)),
        _tokens(pointer) if kind == "usage" else None,
        json.loads(text) if kind == "logprobs" else None,
        {name: chunk[name] for name in chunk if name not in _HEAD} if kind == "extra" else None,
    )


class Stream:
    """Iterate over it for the text of the first choice, piece by piece (see also RESTART); over events() for
    everything.

    Leaving it early cancels the call: by close(), by the end of a `with` block, or when it is
    garbage. One thread at a time. After the end `answer` is the whole of it. A failure is raised
    by the step that meets it.
    """

    def __init__(self, core: Core, body: bytes) -> None:
        self._handle: Optional[int] = None
        self._core = core
        self._answer: Optional[Answer] = None
        self._turn = threading.Lock()
        self._reader: Optional[int] = None
        with core as client:
            status, out = called(lib.stream_open_json, client, body, len(body))
            if status:
                raise errors.from_status(status)
            assert out.value is not None
            self._handle = out.value
            core.add_stream(self._handle, self)

    # ---- reading ----

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> str:
        with _Turn(self):
            while True:
                event = self._next()
                kind = lib.event_get_kind(event)
                if kind == _RESTART:
                    return RESTART
                if kind == _TEXT and lib.event_choice(event) == 0:
                    return _native.sized_text(lib.event_text, event) or ""

    def events(self) -> Iterator[Event]:
        """Every piece: text, reasoning, tool calls, all choices."""
        while True:
            try:
                with _Turn(self):
                    event = _event(self._next())
            except StopIteration:
                return
            yield event

    def chunks(self) -> Iterator[Dict[str, Any]]:
        """The pieces as OpenAI's chat.completion.chunk objects."""
        while True:
            try:
                with _Turn(self):
                    chunk = lib.event_json(self._next())
            except StopIteration:
                return
            if chunk:
                yield _native.from_json(chunk)

    def finish(self) -> Answer:
        """Wait for the end, skip what was not read, and return the answer."""
        self._core.refuse_foreign()
        with _Turn(self):
            if self._handle is not None:
                while self._wait()[1]:
                    pass
                self._end()
        return self.answer

    @property
    def answer(self) -> Answer:
        """The whole answer, after the end."""
        if self._answer is None:
            raise errors.MisuseError(
                "the stream has no answer: read it to its end, or call finish()"
            )
        return self._answer

    @property
    def receipt(self) -> Receipt:
        """The answer's receipt, after the end."""
        return self.answer.receipt

    def _next(self) -> ctypes.c_void_p:
        """The next event, borrowed until the next step. StopIteration at the end."""
        self._core.refuse_foreign()
        if self._core.is_closing:
            self._close()
            raise closed_error()
        if self._handle is None:
            raise StopIteration
        status, event = self._wait()
        if event:
            return event
        self._end()
        raise StopIteration

    def _wait(self) -> Tuple[int, ctypes.c_void_p]:
        """The next step's outcome. Comes back to Python now and then, which then heeds signals."""
        while not lib.stream_poll(self._handle, _SLICE_MS):
            if self._core.is_closing:
                self._close()
                raise closed_error()
        return called(lib.stream_next, self._handle)

    def _end(self) -> None:
        """Take the response, and close."""
        status, response = called(lib.stream_finish, self._handle)
        try:
            if status:
                raise errors.from_response(response, status)
            self._answer = Answer(response)
        finally:
            lib.response_free(response)
            self._close()

    # ---- leaving ----

    def close(self) -> None:
        """Leave it; what is still under way is cancelled. Again is fine."""
        if self._handle is None or self._core.is_foreign:
            return
        if self._reader == threading.get_ident():
            raise errors.MisuseError("close() inside a callback of the same stream")
        with self._turn:
            self._close()

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            lib.stream_close(handle)
            self._core.drop_stream(handle)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError("a stream can be neither copied nor pickled")

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()


class _Turn:
    """A stream's turn: whoever comes while it is taken is told so."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        if not self._stream._turn.acquire(blocking=False):
            if self._stream._core.is_closing:
                raise closed_error()
            raise errors.MisuseError("the stream is being read: one thread at a time")
        self._stream._reader = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._stream._reader = None
        self._stream._turn.release()
