"""Carry out what the Dockerfile does in its first stage, in a new folder and without Docker.

    make image-steps

It shows that the locked requirements, all of them wheels, and the project make an environment in
which `gpu-watchdog` starts. It takes a minute and the package index, so no test does it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deploy.dockerfile import ROOT, Instruction, one, stages

_ENVIRONMENT = "/opt/gpu-watchdog"


def copy(instruction: Instruction, folder: Path) -> None:
    *sources, target = instruction.words
    for source in sources:
        from_, to = ROOT / source, folder / target
        if from_.is_dir():
            shutil.copytree(from_, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy(from_, to)


def carry_out(stage: list[Instruction], folder: Path, environment: Path) -> None:
    """Run the steps in `folder`.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    for instruction in stage:
        if instruction.name == "COPY":
            copy(instruction, folder)
        elif instruction.name == "RUN":
            print("RUN", instruction.rest, flush=True)  # noqa: T201  # it talks to a person
            text = instruction.rest.replace(_ENVIRONMENT, str(environment))
            subprocess.run(["/bin/sh", "-ec", text], cwd=folder, check=True)  # noqa: S603


def main() -> None:
    build, final = stages()
    with tempfile.TemporaryDirectory(prefix="watchdog-image-") as name:
        folder, environment = Path(name) / "build", Path(name) / "environment"
        folder.mkdir()
        # `python` is what the image calls it; here it has an environment with pip.
        subprocess.run([sys.executable, "-m", "venv", Path(name) / "base"], check=True)  # noqa: S603
        os.environ["PATH"] = f"{name}/base/bin:{os.environ['PATH']}"
        carry_out(build, folder, environment)
        command = [str(environment / "bin" / one(final, "ENTRYPOINT").words[0]), "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)  # noqa: S603
        tools = {path.name for path in (environment / "bin").iterdir()} & {"pip", "pip3"}
        if tools:
            sys.exit(f"the environment has {tools}")
    print("the environment of the image can be made, and gpu-watchdog starts in it")  # noqa: T201


if __name__ == "__main__":
    main()
