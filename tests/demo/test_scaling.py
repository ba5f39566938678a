import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from demo.scaling import (
    ADMIN_TEMPLATES,
    ADMIN_WEBHOOK,
    DETERMINED_TOKEN,
    RULE_FILES,
    WEBHOOK_TOKEN,
    Rendering,
    scale_alertmanager_config,
    scale_duration,
    scale_prometheus_config,
    scale_promql,
    scale_rules_file,
    scaled_alertmanager_flags,
    scaled_prometheus_flags,
    write_scaled_rules,
)

ROOT = Path(__file__).parents[2]
PROMETHEUS_CONFIG = ROOT / "prometheus/prometheus.yml"
ALERTMANAGER_CONFIG = ROOT / "alertmanager/alertmanager.yml"
FACTORS = pytest.mark.parametrize("factor", [1, 7.5, 100, 1_000])


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        pytest.param("30m", "18s", id="minutes to seconds"),
        pytest.param("15s", "150ms", id="seconds to milliseconds"),
        pytest.param("1h30m", "54s", id="compound"),
        pytest.param("2m30s", "1500ms", id="not a whole second"),
        pytest.param("1d", "864s", id="day"),
        pytest.param("50ms", "1ms", id="never zero"),
        pytest.param("0s", "0s", id="zero stays zero"),
        pytest.param("0", "0s", id="bare zero"),
    ],
)
def test_duration_is_divided(text: str, scaled: str) -> None:
    assert scale_duration(text, 100) == scaled


@pytest.mark.parametrize("text", ["", "30", "m", "1.5h", "-5m", "5 m", "{{ $x }}"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        scale_duration(text, 100)


@pytest.mark.parametrize("factor", [0, -1])
def test_time_runs_forward(factor: float) -> None:
    with pytest.raises(ValueError, match="not a factor"):
        scale_duration("5m", factor)


@pytest.mark.parametrize(
    ("expression", "scaled"),
    [
        pytest.param("rate(x[5m])", "rate(x[3s])", id="range"),
        pytest.param("vector(1)[30m:15s]", "vector(1)[18s:150ms]", id="subquery"),
        pytest.param("x[1h:]", "x[36s:]", id="subquery without a step"),
        pytest.param("x[10m] offset 40m", "x[6s] offset 24s", id="offset"),
        pytest.param("x offset -5m", "x offset -3s", id="negative offset"),
        pytest.param("x @ 1700000000", "x @ 1700000000", id="timestamp"),
        pytest.param("x > 300 + 1e3 + 0x5d", "x > 300 + 1e3 + 0x5d", id="numbers"),
        pytest.param("a:x:max5m{b1d=~'5m'}", "a:x:max5m{b1d=~'5m'}", id="names"),
        pytest.param('x{l="[5m] \\" 5m"}', 'x{l="[5m] \\" 5m"}', id="string"),
        pytest.param("x{l=`5m`}[5m]", "x{l=`5m`}[3s]", id="raw string"),
        pytest.param("x # for 5m\n + y[5m]", "x # for 5m\n + y[3s]", id="comment"),
        pytest.param('x{ {{ f "5m" }} }[5m]', 'x{ {{ f "5m" }} }[3s]', id="template"),
    ],
)
def test_only_time_is_divided_in_an_expression(expression: str, scaled: str) -> None:
    assert scale_promql(expression, 100) == scaled


def test_all_times_of_a_rule_are_divided_and_its_words_are_not() -> None:
    text = """
groups:
  - name: g
    interval: 15s
    rules:
      - alert: A
        expr: max_over_time(x[30m]) == 0
        for: 5m
        keep_firing_for: 10m
        annotations:
          description: Nothing for 30m.
          verify: x{ {{ $id }} }[30m]
          evidence: time() - timestamp(x offset 1h)
"""

    group = yaml.safe_load(scale_rules_file(text, 100))["groups"][0]

    assert group["interval"] == "150ms"
    assert group["rules"][0] == {
        "alert": "A",
        "expr": "max_over_time(x[18s]) == 0",
        "for": "3s",
        "keep_firing_for": "6s",
        "annotations": {
            "description": "Nothing for 30m.",
            "verify": "x{ {{ $id }} }[18s]",
            "evidence": "time() - timestamp(x offset 36s)",
        },
    }


@pytest.mark.parametrize("path", sorted((ROOT / "alerting-rules").glob("*.rules.yaml")), ids=str)
def test_factor_one_changes_no_rule(path: Path) -> None:
    original = yaml.safe_load(path.read_text())

    scaled = yaml.safe_load(scale_rules_file(path.read_text(), 1))

    assert _in_seconds(scaled) == _in_seconds(original)


@FACTORS
def test_prometheus_loads_the_scaled_files(factor: float, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    rendering = Rendering(
        addresses={"determined-master:8080": "127.0.0.1:18080"},
        paths={
            DETERMINED_TOKEN: token,
            RULE_FILES: write_scaled_rules(ROOT / "alerting-rules", tmp_path / "rules", factor),
        },
    )
    config = tmp_path / "prometheus.yml"
    config.write_text(scale_prometheus_config(PROMETHEUS_CONFIG.read_text(), factor, rendering))

    result = _run("promtool", "check", "config", str(config))

    assert result.returncode == 0, result.stdout + result.stderr
    count = len(list((ROOT / "alerting-rules").glob("*.rules.yaml")))
    assert f"{count} rule files found" in result.stdout


@FACTORS
def test_alertmanager_loads_the_scaled_file(factor: float, tmp_path: Path) -> None:
    rendering = Rendering(paths={ADMIN_TEMPLATES: ALERTMANAGER_CONFIG.parent / ADMIN_TEMPLATES})
    config = tmp_path / "alertmanager.yml"
    config.write_text(scale_alertmanager_config(ALERTMANAGER_CONFIG.read_text(), factor, rendering))

    result = _run("amtool", "check-config", str(config))

    assert result.returncode == 0, result.stdout + result.stderr


def test_addresses_and_paths_are_those_of_this_run() -> None:
    rendering = Rendering(
        addresses={
            "determined-master:8080": "127.0.0.1:1",
            "gpu-watchdog:8090": "127.0.0.1:2",
            "prometheus:9090": "127.0.0.1:3",
            "alertmanager:9093": "127.0.0.1:4",
        },
        paths={DETERMINED_TOKEN: Path("/here/token")},
    )

    config = yaml.safe_load(scale_prometheus_config(PROMETHEUS_CONFIG.read_text(), 100, rendering))

    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    agents = jobs["determined-agents"]["http_sd_configs"][0]
    assert jobs["determined-master"]["static_configs"][0]["targets"] == ["127.0.0.1:1"]
    assert jobs["determined-master"]["authorization"]["credentials_file"] == "/here/token"
    assert agents["url"] == "http://127.0.0.1:1/prom/det-http-sd-config"
    assert agents["refresh_interval"] == "600ms"
    assert agents["authorization"]["credentials_file"] == "/here/token"
    assert jobs["gpu-watchdog"]["static_configs"][0]["targets"] == ["127.0.0.1:2"]
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:4"]


def test_what_tells_of_itself_alone_is_asked_each_minute() -> None:
    config = yaml.safe_load(scale_prometheus_config(PROMETHEUS_CONFIG.read_text(), 100))

    every = {job["job_name"]: job.get("scrape_interval") for job in config["scrape_configs"]}
    rare = {name: interval for name, interval in every.items() if interval is not None}
    assert config["global"]["scrape_interval"] == "150ms"
    assert rare == {"prometheus": "600ms", "alertmanager": "600ms"}


def test_further_alertmanagers_stand_wherever_the_one_of_the_file_does() -> None:
    rendering = Rendering(
        addresses={"alertmanager:9093": "127.0.0.1:4"}, more_peers=["127.0.0.1:5", "127.0.0.1:6"]
    )

    config = yaml.safe_load(scale_prometheus_config(PROMETHEUS_CONFIG.read_text(), 100, rendering))

    told = config["alerting"]["alertmanagers"][0]["static_configs"]
    [scraped] = [job for job in config["scrape_configs"] if job["job_name"] == "alertmanager"]
    everywhere = [{"targets": ["127.0.0.1:4", "127.0.0.1:5", "127.0.0.1:6"]}]
    assert told == scraped["static_configs"] == everywhere
    others = [job for job in config["scrape_configs"] if job is not scraped]
    assert "127.0.0.1:5" not in str(others)


def test_webhook_goes_to_the_receiver_of_this_run() -> None:
    rendering = Rendering(
        addresses={"gpu-watchdog:8090": "127.0.0.1:2"},
        paths={WEBHOOK_TOKEN: Path("/here/webhook-token")},
    )

    config = yaml.safe_load(
        scale_alertmanager_config(ALERTMANAGER_CONFIG.read_text(), 100, rendering)
    )

    [receiver] = [one for one in config["receivers"] if one["name"] == "gpu-watchdog"]
    [webhook] = receiver["webhook_configs"]
    assert webhook["url"] == "http://127.0.0.1:2/api/v1/alerts"
    assert webhook["http_config"]["authorization"]["credentials_file"] == "/here/webhook-token"


ADMINS = """
templates: [templates/*.tmpl, more/*.tmpl]
route:
  receiver: admins
receivers:
  - name: admins
    slack_configs:
      - api_url_file: /run/secrets/slack_admin_webhook
        text: '{{ template "words" . }} in templates/*.tmpl'
"""


def test_admins_are_told_through_the_webhook_and_in_the_words_of_this_run() -> None:
    paths = {
        ADMIN_WEBHOOK: Path("/here/slack-webhook"),
        ADMIN_TEMPLATES: Path("/repository/alertmanager/templates/*.tmpl"),
    }

    config = yaml.safe_load(scale_alertmanager_config(ADMINS, 100, Rendering(paths=paths)))

    assert config["templates"] == ["/repository/alertmanager/templates/*.tmpl", "more/*.tmpl"]
    assert config["receivers"][0]["slack_configs"] == [
        {
            "api_url_file": "/here/slack-webhook",
            "text": '{{ template "words" . }} in templates/*.tmpl',
        }
    ]


def test_templates_are_found_from_wherever_the_scaled_file_is(tmp_path: Path) -> None:
    words = tmp_path / "repository/templates/words.tmpl"
    words.parent.mkdir(parents=True)
    words.write_text('{{ define "words" }}not closed{{ end')
    rendering = Rendering(paths={ADMIN_TEMPLATES: words.parent / "*.tmpl"})
    config = tmp_path / "alertmanager.yml"
    config.write_text(scale_alertmanager_config(ADMINS, 100, rendering))

    result = _run("amtool", "check-config", str(config))

    assert "words.tmpl" in result.stdout, "that they are read shows in what is wrong with them"


def test_configuration_without_admins_gets_none() -> None:
    text = "route:\n  receiver: 'null'\nreceivers:\n  - name: 'null'\n"
    rendering = Rendering(paths={ADMIN_WEBHOOK: Path("/w"), ADMIN_TEMPLATES: Path("/t")})

    scaled = scale_alertmanager_config(text, 100, rendering)

    assert yaml.safe_load(scaled) == yaml.safe_load(text)


def test_node_exporters_may_live_on_any_port() -> None:
    rendering = Rendering(node_exporters={"127.0.0.1:41": "127.0.0.1:51"})

    config = yaml.safe_load(scale_prometheus_config(PROMETHEUS_CONFIG.read_text(), 100, rendering))

    job = next(job for job in config["scrape_configs"] if job["job_name"] == "node-exporter")
    assert job["relabel_configs"] == [
        {"source_labels": ["__address__"], "regex": r"127\.0\.0\.1:41", "action": "keep"},
        {
            "source_labels": ["__address__"],
            "regex": r"127\.0\.0\.1:41",
            "target_label": "__address__",
            "replacement": "127.0.0.1:51",
        },
    ]


def test_flags_carry_the_time_that_stands_in_no_file() -> None:
    assert scaled_prometheus_flags(100) == [
        "--query.lookback-delta=3s",
        "--rules.alert.resend-delay=600ms",
        "--rules.alert.for-grace-period=6s",
        "--rules.alert.for-outage-tolerance=36s",
    ]
    assert scaled_alertmanager_flags(100) == [
        "--cluster.listen-address=",
        "--alerts.gc-interval=18s",
    ]


def _in_seconds(rules: object) -> str:
    """Write every duration in one way, so that 60m and 3600s compare as equal."""
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    return re.sub(
        r"(\d+)([smhd])\b", lambda found: f"{int(found[1]) * seconds[found[2]]}s", str(rules)
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0])
    assert program, f"{command[0]} is not installed"
    return subprocess.run(  # noqa: S603  # our own arguments
        [program, *command[1:]], capture_output=True, text=True, check=False, timeout=60
    )
