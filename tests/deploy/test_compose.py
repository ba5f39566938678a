"""compose.yaml: each path, variable, secret, port, network and host is what it should be."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.compose import (
    ROOT,
    environment_file,
    mounts,
    published,
    read,
    secrets,
    services,
    variables,
)

TEXT = (ROOT / "compose.yaml").read_text()
EVERY_SERVICE = pytest.mark.parametrize("name", services())
MADE_BY_THE_OPERATOR = {"./config"}
SET_BY_THE_OPERATOR = {"COMPOSE_PROFILES"}
"""What Compose itself reads."""

PRIVILEGES = {
    # All of the machine's file systems, and its network interfaces, are what it tells of.
    "node-exporter": {"network_mode": "host", "pid": "host", "/": "/host"},
    "cadvisor": {
        # Cgroups, logs and Docker's folders belong to root and others.
        "user": "0:0",
        "cap_add": ["DAC_READ_SEARCH"],
        "cgroup": "host",
        "/": "/rootfs",
        "/sys": "/sys",
        # With Docker's socket, which knows the labels of containers.
        "/var/run": "/var/run",
        "/var/lib/docker": "/var/lib/docker",
        "/dev/disk": "/dev/disk",
    },
    "dcgm-exporter": {
        "user": "0:0",
        # For the profiling counters.
        "cap_add": ["SYS_ADMIN"],
        "read_only": False,
        "devices": [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}],
    },
}
"""All that a service may do beyond what every other may."""


def privileges(service: dict[str, Any]) -> dict[str, Any]:
    fields = ("privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "cgroup", "userns")
    found = {field: service[field] for field in fields if field in service}
    if service.get("user", "").split(":")[0] in {"0", "root"}:
        found["user"] = service["user"]
    if not service["read_only"]:
        found["read_only"] = False
    reserved = service["deploy"]["resources"].get("reservations", {})
    found |= {field: reserved[field] for field in reserved}
    outside = {source: target for source, target in mounts(service) if source.startswith("/")}
    return found | outside


@EVERY_SERVICE
def test_service_may_do_no_more_than_is_listed(name: str) -> None:
    assert privileges(services()[name]) == PRIVILEGES.get(name, {})


@EVERY_SERVICE
def test_service_gives_up_what_it_can_and_is_limited(name: str) -> None:
    service = services()[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@EVERY_SERVICE
def test_image_is_pinned_and_watched(name: str) -> None:
    service = services()[name]

    if "build" in service:
        # Its base is pinned, and its health checked, by the Dockerfile.
        return
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-[\w.-]+)?$", service["image"])
    check = service["healthcheck"]
    assert check == {"disable": True} if name == "dcgm-exporter" else check["test"][0] == "CMD"


@EVERY_SERVICE
def test_what_is_mounted_exists(name: str) -> None:
    sources = {source for source, _ in mounts(services()[name])}

    ours = {source for source in sources if source.startswith("./")} - MADE_BY_THE_OPERATOR
    assert [source for source in ours if not (ROOT / source).exists()] == []
    named = {source for source in sources if source[0] not in "./"}
    assert named <= set(read()["volumes"])


def test_no_volume_network_or_secret_is_without_use() -> None:
    document, every = read(), services().values()

    mounted = {source for service in every for source, _ in mounts(service)}
    joined = {network for service in every for network in service.get("networks", [])}
    given = {secret.source for service in every for secret in secrets(service)}

    assert set(document["volumes"]) == {one for one in mounted if one[0] not in "./"}
    assert set(document["networks"]) == joined
    assert set(document["secrets"]) == given


def test_every_variable_is_explained_with_its_default() -> None:
    example = environment_file((ROOT / ".env.example").read_text())

    assert {name: example.get(name) for name in variables(TEXT)} == variables(TEXT)
    assert set(example) - set(variables(TEXT)) == SET_BY_THE_OPERATOR
    assert set(example["COMPOSE_PROFILES"].split(",")) <= {"server", "postgres", "agent"}


def test_a_machine_may_be_master_server_and_agent_at_once() -> None:
    ports = [outside for service in services().values() for _, outside, _ in published(service)]
    ports.append(9100)  # node-exporter's, on the machine's own network.

    assert sorted(ports) == sorted(set(ports))
    assert 8080 not in ports, "a Determined master holds it"


def test_nothing_is_published_to_everybody_unasked() -> None:
    addresses = {a for service in services().values() for a, _, _ in published(service)}

    assert addresses == {"127.0.0.1"}
    [listens] = [c for c in services()["node-exporter"]["command"] if "listen-address" in c]
    assert listens.endswith("=127.0.0.1:9100")


def test_agents_are_asked_where_they_listen() -> None:
    jobs = {job["job_name"]: job for job in prometheus_config()["scrape_configs"]}

    [dcgm] = published(services()["dcgm-exporter"])
    [cadvisor] = published(services()["cadvisor"])

    # Determined's list names 9400 and 8080; tests/deploy/test_servers.py sees it applied.
    assert dcgm[1] == 9400
    assert jobs["determined-agents"]["relabel_configs"][0]["replacement"] == f"$1:{cadvisor[1]}"
    assert jobs["node-exporter"]["relabel_configs"][-1]["replacement"] == "$1:9100"


def prometheus_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    return config


def hosts(name: str) -> set[str]:
    """Return the hosts, with their ports, that a file tells its reader to ask."""
    text = (ROOT / name).read_text()
    written = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    urls = {urlsplit(url).netloc for url in re.findall(r"https?://[^\s\"']+", written)}
    targets = re.findall(r'targets: \["([^"]+)"\]', written)
    return {host for host in urls | set(targets) if ":" in host}


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("prometheus/prometheus.yml", "prometheus"),
        ("alertmanager/alertmanager.yml", "alertmanager"),
        ("watchdog.example.yaml", "gpu-watchdog"),
        ("grafana/provisioning/datasources/prometheus.yaml", "grafana"),
    ],
)
def test_hosts_that_a_configuration_names_can_be_reached_by_its_reader(
    name: str, reader: str
) -> None:
    every = services()
    added = {entry.split(":")[0] for entry in every[reader].get("extra_hosts", [])}

    asked = {tuple(host.split(":")) for host in hosts(name)}

    assert asked
    for host, port in asked:
        if host in added:
            assert (host, port) == ("determined-master", "8080")
            assert "outside" in every[reader]["networks"]
        else:
            assert "inside" in set(every[host]["networks"]) & set(every[reader]["networks"])
            assert int(port) in {inside for _, _, inside in published(every[host])}


def test_what_goes_on_inside_stays_there() -> None:
    networks = read()["networks"]

    assert networks["inside"] == networks["database"] == {"internal": True}
    assert services()["postgres"]["networks"] == ["database"]


def secret_paths(text: str) -> set[str]:
    return set(re.findall(r"/run/secrets/\w+", text))


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_secrets_that_a_server_reads_are_given_to_it_and_no_others(name: str) -> None:
    service = services()[name]
    files = [*(ROOT / name).glob("*.yml")]

    read_there = {path for file in files for path in secret_paths(file.read_text())}
    read_there |= secret_paths(str(service["command"]))

    assert {secret.target for secret in secrets(service)} == read_there


def test_secrets_that_the_watchdog_can_be_told_to_read_are_where_it_looks() -> None:
    example = (ROOT / "watchdog.example.yaml").read_text()
    # What is commented out, too: it is turned on by removing the sign.
    named = set(re.findall(r"file: (secrets/\w+)", example))

    given = {secret.target for secret in secrets(services()["gpu-watchdog"])}

    expected = {f"/srv/gpu-watchdog/{path}" for path in named}
    assert given == expected | {"/run/secrets/pgpass"}
    assert services()["gpu-watchdog"]["environment"]["PGPASSFILE"] == "/run/secrets/pgpass"


def test_grafana_finds_its_files_and_lets_nobody_in_without_a_password() -> None:
    service = services()["grafana"]
    [source] = yaml.safe_load(
        (ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    [provider] = yaml.safe_load(
        (ROOT / "grafana/provisioning/dashboards/dashboards.yaml").read_text()
    )["providers"]

    where = dict(mounts(service))
    given = {secret.target for secret in secrets(service)}
    named = secret_paths(str(service["environment"])) | secret_paths(str(source))

    assert where["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert where["./grafana/dashboards"] == provider["options"]["path"]
    assert given == named
    assert (source["basicAuth"], source["basicAuthUser"]) == (True, "grafana")
    assert "GF_AUTH_ANONYMOUS_ENABLED" not in service["environment"]


def test_secret_is_called_alike_everywhere() -> None:
    files = {name: secret["file"] for name, secret in read()["secrets"].items()}

    assert files == {name: f"./secrets/{name}" for name in files}


def test_token_of_the_master_is_where_both_look() -> None:
    example = yaml.safe_load((ROOT / "watchdog.example.yaml").read_text())
    written = example["determined"]["prometheus_token_file"]

    masters = [job["authorization"] for job in prometheus_config()["scrape_configs"][:1]]

    assert [one["credentials_file"] for one in masters] == [written]
    for name in ("gpu-watchdog", "prometheus"):
        where = dict(mounts(services()[name]))["determined-token"]
        assert written.startswith(f"{where}/")
