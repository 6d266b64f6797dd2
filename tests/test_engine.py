"""The pipeline on the emulator: from YAML into an account and back to an empty plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import IncompleteListing, Invalid, ReconcilerError
from reconciler.guards import Consent
from reconciler.model import Action
from tests.crash.stacks import IN_V1, STRANGERS, V1, V2
from tests.running import Bench


def many(count: int) -> dict[str, str | bytes]:
    """A stack of `count` assets, all indexed, and as many entities."""
    files: dict[str, str | bytes] = {f"media/{n}.mp4": f"bytes of {n}" for n in range(count)}
    lines = ["stack: many", "provider: twelvelabs", "assets:"]
    lines += [f"  a{n}: {{file: media/{n}.mp4}}" for n in range(count)]
    lines += ["indexes:", "  one:", "    models: [{name: marengo3.0}]", "    assets:"]
    lines += [f"      a{n}: {{}}" for n in range(count)]
    lines += ["entity_collections:", "  all:", "    entities:"]
    lines += [f"      e{n}: {{assets: [a{n}]}}" for n in range(count)]
    return files | {"stack.yaml": "\n".join(lines) + "\n"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def done(bench: Bench, consent: Consent | None = None) -> None:
    report = bench.apply(consent) if consent else bench.apply()
    assert not report.failed, [outcome for outcome in report.outcomes if outcome.result != "done"]


def test_after_apply_the_plan_is_empty_and_nothing_drifts(bench: Bench) -> None:
    bench.write(V1)

    done(bench)

    survey = bench.survey()
    assert survey.plan.changes == ()
    assert survey.plan.drift == ()
    assert survey.plan.steps == ()


def test_every_kind_is_made_changed_replaced_moved_and_deleted(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    bench.write(V2)

    actions = {change.action for change in bench.survey().plan.changes}
    done(bench)

    assert actions == {Action.CREATE, Action.UPDATE, Action.REPLACE, Action.MOVE, Action.DELETE}
    assert bench.survey().plan.changes == ()


def test_writes_are_as_many_as_the_plan_said(bench: Bench) -> None:
    for files in (V1, V2):
        bench.write(files)
        estimated = bench.survey().plan.estimate["writes"]
        bench.emulator.journal.clear()
        done(bench)
        sent = sum(n for route, n in bench.emulator.journal.by_route.items() if not route.startswith("GET"))
        assert sent == estimated


def test_a_plan_in_sync_of_three_thousand_objects_sends_at_most_65_requests(bench: Bench) -> None:
    bench.write(many(1000))
    done(bench)
    bench.emulator.journal.clear()

    survey = bench.survey()

    assert survey.plan.changes == ()
    assert bench.emulator.journal.total <= 65


def test_a_lost_state_changes_nothing(bench: Bench) -> None:
    bench.write(V1)
    done(bench)

    bench.state_name = "another.db"

    assert bench.survey().plan.changes == ()
    assert bench.survey().plan.drift == ()


def test_with_a_lost_state_what_is_no_longer_declared_is_still_found(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    bench.write(V2)
    with_state = [(c.address, c.action, c.previous_address) for c in bench.survey().plan.changes]

    bench.state_name = "another.db"

    assert [(c.address, c.action, c.previous_address) for c in bench.survey().plan.changes] == with_state


def test_a_rebuilt_state_gives_the_plan_of_the_lost_one(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    bench.write(V2)
    before = [(c.address, c.action) for c in bench.survey().plan.changes]

    bench.state_name = "another.db"
    rows = bench.run(lambda session: session.rebuild())

    assert len(rows) == IN_V1.total()
    assert [(c.address, c.action) for c in bench.survey().plan.changes] == before


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_two_stacks_with_the_same_keys_and_files_leave_each_other_alone(
    bench: Bench, tmp_path: Path, state: str
) -> None:
    other = Bench(tmp_path / "other", emulator=bench.emulator)
    bench.write(V1)
    other.write(STRANGERS)
    for each in (bench, other, bench, other):
        done(each)
    if state == "lost":
        bench.state_name = other.state_name = "another.db"

    assert bench.survey().plan.changes == other.survey().plan.changes == ()
    assert not other.apply(destroy=True).failed
    assert bench.survey().plan.changes == ()
    assert not bench.apply(destroy=True).failed
    assert bench.emulator.store.db.execute("SELECT count(*) FROM objects").fetchone() == (0,)


def test_an_index_name_of_another_stack_is_refused_by_name(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other", emulator=bench.emulator)
    other.write(STRANGERS)
    done(other)
    bench.write(V1)
    bench.write({"stack.yaml": str(V1["stack.yaml"]).replace("  first:\n", "  theirs:\n")})

    with pytest.raises(Invalid, match=r"stack.yaml:\d+:\d+: indexes/theirs: .* belongs to the stack 'strangers'"):
        bench.survey()


def test_a_failed_step_skips_what_waits_for_it_and_the_rest_goes_on(bench: Bench) -> None:
    bench.write(V1)
    bench.emulator.add_fault(
        {
            "fault": "status",
            "method": "POST",
            "path": "/indexes",
            "status": 400,
            "body": {"code": "x", "message": "no"},
            "count": 1,
        }
    )

    report = bench.apply()

    by_result = {
        result: [o.address for o in report.outcomes if o.result == result] for result in ("failed", "skipped", "done")
    }
    assert len(by_result["failed"]) == 1
    assert all(address.startswith(by_result["failed"][0] + "/") for address in by_result["skipped"])
    assert len(by_result["done"]) == len(report.outcomes) - 1 - len(by_result["skipped"])
    done(bench)
    assert bench.survey().plan.changes == ()


LISTS = [
    "/assets",
    "/indexes",
    "/entity-collections",
    "/indexes/*/indexed-assets",
    "/entity-collections/*/entities",
]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "status": 500, "body": {"code": "x", "message": "broken"}},
        {"fault": "status", "status": 400, "body": {"code": "x", "message": "broken"}},
        {"fault": "short_page", "rows": 1},
        {"fault": "shift_page", "rows": 1},
        {"fault": "duplicate_row"},
        {"fault": "drop_before"},
        {"fault": "cut"},
    ],
    ids=["500", "400", "short", "shifted", "duplicated", "dropped", "cut"],
)
def test_nothing_is_concluded_from_a_bad_list(bench: Bench, path: str, fault: dict[str, object]) -> None:
    bench.write(many(60))
    done(bench)
    bench.emulator.add_fault({**fault, "method": "GET", "path": path})

    try:
        plan = bench.survey().plan
    except (IncompleteListing, ReconcilerError):
        return
    assert plan.changes == ()


def test_what_was_deleted_by_hand_is_drift_and_made_anew(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    id = bench.survey().claims.live["entity_collections/people/entities/ann"].id
    bench.emulator.store.db.execute("DELETE FROM objects WHERE id = ?", (id,))

    plan = bench.survey().plan

    assert [(c.address, c.action) for c in plan.drift] == [("entity_collections/people/entities/ann", Action.DELETE)]
    assert [(c.address, c.action) for c in plan.changes] == [("entity_collections/people/entities/ann", Action.CREATE)]
    done(bench)
    assert bench.survey().plan.changes == ()
