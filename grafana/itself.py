"""How the watchdog is itself: its ticks, its loops, its rules; the last row of its page."""

from grafana.panels import Lines, States
from grafana.parts import GREEN, ORANGE, RED, Query, State
from grafana.promql import happened
from grafana.tables import Column, Table

UNSEEN = "The watchdog is not seen"
EACH = "$__interval"
"""Of the chart; at least a minute, and so four samples. Nothing is counted twice."""
_RATE = "$__rate_interval"

ITSELF = (
    Lines(
        "How long a tick takes",
        "Of the reconciler: half of the ticks are faster than the first line, 99 % than the "
        "second.",
        tuple(
            Query(
                f"histogram_quantile({quantile}, "
                f"sum by (le) (rate(watchdog_tick_seconds_bucket[{_RATE}])))",
                name,
                colour,
            )
            for quantile, name, colour in ((0.5, "half", GREEN), (0.99, "99 %", ORANGE))
        ),
        unit="s",
        width=8,
        nothing=UNSEEN,
    ),
    Lines(
        "Errors, by loop",
        "Steps that an error ended, in each interval; the loop goes on, and the log says why.",
        (Query(happened("watchdog_step_failures_total", EACH, "loop"), "{{loop}}"),),
        unit="none",
        width=8,
        bars=True,
        nothing="No step has failed",
    ),
    States(
        "Who works",
        "Whether some replica does this: the ticks and all stops, the messages.",
        (Query("max by (duty) (watchdog_lease_held)", "{{duty}}"),),
        states={1: State("held", GREEN), 0: State("by nobody", RED)},
        width=8,
        nothing=UNSEEN,
    ),
    Lines(
        "Rules that fail or are late",
        "Evaluations of Prometheus' rules that failed or were skipped, in each interval. What "
        "stands on them is blind.",
        (
            Query(
                f"sum(increase(prometheus_rule_evaluation_failures_total[{_RATE}]))", "failed", RED
            ),
            Query(
                f"sum(increase(prometheus_rule_group_iterations_missed_total[{_RATE}]))",
                "skipped",
                ORANGE,
            ),
        ),
        unit="none",
        bars=True,
        width=6,
        nothing="Prometheus is not seen by itself",
    ),
    Lines(
        "Rows forgotten, by table",
        "What has been over for longer than `retention`, in each interval.",
        (Query(happened("watchdog_pruned_total", EACH, "table"), "{{table}}"),),
        unit="none",
        width=6,
        bars=True,
        nothing="Nothing is that old",
    ),
    Table(
        "Alerts that fire",
        "All that Prometheus reports now, and how often: what leads to incidents, and what is for "
        "the admins alone.",
        {"alertname": "Alert", "severity": "Severity", "policy": "Policy", "scope": "Scope"},
        (
            Column(
                "Firing",
                'count by (alertname, severity, policy, scope) (ALERTS{alertstate="firing"})',
            ),
        ),
        sort_by="Firing",
        width=12,
        height=8,
        nothing="Nothing fires, not even the heartbeat",
    ),
)
