"""Message attachments: older than blocks, and what Alertmanager's messages consist of."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AttachmentField(_Part):
    title: str = ""
    value: str = ""
    short: bool = False
    """Whether there is room for another one beside it."""


class AttachmentAction(_Part):
    """A button. Only one with an address does something, as with those of blocks."""

    text: str = ""
    url: str = ""
    style: str = ""


class Attachment(_Part):
    pretext: str = ""
    """Stands above the attachment."""
    title: str = ""
    title_link: str = ""
    text: str = ""
    fields: tuple[AttachmentField, ...] = ()
    actions: tuple[AttachmentAction, ...] = ()
    footer: str = ""
    fallback: str = ""
    """What notifications show instead of all this."""
    color: str = ""
    """`good`, `warning`, `danger`, or six hexadecimal digits. Anything else is grey."""
    mrkdwn_in: tuple[str, ...] = ("pretext", "text")
    """Of `pretext`, `text` and `fields`, those that are mrkdwn; the others are plain."""

    @property
    def words(self) -> list[str]:
        """All that is shown."""
        return [word for word in self._words() if word]

    def _words(self) -> Iterator[str]:
        yield from (self.pretext, self.title, self.text)
        for field in self.fields:
            yield from (field.title, field.value)
        yield from (action.text for action in self.actions)
        yield self.footer
