"""Everything that the application answers to."""

from fastapi import FastAPI

from app.api import (
    actions,
    breaker,
    explanation,
    incidents,
    operations,
    owner_page,
    slack,
    task_actions,
    tasks,
    users,
    webhook,
)
from app.api.problems import add_problem_responses

_ALWAYS = (
    webhook,
    incidents,
    actions,
    tasks,
    explanation,
    task_actions,
    users,
    breaker,
    operations,
)


def add_surface(app: FastAPI, *, hears_slack: bool, has_owner_page: bool) -> None:
    for each in _ALWAYS:
        app.include_router(each.router)
    if hears_slack:
        app.include_router(slack.router)
    if has_owner_page:
        app.include_router(owner_page.router)
    add_problem_responses(app)
