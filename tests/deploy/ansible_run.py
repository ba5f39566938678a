"""Run the playbook into new folders, without Docker: with --check, once, again, and with --check.

    make test-ansible

The second run must change nothing, and a run with --check must find nothing to change: else it
would do so on a cluster as well. It takes too much of a processor for a test among others.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
_BIN = ROOT / ".build/venv-ansible/bin"


def inventory(folder: Path) -> str:
    here = {
        "gpu_watchdog_folder": f"{folder}/{{{{ inventory_hostname }}}}",
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": str(_BIN / "python"),
        "server_secrets_group": str(os.getgid()),
        "gpu_watchdog_slack_bot_token": "xoxb-1",
        "gpu_watchdog_agent_address": "192.0.2.21",
    }
    groups: dict[str, object] = {
        "server": {"hosts": {"monitoring": {}}},
        "agents": {"hosts": {"agent-1": {}}},
    }
    return yaml.safe_dump({"all": {"vars": here, "children": groups}})


def changes(folder: Path, *more: str) -> int:
    """Run the playbook, and return how many tasks changed something, or would have.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(  # noqa: S603  # our own playbook
        [
            _BIN / "ansible-playbook",
            f"--inventory={folder}/inventory.yml",
            "--skip-tags=engine",
            *more,
            ROOT / "ansible/site.yml",
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout)  # noqa: T201  # it talks to a person
    done.check_returncode()
    return sum(int(number) for number in re.findall(r"changed=(\d+)", done.stdout))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="watchdog-ansible-") as name:
        folder = Path(name)
        (folder / "inventory.yml").write_text(inventory(folder))
        changes(folder, "--check")
        if list(folder.iterdir()) != [folder / "inventory.yml"]:
            sys.exit("a look at what would be done has done something")
        if not changes(folder):
            sys.exit("the first run put nothing anywhere")
        token = folder / "monitoring/secrets/slack_bot_token"
        if token.read_text() != "xoxb-1" or token.stat().st_mode & 0o007:
            sys.exit("a secret of the inventory is not where it should be, or all may read it")
        if changes(folder) or changes(folder, "--check"):
            sys.exit("another run would change something")
    print("the playbook changes nothing when nothing has changed")  # noqa: T201


if __name__ == "__main__":
    main()
