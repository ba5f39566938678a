"""The story of an incident: append-only, one entry for each thing that happened (S12)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.incident import IncidentState
from app.domain.reasons import Reason

WATCHDOG = "watchdog"
"""The actor of everything that no person did."""


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    reason: Reason
    before: IncidentState | None
    """None for the first entry."""
    after: IncidentState
    actor: str = WATCHDOG
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
