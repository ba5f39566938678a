"""Whether what people press in Slack reaches us: an owner who is not heard cannot say no (S13)."""

import math
import time
from collections.abc import Callable

GAP = 30.0
"""Seconds without Socket Mode that still count as heard: two ticks.

Slack renews a connection every few hours, and the next one is there within a second or two. Who
presses a button in between sees Slack's warning sign, and presses again. A longer gap is an outage.
"""


class Hearing:
    """Follows the connection of Socket Mode. Without Socket Mode it has nothing to miss."""

    def __init__(
        self,
        *,
        by_socket: bool,
        shown: Callable[[bool], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shown` is told of every change."""
        self._is_open = not by_socket
        self._lost_at = -math.inf
        """Seconds. A process that starts has heard nobody yet."""
        self._shown = shown
        self._monotonic = monotonic

    def changed(self, connected: bool) -> None:  # noqa: FBT001 -- as Socket Mode tells it.
        if self._is_open and not connected:
            self._lost_at = self._monotonic()
        self._is_open = connected
        self._shown(connected)

    def hears(self) -> bool:
        """Tell whether a press would arrive, but for a gap too short to matter."""
        return self._is_open or self._monotonic() - self._lost_at <= GAP
