"""Generic tasks that descend from another one: a call to stop that one reaches them as well.

`KillGenericTask` and `PauseGenericTask` go down the whole tree of children, whatever these do
(api_generic_tasks.go of 0.38); `killFromRoot` only says where it begins. No list has the children
of a task, but each task names its parent.
"""

from collections.abc import Collection, Coroutine
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire
from app.adapters.upstream import together
from app.errors import UpstreamRejectedError

Model = TypeVar("Model", bound=Struct)


class Get(Protocol):
    """How Determined is asked for one thing."""

    def __call__(self, path: str, model: type[Model], /) -> Coroutine[Any, Any, Model]: ...


async def descendants(task_id: str, get: Get) -> tuple[str, ...]:
    """Return which of the tasks that run or are queued descend from a generic task, also through
    tasks that have ended.

    Raises:
        UpstreamError: Determined does not tell of one of them, or of its ancestors.
    """
    others = await _may_have_parents(get) - {task_id}
    parents: dict[str, str | None] = {}
    unknown = others
    while unknown:
        found = await _parents(unknown, get)
        parents |= found
        unknown = {each for each in found.values() if each} - {task_id} - parents.keys()
    return tuple(sorted(each for each in others if task_id in _ancestors(each, parents)))


async def _may_have_parents(get: Get) -> set[str]:
    """Return the tasks that are generic, or may be. The others are many, and not asked singly."""
    async with together() as group:
        tasks = group.create_task(get("tasks", wire.Tasks))
        lists = [
            group.create_task(get(plural, wire.Interactives))
            for plural in reading.INTERACTIVE.values()
        ]
    childless = {each.id for one in lists for each in one.result().listed}
    return {
        each.task_id
        for each in tasks.result().allocation_id_to_summary.values()
        if reading.experiment_of(each.task_id) is None and each.task_id not in childless
    }


async def _parents(tasks: Collection[str], get: Get) -> dict[str, str | None]:
    async with together() as group:
        asked = {each: group.create_task(_parent(each, get)) for each in tasks}
    return {each: one.result() for each, one in asked.items()}


async def _parent(task_id: str, get: Get) -> str | None:
    try:
        reply = await get(f"tasks/{reading.segment(task_id)}", wire.TaskReply)
    except UpstreamRejectedError as exc:
        # Its place in the tree is unknown (S5): with `rbac`, the account may not see it.
        why = f"whether task {task_id} descends from it is not known: {exc}"
        raise UpstreamRejectedError(why, code=exc.code) from exc
    return reply.task.parent_id or None


def _ancestors(task_id: str, parents: dict[str, str | None]) -> set[str]:
    found: set[str] = set()
    parent = parents.get(task_id)
    while parent and parent not in found:
        found.add(parent)
        parent = parents.get(parent)
    return found
