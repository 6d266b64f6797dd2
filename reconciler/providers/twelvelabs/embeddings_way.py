"""What a way of making embeddings says: how it is begun, how its tasks are listed and shown, what rows come of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from reconciler.derived import Task
from reconciler.http import Http
from reconciler.provider import Failed, Want
from reconciler.wire import ApiPath, answer_to, mapping

__all__ = ["Way"]


class Way(ABC):
    """One per part of the API that makes vectors. What is declared says by which way it is made; ids that its calls
    take and give are the platform's own."""

    name: ClassVar[str]
    """`api` of its recipes."""

    def __init__(self, http: Http) -> None:
        self.http = http

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

    @abstractmethod
    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """The rows of a task that is ready, and how long their vectors are; or why they cannot be used."""

    def says(self, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a task of it will say of how it is made (`Task.says`)."""
        return {}

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
