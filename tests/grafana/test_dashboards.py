"""The dashboards: fresh, whole, and about what there is. tests/e2e/ asks their queries for data."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from demo.cluster.cluster import Cluster
from demo.cluster.exporters.dcgm import DcgmExporter
from grafana.__main__ import FOLDER, files
from tests.docs.pages import code, read, rows
from tests.grafana.reading import (
    DASHBOARDS,
    LABEL_VALUES,
    ROOT,
    Asked,
    asked,
    filled,
    links,
    panels,
    used,
    variables,
)
from tests.rules.mutation.promql import parse

PAGES = sorted(DASHBOARDS)
UIDS = {f"gpu-watchdog-{name}" for name in ("cluster", "users", "task", "watchdog")}
"""What alerts, bookmarks and other dashboards link to: never to be changed."""
ANY = {
    "__range": "24h",
    "__range_s": "86400",
    "__interval": "1m",
    "__rate_interval": "75s",
    "resource_pool": ".*",
    "username": "(alice|o\\\\.brien)",
    "task_id": ".*",
    "agent_id": "(agent-a|agent-b)",
    "gpu_uuid": "GPU-1",
    "allocation_id": "t.1",
}
OF_PROMETHEUS = {"ALERTS", "up"}
ALL = [each for page in PAGES for each in asked(page)]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES)


def plain(each: Asked) -> str:
    return filled(each.expr, ANY)


def metrics(expr: str) -> set[str]:
    nodes = parse(expr.replace(" @ end()", "")).walk()
    return {node.name for node in nodes if node.kind == "selector" and node.name}


def recorded() -> Iterator[str]:
    for path in (ROOT / "alerting-rules").glob("*.rules.yaml"):
        yield from re.findall(r"^ +- record: (\S+)$", path.read_text(), re.MULTILINE)


def of_the_receiver() -> Iterator[str]:
    """Yield what docs/metrics.md lists, which is held to what the receiver publishes."""
    for row in rows(read("docs/metrics.md"), "metric", "type"):
        name = code(row["metric"])
        yield from ([f"{name}_bucket"] if row["type"] == "histogram" else [name])


def of_dcgm() -> Iterator[str]:
    cluster = Cluster()
    agent_id, agent = next(iter(cluster.agents.items()))
    exporter = DcgmExporter(agent, random.Random(1), started_at=cluster.started_at)  # noqa: S311
    exposed = exporter.collect(cluster.timeline.now(), cluster.exporters[agent_id])
    yield from re.findall(r"^([A-Z]\w+)\{", exposed, re.MULTILINE)


def of_the_rules_themselves() -> Iterator[str]:
    """Yield what Prometheus says of its rules, of which an alert takes note as well."""
    yield from re.findall(r"prometheus_rule_\w+", read("alerting-rules/self.rules.yaml"))


def test_files_are_as_the_code_writes_them() -> None:
    assert {path: path.read_text() for path in FOLDER.iterdir()} == dict(files()), (
        "run python -m grafana"
    )


def test_addresses_stay_as_they_are() -> None:
    assert {page: board["uid"] for page, board in DASHBOARDS.items()} == {uid: uid for uid in UIDS}


@EVERY_PAGE
def test_every_panel_says_what_it_shows_in_which_unit_and_when_there_is_nothing(page: str) -> None:
    shown = panels(page)

    assert DASHBOARDS[page]["description"]
    assert [each["title"] for each in shown if not each.get("description")] == []
    for panel in shown:
        if panel["type"] == "text":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@EVERY_PAGE
def test_panels_have_their_own_place_and_title(page: str) -> None:
    everything = DASHBOARDS[page]["panels"]
    places = [(each["title"], each["gridPos"]) for each in everything]

    assert len({each["id"] for each in everything}) == len(everything)
    assert len({each["title"] for each in panels(page)}) == len(panels(page))
    assert [title for title, at in places if at["x"] + at["w"] > 24] == []
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, f"{one} lies on {other}"


@pytest.fixture(scope="module")
def provided() -> set[str]:
    sources = (recorded(), of_the_receiver(), of_dcgm(), of_the_rules_themselves())
    return OF_PROMETHEUS.union(*sources)


@EVERY_PAGE
def test_every_metric_is_one_that_somebody_provides(page: str, provided: set[str]) -> None:
    unknown = {str(each): metrics(plain(each)) - provided for each in asked(page)}

    assert {place: names for place, names in unknown.items() if names} == {}


def test_every_query_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"query:{at}", "expr": plain(each)} for at, each in enumerate(ALL)]
    # Every JSON is YAML.
    (tmp_path / "queries.yaml").write_text(json.dumps({"groups": [{"name": "q", "rules": rules}]}))
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed; Debian has it in prometheus"

    result = subprocess.run(  # noqa: S603  # our own arguments
        [promtool, "check", "rules", tmp_path / "queries.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr


@EVERY_PAGE
def test_every_variable_that_is_used_is_declared_and_every_other_is_used(page: str) -> None:
    declared = set(variables(page))
    queries = "".join(each.expr for each in asked(page))

    assert used(json.dumps(DASHBOARDS[page])) == declared
    assert used(queries) == declared - {"datasource"}


@EVERY_PAGE
def test_a_variable_is_chosen_from_what_stands_before_it(page: str) -> None:
    known: set[str] = set()
    for name, variable in variables(page).items():
        assert used(json.dumps(variable["query"])) <= known
        found = LABEL_VALUES.fullmatch(str(variable.get("definition")))
        assert found is None or found["label"] == name, "links between the pages go by that name"
        known.add(name)


@EVERY_PAGE
def test_links_open_another_page_with_variables_that_it_has(page: str) -> None:
    found = list(links(page))

    assert {f"/d/{other}" for other in set(PAGES) - {page}} <= set(found)
    for url in found:
        parts = urlsplit(url)
        target = parts.path.removeprefix("/d/")
        chosen = {name.removeprefix("var-") for name in parse_qs(parts.query) if "var-" in name}
        assert chosen <= set(variables(target)), url
        # What people name their tasks and accounts must not write the rest of the address.
        assert "__data" not in url or re.search(r"__data\.fields\[[^]]+\]:percentencode", url)


def test_dashboard_url_of_every_alert_opens_a_page_with_variables_that_it_has(
    alerts: dict[str, dict[str, Any]],
) -> None:
    annotations = {name: rule["annotations"] for name, rule in alerts.items()}
    urls = {
        name: each["dashboard_url"]
        for name, each in annotations.items()
        if "policy" in alerts[name]["labels"]
    }

    for name, url in urls.items():
        page = urlsplit(url).path.removeprefix("/d/")
        assert page in PAGES, name
        assert set(re.findall(r"var-(\w+)=", url)) <= set(variables(page)), name
    assert len(urls) > 20


def test_page_cluster_names_nobody() -> None:
    page = "gpu-watchdog-cluster"
    board = json.dumps(DASHBOARDS[page])

    assert "username" not in variables(page)
    assert re.findall(r"\{\{username|\"username\"", board) == []


@EVERY_PAGE
def test_a_variable_of_several_is_matched_and_a_single_one_is_equal(page: str) -> None:
    """As Grafana fills them in: (a|b) for several, and one as it is."""
    several = {name for name, one in variables(page).items() if one.get("multi")}
    queries = "".join(each.expr for each in asked(page))

    for label, sign, name in re.findall(r'(\w+)(=~?)"[^"$]*\$([a-z_]+)[^"]*"', queries):
        assert label == name
        assert sign == ("=~" if name in several else "=")


def test_grafana_finds_the_dashboards_and_prometheus_by_their_provisioning() -> None:
    folder = ROOT / "grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "dashboards/dashboards.yaml").read_text())["providers"]
    scraped = yaml.safe_load(read("prometheus/prometheus.yml"))["global"]["scrape_interval"]

    assert source["type"] == "prometheus"
    assert source["isDefault"], "the variable `datasource` begins with the default"
    assert source["jsonData"]["timeInterval"] == scraped
    assert provider["type"] == "file"
    assert provider["options"]["path"]
