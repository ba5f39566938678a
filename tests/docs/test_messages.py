"""docs/messages.md is what the watchdog says."""

from app.domain.actions import MessageKind
from app.domain.digest_times import DigestKind
from tests.docs.digests import digests
from tests.docs.messages import COMMAND, PAGE, examples, page


def test_page_shows_what_messages_say_now() -> None:
    assert PAGE.read_text() == page(), f"run `{COMMAND}`"


def test_every_kind_of_message_has_an_example() -> None:
    assert {each.notice.kind for each in examples()} == set(MessageKind)
    assert {each.kind for each in digests()} == set(DigestKind)
