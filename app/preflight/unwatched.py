"""What the watchdog cannot see, and so never judges: agents, GPUs, tasks, people."""

from collections.abc import Iterator, Mapping, Sequence

from app.adapters.prometheus_status import Target
from app.domain.cluster import Snapshot
from app.errors import WatchdogError
from app.preflight.answers import Answer, Answers, ByAgent
from app.preflight.finding import Finding, missing, ok, some, warning
from app.settings import Settings

_EXPORTERS = {
    "dcgm-exporter": "gpus",
    "cAdvisor": "containers",
    "node-exporter": "nodes",
}
_PORTS = {"dcgm-exporter": ":9400", "cAdvisor": ":8080", "node-exporter": ":9100"}
"""Where each listens: Determined's list of targets has the first two."""


def judge_unwatched(answers: Answers) -> Iterator[Finding]:
    snapshot, samples = answers.determined.snapshot, answers.prometheus.samples
    if isinstance(snapshot, WatchdogError):
        return
    slots = {agent: number for agent, number in snapshot.agent_slots.items() if number}
    kinds = {
        kind: found
        for kind, name in _EXPORTERS.items()
        if not isinstance(found := getattr(samples, name), WatchdogError)
    }
    if len(kinds) == len(_EXPORTERS):
        yield from _exporters(slots, kinds, answers.prometheus.targets)
    # Of GPUs of which nothing is seen at all, nothing can be said either.
    if samples.gpus and not isinstance(samples.gpus, WatchdogError):
        yield _gpus(slots, samples.gpus, samples.utilization)
        yield from _labels(samples.nameless)
        yield from _profiling(samples.gpus, samples.profiling)
        yield from _mig(samples.mig)
    yield _allocations(snapshot)
    yield _owners(snapshot, answers.settings)


def _exporters(
    slots: Mapping[str, int], kinds: Mapping[str, ByAgent], targets: Answer[Sequence[Target]]
) -> Iterator[Finding]:
    name, good = "unwatched.exporters", True
    for kind, found in kinds.items():
        without = sorted(set(slots) - set(found))
        if not without:
            continue
        good = False
        words = f"no samples of {kind} from {some(without)}{_why(kind, without, targets)}"
        if len(without) < len(slots):
            yield warning(name, words, f"Start {kind} there; nothing there is judged without it.")
        else:
            yield missing(
                name,
                words,
                f"Start {kind} on the agents, and scrape it: prometheus/prometheus.yml.",
            )
    if good:
        yield ok(name, f"samples of {', '.join(kinds)} from all {len(slots)} agents")


def _why(kind: str, agents: Sequence[str], targets: Answer[Sequence[Target]]) -> str:
    """Quote what Prometheus says of such an exporter on these agents that does not answer."""
    if isinstance(targets, WatchdogError):
        return ""
    errors = [
        each.last_error
        for each in targets
        if each.labels.get("det_agent_id") in agents
        and each.labels.get("instance", "").endswith(_PORTS[kind])
        and each.health == "down"
    ]
    return f" ({errors[0]})" if errors else ""


def _gpus(slots: Mapping[str, int], gpus: Answer[ByAgent], utilization: Answer[ByAgent]) -> Finding:
    name = "unwatched.gpus"
    if isinstance(gpus, WatchdogError) or isinstance(utilization, WatchdogError):
        return warning(name, "it is not known which GPUs are seen", "See Prometheus's log.")
    fewer = [
        f"{agent} ({gpus[agent]:.0f} of {number})"
        for agent, number in sorted(slots.items())
        # Where there is none at all, the exporter is what is missing.
        if agent in gpus and gpus[agent] < number
    ]
    if fewer:
        return warning(
            name,
            f"dcgm-exporter shows fewer GPUs than Determined has: {some(fewer)}",
            "docs/runbooks/AgentGPUsMissing.md",
        )
    mute = [agent for agent in sorted(gpus) if utilization.get(agent, 0) < gpus[agent]]
    if mute:
        return warning(
            name,
            f"GPUs whose utilization is not measured, on {some(mute)}",
            "Add DCGM_FI_DEV_GPU_UTIL to dcgm-exporter's list of fields.",
        )
    return ok(name, f"{sum(gpus.values()):.0f} GPUs are seen")


def _labels(nameless: Answer[ByAgent]) -> Iterator[Finding]:
    name = "unwatched.labels"
    if isinstance(nameless, WatchdogError):
        return
    if nameless:
        yield missing(
            name,
            "GPUs have no label gpu_uuid, so it is not known whose they are",
            "Add the metric_relabel_configs of the job determined-agents: "
            "prometheus/prometheus.yml.",
        )
    else:
        yield ok(name, "GPUs can be joined to tasks")


def _profiling(gpus: Answer[ByAgent], profiling: Answer[ByAgent]) -> Iterator[Finding]:
    name = "unwatched.profiling"
    if isinstance(gpus, WatchdogError) or isinstance(profiling, WatchdogError):
        return
    without = sorted(set(gpus) - set(profiling))
    if without:
        yield warning(
            name,
            f"no profiling metrics from {some(without)}: idleness is judged by fewer signals",
            "Where the GPUs have them, let dcgm-exporter collect DCGM_FI_PROF_GR_ENGINE_ACTIVE.",
        )
    else:
        yield ok(name, "profiling metrics are there")


def _mig(mig: Answer[ByAgent]) -> Iterator[Finding]:
    name = "unwatched.mig"
    if isinstance(mig, WatchdogError):
        return
    if mig:
        yield warning(
            name,
            f"GPUs cut into instances (MIG) on {some(sorted(mig))}: their tasks are never judged",
            "Nothing to do: whose an instance is cannot be told apart.",
        )
    else:
        yield ok(name, "no GPU is cut into instances (MIG)")


def _allocations(snapshot: Snapshot) -> Finding:
    name = "unwatched.allocations"
    unmapped = [
        each.allocation_id
        for each in snapshot.running
        if each.slots != sum(len(one.gpu_uuids) for one in each.containers)
    ]
    if unmapped:
        return warning(
            name,
            f"it is not known which GPUs these hold: {some(unmapped, 3)}",
            "docs/runbooks/GPUMappingIncomplete.md",
        )
    return ok(name, f"the GPUs of all {len(snapshot.running)} running tasks are known")


def _owners(snapshot: Snapshot, settings: Settings) -> Finding:
    """See who has no address at all. Whether Slack knows an address, another command asks."""
    name = "unwatched.owners"
    reached = {
        username
        for username, user in settings.users.items()
        if user.slack_id or user.email or user.channel
    }
    running = {each.username for each in snapshot.running if each.username}
    lost = sorted(running - reached) if not settings.slack.email_domain else []
    if lost:
        return warning(
            name,
            f"nobody can tell {some(lost)}, who run something; nothing of theirs is stopped",
            "Set slack.email_domain, or their address under `users`; then: "
            "gpu-watchdog users check",
        )
    return ok(name, "all who run something have an address (see: gpu-watchdog users check)")
