"""The GPUs of a task that is to be stopped, and what was seen of them afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Release(StrEnum):
    """What was seen of the GPUs of a task that was stopped."""

    AWAITED = "awaited"  # the allocation is gone; of its GPUs it is not known yet
    FREED = "freed"  # each was seen free, or with another allocation
    IN_USE = "in_use"  # for too long one of them was used by no task
    UNSEEN = "unseen"  # for too long nobody could tell


@dataclass(frozen=True, slots=True)
class Gpu:
    uuid: str
    agent_id: str


def gpus_of(proof: Mapping[str, Any]) -> tuple[Gpu, ...]:
    """Return what the allocation held when its stop was proven; nothing where that is not told."""
    allocation = proof.get("allocation") or {}
    return tuple(
        Gpu(uuid, container["agent_id"])
        for container in allocation.get("containers", ())
        for uuid in container["gpu_uuids"]
    )
