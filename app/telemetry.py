"""The watchdog's own metrics: one name per fact. Their documentation is docs/metrics.md."""

from datetime import datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.domain.incident import FINAL_STATES
from app.domain.reclaimed import reclaimed
from app.domain.steps import Transition


class _Levels:
    """How things stand."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self._upstream_up = gauge(
            "watchdog_upstream_up",
            "1 when the system answered the last time it was asked, else 0.",
            ["system"],
        )
        self.lease_held = gauge(
            "watchdog_lease_held",
            "1 while this process is the one that does this, else 0.",
            ["duty"],
        )
        self.open_incidents = gauge(
            "watchdog_open_incidents", "Open incidents by state.", ["state"]
        )
        self._last_tick = gauge(
            "watchdog_last_tick_timestamp_seconds", "When the reconciler last finished a tick."
        )
        self.oldest_message = gauge(
            "watchdog_oldest_unsent_message_timestamp_seconds",
            "When the oldest message that waits was ordered; 0 when none waits.",
        )
        self.breaker_tripped = gauge(
            "watchdog_breaker_tripped", "1 while the breaker is tripped: nothing is stopped."
        )
        self.stops_last_hour = gauge(
            "watchdog_stops_last_hour",
            "Allocations that were stopped within the last hour, or may be at any moment.",
        )
        self.expired_exemptions = gauge(
            "watchdog_expired_exemptions",
            "Exemptions of the configuration whose end is past: they protect nobody any more.",
        )
        self._slack_socket_connected = gauge(
            "watchdog_slack_socket_connected",
            "1 while Slack can tell this process over Socket Mode what is pressed, else 0.",
        )
        self.hears_presses = gauge(
            "watchdog_hears_presses",
            "1 while what people press in Slack would reach this process, else 0: then no grace"
            " period runs. Always 1 where Socket Mode is not used.",
        )
        self._config_successful = gauge(
            "watchdog_config_last_reload_successful",
            "1 when the configuration could be read the last time it changed, else 0.",
        )
        self._config_read_at = gauge(
            "watchdog_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read successfully.",
        )
        self.answer_clock = gauge(
            "watchdog_answer_clock_seconds",
            "The time in which owners could have answered, since the beginning.",
        )


class Telemetry(_Levels):
    """Counts what happens. No task, user or allocation is ever a label value here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.registry = registry
        self.knows_incidents = False
        """Until what is open was read from the database for the first time."""
        self.last_tick: datetime | None = None
        """None until the reconciler has finished its first tick."""
        counter = partial(Counter, registry=registry)
        self._transitions = counter(
            "watchdog_transitions",
            "Entries in the history of incidents, by reason and the state after it.",
            ["reason", "state"],
        )
        self._gpus_reclaimed = counter(
            "watchdog_gpus_reclaimed",
            "GPUs that stops have freed: seen free, or with another task.",
        )
        self._gpus_held = counter(
            "watchdog_gpus_reclaimed_held_seconds",
            "GPU-seconds for which these had been held while the alert's condition held.",
        )
        self._webhook_alerts = counter(
            "watchdog_webhook_alerts",
            "Alerts that the webhook brought: ours, heartbeat, foreign, admins, or broken.",
            ["kind"],
        )
        self._webhook_truncated = counter(
            "watchdog_webhook_truncated_alerts",
            "Alerts that Alertmanager cut from its messages (max_alerts).",
        )
        self._deliveries = counter(
            "watchdog_deliveries",
            "Attempts to send a message, by kind and outcome.",
            ["kind", "outcome"],
        )
        self._presses = counter(
            "watchdog_presses",
            "Buttons that somebody pressed in Slack, by what they ask for and outcome.",
            ["verb", "outcome"],
        )
        self._tick_seconds = Histogram(
            "watchdog_tick_seconds", "Duration of a tick of the reconciler.", registry=registry
        )
        self._step_failures = counter(
            "watchdog_step_failures",
            "Steps that an error ended, by the loop that goes on.",
            ["loop"],
        )

        self._failed_authentications = counter(
            "watchdog_api_failed_authentications",
            "Requests without a token that is known, by what became of them.",
            ["outcome"],
        )
        self._pruned = counter(
            "watchdog_pruned",
            "Rows of what has been over for longer than it is remembered, forgotten by table.",
            ["table"],
        )

    def transition(self, transition: Transition) -> None:
        for entry in transition.entries:
            self._transitions.labels(entry.reason, entry.after).inc()
        if any(
            each.after in FINAL_STATES and each.before != each.after for each in transition.entries
        ):
            freed = reclaimed(transition.incident)
            self._gpus_reclaimed.inc(freed.gpus)
            self._gpus_held.inc(freed.held.total_seconds())

    def configured(self, at: datetime) -> None:
        self._config_successful.set(1)
        self._config_read_at.set(at.timestamp())

    def misconfigured(self) -> None:
        self._config_successful.set(0)

    def ticked(self, at: datetime, seconds: float) -> None:
        self.last_tick = at
        self._last_tick.set(at.timestamp())
        self._tick_seconds.observe(seconds)

    def step_failed(self, loop: str) -> None:
        self._step_failures.labels(loop).inc()

    def pruned(self, table: str, rows: int) -> None:
        self._pruned.labels(table).inc(rows)

    def failed_authentication(self, outcome: str) -> None:
        self._failed_authentications.labels(outcome).inc()

    def webhook(self, kind: str, count: int) -> None:
        self._webhook_alerts.labels(kind).inc(count)

    def truncated(self, count: int) -> None:
        self._webhook_truncated.inc(count)

    def delivery(self, kind: str, outcome: str) -> None:
        self._deliveries.labels(kind, outcome).inc()

    def press(self, verb: str, outcome: str) -> None:
        self._presses.labels(verb, outcome).inc()

    def slack_socket(self, connected: bool) -> None:  # noqa: FBT001 -- the gauge is 1 or 0.
        self._slack_socket_connected.set(int(connected))

    def upstream(self, system: str, *, reachable: bool) -> None:
        self._upstream_up.labels(system).set(int(reachable))
