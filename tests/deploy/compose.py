"""compose.yaml as Docker Compose would read it, without Docker."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as a container sees it."""

    source: str
    target: str
    """The path in the container."""


def variables(text: str) -> dict[str, str]:
    """Return the variables of a compose file with their defaults."""
    found = (match for match in _VARIABLE.finditer(text) if match["name"])
    return {match["name"]: match["default"] or "" for match in found}


def environment_file(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@cache
def read() -> dict[str, Any]:
    """Return the file, to be read only, with its variables at their defaults."""

    def filled(match: re.Match[str]) -> str:
        return "$" if match["escaped"] else match["default"] or ""

    text = "\n".join(
        line for line in (ROOT / "compose.yaml").read_text().splitlines() if line[:1] != "#"
    )
    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(filled, text))
    return document


def services(profile: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the services, all of them or those of one profile."""
    every: dict[str, dict[str, Any]] = read()["services"]
    return {
        name: service
        for name, service in every.items()
        if profile is None or profile in service["profiles"]
    }


def secrets(service: Mapping[str, Any]) -> list[Secret]:
    found = []
    for one in service.get("secrets", []):
        long = {"source": one} if isinstance(one, str) else one
        target = Path("/run/secrets") / long.get("target", long["source"])
        found.append(Secret(long["source"], str(target)))
    return found


def mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is mounted, a path or the name of a volume, and where."""
    for one in service.get("volumes", []):
        if isinstance(one, str):
            source, target, *_ = one.split(":")
            yield source, target
        else:
            yield one["source"], one["target"]


def published(service: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Yield the address, the port on the machine and the port in the container."""
    for one in service.get("ports", []):
        address, outside, inside = one.rsplit(":", 2)
        yield address, int(outside), int(inside)
