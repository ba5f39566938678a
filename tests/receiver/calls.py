"""The receiver's calls to the world and to its database, where a test can step in between."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

Port = TypeVar("Port")
Happening = Callable[[], Awaitable[object]]


class Crash(BaseException):
    """The process is gone. No `except` of ours may catch it."""


async def crash() -> None:
    raise Crash


async def nothing(_name: str) -> None:
    """What happens before a call, as long as no test wants anything else."""


class Calls:
    """Counts the calls of one process. Something may happen before any of them.

    Before a call is also after the one before it, so every gap between two calls can be met.
    """

    def __init__(self, *, crash_at: int | None = None) -> None:
        self.made: list[str] = []
        self.before_each: Callable[[str], Awaitable[object]] = nothing
        """Is shown the name of every call before it is made."""
        self._crash_at = crash_at
        self._counts: Counter[str] = Counter()
        self._before: dict[tuple[str, int], Happening] = {}
        self._after: dict[tuple[str, int], Happening] = {}
        self._is_over = False

    def before(self, name: str, happening: Happening, *, nth: int = 1) -> None:
        """Let something happen right before the nth call of this name from now on."""
        self._before[name, self._counts[name] + nth] = happening

    def after(self, name: str, happening: Happening, *, nth: int = 1) -> None:
        """Let something happen between the nth such call and whatever its caller does with it."""
        self._after[name, self.made.count(name) + nth] = happening

    def guard(self, role: str, port: Port) -> Port:
        """Return the port with its calls counted, as `role.method`."""
        return cast("Port", _Guarded(role, port, self))

    async def expect(self, name: str) -> None:
        """Let happen what is to happen before this call.

        Raises:
            Crash: the process ends here, or has ended: a dead process calls nobody.
        """
        if self._is_over or len(self.made) == self._crash_at:
            self._is_over = True
            raise Crash
        await self.before_each(name)
        self.made.append(name)
        self._counts[name] += 1
        happening = self._before.get((name, self._counts[name]))
        if happening is not None:
            await self._happens(happening)

    async def returns(self, name: str) -> None:
        """Let happen what is to happen after this call."""
        # To count them takes the longer the more there were, and few tests want anything here.
        happening = self._after.get((name, self.made.count(name))) if self._after else None
        if happening is not None:
            await self._happens(happening)

    async def _happens(self, happening: Happening) -> None:
        try:
            await happening()
        except Crash:
            self._is_over = True
            raise


class _Guarded:
    """A port, of which every method is a coroutine function."""

    def __init__(self, role: str, port: object, calls: Calls) -> None:
        self._role = role
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._port, name)

        async def guarded(*args: object, **kwargs: object) -> object:
            await self._calls.expect(f"{self._role}.{name}")
            result = await method(*args, **kwargs)
            await self._calls.returns(f"{self._role}.{name}")
            return result

        return guarded
