"""What `gpu-watchdog check` finds, and what is to be done about it."""

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # the watchdog works; something about it is weaker than it could be
    MISSING = "missing"  # without it the watchdog does not do all of its work
    NOT_ASKED = "not_asked"  # what it would be asked of does not answer


@dataclass(frozen=True, slots=True)
class Finding:
    id: str
    """The system and the question, `slack.scopes`: what programs may rely on."""
    state: State
    words: str
    """What was found. Untrusted: it quotes other systems."""
    remedy: str = ""
    """What to do; empty where it is ok."""

    @property
    def system(self) -> str:
        return self.id.partition(".")[0]

    def of(self, peer: str) -> "Finding":
        """Return the finding with whom it is about in front."""
        return replace(self, words=f"{peer}: {self.words}")


def ok(finding_id: str, words: str) -> Finding:
    return Finding(finding_id, State.OK, words)


def warning(finding_id: str, words: str, remedy: str) -> Finding:
    return Finding(finding_id, State.WARNING, words, remedy)


def missing(finding_id: str, words: str, remedy: str) -> Finding:
    return Finding(finding_id, State.MISSING, words, remedy)


def not_asked(finding_id: str, words: str, remedy: str = "") -> Finding:
    return Finding(finding_id, State.NOT_ASKED, words, remedy)


def some(names: list[str], longest: int = 5) -> str:
    """Return the names as part of a sentence; of many, the first."""
    shown, left = names[:longest], len(names) - longest
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")
