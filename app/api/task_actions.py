"""What admins do about a task by hand, whether an incident is about it or not: kill, pause."""

from fastapi import APIRouter

from app.api.actions import ActionView, Admin, DismissRequest, Key, MannerDep, order_of
from app.api.dependencies import TaskActionsDep
from app.api.problems import PROBLEMS
from app.domain.policy import StopAction

router = APIRouter(
    prefix="/api/v1/tasks",
    tags=["tasks"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)


@router.post("/{task_id}/kill", summary="Kill a task now")
async def kill_task(
    task_id: str,
    request: DismissRequest,
    actions: TaskActionsDep,
    caller: Admin,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """Let the next tick kill it, once Determined confirms the allocation and its owner (S2, S5).

    An open incident about the task is asked to; else one is opened for it. What else speaks against
    it is told as a warning, and forbids nothing.
    """
    order = order_of(caller, request, manner, key)
    return ActionView.after(await actions.stop(task_id, order, StopAction.KILL), order)


@router.post("/{task_id}/pause", summary="Pause a task now")
async def pause_task(
    task_id: str,
    request: DismissRequest,
    actions: TaskActionsDep,
    caller: Admin,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """As a kill, for trials and generic tasks; they keep their checkpoint.

    Determined pauses an experiment as a whole: a pause waits until it is asked for, or due, of all
    that runs of the experiment. It never becomes a kill.
    """
    order = order_of(caller, request, manner, key)
    return ActionView.after(await actions.stop(task_id, order, StopAction.PAUSE), order)
