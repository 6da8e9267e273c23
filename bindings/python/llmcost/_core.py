"""The C client and who is inside it.

C frees a client when it is closed, so nobody may be on the way into it then. Every call is counted
here, closing lets no new one in, and it hands the client to C for closing when the calls that are
left are known to be inside C: there they are cancelled. A stream is closed first, by whoever reads
it or here; a call on a loop of its own is woken, and cancels itself.
"""

import atexit
import ctypes
import json
import os
import sys
import threading
import weakref
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar, Union

from . import _native, errors
from .receipt import Receipt

lib = _native.lib

ReceiptCallback = Callable[[Receipt], object]
AlertCallback = Callable[[Dict[str, Any]], object]
Judge = Callable[[str, str], Optional[bool]]
Labeller = Callable[[str], Optional[str]]
KeySource = Callable[[str, bool], Union[str, Tuple[str, float]]]
Fn = TypeVar("Fn", bound=Callable[..., Any])

_POLL_SECONDS = 0.002


def _reraise(error: BaseException) -> None:
    raise error


# An exception that leaves a ctypes callback goes to sys.unraisablehook: the one road there from
# Python code.
_to_unraisable_hook = ctypes.CFUNCTYPE(None, ctypes.py_object)(_reraise)


class _Callbacks(threading.local):
    """How deep this thread is in callbacks of a client."""

    depth = 0


class Core:
    """An open llmcost_client."""

    def __init__(
        self,
        config: Optional[bytes],
        on_receipt: Optional[ReceiptCallback],
        on_alert: Optional[AlertCallback],
        judges: Mapping[str, Judge],
        key_sources: Mapping[str, KeySource],
        labellers: Mapping[str, Labeller],
    ) -> None:
        self._handle: Optional[int] = None
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._calls = 0
        self._closing = self._is_being_closed = False
        self._streams: Dict[int, "weakref.ref[Any]"] = {}
        self._loops: List[ctypes.c_void_p] = []
        self._callbacks = _Callbacks()
        self._thunks: List[Any] = []
        self._handle = _open(config)
        _cores.add(self)
        try:
            self._set_hooks(on_receipt, on_alert, judges, key_sources)
            for name, labeller in _named("labellers", labellers).items():
                self.add_labeller(name, labeller)
        except BaseException:
            self.close()
            raise

    # ---- callbacks ----

    def _guarded(self, function: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
        """A function for C to call: lets no exception through, does not keep the core alive."""
        callbacks = self._callbacks

        def guarded(*args: Any) -> Any:
            callbacks.depth += 1
            try:
                return function(*args)
            except BaseException as error:
                _to_unraisable_hook(error)
                return otherwise
            finally:
                callbacks.depth -= 1

        return guarded

    def _set_hooks(
        self,
        on_receipt: Optional[ReceiptCallback],
        on_alert: Optional[AlertCallback],
        judges: Mapping[str, Judge],
        key_sources: Mapping[str, KeySource],
    ) -> None:
        if on_receipt is not None:
            heard = _function("on_receipt", on_receipt)

            def receipt(response: int, _user: object) -> None:
                heard(Receipt.of(response))

            self._hook(lib.client_on_receipt, _native.ReceiptFn(self._guarded(receipt, None)))
        if on_alert is not None:
            told = _function("on_alert", on_alert)

            def alert(text: bytes, _user: object) -> None:
                told(_native.from_json(text))

            self._hook(lib.client_on_alert, _native.AlertFn(self._guarded(alert, None)))
        for name, judge in _named("judges", judges).items():
            thunk = _native.JudgeFn(self._guarded(_as_judge(_function("a judge", judge)), -1))
            self._hook(lib.client_add_judge, thunk, _native.argument("a judge's name", name))
        for name, source in _named("key_sources", key_sources).items():
            source = _function("a key source", source)
            thunk = _native.KeyFn(self._guarded(_as_key_source(source), _NO_KEY))
            self._hook(
                lib.client_add_key_source, thunk, _native.argument("a key source's name", name)
            )

    def add_labeller(self, name: str, labeller: Labeller) -> None:
        labeller = _function("a labeller", labeller)
        thunk = _native.LabellerFn(self._guarded(_as_labeller(labeller), _NO_LABEL))
        self._hook(lib.client_add_labeller, thunk, _native.argument("a labeller's name", name))

    def _hook(self, function: Callable[..., int], thunk: Any, *before: Any) -> None:
        with self as client:
            self._thunks.append(thunk)
            check(function(client, *before, thunk, None))

    @property
    def in_callback(self) -> bool:
        """True on a thread that a callback of this client runs on."""
        return self._callbacks.depth > 0

    # ---- going in and out ----

    @property
    def is_foreign(self) -> bool:
        """True after a fork: the client is the parent's."""
        return os.getpid() != self._process

    def refuse_foreign(self) -> None:
        """Raise in a process that the client does not belong to."""
        if self.is_foreign:
            raise errors.MisuseError(
                "the client was opened before a fork: open one in each process"
            )

    def __enter__(self) -> int:
        self.refuse_foreign()
        with self._changed:
            if self._closing or self._handle is None:
                raise closed_error()
            self._calls += 1
            return self._handle

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._calls -= 1
            self._changed.notify_all()

    def add_stream(self, handle: int, stream: Any) -> None:
        """Remember an open stream; inside the core only."""
        with self._changed:
            self._streams[handle] = weakref.ref(stream)

    def drop_stream(self, handle: int) -> None:
        """Forget a stream that C has closed."""
        with self._changed:
            self._streams.pop(handle, None)
            self._changed.notify_all()

    def add_loop(self, loop: ctypes.c_void_p) -> None:
        """Remember whom to wake; before it is opened, inside the core only."""
        with self._changed:
            self._loops.append(loop)

    def drop_loop(self, loop: ctypes.c_void_p) -> None:
        """Forget it; before it is closed."""
        with self._changed:
            self._loops = [other for other in self._loops if other is not loop]

    @property
    def is_closing(self) -> bool:
        """True from the moment that close() was called."""
        return self._closing

    # ---- closing ----

    def close(self) -> None:
        """Close it: streams and calls in other threads are cancelled. Again is fine."""
        if self.is_foreign or self._handle is None:
            return
        if self.in_callback:
            raise errors.MisuseError("close() inside a callback of the same client")
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._is_being_closed)
            if self._handle is None:
                return
            self._is_being_closed = True
        try:
            self._close_when_safe()
        finally:  # interrupted: whoever comes next goes on
            with self._changed:
                self._is_being_closed = False
                self._changed.notify_all()

    def _close_when_safe(self) -> None:
        while not self._may_close():
            for reference in list(self._streams.values()):
                stream = reference()
                if stream is not None:
                    stream.close()
                del stream
            with self._changed:
                for loop in self._loops:
                    lib.loop_wake(loop)
                self._changed.wait(_POLL_SECONDS)
        status = lib.client_close(self._handle)
        with self._changed:
            self._handle = None
            self._changed.notify_all()
        check(status)

    def _may_close(self) -> bool:
        """No stream is open, and whoever is counted holds a driver, which means: is inside C."""
        with self._changed:
            streams, calls = len(self._streams), self._calls
        if streams or not calls:
            return not streams
        return bool(self.read_json(lib.stats, self._handle)["drivers"]["leased"] >= calls)

    def __del__(self) -> None:
        """Nobody can be inside or come any more: the client and its streams are garbage."""
        if getattr(self, "_handle", None) is not None and not self.in_callback:
            self.close()

    # ---- texts ----

    @staticmethod
    def read_text(function: Callable[..., int], *arguments: Any) -> str:
        """A text that a function hands out."""
        out = ctypes.c_void_p()
        check(function(*arguments, ctypes.byref(out)))
        return _native.taken_text(out)

    @classmethod
    def read_json(cls, function: Callable[..., int], *arguments: Any) -> Any:
        """The same, as JSON."""
        return json.loads(cls.read_text(function, *arguments))


def _open(config: Optional[bytes]) -> int:
    handle, reason, options = ctypes.c_void_p(), ctypes.c_void_p(), _native.Options()
    lib.options_init(options, ctypes.sizeof(options))
    options.error = ctypes.pointer(reason)
    status = lib.client_open(ctypes.byref(handle), config, options)
    if status:
        error = errors.from_error(reason, status)
        lib.error_free(reason)
        raise error
    assert handle.value is not None
    return handle.value


def _function(what: str, given: Fn) -> Fn:
    """Else every call of it would fail where nobody is told but sys.unraisablehook."""
    if not callable(given):
        raise TypeError(f"{what} must be a function, not {type(given).__name__}")
    return given


def _named(what: str, given: Mapping[str, Fn]) -> Mapping[str, Fn]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} must be a dict of functions, not {type(given).__name__}")
    return given


def _as_judge(judge: Judge) -> Callable[..., int]:
    def judged(judgement: Any, _user: object) -> int:
        shown = judgement.contents
        verdict = judge(
            _native.text(ctypes.string_at(shown.question, shown.question_bytes)),
            _native.text(ctypes.string_at(shown.answer, shown.answer_bytes)),
        )
        return -1 if verdict is None else int(bool(verdict))

    return judged


# Anything but 0: the middle one of the route's labels.
_NO_LABEL = -1


def _as_labeller(labeller: Labeller) -> Callable[..., int]:
    def labelled(labelling: Any, out: int, capacity: int, _user: object) -> int:
        shown = labelling.contents
        label = labeller(_native.text(ctypes.string_at(shown.question, shown.question_bytes)))
        if label is None:
            return _NO_LABEL
        data = _native.argument("a label", label)
        if len(data) >= capacity:
            raise ValueError(f"a label has at most {capacity - 1} bytes, not {len(data)}")
        ctypes.memmove(out, data + b"\0", len(data) + 1)
        return 0

    return labelled


# Any status but OK: the call ends with E_AUTH, whichever it is.
_NO_KEY = -1
_ENDLESS_SECONDS = 10**9  # C's counter would wrap


def _as_key_source(source: KeySource) -> Callable[..., int]:
    def handed(
        provider: bytes, rejected: int, room: int, capacity: int, valid_ms: Any, _user: object
    ) -> int:
        given = source(_native.text(provider), bool(rejected))
        key, seconds = (given, 0.0) if isinstance(given, str) else given
        _native.argument("a key", key)
        encoded = key.encode("ascii")
        if len(encoded) >= capacity:
            raise ValueError(f"a key has at most {capacity - 1} characters")
        ctypes.memmove(room, encoded, len(encoded))
        valid_ms[0] = int(max(0, min(seconds, _ENDLESS_SECONDS)) * 1000)
        return 0

    return handed


def check(status: int) -> None:
    """Raise what a status says, if it is a failure."""
    if status:
        raise errors.from_status(status)


def closed_error() -> errors.ClosedError:
    """The exception of whoever comes too late."""
    error = errors.ClosedError("the client is closed")
    error.status = "E_CLOSED"
    return error


def called(function: Callable[..., int], *arguments: Any) -> Tuple[int, ctypes.c_void_p]:
    """A function with one out parameter at its end."""
    out = ctypes.c_void_p()
    return function(*arguments, ctypes.byref(out)), out


_cores: "weakref.WeakSet[Core]" = weakref.WeakSet()


def _close_all() -> None:
    for core in list(_cores):
        try:
            core.close()
        except Exception:  # the process ends anyway
            sys.excepthook(*sys.exc_info())


atexit.register(_close_all)
