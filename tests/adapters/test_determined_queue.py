"""Who waits in Determined's queues, and for how many slots."""

import httpx
import respx

from app.adapters.determined import Determined
from app.adapters.determined_session import AccessToken, Session
from demo.cluster.cluster import Cluster
from demo.cluster.model import TaskType
from demo.plain import PLAIN
from tests.adapters.test_determined_reads import start


async def test_slots_that_queued_jobs_lack_are_counted_by_pool_and_user(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK, "alice", slots=2)
    start(cluster, TaskType.NOTEBOOK, "bob", slots=64)
    start(cluster, TaskType.TRIAL, "bob", slots=32)
    cluster.agents["agent-b"].pools = ("night",)
    start(cluster, TaskType.GENERIC, "carol", slots=16, pool="night")

    snapshot = await determined.snapshot()

    assert snapshot.queued_slots == {"default": {"bob": 96}, "night": {"carol": 16}}


async def test_experiment_of_which_a_part_runs_is_not_in_the_queue(
    cluster: Cluster, determined: Determined
) -> None:
    running = start(cluster, TaskType.TRIAL, "bob", slots=2)
    assert running.trial is not None
    number = running.trial.experiment.experiment_id
    start(cluster, TaskType.TRIAL, "bob", slots=64, experiment_id=number)

    snapshot = await determined.snapshot()

    assert snapshot.queued_slots == {"default": {}}


async def test_pool_in_whose_queue_nobody_waits_is_known(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK)

    snapshot = await determined.snapshot()

    assert snapshot.queued_slots == {"default": {}}


async def test_job_that_the_account_may_not_see_waits_for_nobody(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK, "bob", slots=64)
    start(cluster, TaskType.NOTEBOOK, "carol", slots=32)
    cluster.hidden_users.add("bob")

    snapshot = await determined.snapshot()

    assert snapshot.queued_slots == {"default": {"carol": 32}}


@respx.mock
async def test_queue_is_read_to_its_end() -> None:
    """A page holds 10,000 jobs; -1 would be an error, and no limit means 100."""

    def page(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        size = {0: 10_000, 10_000: 8}[offset]
        counts = {"requestedSlots": 1, "allocatedSlots": 0}
        whose = {"type": "TYPE_SHELL", "username": "bob", "entityId": "s", "jobId": "j"}
        states = ["STATE_SCHEDULED" if number < 5 else "STATE_QUEUED" for number in range(size)]
        jobs = [{"full": counts | whose | {"summary": {"state": each}}} for each in states]
        return httpx.Response(200, json={"jobs": jobs, "pagination": {"total": 10_008}})

    base = "http://determined/api/v1"
    respx.get(f"{base}/tasks").respond(json={"allocationIdToSummary": {}})
    respx.get(f"{base}/resource-pools").respond(json={"resourcePools": [{"name": "default"}]})
    respx.get(f"{base}/users").respond(json={"users": []})
    respx.get(f"{base}/agents").respond(json={"agents": []})
    for plural in ("notebooks", "shells", "commands", "tensorboards"):
        respx.get(f"{base}/{plural}").respond(json={plural: []})
    queue = respx.get(f"{base}/job-queues-v2").mock(side_effect=page)
    async with httpx.AsyncClient(base_url="http://determined", verify=PLAIN) as client:
        snapshot = await Determined(client, Session(client, AccessToken("t"))).snapshot()

    assert snapshot.queued_slots == {"default": {"bob": 9_998}}
    assert {call.request.url.params["limit"] for call in queue.calls} == {"10000"}
    assert {call.request.url.params["resourcePool"] for call in queue.calls} == {"default"}
