"""The HTTP surface is as its description in OpenAPI says, whatever comes.

The owner's page is not described there: it is HTML for people, and no interface to program
against. A browser presses every button of it (tests/browser).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.openapi import from_dict
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from app.domain.access import Role
from app.settings import load_settings
from demo.cluster.control import ControlClient
from tests.adapters.slack_payloads import SIGNING_SECRET
from tests.api.conftest import Configure
from tests.api.receiver import bearer, deliver, labels_of, posted, running, ticks, until

Send = Callable[[httpx.Request], httpx.Response]
LEFT_OUT = [
    # It takes our own token for one that it has made up.
    checks.ignored_auth,
    # A policy may allow no keep of so many hours, whatever is written there.
    checks.positive_data_acceptance,
]


@dataclass(frozen=True, slots=True)
class Trial:
    mode: GenerationMode
    """Whether what is sent is as described, or is not."""
    headers: Mapping[str, str]
    examples: int


TRIALS = (
    Trial(GenerationMode.POSITIVE, bearer(Role.ADMIN), 4),
    Trial(GenerationMode.NEGATIVE, bearer(Role.ADMIN), 4),
    Trial(GenerationMode.POSITIVE, {}, 1),
)


@pytest.fixture
def send(
    configuration: dict[str, Any],
    configure: Configure,
    upstream: respx.MockRouter,  # noqa: ARG001 -- it has to answer before the app starts
    control: ControlClient,
    tmp_path: Path,
) -> Iterator[Send]:
    """Send to the whole app, which knows of one task and its incident."""
    task = control.start_idle_notebook("bob")
    secret = tmp_path / "slack_signing_secret"
    secret.write_text(f"{SIGNING_SECRET}\n")
    configuration["slack"]["signing_secret_file"] = str(secret)
    configure(configuration)
    app = running(load_settings())
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app) as client:
        portal.call(lambda: ticked(client))
        portal.call(lambda: deliver(client, posted(labels_of(task))))
        yield lambda request: portal.call(client.send, request)


async def ticked(client: httpx.AsyncClient) -> None:
    async def has_ticked() -> bool:
        return await ticks(client) > 0

    await until(has_ticked, "a tick")


def test_whatever_is_sent_gets_an_answer_that_is_described(send: Send) -> None:
    description = send(httpx.Request("GET", "http://app/openapi.json")).json()
    [incident] = send(
        httpx.Request("GET", "http://app/api/v1/incidents", headers=bearer(Role.VIEWER))
    ).json()
    [target] = incident["targets"]
    known = {"incident_id": incident["incident_id"], "task_id": target["task_id"]}

    found = from_dict(description).get_all_operations()
    operations = [result.ok() for result in found if isinstance(result, Ok)]

    assert len(operations) == 19
    for operation in operations:
        for trial in TRIALS:
            if takes_something(operation) or trial.mode is GenerationMode.POSITIVE:
                assert_holds(operation, trial, send, known=known)


def takes_something(operation: APIOperation) -> bool:
    return bool([*operation.iter_parameters(), *operation.body])


def assert_holds(
    operation: APIOperation, trial: Trial, send: Send, *, known: Mapping[str, str]
) -> None:
    @hypothesis_settings(
        max_examples=trial.examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(operation.as_strategy(generation_mode=trial.mode), st.booleans())
    def keeps_to_it(case: Case[Any], is_known: bool) -> None:  # noqa: FBT001 -- of hypothesis.
        if is_known:
            own = {name: value for name, value in known.items() if name in case.path_parameters}
            case.path_parameters |= own
        answer = send(request_of(case, trial.headers))
        case.validate_response(answer, excluded_checks=LEFT_OUT)

    keeps_to_it()


def request_of(case: Case[Any], headers: Mapping[str, str]) -> httpx.Request:
    """Return what schemathesis would send over `requests`."""
    parts = case.as_transport_kwargs("http://app", dict(headers))
    content = parts.pop("data", None)
    return httpx.Request(
        **parts, **({"data": content} if isinstance(content, dict) else {"content": content})
    )
