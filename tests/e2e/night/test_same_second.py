"""The safety rules, where one task alone is concerned: several at the same time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import pytest

from demo.cluster.model import TaskType
from demo.cluster.wire import TaskState
from tests.e2e.night.night import LAST_SECOND, LONG, Night
from tests.e2e.night.watching import wait_for_reason

pytestmark = pytest.mark.e2e
DATABASE = "postgresql"


@dataclass(frozen=True)
class Spared:
    """Tasks to each of which something happened in the last second of its grace period."""

    silenced: TaskState
    handed_over: TaskState
    unseen: TaskState
    begun_again: TaskState
    exempt: TaskState


@pytest.fixture(scope="module")
def spared(night: Night) -> Iterator[Spared]:
    """Play all of it at the same time, since nothing of it is about anybody else."""
    with night.taking() as take:
        tasks = Spared(
            silenced=take("alice"),
            handed_over=take("bob"),
            unseen=take("carol"),
            begun_again=take("dan", TaskType.TRIAL),
            exempt=take("alice", TaskType.SHELL),
        )
        all_of_them = [getattr(tasks, each.name) for each in fields(tasks)]
        last = night.warn(*all_of_them)
        # Slack takes one message a second in each channel, which is long at this speed.
        first = min(night.deadline(task) for task in all_of_them)
        shells = {"matchers": ['task_type="shell"'], "reason": "a course", "until": "2100-01-01"}
        with night.configured(exempt=[shells]):
            night.wait_until(first - LAST_SECOND)
            _act(night, tasks)
            night.wait_past(last)
            yield tasks


def _act(night: Night, tasks: Spared) -> None:
    cluster = night.world.cluster
    night.world.silence(tasks.silenced, lasts=LONG, by="alice", comment="my run", peer=1)
    cluster.change_owner(tasks.handed_over.task_id, "dan")
    for uuid in cluster.task(tasks.unseen.task_id).gpu_uuids:
        cluster.set_gpu(uuid, lost=True)
    assert tasks.begun_again.trial_id is not None
    cluster.restart_trial(tasks.begun_again.trial_id)


def holds(night: Night, task: TaskState) -> list[tuple[str, str]]:
    """Return what holds it, and who: on a busy machine an inhibition may do so as well."""
    held = night.stage.incident(task, "held")
    return [(hold["reason"], hold["by"]) for hold in held["holds"]]


def test_s4_a_silence_on_one_of_two_peers_wins(night: Night, spared: Spared) -> None:
    assert ("silenced", "alice") in holds(night, spared.silenced)
    assert night.is_spared(spared.silenced)


def test_s2_a_task_that_changes_hands_is_not_stopped(night: Night, spared: Spared) -> None:
    assert wait_for_reason(night.stage, spared.handed_over, "owner_changed")
    assert night.is_spared(spared.handed_over)


def test_s2_a_trial_that_begins_again_begins_at_the_beginning(night: Night, spared: Spared) -> None:
    assert wait_for_reason(night.stage, spared.begun_again, "allocation_ended")
    assert night.is_spared(spared.begun_again)


def test_s3_what_cannot_be_seen_any_more_proves_nothing(night: Night, spared: Spared) -> None:
    assert wait_for_reason(night.stage, spared.unseen, "evidence_missing")
    assert night.is_spared(spared.unseen)


def test_s11_what_is_exempt_by_now_is_left_alone(night: Night, spared: Spared) -> None:
    assert ("exempt", "a course") in holds(night, spared.exempt)
    assert night.is_spared(spared.exempt)
