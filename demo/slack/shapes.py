"""Users, conversations and messages in the shapes of Slack's answers."""

from demo.slack.model import Conversation, Json, Message, User
from demo.slack.sockets import APP_ID
from demo.slack.state import BOT_ID, TEAM_ID, SlackState


def user_object(state: SlackState, user: User) -> Json:
    """A deactivated user has no time zone any more; the e-mail needs a scope of its own."""
    profile: Json = {"real_name": user.username.title(), "display_name": user.username}
    if "users:read.email" in state.scopes and user.email:
        profile["email"] = user.email
    shape: Json = {
        "id": user.user_id,
        "team_id": TEAM_ID,
        "name": user.username,
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": int(state.now().timestamp()),
    }
    if user.deleted:
        return shape
    local = state.now().astimezone(user.timezone)
    offset = local.utcoffset()
    return shape | {
        "real_name": user.username.title(),
        "tz": user.timezone.key,
        "tz_label": local.tzname(),
        "tz_offset": int(offset.total_seconds()) if offset else 0,
    }


def direct_object(conversation: Conversation, *, full: bool) -> Json:
    if not full:
        return {"id": conversation.channel_id}
    return {
        "id": conversation.channel_id,
        "is_im": True,
        "user": conversation.user_id,
        "is_org_shared": False,
    }


def message_object(message: Message, *, with_metadata: bool = True) -> Json:
    said = message.current
    shape: Json = {
        "type": "message",
        "user": message.user_id,
        "ts": message.ts,
        "text": said.text,
        "team": TEAM_ID,
    }
    if message.bot_id and message.bot_id != BOT_ID:
        # A webhook's messages have no user behind them.
        del shape["user"]
        shape |= {"subtype": "bot_message", "bot_id": message.bot_id}
    elif message.bot_id:
        shape |= {
            "bot_id": message.bot_id,
            "app_id": APP_ID,
            "bot_profile": {
                "id": message.bot_id,
                "app_id": APP_ID,
                "name": "watchdog",
                "deleted": False,
                "team_id": TEAM_ID,
            },
        }
    if said.blocks:
        shape["blocks"] = list(said.blocks)
    if said.attachments:
        shape["attachments"] = [one.model_dump(exclude_unset=True) for one in said.attachments]
    if message.client_msg_id:
        shape["client_msg_id"] = message.client_msg_id
    if said.metadata and with_metadata:
        shape["metadata"] = said.metadata
    if message.thread_ts:
        shape["thread_ts"] = message.thread_ts
    if message.broadcast:
        shape["subtype"] = "thread_broadcast"
    if message.edited:
        # Slack gives the time of the edit in whole seconds.
        shape["edited"] = {"user": message.user_id, "ts": f"{said.at.timestamp():.0f}.000000"}
    return shape


def parent_object(conversation: Conversation, message: Message, *, with_metadata: bool) -> Json:
    """Return a message with what is known of its thread."""
    shape = message_object(message, with_metadata=with_metadata)
    if message.thread_ts:
        root = conversation.messages.get(message.thread_ts)
        return shape | ({"root": message_object(root, with_metadata=False)} if root else {})
    replies = conversation.replies(message.ts)
    if not replies:
        return shape
    authors = list(dict.fromkeys(reply.user_id for reply in replies))
    return shape | {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(authors),
        "reply_users": authors,
        "latest_reply": replies[-1].ts,
        "subscribed": False,
    }
