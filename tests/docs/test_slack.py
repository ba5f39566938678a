"""docs/slack.md, held to what the code asks of Slack, and to itself."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from app.api import slack
from tests.docs.pages import ROOT, blocks, codes, read, rows, section

PAGE = read("docs/slack.md")
SCOPES = rows(PAGE, "scope", "token", "methods", "why")
MANIFESTS = {
    "Socket Mode": "### The manifest for Socket Mode",
    "the request URL": "### The manifest for the request URL",
}
NEEDED = {
    "auth.test": set(),
    "apps.connections.open": {"connections:write"},
    "chat.postMessage": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"im:history", "channels:history", "groups:history"},
    "conversations.open": {"im:write"},
    "conversations.replies": {"im:history", "channels:history", "groups:history"},
    "users.info": {"users:read"},
    "users.lookupByEmail": {"users:read.email"},
}
"""The scopes that each method needs where we use it, by Slack's documentation."""


def called() -> Iterator[str]:
    """Yield the methods of Slack's Web API that the adapters call."""
    for path in (ROOT / "app/adapters").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else ""
            if "_" in name.strip("_") and name in vars(AsyncWebClient):
                yield name.replace("_", ".")


def manifest(way: str) -> dict[str, Any]:
    [text] = blocks(section(PAGE, MANIFESTS[way]), "yaml")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def scopes(*tokens: str) -> set[str]:
    return {scope for row in SCOPES if row["token"] in tokens for scope in codes(row["scope"])}


def test_methods_are_those_that_are_called() -> None:
    methods = {method for row in SCOPES for method in codes(row["methods"])}

    assert methods == set(called())
    assert "chat.postMessage" in methods, "the search finds no calls any more"


def test_scopes_are_those_that_the_methods_need_and_no_other() -> None:
    found: dict[str, set[str]] = {}
    for row in SCOPES:
        for method in codes(row["methods"]):
            found.setdefault(method, set()).update(codes(row["scope"]))

    assert found == {method: NEEDED[method] for method in called()}


def test_readme_names_the_same_scopes() -> None:
    named = {
        scope for row in rows(read("README.md"), "scope", "why") for scope in codes(row["scope"])
    }

    assert named == scopes("bot", "app")


@pytest.mark.parametrize("way", MANIFESTS)
def test_manifest_asks_for_the_scopes_of_the_bot(way: str) -> None:
    asked = manifest(way)["oauth_config"]

    assert asked.keys() == {"scopes"}
    assert asked["scopes"].keys() == {"bot"}
    assert set(asked["scopes"]["bot"]) == scopes("bot")


def test_manifests_differ_in_the_way_back_alone() -> None:
    socket, request = (manifest(way) for way in MANIFESTS)

    assert socket.pop("settings") == {
        "interactivity": {"is_enabled": True},
        "org_deploy_enabled": False,
        "socket_mode_enabled": True,
        "token_rotation_enabled": False,
    }
    [route] = slack.router.routes
    assert request.pop("settings") == {
        "interactivity": {
            "is_enabled": True,
            "request_url": f"https://watchdog.example{route.path}",  # type: ignore[attr-defined] # all of ours have one
        },
        "org_deploy_enabled": False,
        "socket_mode_enabled": False,
        "token_rotation_enabled": False,
    }
    assert socket == request


def test_manifest_keeps_to_slacks_limits() -> None:
    """35 characters for a name, 140 for the description, 80 for the bot's name."""
    about = manifest("Socket Mode")

    assert len(about["display_information"]["name"]) <= 35
    assert len(about["display_information"]["description"]) <= 140
    assert len(about["features"]["bot_user"]["display_name"]) <= 80
