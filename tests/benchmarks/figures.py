"""Figures as a run would have measured them."""

from benchmarks.rules.figures import GroupFigures, RuleTime, SizeFigures

BARE_SECONDS = 0.125


def group(name: str, seconds: float, *rules: tuple[str, float]) -> GroupFigures:
    """Without rules, one rule takes all of the time."""
    times = tuple(RuleTime(*rule) for rule in rules) or (RuleTime(f"{name}:rule", seconds),)
    return GroupFigures(name, 10, seconds, times)


def size(gpus: int, *groups: GroupFigures, bare: float = BARE_SECONDS) -> SizeFigures:
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
        bare=group("bare window query", bare),
        groups=groups,
    )
