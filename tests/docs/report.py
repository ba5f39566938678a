"""The reports that docs/cli.md shows."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from app.domain.digest import Deed
from app.domain.report import By, Report, ReportTally, report
from tests.domain.examples import T0

_SINCE = T0 - timedelta(days=7)
_HELD = {
    By.USER: {"alice": 1344.0, "bob": 612.4, "carol": 98.25},
    By.POOL: {"a100": 1956.4, "default": 98.25},
    By.TYPE: {"trial": 1480.0, "notebook": 520.25, "shell": 54.4},
}
_USED = {
    By.USER: {"alice": 1290.5, "bob": 340.0},
    By.POOL: {"a100": 1630.5, "default": 31.0},
    By.TYPE: {"trial": 1402.5, "notebook": 210.0, "shell": 49.0},
}
_IDLE = {
    By.USER: {"alice": 53.5, "bob": 272.4},
    By.POOL: {"a100": 325.9, "default": 67.25},
    By.TYPE: {"trial": 77.5, "notebook": 310.25, "shell": 5.4},
}
_FREED = {
    By.USER: {"bob": 61.0, "carol": 20.5},
    By.POOL: {"a100": 61.0, "default": 20.5},
    By.TYPE: {"trial": 4.5, "notebook": 77.0},
    By.ALERT: {"GPUAllocationIdle": 81.5},
}
_NAMES = {
    By.USER: ("bob", "carol"),
    By.POOL: ("a100", "default"),
    By.TYPE: ("notebook", "trial"),
    By.ALERT: ("GPUAllocationIdle", "GPUAllocationPartlyIdle"),
}
_MOST = Counter({Deed.WARNED: 28, Deed.KEPT: 6, Deed.DISMISSED: 2, Deed.STOPPED: 11})
_LEAST = Counter({Deed.WARNED: 4})


def _report(by: By) -> Report:
    tally = ReportTally(by, _SINCE, T0)
    tally.reclaimed.update(_FREED[by])
    found = {} if by is not By.ALERT else {Deed.FOUND: 31}
    for name, deeds in zip(_NAMES[by], (_MOST + Counter(found), _LEAST), strict=True):
        tally.deeds[name] = deeds
    hours = None if by is By.ALERT else (_HELD[by], _USED[by], _IDLE[by])
    return report(tally, hours, by=by, since=_SINCE, until=T0)


REPORT: Mapping[By, Report] = {by: _report(by) for by in By}
"""One of each kind."""
