"""Figures as a run would have measured them."""

from benchmarks.rules.figures import GroupFigures, RuleTime, SizeFigures

BARE_SECONDS = 0.125


def rule(name: str, seconds: float, *, bare: float = BARE_SECONDS) -> RuleTime:
    return RuleTime(name, seconds, seconds / bare)


def group(
    name: str, seconds: float, *rules: tuple[str, float], bare: float = BARE_SECONDS
) -> GroupFigures:
    """Without rules, one rule takes all of the time."""
    times = tuple(rule(*one, bare=bare) for one in rules or [(f"{name}:rule", seconds)])
    return GroupFigures(name, 10, seconds, seconds / bare, times)


def size(
    gpus: int, *groups: GroupFigures, bare: float = BARE_SECONDS, mapping: float = BARE_SECONDS
) -> SizeFigures:
    return SizeFigures(
        gpus=gpus,
        agents=gpus // 8,
        running=gpus // 3,
        ended=gpus * 3,
        scraped=gpus * 60,
        recorded=gpus * 20,
        shortened=(),
        peak_memory=2**30,
        others=0.05,
        bare=group("bare window query", bare, bare=bare),
        bare_mapping=group("bare mapping query", mapping, bare=bare),
        groups=groups,
    )
