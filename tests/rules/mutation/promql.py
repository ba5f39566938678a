"""Where the parts of a PromQL expression stand in its text, as far as the rules use it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<text>"(?:\\.|[^"\\])*")
    | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<number>[0-9][0-9.]*(?:e[+-]?[0-9]+)?[a-z]*)
    | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:])
    """,
    re.VERBOSE,
)
_LEVELS = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", ">", "<", ">=", "<="),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)
"""The operators of two sides, those that bind the least first."""
_AGGREGATIONS = (
    *("sum", "min", "max", "avg", "group", "count", "topk", "bottomk"),
    *("quantile", "stddev", "count_values"),
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression, from `start` to `end`."""

    kind: str
    """binary, call, aggregation, selector, range, offset, parentheses, number, text or minus."""
    name: str
    """The operator, the function or the metric."""
    start: int
    end: int
    parts: tuple["Node", ...] = ()
    words: tuple[Token, ...] = ()
    """Of a selector, its matchers; of an aggregation, the labels of `by` or `without`; of a
    comparison, its `bool`; of a range and an offset, how long it is.
    """
    by: str = ""

    def walk(self) -> Iterator["Node"]:
        yield self
        for part in self.parts:
            yield from part.walk()


def parse(expression: str) -> Node:
    """Raises: ValueError: this is no PromQL, or more of it than is known here."""
    parser = _Parser(expression, list(_tokens(expression)))
    node = parser.binary(0)
    if parser.ahead:
        raise ValueError(f"not understood from here on: {expression[parser.ahead[0].start :]}")
    return node


def _tokens(expression: str) -> Iterator[Token]:
    place = 0
    while place < len(expression):
        found = _TOKEN.match(expression, place)
        if not found or found.lastgroup is None:
            raise ValueError(f"not understood from here on: {expression[place:]}")
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], place)
        place = found.end()


class _Parser:
    def __init__(self, expression: str, tokens: Sequence[Token]) -> None:
        self._expression = expression
        self.ahead = list(tokens)
        self._end = 0

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self.binary(level + 1)
        while self._is_next(*_LEVELS[level]):
            operator = self._take().text
            words = (self._take(),) if self._is_next("bool") else ()
            self._matching()
            right = self.binary(level + 1)
            left = Node("binary", operator, left.start, right.end, (left, right), words)
        return left

    def _matching(self) -> None:
        while self._is_next("on", "ignoring", "group_left", "group_right"):
            self._take()
            if self._is_next("("):
                self._labels()

    def _unary(self) -> Node:
        if self._is_next("-"):
            sign = self._take()
            inner = self._postfix()
            return Node("minus", "-", sign.start, inner.end, (inner,))
        return self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        while self._is_next("[", "offset"):
            if self._take().text == "offset":
                length = self._take()
                node = Node("offset", "offset", node.start, length.end, (node,), (length,))
                continue
            lengths = [self._take()]
            while not self._is_next("]"):
                lengths.append(self._take())
            node = Node("range", "[]", node.start, self._take("]").end, (node,), tuple(lengths))
        return node

    def _primary(self) -> Node:
        token = self._take()
        if token.text == "(":
            inner = self.binary(0)
            return Node("parentheses", "()", token.start, self._take(")").end, (inner,))
        if token.kind in ("number", "text"):
            return Node(token.kind, token.text, token.start, token.end)
        if token.text == "{":
            return self._selector("", token.start)
        if token.kind != "word":
            raise ValueError(f"not understood from here on: {self._expression[token.start :]}")
        if token.text in _AGGREGATIONS:
            return self._aggregation(token)
        if self._is_next("("):
            return Node("call", token.text, token.start, *self._arguments())
        if self._is_next("{"):
            self._take("{")
            return self._selector(token.text, token.start)
        return Node("selector", token.text, token.start, token.end)

    def _aggregation(self, name: Token) -> Node:
        by = ""
        labels: tuple[Token, ...] = ()
        if self._is_next("by", "without"):
            by, labels = self._take().text, self._labels()
        end, parts = self._arguments()
        return Node("aggregation", name.text, name.start, end, parts, labels, by)

    def _arguments(self) -> tuple[int, tuple[Node, ...]]:
        self._take("(")
        parts = []
        while not self._is_next(")"):
            parts.append(self.binary(0))
            if self._is_next(","):
                self._take()
        return self._take(")").end, tuple(parts)

    def _labels(self) -> tuple[Token, ...]:
        self._take("(")
        labels = []
        while not self._is_next(")"):
            labels.append(self._take())
            if self._is_next(","):
                self._take()
        self._take(")")
        return tuple(labels)

    def _selector(self, name: str, start: int) -> Node:
        matchers = []
        while not self._is_next("}"):
            first, _, last = self._take(), self._take(), self._take()
            text = self._expression[first.start : last.end]
            matchers.append(Token("matcher", text, first.start))
            if self._is_next(","):
                self._take()
        return Node("selector", name, start, self._take("}").end, (), tuple(matchers))

    def _is_next(self, *texts: str) -> bool:
        return bool(self.ahead) and self.ahead[0].text in texts

    def _take(self, text: str | None = None) -> Token:
        if not self.ahead or (text and self.ahead[0].text != text):
            raise ValueError(f"{text or 'something'} is missing: {self._expression}")
        return self.ahead.pop(0)
