"""Servers on sockets of our own, which can refuse connections and come back."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

_BACKLOG = 512


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program: several servers share one process."""
        yield


def reserve(host: str, port: int = 0) -> socket.socket:
    """Bind an address without listening on it, so that nobody else can take it.

    Raises:
        OSError: the address is taken.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved


class Listener:
    """One application on one address. While closed, the address stays ours and refuses."""

    def __init__(self, app: ASGIApp, reserved: socket.socket) -> None:
        self._reserved = reserved
        self._app = app
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._reserved.getsockname()
        return host, port

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"

    async def open(self) -> None:
        """Listen; return when connections are accepted.

        Raises:
            OSError: somebody listens there, for instance on all addresses.
        """
        if self._server is not None:
            return
        live = reserve(*self.address)
        try:
            live.listen(_BACKLOG)
        except OSError:
            live.close()
            raise
        config = uvicorn.Config(
            self._app,
            access_log=False,
            log_config=None,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[live]))
        await self._server.listening.wait()

    async def close(self) -> None:
        """Drop every connection and refuse new ones."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        self._server.force_exit = True
        await self._task
        self._server = self._task = None

    async def release(self) -> None:
        """Close for good, and give the address back."""
        await self.close()
        self._reserved.close()


class Doors:
    """The listeners by name, for those who open and close them."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._reopening: set[asyncio.Task[None]] = set()

    def add(self, name: str, listener: Listener) -> None:
        self._listeners[name] = listener

    async def open(self, name: str) -> None:
        if name in self._listeners:
            await self._listeners[name].open()

    async def close(self, name: str, *, seconds: float | None = None) -> None:
        """Close a door; for some real seconds, or until it is opened."""
        if name not in self._listeners:
            return
        await self._listeners[name].close()
        if seconds is not None:
            task = asyncio.create_task(self._open_later(name, seconds))
            self._reopening.add(task)
            task.add_done_callback(self._reopening.discard)

    async def open_all(self) -> None:
        for listener in self._listeners.values():
            await listener.open()

    async def release_all(self) -> None:
        for task in self._reopening:
            task.cancel()
        await asyncio.gather(*(listener.release() for listener in self._listeners.values()))

    async def _open_later(self, name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.open(name)
