"""Pictures of the dashboards, from what a real Prometheus answers on the simulated cluster."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from demo.cluster.model import TaskType
from demo.cluster.wire import StartTask, TaskState
from demo.stage import Stage
from demo.world import Setup, World
from tests.docs.charts import UNIT, WIDTH, Found, drawn
from tests.grafana.asking import Choice, Series, answers
from tests.grafana.reading import DASHBOARDS, Asked

SHOWN = 2
"""Hours: so long that a forgotten notebook is found, warned about and stopped."""
SETUP = Setup(
    # Slower than the demo, since a busy machine that loses samples calls nothing idle.
    factor=60,
    settings={"policies": {"reclaim": {"grace": {"notebook": "1h"}}}},
)
HEIGHT = 30
"""Rows of the grid that a picture shows."""
STYLE = """
body { background: #111217; color: #d8d9da; font: 13px sans-serif; margin: 8px; }
h2, section { position: absolute; margin: 0; overflow: hidden; box-sizing: border-box; }
h2 { font-size: 16px; padding-top: 8px; }
section { background: #181b1f; border: 1px solid #2c3235; padding: 6px 10px; }
h3 { font-size: 13px; font-weight: 600; margin: 0 0 4px; }
.figure { font-size: 30px; margin: 18px 0 0; text-align: center; }
.nothing { color: #8e8e8e; margin-top: 30px; text-align: center; }
svg { display: block; border-bottom: 1px solid #44474c; background: #14161a; }
ul { margin: 4px 0 0; padding: 0; }
li { display: inline-block; margin-right: 12px; }
li::before { content: ""; display: inline-block; width: 12px; height: 4px; margin-right: 4px;
  background: var(--of); vertical-align: middle; }
.band { height: 24px; position: relative; margin-bottom: 3px; overflow: hidden; }
.band i { position: absolute; width: 12px; height: 100%; }
.band b { position: absolute; left: 6px; top: 4px; color: #fff; text-shadow: 0 0 3px #000; }
.bar { margin-bottom: 4px; white-space: nowrap; }
.bar b { display: inline-block; height: 16px; margin-right: 6px; vertical-align: middle; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 3px 8px; border-bottom: 1px solid #2c3235; }
th { color: #6ea6ff; font-weight: 600; }
"""


class Afternoon:
    """Some hours of a small laboratory."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stage = Stage(world, lambda _who, _what: None)

    def play(self) -> TaskState:
        """Return a task that had been forgotten, and is kept now."""
        start = self.world.cluster.start
        start(_task(TaskType.TRIAL, "dan", {"agent-b": 3}, cpu_cores=14, memory_bytes=96 * 2**30))
        carols = start(_task(TaskType.TRIAL, "carol", {"agent-a": 1, "agent-b": 1}, cpu_cores=5))
        bobs = self.world.cluster.start_idle_notebook("bob", name="tokenizer-check")
        forgotten = start(_task(TaskType.NOTEBOOK, "alice", {"agent-a": 2}, activity="idle"))
        start(_task(TaskType.TENSORBOARD, "dan", None, slots=0, activity="idle"))
        queued = _task(TaskType.TRIAL, "carol", None, slots=4)
        self.stage.incident(forgotten, "notified")
        self._press("alice", "keep.2h")
        self.stage.incident(forgotten, "held")
        start(queued)
        self.world.cluster.set_activity(carols.allocation.allocation_id, "idle")
        self.stage.incident(bobs, "stopped")
        return forgotten

    def _press(self, username: str, action: str) -> None:
        [warning, *_] = self.stage.posts(username)
        self.world.slack.press(username, f"@{username}", warning.ts, action)


def _task(
    task_type: TaskType, username: str, agents: dict[str, int] | None, **how: object
) -> StartTask:
    request = {"task_type": task_type, "username": username, "agents": agents, "activity": "busy"}
    return StartTask.model_validate(request | how)


def page(name: str, world: World, choice: Choice) -> str:
    """Return a dashboard as HTML."""
    everything = DASHBOARDS[name]["panels"]
    answered = [
        [(each, _ask(each, world, choice)) for each in panel.get("targets", [])]
        for panel in everything
    ]
    times = [
        float(at)
        for found in answered
        for _, series in found
        for each in series
        for at, _ in each.get("values", [])
    ]
    span = min(times), max(times)
    panels = [
        drawn(panel, [Found(target, series, span) for target, series in found])
        for panel, found in zip(everything, answered, strict=True)
    ]
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(panels)}"


def _ask(target: dict[str, str], world: World, choice: Choice) -> list[Series]:
    instant = bool(target["instant"])
    return answers(Asked("", target["refId"], target["expr"], instant=instant), world, choice)


@contextmanager
def afternoon() -> Iterator[tuple[World, Choice]]:
    with tempfile.TemporaryDirectory() as folder, World(Path(folder), SETUP) as world:
        forgotten = Afternoon(world).play()
        yield (
            world,
            Choice(
                hours=SHOWN,
                allocation_id=forgotten.allocation.allocation_id,
                gpu_uuids=[*forgotten.gpu_uuids],
                agent_ids=["agent-a", "agent-b"],
            ),
        )


def pictures(browser: Browser, *, whole: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield each dashboard's name and the picture of its beginning, or of the whole of it."""
    with afternoon() as (world, choice):
        html = {name: page(name, world, choice) for name in DASHBOARDS}
    for name, content in html.items():
        ends = [each["gridPos"]["y"] + each["gridPos"]["h"] for each in DASHBOARDS[name]["panels"]]
        rows = max(ends) if whole else HEIGHT
        view = browser.new_page(
            viewport={"width": 24 * WIDTH + 16, "height": int(rows * UNIT + 16)}
        )
        view.set_content(content)
        yield name.removeprefix("gpu-watchdog-"), view.screenshot()
