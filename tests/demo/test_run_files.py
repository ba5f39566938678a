"""What a run of the demo finds in its folder."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from demo.plain import PLAIN
from demo.run_files import ROOT, RunFiles
from demo.simulation import Addresses
from demo.slack.control import SlackControl
from demo.slack.interactions import signature


@pytest.fixture
def files(tmp_path: Path, simulation: Addresses) -> RunFiles:
    return RunFiles(
        folder=tmp_path,
        factor=100,
        simulated=simulation,
        prometheus="127.0.0.1:1",
        alertmanagers=["127.0.0.1:2", "127.0.0.1:4"],
        receiver="127.0.0.1:3",
        tokens={"alertmanager": "t0k3n"},
        settings={},
    )


def test_webhook_in_the_folder_leads_to_the_admins_of_this_run(
    files: RunFiles, simulation: Addresses
) -> None:
    files.write()

    # Alertmanager takes the file's words as they are, but for the space around them.
    url = (files.folder / "secrets/slack_admin_webhook").read_text().strip()
    answer = httpx.post(url, json={"attachments": [{"title": "ExporterDown"}]}, verify=PLAIN)
    assert answer.text == "ok"
    with SlackControl(simulation.slack) as slack:
        [message] = slack.messages("#gpu-admins")
    assert message.shown.strip() == "ExporterDown"


def test_alertmanager_of_this_run_has_nothing_outside_the_folder_but_the_templates(
    files: RunFiles,
) -> None:
    files.write()

    config = yaml.safe_load((files.folder / "alertmanager.yml").read_text())
    assert "/run/secrets" not in str(config)
    assert set(config.get("templates", [])) <= {str(ROOT / "alertmanager/templates/*.tmpl")}


async def test_secrets_in_the_folder_are_those_of_the_simulated_slack(
    files: RunFiles, simulation: Addresses
) -> None:
    files.write()

    app_token, signing_secret = (
        (files.folder / "secrets" / name).read_text()
        for name in ("slack_app_token", "slack_signing_secret")
    )
    client = AsyncWebClient(base_url=f"{simulation.slack}/api/")
    opened = await client.apps_connections_open(app_token=app_token)
    assert str(opened["url"]).startswith("ws://")
    assert signature(b"", 0) == signature(b"", 0, secret=signing_secret)


def test_receiver_of_this_run_asks_every_alertmanager(files: RunFiles) -> None:
    files.write()

    settings = yaml.safe_load((files.folder / "watchdog.yaml").read_text())
    urls = [peer["url"] for peer in settings["alertmanagers"]]
    assert urls == ["http://127.0.0.1:2", "http://127.0.0.1:4"]


def test_settings_change_beside_those_of_the_run_and_are_brought_back(files: RunFiles) -> None:
    files.write()
    watchdog, prometheus = files.folder / "watchdog.yaml", files.folder / "prometheus.yml"
    before, others = watchdog.read_text(), prometheus.stat().st_mtime_ns

    files.write_settings({"mode": "warn", "limits": {"stop_retry": "5m"}})

    changed = yaml.safe_load(watchdog.read_text())
    assert (changed["mode"], changed["limits"]["stop_retry"]) == ("warn", "3s")
    files.write_settings({})
    assert watchdog.read_text() == before
    assert prometheus.stat().st_mtime_ns == others, "nothing else is written"


def test_rules_that_a_run_does_without_are_not_there(files: RunFiles) -> None:
    replace(files, without=["usage.rules.yaml"]).write()

    shipped = {path.name for path in (ROOT / "alerting-rules").glob("*.rules.yaml")}
    written = {path.name for path in (files.folder / "rules").iterdir()}
    assert shipped - written == {"usage.rules.yaml"}
