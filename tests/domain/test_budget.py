"""What Slack takes: one message a second in a channel, and so many a minute in the workspace."""

from datetime import timedelta

from app.domain.budget import Budget

SECOND = timedelta(seconds=1)
NOTHING = timedelta()


def test_the_first_message_is_sent_at_once() -> None:
    assert Budget().wait("D1", 5 * SECOND) == NOTHING


def test_a_channel_gets_its_next_message_a_second_later() -> None:
    budget = Budget()
    budget.spend("D1", 5 * SECOND)

    assert budget.wait("D1", 5 * SECOND) == SECOND
    assert budget.wait("D1", 5.75 * SECOND) == 0.25 * SECOND
    assert budget.wait("D1", 6 * SECOND) == NOTHING


def test_another_channel_does_not_wait_for_it() -> None:
    budget = Budget()
    budget.spend("D1", 5 * SECOND)

    assert budget.wait("D2", 5 * SECOND) == NOTHING


def test_the_workspace_gets_no_more_than_so_many_a_minute() -> None:
    budget = Budget(per_minute=3)
    for number in range(3):
        budget.spend(f"D{number}", number * SECOND)

    assert budget.wait("D9", 10 * SECOND) == 50 * SECOND
    assert budget.wait("D9", 60 * SECOND) == NOTHING


def test_what_was_sent_long_ago_is_forgotten() -> None:
    budget = Budget(per_minute=3)
    for number in range(100):
        budget.spend(f"D{number}", number * 30 * SECOND)
        budget.wait("D", number * 30 * SECOND)

    assert len(budget._sent) <= 3  # Its size is what is asked.
    assert len(budget._last) <= 4
