"""Runs that Dask workers take part in: scheduler, workers and runs are processes of their own, to be killed.

Import the fixtures by name where they are needed, with those of `tests.support.postgres`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.crash.world import KEY, World, Zygote, world

__all__ = ["FILES", "STACK", "Crowd", "beside", "crowd", "crowds", "runs", "scheduler"]

LEASE_S = 2
STACK = """
stack: crash
provider: twelvelabs
assets:
  small: {file: small.mp4}
  large: {file: large.mp4, metadata: {shelf: 3}}
"""
FILES: dict[str, str | bytes] = {"stack.yaml": STACK, "small.mp4": b"s" * 60, "large.mp4": b"l" * 150}
MADE = Counter({("asset", "small.mp4"): 1, ("asset", "large.mp4"): 1})


@pytest.fixture(scope="module")
def runs() -> Iterator[Zygote]:
    """A process that has Dask imported as well, of which runs are children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_LEASE_S", str(LEASE_S))
        made = Zygote(module="tests.crash.spreading")
    yield made
    made.close()


@pytest.fixture(scope="module")
def beside() -> Iterator[Zygote]:
    """Another, whose children are workers and their scheduler: they can be asked while a run is under way."""
    made = Zygote(module="tests.crash.spreading")
    yield made
    made.close()


@pytest.fixture(scope="module")
def scheduler(beside: Zygote) -> Iterator[str]:
    made = beside.beside("scheduler")
    yield made["address"]
    beside.beside("end", pid=made["pid"])


@dataclass
class Crowd:
    """One world, and workers for it."""

    zygote: Zygote
    scheduler: str
    here: World
    state: str
    env: dict[str, str] = field(default_factory=dict)
    pids: list[int] = field(default_factory=list)

    def worker(self, name: str, *, without: str = "", **job: Any) -> dict[str, Any]:
        env = {
            "TWELVELABS_API_KEY": KEY,
            "TWELVELABS_BASE_URL": self.here.served.url,
            "RECONCILER_STATE": self.state,
            "RECONCILER_SPREAD_STACK": str(self.here.directory),
            "XDG_CACHE_HOME": str(self.here.directory / ".cache"),
            **self.env,
            **job.pop("env", {}),
        }
        env = {name: value for name, value in env.items() if name != without}
        cwd = str(self.here.directory.parent)
        made = self.zygote.beside("worker", scheduler=self.scheduler, name=name, env=env, cwd=cwd, **job)
        self.pids.append(made["pid"])
        return made

    def points(self, worker: dict[str, Any]) -> list[str]:
        return list(self.zygote.beside("points", pid=worker["pid"])["points"])

    def apply(self, *options: str, **given: Any) -> dict[str, Any]:
        return self.here.apply("--spread", self.scheduler, *options, **given)

    def applied_while(self, what: Callable[[], None]) -> dict[str, Any]:
        """Apply, and do something while it runs."""
        with ThreadPoolExecutor(1) as aside:
            done = aside.submit(self.apply)
            try:
                what()
            except BaseException:
                self.worker("last")  # or the run would wait for one for ever
                raise
            return done.result()

    def applied_past(self, asleep: dict[str, Any]) -> dict[str, Any]:
        """Apply; another worker joins when one has fallen asleep, and does what that one was to do. The other one."""
        others: list[dict[str, Any]] = []

        def joined() -> None:
            assert self.zygote.beside("stopped", pid=asleep["pid"])["asleep"]
            others.append(self.worker("awake"))

        done = self.applied_while(joined)
        assert done["code"] == 0, done["out"]
        return others[0]

    def last_of(self, worker: dict[str, Any]) -> list[str]:
        """Its points, once a step of it has ended."""
        assert self.zygote.beside("until", pid=worker["pid"], point="step ended")["there"]
        return [point for point in self.points(worker) if point.startswith("step ended")]

    def is_done(self, said: str = "") -> None:
        """All is there once, and nothing is left to do."""
        assert self.here.account() == MADE, said
        again = self.here.reconcile("plan", "--detailed-exitcode")
        assert again["code"] == 0, f"{said}: {again['out']}"


@pytest.fixture
def crowds(
    runs: Zygote, beside: Zygote, scheduler: str, postgres_url: str, tmp_path: Path
) -> Callable[..., AbstractContextManager[Crowd]]:
    """Worlds by name, each with an account and a stack of its own, all with one state; what is said else is the
    emulator's."""

    @contextmanager
    def opened(name: str, **options: Any) -> Iterator[Crowd]:
        with world(runs, tmp_path / name, state=postgres_url, **options) as here:
            here.write({**FILES, "stack.yaml": STACK.replace("crash", name)})
            made = Crowd(beside, scheduler, here, postgres_url)
            yield made
            for pid in made.pids:
                beside.beside("end", pid=pid)

    return opened


@pytest.fixture
def crowd(crowds: Callable[..., AbstractContextManager[Crowd]]) -> Iterator[Crowd]:
    with crowds("crash") as made:
        yield made
