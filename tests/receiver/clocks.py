"""Two clocks that a test moves."""

from datetime import datetime, timedelta

from tests.domain.examples import T0


class Time:
    """A wall clock, and a monotonic one beside it."""

    def __init__(self) -> None:
        self.wall = T0
        self.monotonic = timedelta()

    def now(self) -> datetime:
        return self.wall

    def passes(self, span: timedelta) -> None:
        self.wall += span
        self.monotonic += span

    def jumps(self, span: timedelta) -> None:
        """Set the wall clock, forward or back. No time goes by."""
        self.wall += span
