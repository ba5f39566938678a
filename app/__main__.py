"""Starts the command line: `gpu-watchdog`, or `python -m app`."""

import gc


def main() -> None:
    # What is imported stays. To look for garbage meanwhile, and later among it, takes a fifth of a
    # start, and as much of every collection.
    gc.disable()
    from app.cli import cli  # noqa: PLC0415
    from app.logs import configure_logs  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    # Before any command: what is printed on standard output is its answer alone.
    configure_logs()
    cli()


if __name__ == "__main__":
    main()
