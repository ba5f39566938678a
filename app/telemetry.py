"""The watchdog's own metrics: one name per fact. Their documentation is docs/metrics.md."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.domain.incident import FINAL_STATES
from app.domain.reclaimed import reclaimed
from app.domain.steps import Transition


class Telemetry:
    """Counts what happens. No task, user or allocation is ever a label value here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._transitions = Counter(
            "watchdog_transitions",
            "Entries in the history of incidents, by reason and the state after it.",
            ["reason", "state"],
            registry=registry,
        )
        self._gpus_reclaimed = Counter(
            "watchdog_gpus_reclaimed",
            "GPUs that stops have freed, as Determined has shown.",
            registry=registry,
        )
        self._gpus_held = Counter(
            "watchdog_gpus_reclaimed_held_seconds",
            "GPU-seconds for which these had been held while the alert's condition held.",
            registry=registry,
        )
        self._webhook_alerts = Counter(
            "watchdog_webhook_alerts",
            "Alerts that the webhook brought: ours, heartbeat, foreign, admins, or broken.",
            ["kind"],
            registry=registry,
        )
        self._webhook_truncated = Counter(
            "watchdog_webhook_truncated_alerts",
            "Alerts that Alertmanager cut from its messages (max_alerts).",
            registry=registry,
        )
        self._deliveries = Counter(
            "watchdog_deliveries",
            "Attempts to send a message, by kind and outcome.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._upstream_up = Gauge(
            "watchdog_upstream_up",
            "1 when the system answered the last time it was asked, else 0.",
            ["system"],
            registry=registry,
        )
        self.open_incidents = Gauge(
            "watchdog_open_incidents", "Open incidents by state.", ["state"], registry=registry
        )
        self._tick_seconds = Histogram(
            "watchdog_tick_seconds", "Duration of a tick of the reconciler.", registry=registry
        )
        self.last_tick: datetime | None = None
        """None until the reconciler has finished its first tick."""
        self._last_tick = Gauge(
            "watchdog_last_tick_timestamp_seconds",
            "When the reconciler last finished a tick.",
            registry=registry,
        )
        self._step_failures = Counter(
            "watchdog_step_failures",
            "Steps (reconcile, delivery, session) that an error ended.",
            ["loop"],
            registry=registry,
        )
        self.oldest_message = Gauge(
            "watchdog_oldest_unsent_message_timestamp_seconds",
            "When the oldest message that waits was ordered; 0 when none waits.",
            registry=registry,
        )
        self.breaker_tripped = Gauge(
            "watchdog_breaker_tripped",
            "1 while the breaker is tripped: nothing is stopped.",
            registry=registry,
        )
        self.stops_last_hour = Gauge(
            "watchdog_stops_last_hour",
            "Allocations that were stopped within the last hour, or may be at any moment.",
            registry=registry,
        )
        self.expired_exemptions = Gauge(
            "watchdog_expired_exemptions",
            "Exemptions of the configuration whose end is past: they protect nobody any more.",
            registry=registry,
        )
        self._config_successful = Gauge(
            "watchdog_config_last_reload_successful",
            "1 when the configuration could be read the last time it changed, else 0.",
            registry=registry,
        )
        self._config_read_at = Gauge(
            "watchdog_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read successfully.",
            registry=registry,
        )
        self.answer_clock = Gauge(
            "watchdog_answer_clock_seconds",
            "The time in which owners could have answered, since the beginning.",
            registry=registry,
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

    def webhook(self, kind: str, count: int) -> None:
        self._webhook_alerts.labels(kind).inc(count)

    def truncated(self, count: int) -> None:
        self._webhook_truncated.inc(count)

    def delivery(self, kind: str, outcome: str) -> None:
        self._deliveries.labels(kind, outcome).inc()

    def upstream(self, system: str, *, reachable: bool) -> None:
        self._upstream_up.labels(system).set(int(reachable))
