"""Where the receiver is, and with which token it is asked.

For commands that work from anywhere: without the configuration, and with the token of whoever
types, whose name is what the history shows.
"""

import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from app.errors import ConfigurationError

URL_VARIABLE = "WATCHDOG_URL"
TOKEN_FILE_VARIABLE = "WATCHDOG_TOKEN_FILE"  # noqa: S105  # where one is, not one
CA_FILE_VARIABLE = "WATCHDOG_CA_FILE"
_CONFIG_VARIABLE, _DEFAULT_CONFIG = "WATCHDOG_CONFIG", "watchdog.yaml"
_NONE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: for where there is no TLS. To read certificates would take half of a command."""
_ANYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # nothing is bound here


@dataclass(frozen=True, slots=True)
class Access:
    url: str
    url_from: str
    """Where the address is from, if nobody has typed it; empty otherwise."""
    token_file: Path
    token: str
    certificates: ssl.SSLContext


def find_access(url: str | None, token_file: Path | None, ca_file: Path | None) -> Access:
    """Find what was not typed: the address in the configuration, if there is one here.

    Raises:
        ConfigurationError: something is missing or cannot be read; it says what to do.
    """
    if token_file is None:
        raise ConfigurationError(
            "whose token is it? Name the file that it is in: --token-file, or "
            f"{TOKEN_FILE_VARIABLE}. It is one of the receiver's api_tokens"
        )
    url, url_from = (url, "") if url else configured_url()
    url = _web_address(url)
    certificates = _certificates(ca_file) if url.startswith("https:") else _NONE
    return Access(url, url_from, token_file, _read_token(token_file), certificates)


def configured_url() -> tuple[str, str]:
    """Return where the configuration has the receiver, and the words for where that stands.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    path = Path(os.environ.get(_CONFIG_VARIABLE, _DEFAULT_CONFIG))
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"where is the watchdog? Name its address: --url, or {URL_VARIABLE}; "
            f"there is no configuration at {path} that would say it"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigurationError(f"{path} cannot be read; name --url: {exc}") from exc
    fields = found if isinstance(found, dict) else {}

    def field(name: str, default: object) -> str:
        return os.environ.get(f"WATCHDOG_{name.upper()}", str(fields.get(name, default)))

    if public := field("public_url", ""):
        return public, f"public_url of {path}"
    host = field("listen_host", "127.0.0.1")
    host = "127.0.0.1" if host in _ANYWHERE else host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{field('listen_port', 8090)}", f"listen_host of {path}"


def warning_of(token_file: Path) -> str:
    """Say who else can read a token; empty: nobody."""
    mode = token_file.stat().st_mode
    if mode & stat.S_IROTH:
        readers = "everybody on this machine"
    elif mode & stat.S_IRGRP:
        readers = "its whole group"
    else:
        return ""
    return f"{token_file} can be read by {readers}: chmod 600 {token_file}"


def _web_address(url: str) -> str:
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parts = httpx.URL()
    if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo:
        raise ConfigurationError(
            f"{url!r} is no address of the watchdog; one is http://localhost:8090"
        )
    return url.rstrip("/")


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigurationError(f"token file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        # Without the cause: its text quotes the token.
        raise ConfigurationError(f"token file {path} is not text in UTF-8") from None
    if not token or not token.isprintable():
        raise ConfigurationError(f"token file {path} does not hold one token and nothing else")
    return token


def _certificates(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        # An error of TLS has its words elsewhere than one of a file.
        raise ConfigurationError(f"{ca_file}: {exc.strerror or exc}") from exc
