"""The pipeline on the emulator: from YAML into an account and back to an empty plan."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.emulator import Exchange
from reconciler.engine import Limits, Session
from reconciler.errors import IncompleteListing, Invalid, ReconcilerError, Refused
from reconciler.model import Action, Report
from reconciler.repair import rebuild
from tests.support.running import AGREED, Bench, Killed, done
from tests.support.stacks import IN_V1, STRANGERS, V1, V2, many


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
        estimated = bench.survey().plan.estimate.writes
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
    rows = bench.run(rebuild)

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


def without_stamps(files: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    return {**files, "stack.yaml": str(files["stack.yaml"]).replace("provider:", "stamps: false\nprovider:")}


def test_without_stamps_the_plan_says_that_the_state_is_needed_and_nothing_is_marked(bench: Bench) -> None:
    bench.write(without_stamps(V1))

    done(bench)

    survey = bench.survey()
    assert survey.plan.changes == ()
    assert [note.summary for note in survey.plan.diagnostics] == [
        "`stamps: false`, so only the state tells what is ours; keep the state safe: nothing replaces it"
    ]
    assert all(live.stamp is None for live in survey.claims.live.values())


def test_without_stamps_a_lost_answer_is_found_by_name_and_size(bench: Bench) -> None:
    bench.write(without_stamps(V1))
    bench.emulator.add_fault({"fault": "drop_after", "method": "POST", "path": "/**", "probability": 0.5, "seed": 3})

    done(bench)

    assert len(bench.names("asset")) == 5
    assert bench.survey().plan.changes == ()


def test_foreign_objects_are_counted_and_never_block(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other", emulator=bench.emulator)
    other.write(STRANGERS)
    done(other)
    bench.write(V1)

    done(bench, replace(AGREED, adopt=False))

    plan = bench.survey(everything=True).plan
    assert plan.unmanaged == {"Asset": 2, "Entity": 1, "EntityCollection": 1, "Index": 1, "IndexedAsset": 1}
    assert plan.changes == ()


def test_an_object_changed_between_plan_and_delete_is_not_deleted(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    bench.write(V2)
    id = bench.survey().claims.orphans["assets/goes"].id

    async def change_it_after_the_plan(session: Session) -> Report:
        survey = await session.plan()
        await session.drivers.http.request(
            "PATCH", f"/assets/{id}/user-metadata", json={"user_metadata": {"by": "hand"}}
        )
        return await session.apply(survey, command="test")

    report = bench.run(change_it_after_the_plan)

    (failed,) = [outcome for outcome in report.outcomes if outcome.result == "failed"]
    assert failed.address == "assets/goes"
    assert "was changed since the plan" in failed.message
    assert "goes.mp4" in bench.names("asset")


def test_what_is_already_gone_counts_as_deleted(bench: Bench) -> None:
    bench.write(V1)
    done(bench)
    bench.write(V2)

    async def delete_it_after_the_plan(session: Session) -> Report:
        survey = await session.plan()
        row = survey.claims.orphans["entity_collections/people/entities/leaves"]
        await session.drivers.http.request("DELETE", f"/entity-collections/{row.parent_id}/entities/{row.id}")
        return await session.apply(survey, command="test")

    assert not bench.run(delete_it_after_the_plan).failed
    assert bench.survey().plan.changes == ()


def test_an_answer_lost_and_then_a_kill_is_settled_though_lists_lag(bench: Bench) -> None:
    """The create was done, its answer lost, the run gone; the next run's lists lag behind: still only one."""
    bench.write(V1)
    bench.limits = Limits(poll_s=0.01, looks=1, tries=1)
    bench.emulator.add_fault({"fault": "drop_after", "method": "POST", "path": "/assets", "count": 5})
    bench.emulator.add_fault({"fault": "lag", "method": "GET", "path": "/assets", "reads": 3})
    assert bench.apply().failed
    bench.limits = Limits(poll_s=0.01)

    for _ in range(2):
        bench.apply()

    bench.emulator.clear_faults()
    assert len(bench.names("asset")) == 5
    assert bench.survey().plan.changes == ()


def test_an_index_into_which_a_stranger_came_after_the_plan_is_not_deleted(bench: Bench) -> None:
    bench.write(many(60))
    done(bench)
    live = bench.survey().claims.live
    bench.write({"stack.yaml": "stack: many\nprovider: twelvelabs\n"})

    async def index_by_hand_after_the_plan(session: Session) -> Report:
        survey = await session.plan(destroy=True)
        index, asset = live["indexes/one"].id, live["assets/a7"].id
        await session.drivers.http.request("POST", f"/indexes/{index}/indexed-assets", json={"asset_id": asset})
        return await session.apply(survey, command="test")

    report = bench.run(index_by_hand_after_the_plan, replace(AGREED, empty=True))

    failed = {outcome.address: outcome.message for outcome in report.outcomes if outcome.result == "failed"}
    assert "came into it; not deleted" in failed["indexes/one"]
    assert bench.names("index") == ["one"]


def test_an_index_with_other_models_is_refused_and_with_consent_replaced_in_the_order_on_paper(bench: Bench) -> None:
    bench.write(many(3))
    done(bench)
    old = bench.survey().claims.live["indexes/one"].id
    text = str(many(3)["stack.yaml"]).replace("{name: marengo3.0}", "{name: marengo3.0, options: [visual]}")
    bench.write({"stack.yaml": text})
    bench.limits = Limits(parallelism=1, poll_s=0.01)
    bench.emulator.journal.clear()

    with pytest.raises(Refused, match=r"indexes/one would be replaced .* agree with --allow-replace indexes/one"):
        bench.apply(replace(AGREED, replace=frozenset()))
    assert not any(entry.method != "GET" for entry in bench.emulator.journal.entries)
    done(bench)

    new = bench.survey().claims.live["indexes/one"].id
    writes = [
        f"{entry.method} {entry.path.removeprefix('/v1.3')}"
        for entry in bench.emulator.journal.entries
        if entry.method != "GET"
    ]
    members = {f"PATCH /indexes/{new}/indexed-assets/{it.id}" for it in bench.survey().claims.live.values()}
    assert writes[:6] == [
        "POST /indexes",  # beside, under a working name
        *[f"POST /indexes/{new}/indexed-assets"] * 3,
        f"PUT /indexes/{old}",  # gives up its name
        f"PUT /indexes/{new}",
    ]
    assert len(writes) == 10 and members.issuperset(writes[6:9])  # their marks say the address
    assert writes[9] == f"DELETE /indexes/{old}"
    assert bench.survey().plan.changes == ()


def named(**names: str) -> dict[str, str | bytes]:
    """A stack of indexes with something in each, so that they are known again without a state."""
    lines = ["stack: names", "provider: twelvelabs", "assets: {x: {file: x.mp4}}", "indexes:"]
    for key, name in names.items():
        lines.append(f"  {key}: {{name: {name}, models: [{{name: marengo3.0}}], assets: {{x: {{}}}}}}")
    return {"x.mp4": "x", "stack.yaml": "\n".join(lines) + "\n"}


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        ({"a": "Alpha", "b": "Beta"}, {"a": "Beta", "b": "Alpha"}, 3),
        ({"a": "n1", "b": "n2", "c": "n3"}, {"a": "n2", "b": "n3", "c": "n4"}, 3),
        ({"a": "live"}, {"a": "live-2024", "n": "live"}, 3),
        ({"old": "live", "new": "draft"}, {"new": "live"}, 2),
    ],
    ids=["swap", "chain", "freed by a rename", "freed by a delete"],
)
def test_unique_names_change_hands_in_one_apply_and_after_a_kill_at_any_write(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], writes: int
) -> None:
    kill = 0
    while kill <= writes:
        bench = Bench(tmp_path / str(kill))
        bench.write(named(**before))
        done(bench)
        ids = {address: live.id for address, live in bench.survey().claims.live.items()}
        bench.write(named(**after))
        sent = _write_requests(bench, kill)
        done(bench)

        survey = bench.survey()
        assert survey.plan.changes == ()
        assert bench.names("index") == sorted(after.values())
        kept = {address: survey.claims.live[address].id for address in ids.keys() & survey.claims.live.keys()}
        assert kept == {address: ids[address] for address in kept}, "nothing was made anew"
        assert kill or len(sent) == writes
        kill += 1


def _write_requests(bench: Bench, kill: int) -> list[str]:
    """What an apply sends that changes something; it dies right after request number `kill` of these."""
    sent: list[str] = []

    def listener(exchange: Exchange) -> None:
        if exchange.method != "GET":
            sent.append(exchange.route)
            if len(sent) == kill:
                raise Killed

    silence = bench.emulator.journal.listen(listener)
    with suppress(Killed):
        bench.apply()
    silence()
    return sent
