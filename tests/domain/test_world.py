"""The labels that silences of a target are matched against."""

from app.domain.situation import target_of
from app.domain.world import target_labels
from tests.domain.examples import ALLOCATION, IDENTITY, TASK, notified
from tests.domain.examples import allocation as allocation_of


def test_an_alert_about_an_allocation_has_the_labels_of_its_target() -> None:
    [target] = notified().targets

    assert (target.allocation_id, target.task_id) == (ALLOCATION, TASK)
    assert target_labels(notified(), target) == IDENTITY.labels()


def test_s4_each_other_target_has_its_own() -> None:
    other = target_of(allocation_of(allocation_id=f"{TASK}.2"))

    assert target_labels(notified(), other) == IDENTITY.labels() | {"allocation_id": f"{TASK}.2"}
    # What is remembered of an identity is not changed by it.
    assert IDENTITY.labels()["allocation_id"] == ALLOCATION
