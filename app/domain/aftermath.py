"""After a stop: are the GPUs free, or in other hands, or does something still use them?

Determined says which slots are free and to whom the others were given, Prometheus whether anything
uses what is free. Nothing is called any more, whatever the answer is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.cluster import Snapshot
from app.domain.events import GpusSeen
from app.domain.incident import Incident, Target
from app.domain.release import Release

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
"""What a uuid is made of; another one is never asked about."""


class Sight(StrEnum):
    """How a GPU looks that a stopped task has held."""

    FREE = "free, and not in use"
    GIVEN = "with another allocation"
    OCCUPIED = "occupied by a container that belongs to no task"
    BUSY = "free in Determined, and in use"
    NOT_LISTED = "not listed by Determined"
    NOT_MEASURED = "free in Determined, and not seen by Prometheus"
    UNKNOWN = "unknown: Determined does not answer"


_FREED = frozenset({Sight.FREE, Sight.GIVEN})
_IN_USE = frozenset({Sight.OCCUPIED, Sight.BUSY})


class Places:
    """Where the GPUs are, by one reading of Determined."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        allocations = snapshot.allocations.values() if snapshot else ()
        self._holders = {
            uuid: allocation.allocation_id
            for allocation in allocations
            for container in allocation.containers
            for uuid in container.gpu_uuids
        }

    def sight(self, uuid: str, target: Target, used: Mapping[str, bool]) -> Sight:
        """`used`: whether a GPU is in use, by uuid, of those that Prometheus has samples of."""
        if self._snapshot is None:
            return Sight.UNKNOWN
        if self._holders.get(uuid, target.allocation_id) != target.allocation_id:
            return Sight.GIVEN
        occupant = self._snapshot.occupants.get(uuid)
        if occupant is None:
            return Sight.NOT_LISTED
        if occupant:
            return Sight.OCCUPIED
        in_use = used.get(uuid)
        if in_use is None:
            return Sight.NOT_MEASURED
        return Sight.BUSY if in_use else Sight.FREE

    def to_be_measured(self, targets: Iterable[Target]) -> list[str]:
        """Return the uuids of those that only Prometheus can tell more about."""
        found = {
            gpu.uuid
            for target in targets
            for gpu in target.gpus
            if self.sight(gpu.uuid, target, {}) is Sight.NOT_MEASURED and is_plain(gpu.uuid)
        }
        return sorted(found)


def is_plain(uuid: str) -> bool:
    return _PLAIN.fullmatch(uuid) is not None


def awaited(incident: Incident) -> Iterator[Target]:
    """Yield the targets whose GPUs are still to be seen."""
    return (each for each in incident.targets if each.release is Release.AWAITED)


def found(
    target: Target,
    places: Places,
    used: Mapping[str, bool],
    *,
    now: datetime,
    limit: timedelta,
) -> GpusSeen | None:
    """Return what became of the GPUs of a target. None: that is not known yet.

    Which they are may have been told by nobody; then nobody can look at them.
    """
    sights = {gpu.uuid: places.sight(gpu.uuid, target, used) for gpu in target.gpus}
    lingering = tuple(uuid for uuid, sight in sights.items() if sight not in _FREED)
    if sights and not lingering:
        return GpusSeen(target.allocation_id, Release.FREED, (), sights)
    # Neither way: a clock that was set back must not make it wait for hours.
    waits = target.gone_at is not None and abs(now - target.gone_at) < limit
    if sights and waits:
        return None
    in_use = any(sight in _IN_USE for sight in sights.values())
    release = Release.IN_USE if in_use else Release.UNSEEN
    return GpusSeen(target.allocation_id, release, lingering, sights)


def query_for(uuids: Iterable[str], age: timedelta) -> str:
    """Return the question to Prometheus: more than 0 for a GPU in use, 0 for another.

    It is what the rule of `GPUUsedByNoTask` asks, of samples that are no older than `age`. A GPU
    without such a sample is not in the answer. `uuids`: plain ones.
    """
    which = f'GPU_I_ID="",gpu_uuid=~"{"|".join(uuids)}"'
    window = f"[{max(int(age / timedelta(milliseconds=1)), 1)}ms]"
    return f"""\
max by (gpu_uuid) (last_over_time(DCGM_FI_DEV_GPU_UTIL{{{which}}}{window})) > 5
or
max by (gpu_uuid) (last_over_time(DCGM_FI_DEV_FB_USED{{{which}}}{window}))
  > bool on () group_left () max(threshold:watchdog_gpu_memory_foreign:mebibytes)"""
