"""Can Slack be reached, may the app do what it needs, and do the admins hear it?"""

from collections.abc import Iterator

from app.errors import UpstreamRejectedError, WatchdogError
from app.preflight.answers import SlackAnswers
from app.preflight.finding import Finding, missing, not_asked, ok, some, warning
from app.settings import Settings

_NEEDED = ("chat:write", "im:write")
_USEFUL = ("im:history",)
_HISTORY = ("channels:history", "groups:history")
_REINSTALL = "Add them under *OAuth & Permissions* and install the app again: docs/slack.md."
_NOT_THERE = frozenset({"channel_not_found", "not_in_channel"})


def judge_slack(answers: SlackAnswers, settings: Settings) -> Iterator[Finding]:
    scopes = answers.scopes
    if isinstance(scopes, WatchdogError):
        yield missing(
            "slack.token",
            str(scopes),
            "See the way to Slack (proxy), and the bot's token in slack.bot_token_file (xoxb-…).",
        )
    else:
        yield ok("slack.token", "the bot's token is accepted")
        yield _scopes(scopes, settings)
        yield _channel(answers.channel, scopes, settings.slack.admin_channel)
    yield _buttons(answers, settings)


def _scopes(granted: frozenset[str] | None, settings: Settings) -> Finding:
    if granted is None:
        return not_asked("slack.scopes", "Slack does not name the token's scopes")
    looks_up = settings.slack.email_domain or any(one.email for one in settings.users.values())
    people = ("users:read", "users:read.email") if looks_up else ("users:read",)
    lacking = [scope for scope in (*_NEEDED, *people) if scope not in granted]
    if lacking:
        return missing("slack.scopes", f"the app lacks {some(lacking)}", _REINSTALL)
    useful = [scope for scope in _USEFUL if scope not in granted]
    if not granted & set(_HISTORY):
        useful.append(" or ".join(_HISTORY))
    if useful:
        return warning(
            "slack.scopes",
            f"the app lacks {some(useful)}: a message whose answer is lost waits",
            _REINSTALL,
        )
    return ok("slack.scopes", "the app has all scopes that it needs")


def _channel(answer: object, scopes: frozenset[str] | None, channel: str) -> Finding:
    if scopes is not None and not scopes & set(_HISTORY):
        return not_asked("slack.admin_channel", f"{channel} cannot be read without its scope")
    if isinstance(answer, UpstreamRejectedError) and answer.code in _NOT_THERE:
        return missing(
            "slack.admin_channel",
            f"the bot is not in {channel} ({answer.code})",
            "Invite it there (/invite), or correct slack.admin_channel: an id, C….",
        )
    if isinstance(answer, WatchdogError):
        return missing("slack.admin_channel", str(answer), "Correct slack.admin_channel.")
    return ok("slack.admin_channel", "the bot is in the admins' channel")


def _buttons(answers: SlackAnswers, settings: Settings) -> Finding:
    socket = answers.socket
    if isinstance(socket, WatchdogError):
        return missing(
            "slack.buttons",
            f"Socket Mode: {socket}",
            "Correct the app-level token (xapp-…, connections:write) in slack.app_token_file.",
        )
    if socket is not None:
        return ok("slack.buttons", "pressed buttons come by Socket Mode")
    if settings.slack.signing_secret_file is not None:
        return ok("slack.buttons", "pressed buttons come to /slack/interactions")
    return warning(
        "slack.buttons",
        "messages have no buttons: owners say no by links alone",
        "Set slack.app_token_file (Socket Mode) or slack.signing_secret_file: docs/slack.md.",
    )
