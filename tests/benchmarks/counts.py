"""`python -m tests.benchmarks.counts [--record]`: what does not depend on the machine, held against what it was.

Requests, writes, calls of functions, bytes that are kept and modules that are imported, for one stack of a fixed size.
What differs from `baseline.json` by more than a fifth fails: more is a regression, less is to be recorded, so that it
is kept. Calls are of C and of Python, and differ from one Python to the next, and so do bytes: those of a Python that
nobody has recorded are told, and not held against anything.
"""

from __future__ import annotations

import cProfile
import json
import platform
import pstats
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from reconciler.diff import diff
from reconciler.engine import Planning, Session
from reconciler.load import load
from reconciler.model import Report
from reconciler.ownership import claim
from reconciler.state import State
from tests.benchmarks.account import Account
from tests.benchmarks.applying import stack_of
from tests.benchmarks.world import World, served
from tests.support.running import Bench

BASELINE = Path(__file__).with_name("baseline.json")
OBJECTS, ASSETS = 600, 300
MOST = 0.2
"""So far a count may be from what it was."""
MODULES = """
import sys
from reconciler.cli import main
try:
    main()
finally:
    print(len(sys.modules), file=sys.stderr)
"""


def calls(call: Callable[[], Any]) -> int:
    """How many functions are called, those of C too; the second time, when all is imported."""
    call()
    profile = cProfile.Profile()
    profile.runcall(call)
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total


def modules(*words: str) -> int:
    """How many a command imports."""
    command = [sys.executable, "-c", MODULES, *words]
    environ = {"TWELVELABS_API_KEY": "k", "PATH": "", "NO_COLOR": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1])


def made(directory: Path) -> tuple[dict[str, int], int]:
    """What making so many new assets takes, beside an account that answers in this process; and calls, an asset."""
    transactions: list[int] = []
    commit = State.commit

    def noted(state: State, *writes: Any) -> None:
        transactions.append(len(writes))
        commit(state, *writes)

    directory.mkdir()
    (directory / "stack.yaml").write_text(stack_of(ASSETS))
    account = Account()
    bench = Bench(directory, through=lambda _: account)
    profile = cProfile.Profile()

    async def apply(session: Session) -> Report:
        with session.state.lock("bench"):
            planning = await session.plan_for_good()
            account.reads = 0
            profile.enable()
            try:
                return await session.apply(planning, command="bench")
            finally:
                profile.disable()

    with mock.patch.object(State, "commit", noted):
        report = bench.run(apply)
    assert not report.failed
    found = {
        f"apply of {ASSETS} assets: writes": account.writes,
        f"apply of {ASSETS} assets: reads": account.reads,
        f"apply of {ASSETS} assets: transactions": len([count for count in transactions if count]),
        f"apply of {ASSETS} assets: rows": sum(transactions),
    }
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return found, total // ASSETS


def kept(world: World) -> dict[str, int]:
    """What reading rows of all objects takes, and how much is kept of an object that is recorded as it is declared."""
    tracemalloc.start()
    stack = load(world.directory, environ={})
    declared, _ = tracemalloc.get_traced_memory()
    with closing(State.open(f"sqlite:///{world.directory}/.reconciler/state.db", stack.name, create=False)) as state:
        state.declared = stack.resources
        rows = state.recorded()
        both, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(rows) == len(stack.resources)
        count = len(rows)
        return {
            "rows: calls": calls(state.recorded),
            "declared: bytes an object": declared // count,
            "recorded: bytes an object": (both - declared) // count,
        }


def decided(planning: Planning) -> None:
    """Who is who, and what differs: of what has not changed."""
    rows = list(planning.claims.rows.values())
    claims = claim(planning.stack, planning.kinds, rows, planning.snapshot)
    assert len(claims.unchanged) == len(planning.stack.resources)
    assert not diff(planning.stack, planning.kinds, claims).changes


def counted(directory: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Counts that are the same everywhere; and calls, which are of this Python."""
    everywhere: dict[str, int] = {}
    here: dict[str, int] = {}
    commits: list[int] = []
    commit = State.commit

    def noted(state: State, *writes: Any) -> None:
        commits.append(len(writes))
        commit(state, *writes)

    with served(directory / "account.db") as url:
        world = World.made(directory / "stack", url, OBJECTS)
        bench = Bench(world.directory, endpoint=url)
        with mock.patch.object(State, "commit", noted):
            report = bench.apply()
        assert not report.failed
        everywhere["apply: requests that write"] = report.writes
        everywhere["apply: rows written"] = sum(commits)
        before = world.requests()
        planning = bench.survey()
        assert not planning.plan.changes
        everywhere["plan: requests"] = world.requests() - before - 1
        here["plan: calls"] = calls(bench.survey)
        here["load: calls"] = calls(lambda: load(world.directory, environ={}))
        here |= kept(world)
        here["claims, diff: calls"] = calls(lambda: decided(planning))
        everywhere["plan: modules"] = modules(*world.online("plan"))
    made(directory / "warm")
    more, here["apply: calls an asset"] = made(directory / "made")
    everywhere |= more
    everywhere["validate: modules"] = modules("validate", str(directory / "stack"))
    everywhere["--help: modules"] = modules("--help")
    return everywhere, here


def differing(counts: Mapping[str, int], known: Mapping[str, int]) -> list[str]:
    """What is another count than it was, by more than it may be."""
    told = []
    for name, count in counts.items():
        was = known.get(name)
        if was is None or abs(count - was) > MOST * was:
            told.append(f"{name} is {count:,} and was {was if was is None else f'{was:,}'}")
    return told


def main(*, record: bool) -> int:
    """Count, tell, compare or record; the exit code."""
    version = ".".join(platform.python_version_tuple()[:2])
    with tempfile.TemporaryDirectory() as directory:
        everywhere, here = counted(Path(directory))
    for name, count in {**everywhere, **here}.items():
        print(f"{name:<36}{count:>12,}")
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"counts": {}, "calls": {}}
    if record:
        known = {"objects": OBJECTS, "counts": everywhere, "calls": {**known["calls"], version: here}}
        BASELINE.write_text(json.dumps(known, indent=2) + "\n")
        return 0
    told = differing(everywhere, known["counts"])
    if version in known["calls"]:
        told += differing(here, known["calls"][version])
    else:
        print(f"calls of Python {version} are not recorded, and held against nothing")
    for text in told:
        print(f"{text}: mend it, or say why and record it with `make bench-record`", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(record="--record" in sys.argv[1:]))
