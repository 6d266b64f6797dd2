"""The library's door: what it promises to who writes a program against it."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.errors import Invalid, Locked, Refused, StalePlan
from reconciler.model import Event
from tests.support.commandline import CHECKOUT

STACK = """\
stack: archive
provider: twelvelabs
assets:
  one: {url: "https://x.example.com/1.mp4", metadata: {n: 1}}
  two: {url: "https://x.example.com/2.mp4"}
indexes:
  all: {models: [{name: marengo3.0, options: [visual]}], assets: {one: {}}}
"""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "stack.yaml").write_text(STACK)
    return tmp_path / "archive"


def examples() -> list[str]:
    text = (CHECKOUT / "docs/library.md").read_text(encoding="utf-8")
    return [block.partition("```")[0] for block in text.split("```python\n")[1:]]


@pytest.mark.parametrize("code", examples(), ids=["async", "notebook"])
def test_what_the_page_shows_runs(archive: Path, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "docs/library.md", "exec"), {})

    said = capsys.readouterr().out
    assert ("RunEnded" in said and "create assets/one" in said) or said == "0\n()\n"


def test_the_first_example_is_ten_lines() -> None:
    lines = [line for line in examples()[0].splitlines() if line]
    assert len(lines) <= 11, "ten, and the import of asyncio"


def test_all_that_is_offered_is_there_and_each_from_its_place() -> None:
    assert reconciler.__all__ == sorted(reconciler.__all__)
    assert dir(reconciler) == reconciler.__all__
    for name in reconciler.__all__:
        assert getattr(reconciler, name) is not None
    for error in vars(importlib.import_module("reconciler.errors")).values():
        if isinstance(error, type) and error.__name__ in reconciler.__all__:
            assert getattr(reconciler, error.__name__) is error
    for event in Event.__args__:
        assert event.__name__ in reconciler.__all__
    with pytest.raises(AttributeError, match="has no attribute 'survey'"):
        reconciler.survey  # noqa: B018


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "from __future__ import annotations; import sys, importlib, typing; before = set(sys.modules); "
        "import reconciler; print(*sorted(set(sys.modules) - before))"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert imported == ["reconciler", "reconciler.version"]


def test_to_open_a_stack_needs_neither_a_transport_nor_a_database(archive: Path) -> None:
    code = "import sys, reconciler; reconciler.open('archive'); print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"httpx", "sqlalchemy", "click", "rich", "starlette", "jinja2"} & set(imported)


def test_a_stack_that_is_wrong_is_told_at_the_door(archive: Path) -> None:
    (archive / "stack.yaml").write_text(STACK.replace("marengo3.0", "marengo9"))

    with pytest.raises(Invalid, match="marengo9"):
        reconciler.open("archive", emulator=True)


async def applied(**how: Any) -> list[Event]:
    async with reconciler.open("archive", emulator=True, **how) as project:
        return [event async for event in project.apply(await project.plan())]


def test_a_plan_makes_nothing_and_an_apply_tells_all_of_it(archive: Path) -> None:
    async def looked() -> list[str]:
        async with reconciler.open("archive", state="sqlite:///nowhere.db", emulator=True) as project:
            return [change.address for change in (await project.plan()).plan.changes]

    assert asyncio.run(looked()) == ["assets/one", "assets/two", "indexes/all", "indexes/all/assets/one"]
    assert not Path("nowhere.db").exists()

    *told, last = asyncio.run(applied())

    assert isinstance(last, reconciler.RunEnded)
    assert (last.report.exit_code, {outcome.result for outcome in last.report.outcomes}) == (0, {"done"})
    done = [event.address for event in told if isinstance(event, reconciler.StepDone)]
    assert {"assets/one", "assets/two", "indexes/all", "indexes/all/assets/one"} <= set(done)


def test_a_plan_that_has_moved_is_not_applied(archive: Path) -> None:
    async def go() -> None:
        async with reconciler.open("archive", emulator=True) as project:
            planning = await project.plan()
            await project.apply(await project.plan())
            with pytest.raises(StalePlan, match="assets/one"):
                await project.apply(planning)
            assert (await project.plan()).plan.changes == ()

    asyncio.run(go())


def test_a_guard_refuses_and_consent_agrees(archive: Path) -> None:
    asyncio.run(applied())
    (archive / "stack.yaml").write_text("stack: archive\nprovider: twelvelabs\nguards: {max_deletes: 0}\nassets: {}\n")

    async def go() -> reconciler.Report:
        async with reconciler.open("archive", emulator=True) as project:
            planning = await project.plan()
            assert planning.refusals
            with pytest.raises(Refused):
                await project.apply(planning)
            return await project.apply(planning, consent=reconciler.Consent(deletes=True, empty=True))

    assert asyncio.run(go()).exit_code == 0


def test_of_two_that_hold_one_is_told_who_the_other_is(archive: Path) -> None:
    async def go() -> None:
        async with reconciler.open("archive", emulator=True) as one, reconciler.open("archive", emulator=True) as two:
            planning = await two.plan()
            with one.lock("the first"), pytest.raises(Locked, match="the first"):
                await two.apply(planning)
            assert not (await two.apply(planning)).failed

    asyncio.run(go())


def test_whoever_stops_iterating_breaks_it_off_and_the_next_run_goes_on(archive: Path) -> None:
    async def go() -> None:
        async with reconciler.open("archive", emulator=True, parallelism=1) as project:
            applying = project.apply(await project.plan())
            async for event in applying:
                if isinstance(event, reconciler.StepDone):
                    break
            await applying.aclose()
            with project.lock("the next"):
                pass

    asyncio.run(go())
    assert isinstance(asyncio.run(applied())[-1], reconciler.RunEnded)

    async def left() -> int:
        async with reconciler.open("archive", emulator=True) as project:
            return len((await project.plan()).plan.changes)

    assert asyncio.run(left()) == 0


def test_an_apply_can_be_stopped_in_good_order(archive: Path) -> None:
    async def go() -> reconciler.Report:
        async with reconciler.open("archive", emulator=True, parallelism=1) as project:
            applying = project.apply(await project.plan())
            assert not applying.stop(), "nothing was started yet"
            async for event in applying:
                if isinstance(event, reconciler.StepDone):
                    applying.stop()
            return await applying

    report = asyncio.run(go())

    assert (report.exit_code, report.interrupted) == (130, True)


def test_what_is_asked_of_a_project_that_is_not_open_says_how_to_open_it(archive: Path) -> None:
    with pytest.raises(RuntimeError, match=r"use `async with reconciler\.open"):
        asyncio.run(reconciler.open("archive", emulator=True).plan())
    with pytest.raises(RuntimeError, match=r"use `with reconciler\.open_sync"):
        reconciler.open_sync("archive", emulator=True).plan()


def test_drift_destroy_export_and_repair_go_through_it(archive: Path) -> None:
    asyncio.run(applied())

    async def go() -> None:
        async with reconciler.open("archive", emulator=True) as project:
            drift = await project.drift(unmanaged=True)
            assert (drift.changes, drift.unmanaged, drift.baseline) == ((), (), "recorded")
            assert len(await project.rebuild()) == 4
            assert await project.duplicates() == []
            assert (await project.accept()).here == 4
            exported = await project.export("exported", name="again")
            assert set(exported.counts.values()) == {0, 1, 2}
            assert reconciler.open("exported", emulator=True).stack.name == "again"
            assert not (await project.destroy()).failed
            assert (await project.plan(destroy=True)).plan.changes == ()

    asyncio.run(go())


def test_a_saved_plan_is_done_by_whoever_opens_it_and_not_twice(archive: Path) -> None:
    async def saved() -> None:
        async with reconciler.open("archive", emulator="account.db") as project:
            project.save(await project.plan(target=["assets/two"]), "plan.json")

    async def done() -> int:
        async with reconciler.open_saved("plan.json", emulator="account.db") as project:
            planning = await project.plan()
            await project.apply(planning)
            return len(planning.plan.changes)

    asyncio.run(saved())

    assert Path("plan.json").stat().st_mode & 0o777 == 0o600
    assert [asyncio.run(done()), asyncio.run(done())] == [1, 0]


def test_the_facade_works_inside_a_running_loop_and_ends_its_thread(archive: Path) -> None:
    async def as_in_a_notebook() -> list[Event]:
        with reconciler.open_sync("archive", emulator=True) as project:
            events = list(project.apply(project.plan()))
            assert project.stack.name == "archive"
            assert project.plan().plan.changes == project.drift().changes == ()
            assert len(project.rebuild()) == 4
            assert project.duplicates() == []
            assert project.accept().here == 4
            project.export("exported", name="again")
            assert not project.destroy().failed
        return events

    events = asyncio.run(as_in_a_notebook())

    assert isinstance(events[-1], reconciler.RunEnded)
    assert not [thread for thread in threading.enumerate() if thread.name == "reconciler"]


def test_an_error_comes_through_the_facade_as_it_is(archive: Path) -> None:
    with reconciler.open_sync("archive", emulator=True) as project:
        planning = project.plan()
        assert project.apply(project.plan()).report.exit_code == 0
        with pytest.raises(StalePlan):
            list(project.apply(planning))
        with pytest.raises(Invalid, match="is not declared"):
            project.adopt("assets/three", "1")
    (archive / "stack.yaml").write_text(STACK.replace("twelvelabs", "twelvelabs\nguards: {max_deletes: 0}"))


def test_an_apply_is_stopped_through_the_facade(archive: Path) -> None:
    with reconciler.open_sync("archive", emulator=True, parallelism=1) as project:
        applying = project.apply(project.plan())
        for event in applying:
            if isinstance(event, reconciler.StepDone):
                applying.stop()
        assert applying.report.interrupted
