"""The identifiers that the receiver makes up: the same in every run of the same sequence.

What is stored and asked for in their order would else make a find that cannot be found again.
"""

import uuid
from collections.abc import Callable
from itertools import count
from random import Random


class Names:
    def __init__(self) -> None:
        self._number = count()
        self._random: Callable[[], uuid.UUID] = uuid.uuid4

    def begin(self) -> None:
        self._random = uuid.uuid4
        uuid.uuid4 = self._next

    def end(self) -> None:
        uuid.uuid4 = self._random

    def _next(self) -> uuid.UUID:
        """Return the next one. Which comes first by the alphabet differs, as it does out there."""
        return uuid.UUID(int=Random(next(self._number)).getrandbits(128), version=4)  # noqa: S311 -- no secret.
