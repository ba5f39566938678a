"""Where the page comes from, and that its addresses stay out of the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from app.clients import owner_links
from app.errors import ConfigurationError
from app.logs import configure_logs
from app.settings import CONFIG_VARIABLE, load_settings
from tests.api.owner_site import SECRET

EXAMPLE = Path(__file__).parents[2] / "watchdog.example.yaml"
VARIABLE = "WATCHDOG_OWNER_PAGE__SECRET_FILE"


@pytest.fixture(autouse=True)
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(EXAMPLE))


@contextmanager
def logs_of_the_program() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    # Servers that other tests have run may have left it with handlers of its own, or silent.
    access.handlers, access.propagate, access.disabled = [], True, False
    access.setLevel(logging.NOTSET)
    configure_logs()
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_without_a_secret_there_are_no_links() -> None:
    assert owner_links(load_settings()) is None


def test_links_begin_with_the_public_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "secret"))

    links = owner_links(load_settings())

    assert links is not None
    assert links.page("i1", "bob").startswith("http://gpu-watchdog:8090/i/")


def test_short_secret_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("guess me\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "secret"))

    with pytest.raises(ConfigurationError, match="at least 32"):
        owner_links(load_settings())


def test_no_line_of_the_log_holds_a_link(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/i/WyJpMSIsImJvYiJd.ZGxG39GN_tnPLnYs-wqnz"

    with logs_of_the_program():
        access = logging.getLogger("uvicorn.access")
        access.warning("%s - %s %d", "127.0.0.1:1", f"POST {path}/keep HTTP/1.1", 303)
        try:
            int(f"http://watchdog.example{path}?news=x")
        except ValueError:
            structlog.get_logger().exception("failed", url=path)

    written = capsys.readouterr().err
    assert written.count("/i/…") == 3
    assert "ZGxG39GN" not in written
