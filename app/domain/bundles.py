"""What of the outbox is told as one: an owner hears once of sixteen trials of one search."""

from collections.abc import Hashable, Iterable, Sequence

from app.domain.actions import MessageKind
from app.domain.outbox import Delivery

LARGEST = 40
"""So many incidents at most are told of in one message: it has room to name them all (S1)."""

Bundle = tuple[Delivery, ...]


def bundles(deliveries: Iterable[Delivery]) -> list[Bundle]:
    """Return what is to be sent as one message each, in the order in which it is to be sent.

    The order of the deliveries is kept, but for a message that is rewritten several times: it is
    written once, as it is to be in the end.
    """
    found: dict[Hashable, list[Delivery]] = {}
    for each in deliveries:
        key = _key(each)
        if each.kind is MessageKind.STATUS:
            found[key] = [*found.pop(key, []), each]
        else:
            found.setdefault(key, []).append(each)
    return [part for each in found.values() for part in _parts(each)]


def _key(delivery: Delivery) -> Hashable:
    match delivery.kind:
        case MessageKind.WARNING:
            return delivery.kind, delivery.username, delivery.alertname
        case MessageKind.ADMINS | MessageKind.BREAKER:
            return delivery.message_id
        case _:
            # What was told in one message goes on there.
            return delivery.kind, delivery.message or delivery.message_id


def _parts(deliveries: Sequence[Delivery]) -> list[Bundle]:
    if deliveries[0].kind is MessageKind.STATUS:
        return [tuple(deliveries)]
    starts = range(0, len(deliveries), LARGEST)
    return [tuple(deliveries[start : start + LARGEST]) for start in starts]
