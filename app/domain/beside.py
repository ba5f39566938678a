"""What one call gives back, and what is stopped beside it: nobody is stopped for the same job."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Offer:
    """What one call would give back, together."""

    allocation_ids: frozenset[str]
    queued_for: timedelta = timedelta()
    """How long a job must have waited for it. Zero: it is stopped for whomever."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What else goes on while one call is judged."""

    own: frozenset[str] = frozenset()
    """The allocations of the call itself, which are given back together or not at all."""
    others: tuple[Offer, ...] = ()
    """The calls that are due as well, in the order in which they are tried."""
    going: frozenset[str] = frozenset()
    """The allocations that are being stopped already: what they hold is as good as free."""

    def call_of(self, allocation_id: str) -> frozenset[str]:
        """Return what is stopped together with it: it alone, where nothing else is known."""
        return self.own if allocation_id in self.own else frozenset({allocation_id})

    def among(self, calls: Iterable[frozenset[str]]) -> "Beside":
        """Return it with those of the others alone that are given."""
        left = frozenset(calls)
        return replace(self, others=tuple(e for e in self.others if e.allocation_ids in left))

    def after(self, call: frozenset[str], own: frozenset[str]) -> "Beside":
        """Return what goes on beside `own` once the other call is made."""
        others = tuple(each for each in self.others if each.allocation_ids != own)
        return Beside(own, others, self.going | call)


ALONE = Beside()
