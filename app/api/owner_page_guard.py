"""What keeps the owner's page from being used by anybody but a person in front of it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from app.api.problems import BodyTooLargeError

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_LARGEST_FORM = 64 * 2**10
_MOST_FIELDS = 10


def is_of_another_site(request: Request, public_url: str) -> bool:
    """Tell whether a browser says that a page of somebody else sent the form.

    Our own pages send `Origin: null`, since they send no referrer; and browsers tell
    `Sec-Fetch-Site` over TLS and to loopback alone. So what is not told is let pass: without a form
    of ours, which nobody else can make or read, nothing is done anyway.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in {"same-origin", "none"}:
        return True
    ours = {request.headers.get("Host", "").lower(), urlsplit(public_url).netloc.lower()}
    told = (request.headers.get("Origin", "null"), request.headers.get("Referer", "null"))
    return any(_host(each) not in ours for each in told if each != "null")


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


async def read_fields(request: Request) -> dict[str, str]:
    """Read a form as browsers send it. Empty: it is none.

    Raises:
        BodyTooLargeError: it is longer than any of ours.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise BodyTooLargeError(_LARGEST_FORM)
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
