"""Tags that follow the flow of a program: through functions, asyncio's tasks and generators, not
through arguments.

The scopes that are open form a stack in a context variable. A scope leaves by finding its own
entry, so one object can be entered many times and from many places at once.
"""

import functools
import inspect
from contextvars import ContextVar
from typing import Any, Callable, Dict, Generator, Mapping, NamedTuple, Optional, TypeVar

Fn = TypeVar("Fn", bound=Callable[..., Any])


class _Entry(NamedTuple):
    scope: "TagScope"
    below: Optional["_Entry"]


_open: ContextVar[Optional[_Entry]] = ContextVar("llmcost_tags", default=None)


def as_tags(tags: Mapping[str, object]) -> Dict[str, Optional[str]]:
    """Values as the library wants them; None stands for "no such tag"."""
    if not isinstance(tags, Mapping):
        raise TypeError(f"tags must be a dict, not {type(tags).__name__}")
    return {str(name): None if value is None else str(value) for name, value in tags.items()}


def current_tags(owner: object) -> Dict[str, str]:
    """The tags that are open for `owner` here and now, inner ones over outer ones."""
    scopes = []
    entry = _open.get()
    while entry:
        if entry.scope.owner is owner:
            scopes.append(entry.scope)
        entry = entry.below
    tags: Dict[str, Optional[str]] = {}
    for scope in reversed(scopes):
        tags.update(scope.values)
    return {name: value for name, value in tags.items() if value is not None}


class TagScope:
    """Tags for every call inside a `with` block or a decorated function."""

    def __init__(self, owner: object, tags: Mapping[str, object]) -> None:
        self.owner = owner
        self.values = as_tags(tags)

    def __enter__(self) -> "TagScope":
        _open.set(_Entry(self, _open.get()))
        return self

    def __exit__(self, *_: object) -> None:
        entry = _open.get()
        while entry and entry.scope is not self:
            entry = entry.below
        if entry:
            _open.set(entry.below)

    def __call__(self, function: Fn) -> Fn:
        """Decorate a function, a coroutine function or a generator, asynchronous ones too."""
        if isinstance(function, type):
            raise TypeError("tags decorate functions, not classes: decorate the methods that ask")
        wrapper = self._wrapper(function)
        return functools.wraps(function)(wrapper)  # type: ignore[return-value]

    def _wrapper(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return coroutine
        if inspect.isasyncgenfunction(function):

            async def pieces(*args: Any, **kwargs: Any) -> Any:
                inside = _Inside(self)
                generator = function(*args, **kwargs)
                step, argument = generator.asend, None
                try:
                    while True:
                        try:
                            piece = await _awaited_inside(inside, step(argument))
                        except StopAsyncIteration:
                            return
                        try:
                            argument = yield piece
                            step = generator.asend
                        except GeneratorExit:
                            raise
                        except BaseException as error:
                            step, argument = generator.athrow, error
                finally:
                    await _awaited_inside(inside, generator.aclose())

            return pieces
        if inspect.isgeneratorfunction(function):

            def generator(*args: Any, **kwargs: Any) -> Any:
                return (yield from _step_inside(_Inside(self), function(*args, **kwargs)))

            return generator

        def plain(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return plain


class _Inside:
    """A generator's own stack, in place only while it runs: nothing leaks to who iterates."""

    def __init__(self, scope: TagScope) -> None:
        self.stack: Optional[_Entry] = _Entry(scope, _open.get())
        self.outside: Optional[_Entry] = None

    def __enter__(self) -> None:
        self.outside = _open.get()
        _open.set(self.stack)

    def __exit__(self, *_: object) -> None:
        self.stack = _open.get()
        _open.set(self.outside)


def _step_inside(inside: _Inside, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    step, argument = generator.send, None
    while True:
        try:
            with inside:
                item = step(argument)
        except StopIteration as end:
            return end.value
        try:
            argument = yield item
            step = generator.send
        except GeneratorExit:
            with inside:
                generator.close()
            raise
        except BaseException as error:
            step, argument = generator.throw, error


class _awaited_inside:
    """An awaitable whose every step runs inside."""

    def __init__(self, inside: _Inside, awaitable: Any) -> None:
        self.inside = inside
        self.awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        return _step_inside(self.inside, self.awaitable.__await__())
