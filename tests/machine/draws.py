"""What the sequences are drawn from, and how often each of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from hypothesis import strategies as st

from tests.machine.configurations import CONFIGURATIONS, MANY
from tests.machine.happenings import AGAINST, BETWEEN_TICKS, GROUPS, OUTAGES
from tests.receiver.conftest import MINUTE, SECOND

FEW = st.sampled_from([(), (), (), (1,), (1,), (2,), (1, 3), (1, 2, 3)])
"""Which tasks are reported beside the first."""
MOST = st.sampled_from([MANY, MANY, MANY, 1, 2])
"""How many stops are allowed within an hour."""
HOURS = st.sampled_from([0, 0, 0, 2, 8])
"""How long after noon it begins: some configurations have nights."""
WHICH = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3])
"""The first task is where most happens, so that much happens to one."""
HAPPENING = st.tuples(st.one_of([st.sampled_from(sorted(group)) for group in GROUPS]), WHICH)


RARELY = {"S10": ["configuration: only when queued"] * 7}
"""What forbids a stop too rarely, where its rule is sought: several things must come together."""


class Sought:
    """What the sequences are to come to more often than chance would have it."""

    rule: str = ""
    """Half of what speaks against a stop or an answer is what this is about. Empty: all alike."""


def _one_of(groups: Mapping[str, Sequence[str]]) -> st.SearchStrategy[str]:
    group = [*groups.get(Sought.rule, ()), *RARELY.get(Sought.rule, ())]
    sought = [group] * len(groups) if Sought.rule in groups else []
    return st.one_of([st.sampled_from(group) for group in [*groups.values(), *sought]])


SPEAKS_AGAINST = st.deferred(lambda: _one_of(AGAINST))
"""It is made when the first is drawn: what is sought is known by then."""
FORBIDS_AN_ANSWER = st.deferred(lambda: _one_of(OUTAGES))
MEANWHILE = HAPPENING.filter(lambda happening: happening[0] not in BETWEEN_TICKS)
MEANWHILE_AGAINST = st.one_of(
    MEANWHILE,
    st.tuples(SPEAKS_AGAINST.filter(lambda name: name not in BETWEEN_TICKS), WHICH),
)
SPANS = st.sampled_from(
    [SECOND, 15 * SECOND, MINUTE, 6 * MINUTE, 15 * MINUTE, 30 * MINUTE, 31 * MINUTE, 180 * MINUTE]
)
MENDED = st.sampled_from(["as before"] * 6 + sorted(CONFIGURATIONS))
"""The configuration under which a stop is made ready. Most of them allow one."""
BEFORE = st.sampled_from([SECOND, SECOND, 15 * SECOND, MINUTE])
"""How long before a deadline something happens."""
AFTER = st.sampled_from([timedelta(), SECOND, SECOND, MINUTE, 6 * MINUTE])
PROOF = st.sampled_from(
    [
        ("cluster.read_allocation", 1),
        ("rules.query", 1),
        ("rules.query", 2),
        ("rules.firing_alerts", 2),
        ("store.breaker", 2),
        ("store.keeps", 2),
        ("store.commit", 1),
        ("store.commit", 2),
        ("cluster.stop", 1),
        ("cluster.pause", 1),
        ("store.commit", 3),
    ]
)
"""Before which call of a tick something happens, where a stop is due: from its proof on."""
RIGHT_BEFORE_A_CALL = st.sampled_from([("cluster.stop", 1), ("cluster.pause", 1)])
"""After all that is stored behind the lease."""
AT_ONCE = ("", 0)
SOON = st.one_of(st.just(AT_ONCE), st.tuples(st.just(""), st.integers(1, 45)))
"""After how many calls of any kind: a tick has about twenty, a stop twenty more."""
