"""Starts the command line: `gpu-watchdog`, or `python -m app`."""

import gc
import sys


def main() -> None:
    # What is imported stays. To look for garbage meanwhile, and later among it, takes a fifth of a
    # start, and as much of every collection.
    gc.disable()
    from app.cli import cli  # noqa: PLC0415

    cli(obj=_begin)


def _begin() -> None:
    """Do what comes between a command's import and its first line."""
    gc.freeze()
    gc.enable()
    # Who logs has imported this. What is printed on standard output is the command's answer alone.
    if "structlog" in sys.modules:
        from app.logs import configure_logs  # noqa: PLC0415

        configure_logs()


if __name__ == "__main__":
    main()
