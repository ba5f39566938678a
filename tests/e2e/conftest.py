"""Real Prometheus, Alertmanager, receiver and database, on the simulated cluster."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.stage import Stage
from demo.world import Setup, World
from tests.e2e.watching import SHORT_GRACE


@pytest.fixture
def stage_with(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Start a world a hundred times as fast, in which a grace period is 20 minutes: 12 s."""
    with ExitStack() as stack:

        def start(**limits: str) -> Stage:
            settings = {"policies": {"reclaim": SHORT_GRACE}, "limits": limits}
            world = stack.enter_context(World(tmp_path, Setup(settings=settings)))
            return Stage(world, lambda who, what: print(f"{who} {what}"))

        yield start


@pytest.fixture(autouse=True)
def logs_of_a_failure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Print the end of every program's log, which pytest shows when the test fails."""
    yield
    for log in sorted(tmp_path.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-15:]
        print(f"--- {request.node.name}: {log.name}", *lines, sep="\n")
