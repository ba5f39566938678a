"""Accounts, sessions and access tokens of the simulated master."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.cluster.errors import denied, unauthenticated
from demo.cluster.model import User
from demo.cluster.timeline import Timeline

# Fixed in Determined's clients (determined/common/api/authentication.py): the hash hides the
# password from nobody who knows it, and a client that hashes must use the same one.
CLIENT_SALT = "GubPEmmotfiK9TMD6Zdw"


def client_hash(password: str) -> str:
    """Return what a client sends instead of a password. The empty one is not salted."""
    return hashlib.sha512(f"{CLIENT_SALT}{password}".encode()).hexdigest() if password else ""


@dataclass(slots=True)
class Session:
    token: str
    user_id: int
    expires_at: datetime
    created_at: datetime
    token_id: int | None = None
    """Set for an access token of a service; None for a login."""
    description: str = ""
    revoked: bool = False


class Accounts:
    """Who may come in. A login ends after a fixed time, however often it is used."""

    def __init__(
        self, users: dict[int, User], *, timeline: Timeline, session_life: timedelta
    ) -> None:
        self.users = users
        self._timeline = timeline
        self._session_life = session_life
        self._sessions: dict[str, Session] = {}

    def by_name(self, username: str) -> User | None:
        return next((user for user in self.users.values() if user.username == username), None)

    def login(self, username: str, password: str, *, is_hashed: bool) -> tuple[str, User]:
        """Return a new session's token.

        Raises:
            ApiError: 401 for a wrong name or password, or an account of an identity
                provider; 403 for an inactive user.
        """
        user = self.by_name(username)
        sent = password if is_hashed else client_hash(password)
        if user is None or user.remote or sent != client_hash(user.password):
            raise unauthenticated("invalid credentials")
        if not user.active:
            raise denied("user not active")
        return self._open(user, life=self._session_life).token, user

    def user_of(self, authorization: str | None) -> User:
        """Return whose token it is.

        Raises:
            ApiError: 401 for none, a malformed, unknown, expired or revoked one; 403 for an
                inactive user.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise unauthenticated("token missing")
        session = self._sessions.get(token)
        if session is None or session.revoked or self._expired(session):
            raise unauthenticated("invalid credentials")
        user = self.users[session.user_id]
        if not user.active:
            raise denied("user not active")
        return user

    def peek(self, authorization: str | None) -> str | None:
        """Return the username behind a header, for the record of calls; None if unknown."""
        session = self._sessions.get((authorization or "").removeprefix("Bearer "))
        return self.users[session.user_id].username if session else None

    def open_access_token(self, user: User, *, life: timedelta, description: str) -> Session:
        session = self._open(user, life=life)
        session.token_id = 1 + len(self.access_tokens())
        session.description = description
        return session

    def access_tokens(self) -> list[Session]:
        return [session for session in self._sessions.values() if session.token_id is not None]

    def close(self, authorization: str | None) -> None:
        self._sessions.pop((authorization or "").removeprefix("Bearer "), None)

    def revoke_all(self, username: str | None = None) -> int:
        """Forget the logins of one user, or of all; return how many there were."""
        gone = [
            token
            for token, session in self._sessions.items()
            if username in {None, self.users[session.user_id].username}
        ]
        for token in gone:
            del self._sessions[token]
        return len(gone)

    def _open(self, user: User, *, life: timedelta) -> Session:
        now = self._timeline.now()
        session = Session(
            token=f"v2.public.{secrets.token_urlsafe(48)}",
            user_id=user.user_id,
            expires_at=now + self._timeline.scaled(life),
            created_at=now,
        )
        self._sessions[session.token] = session
        return session

    def _expired(self, session: Session) -> bool:
        return session.expires_at <= self._timeline.now()
