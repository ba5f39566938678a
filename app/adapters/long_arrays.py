"""Reads a JSON array of very many objects while it comes, some of them at a time.

Ten thousand alerts are 20 MiB of JSON, and parsed as a whole they take three times as much, beside
what we want of them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import httpx

Element = TypeVar("Element")
_AT_A_TIME = 2**17  # bytes
_FIRST_KEY = re.compile(rb'\{("(?:[^"\\]|\\.)*")')


class LongArray(Generic[Element]):
    """Takes the bytes of an answer, and gives the elements before its rest.

    It is cut between `}` and `,{"key"`, where `key` is the first one of the first object. Inside of
    a text there is no such place, for its quotes have backslashes. One deeper inside of an element
    leaves brackets open: then no part can be read, nor the answer.
    """

    def __init__(
        self,
        elements: Callable[[bytearray], Iterable[Element]],
        *,
        begins: bytes,
        at_a_time: int = _AT_A_TIME,
    ) -> None:
        """`elements`: reads an array of them.
        `begins`: how the answer begins if it is to be cut, up to the bracket of the array.
        """
        self._elements = elements
        self._begins = begins
        self._at_a_time = at_a_time
        self._separator: bytes | None = None
        """None until the first key is known; empty where the answer cannot be cut."""
        self._left = bytearray()
        self._searched = len(begins)
        """Before here there is no place to cut."""
        self.found: list[Element] = []

    def take(self, piece: bytes) -> None:
        """Raises what `elements` raises where it is not what was expected."""
        self._left += piece
        if len(self._left) < self._at_a_time:
            return
        if self._separator is None:
            self._separator = self._separator_of(self._left)
        if self._separator:
            self._cut(self._separator)

    def _separator_of(self, answer: bytearray) -> bytes:
        first = _FIRST_KEY.match(answer, len(self._begins))
        return b"},{" + first[1] if first and answer.startswith(self._begins) else b""

    def _cut(self, separator: bytes) -> None:
        start = len(self._begins)
        at = self._left.rfind(separator, self._searched)
        if at < 0:
            self._searched = max(start, len(self._left) - len(separator))
            return
        # The bracket that opens the array is the last byte of its beginning.
        self.found += self._elements(self._left[start - 1 : at + 1] + b"]")
        del self._left[start : at + 2]
        self._searched = start

    @property
    def rest(self) -> bytearray:
        """What comes before the array, its last elements, and what comes after it."""
        return self._left


async def read_long(
    client: httpx.AsyncClient,
    path: str,
    array: LongArray[Element],
    last: Callable[[bytearray], Iterable[Element]],
) -> list[Element]:
    """Get an answer. `last` reads what is left of it when all but its last elements are read."""
    async with client.stream("GET", path) as response:
        response.raise_for_status()
        async for piece in response.aiter_bytes():
            array.take(piece)
    return [*array.found, *last(array.rest)]
