"""Structured logs: one JSON object a line, on standard error, from us and from every library."""

import logging
import re
import sys

import structlog

_OWNER_PAGE = re.compile(r"(/i/)[\w.-]+")
_LOUD = ("slack_sdk", "httpx", "httpcore", "aiosqlite", "alembic", "sqlalchemy", "asyncio")


def configure_logs() -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
            _without_links,
        ],
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(formatter)
    logging.basicConfig(handlers=[stream], level=logging.INFO, force=True)
    # Below warnings these name every request, with addresses and bodies that no log should hold.
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


def _without_links(_logger: object, _method: str, line: object) -> str:
    """Leave out whose page it was, whichever library names it: the link is a secret."""
    return _OWNER_PAGE.sub(r"\1…", str(line))
