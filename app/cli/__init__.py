"""The command line `gpu-watchdog`: one module for each family of commands."""

from app.cli.families import family

cli = family(
    "Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
    {
        "version": "version:version",
        "serve": "receiver:serve",
        "check": "checks:check",
        "report": "report:report",
        "backtest": "backtest:backtest",
        "history": family("What happened to incidents.", {"export": "history:export"}),
        "users": family("Owners of tasks, and how they are told.", {"check": "checks:check_users"}),
    },
)
