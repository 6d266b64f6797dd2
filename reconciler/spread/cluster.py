"""A Dask scheduler and its workers. What goes there is the name of a function, an address and the id of a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Self

from reconciler.errors import ReconcilerError, how_to_install
from reconciler.spread import worker
from reconciler.spread.alike import differing
from reconciler.spread.progress import Bytes, heard, topic
from reconciler.state import moment
from reconciler.state.leases import SharedRun

__all__ = ["Cluster"]

LOG = logging.getLogger(__name__)
CONNECT_S = 10.0
CHECK_S = 120.0
"""How long workers may take to open their stacks."""


class Cluster:
    """Made by `at`."""

    silent_s = 30.0
    """How long a worker may say nothing to its scheduler before what it has not begun is another's: it says something
    each half second, or each few seconds where there are hundreds."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._avoided: set[str] = set()
        self._heard: dict[str, tuple[float, float]] = {}
        """worker → when the scheduler heard it last, and when we learnt that."""
        self._asked = 0
        """How often files were asked about."""
        self.threads = 0
        """How many steps its workers do side by side, as they were when they were checked."""

    @classmethod
    @asynccontextmanager
    async def at(cls, address: str) -> AsyncIterator[Self]:
        """Connected to the scheduler while the block runs."""
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise ReconcilerError(f"{error}: --spread is an extra: {how_to_install('spread')}") from error
        try:
            client = await Client(address, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            what = f"no Dask scheduler answers at {address}: {error}"
            raise ReconcilerError(f"--spread: {what}; start one (`dask scheduler`), or check the address") from error
        try:
            yield cls(client, address)
        finally:
            with suppress(Exception):  # whatever goes wrong now, nothing is lost by it
                await asyncio.wait_for(client.close(), CONNECT_S)

    async def check(self, run: str) -> None:
        """ReconcilerError when there are no workers, or one of them says why it is not fit."""
        self._refuse({address: _why(it) for address, it in (await self._ask(worker.unfit, run)).items()})

    async def check_files(self, here: SharedRun) -> None:
        """The same for who only hashes: its stack declares the same, of the same account."""
        said = await self._ask(worker.facts, here.run)
        self._refuse({address: _unlike(it, here) for address, it in said.items()})

    def _refuse(self, said: Mapping[str, str]) -> None:
        if not said:
            raise ReconcilerError(f"--spread: the scheduler at {self._address} has no workers; start some first")
        wrong = [f"worker {address}: {line}" for address, why in sorted(said.items()) for line in why.splitlines()]
        if wrong:
            raise ReconcilerError(*wrong, "--spread: nothing was sent; mend these workers, or take them away")
        self.threads = sum(int(it["nthreads"]) for it in self._workers().values())

    async def _ask(self, what: Callable[[str], object], run: str) -> dict[str, Any]:
        """What each worker answers, or the error of one that cannot."""
        answers: dict[str, Any] = {}

        async def ask(address: str) -> None:
            answers.update(await self._client.run(what, run, workers=[address], on_error="return"))

        asked = {address: asyncio.create_task(ask(address)) for address in await self._there()}
        if not asked:
            return answers
        _, slow = await asyncio.wait(asked.values(), timeout=CHECK_S)
        for task in slow:
            task.cancel()
        if slow:
            who = ", ".join(sorted(address for address, task in asked.items() if task in slow))
            what_to_do = "look at their logs, or take them away; nothing was sent"
            said = f"not within {CHECK_S:g} s did these workers say whether they are fit: {who}"
            raise ReconcilerError(f"--spread: {said}; {what_to_do}")
        for task in asked.values():
            task.result()
        return answers

    def submit(self, run: str, address: str, attempt: int) -> Any:
        """Have the step done by some worker, once: what becomes of it is in the state."""
        key = f"reconciler-{run}-{address}-{attempt}"
        return self._client.submit(worker.step, run, address, key=key, pure=False, retries=0, **self._others())

    def listen(self, run: str, tell: Bytes) -> None:
        """Be told how far files are."""
        self._client.subscribe_topic(topic(run), lambda event: heard(event, tell))

    def avoid(self, address: str) -> None:
        """Give nothing more to a worker that is not fit, or has let a lease end."""
        self._avoided.add(address)

    async def held_up_by(self, future: Any, *, alone: bool = False) -> str:
        """The worker at which a step waits in vain: it gets nothing more, or has long said nothing. "" where there is
        none such, or nobody else who could do it; which does not matter where we can `alone`."""
        waiting: dict[str, Sequence[str]] = await self._client.processing()
        if not (at := next((address for address, keys in waiting.items() if future.key in keys), "")):
            return ""
        heard = {address: float(it["last_seen"]) for address, it in (await self._there()).items()}
        useless = self._avoided | self._silent(heard)
        if at not in useless or (heard.keys() <= useless and not alone):
            return ""
        self._avoided = useless
        return at

    def _silent(self, heard: Mapping[str, float]) -> set[str]:
        """Those that were not heard for so long: by the scheduler's clock when others were, else by ours."""
        latest, now = max(heard.values(), default=0.0), moment()
        for address, when in heard.items():
            if self._heard.get(address, (0.0, 0.0))[0] != when:
                self._heard[address] = when, now
        return {
            address
            for address, when in heard.items()
            if latest - when > self.silent_s or now - self._heard[address][1] > self.silent_s
        }

    def _others(self) -> dict[str, Any]:
        if not self._avoided:
            return {}
        return {"workers": sorted(self._workers().keys() - self._avoided) or None, "allow_other_workers": False}

    async def _there(self) -> dict[str, Any]:
        """The same, as it is now."""
        asked = await self._client.scheduler.identity(n_workers=-1)
        known: dict[str, Any] = asked["workers"]
        return known

    def _workers(self) -> dict[str, Any]:
        known: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return known

    async def read(self, run: str, what: str, addresses: Sequence[Sequence[str]]) -> dict[str, tuple[Any, int, int]]:
        """What workers say of the files at these addresses, a task for each group. A group that none can do, or that
        waits at a worker which hangs, is left out."""
        self._asked += 1
        key = f"reconciler-{run}-files-{self._asked}"
        futures = {
            asyncio.ensure_future(_said(it)): it
            for number, group in enumerate(addresses)
            if (it := self._client.submit(worker.read, run, what, list(group), key=f"{key}-{number}", pure=False))
        }
        left = set(futures)
        while left:
            _, left = await asyncio.wait(left, timeout=self.silent_s)
            for task in left:
                if not self.is_there or await self.held_up_by(futures[task], alone=True):
                    await futures[task].cancel()
        return {path: tuple(it) for task in futures for path, it in task.result().items()}

    @property
    def is_there(self) -> bool:
        """Whether the scheduler is still connected."""
        return bool(self._client.status == "running")


async def _said(future: Any) -> Mapping[str, Any]:
    """What came of it; nothing where it was given up."""
    try:
        found: Mapping[str, Any] = await future.result()
        return found
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
    except Exception as error:  # workers that died one after the other: we read it
        LOG.info("files were given up by Dask: %r", error)
    return {}


def _unlike(answer: Any, here: SharedRun) -> str:
    """What is not at a worker as it is here."""
    if not isinstance(answer, dict) or "wrong" in answer:
        return _why(answer["wrong"] if isinstance(answer, dict) else answer)
    there = replace(SharedRun(**answer), media=here.media, lease_s=here.lease_s)
    return "\n".join(differing(there, here))


def _why(answer: Any) -> str:
    """What a worker has said; one that lacks the library says it with an error of Dask's."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, ModuleNotFoundError) or "No module named 'reconciler" in str(answer):
        return "reconciler is not installed there, or not its extra `spread`: install the version of this run"
    if isinstance(answer, AttributeError) or "reconciler.spread" in str(answer):
        return "another version of reconciler is installed there: install the version of this run"
    return f"it cannot say whether it is fit: {answer!r:.300}"
