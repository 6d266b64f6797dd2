"""What people and machines are told while an apply runs; the clock is given."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model import (
    Action,
    BytesSent,
    Create,
    Estimate,
    Narrowed,
    Outcome,
    Paused,
    Plan,
    Report,
    RunEnded,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StillWaiting,
    Verb,
    Wait,
)
from reconciler.providers.twelvelabs import KINDS
from reconciler.reports.events import Events, telling
from reconciler.reports.progress import Lines, paused
from reconciler.reports.refreshing import Refreshing
from reconciler.reports.statusline import StatusLine
from reconciler.reports.traffic import Traffic, amount, duration
from reconciler.reports.underway import UnderWay
from reconciler.schema import schemas
from tests.support.commandline import reconciler
from tests.support.files import write
from tests.support.running import Manual

PLAN = Plan("s", "twelvelabs", (), (), estimate=Estimate(upload_bytes=3000))
STACK = "stack: s\nprovider: twelvelabs\nassets:\n  a: {file: a.jpg}\n"


def upload(done: int, total: int = 1000, address: str = "assets/a") -> BytesSent:
    return BytesSent(address, done, total)


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    clock = Manual()
    traffic = Traffic(3000, clock.now)
    for second, done in enumerate([0, *[100] * 20, 600]):
        clock.time_s = float(second)
        traffic.see("assets/a", done, 1000)

    assert traffic.files["assets/a"].bytes_per_s == 50.0
    assert traffic.files["assets/a"].left_s == 8.0
    assert (traffic.all.done, traffic.all.total, traffic.all.left_s) == (600, 3000, 48.0)


def test_nothing_is_said_of_a_rate_that_is_not_known() -> None:
    traffic = Traffic(0, Manual().now)

    assert traffic.see("assets/a", 10, 100).left_s is None
    assert (traffic.all.total, traffic.under_way) == (100, 1)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e6, "2.0 MB"), (1.25e9, "1.2 GB")]
)
def test_amounts_read_well(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "unknown"), (5.4, "5 s"), (65, "1 min 05 s"), (7500, "2 h 05 min")], ids=str
)
def test_durations_read_well(value: float | None, text: str) -> None:
    assert duration(value) == text


def log(plan: Plan, clock: Manual, said: list[str]) -> Lines:
    """What a log gets of an apply, line by line."""
    line = StatusLine(lambda text: said.append(text.removesuffix("\n")), clock.now, in_place=False)
    return Lines(UnderWay(plan, KINDS, clock.now), line)


def test_a_log_is_never_without_a_line_for_more_than_thirty_seconds() -> None:
    clock, said = Manual(), list[str]()
    shown = log(PLAN, clock, said)

    for second in range(100):
        clock.time_s = float(second)
        shown.show(upload(10 * second))
    shown.show(StepDone("assets/a", Verb.CREATE))
    shown.show(Paused(40, "the API asks for it (429)"))
    shown.show(Narrowed("Asset", 5, "usage_limit_exceeded"))
    shown.show(StepFailed("assets/b", "no"))

    assert said == [
        "[0/0] 3 % of 3.0 kB sent, 10 B/s, 4 min 50 s left, 1 file under way, 10 s",
        "[0/0] 13 % of 3.0 kB sent, 10 B/s, 4 min 20 s left, 1 file under way, 40 s",
        "[0/0] 23 % of 3.0 kB sent, 10 B/s, 3 min 50 s left, 1 file under way, 1 min 10 s",
        "[1/1] create assets/a",
        "waiting 40 s: the API asks for it (429)",
        "5 assets at a time from now on: usage_limit_exceeded",
        "failed: assets/b: no",
    ]


def indexing(count: int) -> Plan:
    """Some assets that are to be indexed."""
    addresses = [f"indexes/i/assets/{n}" for n in range(count)]
    waits = [Wait(it, "IndexedAsset", needs=(Create.id_of(it),)) for it in addresses]
    return Plan("s", "twelvelabs", (), (*(Create(it, "IndexedAsset", {}) for it in addresses), *waits))


def test_a_log_says_what_is_not_ready_yet_though_nothing_happens() -> None:
    clock, said = Manual(), list[str]()
    shown = log(indexing(31), clock, said)
    for n in range(31):
        shown.show(StepStarted(f"indexes/i/assets/{n}", Verb.CREATE))
    for n in range(31):
        shown.show(StepDone(f"indexes/i/assets/{n}", Verb.CREATE))
        shown.show(StepStarted(f"indexes/i/assets/{n}", Verb.WAIT))
    for n in range(19):
        shown.show(StepDone(f"indexes/i/assets/{n}", Verb.WAIT))
    del said[:]

    for second in range(1, 95):
        clock.time_s = float(second)
        shown.tick()

    assert said == [
        f"[50/62] 12 of 31 indexed assets not ready yet, {it}" for it in ("30 s", "1 min 00 s", "1 min 30 s")
    ]


def test_what_is_being_made_is_told_by_kind() -> None:
    clock = Manual()
    going_on = UnderWay(indexing(3), KINDS, clock.now)
    for n in range(3):
        going_on.happened(StepStarted(f"indexes/i/assets/{n}", Verb.CREATE))
    going_on.happened(StepStarted("assets/gone", Verb.DELETE))

    assert going_on.told() == "3 indexed assets being made, 1 other step under way, 0 s"


# While a plan is made


def refresh(clock: Manual, said: list[str], *, in_place: bool) -> Refreshing:
    return Refreshing(StatusLine(said.append, clock.now, in_place=in_place, columns=60), lambda: 1234, clock.now)


def test_a_log_is_told_of_a_refresh_that_takes_long() -> None:
    clock, said = Manual(), list[str]()
    shown = refresh(clock, said, in_place=False)
    for second in range(75):
        clock.time_s = float(second)
        shown.page("Asset", 50)

    assert said == [
        "Refreshing… 1 kind, 550 objects, 1,234 requests, 10 s\n",
        "Refreshing… 1 kind, 2,050 objects, 1,234 requests, 40 s\n",
        "Refreshing… 1 kind, 3,550 objects, 1,234 requests, 1 min 10 s\n",
    ]


def test_a_log_is_not_told_of_one_that_takes_no_time() -> None:
    said: list[str] = []
    refresh(Manual(), said, in_place=False).page("Asset", 50)

    assert said == []


def test_on_a_terminal_it_is_one_line_of_which_nothing_is_left() -> None:
    clock, said = Manual(), list[str]()
    shown = refresh(clock, said, in_place=True)
    for second in range(5):
        clock.time_s = float(second)
        shown.page("Asset", 1)
    shown.line.say(paused(Paused(12, "the API asks for it (429)")))
    shown.line.clear()

    *drawn, erased, line = said
    assert drawn[-1] == "\r\x1b[2KRefreshing… 1 kind, 5 objects, 1,234 requests, 4 s"
    assert all(text.startswith("\r\x1b[2K") and "\n" not in text and len(text) < 65 for text in drawn)
    assert (erased, line) == ("\r\x1b[2K", "waiting 12 s: the API asks for it (429)\n")


def told(clock: Manual, written: list[str]) -> Events:
    return Events(written.append, PLAN, clock, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def parsed(written: list[str]) -> list[dict[str, Any]]:
    """The lines, each of which fits the schema."""
    validator = Draft202012Validator(schemas()["event.json"])
    found = [json.loads(line) for line in written]
    assert [error.message for line in found for error in validator.iter_errors(line)] == []
    assert [line["n"] for line in found] == list(range(1, len(found) + 1))
    return found


def test_each_event_is_one_line_that_fits_the_schema() -> None:
    clock, written = Manual(), list[str]()
    events = told(clock, written)
    events.began("reconciler apply .")
    events.happened(StepStarted("assets/a", Verb.CREATE))
    events.happened(upload(1000))
    events.happened(StepDone("assets/a", Verb.CREATE))
    events.happened(StillWaiting(1, 2))
    events.happened(Paused(40, "rate limited"))
    events.happened(Narrowed("Asset", 5, "usage_limit_exceeded"))
    events.happened(StepSkipped("assets/b", "waits for assets/a"))
    events.heartbeat()
    events.happened(RunEnded(Report("r", (Outcome("assets/a", Action.CREATE, "done"),))))

    found = parsed(written)
    assert [line["type"] for line in found] == [
        "began", "start", "upload", "done", "waiting", "pause", "narrowed", "skipped", "heartbeat", "ended"
    ]  # fmt: skip
    assert found[0]["time"] == "2026-01-01T00:00:00.000Z"
    assert found[-1]["report"]["outcomes"][0]["address"] == "assets/a"


def test_a_file_is_told_of_once_a_second_and_at_its_end() -> None:
    clock, written = Manual(), list[str]()
    events = told(clock, written)

    for step in range(31):
        clock.time_s = step / 10
        events.happened(upload(step * 10, 300))

    assert [line["bytes_done"] for line in parsed(written)] == [0, 100, 200, 300]
    assert parsed(written)[-1]["bytes_per_s"] == 100


def test_there_is_a_heartbeat_every_ten_seconds() -> None:
    clock, written = Manual(), list[str]()

    async def run() -> None:
        class Slow(Manual):
            async def sleep(self, seconds: float) -> None:
                await super().sleep(seconds)
                await asyncio.sleep(0)

        slow = Slow()
        async with telling(told(clock, written), "c", slow):
            for _ in range(20):
                await asyncio.sleep(0)

    asyncio.run(run())

    assert [line["type"] for line in parsed(written)][:4] == ["began", "heartbeat", "heartbeat", "heartbeat"]


def test_a_reader_that_goes_away_does_not_end_the_apply() -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    events = Events(gone, PLAN, Manual())
    for _ in range(3):
        events.heartbeat()


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text(STACK)
    write(tmp_path / "a.jpg", b"picture" * 1000)
    return tmp_path


def test_events_on_standard_output_are_alone_there(stack: Path) -> None:
    said = reconciler("apply", stack, "--emulator", "--auto-approve", "--json-events")

    found = parsed(said.out.splitlines())
    assert said.code == 0
    assert [line["type"] for line in (found[0], found[-1])] == ["began", "ended"]
    assert [line["bytes_total"] for line in found if line["type"] == "upload"][-1:] == [7000]


def test_events_in_a_file_leave_the_rest_as_it_is(stack: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    options = ("--bandwidth", "50M", "--upload-parallelism", "2", "--json-events", file)

    said = reconciler("apply", stack, "--emulator", "--auto-approve", *options)

    assert said.code == 0
    assert said.last_line.startswith("Applied: 1 object")
    assert parsed(file.read_text().splitlines())[-1]["type"] == "ended"


def test_a_terminal_gets_bars(stack: Path) -> None:
    said = reconciler("apply", stack, "--emulator", "--auto-approve", terminal=True, env={"TERM": "xterm"})

    assert said.code == 0
    assert "all files" in said.err
    assert "7.0/7.0 kB" in said.err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--bandwidth", "fast"), "'fast' is not a valid rate; write bytes per second, such as 50M or 800k"),
        (("--json-events", "/nowhere/at/all"), "--json-events /nowhere/at/all: cannot be written"),
    ],
    ids=["rate", "file"],
)
def test_options_that_cannot_be_meant_are_refused(stack: Path, options: tuple[str, ...], why: str) -> None:
    said = reconciler("apply", stack, "--emulator", "--auto-approve", *options)

    assert said.code == 1
    assert why in said.err
