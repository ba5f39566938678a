"""By what an incident knows its own alert: in the database, and in memory."""

from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from app.domain.alert import Identity, Scope, identify, shared
from tests.domain.examples import IDENTITY

OF_A_USER = replace(IDENTITY, scope=Scope.USER, allocation_id="", task_id="", task_type="")


def test_the_key_is_the_one_that_databases_have_had_since_the_first_version() -> None:
    """Another one would open every incident a second time, with a warning of its own."""
    same = Identity(
        alertname="GPUAllocationIdle",
        severity="warning",
        policy="reclaim",
        scope=Scope.ALLOCATION,
        username="ünal",
        resource_pool="default",
        allocation_id="4d2c.1",
        task_id="4d2c",
        task_type="notebook",
    )

    assert same.key == "c4b7bcc3d75b4a38449355232ad943c135464561ad17cefb11d146b11b99b1b9"


@pytest.mark.parametrize("name", [field.name for field in fields(Identity)])
def test_alerts_that_differ_in_one_label_have_different_keys(name: str) -> None:
    other: Any = Scope.USER if name == "scope" else "another"

    assert replace(IDENTITY, **{name: other}).key != IDENTITY.key


def test_labels_are_those_that_the_identity_has() -> None:
    labels = OF_A_USER.labels()

    assert labels == {name: str(value) for name, value in asdict(OF_A_USER).items() if value}
    assert "task_id" not in labels


@pytest.mark.parametrize("identity", [IDENTITY, OF_A_USER], ids=["allocation", "user"])
def test_a_stored_identity_and_a_reading_of_it_are_one_object(identity: Identity) -> None:
    stored = shared(replace(identity))

    assert identify(stored.labels()) is stored
