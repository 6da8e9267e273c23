"""Failures as exceptions: a class per category, and of its own for some statuses."""

from typing import Any, Dict, List, Optional, Type

from . import _native
from .receipt import Receipt

lib = _native.lib

_CATEGORIES = (
    "none",
    "host",
    "config",
    "request",
    "budget",
    "time",
    "network",
    "credentials",
    "capacity",
    "server",
)


class LlmcostError(Exception):
    """A call that failed, and all that is known of it.

    status            its name, such as "E_BUDGET"
    category          "budget", "request", "capacity", ...
    provider          the configured provider it came from, "" where none is involved
    code              the provider's own code, "" where there is none
    provider_message  the provider's own words
    http_status       0 where there was none
    request_id        the provider's, "" where it sent none
    retry_after       seconds that the provider asks to wait, or None
    trail             what was tried: [{"target": ..., "status": ..., "message": ...}, ...]
    receipt           a failed call has one too; None where no call was started
    partial_text      what had come of the answer
    """

    status: str = "E_MISUSE"
    category: str = "host"
    provider: str = ""
    code: str = ""
    provider_message: str = ""
    http_status: int = 0
    request_id: str = ""
    retry_after: Optional[float] = None
    receipt: Optional[Receipt] = None
    partial_text: str = ""
    is_retriable: bool = False
    is_fatal: bool = False
    is_budget: bool = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.trail: List[Dict[str, Any]] = []


class HostError(LlmcostError):
    """The program: memory, misuse."""


class MisuseError(HostError):
    """A function was called in a way that its documentation forbids."""


class ClosedError(HostError):
    """The client is closed or being closed."""


class ConfigError(LlmcostError):
    """The configuration is wrong, or a name in it is missing."""


class RequestError(LlmcostError):
    """This request will fail again unless it is changed."""


class CacheMissError(RequestError):
    """A cached answer only was asked for, and there is none."""


class BudgetError(LlmcostError):
    """The money does not cover the call; nothing was sent."""


class DeadlineError(LlmcostError, TimeoutError):
    """A deadline passed."""


class CancelledError(LlmcostError):
    """The call was cancelled."""


class NetworkError(LlmcostError, ConnectionError):
    """The way to the provider failed."""


class CredentialsError(LlmcostError):
    """Keys and provider accounts."""


class CapacityError(LlmcostError):
    """The provider wants the call later."""


class RateLimitError(CapacityError):
    """The provider limits the rate of calls."""


class BreakerOpenError(CapacityError):
    """The target failed too often lately; nothing was sent."""


class LimitedError(CapacityError):
    """No place under the limits towards the provider came free in time; nothing was sent."""


class ServerError(LlmcostError):
    """The provider failed."""


_BY_CATEGORY: Dict[str, Type[LlmcostError]] = {
    "host": HostError,
    "config": ConfigError,
    "request": RequestError,
    "budget": BudgetError,
    "time": DeadlineError,
    "network": NetworkError,
    "credentials": CredentialsError,
    "capacity": CapacityError,
    "server": ServerError,
}
_BY_STATUS: Dict[str, Type[LlmcostError]] = {
    "E_MISUSE": MisuseError,
    "E_CLOSED": ClosedError,
    "E_CANCELLED": CancelledError,
    "E_RATE_LIMITED": RateLimitError,
    "E_CACHE_MISS": CacheMissError,
    "E_BREAKER_OPEN": BreakerOpenError,
    "E_LIMITED": LimitedError,
}


def from_status(status: int, message: str = "") -> LlmcostError:
    """The exception of a status without further details."""
    name = _native.text(lib.status_name(status))
    number = lib.status_category(status)
    category = _CATEGORIES[number] if number < len(_CATEGORIES) else "host"
    error = _BY_STATUS.get(name, _BY_CATEGORY.get(category, LlmcostError))(
        message or _native.text(lib.status_text(status))
    )
    error.status = name
    error.category = category
    error.is_retriable = bool(lib.status_is_retriable(status))
    error.is_fatal = bool(lib.status_is_fatal(status))
    error.is_budget = bool(lib.status_is_budget(status))
    return error


def from_error(pointer: Any, status: int) -> LlmcostError:
    """The exception of an llmcost_error, which stays the caller's; it may be NULL."""
    if not pointer:
        return from_status(status)
    error = from_status(
        lib.error_status(pointer) or status, _native.text(lib.error_message(pointer))
    )
    error.provider = _native.text(lib.error_provider(pointer))
    error.code = _native.text(lib.error_code(pointer))
    error.provider_message = _native.text(lib.error_provider_message(pointer))
    error.request_id = _native.text(lib.error_request_id(pointer))
    error.http_status = lib.error_http_status(pointer)
    wait_ms = lib.error_retry_after_ms(pointer)
    error.retry_after = None if wait_ms < 0 else wait_ms / 1000
    trail = lib.error_trail(pointer)
    error.trail = _native.from_json(trail) if trail else []
    return error


def from_response(response: Any, status: int) -> LlmcostError:
    """The exception of a failed call; without a response none was started."""
    if not response:
        return from_status(status)
    error = from_error(lib.response_error(response), status)
    error.receipt = Receipt.of(response)
    error.partial_text = _native.sized_text(lib.response_choice_text, response, 0) or ""
    return error
