"""Is the database ready, and on a disk that keeps it?"""

from collections.abc import Iterator

from app.errors import ConfigurationError
from app.preflight.answers import Answer
from app.preflight.finding import Finding, missing, ok, warning
from app.store.inspection import Inspection

_REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs"),
        *("gpfs", "lustre", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"),
    }
)
"""Kinds of file system that several machines share. SQLite's locks and its WAL need one machine."""


def judge_database(answer: Answer[Inspection]) -> Iterator[Finding]:
    if isinstance(answer, Inspection):
        yield ok("database.reachable", _reached(answer))
        yield _schema(answer)
        yield _disk(answer)
    else:
        # The lines after the first one are for programmers.
        first, *_ = str(answer).splitlines()
        remedy = "See that the database runs, that the account may write, and database_url."
        if isinstance(answer, ConfigurationError):
            remedy = "Correct database_url, or make the folder writable for the receiver's account."
        yield missing("database.reachable", first, remedy)


def _reached(found: Inspection) -> str:
    if found.revision is None:
        return "nothing is there yet; the receiver makes it at its first start"
    return "it can be read and written"


def _schema(found: Inspection) -> Finding:
    noted, newest = found.revision, found.newest
    if noted is not None and noted > newest:
        return missing(
            "database.schema",
            f"a newer version of the watchdog has made it ({noted}; this one knows {newest})",
            "Start that version, or restore a backup from before it.",
        )
    if noted is not None and noted < newest:
        return warning(
            "database.schema",
            f"its schema is {noted}, and {newest} after the next start",
            "Make a backup, then start the receiver: an older version cannot go back.",
        )
    return ok("database.schema", f"its schema is up to date ({newest})")


def _disk(found: Inspection) -> Finding:
    if found.file_system in _REMOTE:
        return warning(
            "database.disk",
            f"SQLite's file is on {found.file_system}, where its locks do not hold",
            "Put it on a disk of this machine, or take PostgreSQL.",
        )
    return ok("database.disk", f"on {found.file_system or 'a server, or a disk that is not known'}")
