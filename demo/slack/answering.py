"""What an app may do at a response_url: answer the presser, or replace the message."""

from demo.slack.arguments import Arguments
from demo.slack.chat import parent_ts, revision
from demo.slack.errors import SlackError
from demo.slack.model import Json, Message
from demo.slack.response_urls import Address
from demo.slack.state import SlackState

METHOD = "response_url"
"""The name in the record of calls, and that faults go by."""


def answer(state: SlackState, path: str, arguments: Arguments) -> Json:
    """
    Raises:
        SlackError: the address has been used up, or the message is none.
    """
    address = state.response_urls.use(path)
    if arguments.flag("delete_original"):
        _shelf(address).pop(address.message.ts, None)
    elif _replaces(arguments):
        _replace(state, address, arguments)
    else:
        _post(state, address, arguments)
    return {}


def _replaces(arguments: Arguments) -> bool:
    """An app that says nothing about it replaces the message: the surprise of many."""
    if arguments.text("replace_original"):
        return arguments.flag("replace_original")
    return not arguments.text("response_type")


def _replace(state: SlackState, address: Address, arguments: Arguments) -> None:
    if address.message.ts not in _shelf(address):
        raise SlackError("message_not_found")
    said = revision(state, arguments, before=address.message.current)
    address.message.revisions.append(said)


def _post(state: SlackState, address: Address, arguments: Arguments) -> None:
    """Only the presser sees it, unless the app asks for more."""
    thread_ts = parent_ts(address.conversation, arguments.text("thread_ts"))
    everybody = arguments.text("response_type") == "in_channel"
    state.post(
        address.conversation,
        revision(state, arguments),
        thread_ts=thread_ts,
        visible_to=None if everybody else address.user_id,
    )


def _shelf(address: Address) -> dict[str, Message]:
    conversation = address.conversation
    return conversation.ephemeral if address.message.visible_to else conversation.messages
