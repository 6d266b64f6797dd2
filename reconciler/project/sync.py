"""The same door for who cannot await: notebooks, where a loop runs already, and plain scripts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.model import Event, Recorded, Report, Waited
from reconciler.project import Project, open

if TYPE_CHECKING:
    from reconciler.engine.planning import Drift, Planning
    from reconciler.export import Exported
    from reconciler.model import Stack
    from reconciler.ownership import Belonging
    from reconciler.ownership.duplicates import Twins
    from reconciler.plan.guards import Consent
    from reconciler.project.applying import Applying

__all__ = ["SyncApplying", "SyncProject", "open_sync"]

T = TypeVar("T")


def open_sync(path: str | Path = ".", **options: Any) -> SyncProject:
    """As `open`, for a plain `with`."""
    return SyncProject(open(path, **options))


class SyncProject:
    """A project whose methods return when they are done. All of it happens in a thread with an event loop of its own,
    so it makes no difference whether one runs here."""

    def __init__(self, project: Project) -> None:
        self.project = project
        """The project itself; it belongs to the other thread while this is open."""
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        self._worker = _Worker()
        try:
            self._worker.run(self.project.__aenter__())
        except BaseException:
            self._worker.end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        worker, self._worker = self._open(), None
        try:
            worker.run(self.project.__aexit__(*error))
        finally:
            worker.end()

    @property
    def stack(self) -> Stack:
        """What its YAML declares."""
        return self.project.stack

    def plan(
        self,
        *,
        target: Sequence[str] = (),
        exclude: Sequence[str] = (),
        destroy: bool = False,
        consent: Consent | None = None,
    ) -> Planning:
        """As `Project.plan`."""
        return self._open().run(self.project.plan(target=target, exclude=exclude, destroy=destroy, consent=consent))

    def adopt(self, address: str, id: str) -> Planning:
        """As `Project.adopt`."""
        return self._open().run(self.project.adopt(address, id))

    def drift(self, *, unmanaged: bool = False) -> Drift:
        """As `Project.drift`."""
        return self._open().run(self.project.drift(unmanaged=unmanaged))

    def apply(self, planning: Planning, *, consent: Consent | None = None, wait: bool = True) -> SyncApplying:
        """As `Project.apply`: iterate for the events, or ask for its `report`."""
        return SyncApplying(self._open(), self.project.apply(planning, consent=consent, wait=wait))

    def wait(self, *, timeout: float | None = None, target: Sequence[str] = (), exclude: Sequence[str] = ()) -> Waited:
        """As `Project.wait`; Ctrl-C ends it, and what was seen until then is not recorded."""
        return self._open().run(self.project.wait(timeout=timeout, target=target, exclude=exclude))

    def destroy(self, *, consent: Consent | None = None) -> Report:
        """As `Project.destroy`."""
        return self._open().run(self.project.destroy(consent=consent))

    def export(self, out: str | Path, *, name: str | None = None, target: Sequence[str] = ()) -> Exported:
        """As `Project.export`."""
        return self._open().run(self.project.export(out, name=name, target=target))

    def rebuild(self, id: str | None = None) -> list[Recorded]:
        """As `Project.rebuild`."""
        return self._open().run(self.project.rebuild(id))

    def accept(self) -> Belonging:
        """As `Project.accept`."""
        return self._open().run(self.project.accept())

    def duplicates(self, keep: Collection[str] = ()) -> list[Twins]:
        """As `Project.duplicates`."""
        return self._open().run(self.project.duplicates(keep))

    def _open(self) -> _Worker:
        if self._worker is None:
            raise RuntimeError("the project is not open: use `with reconciler.open_sync(…) as project`")
        return self._worker


class SyncApplying(Iterator[Event]):
    """An apply that is under way. Ctrl-C, or the stop button of a notebook, ends what is in flight and records it;
    a second one stops at once."""

    def __init__(self, worker: _Worker, applying: Applying) -> None:
        self._worker, self._applying = worker, applying

    def __next__(self) -> Event:
        event = self._worker.run(self._following(), self._applying.stop)
        if event is None:
            raise StopIteration
        return event

    async def _following(self) -> Event | None:
        return await anext(self._applying, None)

    def stop(self) -> None:
        """Start nothing more; what is in flight ends and is recorded."""
        self._worker.soon(self._applying.stop)

    @property
    def report(self) -> Report:
        """How it went: goes on to the end first."""
        for _ in self:
            pass
        assert self._applying.report is not None
        return self._applying.report


class _Worker:
    """A thread with an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: whoever leaves without `with` being left is not kept by it.
        self._thread = threading.Thread(target=self._loop.run_forever, name="reconciler", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], stop: Callable[[], bool] = lambda: False) -> T:
        """What the work gives. An interrupt asks it to stop in good order, if it can, and is waited out; else, and the
        second time, the work is broken off, which is waited for too: it may hold a lock."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            if not asyncio.run_coroutine_threadsafe(_called(stop), self._loop).result():
                self._break_off(future)
                raise
        try:
            return future.result()
        except KeyboardInterrupt:
            self._break_off(future)
            raise

    def _break_off(self, future: Future[T]) -> None:
        future.cancel()
        asyncio.run_coroutine_threadsafe(_cancelled(), self._loop).result()

    def soon(self, call: Callable[[], object]) -> None:
        """Call it in the loop."""
        self._loop.call_soon_threadsafe(call)

    def end(self) -> None:
        """Stop the loop and wait for the thread."""
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_asyncgens(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _called(stop: Callable[[], bool]) -> bool:
    return stop()


async def _cancelled() -> None:
    """Returns when everything that was told to go is gone."""
    while others := [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and task.cancelling()]:
        await asyncio.wait(others)
