"""The alerts that Alertmanager's peers list (`GET /api/v2/alerts`), ten thousand at every tick."""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from app.adapters.long_arrays import LongArray
from app.domain.alert import identify
from app.domain.readings import PeerAlert, PeerAlertState
from app.errors import InvalidAlertError

_WORST_FIRST = (PeerAlertState.SUPPRESSED, PeerAlertState.UNPROCESSED, PeerAlertState.ACTIVE)
_Names = tuple[str, ...]


class _Alert(msgspec.Struct, gc=False):
    """Not a model: thousands are read at every tick. Nearly all say what they said before."""

    labels: msgspec.Raw
    status: msgspec.Raw


class _Status(msgspec.Struct, rename="camel", gc=False):
    state: str
    silenced_by: _Names = ()
    inhibited_by: _Names = ()
    muted_by: _Names = ()


_Ours = tuple[str, PeerAlert]
"""By the key of its identity."""
_Known = tuple[bytes, _Ours]
"""The bytes that were read, and what they say."""

_ALERTS = msgspec.json.Decoder(list[_Alert])
_LABELS = msgspec.json.Decoder(dict[str, str])
_STATUS = msgspec.json.Decoder(_Status)


class AlertLists:
    """Reads the lists of all peers, and remembers what the last ones said, by their very bytes."""

    def __init__(self) -> None:
        self._before: dict[bytes, _Known] = {}
        self._now: dict[bytes, _Known] = {}

    def begin(self) -> None:
        """Begin a look at all peers: what none of them said since the last is forgotten."""
        self._before, self._now = self._now, {}

    def array(self) -> LongArray[_Ours | None]:
        return LongArray(self.read, begins=b"[")

    def read(self, array: bytearray) -> Iterable[_Ours | None]:
        """Raises: msgspec.DecodeError, ValueError: it is no list of alerts."""
        return map(self._ours, _ALERTS.decode(array))

    def _ours(self, alert: _Alert) -> _Ours | None:
        # Each is a whole object, so where one ends and the other begins is in no doubt.
        text = bytes(alert.labels) + bytes(alert.status)
        known = self._now.get(text) or self._before.get(text)
        if known is None:
            found = _ours(alert)
            if found is None:
                # Not remembered: those of others may be any number.
                return None
            known = (text, found)
        self._now[known[0]] = known
        return known[1]


def _ours(alert: _Alert) -> _Ours | None:
    """Return an alert of ours, and None for any other."""
    labels, status = _LABELS.decode(alert.labels), _STATUS.decode(alert.status)
    try:
        identity = identify(labels)
    except InvalidAlertError:
        return None
    for name in identity.fixed_labels:
        del labels[name]
    because = (status.silenced_by, status.inhibited_by, status.muted_by)
    return identity.key, _peer_alert(status.state, *because, *labels.items())


# Of thousands, nearly all are alike in this, and then are one object.
@lru_cache(maxsize=1024)
def _peer_alert(
    state: str,
    silenced_by: _Names,
    inhibited_by: _Names,
    muted_by: _Names,
    *labels: tuple[str, str],
) -> PeerAlert:
    return PeerAlert(PeerAlertState(state), dict(labels), silenced_by, inhibited_by, muted_by)


def by_identity(alerts: Iterable[_Ours | None]) -> dict[str, PeerAlert]:
    """Return our alerts; of several with one identity, what speaks against a stop counts."""
    found: dict[str, PeerAlert] = {}
    for alert in alerts:
        if alert is not None:
            key, ours = alert
            found[key] = _joined(found.get(key), ours)
    return found


def _joined(one: PeerAlert | None, other: PeerAlert) -> PeerAlert:
    if one is None:
        return other
    return PeerAlert(
        min(one.state, other.state, key=_WORST_FIRST.index),
        labels={**one.labels, **other.labels},
        silenced_by=one.silenced_by + other.silenced_by,
        inhibited_by=one.inhibited_by + other.inhibited_by,
        muted_by=one.muted_by + other.muted_by,
    )
