"""Who and what is exempt, by the configuration (S11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.cluster import Allocation
from app.domain.matchers import Matcher

Fields = Mapping[str, Sequence[str] | None]
"""What is known of a task, by the names that matchers use. None: unknown."""

WORKSPACE = "workspace"
MATCHED = frozenset(
    {"experiment_label", "policy", "resource_pool", "task_type", "username", WORKSPACE}
)
"""The fields that a matcher can name."""
_NOTHING = ("",)


@dataclass(frozen=True, slots=True)
class Exemption:
    matchers: tuple[Matcher, ...]
    """All of them must match."""
    reason: str
    until: datetime

    def is_over(self, now: datetime) -> bool:
        return self.until <= now

    def covers(self, fields: Fields) -> bool:
        """Tell whether every matcher matches; one whose field is unknown does (S5)."""
        for matcher in self.matchers:
            values = fields[matcher.name]
            # What a task does not have counts as empty, as Alertmanager has it.
            if values is not None and not matcher.matches_one_of(values or _NOTHING):
                return False
        return True


def fields_of(allocation: Allocation, policy: str) -> Fields:
    return {
        "policy": (policy,),
        "resource_pool": (allocation.resource_pool,),
        "username": _known(allocation.username),
        "task_type": _known(allocation.task_type),
        "experiment_label": allocation.labels,
        WORKSPACE: _known(allocation.workspace),
    }


def exemption_of(
    allocation: Allocation, policy: str, exempt: Sequence[Exemption], now: datetime
) -> Exemption | None:
    """Return the exemption in force for a task that lasts longest; None if there is none."""
    if not exempt:
        return None
    fields = fields_of(allocation, policy)
    found = [each for each in exempt if not each.is_over(now) and each.covers(fields)]
    return max(found, key=lambda each: each.until, default=None)


def _known(value: str | None) -> Sequence[str] | None:
    return None if value is None else (value,)
