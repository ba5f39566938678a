"""What every use case is given: the rules to follow, the time, and where to count."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.policy import Rulebook
from app.telemetry import Telemetry
from app.view import ClusterView


@dataclass(slots=True)
class Context:
    rulebook: Rulebook
    """Replaced as a whole when the configuration has changed."""
    telemetry: Telemetry
    now: Callable[[], datetime]
    """The wall clock, in UTC."""
    view: ClusterView = field(default_factory=ClusterView)
    counts_time: Callable[[], bool] = lambda: False
    """Tells whether this process, and surely no other, advances the answer clock."""
