"""What docs/glossary.md, reasons.md and architecture.md explain, held to the code."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from types import ModuleType

import pytest

import app
import app.domain
from app.domain import events as e
from app.domain.access import Role
from app.domain.actions import MessageKind
from app.domain.cluster import TaskType
from app.domain.incident import (
    Expressions,
    Hold,
    Incident,
    IncidentState,
    IntentState,
    StopRequest,
)
from app.domain.lifecycle import advance
from app.domain.policy import Announcement, Mode, StopAction
from app.domain.reasons import Reason
from app.domain.release import Release
from app.errors import InvalidTransitionError
from app.store.schema import metadata
from tests.docs.pages import ROOT, blocks, code, codes, read, rows, section
from tests.domain.examples import (
    ALLOCATION,
    DEMAND,
    POLICY,
    SILENCED,
    T0,
    opened,
    proven,
    warning_delivered,
)

GLOSSARY, REASONS = read("docs/glossary.md"), read("docs/reasons.md")
ARCHITECTURE = read("docs/architecture.md")
STATES = {code(row["state"]): row for row in rows(ARCHITECTURE, "state", "means", "may become")}
SAFETY = read("docs/safety.md")
NUMBERS = [f"S{number}" for number in range(1, 14)]
RULES = {
    heading.partition(":")[0]: section(SAFETY, f"## {heading}")
    for heading in re.findall(r"^## (.+)$", SAFETY, re.MULTILINE)
}
LEVELS = ("of its parts", "of the whole receiver", "among the real systems")


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Alembic loads these by path, and they cannot be imported.
        if ".migrations" not in found.name:
            yield importlib.import_module(found.name)


def test_every_reason_is_explained_once_and_no_other() -> None:
    explained = [code(row["reason"]) for row in rows(REASONS, "reason", "what it says")]

    assert sorted(explained) == sorted(Reason)


def test_every_state_is_explained_and_no_other() -> None:
    assert list(STATES) == list(IncidentState)


NOTHING = Announcement(StopAction.NONE)


def possible_events(incident: Incident) -> Iterator[e.Event]:
    yield from (e.AlertActive(), e.AlertSeen(Expressions("v", "e"), {}), e.EpisodeBegan())
    yield from (e.TargetSeen(ALLOCATION, "name", 1), e.ReminderDue("reminder", "0.5"), e.RuleGone())
    yield from (e.DeadlineMoved(ALLOCATION, timedelta(hours=1)), e.ActionEased(NOTHING))
    yield from (e.TargetsChosen((), DEMAND), e.TargetsLeft({ALLOCATION: Reason.NO_NEED}))
    yield from (e.ModeChanged(mode) for mode in Mode)
    yield from (e.HoldsObserved(()), e.HoldsObserved((SILENCED,)))
    yield warning_delivered(incident.round)
    yield e.OwnerUnreachable(incident.round, Hold(Reason.OWNER_UNREACHABLE))
    yield from (e.StopBlocked(Reason.EVIDENCE_STALE), proven(), e.StopSending(ALLOCATION))
    yield e.StopAnswered(ALLOCATION, IntentState.SENT, Reason.STOP_ACCEPTED)
    yield e.StopAnswered(ALLOCATION, IntentState.UNCONFIRMED, Reason.STOP_REJECTED)
    yield e.StopNotSent(ALLOCATION, Reason.PROOF_OLD)
    yield from (e.StopWithdrawn(ALLOCATION, Reason.SILENCED), e.Blind(Reason.EVIDENCE_MISSING))
    yield e.RecoveryObserved({})
    yield e.StopRequested((ALLOCATION,), StopRequest("bob", T0))
    yield from (e.RequestLapsed(ALLOCATION), e.PressRefused("eve", "keep"), e.Dismissed("ann"))
    yield from (
        e.AllocationEnded(ALLOCATION, reason)
        for reason in (Reason.ALLOCATION_ENDED, Reason.OWNER_CHANGED)
    )
    yield from (e.GpusSeen(ALLOCATION, each) for each in set(Release) - {Release.AWAITED})


def what_matters(incident: Incident) -> tuple[object, ...]:
    """Return what decides on an incident's future, so that each case is looked at once."""
    [target] = incident.targets
    intent = target.intent
    # More attempts than the policy has are as good as all of them.
    fate = (intent.state, min(intent.attempts, POLICY.attempts)) if intent else None
    told = (incident.round > 0, target.warning is None, target.was_called, target.request is None)
    return incident.state, incident.mode, told, fate, target.slots > 0, target.release


def successors() -> dict[str, set[str]]:
    """Try every event on every incident that any events lead to."""
    found: dict[str, set[str]] = {state: set() for state in IncidentState}
    seen: set[tuple[object, ...]] = set()
    waiting = [opened()]
    while waiting:
        incident = waiting.pop()
        if what_matters(incident) in seen:
            continue
        seen.add(what_matters(incident))
        for event in possible_events(incident):
            try:
                after = advance(incident, event, POLICY, at=T0).incident
            except InvalidTransitionError:
                continue
            if after.state is not incident.state:
                found[incident.state].add(after.state)
            waiting.append(after)
    return found


def test_every_event_is_tried() -> None:
    tried = {type(event) for event in possible_events(opened())}

    assert tried == set(e.Event.__args__)


def test_what_a_state_may_become_is_documented_as_it_is() -> None:
    documented = {state: set(codes(row["may become"])) for state, row in STATES.items()}

    assert documented == successors()


def test_every_name_of_the_domain_is_in_the_glossary() -> None:
    public = {
        name
        for module in modules(app.domain)
        # Events are explained by the reason that each of them leaves in the history.
        if module is not e
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and not name.startswith("_")
    }

    assert public - set(codes(GLOSSARY)) == set()


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    known = {name for module in modules(app) for name in vars(module)}

    named = {
        name for row in rows(GLOSSARY, "word", "in the code") for name in codes(row["in the code"])
    }

    assert named, "the glossary's tables have another shape"
    assert named - known == set()


@pytest.mark.parametrize("states", [IncidentState, IntentState], ids=lambda enum: enum.__name__)
def test_every_state_is_in_the_glossary(states: type[StrEnum]) -> None:
    words = {
        row["word"]
        for row in rows(GLOSSARY, "word", "in the code")
        if states.__name__ in row["in the code"]
    }

    assert set(states) - words == set()


@pytest.mark.parametrize(
    "words", [MessageKind, Mode, StopAction, Role], ids=lambda enum: enum.__name__
)
def test_every_value_is_in_the_glossary(words: type[StrEnum]) -> None:
    named = set(codes(GLOSSARY)) | set(re.findall(r"\*\*(\w+)\*\*", GLOSSARY))

    assert {str(word) for word in words} - named == set()


def test_types_of_task_that_a_policy_knows_are_documented() -> None:
    named = set(codes(read("docs/configuration.md")))

    # Nothing is gained by a grace period for what cannot be stopped.
    assert {str(each) for each in TaskType if each is not TaskType.CHECKPOINT_GC} - named == set()


def test_layers_are_those_of_the_contract() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    [contract] = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]

    [drawn] = blocks(section(ARCHITECTURE, "## Layers"), "")

    assert drawn.splitlines() == contract["layers"]


def test_every_module_has_its_line() -> None:
    named = {
        name
        for row in rows(ARCHITECTURE, "module", "what it does")
        for name in codes(row["module"])
    }

    entries = (ROOT / "app").iterdir()
    real = {
        f"app/{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name not in {"__init__.py", "__pycache__"}
    }

    assert named == real


def test_every_table_of_the_database_is_explained_and_no_other() -> None:
    assert {code(row["table"]) for row in rows(ARCHITECTURE, "table", "holds")} == set(
        metadata.tables
    )


def points(rule: str, name: str) -> Iterator[str]:
    """Yield what stands in the points of a rule that begin with this name."""
    for point in RULES[rule].split("\n- ")[1:]:
        text = " ".join(point.split())
        if text.startswith(f"**{name}**"):
            yield text.removeprefix(f"**{name}**")


def test_every_safety_rule_is_there() -> None:
    assert list(RULES) == NUMBERS


@pytest.mark.parametrize("rule", NUMBERS)
def test_safety_rule_is_tested_at_every_level_and_seen_by_an_operator(rule: str) -> None:
    tested = dict.fromkeys(LEVELS, 0)
    for point in points(rule, "Fails without it"):
        level, _, names = point.removeprefix(", ").partition(":")
        tested[level] += sum(name.startswith("test_") for name in codes(names))

    assert 0 not in tested.values(), f"{rule}: {tested}"
    assert all(len(text) > len(rule) for text in points(rule, "What an operator sees"))


@pytest.mark.parametrize("rule", NUMBERS)
def test_names_in_a_file_are_there(rule: str) -> None:
    """Hold `path` (`name`, `name`) to the file."""
    [kept] = points(rule, "Kept in")
    for path, names in re.findall(r"`(app/[\w/.]+)`(?: \(([^)]*)\))?", kept):
        text = (ROOT / path).read_text()
        assert [name for name in codes(names) if name not in text.replace("PRAGMA ", "")] == []
