"""The dashboards as Grafana reads them: their panels, queries, variables and links."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana/dashboards"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
LABEL_VALUES = re.compile(r"label_values\((?P<expr>.+), (?P<label>\w+)\)")
OF_GRAFANA = {"__all", "__interval", "__range", "__range_s", "__rate_interval", "__url_time_range"}
"""Variables that every dashboard has."""
_VARIABLE = re.compile(r"\$(?:([a-zA-Z_]\w*)|\{(\w+)(?:\.fields\[[^\]]+\])?(?::\w+)?\})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and where it stands."""

    page: str
    place: str
    expr: str
    instant: bool

    def __str__(self) -> str:
        return self.place


def panels(page: str) -> list[dict[str, Any]]:
    return [each for each in DASHBOARDS[page]["panels"] if each["type"] != "row"]


def variables(page: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in DASHBOARDS[page]["templating"]["list"]}


def asked(page: str) -> Iterator[Asked]:
    """Yield each query of a dashboard: of its panels, its marks, and its variables' values."""
    for panel in panels(page):
        for target in panel.get("targets", []):
            place = f"{panel['title']} {target['refId']}"
            yield Asked(page, place, target["expr"], target["instant"])
    for mark in DASHBOARDS[page]["annotations"]["list"]:
        yield Asked(page, f"mark {mark['name']}", mark["expr"], instant=False)
    for name, variable in variables(page).items():
        if variable["type"] == "query":
            found = LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found, f"{name}: is this query new?"
            yield Asked(page, f"variable {name}", found["expr"], instant=True)


def used(text: str) -> set[str]:
    """Return the variables that a text names, Grafana's own left out."""
    found = {one or other for one, other in _VARIABLE.findall(text)}
    return found - OF_GRAFANA - {"__data"}


def filled(expr: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables, as Grafana does.

    Raises:
        KeyError: a variable has no value.
    """
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], expr)


def links(page: str) -> Iterator[str]:
    """Yield each URL: of the dashboard, and of its panels' cells and bars."""
    yield from (each["url"] for each in DASHBOARDS[page]["links"])
    for panel in panels(page):
        config = panel.get("fieldConfig", {})
        yield from (each["url"] for each in config.get("defaults", {}).get("links", []))
        for override in config.get("overrides", []):
            for each in override["properties"]:
                if each["id"] == "links":
                    yield from (link["url"] for link in each["value"])
