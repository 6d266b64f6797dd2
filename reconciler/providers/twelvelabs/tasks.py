"""Tasks of the platform as all families of it have them: sent by POST, listed in pages, shown one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from reconciler.derived import Task, TaskDriver
from reconciler.kind import Bounds, Part
from reconciler.provider import ExistsWhen, Traits
from reconciler.providers.twelvelabs.api import ENVELOPE
from reconciler.providers.twelvelabs.files import moment
from reconciler.providers.twelvelabs.limits import ID_FORM
from reconciler.providers.twelvelabs.patience import patience
from reconciler.wire import ApiPath, answer_to, below, identifier, mapping, text

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["TASKS", "PlatformTasks", "TaskFamily", "Window", "backwards", "span"]

PAGE_SIZE = 50
TASKS = Traits(exists=ExistsWhen.FINISHED, at_once=5, in_turn=True, poll_s=5.0, typical_wait_s=15.0, poll_max_s=30.0)
"""How drivers of tasks wait for them."""

_SECOND = Annotated[float | None, Bounds(ge=0)]
Window: Any = type(  # its fields are called as in YAML, where `from` is no keyword
    "Window",
    (Part,),
    {"__module__": __name__, "__annotations__": {"from": _SECOND, "to": _SECOND}, "from": None, "to": None},
)


def backwards(declared: Mapping[str, Any]) -> str | None:
    """What is wrong with a declared window, as a sentence; None when nothing is."""
    window = declared.get("window") or {}
    first, last = window.get("from") or 0, window.get("to")
    if isinstance(last, float | int) and isinstance(first, float | int) and last <= first:
        return "window: ends before it begins"
    return None


def span(fields: Mapping[str, Any]) -> list[float | None]:
    """From which second to which, None being the end: in one form, whatever was declared."""
    window = fields.get("window") or {}
    last = window.get("to")
    return [float(window.get("from") or 0.0), None if last is None else float(last)]


class TaskFamily(ABC):
    """A family of endpoints that makes results by tasks: where it is, and how it shows one."""

    path: ClassVar[str]
    id_word: ClassVar[str]
    """What the family calls a task's id."""
    http: Http

    @abstractmethod
    def shown(self, raw: Mapping[str, Any], where: str) -> Task:
        """One task's JSON as a `Task`. `where` it stands in the answer."""

    async def send(self, body: Mapping[str, Any]) -> str:
        """Begin a task; its id."""
        with patience():
            answer = await self.http.request("POST", self.path, json=body)
        with answer_to(f"POST {self.path}"):
            return self.id_in(mapping(answer, ""), "")

    async def tasks(self, way: str = "") -> AsyncIterator[Sequence[Task]]:
        """Pages of the list, which leaves out what was made."""
        page, pages = 1, 1
        while page <= pages:
            answer = await self.http.request("GET", self.path, query={"page": page, "page_limit": PAGE_SIZE})
            with answer_to(f"GET {self.path}"):
                rows = ENVELOPE.rows_of(answer)
                pages = page + len(ENVELOPE.counts_of(answer, PAGE_SIZE, page).after)
                yield [self.shown(mapping(row, f"data[{at}]"), f"data[{at}]") for at, row in enumerate(rows)]
            page += 1

    async def task(self, id: str) -> tuple[Task, Any]:
        """One, with what was made."""
        path = ApiPath(self.path) / id
        answer = await self.http.request("GET", path)
        with answer_to(f"GET {path}"):
            return self.shown(mapping(answer, ""), ""), answer

    def id_in(self, raw: Mapping[str, Any], where: str) -> str:
        """A task's id."""
        return identifier(raw.get(self.id_word), below(where, self.id_word), ID_FORM)

    def since(self, raw: Mapping[str, Any]) -> datetime | None:
        """When it was begun, if that is said and is a point in time."""
        return moment(raw["created_at"]) if isinstance(raw.get("created_at"), str) else None

    def why(self, raw: Mapping[str, Any], where: str) -> str:
        """Why it failed, if that is said."""
        error = raw.get("error")
        return text(error["message"], below(where, "error.message")) if isinstance(error, Mapping) else ""


class PlatformTasks(TaskFamily, TaskDriver):
    """The driver of what one family makes."""

    traits = TASKS
