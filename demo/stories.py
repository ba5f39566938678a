"""The five stories of the demo: what somebody does, and what must come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from demo.cluster.model import TaskType
from demo.cluster.wire import StartTask
from demo.stage import Stage, expect

NOTEBOOK_GRACE = timedelta(hours=2)
"""As watchdog.example.yaml has it for notebooks and shells."""
SILENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    expected: str
    play: Callable[[Stage], str]
    """Returns what happened. Raises StoryError when that is not what was expected."""
    lasts: bool = False
    """It is true only if it stays true until the other stories have ended."""


def idle_notebook(stage: Stage) -> str:
    stage.tell("bob", "starts a notebook on 1 GPU, loads a model, and forgets it")
    task = stage.world.cluster.start_idle_notebook("bob", name="llm-playground")
    stage.incident(task, "notified")
    [warning] = stage.posts("bob")
    stage.wait_for(lambda: stage.replies("bob"), "bob is reminded in the thread")
    stage.incident(task, "stopped")
    stage.wait_for(
        lambda: stage.replies("bob")[-1].text.startswith("Stopped"), "bob hears how it ended"
    )

    stops = stage.stops(task)
    expect(len(stops) == 1, f"one call that stops bob's notebook, not {len(stops)}")
    grace = stops[0].at - warning.posted_at
    expect(grace >= stage.scaled(NOTEBOOK_GRACE), "bob has the full two hours to answer")
    expect(not stage.is_running(task), "the notebook has ended in Determined")
    kinds = [one.text.split(" ", 2)[1] for one in stage.replies("bob")[:-1]]
    expect(kinds == ["reminder", "last"], f"a reminder and a last call, not {kinds}")
    hours = grace * stage.world.setup.factor
    return f"warned, reminded twice, stopped {hours / timedelta(hours=1):.2f} h later, verified"


def owner_returns(stage: Stage) -> str:
    stage.tell("alice", "starts a notebook on 1 GPU and goes for lunch")
    task = stage.world.cluster.start_idle_notebook("alice", name="ablation-study")
    stage.incident(task, "notified")
    stage.tell("alice", "reads the message and goes back to work")
    stage.world.cluster.set_activity(task.allocation.allocation_id, "busy")
    stage.incident(task, "resolved")
    stage.wait_for(lambda: stage.replies("alice"), "alice hears that it is settled")
    stage.wait_for(stage.others_ended.is_set, "the other stories end")

    expect(len(stage.posts("alice")) == 1, "alice is told once of the idle notebook")
    expect(len(stage.replies("alice")) == 1, "alice is told once that it is settled")
    expect(not stage.stops(task), "nothing of alice's is stopped")
    expect(stage.is_running(task), "alice's notebook runs on")
    return "warned once, settled once she worked, nothing stopped"


def silenced_shell(stage: Stage) -> str:
    stage.tell("carol", "opens a shell on 1 GPU and writes a paper instead")
    task = stage.world.cluster.start(
        StartTask(task_type=TaskType.SHELL, username="carol", name="debugging")
    )
    first = stage.incident(task, "notified")["targets"][0]
    stage.tell("carol", "silences the alert in Alertmanager for 15 minutes")
    ends_at = datetime.now(UTC) + stage.scaled(SILENCE)
    stage.world.silence(task, lasts=SILENCE, by="carol", comment="back after the seminar")
    stage.incident(task, "held")
    stage.wait_for(
        lambda: "Silenced in Alertmanager by carol" in stage.posts("carol")[0].shown,
        "carol's message says who holds it",
    )
    stage.wait_for(lambda: len(stage.posts("carol")) == 2, "carol is warned again")
    again = stage.incident(task, "notified")["targets"][0]
    old, new = (datetime.fromisoformat(one["deadline"]) for one in (first, again))
    stage.wait_for(lambda: datetime.now(UTC) > old + timedelta(seconds=2), "the old deadline")

    grace = stage.scaled(NOTEBOOK_GRACE)
    second = stage.posts("carol")[1]
    expect(second.posted_at >= ends_at, "carol is left alone while the silence lasts")
    expect(new >= ends_at + grace, "the new warning gives the full two hours again")
    expect(not stage.stops(task), "nothing of carol's is stopped at the old deadline")
    expect(stage.is_running(task), "carol's shell runs on")
    stage.tell("carol", "is done with the shell, and ends it herself")
    stage.world.cluster.finish(task.task_id)
    stage.incident(task, "ended")
    expect(not stage.stops(task), "nobody but carol ends the shell")
    return "held by the silence, warned again with the full grace, not stopped"


def pressed_buttons(stage: Stage) -> str:
    stage.tell("dan", "starts a notebook on 1 GPU beside a trial, and forgets it")
    task = stage.world.cluster.start_idle_notebook("dan", name="tokenizer-check")
    stage.incident(task, "notified")
    [warning] = stage.posts("dan")
    stage.tell("dan", "presses Keep 2 h in Slack")
    stage.world.slack.press("dan", "@dan", warning.ts, "keep.2h")
    stage.incident(task, "held")
    stage.wait_for(lambda: stage.silences("dan"), "Alertmanager has a silence for it")
    stage.wait_for(lambda: "dan" in stage.posts("dan")[0].shown, "the message says who keeps it")
    stage.tell("dan", "finds nothing left to do there, and presses Stop now")
    pressed_at = datetime.now(UTC)
    stage.world.slack.press("dan", "@dan", warning.ts, "stop")
    stage.incident(task, "stopped")

    stops = stage.stops(task)
    expect(len(stops) == 1, f"one call that stops dan's notebook, not {len(stops)}")
    expect(stops[0].at >= pressed_at, "nothing is stopped while it is kept")
    expect(not stage.is_running(task), "the notebook has ended in Determined")
    return "kept by a press, stopped by another"


def busy_trial(stage: Stage) -> str:
    stage.tell("dan", "trains on 2 GPUs")
    task = stage.world.cluster.start(
        StartTask(
            task_type=TaskType.TRIAL,
            username="dan",
            name="pretraining",
            agents={"agent-b": 2},
            activity="busy",
            cpu_cores=6,
        )
    )
    stage.wait_for(stage.others_ended.is_set, "the other stories end")

    expect(not stage.incidents(task), "no incident about dan's trial")
    heard = "".join(one.shown for one in stage.world.slack.messages("@dan"))
    expect("pretraining" not in heard, "dan hears nothing of it")
    expect(not stage.stops(task), "nothing of dan's is stopped")
    expect(stage.is_running(task), "dan's trial runs on")
    return "nobody heard of it"


STORIES = (
    Story("Busy trial", "nobody hears of it", busy_trial, lasts=True),
    Story(
        "Idle notebook",
        "its owner is warned and reminded, then it is stopped, once",
        idle_notebook,
    ),
    Story(
        "Owner who returns",
        "told once, settled once; nothing is stopped",
        owner_returns,
        lasts=True,
    ),
    Story("Pressed buttons", "kept by a press, then stopped by another", pressed_buttons),
    Story(
        "Silenced shell",
        "held while the silence lasts, then warned anew with a full grace period",
        silenced_shell,
    ),
)
