"""What can be taken from a rule's expression, one thing at a time."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.rules.mutation.promql import Node, parse

_OTHER_EDGE = {">": ">=", ">=": ">", "<": "<=", "<=": "<", "==": "!=", "!=": "=="}
_LAST_LONG = 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """An expression that lacks something."""

    name: str
    """What was done to it; no two mutants of an expression have the same one."""
    expression: str


def mutants(expression: str) -> list[Mutant]:
    """Return the expression without each of its conditions.

    Taken away are matchers, labels of an aggregation, `group`, one side of every operator, offsets,
    half of every range and the limit itself of every comparison. Limits are moved by a tenth, too.
    """
    seen: Counter[str] = Counter()
    found = []
    for name, text in _changes(expression):
        seen[name] += 1
        number = f" ({seen[name]})" if seen[name] > 1 else ""
        found.append(Mutant(name + number, text))
    return found


def _changes(expression: str) -> Iterator[tuple[str, str]]:
    for node in parse(expression).walk():
        changes = {
            "selector": _selector,
            "aggregation": _aggregation,
            "binary": _binary,
            "offset": _offset,
            "range": _range,
            "call": _threshold,
        }
        if change := changes.get(node.kind):
            for name, start, end, instead in change(expression, node):
                yield name, expression[:start] + instead + expression[end:]


_Change = Iterator[tuple[str, int, int, str]]
"""What is done, and the part of the text that is replaced."""


def _selector(_expression: str, node: Node) -> _Change:
    if not node.name:
        # Without its matchers it would take in every series there is.
        return
    for left_out in node.words:
        kept = ", ".join(one.text for one in node.words if one is not left_out)
        instead = f"{node.name}{{{kept}}}" if kept else node.name
        yield f"{node.name} without {left_out.text}", node.start, node.end, instead


def _aggregation(expression: str, node: Node) -> _Change:
    text = expression[node.start : node.end]
    inner = expression[node.parts[-1].start : node.parts[-1].end]
    for left_out in node.words:
        kept = ", ".join(one.text for one in node.words if one is not left_out)
        head = re.match(r"\w+\s+(?:by|without)\s*\([^)]*\)", text)
        if head:
            instead = f"{node.name} {node.by} ({kept})" + text[head.end() :]
            name = f"{node.name} {node.by} without {left_out.text}: {_short(inner)}"
            yield name, node.start, node.end, instead
    if node.name in {"group", "topk"}:
        yield f"no {node.name}: {_short(inner)}", node.start, node.end, f"({inner})"


def _binary(expression: str, node: Node) -> _Change:
    left, right = (expression[one.start : one.end] for one in node.parts)
    yield from _moved(node.parts[0], _short(right))
    yield from _moved(node.parts[1], _short(left))
    if node.name in _OTHER_EDGE:
        end = node.parts[1].start
        between = expression[node.parts[0].end : end]
        instead = between.replace(node.name, _OTHER_EDGE[node.name], 1)
        compared = f"{_short(left)} {node.name} {_short(right)}"
        name = f"{_OTHER_EDGE[node.name]} and not {node.name}: {compared}"
        yield name, node.parts[0].end, end, instead
        if node.words:
            # Without it there is no 0 or 1 left.
            return
    if _is_scalar(node.parts[0]) and not _is_scalar(node.parts[1]):
        # A number alone is no row.
        yield f"no {node.name}: {_short(left)}", node.start, node.end, f"({right})"
        return
    yield f"no {node.name}: {_short(right)}", node.start, node.end, f"({left})"
    if node.name == "or":
        yield f"nothing before or: {_short(left)}", node.start, node.end, f"({right})"


def _is_scalar(node: Node) -> bool:
    if node.kind in {"parentheses", "minus", "binary"}:
        return all(map(_is_scalar, node.parts))
    return node.kind == "number" or (node.kind == "call" and node.name in {"scalar", "time"})


def _threshold(expression: str, node: Node) -> _Change:
    # Elsewhere vector() is but a row to be counted.
    if node.name == "vector" and (node.start, node.end) == (0, len(expression.rstrip())):
        yield from _moved(node.parts[0], "vector")


def _moved(limit: Node, of: str) -> _Change:
    if limit.kind == "number" and float(limit.name):
        for share, what in ((1.1, "more"), (0.9, "less")):
            instead = f"{float(limit.name) * share:g}"
            yield f"a tenth {what} than {limit.name}: {of}", limit.start, limit.end, instead


def _offset(expression: str, node: Node) -> _Change:
    inner = node.parts[0]
    name = f"no offset: {_short(expression[node.start : node.end])}"
    yield name, node.start, node.end, expression[inner.start : inner.end]


def _range(expression: str, node: Node) -> _Change:
    length = node.words[0]
    if number := re.match(r"\d+", length.text):
        unit = length.text[number.end() :]
        half = {"h": f"{int(number[0]) * 30}m", "d": f"{int(number[0]) * 12}h"}.get(
            unit, f"{int(number[0]) * 30}s"
        )
        name = f"half of [{length.text}]: {_short(expression[node.start : node.end])}"
        yield name, length.start, length.end, half


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LAST_LONG else f"{flat[:_LAST_LONG]}…"
