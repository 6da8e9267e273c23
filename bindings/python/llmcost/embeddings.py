"""Vectors for texts."""

import ctypes
from array import array
from typing import Any, Iterator, List, Sequence, Union, overload

from . import _native
from .answer import limits_of
from .receipt import Receipt

lib = _native.lib


class Embeddings(Sequence["array[float]"]):
    """One vector for each text, in their order; each an array("f"), which numpy takes as it is.

    model, provider    who made them
    dimensions         how many numbers a vector has
    receipt            what they cost
    cached             True when they came from the cache
    limits             as Answer.limits
    """

    def __init__(self, response: Any) -> None:
        self.receipt = Receipt.of(response)
        self.model = _native.text(lib.response_model_name(response))
        self.provider = _native.text(lib.response_provider(response))
        self.cached = bool(lib.response_from_cache(response))
        self.limits = limits_of(response)
        self.vectors: List["array[float]"] = [
            _vector(response, index) for index in range(lib.response_embedding_count(response))
        ]
        self.dimensions = len(self.vectors[0]) if self.vectors else 0

    @overload
    def __getitem__(self, index: int) -> "array[float]": ...

    @overload
    def __getitem__(self, index: slice) -> List["array[float]"]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union["array[float]", List["array[float]"]]:
        return self.vectors[index]

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Iterator["array[float]"]:
        return iter(self.vectors)

    def __repr__(self) -> str:
        return f"<Embeddings of {self.provider}: {len(self)} of {self.dimensions} dimensions>"


def _vector(response: Any, index: int) -> "array[float]":
    dimensions = ctypes.c_uint32()
    numbers = lib.response_embedding(response, index, ctypes.byref(dimensions))
    vector = array("f")
    vector.frombytes(ctypes.string_at(numbers, dimensions.value * vector.itemsize))
    return vector
