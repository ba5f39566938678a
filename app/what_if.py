"""`--set idle.window=45m`: the idle rule and its policy, changed for the sake of a question."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from app.day import parse_hours
from app.domain.backtest import Change
from app.domain.backtest_verdict import IdleRule
from app.domain.cluster import UNSAVED, TaskType
from app.domain.policy import Policy
from app.domain.waking import WakingHours
from app.durations import format_duration, parse_duration

_MINUTE = timedelta(minutes=1)
_TYPES = tuple(each for each in TaskType if each is not TaskType.CHECKPOINT_GC)
_GIVEN = "as the rules give it"


@dataclass(frozen=True, slots=True)
class WhatIf:
    rule: IdleRule
    policy: Policy
    changes: tuple[Change, ...] = ()


Apply = Callable[[WhatIf, str], tuple[WhatIf, str, str]]
"""Returns what it was before, too, and what it is now, as texts."""


def _span(text: str, shortest: timedelta, longest: timedelta) -> timedelta:
    span = parse_duration(text)
    if not isinstance(span, timedelta) or not shortest <= span <= longest:
        raise ValueError(f"from {format_duration(shortest)} to {format_duration(longest)}")
    return span


def _length(
    put: Callable[[IdleRule, timedelta], IdleRule],
    read: Callable[[IdleRule], timedelta],
    shortest: timedelta,
    longest: timedelta,
) -> Apply:
    """Return what sets one duration of the rule."""

    def apply(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
        after = _span(text, shortest, longest)
        rule = put(asked.rule, after)
        return replace(asked, rule=rule), _shown(read(asked.rule)), _shown(after)

    return apply


def _window(task_type: TaskType) -> Apply:
    def apply(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
        before, after = asked.rule.windows.get(task_type), _window_span(text)
        rule = replace(asked.rule, windows={**asked.rule.windows, task_type: after})
        return replace(asked, rule=rule), _shown(before or asked.rule.window), _shown(after)

    return apply


def _window_span(text: str) -> timedelta:
    return _span(text, 5 * _MINUTE, timedelta(hours=24))


def _windows(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
    after = _window_span(text)
    return replace(asked, rule=replace(asked.rule, window=after)), _GIVEN, _shown(after)


def _grace(task_type: TaskType | None) -> Apply:
    """Return what sets the grace period of a type, or of all."""

    def apply(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
        after, old = _span(text, 5 * _MINUTE, timedelta(days=7)), asked.policy
        if task_type is None:
            spans = sorted({old.grace_for(each) for each in _TYPES})
            policy = replace(old, grace={}, grace_default=after)
            return replace(asked, policy=policy), " and ".join(map(_shown, spans)), _shown(after)
        policy = replace(old, grace={**old.grace, task_type: after})
        return replace(asked, policy=policy), _shown(old.grace_for(task_type)), _shown(after)

    return apply


def _coverage(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
    try:
        after = float(text)
    except ValueError:
        after = -1.0
    if not 0.5 <= after <= 1:  # noqa: PLR2004 -- less than half of it is no sight
        raise ValueError("from 0.5 to 1")
    rule = replace(asked.rule, coverage=after)
    return replace(asked, rule=rule), f"{asked.rule.coverage:g}", f"{after:g}"


def _waking_hours(asked: WhatIf, text: str) -> tuple[WhatIf, str, str]:
    after: WakingHours = parse_hours(text)
    before = asked.policy.waking_hours
    policy = replace(asked.policy, waking_hours=after)
    return replace(asked, policy=policy), str(before), str(after)


def _shown(span: timedelta | None) -> str:
    return _GIVEN if span is None else format_duration(span)


OFFERED: dict[str, Apply] = {
    "idle.window": _windows,
    **{f"idle.window.{each}": _window(each) for each in _TYPES},
    "idle.veto": _length(
        lambda rule, span: replace(rule, veto=span),
        lambda rule: rule.veto,
        timedelta(hours=1),
        timedelta(hours=24),
    ),
    "idle.start_up": _length(
        lambda rule, span: replace(rule, start_up=span),
        lambda rule: rule.start_up,
        timedelta(),
        timedelta(hours=24),
    ),
    "idle.coverage": _coverage,
    "idle.for": _length(
        lambda rule, span: replace(rule, pending=span),
        lambda rule: rule.pending,
        timedelta(),
        timedelta(hours=1),
    ),
    "idle.grace": _grace(None),
    **{f"idle.grace.{each}": _grace(each) for each in _TYPES},
    "idle.waking_hours": _waking_hours,
}
"""What can be asked for, from the general to the particular."""


def what_if(policy: Policy, asked: Iterable[str]) -> WhatIf:
    """Return the rule as shipped and the policy as configured, with what is asked for changed.

    Raises:
        ValueError: it is not offered, or makes no sense.
    """
    found = WhatIf(IdleRule(), policy)
    names = list(OFFERED)
    given = dict(map(_parsed, asked))
    for name in sorted(given, key=names.index):
        try:
            found, before, after = OFFERED[name](found, given[name])
        except ValueError as exc:
            raise ValueError(f"{name}={given[name]}: {exc}") from exc
        found = replace(found, changes=(*found.changes, Change(name, before, after)))
    _demand_sense(found)
    return found


def _parsed(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if name not in OFFERED or not equals:
        offered = [each for each in OFFERED if each.count(".") == 1]
        raise ValueError(
            f"{text!r} is not offered; there are {', '.join(offered)}, each with =VALUE; and "
            "idle.window.TYPE and idle.grace.TYPE, for example idle.window.notebook=45m"
        )
    return name, value


def _demand_sense(asked: WhatIf) -> None:
    rule, policy = asked.rule, asked.policy
    longest = max(filter(None, (rule.window, *rule.windows.values())), default=timedelta())
    if longest >= rule.veto:
        raise ValueError(
            f"a window of {format_duration(longest)} is not shorter than idle.veto, "
            f"{format_duration(rule.veto)}, after which only GPUs count"
        )
    hours = policy.waking_hours
    for each in sorted(UNSAVED):
        if not hours.are_off and policy.grace_for(each) >= hours.length:
            raise ValueError(
                f"the grace period of a {each} is longer than the waking hours {hours}, and would "
                "never end; see idle.grace and idle.waking_hours"
            )
