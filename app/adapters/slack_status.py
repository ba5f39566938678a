"""What Slack says of the app: what it may do, and whether it is in a channel. Nothing is posted."""

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_errors import slack_errors


async def scopes(client: AsyncWebClient) -> frozenset[str] | None:
    """Return the scopes of the bot's token. None: the answer does not name them.

    Raises:
        UpstreamError: Slack does not take the token, or does not answer.
    """
    with slack_errors():
        answer = await client.auth_test()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        named = headers.get("x-oauth-scopes")
        return None if named is None else frozenset(filter(None, map(str.strip, named.split(","))))


async def read_channel(client: AsyncWebClient, channel: str) -> None:
    """Return when the bot can read a channel, and so is in it.

    Raises:
        UpstreamRejectedError: there is no such channel for it, or it is not in it.
        UpstreamError: Slack does not tell.
    """
    with slack_errors():
        await client.conversations_history(channel=channel, limit=1)
