import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Secrets:
    """The folder that scripts/make-secrets has filled."""

    folder: Path

    def make(self) -> str:
        """Fill it, and return what is told."""
        done = subprocess.run(  # noqa: S603  # the repository's own script
            [ROOT / "scripts/make-secrets", self.folder, str(os.getgid())],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stderr

    def read(self, name: str) -> str:
        return (self.folder / name).read_text().strip()


@pytest.fixture(scope="session")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """What a new server has, for tests that change nothing in it."""
    made = Secrets(tmp_path_factory.mktemp("server") / "secrets")
    made.make()
    return made
