"""The loopback provider: a real HTTP server on 127.0.0.1 that answers from a script."""

import ctypes
import json
import os
from typing import Any, Dict, Mapping, Optional, Union

from . import _native, errors
from ._core import called

lib = _native.lib

Script = Union[Mapping[str, Any], str, None]


class Mock:
    """A server that runs from here to close(); by default it echoes the last user message.

    The script, a dict or JSON text, is described in llmcost/mock.h: {"rules": [{"match":
    {"contains": "weather"}, "reply": {"text": "Sunny."}}], "default": {"fault": {"status": 503}}}.
    """

    def __init__(self, script: Script = None) -> None:
        self._process = os.getpid()
        self._handle: Optional[int] = None
        out = ctypes.c_void_p()
        status = lib.mock_start(ctypes.byref(out), None, None)
        if status:
            raise errors.from_status(status)
        self._handle = out.value
        try:
            if script is not None:
                self.script(script)
        except BaseException:
            self.close()
            raise

    def script(self, script: Script) -> None:
        """Replace the script; what it counts begins at 0."""
        text = (
            "{}"
            if script is None
            else script if isinstance(script, str) else _native.to_json(script).decode()
        )
        status, reason = called(lib.mock_script, self._open, _native.argument("script", text))
        if status:
            error = errors.from_error(reason, status)
            lib.error_free(reason)
            raise error

    def config(self, **members: Any) -> Dict[str, Any]:
        """A config for Client: "openai" and "anthropic" are this server, without retries."""
        providers = {
            "openai": {"base_url": self.url + "/v1", "key": "sk-mock", "retries": 0},
            "anthropic": {"base_url": self.url, "key": "sk-mock", "retries": 0},
        }
        return {"providers": providers, **members}

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT; OpenAI's base URL is this and "/v1"."""
        return _native.text(lib.mock_url(self._open))

    @property
    def request_count(self) -> int:
        """Requests so far, the refused ones too."""
        return int(lib.mock_request_count(self._open))

    @property
    def connection_count(self) -> int:
        """Connections so far."""
        return int(lib.mock_connection_count(self._open))

    @property
    def open_count(self) -> int:
        """Connections open now."""
        return int(lib.mock_open_count(self._open))

    @property
    def abandoned_count(self) -> int:
        """Calls whose client left before the end of the answer."""
        return int(lib.mock_abandoned_count(self._open))

    def request(self, index: int) -> Dict[str, Any]:
        """The body of one of the last 64 requests; a negative index counts from the end."""
        size = ctypes.c_size_t()
        at = self._at(index)
        address = lib.mock_request_body(self._open, at, ctypes.byref(size)) if at >= 0 else None
        if address is None:
            raise IndexError(f"request {index} is not recorded")
        return json.loads(ctypes.string_at(address, size.value))  # type: ignore[no-any-return]

    def header(self, index: int, name: str) -> Optional[str]:
        """A header of a request, ":method" and ":path" too; None where there is none."""
        wanted, at = _native.argument("name", name), self._at(index)
        value = lib.mock_request_header(self._open, at, wanted) if at >= 0 else None
        return None if value is None else _native.text(value)

    def _at(self, index: int) -> int:
        """Where in C's count it is; below 0 where there is no such request."""
        if not isinstance(index, int):
            raise TypeError(f"index must be an int, not {type(index).__name__}")
        count = self.request_count
        return -1 if index >= count else index if index >= 0 else count + index

    @property
    def _open(self) -> int:
        if self._handle is None or os.getpid() != self._process:
            raise errors.MisuseError("the server is stopped, or another process's")
        return self._handle

    def close(self) -> None:
        """Stop it. Again is fine."""
        if os.getpid() != self._process:
            return
        handle, self._handle = self._handle, None
        if handle is not None:
            lib.mock_stop(handle)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError("a server can be neither copied nor pickled")

    def __enter__(self) -> "Mock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()
