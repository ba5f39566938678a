"""The configuration: what is wrong in it is named, and nothing is guessed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.policy import Mode
from app.errors import ConfigurationError
from app.settings import CONFIG_VARIABLE, Settings, load_settings, read_secret
from tests.api.conftest import Configure, refusal
from tests.api.receiver import running

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-7f9a"

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(lambda all_: all_.update(moode="warn"), "moode", id="at the top"),
        pytest.param(
            lambda all_: all_["determined"].update(passwrd=SECRET),
            "determined.passwrd",
            id="in a section",
        ),
        pytest.param(
            lambda all_: all_["alertmanagers"][0].update(nmae="am-1"),
            "alertmanagers.0.nmae",
            id="in a list",
        ),
        pytest.param(
            lambda all_: all_.update(policies={"reclaim": {"garce": {}}}),
            "policies.reclaim.garce",
            id="in a policy",
        ),
    ],
)
def test_unknown_key_is_refused_by_its_name(
    configuration: dict[str, Any], configure: Configure, change: Change, named: str
) -> None:
    change(configuration)
    path = configure(configuration)

    words = refusal()

    assert words.startswith(f"{path}: ")
    assert f"  {named}: " in words
    assert SECRET not in words


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(lambda all_: all_.pop("prometheus"), "prometheus", id="section left out"),
        pytest.param(lambda all_: all_.update(alertmanagers=[]), "alertmanagers", id="no peer"),
        pytest.param(lambda all_: all_.update(api_tokens=[]), "api_tokens", id="no token"),
        pytest.param(lambda all_: all_.update(mode="kill"), "mode", id="unknown mode"),
        pytest.param(
            lambda all_: all_.update(tick_interval="soon"), "tick_interval", id="no duration"
        ),
        pytest.param(
            lambda all_: all_.update(tick_interval="0s"), "tick_interval", id="no time at all"
        ),
        pytest.param(
            lambda all_: all_.update(tick_interval="2h"),
            "configuration",
            id="ticks further apart than the gap that does not count",
        ),
        pytest.param(
            lambda all_: all_["prometheus"].update(url=f"http://watchdog:{SECRET}@prometheus"),
            "prometheus.url",
            id="login in an address",
        ),
        pytest.param(
            lambda all_: all_["determined"].pop("password_file"), "determined", id="no credential"
        ),
        pytest.param(
            lambda all_: all_["determined"].update(token_file="token"),
            "determined",
            id="two credentials",
        ),
        pytest.param(
            lambda all_: all_.update(policies={"reclaim": {"grace": {"spaceship": "2h"}}}),
            "policies.reclaim.grace.spaceship.[key]",
            id="unknown type of task",
        ),
        pytest.param(
            lambda all_: all_.update(database_url="sqlite:///state/watchdog.db"),
            "database_url",
            id="database without its driver",
        ),
        pytest.param(
            lambda all_: all_["api_tokens"][0].update(role="root"), "api_tokens.0.role", id="role"
        ),
        pytest.param(
            lambda all_: all_["slack"].update(admins=["carol"]),
            "slack.admins.0",
            id="name for an id of Slack's",
        ),
        pytest.param(
            lambda all_: all_.update(users={"bob": {"delegates": ["C01TEAM"]}}),
            "users.bob.delegates.0",
            id="channel for a person",
        ),
    ],
)
def test_wrong_value_is_refused_by_the_name_of_its_field(
    configuration: dict[str, Any], configure: Configure, change: Change, named: str
) -> None:
    change(configuration)
    configure(configuration)

    words = refusal()

    assert f"  {named}: " in words
    assert SECRET not in words


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"mode: [", id="broken YAML"),
        pytest.param(b"- mode\n- observe\n", id="a list"),
        pytest.param(b"observe", id="a word"),
        pytest.param(b"mode: \xff", id="no text"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_file_that_is_no_configuration_is_named(configure: Configure, content: bytes) -> None:
    path = configure({})
    path.write_bytes(content)

    assert refusal().startswith(str(path))


def test_missing_file_is_named_with_the_variable_that_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nowhere.yaml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))

    words = refusal()

    assert str(path) in words
    assert CONFIG_VARIABLE in words


def test_environment_wins_over_the_file_field_by_field(
    configuration: dict[str, Any], configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = {"action": "kill", "grace_default": "1h", "reminders": [0.25, "7m"]}
    configure(configuration | {"policies": {"reclaim": policy}})
    monkeypatch.setenv("WATCHDOG_MODE", "warn")
    monkeypatch.setenv("WATCHDOG_DETERMINED__URL", "http://master:8080")
    monkeypatch.setenv("WATCHDOG_POLICIES__RECLAIM__GRACE_DEFAULT", "3h")

    settings = load_settings()

    assert settings.mode is Mode.WARN
    assert str(settings.determined.url) == "http://master:8080/"
    assert str(settings.determined.password_file) == configuration["determined"]["password_file"]
    assert settings.policies["reclaim"].grace_default == timedelta(hours=3)
    assert settings.policies["reclaim"].reminders == (0.25, timedelta(minutes=7))


def test_unknown_key_in_the_environment_is_refused_by_its_name(
    configuration: dict[str, Any], configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(configuration)
    monkeypatch.setenv("WATCHDOG_DETERMINED__ADDRESS", "http://master:8080")

    assert "determined.address: " in refusal()


SHORT = [
    pytest.param({"grace_default": "4m59s"}, id="for every task"),
    pytest.param({"grace": {"notebook": "1m"}}, id="for one type of task"),
]


@pytest.mark.parametrize("policy", SHORT)
def test_grace_period_is_long_enough_to_read_a_message(
    configuration: dict[str, Any], configure: Configure, policy: dict[str, Any]
) -> None:
    configure(configuration | {"policies": {"reclaim": policy}})

    assert "a grace period is at least 5m" in refusal()


@pytest.mark.parametrize("policy", SHORT)
def test_grace_period_may_be_shorter_where_every_system_is_on_loopback(
    configuration: dict[str, Any], configure: Configure, policy: dict[str, Any]
) -> None:
    beside = {
        "prometheus": {"url": "http://localhost:9090"},
        "alertmanagers": [{"url": "http://[::1]:9093"}],
        "policies": {"reclaim": policy},
    }
    configure(configuration | beside)

    assert load_settings().is_on_loopback


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param({"prometheus": {"url": "http://prometheus:9090"}}, id="Prometheus"),
        pytest.param(
            {"alertmanagers": [{"url": "http://127.0.0.1:1"}, {"url": "http://10.0.0.1:9093"}]},
            id="one of the peers",
        ),
        pytest.param(
            {
                "determined": {
                    "url": "http://127.0.0.1.example.org",
                    "token_file": "determined_token",
                }
            },
            id="Determined, by a name like an address",
        ),
        pytest.param(
            {
                "slack": {
                    "api_url": "https://slack.com/api/",
                    "bot_token_file": "token",
                    "admin_channel": "C1",
                }
            },
            id="Slack",
        ),
    ],
)
def test_one_system_elsewhere_is_enough_for_the_longer_grace_period(
    configuration: dict[str, Any], configure: Configure, elsewhere: dict[str, Any]
) -> None:
    beside = {
        "prometheus": {"url": "http://127.0.0.1:9090"},
        "alertmanagers": [{"url": "http://127.0.0.1:9093"}],
        "policies": {"reclaim": {"grace_default": "1m"}},
    }
    configure(configuration | beside | elsewhere)

    assert "a grace period is at least 5m" in refusal()


def test_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(ROOT / "watchdog.example.yaml"))

    assert load_settings().mode is Mode.OBSERVE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param(b" \n", "is empty", id="empty"),
        pytest.param(b"s3cr3t\xff", "is not text", id="no text"),
    ],
)
def test_secret_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        read_secret(path)

    assert str(path) in str(refused.value)
    assert why in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["determined_password", "slack_bot_token", "alertmanager_token", "next_token"]
)
async def test_receiver_without_a_secret_does_not_start(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).unlink()

    with pytest.raises(ConfigurationError, match=name):
        async with running(settings):
            pass
