"""Running what is asynchronous, for commands that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["awaited"]

T = TypeVar("T")


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What it gives, as by `asyncio.run`, and yet not as the result of a task.

    Before Python 3.13 `asyncio.run` makes the `repr` of its task, twice, when it is done: of a plan of ten thousand
    objects a text of fifty megabytes, that nobody reads.
    """
    given: list[T] = []

    async def run() -> None:
        given.append(await work)

    asyncio.run(run())
    return given[0]
