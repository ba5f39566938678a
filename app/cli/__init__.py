"""The command line `gpu-watchdog`: one module for each family of commands."""

from app.cli.families import family

cli = family(
    "Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
    {
        "version": "version:version",
        "serve": "receiver:serve",
        "check": "checks:check",
        "incidents": family(
            "What the watchdog has found: a client of the receiver.",
            {
                "list": "incidents:list_",
                "show": "incidents:show_",
                "watch": "watch:watch",
            },
        ),
        "keep": "actions:keep",
        "kill": "actions:kill",
        "pause": "actions:pause",
        "dismiss": "actions:dismiss",
        "tasks": "tasks:tasks",
        "explain": "explain:explain",
        "breaker": family(
            "Stops nothing any more when it is too much, or when an admin says so.",
            {
                "show": "breaker:show_",
                "trip": "breaker:trip",
                "reset": "breaker:reset",
            },
        ),
        "report": "report:report",
        "backtest": "backtest:backtest",
        "history": family("What happened to incidents.", {"export": "history:export"}),
        "users": family(
            "Owners of tasks: what they hold, and how they are told.",
            {
                "list": "holders:list_",
                "check": "checks:check_users",
            },
        ),
    },
    add_completion=True,
)
