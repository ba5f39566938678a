"""Alerts, and the identity by which an incident knows its own."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter, itemgetter
from weakref import WeakValueDictionary

from app.domain.cluster import TaskType
from app.errors import InvalidAlertError

HEARTBEAT = "WatchdogHeartbeat"
"""The alert that always fires, to show that rules, Alertmanager and webhook work."""

BY_HAND = "ManualStop"
"""No alert of Prometheus: the name under which a stop without an alert has its incident. Its policy
is one that no configuration knows, so nothing but what a person asks for ever comes of it.
"""

IDLE = "GPUAllocationIdle"
"""The alert that says of one allocation that it is idle."""

# Ids are put into paths of URLs, so nothing but Determined's own alphabet is let in.
_TASK_ID = re.compile(r"(\d+\.)?[0-9A-Za-z][0-9A-Za-z-]{0,127}")
_ALLOCATION_ID = re.compile(rf"{_TASK_ID.pattern}\.\d+")
_TASK_TYPES = frozenset(TaskType)
_OF_ALL = ("alertname", "severity", "policy", "username", "resource_pool")
_OF_ALLOCATIONS = ("allocation_id", "task_id", "task_type")
_LABELS = ("scope", *_OF_ALL, *_OF_ALLOCATIONS)


class Scope(StrEnum):
    ALLOCATION = "allocation"  # one allocation is judged
    USER = "user"  # a user's holdings are judged; the receiver chooses the targets


ADMIN_SCOPES = frozenset({"agent", "cluster"})
"""The scopes of alerts about machines, measurements and the watchdog itself. They have no owner and
no target, so no incident: Alertmanager tells the admins by itself, which also works while the
watchdog does not.
"""


class _Derived:
    """What is asked for again and again at every tick, and remembered beside the fields."""

    __slots__ = ("_key", "_labels")
    _key: str
    _labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Identity(_Derived):
    """The identity labels of an alert: nothing in here changes while the condition lasts."""

    alertname: str
    severity: str
    policy: str
    scope: Scope
    username: str
    resource_pool: str
    allocation_id: str = ""
    task_id: str = ""
    task_type: str = ""

    @property
    def key(self) -> str:
        """One value for the database to hold unique. Alertmanager's fingerprint would change with
        any other label, an external one for instance.
        """
        try:
            return self._key
        except AttributeError:
            canonical = _canonical(dict(zip(_FIELDS, _values_of(self), strict=True)))
            object.__setattr__(self, "_key", hashlib.sha256(canonical.encode()).hexdigest())
            return self._key

    def labels(self) -> dict[str, str]:
        return dict(self.fixed_labels)

    @property
    def fixed_labels(self) -> Mapping[str, str]:
        """The labels to be read, and not to be changed: the same object at every tick."""
        try:
            return self._labels
        except AttributeError:
            values = zip(_FIELDS, _values_of(self), strict=True)
            labels = {name: str(value) for name, value in values if value}
            object.__setattr__(self, "_labels", labels)
            return labels


_FIELDS = tuple(field.name for field in fields(Identity))
# Not `asdict`, which copies deeply: it took a fifth of a first tick.
_values_of = attrgetter(*_FIELDS)
_canonical = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as the webhook brought it: a hint, and pointers to what is to be read again."""

    identity: Identity
    annotations: Mapping[str, str]
    starts_at: datetime | None
    firing: bool
    labels: Mapping[str, str]


def is_for_admins(labels: Mapping[str, str]) -> bool:
    return labels.get("scope") in ADMIN_SCOPES


def identify(labels: Mapping[str, str]) -> Identity:
    """Read the identity labels.

    Raises:
        InvalidAlertError: one is missing, or is not what Determined could have made.
    """
    try:
        values = _all_of(labels)
    except KeyError:
        values = tuple(map(labels.get, _LABELS))
    known = _known.get(values)
    if known is None:
        known = _known[values] = _identified(values)
    return known


# Readings bring the same ones at every tick: each is looked at once, and then is one object for as
# long as anybody has it.
_all_of = itemgetter(*_LABELS)
_in_order_of_labels = attrgetter(*_LABELS)
_known: WeakValueDictionary[tuple[str | None, ...], Identity] = WeakValueDictionary()


def shared(identity: Identity) -> Identity:
    """Return the one object for an identity, as readings have it too."""
    values = (value or None for value in _in_order_of_labels(identity))
    return _known.setdefault(tuple(values), identity)


def _identified(values: tuple[str | None, ...]) -> Identity:
    labels = {name: value or "" for name, value in zip(_LABELS, values, strict=True)}
    try:
        scope = Scope(labels["scope"])
    except ValueError as exc:
        raise InvalidAlertError(
            f"label scope is {labels['scope'] or None!r}; it must be one of allocation, user"
        ) from exc
    required = _OF_ALL if scope is Scope.USER else _OF_ALL + _OF_ALLOCATIONS
    missing = [name for name in required if not labels[name]]
    if missing:
        raise InvalidAlertError(f"label {', '.join(missing)} is missing or empty")
    identity = Identity(scope=scope, **{name: labels[name] for name in required})
    if scope is Scope.ALLOCATION:
        _check_ids(identity)
    return identity


def _check_ids(identity: Identity) -> None:
    if not _ALLOCATION_ID.fullmatch(identity.allocation_id):
        raise InvalidAlertError(f"allocation_id {identity.allocation_id!r} is not Determined's")
    if identity.allocation_id.rpartition(".")[0] != identity.task_id:
        raise InvalidAlertError(
            f"allocation_id {identity.allocation_id!r} does not belong to task {identity.task_id!r}"
        )
    if identity.task_type not in _TASK_TYPES:
        raise InvalidAlertError(f"task_type {identity.task_type!r} is unknown")
