"""Calls that block, and yet heed Ctrl-C.

Python handles signals on its main thread only, and not while that is inside C. There a call is
driven by a loop of its own, which comes back now and then; an interrupted call is cancelled, and
has its receipt. Other threads wait in C, where closing the client reaches them.
"""

import ctypes
import threading
from typing import Any, Callable, Tuple

from . import _native
from ._core import Core, called

lib = _native.lib

_SLICE_MS = 100  # how long Ctrl-C may have to wait


@_native.DoneFn
def _keep(_call: int, response: int, place: int) -> None:
    ctypes.c_void_p.from_address(place).value = response


def answer_to(
    core: Core, blocking: Callable[..., int], submit: Callable[..., int], body: bytes
) -> Tuple[int, ctypes.c_void_p]:
    """Status and response of a body: of the function that blocks, or of its sister on a loop."""
    with core as client:
        if threading.current_thread() is threading.main_thread():
            return _on_a_loop(core, client, submit, body)
        return called(blocking, client, body, len(body))


def _on_a_loop(
    core: Core, client: int, submit: Callable[..., int], body: bytes
) -> Tuple[int, ctypes.c_void_p]:
    loop, response = ctypes.c_void_p(), ctypes.c_void_p()
    try:
        core.add_loop(loop)
        status = lib.loop_open(client, ctypes.byref(loop))
        if not status:
            status = _run(core, loop, submit, body, response)
    except BaseException:
        _close(core, loop)
        lib.response_free(response)
        raise
    _close(core, loop)
    return status, response


def _run(
    core: Core, loop: ctypes.c_void_p, submit: Callable[..., int], body: bytes, response: Any
) -> int:
    call = ctypes.c_uint64()
    status = submit(loop, body, len(body), _keep, ctypes.byref(response), ctypes.byref(call))
    if status:
        return status
    while lib.loop_pending(loop):
        if core.is_closing:
            lib.loop_cancel(loop, call)
        lib.loop_poll(loop, _SLICE_MS)
    if not response:  # the signal came inside _keep
        raise KeyboardInterrupt
    return int(lib.response_status(response))


def _close(core: Core, loop: ctypes.c_void_p) -> None:
    """Cancels what is under way. The core lets go of it first, so that nobody wakes it any more."""
    core.drop_loop(loop)
    lib.loop_close(loop)


def chat(core: Core, body: bytes) -> Tuple[int, ctypes.c_void_p]:
    """chat_json()"""
    return answer_to(core, lib.chat_json, _submit_chat, body)


def embed(core: Core, body: bytes) -> Tuple[int, ctypes.c_void_p]:
    """embed_json()"""
    return answer_to(core, lib.embed_json, lib.loop_submit_embed_json, body)


def _submit_chat(loop: ctypes.c_void_p, body: bytes, size: int, *to: Any) -> int:
    return lib.loop_submit_json(loop, body, size, None, *to)
