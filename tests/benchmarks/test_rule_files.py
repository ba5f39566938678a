from graphlib import CycleError
from pathlib import Path

import pytest
import yaml

from benchmarks.rules.rule_files import BARE_MAPPING, BARE_QUERY, Group, RuleFiles, read_rule_files

ROOT = Path(__file__).parents[2]


def recording(name: str, expression: str) -> dict[str, str]:
    return {"record": name, "expr": expression}


def test_rule_comes_after_those_that_it_reads() -> None:
    upper = Group("upper", (recording("l:upper:sum", "sum(l:lower:max[1h])"),))
    lower = Group("lower", (recording("l:lower:max", "max(up)"),))

    names = [one.name for one in RuleFiles((upper, lower)).recordings()]

    assert names == ["l:lower:max", "l:upper:sum"]


def test_rule_may_read_its_own_past() -> None:
    group = Group("g", (recording("l:seen:max", "max(up or l:seen:max)"),))

    assert [one.name for one in RuleFiles((group,)).recordings()] == ["l:seen:max"]


def test_circle_of_rules_is_refused() -> None:
    group = Group("g", (recording("l:one:max", "l:two:max"), recording("l:two:max", "l:one:max")))

    with pytest.raises(CycleError):
        RuleFiles((group,)).recordings()


def test_several_rules_of_one_name_are_all_kept() -> None:
    rules = tuple(
        {"record": "threshold:hot:ratio", "expr": "vector(1)", "labels": {"model": model}}
        for model in ("a", "b")
    )

    found = RuleFiles((Group("g", rules),)).recordings()

    assert [one.labels for one in found] == [{"model": "a"}, {"model": "b"}]


def test_rows_are_as_far_apart_as_their_group_is_evaluated(tmp_path: Path) -> None:
    slow = 'name: a, interval: 1m, rules: [{record: "l:a:max", expr: "a"}]'
    default = 'name: b, rules: [{record: "l:b:max", expr: "b"}]'
    (tmp_path / "x.rules.yaml").write_text(f"groups: [{{{slow}}}, {{{default}}}]")

    found = read_rule_files(tmp_path).recordings()

    assert {one.name: one.interval for one in found} == {"l:a:max": 60, "l:b:max": 15}


def test_group_is_timed_behind_the_bare_query_under_names_of_its_own_and_otherwise_unchanged() -> (
    None
):
    alert = {"alert": "Hot", "expr": "l:hot:max > 1", "for": "5m", "labels": {"severity": "x"}}
    group = Group("g", (recording("l:hot:max", "max(hot)"), alert))

    written = yaml.safe_load(group.text())["groups"]

    assert [one["name"] for one in written] == ["g"]
    bare = recording("timed:max30m", BARE_QUERY)
    warm_up = recording("timed:nothing", f"count({BARE_QUERY}) < 0")
    hot = recording("timed:l:hot:max", "max(hot)")
    assert written[0]["rules"] == [warm_up, bare, hot, alert]
    assert group.expressions == [BARE_QUERY, "max(hot)", "l:hot:max > 1"]


def test_bare_queries_are_among_the_expressions() -> None:
    assert RuleFiles(()).expressions == [BARE_QUERY, BARE_MAPPING]


def test_all_groups_of_the_project_are_found() -> None:
    rules = read_rule_files(ROOT / "alerting-rules")

    text = "\n".join(path.read_text() for path in (ROOT / "alerting-rules").glob("*.rules.yaml"))
    assert len(rules.groups) == text.count("\n  - name: ")
    assert rules.recordings(), "the rules read each other in some order"


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \*\.rules\.yaml in "):
        read_rule_files(tmp_path)
