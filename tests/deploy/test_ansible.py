"""The playbook goes with compose.yaml; `make test-ansible` runs it, and scripts/check lints it."""

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.deploy.compose import ROOT, environment_file, mounts, published, services, variables
from tests.deploy.dockerfile import stages
from tests.deploy.test_compose import MADE_BY_THE_OPERATOR
from tests.deploy.test_secrets import TO_BE_BROUGHT

ANSIBLE = ROOT / "ansible"
GROUPS = {"server": ["monitoring", "both"], "agents": ["agent-1", "both"]}


def load(name: str) -> Any:  # noqa: ANN401  # parsed YAML
    return yaml.safe_load((ANSIBLE / name).read_text())


def rendered(role: str, host: str, **more: object) -> dict[str, str]:
    """Return the .env file that a role writes on a host."""
    engine = jinja2.Environment(  # noqa: S701  # as Ansible has it: it writes no HTML
        undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    engine.filters["bool"] = lambda value: str(value) == "True"
    engine.filters["comment"] = lambda text: f"# {text}"
    given = {
        "ansible_managed": "Ansible wrote this.",
        "groups": GROUPS,
        "inventory_hostname": host,
        "playbook_dir": str(ANSIBLE),
        "gpu_watchdog_folder": "/opt/gpu-watchdog",
        "gpu_watchdog_agent_address": "192.0.2.21",
    } | more
    for name, value in load(f"roles/{role}/defaults/main.yml").items():
        if isinstance(value, str) and "dirname" not in value:
            given[name] = engine.from_string(value).render(given)
    text = (ANSIBLE / f"roles/{role}/templates/env.j2").read_text()
    return environment_file(engine.from_string(text).render(given))


def test_server_is_told_everything_that_the_example_explains() -> None:
    example = environment_file((ROOT / ".env.example").read_text())

    written = rendered("server", "monitoring")

    assert written == {name: value for name, value in example.items() if name in written}, (
        "as the example has it, where the inventory says nothing else"
    )
    assert set(example) - set(written) == {"AGENT_ADDRESS"}


@pytest.mark.parametrize(
    ("host", "postgres", "profiles"),
    [
        ("monitoring", False, "server"),
        ("monitoring", True, "server,postgres"),
        ("both", False, "server,agent"),
    ],
)
def test_server_runs_what_it_is_meant_to(host: str, profiles: str, *, postgres: bool) -> None:
    written = rendered("server", host, gpu_watchdog_with_postgres=postgres)

    assert written["COMPOSE_PROFILES"] == profiles


def test_agent_listens_at_the_address_that_the_master_knows() -> None:
    written = rendered("agent", "agent-1")

    assert written == {"COMPOSE_PROFILES": "agent", "AGENT_ADDRESS": "192.0.2.21"}
    assert set(written) <= set(variables((ROOT / "compose.yaml").read_text())) | {
        "COMPOSE_PROFILES"
    }


def test_server_gets_all_that_its_containers_are_made_of_and_mount() -> None:
    files = set(load("roles/server/defaults/main.yml")["server_files"])

    copied = {path for step in stages()[0] if step.name == "COPY" for path in step.words[:-1]}
    mounted = {
        source.removeprefix("./")
        for service in services("server").values()
        for source, _ in mounts(service)
        if source.startswith("./") and source not in MADE_BY_THE_OPERATOR
    }
    needed = copied | mounted | {"compose.yaml", "Dockerfile", ".dockerignore"}
    needed |= {"scripts/make-secrets", "watchdog.example.yaml"}
    assert {path for path in needed if not {path, path.split("/")[0]} & files} == set()
    assert [path for path in files if not (ROOT / path).exists()] == []


def commands() -> list[str]:
    texts = [path.read_text() for path in ANSIBLE.rglob("*.yml")]
    return re.findall(r"cmd: (docker compose .+)", "\n".join(texts))


def test_services_that_are_named_are_those_of_the_compose_file() -> None:
    [exporters] = [command for command in commands() if "--profile agent" in command]
    named = {word for command in commands() for word in command.split()[3:] if word[0] != "-"}

    assert set(exporters.split("--wait ")[1].split()) == set(services("agent"))
    assert named - {"up", "kill", "agent"} <= set(services())


def test_exporters_are_asked_at_their_ports() -> None:
    asked = load("roles/smoke_test/tasks/main.yml")[0]["loop"]
    port = load("inventory.example.yml")["all"]["vars"]["gpu_watchdog_cadvisor_port"]

    listening = {str(p) for service in services("agent").values() for _, p, _ in published(service)}

    assert asked == ["9400", "{{ smoke_test_cadvisor_port }}", "9100"]
    assert listening | {"9100"} == {"9400", str(port), "9100"}


def test_every_secret_that_somebody_has_to_bring_can_be_brought() -> None:
    [brought] = [task["loop"] for task in load("roles/server/tasks/secrets.yml") if "loop" in task]
    explained = Path(ANSIBLE / "inventory.example.yml").read_text()

    assert set(brought) == TO_BE_BROUGHT
    assert [name for name in brought if f"gpu_watchdog_{name}" not in explained] == []
