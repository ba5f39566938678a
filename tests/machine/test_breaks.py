"""What is to be broken is there, so that `make fuzz-breaks` says something of every rule."""

import pytest

from tests.machine.breaks import ROOT, Break, every_break

RULES = {f"S{number}" for number in range(1, 14)}


def test_every_rule_has_a_break() -> None:
    rules = {each.rule for each in every_break()}

    assert rules >= RULES


@pytest.mark.parametrize("one", list(every_break()), ids=lambda one: one.title)
def test_what_a_break_replaces_is_found_once(one: Break) -> None:
    for edit in one.edits:
        assert edit.applied(ROOT)
