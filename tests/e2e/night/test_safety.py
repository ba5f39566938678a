"""The safety rules, each by what it is there for: something goes wrong after the warning."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from demo.world import World
from tests.e2e.night.night import GRACE, LAST_SECOND, Night, Take
from tests.e2e.night.watching import (
    histories,
    shown_to_admins,
    stopped_after,
    wait_for_reason,
    warnings,
)

pytestmark = pytest.mark.e2e
DATABASE = "postgresql"


@contextmanager
def hanging(world: World) -> Iterator[None]:
    """Let every Alertmanager accept connections, and never answer."""
    for peer in world.peers:
        peer.suspend()
    try:
        yield
    finally:
        for peer in world.peers:
            peer.resume()


def test_s13_a_keep_in_the_last_second_holds_though_no_peer_answers(
    night: Night, take: Take
) -> None:
    task, world = take("bob"), night.world
    deadline = night.warn(task)
    incident = night.stage.incident(task, "notified")
    night.wait_until(deadline - LAST_SECOND)
    with hanging(world):
        kept = world.act(
            f"/api/v1/incidents/{incident['incident_id']}/keep",
            {"duration": "10m", "reason": "a long run"},
        )
        night.wait_past(deadline)
    assert kept.is_success
    night.wait_past(datetime.now(UTC))

    assert night.is_spared(task)
    holds = {hold["reason"] for hold in night.stage.incident(task, "held")["holds"]}
    # The silence made of it may hold the task too, and on a busy machine an inhibition.
    assert "kept" in holds


def test_s5_without_the_heartbeat_nothing_is_stopped_and_with_it_all_is(
    night: Night, take: Take
) -> None:
    task, world = take("carol"), night.world
    deadline = night.warn(task)
    token = world.folder / "secrets" / "alertmanager_token"
    token.write_text("nobody's")
    try:
        night.wait_past(deadline)

        assert wait_for_reason(night.stage, task, "heartbeat_missing")
        assert night.is_spared(task)
    finally:
        token.write_text(world.tokens["alertmanager"])
    night.stage.incident(task, "stopped")
    assert stopped_after(night.stage, task) >= night.stage.scaled(GRACE)


def test_s3_samples_that_are_too_old_prove_nothing_though_verify_holds(
    night: Night, take: Take
) -> None:
    """What an exporter tells no more, Prometheus drops at its next scrape, so it is missing. What
    is there and too old shows where less is allowed than lies between two scrapes.
    """
    stage, world, task = night.stage, night.world, take("carol")
    deadline = night.warn(task)
    with night.configured(limits={"evidence_age": "1s"}):
        night.wait_past(deadline)

        assert wait_for_reason(stage, task, "evidence_stale")
        assert night.is_spared(task)
        assert world.rows(night.annotation(task, "verify")), "the condition holds all the while"
    entry = next(each for each in histories(stage, task) if each["reason"] == "evidence_stale")
    assert entry["evidence"]["verify"]["result"], "and did so when it was judged"
    stage.incident(task, "stopped")
    assert stopped_after(stage, task) >= stage.scaled(GRACE)


def test_s7_one_stop_too_many_trips_the_breaker_and_s9_its_reset_begins_anew(
    night: Night, take: Take
) -> None:
    """One has been stopped when the other is warned: no look at what is due sees both."""
    stage, world = night.stage, night.world
    first, second = take("alice"), take("bob")
    # What was stopped before the last reset counts no more.
    world.act("/api/v1/breaker", {"action": "trip", "reason": "something looks odd"})
    world.act("/api/v1/breaker", {"action": "reset", "reason": "it was nothing"})
    with night.configured(breaker={"max_stops_per_hour": 1, "floor": 1}), night.breaker_reset():
        night.warn(first)
        stage.incident(first, "stopped")
        night.warn(second)
        stage.wait_for(lambda: world.query("max(watchdog_breaker_tripped)") == 1, "it trips")
        night.wait_past(datetime.now(UTC))

        assert night.is_spared(second)
        assert "breaker" in {hold["reason"] for hold in stage.incident(second, "held")["holds"]}
        assert any(second.task_id in text for text in shown_to_admins(stage)), (
            "admins read what was about to happen"
        )

        reset_at = datetime.now(UTC)
        world.act("/api/v1/breaker", {"action": "reset", "reason": "looked at it"})
        stage.incident(second, "stopped")
        assert warnings(stage, second)[-1].posted_at > reset_at, "who was spared is warned anew"
        assert stopped_after(stage, second) >= stage.scaled(GRACE)


def test_s10_a_lowered_mode_takes_the_threat_back(night: Night, take: Take) -> None:
    task = take("dan")
    deadline = night.warn(task)
    with night.configured(mode="warn"):
        night.wait_past(deadline)

        assert night.is_spared(task)
        assert night.stage.incident(task, "notified")["targets"][0]["deadline"] is None
