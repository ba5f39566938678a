"""The owner's page as values, ready to be written out. Texts of people are in here as they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.adapters.charts import Chart
from app.adapters.owner_links import OwnerLinks
from app.adapters.task_words import Consequence
from app.api.owner_page_words import Moment, Saying, Told
from app.domain.incident import Incident
from app.ports import OwnerActions, Trends


@dataclass(frozen=True, slots=True)
class OwnerPage:
    """What the routes work with."""

    links: OwnerLinks
    trends: Trends
    actions: OwnerActions


@dataclass(frozen=True, slots=True)
class Choice:
    """For how long something may be kept."""

    argument: str
    words: str
    until: Moment


@dataclass(frozen=True, slots=True)
class Buttons:
    """What may be done about one task, or about all."""

    choices: tuple[Choice, ...]
    keep: tuple[str, ...] = ()
    """Subjects. Empty: there is nothing to keep."""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    what: str
    words: Consequence


@dataclass(frozen=True, slots=True)
class TaskView:
    incident_id: str
    allocation_id: str
    summary: str
    name: str
    """Untrusted text, as all that a person wrote."""
    kind: str
    gpus: str
    since: Moment | None
    fate: Saying
    open: bool
    buttons: Buttons
    meaning: Meaning | None
    """What a stop of it would mean, or has meant. None: it was not stopped and will not be."""
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class PageView:
    incident: Incident
    about: str
    summary: str
    description: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    tasks: tuple[TaskView, ...]
    noticed: Moment
    soonest: Moment | None
    first: TaskView | None
    """The task that it is for."""
    left: str
    """How long it is to the soonest deadline, in words."""
    told: tuple[Told, ...]
    untold: int
    """How many older entries of the history are left out."""
    buttons: Buttons
    ending: Saying
    settles: str
    related: tuple[tuple[str, str], ...]
    """Of an incident that is over: the owner's tasks that are not, and the incidents of each."""
    unmeasured: bool = False

    @property
    def is_final(self) -> bool:
        return self.incident.is_final


def meanings(tasks: Iterable[TaskView]) -> list[Meaning]:
    """Return what stops of these mean, each once."""
    return list(dict.fromkeys(each.meaning for each in tasks if each.meaning))
