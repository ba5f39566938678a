"""What is asked for people who want to know about a task. Nothing is decided by it."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.readings import AlertingRule, PeerReading, Sample


class RuleFiles(Protocol):
    """Prometheus."""

    async def alerting_rules(self) -> Sequence[AlertingRule]:
        """Return every alerting rule that is loaded (GET /api/v1/rules?type=alert)."""
        ...

    async def query(self, expression: str) -> Sequence[Sample]:
        """Evaluate an instant query now."""
        ...


class SilenceLists(Protocol):
    """Every configured Alertmanager."""

    async def silences(self) -> Sequence[PeerReading]:
        """Read the silences of all peers, and no alerts: those may be thousands.

        A peer that does not answer is in the result, with its error.
        """
        ...
