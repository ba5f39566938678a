"""The project's rule files, as the benchmark runs them: one group at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from benchmarks.rules.reach import reach, seconds
from benchmarks.rules.series import INTERVAL

BARE_QUERY = 'max_over_time(DCGM_FI_DEV_GPU_UTIL{GPU_I_ID=""}[30m])'
"""What the groups are measured by: one window over every GPU, without a join."""
BARE_RULE = {"record": "max30m", "expr": BARE_QUERY}
_WARM_UP = {"record": "nothing", "expr": f"count({BARE_QUERY}) < 0"}
"""Reads the same, and returns nothing: whichever rule comes first finds a processor that slept."""

_INTERVAL = "250ms"
"""What counts is the time of one evaluation, so they may as well follow each other."""

PREFIX = "timed:"
"""Set before each recorded name, since the names themselves have their rows already."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    name: str
    rules: tuple[Mapping[str, Any], ...]
    interval: int = INTERVAL
    """Seconds between two rows that it records, where it runs in earnest."""

    @property
    def expressions(self) -> list[str]:
        """Those that are evaluated with it: the bare query, too."""
        return [str(rule["expr"]) for rule in (BARE_RULE, *self.rules)]

    def text(self) -> str:
        """Return a rule file with this group alone, behind the bare query.

        The two are evaluated within the same second, so what else the machine does meets both.
        """
        rules = [
            {**rule, "record": PREFIX + rule["record"]} if "record" in rule else dict(rule)
            for rule in (_WARM_UP, BARE_RULE, *self.rules)
        ]
        group = {"name": self.name, "interval": _INTERVAL, "rules": rules}
        return yaml.safe_dump({"groups": [group]}, sort_keys=False)


BARE_GROUP = Group("bare window query", ())
BARE_MAPPING = "group by (container_id, allocation_id) (det_container_id_allocation_id)"
"""What reading a mapping alone takes, without a join: very many rows, each somewhere in memory."""
BARE_MAPPING_GROUP = Group("bare mapping query", ({"record": "containers", "expr": BARE_MAPPING},))


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    expression: str
    labels: Mapping[str, str]
    """Those that the rule adds."""
    interval: int = INTERVAL
    """Seconds between two rows."""


@dataclass(frozen=True, slots=True)
class RuleFiles:
    groups: tuple[Group, ...]

    @property
    def expressions(self) -> list[str]:
        """Those of all rules, and the bare queries."""
        rules = [str(rule["expr"]) for group in self.groups for rule in group.rules]
        return [BARE_QUERY, BARE_MAPPING, *rules]

    def recordings(self) -> list[Recording]:
        """Return the recording rules, each after those that it reads.

        Raises:
            graphlib.CycleError: they read each other in a circle; it is a ValueError.
        """
        by_name: dict[str, list[Recording]] = {}
        for one in self._recordings():
            by_name.setdefault(one.name, []).append(one)
        reads = {
            name: (reach(one.expression for one in rules).keys() & by_name.keys()) - {name}
            for name, rules in by_name.items()
        }
        return [one for name in TopologicalSorter(reads).static_order() for one in by_name[name]]

    def _recordings(self) -> Iterator[Recording]:
        for group in self.groups:
            for rule in group.rules:
                if "record" in rule:
                    yield Recording(
                        rule["record"], str(rule["expr"]), rule.get("labels", {}), group.interval
                    )


def read_rule_files(folder: Path) -> RuleFiles:
    """Raises: ValueError: the folder holds no rule file."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.rules.yaml"))]
    if not files:
        raise ValueError(f"no *.rules.yaml in {folder}")
    return RuleFiles(
        tuple(
            Group(
                group["name"], tuple(group["rules"]), seconds(group.get("interval", f"{INTERVAL}s"))
            )
            for file in files
            for group in file["groups"]
        )
    )
