"""The groups of rules and the alerts that this version ships. A test compares with the files."""

from collections.abc import Sequence

from app.adapters.prometheus_status import LoadedGroup

PREFIX = "gpu-watchdog-"
_GROUPS = """
    agents allocations contradictions coverage coverage-allocations det det-gpus det-runtime
    efficiency foreign fragmented gpu-hours gpus hosts io load long-lived mapping
    mapping-containers mapping-gpus memory nodes power profiling reclaim self shares sharing
    sharing-nodes signal-counts signals slots small-use summaries telemetry thresholds usage
    usage-busy usage-idle usage-memory usage-power usage-profiling usage-sizes usage-users
    verdicts windows windows-coverage windows-held windows-hosts
"""
_ALERTS = """
    AgentGPUsMissing BigGPUUsedAsSmall CPUOverFairShare ContainerSamplesMissing
    DeterminedSnapshotStale ExporterDown GPUAllocationFakeLoad GPUAllocationFragmented
    GPUAllocationIdle GPUAllocationInefficient GPUAllocationPartlyIdle GPUMappingIncomplete
    GPUSamplesMissing GPUSignalsDisagree GPUUsedByNoTask InteractiveTaskLongLived
    MemoryOverFairShare NodeMemoryNearlyOut RuleEvaluationFailing SlotlessTaskOnGPUNode
    UserOverSlotLimit WatchdogBreakerTripped WatchdogConfigurationBroken WatchdogDown
    WatchdogExemptionExpired WatchdogFailing WatchdogHeartbeat WatchdogIncidentEscalated
    WatchdogMessagesStuck WatchdogPressesUnheard WatchdogStalled WatchdogUpstreamDown
"""
GROUPS = frozenset(PREFIX + name for name in _GROUPS.split())
ALERTS = frozenset(_ALERTS.split())


def missing_groups(loaded: Sequence[LoadedGroup]) -> list[str]:
    return sorted(GROUPS - {group.name for group in loaded})


def missing_alerts(loaded: Sequence[LoadedGroup]) -> list[str]:
    """Return the alerts that no group has: the files of an older version are loaded."""
    return sorted(ALERTS - {rule.name for group in loaded for rule in group.rules})


def ours(loaded: Sequence[LoadedGroup]) -> list[LoadedGroup]:
    return [group for group in loaded if group.name in GROUPS]
