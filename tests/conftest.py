import gc
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

# One server, and one file with all tables, for all the tests.
from tests.postgres import migrated, postgres  # noqa: F401
from tests.sqlite import prepare_database  # noqa: F401

ROOT = Path(__file__).parents[1]

# As the receiver has it: to look for cycles among all that is imported, again and again, takes 5 to
# 9 % of the tests' time.
gc.set_threshold(50_000, 20, 100)

Expand = Callable[[str, Mapping[str, str]], str]


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: the product knows no other event loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def alerts() -> dict[str, dict[str, Any]]:
    """Every alerting rule of every rule file, by name."""
    return {
        rule["alert"]: rule
        for path in sorted((ROOT / "alerting-rules").glob("*.rules.yaml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


@pytest.fixture(scope="session")
def expand() -> Expand:
    """Expand the little of Go's templates that `verify` and `evidence` use.

    tests/e2e/test_rules.py compares the result with what Prometheus itself makes of them.
    """
    assignment = re.compile(r'\{\{-\s*\$(\w+) := printf "(.*?)"((?: \$labels\.\w+)+)\s*-\}\}\s*')
    use = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")

    def expanded(text: str, labels: Mapping[str, str]) -> str:
        values: dict[str, str] = {}
        for name, pattern, arguments in assignment.findall(text):
            filled = pattern
            for label in re.findall(r"\$labels\.(\w+)", arguments):
                filled = filled.replace("%q", json.dumps(labels[label]), 1)
            values[name] = filled
        return use.sub(lambda found: values[found[1]], assignment.sub("", text)).strip()

    return expanded
