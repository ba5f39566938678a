"""The wires between the receiver and everything else, on which much can go wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

from app.errors import StoreUnavailableError
from tests.receiver.calls import Calls
from tests.receiver.clocks import Time

Port = TypeVar("Port")
DATABASE = ("store", "outbox")


@dataclass
class Trouble:
    """What is wrong now. It outlives the processes of the receiver."""

    time: Time
    slow: dict[str, timedelta] = field(default_factory=dict)
    """How long a call takes, by role."""
    database_down: bool = False
    lost_answer_in: int = 0
    """After so many calls of the database, one is done, and its answer lost. 0: none."""
    happens_in: int = 0
    """After so many calls, something happens. 0: nothing."""
    happens_at: str = ""
    """The name of the calls that count for it. Empty: all of them."""
    happening: Callable[[], Awaitable[object]] | None = None
    heard: Callable[[str], None] = lambda _name: None
    """Is told of every call, before it is made."""
    meant: Callable[[str], None] = lambda _name: None
    """Is told of every call, before anything else happens: what it is to say is fixed by then."""

    async def before(self, name: str) -> None:
        role = name.partition(".")[0]
        self.meant(name)
        if self.happening is not None and self.happens_at in {"", name}:
            self.happens_in -= 1
            if self.happens_in <= 0:
                happening, self.happening = self.happening, None
                await happening()
        if role in self.slow:
            self.time.passes(self.slow[role])
        self.heard(name)
        if role in DATABASE and self.database_down:
            raise StoreUnavailableError("the database does not answer")

    def loses_answer(self) -> bool:
        self.lost_answer_in -= 1
        return self.lost_answer_in == 0


class Wires(Calls):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble
        self.before_each = trouble.before

    def guard(self, role: str, port: Port) -> Port:
        lossy = cast("Port", _Lossy(port, self._trouble)) if role in DATABASE else port
        return super().guard(role, lossy)


class _Lossy:
    """A database whose answer may get lost, after it has done what it was told."""

    def __init__(self, port: object, trouble: Trouble) -> None:
        self._port = port
        self._trouble = trouble

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._port, name)

        async def lossy(*args: object, **kwargs: object) -> object:
            answer = await method(*args, **kwargs)
            if self._trouble.loses_answer():
                raise StoreUnavailableError("the database's answer was lost")
            return answer

        return lossy
