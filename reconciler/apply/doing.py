"""Who sends what a create needs: this process, or others that it asks to. All else of a step is done here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.model import Operation
from reconciler.provider import Driver, Keep, Progress, Want

if TYPE_CHECKING:
    from reconciler.apply.run import Run

__all__ = ["Doing", "Here"]


class Doing(Protocol):
    """Starts and finishes what is announced. What it cannot know raises Unclear: then it is looked for before it is
    sent again."""

    def begin(self, run: Run) -> None:
        """Steps of this run follow."""

    async def start(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """`Driver.start`."""

    async def finish(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """`Driver.finish`."""

    def stop(self) -> None:
        """Nothing more is begun; what is in flight ends."""


class Here(Doing):
    """In this process."""

    def begin(self, run: Run) -> None:
        """Nothing is needed for it."""

    async def start(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """By its driver."""
        return await driver.start(want, keep)

    async def finish(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """By its driver."""
        return await driver.finish(want, operation, keep)

    def stop(self) -> None:
        """Who sends hears of it otherwise."""
