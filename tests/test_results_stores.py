"""Several stores under `results:`, and two stacks of one name in one store: whose a set is, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.core.clock import MachineClock
from reconciler.emulator.twelvelabs import app
from reconciler.errors import Refused, StoreError
from reconciler.load import load
from reconciler.model import Action
from reconciler.results import Made, Store, open_store
from reconciler.results.files import Directory
from reconciler.results.lance import Lance
from reconciler.results.shelf import Shelf
from reconciler.state import Drop, State
from tests.support.files import lay_out
from tests.support.running import AGREED, Bench, Killed, done
from tests.support.stacks import TWO_MATCHES

pytest.importorskip("pyarrow")
pytest.importorskip("lancedb")

HEAD = TWO_MATCHES
STORES = 'results: {default: results, search: {to: "lancedb:lance", table: clips}}\n'
CLIPS = "embeddings: {clips: {of: '*', model: marengo3.0, options: [visual], scopes: [asset]%s}}\n"
HERE, THERE = CLIPS % "", CLIPS % ", into: search"
ADDRESSES = ["embeddings/clips/final", "embeddings/clips/semi"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "a", app(clock=MachineClock()))


def written(bench: Bench, text: str) -> Bench:
    bench.write({"stack.yaml": HEAD + text})
    return bench


def kept(directory: Path, url: str = "results", table: str = "results") -> dict[str, Made]:
    """address → its row of the manifest, each proven by its rows."""
    store = open_store(url, root=directory, table=table)
    found = {made.address: made for made in store.list("s")}
    for address, made in found.items():
        rows = store.read("s", address)
        assert rows is not None
        assert (rows.digest, len(rows)) == (made.digest, made.rows)
    store.close()
    return found


def where(bench: Bench) -> tuple[list[str], list[str]]:
    """Addresses in the directory, and in LanceDB."""
    return sorted(kept(bench.directory)), sorted(kept(bench.directory, "lancedb:lance", "clips"))


def tasks(bench: Bench) -> int:
    ((count,),) = bench.emulator.store.db.execute("SELECT count(*) FROM objects WHERE kind = 'embed_v2_task'")
    return int(count)


def let_go(bench: Bench, address: str) -> None:
    """What `state rm` does."""
    with closing(State.open(f"sqlite:///{bench.directory}/.reconciler/state.db", "s")) as state, state.lock("test"):
        state.commit(*(Drop(row.address, row.id) for row in state.recorded() if row.address == address))


def in_step(bench: Bench) -> None:
    planning = bench.survey()
    assert planning.plan.changes == ()
    assert planning.difference.drift == []


# Several stores


def test_each_goes_into_the_store_that_it_names(bench: Bench) -> None:
    done(written(bench, STORES + THERE + "analyses: {topics: {of: final, model: pegasus1.5, prompt: 'What?'}}\n"))

    assert where(bench) == (["analyses/topics/final"], ADDRESSES)
    in_step(bench)


def test_another_store_moves_a_set_and_nothing_is_paid(bench: Bench) -> None:
    done(written(bench, STORES + HERE))
    before = kept(bench.directory)
    written(bench, STORES + THERE)

    planned = {it.address: it for it in bench.survey().plan.changes}
    done(bench)

    assert [(it.action, [(d.path, d.before, d.after) for d in it.deltas]) for it in planned.values()] == [
        (Action.UPDATE, [("into", "default", "search")])
    ] * 2
    assert where(bench) == ([], ADDRESSES)
    after = kept(bench.directory, "lancedb:lance", "clips")
    assert {it: (made.task, made.digest) for it, made in after.items()} == {
        it: (made.task, made.digest) for it, made in before.items()
    }
    assert tasks(bench) == 2
    in_step(bench)


def test_what_is_moved_and_declared_otherwise_at_once_is_made_once_and_kept_once(bench: Bench) -> None:
    done(written(bench, STORES + HERE))

    done(written(bench, STORES + THERE.replace("[asset]", "[clip]")))

    assert where(bench) == ([], ADDRESSES)
    assert tasks(bench) == 4
    in_step(bench)


KILLS: Mapping[str, tuple[type[Store], str, bool]] = {
    "before it is kept": (Lance, "replace", False),
    "when it is kept": (Lance, "replace", True),
    "before it is removed": (Directory, "delete", False),
    "when it is removed": (Directory, "delete", True),
}


@pytest.mark.parametrize("changed", [THERE, THERE.replace("[asset]", "[clip]")], ids=["moved", "moved and made anew"])
@pytest.mark.parametrize("point", KILLS)
def test_killed_anywhere_in_a_move_the_next_run_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, point: str, changed: str
) -> None:
    done(written(bench, STORES + HERE))
    due = 2 if changed == THERE else 4
    written(bench, STORES + changed)
    kind, name, after = KILLS[point]

    with monkeypatch.context() as patched:
        patched.setattr(kind, name, dying(getattr(kind, name), after=after))
        with pytest.raises(Killed):
            bench.apply()
    assert {*where(bench)[0], *where(bench)[1]} == {*ADDRESSES}
    for _ in range(2):  # what is left of the one before it may be found only when that is known to be another's place
        done(bench)

    assert where(bench) == ([], ADDRESSES)
    assert tasks(bench) == due
    in_step(bench)


def dying(call: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The call, in which the run ends, every time."""

    def dies(*given: Any, **named: Any) -> Any:
        if after:
            call(*given, **named)
        raise Killed

    return dies


def test_a_store_that_is_taken_out_with_sets_in_it_is_refused_before_anything_is_asked(bench: Bench) -> None:
    done(written(bench, STORES + THERE))
    bench.emulator.journal.clear()

    for text in (HERE, f"results: {{default: results, other: {{to: there}}}}\n{HERE}", ""):
        written(bench, text)
        with pytest.raises(Refused) as caught:
            bench.survey()
        (told,) = caught.value.reasons
        assert "no store 'search' any more, and embeddings/clips/final, embeddings/clips/semi are kept there" in told
        assert "Put it back" in told
    assert not bench.emulator.journal.entries

    written(bench, STORES + HERE)  # as it says: moved first, then taken out
    done(bench)
    written(bench, HERE)
    assert bench.survey().plan.changes == ()
    assert tasks(bench) == 2


def test_a_store_that_is_called_otherwise_is_no_other_and_one_that_is_lost_can_be_let_go(bench: Bench) -> None:
    done(written(bench, STORES + THERE))
    written(bench, (STORES + THERE).replace("search", "vectors"))
    assert [it.action for it in bench.survey().plan.changes if it.action is not Action.UPDATE] == []
    done(bench)
    in_step(bench)
    assert tasks(bench) == 2

    written(bench, HERE)
    with pytest.raises(Refused):
        bench.survey()
    for address in ADDRESSES:
        let_go(bench, address)

    assert {it.action for it in bench.survey().plan.changes} == {Action.CREATE}


def test_two_names_of_one_store_lose_nothing(bench: Bench) -> None:
    """Which no look at the YAML can tell: a directory has several paths."""
    done(written(bench, STORES + HERE))
    made = kept(bench.directory)["embeddings/clips/final"]
    shelf = Shelf("s", bench.directory, {"default": {"to": "results"}, "again": {"to": "results/."}})
    shelf.known_as(made.stack_id)

    async def move() -> None:
        (found,) = [it for it in (await shelf.sets()).values() if it.address == made.address]
        await shelf.copy(found, made.address, made.source, made.task, "2030-01-01", "again")

    with pytest.raises(StoreError, match="are one and the same store"):
        asyncio.run(move())

    assert sorted(kept(bench.directory)) == ADDRESSES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            STORES + CLIPS % ", into: serach",
            "s.yaml:7:92: embeddings/clips: into: no store under `results:` is called ",
        ),
        (STORES + CLIPS % ", into: serach", 'called "serach"; did you mean "search"?'),
        (CLIPS % ", into: search", 'called "search"; there is default'),
        (STORES + CLIPS % ", into: 5", "into: "),
        (
            "results: {default: a, search: a/}",
            "s.yaml:6:23: results: `search` is the same place as `default`; keep one",
        ),
        ("results: {default: a, to: b}", 'results: "to" cannot be the name of a store beside others'),
        ("results: {default: a, b: {too: c}}", 'results.b: unknown word "too"; did you mean "to"?'),
        ("results: {default: a, b: 5}", "results.b: expected a directory, the URL of a store, or"),
        (
            "results: ftp://x/y",
            "s.yaml:6:10: results: ftp://x/y: no store is called `ftp:`; there are a plain directory",
        ),
        ("results: {to: ../a}", "s.yaml:6:15: results: ../a: results are kept in a directory below that of the stack"),
        ("results: {to: 'lancedb:/a'}", "s.yaml:6:15: results: /a: results are kept in a directory below that of the"),
        ("results: {default: a, b: {table: 'x y'}}", "s.yaml:6:26: results.b: x y cannot be the name of a table"),
        ("results: {columns: {kee: a}}", "s.yaml:6:10: results: columns of results: "),
        ("results: {search: {to: a}}", 'unknown word "search"; of several stores one is called `default`'),
    ],
)
def test_what_cannot_be_is_said_at_its_place(tmp_path: Path, text: str, said: str) -> None:
    lay_out(tmp_path, {"s.yaml": HEAD + text})

    with pytest.raises(Exception, match=r"s\.yaml:") as caught:
        load(tmp_path, environ={})

    assert said in str(caught.value)


# Two stacks of one name


def another(bench: Bench) -> Bench:
    """A second checkout of a stack of the same name, in the same directory, with another account and state."""
    second = replace(bench, state_name="other.db", emulator=app(clock=MachineClock()))
    report = written(second, 'results: "other"\n').apply(CAREFUL)
    assert not report.failed
    return second


CAREFUL = replace(AGREED, adopt=False)


def test_sets_carry_the_id_of_their_stack(bench: Bench) -> None:
    done(written(bench, HERE))

    (id,) = {made.stack_id for made in kept(bench.directory).values()}
    assert len(id) > 7


def test_sets_without_an_id_are_the_stacks_by_their_name_and_get_it_with_the_next_write(bench: Bench) -> None:
    done(written(bench, HERE))
    store = open_store("results", root=bench.directory)
    (id,) = {made.stack_id for made in kept(bench.directory).values()}
    for made in list(store.list("s")):
        rows = store.read("s", made.address)
        assert rows is not None
        store.delete("s", made.address, id)
        store.replace(replace(made, stack_id=""), rows)
    in_step(bench)

    done(
        written(
            bench, HERE.replace("clips", "parts") + "moved: [{from: embeddings/clips/semi, to: embeddings/parts/semi}]"
        )
    )

    assert {it: made.stack_id for it, made in kept(bench.directory).items()} == dict.fromkeys(
        ["embeddings/parts/final", "embeddings/parts/semi"], id
    )
    assert tasks(bench) == 2


@pytest.mark.parametrize("store", ["results", "lancedb:lance"])
def test_a_set_of_another_stack_of_the_name_is_neither_used_nor_touched(bench: Bench, store: str) -> None:
    results = f'results: "{store}"\n'
    done(written(bench, results + HERE))
    before = kept(bench.directory, store)
    second = written(another(bench), results + HERE.replace("'*'", "final"))

    with pytest.raises(Refused) as caught:
        second.apply(CAREFUL)

    assert kept(bench.directory, store) == before
    assert tasks(second) == 0
    assert "embeddings/clips/final: found by the stamp of a stack 's' with the id" in str(caught.value)


@pytest.mark.parametrize(("store", "beside"), [("results", False), ("lancedb:lance", True)])
def test_beside_sets_of_another_stack_of_the_name_a_table_is_shared_and_a_directory_is_not(
    bench: Bench, store: str, beside: bool
) -> None:
    results = f'results: "{store}"\n'
    done(written(bench, results + HERE.replace("'*'", "final")))
    before = kept(bench.directory, store)
    second = written(another(bench), results + HERE.replace("'*'", "semi"))

    report = second.apply(CAREFUL)

    assert {it: made for it, made in kept(bench.directory, store).items() if it in before} == before
    assert tasks(second) == (1 if beside else 0)
    assert sorted(kept(bench.directory, store)) == (ADDRESSES if beside else [*before])
    said = [it.message for it in report.outcomes if it.result == "failed"]
    assert ["is of another stack called s (its id is" in one for one in said] == ([] if beside else [True])
