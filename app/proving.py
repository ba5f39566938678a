"""Reads all that a stop is proven by, and judges it; also that of the stops that it counts on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.context import Context
from app.domain import by_hand_proof
from app.domain.beside import Beside
from app.domain.evidence import Readings
from app.domain.proof import Verdict, judge
from app.domain.together import Stop
from app.domain.wanted import use_of
from app.domain.world import World
from app.lookout import Systems
from app.questions import readings_of

Company = Sequence[tuple[Stop, Sequence[Readings]]]
"""Other calls, and what was read of the allocations of each."""


class Proving:
    def __init__(self, systems: Systems, context: Context) -> None:
        self._systems = systems
        self._context = context

    async def read(self, stop: Stop, world: World) -> list[Readings]:
        """Read what speaks for and against the call, of each of its allocations."""
        return [await readings_of(*pair, world, self._systems) for pair in stop.due]

    def judge(self, stop: Stop, readings: Sequence[Readings], world: World) -> list[Verdict]:
        found = []
        for (incident, target), read in zip(stop.due, readings, strict=True):
            policy = self._context.rulebook.policy_for(incident.identity)
            limits = self._context.rulebook.limits
            judged = by_hand_proof.judge if target.request else judge
            verdict = judged(incident, target, read, world, policy=policy, limits=limits)
            if verdict.is_proven and stop.no is not None:
                verdict = Verdict(stop.no, stop.detail, verdict.evidence)
            found.append(verdict)
        return found

    async def company(self, stop: Stop, others: Iterable[Stop], world: World) -> Company:
        """Read the other calls without which this one would serve nobody, and prove them.

        Nobody is stopped for a job that then lacks room all the same. Those that cannot be proven
        are done without, as far as that is possible.
        """
        found: list[tuple[Stop, list[Readings]]] = []
        candidates = {each.allocation_ids: each for each in others}
        while missing := self._needed(stop, world) - {one.allocation_ids for one, _ in found}:
            one = next(each for key, each in candidates.items() if key in missing)
            read = await self.read(one, world)
            if self._may_follow(stop, one, read, world):
                found.append((one, read))
            else:
                del candidates[one.allocation_ids]
                world = replace(world, beside=world.beside.among(candidates))
        return found

    def counted(self, stop: Stop, company: Company, world: World, beside: Beside) -> World:
        """Return the world with those of the others alone that are proven in it, too."""
        world = replace(world, beside=beside)
        left = [one for one, read in company if self._may_follow(stop, one, read, world)]
        return replace(world, beside=beside.among(each.allocation_ids for each in left))

    def _needed(self, stop: Stop, world: World) -> set[frozenset[str]]:
        rulebook = self._context.rulebook
        uses = (
            use_of(target, rulebook.policy_for(incident.identity), world)
            for incident, target in stop.due
        )
        return {each for use in uses for each in use.others}

    def _may_follow(
        self, stop: Stop, one: Stop, readings: Sequence[Readings], world: World
    ) -> bool:
        """Tell whether the other call is proven as things are once this one is made."""
        after = replace(world, beside=world.beside.after(stop.allocation_ids, one.allocation_ids))
        return all(each.is_proven for each in self.judge(one, readings, after))
