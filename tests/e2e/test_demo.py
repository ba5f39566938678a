"""`make demo`, as a person starts it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
LONGEST = 180  # seconds


def processes_of(text: str) -> list[str]:
    """Return the command lines of running processes that contain the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # It has ended meanwhile.
            continue
        if text in line:
            found.append(line)
    return found


def test_demo_plays_five_stories_and_leaves_nothing_behind(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )

    print(result.stdout, result.stderr)
    assert result.returncode == 0, "the demo says that a story did not come true"
    assert "5 of 5 stories came true" in result.stdout
    for page in ("Slack", "Prometheus", "Alertmanager", "the receiver's API"):
        assert re.search(rf"^ +{page}.* http://127\.0\.0\.1:\d+/", result.stdout, re.MULTILINE)
    assert processes_of(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
