from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "prometheus/prometheus.yml"


def authorizations(node: object) -> list[dict[str, Any]]:
    """Return every `authorization` of the configuration, wherever it stands."""
    if isinstance(node, list):
        return [found for one in node for found in authorizations(one)]
    if not isinstance(node, dict):
        return []
    own = [node["authorization"]] if "authorization" in node else []
    return own + [found for value in node.values() for found in authorizations(value)]


def test_discovery_of_prometheus_2_42_is_told_what_kind_of_token_it_has() -> None:
    """Without the type it sends the token bare, and Determined answers 401."""
    jobs = yaml.safe_load(CONFIG.read_text())["scrape_configs"]

    found = authorizations([job.get("http_sd_configs", []) for job in jobs])

    assert found, "the master's list of agents needs a token"
    assert {one.get("type") for one in found} == {"Bearer"}
