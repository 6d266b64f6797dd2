"""Files that are renamed onto each other's names: the assets follow their bytes, and only new bytes go up."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import __version__
from reconciler.emulator import Exchange
from reconciler.engine import Limits, Session
from reconciler.model import Action, Basis, Event, StepDone
from reconciler.plan.guards import Consent
from reconciler.plan.targeting import Targeting
from reconciler.planfile import Saved
from reconciler.planfile.wishes import of_all, of_each
from tests.support.files import sha, write
from tests.support.running import Bench, Killed

NAMES = "abcd"
UPLOADS = ("POST /assets", "POST /indexes/{index_id}/indexed-assets")
STACK = """\
stack: s
provider: twelvelabs
assets: {e: {files: m/*.mp4}}
indexes: {i: {models: [{name: marengo3.0}], assets: {e: {metadata: {n: 1}}}}}
"""
PEOPLE = """\
stack: s
provider: twelvelabs
assets: {a: {file: m/a.mp4}, b: {file: m/b.mp4}, c: {file: m/c.mp4}, d: {file: m/d.mp4}}
indexes: {i: {models: [{name: marengo3.0}], assets: {a: {metadata: {n: 1}}, b: {}, c: {metadata: {n: 3}}, d: {}}}}
entity_collections: {p: {entities: {x: {assets: [a, b]}, y: {assets: [c]}}}}
"""


def lay(bench: Bench, contents: Mapping[str, str]) -> None:
    """Files m/NAME.mp4, and no other."""
    for name in NAMES:
        (bench.directory / "m" / f"{name}.mp4").unlink(missing_ok=True)
    for name, content in contents.items():
        write(bench.directory / "m" / f"{name}.mp4", content.encode())


def applied(directory: Path, stack: str, contents: Mapping[str, str]) -> Bench:
    bench = Bench(directory)
    bench.write({"s.yaml": stack})
    lay(bench, contents)
    assert not bench.apply().failed
    bench.emulator.journal.clear()
    return bench


def assets(bench: Bench) -> dict[str, str]:
    """Content → id of the asset that has it."""
    query = "SELECT id, doc ->> '$.media.sha256' FROM objects WHERE kind = 'asset'"
    return {sha256: id for id, sha256 in bench.emulator.store.db.execute(query)}


def keys(bench: Bench) -> dict[str, str]:
    """Content → the address that the asset with it carries."""
    query = """SELECT doc ->> '$.media.sha256', doc ->> '$.user_metadata.reconciler_key'
               FROM objects WHERE kind = 'asset'"""
    return dict(bench.emulator.store.db.execute(query).fetchall())


def sent(bench: Bench) -> int:
    return sum(bench.emulator.journal.by_route[route] for route in UPLOADS)


def in_step(bench: Bench, contents: Mapping[str, str]) -> None:
    """Each file's bytes are up once, under its address, and nothing is left to do (a new state stamps anew)."""
    assert [it for it in bench.survey().plan.changes if {delta.path for delta in it.deltas} != {"stamp"}] == []
    ends = {sha: address.removeprefix("assets/").removeprefix("e.")[0] for sha, address in keys(bench).items()}
    assert ends == {sha(content): name for name, content in contents.items()}


@settings(max_examples=8)
@given(st.permutations(NAMES), st.booleans(), st.sampled_from([STACK, PEOPLE]))
def test_any_permutation_of_contents_over_names_sends_nothing_and_is_done_in_one_apply(
    order: list[str], stateless: bool, stack: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        bench = applied(Path(directory), stack, dict(zip(NAMES, NAMES, strict=True)))
        before, after = assets(bench), dict(zip(NAMES, order, strict=True))
        lay(bench, after)
        bench.state_name = "another.db" if stateless else "state.db"

        assert not bench.apply().failed

        assert (sent(bench), assets(bench)) == (0, before)
        in_step(bench, after)


LAID = st.dictionaries(st.sampled_from(NAMES), st.sampled_from("uvwxyz"), min_size=1)


@settings(max_examples=10)
@given(LAID, LAID, st.booleans())
def test_whatever_files_become_of_files_bytes_that_are_there_once_and_stay_are_never_sent_again(
    before: dict[str, str], after: dict[str, str], interrupted: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        bench = applied(Path(directory), STACK, before)
        known = assets(bench)
        lay(bench, after)
        if interrupted:
            with killed_after(bench, 2), suppress(Killed):
                bench.apply()

        assert not bench.apply().failed

        assert bench.survey().plan.changes == ()
        query = "SELECT doc ->> '$.media.sha256' FROM objects WHERE kind = 'asset'"
        assert sorted(row[0] for row in bench.emulator.store.db.execute(query)) == sorted(map(sha, after.values()))
        once = {it for it in after.values() if [*before.values()].count(it) == [*after.values()].count(it) == 1}
        assert {sha(it): known[sha(it)] for it in once}.items() <= assets(bench).items()


@pytest.mark.parametrize(
    ("after", "created", "deleted"),
    [
        ({"a": "new", "b": "a", "c": "b", "d": "c"}, 1, 0),
        ({"a": "b", "b": "c"}, 0, 1),
        ({"a": "c", "b": "new", "c": "b"}, 1, 1),
        ({"b": "a"}, 0, 2),
    ],
    ids=["one in front", "the first goes", "two swap, one goes, one is new", "all but one go"],
)
def test_only_new_bytes_go_up_and_only_what_nobody_has_any_more_goes(
    tmp_path: Path, after: dict[str, str], created: int, deleted: int
) -> None:
    bench = applied(tmp_path, STACK, {"a": "a", "b": "b", "c": "c"})
    before = assets(bench)
    lay(bench, after)

    plan = bench.survey().plan
    assert [plan.count(action) for action in (Action.CREATE, Action.REPLACE, Action.DELETE)] == [
        2 * created,
        0,
        2 * deleted,
    ]
    assert not bench.apply().failed

    kept = {content: id for content, id in before.items() if content in map(sha, after.values())}
    assert kept.items() <= assets(bench).items()
    assert sent(bench) == 2 * created
    in_step(bench, after)


def test_of_several_with_the_same_bytes_nobody_guesses_which_is_which(tmp_path: Path) -> None:
    bench = applied(tmp_path, STACK, {"a": "x", "b": "x", "c": "y", "d": "z"})
    lay(bench, {"a": "y", "b": "z", "c": "x", "d": "x"})

    actions = {it.address: it.action for it in bench.survey().plan.changes if it.kind == "Asset"}

    assert {actions[f"assets/e.{name}.mp4"] for name in "ab"} == {Action.MOVE}
    assert {actions[f"assets/e.{name}.mp4"] for name in "cd"} == {Action.CREATE}
    assert not bench.apply().failed
    assert bench.survey().plan.changes == ()


def test_one_that_has_its_bytes_already_keeps_them(tmp_path: Path) -> None:
    bench = applied(tmp_path, STACK, {"a": "x", "b": "x", "c": "y"})
    lay(bench, {"a": "y", "b": "x", "c": "x"})

    changes = [(it.address, it.action, it.previous_address) for it in bench.survey().plan.changes if it.kind == "Asset"]

    assert changes == [
        ("assets/e.a.mp4", Action.MOVE, "assets/e.c.mp4"),
        ("assets/e.c.mp4", Action.MOVE, "assets/e.a.mp4"),
    ]


@contextmanager
def killed_after(bench: Bench, writes: int) -> Iterator[None]:
    """The run dies when so many writes were answered."""
    left = writes

    def listener(exchange: Exchange) -> None:
        nonlocal left
        left -= exchange.method != "GET"
        if not left:
            raise Killed

    silence = bench.emulator.journal.listen(listener)
    try:
        yield
    finally:
        silence()


CIRCLE = {"a": "b", "b": "c", "c": "a", "d": "new"}


@pytest.mark.parametrize("state", ["kept", "lost"])
@pytest.mark.parametrize("writes", [1, 2, 4, 7, 10])
def test_a_run_that_dies_amid_a_circle_is_ended_by_the_next(tmp_path: Path, writes: int, state: str) -> None:
    bench = applied(tmp_path, PEOPLE, {name: name for name in NAMES})
    before = assets(bench)
    lay(bench, CIRCLE)
    with killed_after(bench, writes), pytest.raises(Killed):
        bench.apply()
    if state == "lost":
        bench.state_name = "another.db"

    plan = bench.survey().plan
    assert not {it.id for it in plan.changes if it.action in (Action.DELETE, Action.REPLACE)} & {
        before[sha(name)] for name in "abc"
    }
    assert not bench.apply().failed

    assert sent(bench) <= 3 and {sha(name): before[sha(name)] for name in "abc"}.items() <= assets(bench).items()
    in_step(bench, CIRCLE)


@pytest.mark.parametrize("target", ["assets/a", "assets/c", "assets/d"])
def test_a_part_of_a_circle_takes_the_circle_along(tmp_path: Path, target: str) -> None:
    bench = applied(tmp_path, PEOPLE.split("indexes")[0], {name: name for name in NAMES})
    before = assets(bench)
    lay(bench, CIRCLE)

    async def part(session: Session) -> list[str]:
        session.targeting = Targeting(target=(target,))
        survey = await session.plan()
        with session.state.lock("test"):
            assert not (await session.apply(survey, command="test")).failed
        return [change.address for change in survey.plan.changes]

    assert bench.run(part) == (["assets/d"] if target == "assets/d" else ["assets/a", "assets/b", "assets/c"])
    assert not bench.apply().failed
    assert {sha(name): before[sha(name)] for name in "abc"}.items() <= assets(bench).items()
    in_step(bench, CIRCLE)


def test_the_guards_count_what_loses_its_address(tmp_path: Path) -> None:
    bench = applied(tmp_path, "guards: {max_deletes: 0}\n" + STACK, {"a": "a", "b": "b"})
    lay(bench, {"a": "b"})

    async def refusals(session: Session) -> list[str]:
        return (await session.plan()).refusals

    (refused,) = bench.run(refusals, Consent())
    assert refused.startswith("2 deletes, at most 0 (guards.max_deletes): assets/e.a.mp4@")


def test_what_is_protected_is_not_displaced(tmp_path: Path) -> None:
    bench = applied(
        tmp_path,
        PEOPLE.split("indexes")[0].replace("{file: m/a.mp4}", "{file: m/a.mp4, protect: true}"),
        {name: name for name in NAMES},
    )
    bench.write(
        {
            "s.yaml": PEOPLE.split("indexes")[0]
            .replace(", d: {file: m/d.mp4}", "")
            .replace("{file: m/a.mp4}", "{file: m/a.mp4, protect: true}")
        }
    )
    lay(bench, {"a": "d", "b": "b", "c": "c"})

    async def refusals(session: Session) -> list[str]:
        return (await session.plan()).refusals

    (refused,) = bench.run(refusals)
    assert refused.startswith("assets/a@") and "is protected and would be deleted" in refused


@pytest.mark.parametrize("steps", [1, 4])
def test_a_saved_plan_that_was_killed_amid_a_circle_can_be_applied_to_its_end(tmp_path: Path, steps: int) -> None:
    bench = applied(tmp_path, PEOPLE.split("entity")[0], {name: name for name in NAMES})
    lay(bench, {"a": "b", "b": "c", "c": "a", "d": "d"})

    async def saved(session: Session) -> Saved:
        plan = (await session.plan()).plan
        declared = of_each(session.stack, session.kinds, plan, b"key", destroy=False)
        origin = Basis(account=session.account, settings=of_all(session.stack, b"key"), declared=declared)
        return Saved(plan, origin, "", "", __version__, "plan.json")

    async def killed(session: Session) -> None:
        ends = iter(range(1, steps))

        def on_event(event: Event) -> None:
            if isinstance(event, StepDone) and next(ends, None) is None:
                raise Killed

        survey = await session.plan()
        with session.state.lock("test"):
            await session.apply(survey, command="test", on_event=on_event)

    async def ended(session: Session) -> tuple[str, ...]:
        survey = await session.plan()
        done = session.confirm(plan, survey, b"key")
        with session.state.lock("test"):
            assert not (await session.apply(survey, command="test")).failed
        return done

    plan = bench.run(saved)
    bench.limits = Limits(parallelism=1, poll_s=0.01)
    with pytest.raises(Killed):
        bench.run(killed)

    assert len(bench.run(ended)) <= steps
    in_step(bench, {"a": "b", "b": "c", "c": "a", "d": "d"})


def test_who_ignores_what_the_bytes_are_keeps_the_asset(tmp_path: Path) -> None:
    stack = PEOPLE.split("indexes")[0].replace("{file: m/a.mp4}", "{file: m/a.mp4, ignore: [file]}")
    bench = applied(tmp_path, stack, {name: name for name in NAMES})
    lay(bench, {"a": "b", "b": "a", "c": "c", "d": "d"})

    assert [(it.address, it.action) for it in bench.survey().plan.changes] == [("assets/b", Action.REPLACE)]
