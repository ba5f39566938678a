"""Determined's lists by kind have one field, which is named after the kind."""

import msgspec
import pytest

from app.adapters import determined_wire as wire

SHELL = {"id": "s1", "username": "bob", "jobId": "j1"}


@pytest.mark.parametrize("answer", [{}, {"shells": None}, {"shells": [SHELL], "commands": []}])
def test_a_list_that_is_of_no_kind_or_of_two_cannot_be_read(answer: object) -> None:
    """An empty list in its place would say that there are no such tasks (S5)."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(answer, wire.Interactives)


@pytest.mark.parametrize("answer", [{}, {"shell": SHELL, "command": SHELL}])
def test_a_task_of_no_kind_or_of_two_cannot_be_read(answer: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(answer, wire.InteractiveReply)


@pytest.mark.parametrize("kind", ["notebook", "shell", "command", "tensorboard"])
def test_each_kind_has_its_field(kind: str) -> None:
    one = msgspec.convert({kind: SHELL}, wire.InteractiveReply)
    several = msgspec.convert({f"{kind}s": [SHELL]}, wire.Interactives)
    none = msgspec.convert({f"{kind}s": []}, wire.Interactives)

    assert (one.found.id, [each.id for each in several.listed], none.listed) == ("s1", ["s1"], ())
