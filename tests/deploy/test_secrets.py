"""scripts/make-secrets: nobody has to think of a password, and none is lost or seen."""

import re
import shutil
import stat

import pytest
import yaml

from tests.deploy.compose import read
from tests.deploy.conftest import Secrets

TO_BE_BROUGHT = {
    "determined_password",
    "slack_bot_token",
    "slack_app_token",
    "slack_admin_webhook",
}


def test_every_secret_of_the_containers_is_made(made_secrets: Secrets) -> None:
    made = {path.name for path in made_secrets.folder.iterdir()}

    assert made == set(read()["secrets"])


def test_what_somebody_has_to_bring_is_empty_and_named(made_secrets: Secrets) -> None:
    empty = {path.name for path in made_secrets.folder.iterdir() if not path.stat().st_size}

    told = made_secrets.make()

    assert empty == TO_BE_BROUGHT
    assert told.splitlines() == [
        f"to be filled: {made_secrets.folder}/{name}"
        for name in re.findall(r"\w+$", told, re.MULTILINE)
    ]


def test_no_secret_can_be_read_by_others_and_none_is_another(made_secrets: Secrets) -> None:
    paths = list(made_secrets.folder.iterdir())

    assert [p.name for p in paths if stat.S_IMODE(p.stat().st_mode) & 0o007] == []
    words = [p.read_text() for p in paths if p.name not in TO_BE_BROUGHT]
    assert len(set(words)) == len(words)
    assert min(len(word.strip()) for word in words) >= 32
    # Otherwise PostgreSQL's client does not look at it.
    assert stat.S_IMODE((made_secrets.folder / "pgpass").stat().st_mode) == 0o400


def test_what_is_there_stays_and_what_is_removed_is_made_anew(
    made_secrets: Secrets, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Secrets(tmp_path_factory.mktemp("copy") / "secrets")
    shutil.copytree(made_secrets.folder, copy.folder)
    (copy.folder / "operator_token").unlink()

    copy.make()

    changed = {
        path.name
        for path in copy.folder.iterdir()
        if path.read_bytes() != (made_secrets.folder / path.name).read_bytes()
    }
    assert changed == {"operator_token"}


def test_alertmanager_lets_in_whoever_needs_it_and_nobody_else(made_secrets: Secrets) -> None:
    users = {
        name: set(yaml.safe_load(made_secrets.read(f"{name}_web"))["basic_auth_users"])
        for name in ("prometheus", "alertmanager")
    }

    # Whoever may silence may stop the watchdog.
    assert users["alertmanager"] == {"admin", "alertmanager", "prometheus", "watchdog"}
    assert users["prometheus"] == {"admin", "grafana", "prometheus", "watchdog"}
