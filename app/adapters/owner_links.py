"""Links to the owner's page, and the forms on it: signed, so that nobody can make one up.

A link names an incident and the owner it was made for. It is the same each time it is made, and has
no end of its own: what it shows hangs on the incident. A form is signed with what it asks for, ends
after a day, and has a key that is used once (`app.ports.OwnerActions`). Nothing is stored for a
page that somebody looks at.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from app.errors import ConfigurationError

FORM_AGE = timedelta(days=1)
_NEWS_AGE = timedelta(minutes=10)
_SHORTEST = 32
# One purpose each: what was signed for one is worth nothing to another.
_PAGE, _FORM, _NEWS = "owner-page", "owner-page-form", "owner-page-news"
_SIGNER = {"key_derivation": "hmac", "digest_method": sha256}


@dataclass(frozen=True, slots=True)
class Claim:
    """Which incident a link shows, and to whom."""

    incident_id: str
    username: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a form asks for."""

    incident_id: str
    """Of the page that it stands on."""
    username: str
    verb: str
    subjects: tuple[str, ...]
    """Incident ids; for a stop `incident_id/allocation_id`."""
    key: str = ""
    """Used once."""


class OwnerLinks:
    def __init__(self, secret: str, public_url: str) -> None:
        """Take the secret, one a line: all are valid, and the first one signs.

        Raises:
            ConfigurationError: one is so short that it could be guessed.
        """
        keys = list(reversed(secret.split()))
        if not keys or min(map(len, keys)) < _SHORTEST:
            raise ConfigurationError(
                f"owner_page.secret_file: a secret has at least {_SHORTEST} characters; make one "
                "with openssl rand -hex 32"
            )
        self._pages = URLSafeSerializer(keys, salt=_PAGE, signer_kwargs=_SIGNER)
        self._forms = URLSafeTimedSerializer(keys, salt=_FORM, signer_kwargs=_SIGNER)
        self._news = URLSafeTimedSerializer(keys, salt=_NEWS, signer_kwargs=_SIGNER)
        self.public_url = public_url.rstrip("/")

    def page(self, incident_id: str, username: str) -> str:
        """Return the address of the owner's page of an incident. It is a secret of the owner."""
        return f"{self.public_url}/i/{self.token(incident_id, username)}"

    def token(self, incident_id: str, username: str) -> str:
        return str(self._pages.dumps([incident_id, username]))

    def claim(self, token: str) -> Claim | None:
        """Read a token. None: it is none of ours."""
        try:
            incident_id, username = self._pages.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        return Claim(str(incident_id), str(username))

    def form(self, claim: Claim, verb: str, subjects: Sequence[str]) -> str:
        """Return the proof that a form is ours, with a new key."""
        form = Form(claim.incident_id, claim.username, verb, tuple(subjects), secrets.token_hex(16))
        return str(self._forms.dumps(asdict(form)))

    def read_form(self, proof: str) -> Form | None:
        """Read a form's proof. None: it is none of ours, or is too old."""
        try:
            found = self._forms.loads(proof, max_age=round(FORM_AGE.total_seconds()))
            return Form(**{**found, "subjects": tuple(found["subjects"])})
        except (BadData, ValueError, TypeError, KeyError):
            return None

    def news(self, claim: Claim, text: str) -> str:
        """Return what has just happened, for the address of the page that says it."""
        return str(self._news.dumps([claim.incident_id, text]))

    def read_news(self, claim: Claim, signed: str) -> str:
        """Return the text. Empty: it is none of ours, of another page, or no news any more."""
        try:
            age = round(_NEWS_AGE.total_seconds())
            incident_id, text = self._news.loads(signed, max_age=age)
        except (BadData, ValueError, TypeError):
            return ""
        return str(text) if incident_id == claim.incident_id else ""
