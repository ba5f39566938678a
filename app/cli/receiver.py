"""`gpu-watchdog serve`: the receiver itself."""

from typing import Any

import uvicorn

from app.cli.terminal import fail, read_settings
from app.main import create_app
from app.preflight import State, secrets
from app.settings import Settings


def serve() -> None:
    """Run the receiver until it is asked to stop."""
    settings = read_settings()
    missing = [finding.words for finding in secrets(settings) if finding.state is State.MISSING]
    if missing:
        fail("\n".join(missing))
    uvicorn.run(create_app(settings), **server_options(settings))


def server_options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.listen_host,
        "port": settings.listen_port,
        "log_config": None,
        # Paths of requests can carry what no log should; what matters is logged by the routes.
        "access_log": False,
        "server_header": False,
        # Who sends a request may write into it where it comes from: only these are believed.
        "forwarded_allow_ips": list(settings.trusted_proxies),
    }
