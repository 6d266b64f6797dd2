"""What a task of the server makes, and what is made step by step, by a provider that is none of ours: exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model import Action, Report
from reconciler.state import State
from tests.support.kiln import KEY, KilnServer, installed
from tests.support.running import Bench

STACK = """\
stack: pottery
provider: kiln
vases:
  tall: {glaze: blue, labels: {for: tulips}}
  small: {}
pots:
  round: {coils: 4}
"""
RUN = """
import sys
from reconciler.provider.registry import BUILT_IN
BUILT_IN["kiln"] = "tests.support.kiln:Kiln"
from reconciler.cli import main
sys.argv = ["reconciler", *sys.argv[1:]]
main()
"""
ROOT = Path(__file__).parent.parent


@pytest.fixture
def kiln() -> Iterator[KilnServer]:
    with installed(), KilnServer().serving() as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, kiln: KilnServer) -> Bench:
    made = Bench(tmp_path, endpoint=kiln.url)
    made.write({"stack.yaml": STACK})
    return made


def done(report: Report) -> Report:
    assert not report.failed, report.outcomes
    return report


def in_step(bench: Bench, kiln: KilnServer) -> None:
    """One of each, whole, and nothing left open."""
    assert sorted(vase["name"] for vase in kiln.vases.values()) == ["small", "tall"]
    assert [(pot["name"], pot["state"]) for pot in kiln.pots.values()] == [("round", "whole")]
    assert bench.survey().plan.changes == ()
    state = State.open(f"sqlite:///{bench.directory}/.reconciler/{bench.state_name}", "pottery")
    assert state.operations() == []
    state.close()


def test_the_id_of_what_a_task_makes_comes_out_of_the_task(bench: Bench, kiln: KilnServer) -> None:
    done(bench.apply())

    in_step(bench, kiln)
    state = State.open(f"sqlite:///{bench.directory}/.reconciler/state.db", "pottery")
    assert {row.id for row in state.recorded()} == {*kiln.vases, *kiln.pots}
    state.close()
    assert kiln.count["POST /firings"] == 2
    assert kiln.count["GET /firings"] <= 4  # one look for all tasks


@pytest.mark.parametrize("kept", [True, False], ids=["task listed", "task ended"])
def test_a_task_whose_answer_was_lost_is_found_and_not_begun_twice(bench: Bench, kiln: KilnServer, kept: bool) -> None:
    kiln.looks = 3 if kept else 1
    kiln.after = lambda what: "drop" if what == "POST /firings" and kiln.count[what] == 1 else None

    done(bench.apply())

    assert (kiln.count["POST /firings"], len(kiln.vases)) == (2, 2)
    in_step(bench, kiln)


def test_a_step_whose_answer_was_lost_makes_no_second_one(bench: Bench, kiln: KilnServer) -> None:
    kiln.after = lambda what: "drop" if what == "POST /pots" and kiln.count[what] == 1 else None

    done(bench.apply())

    assert kiln.count["POST /pots"] == 2  # the first could not be gone on with, and was deleted
    in_step(bench, kiln)


def test_a_task_that_fails_is_a_failure_and_the_next_run_makes_another(bench: Bench, kiln: KilnServer) -> None:
    def crack(what: str) -> None:
        if what == "POST /firings" and kiln.count[what] == 1:
            next(iter(kiln.firings.values()))["state"] = "cracked"

    kiln.after = crack
    report = bench.apply()
    assert [outcome.message for outcome in report.outcomes if outcome.result == "failed"] == ["it cracked"]

    done(bench.apply())
    assert kiln.count["POST /firings"] == 3
    in_step(bench, kiln)


def test_the_server_works_on_all_at_once_however_few_requests_are_sent_at_once(bench: Bench, kiln: KilnServer) -> None:
    bench.write(
        {"stack.yaml": "stack: pottery\nprovider: kiln\nvases:\n" + "".join(f"  v{n}: {{}}\n" for n in range(20))}
    )
    bench.limits = replace(bench.limits, parallelism=1)
    begun: list[int] = []
    kiln.after = lambda what: begun.append(len(kiln.firings)) if what == "GET /firings" else None
    kiln.looks = 8

    done(bench.apply())

    assert (len(kiln.vases), max(begun)) == (20, 20)
    assert kiln.count["GET /firings"] < 40


def test_a_task_that_fails_for_now_is_begun_again_in_the_same_run(bench: Bench, kiln: KilnServer) -> None:
    def early(what: str) -> None:
        if what == "POST /firings" and kiln.count[what] == 1:
            next(iter(kiln.firings.values()))["state"] = "early"

    kiln.after = early

    done(bench.apply())

    assert kiln.count["POST /firings"] == 3
    in_step(bench, kiln)


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def command(bench: Bench, kiln: KilnServer) -> subprocess.Popen[str]:
    argv = ["apply", str(bench.directory), "--endpoint", kiln.url, "--auto-approve", "--poll-interval", "0"]
    argv += ["--parallelism", "1"]
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *argv],
        env={"KILN_API_KEY": KEY, "NO_COLOR": "1", "PATH": os.environ["PATH"], "HOME": "/nowhere", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(bench: Bench, kiln: KilnServer, when: Callable[[str], bool]) -> None:
    """A real process that is killed as soon as the server has done such a request, before it hears of it."""
    process = command(bench, kiln)

    def kill(what: str) -> str | None:
        if when(what):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return "drop"
        return None

    kiln.after = kill
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, out
    kiln.after = lambda what: None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("route", "nth", "firings", "pots"),
    [
        ("POST /firings", 1, 2, 1),  # the task is begun, and nobody has heard of it
        ("GET /firings", 1, 2, 1),  # its handle is kept
        ("GET /firings", 2, 2, 1),
        ("POST /pots", 1, 2, 2),  # begun, and nobody knows how to go on
        ("PUT /pots/ID/coils/2", 1, 2, 1),
        ("PUT /pots/ID/coils/4", 1, 2, 1),
    ],
)
def test_killed_anywhere_the_next_process_goes_on_with_what_was_begun(
    bench: Bench, kiln: KilnServer, route: str, nth: int, firings: int, pots: int
) -> None:
    killed(bench, kiln, lambda what: what == route and kiln.count[what] == nth)

    process = command(bench, kiln)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0, out
    assert (kiln.count["POST /firings"], kiln.count["POST /pots"]) == (firings, pots), out
    in_step(bench, kiln)


def test_what_goes_on_is_said_and_is_still_to_be_made(bench: Bench, kiln: KilnServer) -> None:
    killed(bench, kiln, lambda what: what == "GET /firings")

    planning = bench.survey()

    assert {(it.address, it.action) for it in planning.plan.changes} >= {("vases/tall", Action.CREATE)}
    (note,) = (note.summary for note in planning.plan.diagnostics if "awaited since" in note.summary)
    assert note.startswith("a firing goes on: 1000 degrees (awaited since ")


def test_a_task_that_ends_while_another_is_being_recorded_is_recorded_too(bench: Bench, kiln: KilnServer) -> None:
    kiln.looks = 50
    killed(bench, kiln, lambda what: what == "GET /firings" and len(kiln.firings) == 2)
    for left, firing in enumerate(kiln.firings.values(), start=1):
        firing["heat"] = 500 * (kiln.looks - left)  # one ends when it is looked at, the other at the look after that

    done(bench.apply())

    in_step(bench, kiln)


@pytest.mark.parametrize("lost", ["forgotten", "dry"])
def test_what_cannot_be_gone_on_with_is_begun_anew(bench: Bench, kiln: KilnServer, lost: str) -> None:
    killed(bench, kiln, lambda what: what == ("GET /firings" if lost == "forgotten" else "PUT /pots/ID/coils/2"))
    if lost == "forgotten":
        kiln.firings.clear()
    else:
        next(iter(kiln.pots.values()))["state"] = "dry"

    done(bench.apply())

    in_step(bench, kiln)


def test_what_was_begun_and_is_declared_no_more_is_deleted(bench: Bench, kiln: KilnServer) -> None:
    killed(bench, kiln, lambda what: what == "PUT /pots/ID/coils/2")
    bench.write({"stack.yaml": STACK.partition("pots:")[0]})

    done(bench.apply())

    assert kiln.pots == {}
    assert bench.survey().plan.changes == ()
