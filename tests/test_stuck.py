"""What fails each time is made, and paid, once and once more; then it is told until something changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import Session
from reconciler.model import Action, Report
from reconciler.reports.result import Result
from reconciler.reports.text import as_text
from tests.support.running import AGREED, Bench

STACK = """\
stack: s
provider: twelvelabs
assets: {a: {file: a.mp4}, b: {file: b.mp4}}
indexes: {i: {models: [{name: marengo3.0}], assets: {a: {}, b: {}}}}
"""
CAREFUL = replace(AGREED, replace=frozenset())
ADDRESS = "indexes/i/assets/a"


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.write({"stack.yaml": STACK, "a.mp4": "a", "b.mp4": "b"})
    bench.emulator.add_fault(
        {"fault": "ends_failed", "method": "POST", "path": "/indexes/*/indexed-assets", "count": 100}
    )
    return bench


def fails(bench: Bench, consent: Any = CAREFUL) -> Report:
    return bench.apply(consent)


def made(bench: Bench) -> int:
    return bench.emulator.journal.by_route["POST /indexes/{index_id}/indexed-assets"]


def test_it_is_made_twice_and_then_told_with_what_to_do(bench: Bench) -> None:
    first, second = fails(bench), fails(bench)
    assert (first.exit_code, second.exit_code, made(bench)) == (7, 7, 4)

    for _ in range(3):
        third = fails(bench)

    assert made(bench) == 4
    assert third.exit_code == 1
    assert {outcome.address for outcome in third.outcomes} == {ADDRESS, "indexes/i/assets/b"}
    assert all(f"agree with --allow-replace {o.address}" in o.message for o in third.outcomes)
    plan = bench.run(lambda session: session.plan(), CAREFUL).plan
    assert plan.changes == ()
    text = as_text(Result("plan", plan))
    assert text.splitlines()[-1] == "No changes, but 2 objects of s will not be made again unasked."
    assert [note.severity for note in plan.diagnostics] == ["warning", "warning"]


@pytest.mark.parametrize(
    ("change", "agreed", "again"),
    [
        ({}, {ADDRESS}, {ADDRESS}),
        ({"a.mp4": "other bytes"}, set(), {ADDRESS}),
        ({"stack.yaml": STACK.replace("{a: {}", "{a: {stream: true}")}, set(), {ADDRESS}),
        ({"stack.yaml": STACK.replace("assets: {a: {},", "assets: {a: {replace: allow},")}, set(), {ADDRESS}),
        ({"stack.yaml": STACK + "# a comment\n"}, set(), set()),
    ],
    ids=["consent", "content", "options", "replace: allow", "nothing"],
)
def test_when_something_changes_it_is_tried_again(
    bench: Bench, change: dict[str, str | bytes], agreed: set[str], again: set[str]
) -> None:
    fails(bench)
    fails(bench)
    bench.write(change)
    consent = replace(CAREFUL, replace=frozenset(agreed))

    plan = bench.run(lambda session: session.plan(), consent).plan

    assert {it.address for it in plan.changes if it.action is Action.REPLACE and it.kind == "IndexedAsset"} == again
    assert plan.stuck.keys() == {ADDRESS, "indexes/i/assets/b"} - again


def test_what_has_failed_and_then_works_has_a_clean_record(bench: Bench) -> None:
    fails(bench)
    bench.emulator.clear_faults()

    assert not fails(bench).failed

    assert {row.failures for row in bench.run(_recorded)} == {0}
    assert bench.survey().plan.changes == ()


def test_what_needs_something_that_is_given_up_waits_for_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {url: 'https://example.com/a.mp4'}}\n"})
    bench.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/assets", "count": 100})
    fails(bench)
    fails(bench)
    bench.write(
        {
            "stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {url: 'https://example.com/a.mp4'}}\n"
            "indexes: {i: {models: [{name: marengo3.0}], assets: {a: {}}}}\n"
        }
    )

    report = fails(bench)

    assert {it.address: it.result for it in report.outcomes if "@" not in it.address} == {
        "assets/a": "failed",
        "indexes/i": "done",
        ADDRESS: "skipped",
    }
    assert bench.emulator.journal.by_route["POST /assets"] == 2


async def _recorded(session: Session) -> Any:
    return session.state.recorded()
