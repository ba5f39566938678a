"""What may happen, by the names that a sequence is written in."""

from tests.machine import mending
from tests.machine import mischief as m
from tests.machine.buttons import PRESSES
from tests.machine.configurations import CONFIGURATIONS, GRACE
from tests.machine.replicas import BETWEEN, WITHIN
from tests.machine.tasks import Task
from tests.machine.theatre import Theatre
from tests.receiver.conftest import MINUTE, SECOND

CLUSTER: dict[str, m.Happening] = {
    "fires anew": m.fires_anew,
    "fires anew, unheard": m.fires_anew_unheard,
    "ceases": m.ceases,
    "unreported": m.is_unreported,
    "fires on": m.is_lost_and_found,
    "works": m.works,
    "idles": m.idles,
    "recovers": m.recovers,
    "exporter gone": m.exporter_is_gone,
    "ends": m.ends,
    "restarts": m.restarts,
    "changes hands": m.changes_hands,
    "owner unknown": m.owner_unknown,
    "owner known": m.owner_known,
    "a container stays": m.container_stays,
    "a process stays": m.process_stays,
    "a GPU is unseen": m.gpu_is_unseen,
    "GPUs are freed": m.gpus_are_freed,
}
QUEUE: dict[str, m.Happening] = {
    "carol waits": m.waits(1),
    "carol waits for more": m.waits(2),
    "bob waits": m.waits(1, username="bob"),
    "nobody waits": m.waits(),
    "over the limit": m.over_the_limit,
    "within the limit": m.within_the_limit,
}
ALERTMANAGER: dict[str, m.Happening] = {
    "silence": lambda t, task: m.is_silenced(t, task, on=(0, 1), span=2 * GRACE),
    "silence on a peer": lambda t, task: m.is_silenced(t, task, on=(1,), span=2 * GRACE),
    "short silence": lambda t, task: m.is_silenced(t, task, on=(0,), span=5 * SECOND),
    "silences end": m.silences_end,
    "inhibited": m.on_peer(0, inhibited_by=("c0ffee",)),
    "inhibited no more": m.on_peer(0, inhibited_by=()),
    "muted": m.on_peer(1, muted_by=("night",)),
    "muted no more": m.on_peer(1, muted_by=()),
    "peer down": m.on_peer(1, error="time-out"),
    "peer up": m.on_peer(1, error=""),
    "no silence can be made": m.on("alertmanagers", fault=m.DOWN),
}
SYSTEMS: dict[str, m.Happening] = {
    "Determined down": m.on("determined", fault=m.DOWN),
    "Prometheus down": m.on("prometheus", fault=m.DOWN),
    "queries fail": m.on("prometheus", query_fault=m.DOWN),
    "Slack down": m.on("slack", fault=m.DOWN),
    "no button is heard": m.on("slack", is_open=False),
    "database down": m.database(down=True),
    "samples stale": m.on("prometheus", evidence=(12.0, 31.0)),
    "samples missing": m.on("prometheus", evidence=()),
    "samples not a number": m.on("prometheus", evidence=(float("nan"),)),
    "samples fresh": m.on("prometheus", evidence=(12.0,)),
    "no heartbeat": m.heart(beats=False),
    "heartbeat": m.heart(beats=True),
    "stops refused": m.on("determined", refusal=m.REFUSED),
    "stops without answer": m.on("determined", lost_answer=m.DOWN),
    "stops without effect": m.on("determined", deaf=True),
    "stops take time": m.on("determined", latency=90 * SECOND),
    "Slack's answer lost": m.on("slack", lost_answers=1),
    "bob is not in Slack": m.nobody_of("bob"),
    "bob is in Slack": m.nobody_of(),
    "Prometheus slow": m.slow("rules", 6),
    "Determined slow": m.slow("cluster", 8),
    "Alertmanager slow": m.slow("peers", 12),
    "Slack slow": m.slow("messenger", 20),
    "database's answer lost": m.database_answer_lost(6),
    "clock forward": m.clock_jumps(GRACE),
    "clock a little back": m.clock_jumps(-2 * MINUTE),
    "clock back": m.clock_jumps(-2 * GRACE),
}
PEOPLE: dict[str, m.Happening] = {
    "kept": m.kept(120 * MINUTE),
    "kept for a moment": m.kept(MINUTE),
    "kept unseen": m.kept_unseen,
    "all kept": m.all_kept,
    "breaker tripped": m.breaker("trip"),
    "breaker reset": m.breaker("reset"),
    "breaker tripped and reset": m.breaker("trip", "reset"),
    "one stop an hour": m.allows(1),
    **{f"configuration: {name}": m.configured(name) for name in CONFIGURATIONS},
}
RECEIVER: dict[str, m.Happening] = {
    "process ends": m.process_ends,
    "process crashes": m.process_crashes,
    "webhook": m.webhook(firing=True),
    "webhook of all": m.webhook(firing=True, of_all=True),
    "webhook of an end": m.webhook(firing=False),
}
MENDING: dict[str, m.Happening] = {
    "all is well": mending.all_is_well,
    "nothing speaks against it": mending.nothing_speaks_against_it,
}
GROUPS = (CLUSTER, QUEUE, ALERTMANAGER, SYSTEMS, PEOPLE, RECEIVER, MENDING, MENDING)
AGAINST = {
    "S1": ("fires anew, unheard", "configuration: longer grace"),
    "S2": ("changes hands", "owner unknown", "restarts"),
    "S3": ("unreported", "ceases", "Prometheus slow", "Alertmanager slow"),
    "S4": ("silence", "silence on a peer", "inhibited", "muted", "peer down"),
    "S5": (
        "samples stale",
        "samples missing",
        "samples not a number",
        "queries fail",
        "Determined down",
        "no heartbeat",
        "exporter gone",
    ),
    "S6": ("stops without effect", "stops without answer", "stops take time"),
    "S7": ("breaker tripped", "one stop an hour"),
    "S9": ("works", "recovers", "fires anew", "short silence", "breaker tripped and reset"),
    "S10": (
        "configuration: warn",
        "configuration: policy warns",
        "configuration: observe",
        "configuration: only when queued",
        "nobody waits",
        "within the limit",
        "breaker tripped",
    ),
    "S11": ("configuration: bob is exempt",),
    "S13": ("kept", "kept unseen", "clock forward", "process ends", "configuration: nights"),
}
"""By the rule that is asked for: what forbids a stop that is due or a repeat of it, or should not
bring it about."""
EARLIER = {"no heartbeat": 6 * MINUTE}
"""What takes so long until it forbids anything."""
OUTAGES = {
    "S1": ("bob is not in Slack",),
    "S5": ("Prometheus down",),
    "S8": ("database down",),
    "S10": ("breaker tripped",),
    "S13": ("Slack down", "no button is heard", "peer down", "process ends", "clock forward"),
}
"""What keeps an owner from answering, or from being threatened; or looks as if the time went by."""
BETWEEN_TICKS = frozenset(
    {
        *(f"configuration: {name}" for name in CONFIGURATIONS),
        "one stop an hour",
        "nothing speaks against it",
    }
)
"""The configuration is followed between two ticks, and never within one."""
HAPPENINGS = {
    name: happening
    for group in (*GROUPS, PRESSES, BETWEEN, WITHIN)
    for name, happening in group.items()
}


async def happens(name: str, theatre: Theatre, task: Task) -> None:
    result = HAPPENINGS[name](theatre, task)
    if result is not None:
        await result
