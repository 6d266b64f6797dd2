"""Steps as values: each can be shown, saved, read back and held up; a need that no step has is an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reconciler.apply
from reconciler.apply import Limits, Walk
from reconciler.apply.places import Places
from reconciler.apply.write import Writer
from reconciler.diff import diff
from reconciler.errors import BecameFailed, ReconcilerError
from reconciler.kind import FROM_KEY, UNORDERED, Kind, Members, Ref
from reconciler.kinds import Kinds
from reconciler.later import Later
from reconciler.model import (
    STEPS,
    Action,
    BulkCreate,
    Change,
    Create,
    Delete,
    Fill,
    Forget,
    Link,
    Live,
    Plan,
    Record,
    Recorded,
    Rename,
    Report,
    Resource,
    Snapshot,
    Stack,
    Step,
    StepId,
    Unlink,
    Update,
    Wait,
)
from reconciler.ownership import claim
from reconciler.plan import make_plan
from reconciler.plan.codec import Wrong, steps_from, steps_json
from reconciler.plan.order import DoubleStep, UnknownNeed, order
from reconciler.redact import Secret

names = st.text("abcdefghij-", min_size=1, max_size=8)
addresses = st.builds("assets/{}".format, names)
ids = st.text("0123456789abcdef", min_size=1, max_size=24)
needs = st.lists(addresses.map(Wait.id_of), max_size=3).map(tuple)
secrets = st.builds(lambda name: Secret("very-secret", "${env." + name + "}"), names)
laters = st.builds(Later, names, st.text(max_size=5))
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | secrets | laters
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(names | st.sampled_from(["$env", "$known_after_apply"]), inner, max_size=2)
    ),
)
fields = st.dictionaries(names, values, max_size=3)
object_ = {"address": addresses, "kind": names, "object_id": ids, "parent_id": st.none() | ids, "needs": needs}
at_one = {"address": addresses, "kind": names, "needs": needs}

STRATEGIES: Mapping[type[Step], st.SearchStrategy[Any]] = {
    Create: st.builds(Create, **at_one, fields=fields),
    BulkCreate: st.builds(
        BulkCreate, kind=names, creates=st.dictionaries(addresses, fields, min_size=2, max_size=4), needs=needs
    ),
    Wait: st.builds(Wait, **at_one),
    Update: st.builds(Update, **object_, fields=fields),
    Fill: st.builds(Fill, **at_one, fields=fields),
    Rename: st.builds(Rename, **object_, fields=st.dictionaries(names, st.text() | secrets, min_size=1, max_size=1)),
    Link: st.builds(
        Link, **object_, added=st.dictionaries(names, st.lists(addresses).map(tuple), min_size=1, max_size=2)
    ),
    Unlink: st.builds(
        Unlink, **object_, removed=st.dictionaries(names, st.lists(ids).map(tuple), min_size=1, max_size=2)
    ),
    Delete: st.builds(Delete, **object_, along=st.lists(addresses).map(tuple), deposed=st.booleans()),
    Record: st.builds(Record, **at_one),
    Forget: st.builds(Forget, **object_, unstamps=st.booleans()),
}
steps = st.one_of(*STRATEGIES.values())


def test_every_class_of_steps_is_tried_here() -> None:
    assert set(STRATEGIES) == set(STEPS)
    assert len({step.verb for step in STEPS}) == len(STEPS)


@given(st.lists(steps, max_size=3))
def test_what_is_saved_is_read_back_as_it_was_and_shows_no_secret(todo: list[Step]) -> None:
    saved = json.dumps(steps_json(todo))
    again = steps_from(json.loads(saved))

    assert "very-secret" not in saved
    assert [type(step) for step in again] == [type(step) for step in todo]
    assert steps_json(again) == steps_json(todo)
    assert [(s.id, s.addresses, s.needs, s.writes) for s in again] == [
        (s.id, s.addresses, s.needs, s.writes) for s in todo
    ]


@given(steps)
def test_a_step_cannot_be_changed(step: Step) -> None:
    with pytest.raises(AttributeError):
        step.kind = "other"  # type: ignore[misc]


@given(steps, st.sampled_from(["id", "verb", "kind", "needs"]))
def test_a_step_that_is_not_whole_is_refused(step: Step, name: str) -> None:
    (saved,) = steps_json([step])
    wrong = {**saved, name: ["?"]}
    missing = {key: value for key, value in saved.items() if key != name}

    for document in (wrong, missing) if name != "needs" else (wrong | {"needs": [1]},):
        with pytest.raises(Wrong):
            steps_from([document])


def test_an_unknown_need_is_no_step_that_may_run_first() -> None:
    step = Create("assets/b", "Asset", {}, needs=(Wait.id_of("assets/a"),))

    with pytest.raises(UnknownNeed, match="'create assets/b' needs 'wait assets/a'"):
        order([step])
    with pytest.raises(UnknownNeed):
        Walk(run_of(step))


def test_two_steps_of_one_name_are_not_one() -> None:
    with pytest.raises(DoubleStep):
        order([Wait("assets/a", "Asset"), Wait("assets/a", "Asset", needs=(Create.id_of("assets/a"),))])


GATE = Wait("indexes/gate", "Index")
AFTER: Mapping[type[Step], Step] = {
    Create: Create("assets/a", "Asset", {}, needs=(GATE.id,)),
    Wait: Wait("assets/a", "Asset", needs=(GATE.id,)),
    Update: Update("assets/a", "Asset", "1", None, {}, needs=(GATE.id,)),
    Fill: Fill("assets/a", "Asset", {}, needs=(GATE.id,)),
    Rename: Rename("assets/a", "Asset", "1", None, {"name": "b"}, needs=(GATE.id,)),
    Link: Link("assets/a", "Asset", "1", None, {"assets": ()}, needs=(GATE.id,)),
    Unlink: Unlink("assets/a", "Asset", "1", None, {"assets": ()}, needs=(GATE.id,)),
    Delete: Delete("assets/a", "Asset", "1", None, needs=(GATE.id,)),
    Record: Record("assets/a", "Asset", needs=(GATE.id,)),
    Forget: Forget("assets/a", "Asset", "1", None, True, needs=(GATE.id,)),
}


@pytest.mark.parametrize("step", AFTER.values(), ids=[step.__name__ for step in AFTER])
def test_a_step_can_be_held_up_by_what_it_needs(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    did, report = walked(monkeypatch, GATE, step)

    assert did == [GATE.id]
    assert [(outcome.address, outcome.result) for outcome in report.outcomes] == [
        ("assets/a", "skipped"),
        ("indexes/gate", "failed"),
    ]


def test_a_bulk_create_goes_on_without_those_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    creates: Mapping[str, Any] = {"assets/a": {}, "indexes/gate": {}}
    step = BulkCreate(creates, "Asset", needs=(GATE.id,))

    did, report = walked(monkeypatch, GATE, step)

    assert did == [GATE.id, step.id]
    assert {outcome.address: outcome.result for outcome in report.outcomes} == {
        "assets/a": "done",
        "indexes/gate": "failed",
    }


def run_of(*todo: Step) -> Any:
    """As much of a run as a walk over it looks at."""
    changes = {a: Change(a, step.kind, Action.UPDATE, "") for step in todo for a in step.addresses}
    plan = Plan("s", "twelvelabs", tuple(changes[address] for address in sorted(changes)), todo)
    kind = SimpleNamespace(refs=lambda: ())
    http = SimpleNamespace(sent=0, sent_writes=0)
    provider = SimpleNamespace(http=http, sending=None)
    return SimpleNamespace(
        id="r",
        plan=plan,
        changes=changes,
        bad={},
        said={},
        kinds=dict.fromkeys(("Asset", "Index"), kind),
        limits=Limits(),
        places=Places(1),
        ids={},
        drivers=provider,
        on_event=lambda _: None,
        ledger=SimpleNamespace(under_way=frozenset),
    )


def walked(monkeypatch: pytest.MonkeyPatch, *todo: Step) -> tuple[list[StepId], Report]:
    """Walk with a writer that fails at the gate: the ids of what was done, and the report."""
    did: list[StepId] = []

    class Writing:
        def __init__(self, run: Any) -> None:
            self.waiting = SimpleNamespace(cancel=lambda: None)

        def end(self) -> None:
            """Nothing is looked at here."""

        async def do(self, step: Step) -> None:
            did.append(step.id)
            if step.id == GATE.id:
                raise failure()

    monkeypatch.setattr(reconciler.apply, "Writer", Writing)

    async def walk() -> Report:
        return await Walk(run_of(*todo)).go()

    return did, asyncio.run(walk())


def failure() -> ReconcilerError:
    return BecameFailed("it is as it is")


class Author(Kind, section="authors", natural_key=("name",), asynchronous=False):
    name: Annotated[str, FROM_KEY] = ""


class Novel(Kind, section="novels", natural_key=("name",), asynchronous=False):
    name: Annotated[str, FROM_KEY] = ""
    writers: Annotated[list[str], Ref("Author"), Members(), UNORDERED] = []  # noqa: RUF012 - of pydantic
    readers: Annotated[list[str], Ref("Author"), Members(), UNORDERED] = []  # noqa: RUF012


def test_two_sets_of_one_object_change_in_one_step_each_way() -> None:
    kinds = Kinds([Author, Novel])
    lives = {f"authors/{name}": Live("Author", f"id-{name}", {"name": name}) for name in "abc"}
    there = {"name": "n", "writers": ["id-a"], "readers": ["id-b"]}
    lives["novels/n"] = Live("Novel", "id-n", there)
    wanted = {"name": "n", "writers": ["authors/b"], "readers": ["authors/b", "authors/c"]}
    resources = {f"authors/{name}": Resource(f"authors/{name}", "Author", {"name": name}) for name in "abc"}
    resources["novels/n"] = Resource("novels/n", "Novel", wanted)
    stack = Stack("s", "library", Path(), resources, lambda *_: ("", 0, 0))
    rows = [
        Recorded(it.address, it.kind, lives[it.address].id, it.fields if it.kind == "Author" else there)
        for it in resources.values()
    ]
    snapshot = Snapshot(
        {kind.__name__: {live.id: live for live in lives.values() if live.kind == kind.__name__} for kind in kinds}
    )
    claims = claim(stack, kinds, rows, snapshot)

    made = make_plan(stack, kinds, claims, diff(stack, kinds, claims), snapshot).steps

    link, unlink = made
    assert link == Link("novels/n", "Novel", "id-n", None, {"writers": ("authors/b",), "readers": ("authors/c",)})
    assert unlink == Unlink("novels/n", "Novel", "id-n", None, {"writers": ("id-a",)}, needs=(link.id,))
    assert [step.writes for step in made] == [2, 1]


def test_each_set_is_announced_before_it_is_sent_and_the_last_is_closed_with_the_row() -> None:
    """Killed between two sets, the next run finds one of them announced, and nothing recorded that was not done."""
    said: list[Any] = []

    class Journal:
        async def write(self, *writes: Any) -> None:
            said.append([type(write).__name__ for write in writes])

    async def link(id: str, parent: str | None, field: Any, ids: list[str]) -> None:
        said.append((field.name, ids))

    async def sent(_: Any, call: Any) -> None:
        await call

    async def noted(*_: Any) -> dict[str, Any]:
        return {}

    change = Change("novels/n", "Novel", Action.UPDATE, "", id="id-n")
    resource = Resource("novels/n", "Novel", {"name": "n", "writers": [], "readers": []})
    run = SimpleNamespace(
        plan=Plan("s", "library", (change,), ()),
        journal=Journal(),
        drivers={"Novel": SimpleNamespace(link=link)},
        resolved=lambda _, fields: fields,
        operation=lambda *_: SimpleNamespace(op="1"),
        sent=sent,
        noted=noted,
        touched=set(),
        filled={},
        changes={"novels/n": change},
        kinds=Kinds([Author, Novel]),
        rows={},
        ids={"novels/n": "id-n"},
        snapshot=Snapshot(),
        stack=Stack("s", "library", Path(), {"novels/n": resource}, lambda *_: ("", 0, 0)),
    )
    writer: Any = object.__new__(Writer)
    writer.run, writer.members_left = run, {"novels/n": set()}
    step = Link("novels/n", "Novel", "id-n", None, {"writers": ("id-b",), "readers": ("id-c",)})

    asyncio.run(writer._members(Novel, step))

    assert said == [
        ["Open"],
        ("writers", ["id-b"]),
        ["Close", "Open"],
        ("readers", ["id-c"]),
        ["Put", "Close"],
    ]
