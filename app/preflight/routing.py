"""Where an Alertmanager would send an alert, by the configuration that it reports."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.adapters.alertmanager_status import InhibitRule, Receiver, Route
from app.adapters.patterns import compiled
from app.domain.matchers import Matcher, parse_matcher

_PATH = "/api/v1/alerts"
_HIDDEN = "<secret>"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """The end of a way through the routes, with what it inherits from the ones above."""

    receiver: str
    group_interval: str
    repeat_interval: str
    hours: tuple[str, ...]
    """Times in which it is muted, or outside of which it is. They are not inherited."""


def ways(route: Route, labels: Labels) -> list[Taken]:
    return list(_below(route, labels, Taken("", "5m", "4h", ())))


def ours(receivers: Sequence[Receiver]) -> list[Receiver]:
    """Return the receivers that may post to the watchdog: later versions hide the address."""
    return [
        receiver
        for receiver in receivers
        if any(
            hook.url.rstrip("/").endswith(_PATH) or hook.url == _HIDDEN or hook.url_file
            for hook in receiver.webhook_configs
        )
    ]


def inhibits(rule: InhibitRule, source: Labels, target: Labels) -> bool:
    return (
        _all_match(rule.source_matchers, rule.source_match, rule.source_match_re, source)
        and _all_match(rule.target_matchers, rule.target_match, rule.target_match_re, target)
        and all(source.get(name, "") == target.get(name, "") for name in rule.equal)
    )


def _below(route: Route, labels: Labels, above: Taken) -> Iterator[Taken]:
    here = replace(
        above,
        receiver=route.receiver or above.receiver,
        group_interval=route.group_interval or above.group_interval,
        repeat_interval=route.repeat_interval or above.repeat_interval,
        hours=(*route.mute_time_intervals, *route.active_time_intervals),
    )
    found = False
    for each in route.routes:
        if _all_match(each.matchers, each.match, each.match_re, labels):
            found = True
            yield from _below(each, labels, here)
            if not each.goes_on:
                break
    if not found:
        yield here


def _all_match(
    matchers: Sequence[str], equal: Mapping[str, str], patterns: Mapping[str, str], labels: Labels
) -> bool:
    try:
        read = [parse_matcher(part) for text in matchers for part in _parts(text)]
    except ValueError:
        # Later versions let labels have any name; none of ours has such a one.
        return False
    read += [Matcher(name, value) for name, value in equal.items()]
    read += [Matcher(name, value, is_regex=True) for name, value in patterns.items()]
    return all(_with_pattern(each).matches(labels) for each in read)


def _parts(text: str) -> list[str]:
    """Cut `{a="b", c=~"d,e"}` at the commas that stand outside of quotes."""
    text = text.strip().removeprefix("{").removesuffix("}")
    parts, quoted, before = [""], False, ""
    for letter in text:
        if letter == '"' and before != "\\":
            quoted = not quoted
        if letter == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
        before = letter
    return [part for part in parts if part.strip()]


def _with_pattern(matcher: Matcher) -> Matcher:
    return replace(matcher, pattern=compiled(matcher.value)) if matcher.is_regex else matcher
