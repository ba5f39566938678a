"""How Determined's answers are read."""

import msgspec
import pytest

from app.adapters import determined_wire as wire
from app.adapters.upstream import upstream_errors
from app.errors import UpstreamMalformedError

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


def test_a_number_may_be_written_as_a_text() -> None:
    """So protobuf writes those of 64 bits."""
    found = wire.read(b'{"workspaces":[{"id":"7","name":"vision"}]}', wire.Workspaces)

    assert [each.id for each in found.workspaces] == [7]


@pytest.mark.parametrize("number", ['"many"', "1.5", "null", "[7]", '""'])
def test_what_is_no_number_is_none(number: str) -> None:
    body = b'{"workspaces":[{"id":%s,"name":"vision"}]}' % number.encode()

    with pytest.raises(msgspec.ValidationError):
        wire.read(body, wire.Workspaces)


@pytest.mark.parametrize("text", ["7", "true", "null", ""])
def test_a_text_stays_one_whatever_it_looks_like(text: str) -> None:
    """A task may be called anything."""
    body = b'{"experiment":{"id":41,"username":"%s","jobId":"j","workspaceName":"%s"}}'

    found = wire.read(body % (text.encode(), text.encode()), wire.ExperimentReply).experiment

    assert (found.username, found.workspace_name) == (text, text)


def test_what_cannot_be_read_is_named_and_not_quoted() -> None:
    body = b'{"workspaces":[{"id":7,"name":"vision"},{"id":"s3cr3t","name":"audio"}]}'

    with (
        pytest.raises(UpstreamMalformedError, match=r"workspaces\[1\]\.id") as raised,
        upstream_errors("Determined"),
    ):
        wire.read(body, wire.Workspaces)

    assert "s3cr3t" not in str(raised.value)
