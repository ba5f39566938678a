"""S11: who and what is exempt, by matchers that are judged the way Alertmanager judges them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.cluster import Allocation, TaskType
from app.domain.exemption import MATCHED, Exemption, exemption_of, fields_of
from app.domain.matchers import Matcher, parse_matcher
from tests.domain.examples import T0, allocation

NOTEBOOK = allocation(labels=(), workspace="vision")
TRIAL = allocation(
    task_type=TaskType.TRIAL, labels=("team-a", "prod-eu"), workspace="infra", username="carol"
)
PLAIN_TRIAL = replace(TRIAL, labels=())


def matcher(text: str) -> Matcher:
    read = parse_matcher(text)
    return replace(read, pattern=re.compile(read.value)) if read.is_regex else read


def exemption(*matchers: str, until: timedelta = timedelta(days=30), reason: str = "") -> Exemption:
    return Exemption(tuple(map(matcher, matchers)), reason, T0 + until)


def test_every_field_that_can_be_matched_is_known_of_a_task() -> None:
    assert fields_of(NOTEBOOK, "reclaim").keys() == MATCHED


@pytest.mark.parametrize(
    ("text", "notebook", "trial", "plain_trial"),
    [
        ('username="bob"', True, False, False),
        ('username!="bob"', False, True, True),
        ('username=~"b.*"', True, False, False),
        ('username=~"b"', False, False, False),
        ('task_type=~"shell|notebook"', True, False, False),
        ('task_type!="trial"', True, False, False),
        ('resource_pool="default"', True, True, True),
        ('resource_pool!="default"', False, False, False),
        ('policy="reclaim"', True, True, True),
        ('policy="urgent"', False, False, False),
        ('workspace="infra"', False, True, True),
        ('workspace!~"infra|web"', True, False, False),
        ('experiment_label="team-a"', False, True, False),
        ('experiment_label="prod-eu"', False, True, False),
        ('experiment_label=~".*prod.*"', False, True, False),
        # None of the labels may be it; what has no label has an empty one.
        ('experiment_label!="prod-eu"', True, False, True),
        ('experiment_label!~".*prod.*"', True, False, True),
        ('experiment_label!~".*staging.*"', True, True, True),
        ('experiment_label=""', True, False, True),
        ('experiment_label!=""', False, True, False),
        ('experiment_label=~".+"', False, True, False),
    ],
)
def test_s11_which_tasks_a_matcher_exempts(
    text: str,
    notebook: bool,  # noqa: FBT001 -- a table
    trial: bool,  # noqa: FBT001
    plain_trial: bool,  # noqa: FBT001
) -> None:
    exempt = (exemption(text),)

    found = [
        exemption_of(task, "reclaim", exempt, T0) is not None
        for task in (NOTEBOOK, TRIAL, PLAIN_TRIAL)
    ]

    assert found == [notebook, trial, plain_trial]


@pytest.mark.parametrize(
    ("field", "unknown"),
    [
        ("username", replace(NOTEBOOK, username=None)),
        ("task_type", replace(NOTEBOOK, task_type=None)),
        ("experiment_label", replace(NOTEBOOK, labels=None)),
        ("workspace", replace(NOTEBOOK, workspace=None)),
    ],
    ids=["username", "task type", "labels", "workspace"],
)
@pytest.mark.parametrize("operator", ["=", "!=", "=~", "!~"])
def test_s5_a_field_that_cannot_be_read_counts_as_exempt(
    field: str, unknown: Allocation, operator: str
) -> None:
    exempt = (exemption(f'{field}{operator}"erin"'),)

    assert exemption_of(unknown, "reclaim", exempt, T0) is exempt[0]


def test_s5_what_is_unknown_exempts_nobody_whom_another_matcher_excludes() -> None:
    exempt = (exemption('workspace="infra"', 'username="carol"'),)

    assert exemption_of(allocation(labels=()), "reclaim", exempt, T0) is None


def test_s11_all_matchers_of_an_exemption_have_to_match() -> None:
    exempt = (exemption('username="bob"', 'task_type="trial"'),)

    assert exemption_of(NOTEBOOK, "reclaim", exempt, T0) is None
    assert exemption_of(replace(TRIAL, username="bob"), "reclaim", exempt, T0) is exempt[0]


@pytest.mark.parametrize(
    ("ends", "holds"),
    [(timedelta(seconds=1), True), (timedelta(), False), (timedelta(seconds=-1), False)],
)
def test_s11_an_exemption_is_over_with_its_end(ends: timedelta, *, holds: bool) -> None:
    exempt = (exemption('username="bob"', until=ends),)

    assert (exemption_of(NOTEBOOK, "reclaim", exempt, T0) is not None) is holds


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_exemptions_the_longest_counts(order: Sequence[int]) -> None:
    short = exemption('username="bob"', until=timedelta(days=1))
    long = exemption('task_type="notebook"', until=timedelta(days=2))
    both = (short, long)

    exempt = tuple(both[number] for number in order)

    assert exemption_of(NOTEBOOK, "reclaim", exempt, T0) is long
