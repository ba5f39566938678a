"""Completion of what is typed, from the API; nothing where it cannot be asked."""

from collections.abc import Iterator

from app.adapters.slack_text import clean
from app.cli import found
from app.cli.client import AnswerError, expect, expect_all
from app.cli.session import quiet_client
from app.cli.shapes import IncidentShape, TaskListShape
from app.errors import ConfigurationError

_PATIENCE = 2.0  # seconds that whoever presses a key waits
_MOST = 200
_LONGEST = 80


def incident_ids(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the ids of open incidents, and what they are about."""
    try:
        answer = quiet_client(_PATIENCE).get(found.INCIDENTS, open="true", limit=_MOST)
        incidents = expect_all(IncidentShape, answer)
    except (AnswerError, ConfigurationError):
        return
    for each in incidents:
        if each["incident_id"].startswith(incomplete):
            yield each["incident_id"], found.about(each)


def task_ids(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the ids of tasks that run, with their owners and names."""
    try:
        answer = quiet_client(_PATIENCE).get("/api/v1/tasks", limit=_MOST)
        listed = expect(TaskListShape, answer)
    except (AnswerError, ConfigurationError):
        return
    for each in listed["tasks"]:
        if each["task_id"].startswith(incomplete):
            yield each["task_id"], clean(f"{each['name']} of {each['username']}", _LONGEST)
