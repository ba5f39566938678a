"""How many messages Slack takes: about one a second in a channel, some hundred a minute in all.

Slack answers what is beyond that with 429, and takes messages that were let through first as well
as those that matter: so it is better not asked.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Budget:
    """What one process has sent lately, by its monotonic clock."""

    channel_gap: timedelta = timedelta(seconds=1)
    """How long after a message another one may be sent to the same channel."""
    per_minute: int = 200
    """Of the workspace."""
    _last: dict[str, timedelta] = field(default_factory=dict)
    _sent: deque[timedelta] = field(default_factory=deque)

    def wait(self, channel: str, now: timedelta) -> timedelta:
        """Return how long it is until a message may be sent there; nothing when it may be now."""
        self._forget(now)
        of_channel = self._last.get(channel, now - self.channel_gap) + self.channel_gap - now
        full = len(self._sent) >= self.per_minute
        of_workspace = self._sent[0] + _MINUTE - now if full else timedelta()
        return max(of_channel, of_workspace, timedelta())

    def spend(self, channel: str, now: timedelta) -> None:
        """Note that a message is sent there, whether or not it arrives."""
        self._last[channel] = now
        self._sent.append(now)

    def _forget(self, now: timedelta) -> None:
        while self._sent and self._sent[0] <= now - _MINUTE:
            self._sent.popleft()
        if len(self._last) > self.per_minute:
            self._last = {k: at for k, at in self._last.items() if at > now - self.channel_gap}
