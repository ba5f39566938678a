"""What the use cases need from the outside world.

Every method may raise an `UpstreamError`, and the database's `StoreUnavailableError`; each
means *unknown*, and unknown never leads to a stop (S5).
"""

from app.ports.database import Archive, IncidentStore, Leases, Outbox, PressBook
from app.ports.digests import Bulletin, DigestBook
from app.ports.owners import OwnerActions, Trends
from app.ports.presses import PressHandler
from app.ports.systems import AlertPeers, Cluster, Messenger, Past, Rules
from app.ports.tasks import RuleFiles, SilenceLists

__all__ = [
    "AlertPeers",
    "Archive",
    "Bulletin",
    "Cluster",
    "DigestBook",
    "IncidentStore",
    "Leases",
    "Messenger",
    "Outbox",
    "OwnerActions",
    "Past",
    "PressBook",
    "PressHandler",
    "RuleFiles",
    "Rules",
    "SilenceLists",
    "Trends",
]
