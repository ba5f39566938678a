"""Every command of the pages for who installs it is run here, or marked with what it would need."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, read

PAGES = (
    "README.md",
    "docs/install.md",
    "docs/install-without-containers.md",
    "docs/troubleshooting.md",
)
RUN_BY = {
    "make demo": "tests/e2e/test_demo.py",
    # This very run.
    "make test": "scripts/test",
}
"""Targets of make, with what runs the same."""
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]+) -->\n)?^```(?:sh|console|bash)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
TAKEN = ("scripts", "prometheus", "alertmanager", "alerting-rules", "ansible", "compose.yaml")
SECRETS = ("determined_password", "slack_bot_token", "slack_app_token", "slack_admin_webhook")


def commands(page: str, mark: str | None) -> list[str]:
    return [found["text"] for found in _BLOCK.finditer(page) if found["mark"] == mark]


@pytest.mark.parametrize("name", PAGES)
def test_commands_say_what_they_need_or_are_run(name: str) -> None:
    marks = {found["mark"] or found["text"] for found in _BLOCK.finditer(read(name))}

    unmarked = [mark for mark in marks if not re.fullmatch(r"run|needs: \S.*", mark)]

    lines = [line.split("#")[0].strip() for text in unmarked for line in text.splitlines()]
    assert marks
    assert [line for line in lines if line not in RUN_BY] == []
    assert [path for path in RUN_BY.values() if not (ROOT / path).exists()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to the containers' group")
def test_commands_of_the_installation_do_what_the_page_says(tmp_path: Path) -> None:
    """In a copy, one after the other, as somebody would who reads the page."""
    page = read("docs/install.md")
    for name in (*TAKEN, ".env.example", "watchdog.example.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "bin/sudo").chmod(0o755)
    path = f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    told = []

    for text in commands(page, "run"):
        done = subprocess.run(  # noqa: S603  # the page's own commands
            ["/bin/sh", "-ec", text],
            cwd=tmp_path,
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        told.append(done.stdout + done.stderr)
        assert done.returncode == 0, told[-1]
        for name in SECRETS:
            # What the page says between the first block and the second.
            (tmp_path / "secrets" / name).write_text("xoxb-1")

    to_be_filled = [line for line in told[0].splitlines() if line.startswith("to be filled")]
    assert "\n".join(to_be_filled) in page
    assert (tmp_path / ".env").exists()
