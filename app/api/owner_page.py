"""The owner's page `/i/{token}`: what was found, what will happen, and how to say no.

Looking never acts: mail and chat programs follow links by themselves. A form acts once.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Annotated
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Depends, Request, Response, status
from markupsafe import Markup, escape

from app.adapters.charts import HEIGHT, WIDTH
from app.adapters.owner_links import Claim, Form
from app.api.dependencies import ContextDep, StoreDep
from app.api.owner_page_guard import HEADERS, is_of_another_site, read_fields
from app.api.owner_page_values import OwnerPage, meanings
from app.api.owner_page_view import Reader
from app.api.problems import BodyTooLargeError
from app.domain.incident import Incident
from app.domain.keeping import MORNING, OFFERED
from app.errors import StoreUnavailableError

router = APIRouter(prefix="/i", include_in_schema=False)
_STYLE = files("app").joinpath("pages/owner_page.css").read_text()
_STYLE_VERSION = sha256(_STYLE.encode()).hexdigest()[:12]
_ARGUMENTS = frozenset({*OFFERED, MORNING})
_LONGEST_NEWS = 1_000
_OLD_FORM = (
    "Nothing was done: the page was older than a day, or not made for this. Here it is as things "
    "are now."
)
_NOT_OPEN = "Nothing was done: it had ended by then."


def _code(text: str) -> Markup:
    """Escape a text of ours or of others, in which `this` is code."""
    parts = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    )
    return Markup().join(parts)


_pages = jinja2.Environment(
    loader=jinja2.PackageLoader("app", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters["code"] = _code
_pages.globals |= {"style_version": _STYLE_VERSION, "plot": (WIDTH, HEIGHT)}


def _html(name: str, code: int = status.HTTP_200_OK, **values: object) -> Response:
    text = _pages.get_template(name).render(**values)
    return Response(text, code, headers=HEADERS, media_type="text/html; charset=utf-8")


def _note(note: str, code: int, depth: int) -> Response:
    """Answer with a page that says what to do instead. `depth`: of the address below `/i/`."""
    return _html(f"{note}.html", code, root="../" * (depth - 1))


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody with a link, and what belongs to the link by now."""

    request: Request
    page: OwnerPage
    reader: Reader
    token: str

    @property
    def claim(self) -> Claim | None:
        return self.page.links.claim(self.token)


def _visit(token: str, request: Request, store: StoreDep, context: ContextDep) -> Visit:
    page: OwnerPage = request.state.owner_page
    return Visit(request, page, Reader(store, context, page.trends), token)


Answer = Callable[[Visit, Claim, Incident], Awaitable[Response]]


async def _answer(visit: Visit, answer: Answer, *, depth: int = 1) -> Response:
    """Answer whoever has a link of ours; nobody else learns that there is anything."""
    claim = visit.claim
    try:
        incident = await visit.reader.incident(claim) if claim else None
        if claim is None or incident is None:
            return _note("unknown", status.HTTP_404_NOT_FOUND, depth)
        return await answer(visit, claim, incident)
    except StoreUnavailableError:
        return _note("unavailable", status.HTTP_503_SERVICE_UNAVAILABLE, depth)
    except BodyTooLargeError:
        return _note("refused", status.HTTP_413_CONTENT_TOO_LARGE, depth)


@router.get("/owner_page.css")
async def style() -> Response:
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_STYLE, headers={**HEADERS, **headers}, media_type="text/css")


@router.get("/{token}")
async def show(visit: Annotated[Visit, Depends(_visit)]) -> Response:
    return await _answer(visit, _show)


@router.get("/{token}/stop")
async def ask_before_stop(visit: Annotated[Visit, Depends(_visit)]) -> Response:
    """Ask once more, naming what would be stopped and what that destroys."""
    return await _answer(visit, _ask_before_stop, depth=2)


@router.post("/{token}/keep")
async def keep(visit: Annotated[Visit, Depends(_visit)]) -> Response:
    return await _answer(visit, _acting("keep", _keep), depth=2)


@router.post("/{token}/stop")
async def stop(visit: Annotated[Visit, Depends(_visit)]) -> Response:
    return await _answer(visit, _acting("stop", _stop), depth=2)


async def _show(visit: Visit, claim: Claim, incident: Incident) -> Response:
    view = await visit.reader.page(incident)
    links = visit.page.links
    return _html(
        "page.html",
        root="",
        token=visit.token,
        view=view,
        meanings=meanings(view.tasks),
        news=links.read_news(claim, visit.request.query_params.get("news", "")),
        form=lambda verb, subjects: links.form(claim, verb, subjects),
        link_to=lambda incident_id: links.token(incident_id, claim.username),
    )


async def _ask_before_stop(visit: Visit, claim: Claim, incident: Incident) -> Response:
    view = await visit.reader.page(incident)
    one = visit.request.query_params.get("task", "")
    tasks = [each for each in view.tasks if each.buttons.stop and one in {"", each.allocation_id}]
    if not tasks:
        return _back(visit, claim, "There is nothing to stop any more.")
    subjects = [subject for each in tasks for subject in each.buttons.stop]
    proof = visit.page.links.form(claim, "stop", subjects)
    return _html(
        "stop.html",
        root="../",
        token=visit.token,
        view=view,
        tasks=tasks,
        proof=proof,
        meanings=meanings(tasks),
    )


def _acting(verb: str, act: Callable[[Visit, Form, str], Awaitable[list[str]]]) -> Answer:
    """Let an action be done for a form of ours that stands on this page, and for nothing else."""

    async def answer(visit: Visit, claim: Claim, incident: Incident) -> Response:
        if is_of_another_site(visit.request, visit.page.links.public_url):
            return _note("refused", status.HTTP_403_FORBIDDEN, 2)
        fields = await read_fields(visit.request)
        form = visit.page.links.read_form(fields.get("form", ""))
        argument = fields.get("for", "")
        mine = form and Claim(form.incident_id, form.username) == claim and form.verb == verb
        if form is None or not mine or (verb == "keep" and argument not in _ARGUMENTS):
            return _back(visit, claim, _OLD_FORM)
        if incident.is_final:
            return _back(visit, claim, _NOT_OPEN)
        sentences = await act(visit, form, argument)
        return _back(visit, claim, " ".join(dict.fromkeys(sentences)))

    return answer


async def _keep(visit: Visit, form: Form, argument: str) -> list[str]:
    actions = visit.page.actions
    return [
        await actions.keep(each, argument=argument, by=form.username, key=f"{form.key}/{each}")
        for each in form.subjects
    ]


async def _stop(visit: Visit, form: Form, _argument: str) -> list[str]:
    actions = visit.page.actions
    return [
        await actions.stop(each, allocation_ids, by=form.username, key=f"{form.key}/{each}")
        for each, allocation_ids in _by_incident(form.subjects).items()
    ]


def _by_incident(subjects: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subject in subjects:
        incident_id, _, allocation_id = subject.partition("/")
        found.setdefault(incident_id, []).append(allocation_id)
    return found


def _back(visit: Visit, claim: Claim, news: str) -> Response:
    """Send the browser back to the page, with what happened; a reload then sends nothing again."""
    signed = visit.page.links.news(claim, news[:_LONGEST_NEWS])
    # Relative: a proxy may have put a path before ours.
    where = f"../{quote(visit.token, safe='')}?news={signed}"
    return Response(status_code=status.HTTP_303_SEE_OTHER, headers={**HEADERS, "Location": where})
