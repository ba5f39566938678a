"""Watchdog: what it found, told, held and stopped, and how it is itself."""

from grafana.frame import Frame, Page, marks
from grafana.itself import EACH, ITSELF, UNSEEN
from grafana.panels import Lines, Number, States
from grafana.parts import BLUE, GREEN, ORANGE, RED, Query, State
from grafana.promql import happened, or_none

_SEEN = "max(watchdog_last_tick_timestamp_seconds)"
"""A row while a replica of the watchdog is seen."""
_ANY = "$__range"

_OPEN = "max by (state) (watchdog_open_incidents)"
_WARNED = 'watchdog_deliveries_total{kind="warning", outcome="sent"}'
_KEEPS = 'watchdog_presses_total{verb="keep", outcome="taken"}'
_HELD = 'watchdog_transitions_total{reason="hold_began"}'
_STOPPED = 'watchdog_transitions_total{reason=~"stop_verified|gpus_in_use|gpus_unseen"}'
_DISMISSED = 'watchdog_transitions_total{reason="dismissed"}'
_GPUS = "watchdog_gpus_reclaimed_total"
_HOURS = "watchdog_gpus_reclaimed_held_seconds_total"
_OLDEST = "max(watchdog_oldest_unsent_message_timestamp_seconds)"


def _count(title: str, description: str, counter: str, *, decimals: int = 0) -> Number:
    """Count over the chosen time; 0 only while the watchdog is seen."""
    return Number(
        title,
        description,
        or_none(happened(counter, _ANY), _SEEN),
        unit="none",
        decimals=decimals,
        nothing=UNSEEN,
    )


_NOW = (
    Number(
        "Open incidents",
        "Episodes of an alert that are not over.",
        f"sum({_OPEN})",
        unit="none",
        nothing=UNSEEN,
    ),
    Number(
        "Need a person",
        "Incidents at which the watchdog has come to the end of what it may do.",
        'max(watchdog_open_incidents{state="escalated"})',
        unit="none",
        steps=((None, GREEN), (1, RED)),
        nothing=UNSEEN,
    ),
    Number(
        "Breaker",
        "While it is tripped nothing is stopped, until an admin resets it.",
        "max(watchdog_breaker_tripped)",
        unit="none",
        states={0: State("not tripped", GREEN), 1: State("tripped", RED)},
        nothing=UNSEEN,
    ),
    Number(
        "Stops within 1 h",
        "Allocations that were stopped within the last hour, or may be at any moment; what the "
        "breaker counts, and what a reset has allowed.",
        "max(watchdog_stops_last_hour)",
        unit="none",
        nothing=UNSEEN,
    ),
    Number(
        "Last look",
        "Age of the last tick in which it looked at its incidents. WatchdogStalled fires after 5 "
        "min.",
        f"time() - {_SEEN}",
        unit="s",
        decimals=0,
        steps=((None, GREEN), (60, ORANGE), (300, RED)),
        nothing=UNSEEN,
    ),
    Number(
        "Determined read",
        "Age of what it knows of Determined. After 1 min it publishes no owner, and stops nothing.",
        "time() - max(watchdog_snapshot_timestamp_seconds)",
        unit="s",
        decimals=0,
        steps=((None, GREEN), (60, ORANGE), (120, RED)),
        nothing="Determined was never read",
    ),
)

_DONE = (
    _count("Warnings", "Warnings that Slack confirmed to owners, in this time.", _WARNED),
    _count(
        "Keeps pressed",
        "Buttons to keep a task that were pressed in Slack in this time, declined ones included. "
        "Keeps over the API and the owner's page show as holds.",
        _KEEPS,
    ),
    _count(
        "Holds",
        "How often something began to hold an incident in this time: a keep, a silence, an "
        "exemption, the night, or a system that did not answer.",
        _HELD,
    ),
    _count("Stops", "Tasks stopped in this time: each was seen to end.", _STOPPED),
    _count("False alarms", "Incidents that an admin dismissed in this time.", _DISMISSED),
    _count("GPUs freed", "GPUs that stops have freed in this time.", _GPUS),
    Number(
        "Idle GPU-hours ended",
        "For how long the freed GPUs had been held while the alert's condition held, up to their "
        "stop. How long they would have been held without it nobody knows.",
        f"sum(increase({_HOURS}[{_ANY}])) / 3600",
        unit="none",
        decimals=1,
        nothing=UNSEEN,
    ),
    Number(
        "Oldest message",
        "For how long the oldest message has been waiting for Slack; 0 when none waits.",
        f"(time() - ({_OLDEST} > 0)) or 0 * {_OLDEST}",
        unit="s",
        decimals=0,
        steps=((None, GREEN), (300, ORANGE), (900, RED)),
        nothing=UNSEEN,
    ),
    Number(
        "Owners can answer",
        "Part of the time in which owners could answer, so that grace periods run (S13).",
        "clamp_max(max(rate(watchdog_answer_clock_seconds[5m])), 1)",
        unit="percentunit",
        decimals=0,
        steps=((None, ORANGE), (0.9, GREEN)),
        nothing=UNSEEN,
    ),
    Number(
        "Replicas",
        "Replicas that answer Prometheus. One of them works, the others stand by.",
        'count(up{job="gpu-watchdog"} == 1)',
        unit="none",
        steps=((None, RED), (1, GREEN)),
        nothing="None answers",
    ),
    Number(
        "Configuration",
        "Whether every replica follows the configuration as it is in its file.",
        "min(watchdog_config_last_reload_successful)",
        unit="none",
        states={1: State("in force", GREEN), 0: State("cannot be read", RED)},
        nothing=UNSEEN,
    ),
    Number(
        "Expired exemptions",
        "Entries of `exempt` whose end is past: they protect nobody any more.",
        "max(watchdog_expired_exemptions)",
        unit="none",
        steps=((None, GREEN), (1, ORANGE)),
        nothing=UNSEEN,
    ),
)

_INCIDENTS = (
    Lines(
        "Open incidents, by state",
        "firing: found, nobody told. notified: the owner was told, the grace period runs. held: "
        "something forbids a stop. stopping: decided. escalated: a person must look.",
        (Query(_OPEN, "{{state}}"),),
        unit="none",
        stacked=True,
        nothing=UNSEEN,
    ),
    Lines(
        "What happened to incidents, by reason",
        "Entries in their history, in each interval. What the reasons mean: docs/reasons.md.",
        (Query(happened("watchdog_transitions_total", EACH, "reason"), "{{reason}}"),),
        unit="none",
        bars=True,
        nothing="No incident began or changed",
    ),
    Lines(
        "Warnings, keeps and stops",
        "In each interval.",
        (
            Query(or_none(happened(_WARNED, EACH), _SEEN), "warnings", BLUE),
            Query(or_none(happened(_KEEPS, EACH), _SEEN), "keeps pressed", GREEN),
            Query(or_none(happened(_STOPPED, EACH), _SEEN), "stops", ORANGE),
        ),
        unit="none",
        bars=True,
        nothing=UNSEEN,
    ),
    Lines(
        "Stops within the hour before",
        "What the breaker counts, and what a reset has allowed.",
        (Query("max(watchdog_stops_last_hour)", "stops within 1 h", ORANGE),),
        unit="none",
        nothing=UNSEEN,
    ),
)

_TALK = (
    Lines(
        "Messages, by outcome",
        "Messages that were looked at, in each interval. postponed: to be tried again. refused: a "
        "warning that no owner could get, so nothing of theirs is stopped.",
        (
            Query(
                happened("watchdog_deliveries_total", EACH, "kind, outcome"),
                "{{kind}} {{outcome}}",
            ),
        ),
        unit="none",
        bars=True,
        nothing="No message was due",
    ),
    Lines(
        "Buttons pressed in Slack",
        "In each interval, links left out. taken: done, or declined in words. failed: the database "
        "could not be used. refused: not signed by Slack.",
        (Query(happened("watchdog_presses_total", EACH, "verb, outcome"), "{{verb}} {{outcome}}"),),
        unit="none",
        bars=True,
        nothing="No button was pressed",
    ),
    Lines(
        "Alerts that the webhook brought",
        "In each interval. ours: they may lead to an incident. foreign: passed over. broken: "
        "against the contract of labels.",
        (Query(happened("watchdog_webhook_alerts_total", EACH, "kind"), "{{kind}}"),),
        unit="none",
        bars=True,
        nothing="Nothing came, not even the heartbeat",
    ),
    States(
        "Systems that it needs",
        "Whether each answered the last time it was asked. While one does not, nothing is stopped.",
        (
            Query("max by (system) (watchdog_upstream_up)", "{{system}}"),
            Query("min(watchdog_hears_presses)", "what is pressed in Slack"),
        ),
        states={1: State("answers", GREEN), 0: State("does not", RED)},
        nothing=UNSEEN,
    ),
)

WATCHDOG = Frame(
    page=Page.WATCHDOG,
    description="What GPU Watchdog found, told, held and stopped, and how it is itself.",
    since="now-24h",
    refresh="1m",
    variables=(),
    marks=(
        marks(
            "The breaker is tripped",
            "max(watchdog_breaker_tripped) == 1",
            RED,
            title="The breaker is tripped",
            text="nothing is stopped",
        ),
        marks(
            "Alerts about the watchdog",
            'max by (alertname) (ALERTS{alertstate="firing", policy="self"})',
            ORANGE,
            title="{{alertname}}",
            text="fires",
        ),
    ),
    contents=(
        "Now",
        *_NOW,
        "In this time",
        *_DONE,
        "Incidents",
        *_INCIDENTS,
        "Messages, buttons and systems",
        *_TALK,
        "Itself",
        *ITSELF,
    ),
)
