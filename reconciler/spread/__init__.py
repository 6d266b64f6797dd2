"""Many machines: files hashed, looked into and sent, results fetched and stored, by the workers of a Dask scheduler.

    with project.lock("nightly"):
        async with project, over(project, "tcp://scheduler:8786"):
            report = await project.apply(await project.plan())

What is sent there is an address and the id of a run, nothing else. A worker opens the stack from a directory of its
own, reads what is to be done from the state, takes it by a lease, and has the key in its own environment. The one that
began the run keeps the stack's lock, the order, the report, and all that is to be looked for.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.errors import ReconcilerError, StateError
from reconciler.files import Elsewhere, Look
from reconciler.spread.alike import SHARED_STATE, declaring, shared
from reconciler.spread.cluster import Cluster
from reconciler.spread.coordinator import Spread
from reconciler.spread.hashing import batches

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["LEASE_S", "looking", "over"]

LOOKS = 40
"""Into so many files one task looks: each takes milliseconds, or seconds if it is odd."""
LEASE_S = 180.0
"""Longer than any request takes from when it is connected to when its answer is there, of which the longest is 130 s;
it is made longer while one lasts, and cut off if that fails."""


@asynccontextmanager
async def over(project: Project, address: str, *, lease_s: float | None = None) -> AsyncIterator[None]:
    """While the block runs, workers of the scheduler at `address` do what they can of what `project` applies. The
    stack's lock is held, and the project is open.

    ReconcilerError, before anything is written, when it cannot be reached, has no workers, or has some that are not
    fit: each is named by its address.
    """
    _refuse_the_emulator(project)
    if not (state := project.state).is_shared:
        raise ReconcilerError(f"--spread: other machines cannot use a state that is a file; {SHARED_STATE}")
    run = shared(project, secrets.token_hex(8), LEASE_S if lease_s is None else lease_s)
    async with Cluster.at(address) as cluster:
        await state.aside(partial(state.leases.begin, run, state.now().isoformat(timespec="seconds")))
        try:
            await cluster.check(run.run)
            project.doing = Spread(project, cluster, run)
            project.room = 2 * cluster.threads
            with _read(project, cluster, run.run):
                yield
        finally:
            project.doing, project.room = None, 0
            with suppress(StateError):  # what is left ends by itself
                await state.aside(state.leases.over)


@asynccontextmanager
async def looking(project: Project, address: str) -> AsyncIterator[None]:
    """While the block runs, workers of the scheduler at `address` read the files of what `project`, which is open,
    plans: what their bytes are, and what is in them. Nothing is written for it, so any state will do. ReconcilerError
    as from `over`."""
    _refuse_the_emulator(project)
    async with Cluster.at(address) as cluster:
        here = shared(project, secrets.token_hex(8), 0.0)
        await cluster.check_files(here)
        with _read(project, cluster, here.run):
            yield


@contextmanager
def _read(project: Project, cluster: Cluster, run: str) -> Iterator[None]:
    """Files of which nobody knows what they are, or what is in them, are read by workers."""
    files = project.drivers.hands.sending.files
    files.elsewhere = ByWorkers(cluster, run, declaring(project.stack))
    try:
        yield
    finally:
        files.elsewhere = None


class ByWorkers(Elsewhere):
    """Reads files that are `declared`: path → an address that declares it, by which workers are told of it."""

    def __init__(self, cluster: Cluster, run: str, declared: Mapping[str, str]) -> None:
        self._cluster, self._run, self._declared = cluster, run, declared

    async def hashed(self, sizes: Mapping[str, int]) -> Mapping[str, tuple[str, int, int]]:
        """A group of files a task, of about as many bytes each."""
        return await self._asked("hash", batches(self._known(sizes)))

    async def looked_into(self, what: Look, names: Collection[str]) -> Mapping[str, tuple[Any, int, int]]:
        """A group of files a task, of as many each: how large one is does not matter for that."""
        return await self._asked(what, batches(self._known(dict.fromkeys(names, 0)), LOOKS))

    def _known(self, sizes: Mapping[str, int]) -> dict[str, int]:
        return {path: size for path, size in sizes.items() if path in self._declared}

    async def _asked(self, what: str, groups: Iterable[Sequence[str]]) -> Mapping[str, tuple[Any, int, int]]:
        asked = [[self._declared[path] for path in group] for group in groups]
        return await self._cluster.read(self._run, what, asked)


def _refuse_the_emulator(project: Project) -> None:
    if project.options.emulator is not False:
        raise ReconcilerError("--spread: an emulator in this process cannot be reached from others; leave one out")
