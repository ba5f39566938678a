"""Draws panels of a dashboard as HTML, so that people can look at what their queries found.

Not as finely as Grafana, but from the same files: titles, units, colours, names, thresholds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Any

from tests.docs.units import shown

WIDTH, UNIT = 56, 38
"""Pixels of a column and a row of Grafana's grid."""
_PALETTE = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#b877d9", "#f2495c", "#8ab8ff", "#96d98d")
_COLOURS = {"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9"}
_TEXT = "#d8d9da"
_LABEL = re.compile(r"\{\{(\w+)\}\}")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What one query of a panel has found: a series each."""

    target: Json
    series: Sequence[Json]
    span: tuple[float, float]
    """From when to when the dashboard shows."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    colour: str
    points: Mapping[float, float]
    dashed: bool


def drawn(panel: Json, found: Sequence[Found]) -> str:
    """Return a panel where it stands in the grid."""
    at = panel["gridPos"]
    box = (
        f"left:{at['x'] * WIDTH}px;top:{at['y'] * UNIT}px;"
        f"width:{at['w'] * WIDTH - 8}px;height:{at['h'] * UNIT - 8}px"
    )
    if panel["type"] == "row":
        return f'<h2 style="{box}">{escape(panel["title"])}</h2>'
    content = _CONTENTS[panel["type"]](panel, found) if panel["type"] != "text" else _text(panel)
    return f'<section style="{box}"><h3>{escape(panel["title"])}</h3>{content}</section>'


def _text(panel: Json) -> str:
    paragraphs = escape(panel["options"]["content"]).split("\n\n")
    html = "".join(f"<p>{each}</p>" for each in paragraphs)
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html, flags=re.DOTALL)
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", html)


def _defaults(panel: Json) -> Json:
    defaults: Json = panel["fieldConfig"]["defaults"]
    return defaults


def _nothing(panel: Json) -> str:
    return f'<p class="nothing">{escape(_defaults(panel)["noValue"])}</p>'


def _value(series: Json) -> float:
    return float((series.get("values") or [series["value"]])[-1][1])


def _stat(panel: Json, found: Sequence[Found]) -> str:
    values = [_value(each) for one in found for each in one.series]
    if not values:
        return _nothing(panel)
    defaults = _defaults(panel)
    text, colour = _said(defaults, values[0])
    return f'<p class="figure" style="color:{colour}">{escape(text)}</p>'


def _said(defaults: Json, value: float) -> tuple[str, str]:
    for mapping in defaults.get("mappings", []):
        if state := mapping["options"].get(f"{value:g}"):
            return state["text"], _colour(state["color"])
    steps = defaults.get("thresholds", {}).get("steps", [])
    colours = [each["color"] for each in steps if each["value"] is None or each["value"] <= value]
    text = shown(value, defaults.get("unit", "none"), defaults.get("decimals"))
    return text, _colour(colours[-1] if colours else "text")


def _colour(name: str) -> str:
    return _TEXT if name == "text" else _COLOURS.get(name, name)


def _named(target: Json, labels: Mapping[str, str]) -> str:
    legend = target["legendFormat"]
    if legend != "__auto":
        return _LABEL.sub(lambda found: labels.get(found[1], ""), legend)
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _lines(panel: Json, found: Sequence[Found]) -> Iterator[Line]:
    overrides = {
        each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }
    number = 0
    for one in found:
        style = overrides.get(one.target["refId"], {})
        for series in one.series:
            fixed = style.get("color", {}).get("fixedColor")
            colour = _colour(fixed) if fixed else _PALETTE[number % len(_PALETTE)]
            number += 1
            points = {float(at): float(value) for at, value in series["values"]}
            name = _named(one.target, series["metric"])
            yield Line(name, colour, points, "custom.lineStyle" in style)


def _chart(panel: Json, found: Sequence[Found]) -> str:
    lines = [*_lines(panel, found)]
    if not lines:
        return _nothing(panel)
    defaults, custom = _defaults(panel), _defaults(panel)["custom"]
    times = sorted({at for line in lines for at in line.points})
    stacked = custom["stacking"]["mode"] == "normal"
    if stacked:
        heights = [[line.points.get(at, 0.0) for line in lines] for at in times]
        tops = [dict(zip(times, column, strict=True)) for column in _columns(heights)]
        order: Sequence[tuple[Line, Mapping[float, float]]] = [*zip(lines, tops, strict=True)][::-1]
    else:
        order = [(line, line.points) for line in lines]
    top = defaults.get("max") or max((max(y.values()) for _, y in order), default=0) * 1.05 or 1
    frame = _Frame(panel, *found[0].span, top)
    shape = frame.columns if custom["drawStyle"] == "bars" else frame.shape
    shapes = "".join(shape(line, y, filled=stacked) for line, y in order)
    labels = f"<small>{escape(shown(top, defaults['unit'], None))}</small>"
    return f"{labels}{frame.svg(shapes)}{_legend(lines)}"


def _columns(rows: Sequence[Sequence[float]]) -> Iterator[tuple[float, ...]]:
    """Return the height of each line on those below it."""
    return zip(*(tuple(accumulate(row)) for row in rows), strict=True)


@dataclass(frozen=True, slots=True)
class _Frame:
    panel: Json
    start: float
    end: float
    top: float

    @property
    def size(self) -> tuple[int, int]:
        at = self.panel["gridPos"]
        return at["w"] * WIDTH - 32, at["h"] * UNIT - 100

    def at(self, time: float, value: float) -> str:
        width, height = self.size
        x = (time - self.start) / (self.end - self.start or 1) * width
        return f"{x:.1f},{height - min(value / self.top, 1) * height:.1f}"

    def shape(self, line: Line, points: Mapping[float, float], *, filled: bool) -> str:
        path = " ".join(self.at(time, points[time]) for time in sorted(points))
        if filled:
            ends = f"{self.at(max(points), 0)} {self.at(min(points), 0)}"
            return f'<polygon points="{path} {ends}" fill="{line.colour}"/>'
        dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
        return (
            f'<polyline points="{path}" fill="none" stroke="{line.colour}" '
            f'stroke-width="1.5"{dashes}/>'
        )

    def columns(self, line: Line, points: Mapping[float, float], *, filled: bool) -> str:
        wide = 3
        return "".join(
            f'<polyline points="{self.at(time, value)} {self.at(time, 0)}" '
            f'stroke="{line.colour}" stroke-width="{wide}"/>'
            for time, value in points.items()
            if filled and value
        )

    def svg(self, shapes: str) -> str:
        width, height = self.size
        steps = _defaults(self.panel).get("thresholds", {}).get("steps", [])
        limits = "".join(
            f'<polyline points="{self.at(self.start, each["value"])} '
            f'{self.at(self.end, each["value"])}" stroke="#e02f44" stroke-dasharray="3 5"/>'
            for each in steps
            if each["value"] is not None
        )
        return f'<svg width="{width}" height="{height}">{shapes}{limits}</svg>'


def _legend(lines: Sequence[Line]) -> str:
    return "<ul>{}</ul>".format(
        "".join(f'<li style="--of:{each.colour}">{escape(each.name)}</li>' for each in lines)
    )


def _bands(panel: Json, found: Sequence[Found]) -> str:
    series = [(one.target, each) for one in found for each in one.series]
    if not series:
        return _nothing(panel)
    frame = _Frame(panel, *found[0].span, 1)
    rows = []
    for target, each in series:
        cells = "".join(
            f'<i style="left:{frame.at(float(at), 0).partition(",")[0]}px;'
            f'background:{_said(_defaults(panel), float(value))[1]}"></i>'
            for at, value in each["values"]
        )
        name = escape(_named(target, each["metric"]))
        rows.append(f'<div class="band">{cells}<b>{name}</b></div>')
    return "".join(rows)


def _bars(panel: Json, found: Sequence[Found]) -> str:
    series = [
        (_named(one.target, each["metric"]), _value(each)) for one in found for each in one.series
    ]
    if not series:
        return _nothing(panel)
    longest = max(value for _, value in series) or 1
    return "".join(
        f'<div class="bar"><b style="width:{value / longest * 60:.1f}%;'
        f'background:{_said(_defaults(panel), value)[1]}"></b>'
        f"{escape(name)} · {escape(_said(_defaults(panel), value)[0])}</div>"
        for name, value in series
    )


def _table(panel: Json, found: Sequence[Found]) -> str:
    organized = panel["transformations"][1]["options"]
    columns = [name for name in organized["indexByName"] if name not in organized["excludeByName"]]
    rows = _merged(found)
    if not rows:
        return _nothing(panel)
    names = organized["renameByName"]
    options = {
        each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }
    [by] = panel["options"]["sortBy"]
    key = next(name for name in columns if names[name] == by["displayName"])
    rows.sort(key=lambda row: (key in row, row.get(key, 0)), reverse=by["desc"])
    head = "".join(f"<th>{escape(names[name])}</th>" for name in columns)
    body = "".join(
        "".join(["<tr>", *(_cell(row.get(each), options.get(names[each], {})) for each in columns)])
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _merged(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Join the rows of all queries on the labels that they share, as Grafana does."""
    rows: list[dict[str, Any]] = []
    for one in found:
        value = f"Value #{one.target['refId']}" if len(found) > 1 else "Value"
        for series in one.series:
            labels = {k: v for k, v in series["metric"].items() if k != "__name__"}
            same = next((r for r in rows if all(r.get(k, v) == v for k, v in labels.items())), None)
            if same is None or value in same:
                rows.append(labels | {value: _value(series)})
            else:
                same.update(labels | {value: _value(series)})
    return rows


def _cell(value: float | str | None, options: Json) -> str:
    if not isinstance(value, float):
        return f"<td>{escape(value or '')}</td>"
    text, colour = _said(options | {"mappings": []}, value)
    return f'<td style="color:{colour}">{escape(text)}</td>'


_CONTENTS = {
    "stat": _stat,
    "timeseries": _chart,
    "state-timeline": _bands,
    "bargauge": _bars,
    "table": _table,
}
