"""Which jobs wait, one by one, and on which agents there is room."""

from msgspec import convert

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire
from app.adapters.determined import Determined
from app.domain.cluster import QueuedJob, Room
from demo.cluster.cluster import Cluster
from demo.cluster.model import TaskType
from tests.adapters.test_determined_reads import start

GPU = {"device": {"uuid": "GPU-1", "type": "TYPE_CUDA"}}
FREE = GPU | {"enabled": True, "draining": False, "container": None}
TAKEN = FREE | {"container": {"id": "c1"}}
SUMMARY = {"state": "STATE_QUEUED", "jobsAhead": 3}


def agent(*slots: object, **more: object) -> wire.Agent:
    numbered = {str(number): slot for number, slot in enumerate(slots)}
    known = {"id": "agent-a", "slots": numbered, "enabled": True, "draining": False}
    return convert(known | more, wire.Agent)


async def test_jobs_that_wait_are_read_one_by_one(cluster: Cluster, determined: Determined) -> None:
    start(cluster, TaskType.NOTEBOOK, "alice", slots=2)
    waiting = start(cluster, TaskType.NOTEBOOK, "bob", slots=64)

    snapshot = await determined.snapshot()

    [job] = snapshot.queue["default"]
    assert (job.job_id, job.username) == (waiting.job_id, "bob")
    assert (job.slots, job.least, job.spreads) == (64, 64, False)
    assert job.since is not None


async def test_an_experiment_that_waits_names_its_smallest_trial(
    cluster: Cluster, determined: Determined
) -> None:
    first = start(cluster, TaskType.TRIAL, "bob", slots=64)
    assert first.trial is not None
    number = first.trial.experiment.experiment_id
    start(cluster, TaskType.TRIAL, "bob", slots=32, experiment_id=number)

    [job] = (await determined.snapshot()).queue["default"]

    assert (job.slots, job.least, job.spreads) == (96, 32, True)


async def test_a_job_that_the_account_may_not_see_still_waits_in_front_of_others(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK, "bob", slots=64)
    cluster.hidden_users.add("bob")

    [job] = (await determined.snapshot()).queue["default"]

    assert (job.username, job.slots, job.since) == (None, 64, None)


def test_what_a_job_does_not_tell_is_unknown() -> None:
    job = convert({"limited": {"summary": SUMMARY}}, wire.Job)

    assert reading.queue([job], {}) == (QueuedJob("", None, slots=None, least=None, ahead=3),)


def test_a_time_that_was_never_set_is_unknown() -> None:
    """Go writes it as year 1: nobody has waited since then."""
    queued = {"state": "STATE_QUEUED", "jobsAhead": 0}
    full = {
        "summary": queued,
        "requestedSlots": 1,
        "allocatedSlots": 0,
        "type": "TYPE_NOTEBOOK",
        "username": "bob",
        "entityId": "n1",
        "jobId": "j1",
        "submissionTime": "0001-01-01T00:00:00Z",
    }

    [job] = reading.queue([convert({"full": full}, wire.Job)], {})

    assert job.since is None


async def test_room_of_an_agent_is_what_no_container_holds(
    cluster: Cluster, determined: Determined
) -> None:
    before = (await determined.snapshot()).rooms["agent-a"]
    start(cluster, TaskType.TRIAL, agents={"agent-a": 3})

    after = (await determined.snapshot()).rooms["agent-a"]

    assert after == Room(before.slots, before.free - 3)


def test_slots_that_take_no_new_work_are_no_room() -> None:
    disabled, draining = FREE | {"enabled": False}, TAKEN | {"draining": True}
    cpu = FREE | {"device": {"uuid": "cpu", "type": "TYPE_CPU"}}

    found = reading.rooms([agent(FREE, TAKEN, disabled, draining, cpu)])

    assert found == {"agent-a": Room(slots=2, free=1)}
    for change in ({"enabled": False}, {"draining": True}):
        assert reading.rooms([agent(FREE, TAKEN, **change)]) == {"agent-a": Room(0, 0)}


def test_an_agent_that_leaves_something_out_has_no_known_room() -> None:
    for name in ("enabled", "draining", "container"):
        less = {key: value for key, value in FREE.items() if key != name}
        assert reading.rooms([agent(FREE, less)]) == {}
    assert reading.rooms([agent(FREE, enabled=None)]) == {}
    assert reading.rooms([agent(FREE, draining=None)]) == {}


def test_a_gpu_is_free_where_no_container_has_its_slot_whatever_new_work_it_takes() -> None:
    disabled = {**FREE, "device": {"uuid": "GPU-2", "type": "TYPE_CUDA"}, "enabled": False}
    taken = {**TAKEN, "device": {"uuid": "GPU-3", "type": "TYPE_CUDA"}}
    nameless = {**TAKEN, "device": {"uuid": "GPU-4", "type": "TYPE_CUDA"}, "container": {}}
    cpu = {**FREE, "device": {"uuid": "cpu", "type": "TYPE_CPU"}}

    found = reading.occupants([agent(FREE, disabled, taken, nameless, cpu)])

    assert found == {"GPU-1": "", "GPU-2": "", "GPU-3": "c1", "GPU-4": "unknown"}


def test_a_slot_that_leaves_something_out_tells_nothing_of_its_gpu() -> None:
    less = {key: value for key, value in FREE.items() if key != "container"}

    assert reading.occupants([agent(less)]) == {}


async def test_gpus_are_with_their_containers_until_these_are_gone(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.TRIAL, agents={"agent-a": 3})

    snapshot = await determined.snapshot()

    held = {
        uuid: each.container_id
        for one in snapshot.allocations.values()
        for each in one.containers
        for uuid in each.gpu_uuids
    }
    assert len(held) == 3
    assert {uuid: id_ for uuid, id_ in snapshot.occupants.items() if id_} == held
