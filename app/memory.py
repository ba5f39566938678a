"""How the process uses memory, where incidents are in the thousands."""

import ctypes
import gc
from contextlib import suppress

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Of glibc's mallopt(3)."""
_LONG = 2**19  # bytes


def suit_thousands() -> None:
    """Let Python look for cycles less often, and give long buffers back as soon as they are read.

    Incidents, alerts and what is made of them at every tick have no cycles, and are freed at once:
    to look for cycles took a third of a tick. And glibc, once it has seen one answer of some MiB,
    keeps room for the next among all the small things, a dozen MiB with ten thousand incidents. Nor
    does each thread keep some for itself: in Python they take turns anyway.
    """
    gc.set_threshold(50_000, 20, 100)
    # Other C libraries have no such call, and need none.
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LONG)
        libc.mallopt(_ARENA_MAX, 1)
