"""What a way of making embeddings says: how it is begun, how its tasks are listed and shown, what rows come of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from reconciler.derived import Task
from reconciler.kind import Derived
from reconciler.lazily import secrets
from reconciler.provider import Failed, Hands, Want
from reconciler.wire import ApiPath, answer_to, mapping

__all__ = ["AtOnce", "Look", "Making"]

Look = Callable[[str], Mapping[str, Any] | None]
"""What is declared at an address; None when nothing is."""


class Making(ABC):
    """One per part of the API that makes vectors. What is declared says by which way it is made; ids that its calls
    take and give are the platform's own."""

    name: ClassVar[str]
    """`api` of its recipes."""

    def __init__(self, hands: Hands, kind: type[Derived]) -> None:
        self.hands, self.http, self.kind = hands, hands.http, kind

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """What follows from the input, as in `Derived.told`."""
        return {}

    @classmethod
    def otherwise(cls, fields: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """What else its task may have been begun for, as in `Derived.otherwise`."""
        return ()

    @classmethod
    @abstractmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""

    @classmethod
    @abstractmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""

    @abstractmethod
    async def begin(self, want: Want, recipe: Mapping[str, Any]) -> str:
        """Send the task; its id."""

    @abstractmethod
    def tasks(self) -> AsyncIterator[Sequence[Task]]:
        """The platform's tasks, newest first, page by page."""

    @abstractmethod
    async def task(self, id: str) -> tuple[Task, Any]:
        """One task, and all that the platform says of it. NotFound when it is not kept any more."""

    async def fetched(self, want: Want, recipe: Mapping[str, Any], id: str) -> tuple[Task, Any]:
        """What was made of a want."""
        return await self.task(id)

    @abstractmethod
    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """The rows of a task that is ready, and how long their vectors are; or why they cannot be used."""

    def says(self, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a task of it will say of how it is made (`Task.says`)."""
        return {}

    def named(self, fields: Mapping[str, Any]) -> str:
        """By what a task of these fields can be told besides, where they say it."""
        return ""

    async def length(self, input_id: str) -> float | None:
        """How many seconds of media an asset has, if it says so."""
        path = ApiPath("/assets") / input_id
        with answer_to(f"GET {path}"):
            found = mapping(await self.http.request("GET", path), "").get("duration")
        return float(found) if isinstance(found, int | float) else None

    async def called(self, input_id: str) -> str:
        """What a task will say that it is made of: the name of the asset's file."""
        path = ApiPath("/assets") / input_id
        with answer_to(f"GET {path}"):
            return str(mapping(await self.http.request("GET", path), "").get("filename") or "")


class AtOnce(Making):
    """No task of the platform: what is fetched is made, or read, by that very request. So what is announced of it is an
    id of our own."""

    lost: ClassVar[str]
    """What is to be said when it is fetched after a run that was interrupted."""
    paid: ClassVar[bool] = True
    """Whether each time that it is fetched is paid for: what is read was made already."""
    again: ClassVar[str]
    """How it comes again when it is gone from the store."""

    async def begin(self, want: Want, recipe: Mapping[str, Any]) -> str:
        """Nothing is sent."""
        return secrets.token_hex(12)

    async def tasks(self) -> AsyncIterator[Sequence[Task]]:
        """There are none."""
        for _ in ():
            yield ()

    async def task(self, id: str) -> tuple[Task, Any]:
        """It is ready to be fetched."""
        return Task(id, "ready", why=self.lost), None

    async def called(self, input_id: str) -> str:
        """Nothing names its input."""
        return ""

    async def length(self, input_id: str) -> float | None:
        """Nothing has to be told by it."""
        return None
