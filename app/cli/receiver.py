"""`gpu-watchdog serve`: the receiver itself."""

import uvicorn

from app.cli.terminal import fail, read_settings
from app.main import create_app
from app.preflight import State, secrets


def serve() -> None:
    """Run the receiver until it is asked to stop."""
    settings = read_settings()
    missing = [finding.words for finding in secrets(settings) if finding.state is State.MISSING]
    if missing:
        fail("\n".join(missing))
    uvicorn.run(
        create_app(settings),
        host=settings.listen_host,
        port=settings.listen_port,
        log_config=None,
        # Paths of requests can carry what no log should; what matters is logged by the routes.
        access_log=False,
        server_header=False,
    )
