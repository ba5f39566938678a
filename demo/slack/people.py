"""The methods about users, and the beginning of a direct message."""

from demo.slack.arguments import Arguments
from demo.slack.errors import SlackError
from demo.slack.model import Json
from demo.slack.shapes import direct_object, user_object
from demo.slack.state import BOT_ID, TEAM_ID, SlackState


def auth_test(state: SlackState, _arguments: Arguments) -> Json:
    return {
        "url": "https://lab.slack.example/",
        "team": "Lab",
        "user": state.bot.username,
        "team_id": TEAM_ID,
        "user_id": state.bot.user_id,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def lookup_by_email(state: SlackState, arguments: Arguments) -> Json:
    """Slack does not find who was deactivated."""
    email = arguments.text("email").lower()
    for user in state.users.values():
        if email and user.email.lower() == email and not user.deleted:
            return {"user": user_object(state, user)}
    raise SlackError("users_not_found")


def info(state: SlackState, arguments: Arguments) -> Json:
    user = state.users.get(arguments.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_object(state, user)}


def open_conversation(state: SlackState, arguments: Arguments) -> Json:
    user_ids = [part.strip() for part in arguments.text("users").split(",") if part.strip()]
    if not user_ids:
        raise SlackError("users_list_not_supplied")
    if len(user_ids) > 1:
        state.require("mpim:write")
        raise SlackError("too_many_users")
    user = state.users.get(user_ids[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.deleted:
        raise SlackError("user_disabled")
    known = len(state.conversations)
    conversation = state.open_direct(user)
    shape = direct_object(conversation, full=arguments.flag("return_im"))
    if len(state.conversations) == known:
        return {"no_op": True, "already_open": True, "channel": shape}
    return {"channel": shape}
