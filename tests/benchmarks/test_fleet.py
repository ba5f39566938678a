from collections import Counter

import pytest

from benchmarks.rules.fleet import GPUS_PER_AGENT, ONE_IDLE_IN, Allocation, Fleet, build_fleet


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build_fleet(1_000)


def slots(allocation: Allocation) -> int:
    return sum(1 for _ in allocation.gpus)


@pytest.mark.parametrize("gpus", [1, 8, 100, 1_000])
def test_cluster_has_exactly_the_gpus_that_were_asked_for(gpus: int) -> None:
    agents = build_fleet(gpus).agents

    uuids = {gpu.uuid for agent in agents for gpu in agent.gpus}

    assert len(uuids) == gpus
    assert max(len(agent.gpus) for agent in agents) <= GPUS_PER_AGENT


def test_same_seed_gives_the_same_cluster() -> None:
    assert build_fleet(100, seed=7) == build_fleet(100, seed=7)
    assert build_fleet(100, seed=7) != build_fleet(100, seed=8)


def test_no_gpu_has_two_holders(fleet: Fleet) -> None:
    holders = Counter(gpu.uuid for allocation in fleet.running for gpu in allocation.gpus)

    assert max(holders.values()) == 1


def test_most_gpus_are_held_and_a_tenth_of_the_allocations_is_idle(fleet: Fleet) -> None:
    held = sum(map(slots, fleet.running))
    idle = sum(allocation.idle for allocation in fleet.running)

    assert 0.80 <= held / 1_000 <= 0.90
    assert idle == pytest.approx(len(fleet.running) / ONE_IDLE_IN, abs=1)


def test_allocations_are_of_all_sizes_and_types(fleet: Fleet) -> None:
    assert {slots(allocation) for allocation in fleet.running} == {1, 2, 4, 8, 16}
    types = {allocation.task_type for allocation in fleet.running}
    assert types == {"trial", "notebook", "shell", "command"}


def test_allocation_of_two_agents_is_a_trial_with_two_containers(fleet: Fleet) -> None:
    large = [allocation for allocation in fleet.running if slots(allocation) > GPUS_PER_AGENT]

    assert large
    for allocation in large:
        assert allocation.task_type == "trial"
        assert len({container.agent.agent_id for container in allocation.containers}) == 2


def test_container_has_gpus_of_its_own_agent(fleet: Fleet) -> None:
    for allocation in (*fleet.running, *fleet.ended):
        for container in allocation.containers:
            assert set(container.gpus) <= set(container.agent.gpus)


def test_ids_are_never_used_twice(fleet: Fleet) -> None:
    allocations = [*fleet.running, *fleet.ended]
    containers = [container for one in allocations for container in one.containers]

    for ids in (
        [one.allocation_id for one in allocations],
        [one.job_id for one in allocations],
        [one.experiment_id for one in allocations if one.experiment_id],
        [container.container_id for container in containers],
        [container.runtime_id for container in containers],
    ):
        assert len(set(ids)) == len(ids)


def test_ten_allocations_have_ended_for_each_that_runs(fleet: Fleet) -> None:
    assert 8 <= len(fleet.ended) / len(fleet.running) <= 12
    assert build_fleet(100, ended_per_running=0).ended == ()
