"""The files that hold secrets: whether they can be used, and who may read them."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.clients import owner_links
from app.errors import ConfigurationError
from app.preflight.answers import SecretFile
from app.preflight.finding import Finding, missing, ok, some, warning
from app.settings import Settings, read_secret


def read_secrets(settings: Settings) -> list[SecretFile]:
    """Read every file that holds a secret, each once."""
    found = {path: _read(path) for path in _paths(settings)}
    page = settings.owner_page
    if page and not found[page.secret_file].error:
        try:
            owner_links(settings)
        except ConfigurationError as exc:
            found[page.secret_file] = SecretFile(page.secret_file, str(exc))
    return list(found.values())


def judge_secrets(files: Sequence[SecretFile]) -> Iterator[Finding]:
    broken = [each for each in files if each.error]
    for each in broken:
        yield missing(
            "secrets.files",
            each.error,
            "Write the secret into the file, and let the receiver's account read it.",
        )
    if not broken:
        yield ok("secrets.files", f"{len(files)} files can be read")
    exposed = [str(each.path) for each in files if each.is_open]
    if exposed:
        yield warning(
            "secrets.permissions",
            f"everybody on this machine may read {some(exposed, 2)}",
            "chmod o-r; they give whoever reads them the watchdog's rights.",
        )
    else:
        yield ok("secrets.permissions", "not everybody may read them")


def _paths(settings: Settings) -> list[Path]:
    systems = (settings.determined, settings.prometheus, *settings.alertmanagers)
    paths = [
        *(system.password_file for system in systems),
        settings.determined.token_file,
        settings.slack.bot_token_file,
        settings.slack.app_token_file,
        settings.slack.signing_secret_file,
        *(token.file for token in settings.api_tokens),
        settings.owner_page.secret_file if settings.owner_page else None,
    ]
    return [path for path in paths if path is not None]


def _read(path: Path) -> SecretFile:
    try:
        read_secret(path)
        return SecretFile(path, is_open=bool(path.stat().st_mode & stat.S_IROTH))
    except ConfigurationError as exc:
        return SecretFile(path, str(exc))
    except OSError as exc:
        return SecretFile(path, f"secret file {path}: {exc.strerror}")
