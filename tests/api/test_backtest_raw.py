"""Which allocation had which GPUs, joined from det-state-metrics: held to a look at each step."""

from collections.abc import Iterable, Mapping
from random import Random

import pytest

from app.backtest_raw import Holding, Raw
from app.domain.marks import Levels, by_value
from app.domain.readings import Track

STEPS = 40
Values = list[float | None]


def levels(values: Values) -> Levels:
    return {each: marks for each, marks in by_value(values).items() if each is not None}


def at(found: Levels, step: int) -> float | None:
    values = [value for value, marks in found.items() if marks >> step & 1]
    assert len(values) <= 1
    return values[0] if values else None


def scraped(
    held: Mapping[tuple[str, str], Values],
    gpus: Mapping[str, Mapping[str, Values]],
    containers: Mapping[str, Mapping[str, Values]],
) -> Raw:
    """Return a part of the past. A container's name in the runtime is in capitals."""
    names = {container for _, container in held}
    return Raw(
        tuple(
            Track({"gpu_uuid": gpu, "container_id": container}, levels(values))
            for (gpu, container), values in held.items()
        ),
        {name: {gpu: levels(each) for gpu, each in rows.items()} for name, rows in gpus.items()},
        {
            name: {one.upper(): levels(each) for one, each in rows.items()}
            for name, rows in containers.items()
        },
        {
            "allocations": dict.fromkeys(names, "a.1"),
            "runtimes": {each: each.upper() for each in names},
            "tasks": {"a.1": "a"},
            "jobs": {"a.1": "j"},
            "experiments": {"j": "7"},
        },
    )


def at_random(numbers: Random, *choices: float | None) -> Values:
    return [numbers.choice(choices) for _ in range(STEPS)]


def of(values: Iterable[float | None]) -> list[float]:
    return [each for each in values if each is not None]


@pytest.mark.parametrize("containers", [1, 2])
def test_rows_of_an_allocation_are_those_of_its_gpus_and_containers(containers: int) -> None:
    numbers = Random(containers)  # noqa: S311 -- no secret
    pairs = [(f"g{n}", f"c{n % containers}") for n in range(3)]
    held = {pair: at_random(numbers, 1, 1, None) for pair in pairs}
    gpus = {
        "active": {gpu: at_random(numbers, 0, 0, 1, None) for gpu, _ in pairs},
        "signals": {gpu: at_random(numbers, 2, 4, None) for gpu, _ in pairs},
        "coverage": {gpu: at_random(numbers, 0.5, 0.9, 1, None) for gpu, _ in pairs},
    }
    names = {container for _, container in pairs}
    works = {
        name: {each: at_random(numbers, 0, 0, 0, 1, None) for each in names}
        for name in ("cpu", "disk", "network")
    }

    tracks = scraped(held, gpus, works).holdings()["a.1"].tracks

    for step in range(STEPS):
        here = [pair for pair in pairs if held[pair][step]]

        def seen(name: str, here: list[tuple[str, str]] = here, step: int = step) -> list[float]:
            return of(gpus[name][gpu][step] for gpu, _ in here)

        assert at(tracks.held, step) == (1 if here else None)
        assert at(tracks.gpu_active, step) == max(seen("active"), default=None)
        assert at(tracks.signals, step) == (sum(seen("signals")) or None)
        covered = seen("coverage")
        assert at(tracks.coverage, step) == (
            min(covered) if covered and len(covered) == len(here) else None
        )
        running = {container for _, container in here}
        is_seen = running and all(works["cpu"][each][step] is not None for each in running)
        counted = ("cpu", "disk", "network") if containers == 1 else ("cpu", "disk")
        active = max(of(works[name][each][step] for name in counted for each in running), default=0)
        assert at(tracks.host_active, step) == (active if is_seen else None)


def holding(raw: Raw) -> Holding:
    return raw.holdings()["a.1"]


def test_slots_are_the_gpus_that_it_had() -> None:
    raw = scraped({("g1", "c1"): [1], ("g2", "c1"): [1], ("g2", "c2"): [1]}, {}, {})

    assert holding(raw).slots == 2


def test_trial_is_what_has_an_experiment_and_the_type_of_all_else_is_not_known() -> None:
    raw = scraped({("g1", "c1"): [1]}, {}, {})
    trial = holding(raw).labels
    raw.standing["jobs"]["a.1"] = "k"  # type: ignore[index]  # it is a dict here

    assert trial == {"allocation_id": "a.1", "task_id": "a", "task_type": "trial"}
    assert holding(raw).labels["task_type"] == ""


def test_container_of_which_no_allocation_is_known_is_left_out() -> None:
    raw = scraped({("g1", "c1"): [1]}, {}, {})
    raw.standing["allocations"].clear()  # type: ignore[attr-defined]  # it is a dict here

    assert raw.holdings() == {}
