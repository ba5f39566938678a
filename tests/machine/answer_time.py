"""How long the owners could have said no, as the machine counts it (S13)."""

from dataclasses import dataclass
from datetime import timedelta

from tests.machine.stamps import Stamp


@dataclass(frozen=True, slots=True)
class Look:
    """A tick has looked at the clocks."""

    at: Stamp
    process: int
    slack_hears: bool
    """Slack answers, and what is pressed there arrives."""
    peers_answer: bool
    """At the last reading before the look."""


class AnswerTime:
    """Sums up the time between two looks of one process, where the owners could answer."""

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest
        self._looks: list[Look] = []

    def look(self, look: Look) -> None:
        self._looks.append(look)

    def since(self, stamp: Stamp) -> timedelta:
        """Return the most of it that may count for a message that was there then."""
        total = timedelta()
        for before, after in zip(self._looks, self._looks[1:], strict=False):
            if after.at > stamp:
                # What went by before the message counts for nobody.
                total += min(self._between(before, after), after.at.true - stamp.true)
        return total

    def _between(self, before: Look, after: Look) -> timedelta:
        true, wall = after.at.true - before.at.true, after.at.wall - before.at.wall
        could_answer = before.slack_hears and after.slack_hears and after.peers_answer
        if before.process != after.process or not could_answer or max(true, wall) > self._longest:
            return timedelta()
        return max(min(true, wall), timedelta())
