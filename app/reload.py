"""A configuration file that has changed is followed without a restart, as far as it decides."""

from collections.abc import Callable

import structlog

from app.context import Context
from app.domain.exemption import Exemption
from app.errors import ConfigurationError
from app.settings import Settings, configuration_path, load_settings

log = structlog.get_logger()


class Reload:
    def __init__(
        self, settings: Settings, context: Context, *, follow: Callable[[Settings], None]
    ) -> None:
        """Begin with the settings in force. `follow` is told of others, beside the context."""
        self._settings = settings
        self._context = context
        self._follow = follow
        self._seen: bytes | None = None
        self._settled: bytes | None = None
        self._named: set[Exemption] = set()
        context.telemetry.configured(context.now())

    def look(self) -> None:
        """Take over what the file says by now. One that cannot be read changes nothing."""
        content = _content()
        # A file that is being written may be readable, and lack its end: the exemptions, say. So it
        # has to look the same twice.
        if content == self._seen and content != self._settled:
            self._settled = content
            self._take_over()
        self._seen = content
        self._name_expired()

    def _take_over(self) -> None:
        try:
            read = load_settings()
            settings = self._settings.followed_by(read)
        except ConfigurationError as exc:
            log.error("configuration_refused", why=str(exc))  # noqa: TRY400 -- it is not our error.
            self._context.telemetry.misconfigured()
            return
        self._context.telemetry.configured(self._context.now())
        changed = self._settings.differences(settings)
        if changed:
            self._context.rulebook = settings.rulebook()
            self._follow(settings)
            self._settings = settings
            log.info("configuration_followed", fields=changed, mode=settings.mode)
        waiting = settings.differences(read)
        if waiting:
            log.warning("configuration_needs_restart", fields=waiting)

    def _name_expired(self) -> None:
        """Log each exemption once whose end is past."""
        for each in self._context.rulebook.expired(self._context.now()):
            if each not in self._named:
                self._named.add(each)
                log.warning("exemption_expired", reason=each.reason, until=each.until.isoformat())


def _content() -> bytes:
    """Return what is in the file; nothing, which is no configuration either, if it is not there."""
    try:
        return configuration_path().read_bytes()
    except OSError:
        return b""
