"""Words that fit what an alert has found: that it lasts, what helps, and that it is over."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """In mrkdwn. The defaults fit any alert, and so those of an operator's own rules."""

    lasts: str = "what was found is still so"
    last: str = "what was found is still so"
    """The same of several tasks."""
    returns: str = "If it is still so, a new message follows."
    over: str = "It is over: all is well."
    settled: str = "settled"
    """The same of one task of several, in a list."""
    settles: str = "Once it is so no more, this message settles itself"
    held: str = ""
    """How the GPUs were held while it was so. Empty: that is no matter of GPUs."""
    change: str = ""
    """What helps, as an advice. Empty: only the alert's own page says."""


_UNUSED = Condition(
    lasts="it still looks unused",
    last="they still look unused",
    returns="If it is still unused, a new message follows.",
    over="In use again: all is well.",
    settled="in use again",
    settles="Use the GPUs again, and this message settles itself",
    held="without use",
)
_ADVICE = {
    "GPUAllocationPartlyIdle": (
        "Ask for as many GPUs as it uses, or let it use all of them, with one process for each."
    ),
    "GPUAllocationInefficient": (
        "More workers that load data, larger batches, or fewer GPUs often help."
    ),
    "BigGPUUsedAsSmall": (
        "A pool with smaller GPUs would do; or larger batches make use of this one."
    ),
    "CPUOverFairShare": (
        "Use fewer workers or threads, or ask for more slots: more cores come with them."
    ),
    "MemoryOverFairShare": (
        "Keep less in memory, with fewer workers or smaller caches; or ask for more slots: more "
        "memory comes with them."
    ),
    "NodeMemoryNearlyOut": (
        "Save now what you need, and free memory soon: with fewer workers, smaller caches, or by "
        "ending what you are done with."
    ),
    "SlotlessTaskOnGPUNode": (
        "Run it in a pool without GPUs, or with fewer workers and less memory."
    ),
    "InteractiveTaskLongLived": (
        "If you are done with it, save your work and end it. Long runs are better off as "
        "experiments, which keep checkpoints."
    ),
    "GPUAllocationFragmented": (
        "Ask for as many slots as one machine has, or start it again when one has room for all."
    ),
}
_CONDITIONS: Mapping[str, Condition] = {
    "GPUAllocationIdle": _UNUSED,
    **{alertname: Condition(change=text) for alertname, text in _ADVICE.items()},
}
_ANY = Condition()


def condition(alertname: str) -> Condition:
    return _CONDITIONS.get(alertname, _ANY)
