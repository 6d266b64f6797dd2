"""What holds for the plan of any stack, any account and any edit. Pure: no HTTP, no state, no files."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from reconciler.diff import Difference, diff
from reconciler.errors import Invalid
from reconciler.kind import Field
from reconciler.model import Action, Change, Live, Plan, Recorded, Resource, Snapshot, Stack, Stamp, Status
from reconciler.ownership import Claims, addresses_of, claim
from reconciler.plan import make_plan
from reconciler.plan.targeting import EVERYTHING, Targeting
from reconciler.providers.twelvelabs import KINDS
from reconciler.reports.json import as_json
from reconciler.reports.result import Result
from reconciler.values import canonical, same
from tests.support.planning import live_of, snapshot_of
from tests.support.simulation import Account

SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)

metadata = st.dictionaries(st.sampled_from("klm"), st.sampled_from([1, 2.5, True, "word", "5"]), max_size=2)
bytes_ = st.sampled_from(["one", "two", "three", "four"])
models = st.sampled_from([["visual"], ["audio"], ["visual", "audio"]]).map(lambda o: [{"name": "m", "options": o}])


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Resource]:
    """A few of each kind; every reference holds."""
    found: dict[str, Resource] = {}

    def add(address: str, kind: str, **fields: Any) -> str:
        found[address] = Resource(address, kind, fields, protect=False)
        return address

    assets = [
        add(f"assets/{key}", "Asset", **_some(draw, content=bytes_, hls=st.booleans(), metadata=metadata))
        for key in draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
    ]
    names = iter(draw(st.permutations(["i", "j", "new"])))
    for key in draw(st.lists(st.sampled_from("ij"), unique=True)):
        name = next(names)
        index = add(f"indexes/{key}", "Index", name=name, models=draw(models))
        for asset in draw(st.lists(st.sampled_from(assets), unique=True)):
            child = f"{index}/{asset}"
            add(child, "IndexedAsset", asset=asset, **_some(draw, stream=st.booleans(), metadata=metadata))
    for key in draw(st.lists(st.sampled_from("xy"), unique=True)):
        collection = add(f"entity_collections/{key}", "EntityCollection", name=key)
        for name in draw(st.lists(st.sampled_from("efg"), unique=True)):
            faces = draw(st.lists(st.sampled_from(assets), unique=True, min_size=1))
            more = _some(draw, metadata=metadata, description=st.sampled_from(["", "one", "two"]))
            add(f"{collection}/entities/{name}", "Entity", name=name, assets=faces, **more)
    for resource in list(found.values()):
        content = resource.fields.get("content", f"bytes of {resource.address}")
        if resource.kind == "Asset":
            found[resource.address] = replace(resource, fields={**resource.fields, "content": content})
    return found


def _some(draw: st.DrawFn, **strategies: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Some of these fields are declared."""
    return {name: draw(strategy) for name, strategy in strategies.items() if draw(st.booleans())}


def stack_with(declared: Mapping[str, Resource]) -> Stack:
    return Stack("s", "twelvelabs", Path(), declared, lambda *_: ("", 0, 0))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Stack, Account]:
    """What was applied, what became of it by other hands, whether the state is lost, and what the stack says now."""
    then = stack_with(draw(resources()))
    now = stack_with(draw(st.one_of(resources(), st.just(dict(then.resources)))))
    lives = {address: live_of(resource, then) for address, resource in then.resources.items()}
    rows = {
        (address, lives[address].id): Recorded(address, r.kind, lives[address].id, r.fields, lives[address].parent_id)
        for address, r in then.resources.items()
    }
    changed = {address: draw(_by_hand(live)) for address, live in lives.items()}
    objects = {(live.kind, live.id): live for live in changed.values() if live and _has_parent(live, changed)}
    objects |= {(live.kind, live.id): live for live in draw(st.lists(_strangers(list(objects.values())), max_size=3))}
    if draw(st.integers(0, 4)) == 0:
        rows = {}
    return now, Account(now, objects, rows)


def _by_hand(live: Live) -> st.SearchStrategy[Live | None]:
    """Mostly as it was; else gone, failed, or with other metadata."""
    marked = KINDS[live.kind].field_with(lambda spec: spec.stamped)
    others: list[st.SearchStrategy[Live | None]] = [st.just(live)] * 6
    if live.kind not in ("Asset", "Index"):  # what others refer to cannot simply be gone
        others.append(st.none())
    if live.kind in ("Asset", "IndexedAsset"):
        others.append(st.just(replace(live, status=Status.FAILED)))
    if marked:
        others.append(metadata.map(lambda value: replace(live, fields={**live.fields, marked.name: value})))
    return st.one_of(others)


def _has_parent(live: Live, lives: Mapping[str, Live | None]) -> bool:
    return live.parent_id is None or any(other and other.id == live.parent_id for other in lives.values())


def _strangers(objects: list[Live]) -> st.SearchStrategy[Live]:
    """Objects of nobody, or of another stack, some of them under our names and in our parents."""
    parents = [live.id for live in objects if live.kind == "EntityCollection"]
    stamps = st.sampled_from([None, Stamp("other", "assets/a", "one")])
    asset = st.builds(
        lambda n, stamp: Live("Asset", f"their-{n}", {"metadata": {}}, None, stamp=stamp), st.integers(0, 2), stamps
    )
    kinds: list[st.SearchStrategy[Live]] = [asset]
    kinds.append(st.builds(lambda n: Live("EntityCollection", f"their-{n}", {"name": "theirs"}), st.integers(0, 2)))
    if parents:
        fields = {"name": "theirs", "assets": ["elsewhere"], "metadata": {}}
        kinds.append(st.builds(lambda parent: Live("Entity", "their-e", fields, parent), st.sampled_from(parents)))
    return st.one_of(kinds)


def planned(stack: Stack, account: Account, targeting: Targeting = EVERYTHING) -> tuple[Plan, Claims, Difference]:
    snapshot = account.snapshot()
    claims = claim(stack, KINDS, list(account.rows.values()), snapshot)
    assert claims.problems == []
    difference = diff(stack, KINDS, claims)
    try:
        return make_plan(stack, KINDS, claims, difference, snapshot, targeting), claims, difference
    except Invalid:
        if account.rows and targeting.is_everything:
            raise
        reject()  # without state an empty index is unmanaged, and is not replaced; or a pattern matches nothing


def ours(account: Account) -> int:
    """How many objects there are that nobody else has made. Without state an empty index is unmanaged, and stays."""
    return sum(not live.id.startswith("their-") for live in account.objects.values())


@SETTINGS
@given(worlds())
def test_a_plan_applied_verbatim_gives_an_empty_plan(here: tuple[Stack, Account]) -> None:
    stack, account = here
    had_state = bool(account.rows)
    plan, claims, difference = planned(stack, account)

    account.walk(plan, claims, difference)

    again, _, _ = planned(stack, account)
    assert [(change.address, change.action, change.deltas) for change in again.changes] == []
    assert again.steps == ()
    assert not had_state or ours(account) == len(stack.resources)


@SETTINGS
@given(worlds(), st.integers(1, 12), st.integers(1, 12))
def test_a_plan_that_is_interrupted_is_gone_on_with(here: tuple[Stack, Account], first: int, second: int) -> None:
    stack, account = here
    had_state = bool(account.rows)

    for most in (first, second, None):
        plan, claims, difference = planned(stack, account)
        account.walk(plan, claims, difference, most=most)

    assert planned(stack, account)[0].changes == ()
    assert not had_state or ours(account) == len(stack.resources)


@SETTINGS
@given(worlds())
def test_what_was_applied_is_known_again_without_state(here: tuple[Stack, Account]) -> None:
    stack, account = here
    account.objects = {key: live for key, live in account.objects.items() if not live.id.startswith("their-")}
    plan, claims, difference = planned(stack, account)
    account.walk(plan, claims, difference)

    account.rows = {}

    # An index or a collection with nothing in it has no mark: its name alone says that it is ours, so it is asked.
    again, _, _ = planned(stack, account)
    assert {change.action for change in again.changes} <= {Action.ADOPT}


@SETTINGS
@given(worlds(), st.integers())
def test_the_plan_of_a_permuted_stack_is_the_same_to_the_byte(here: tuple[Stack, Account], seed: int) -> None:
    stack, account = here
    plan, _, _ = planned(stack, account)
    shuffle = random.Random(seed)

    def turned(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
        items = list(mapping.items())
        shuffle.shuffle(items)
        return dict(items)

    def permuted(resource: Resource) -> Resource:
        fields = turned(resource.fields)
        if "assets" in fields:
            fields["assets"] = shuffle.sample(fields["assets"], len(fields["assets"]))
        if "metadata" in fields:
            fields["metadata"] = turned(fields["metadata"])
        return replace(resource, fields=fields)

    other_stack = replace(stack, resources=turned({a: permuted(r) for a, r in stack.resources.items()}))
    other = Account(other_stack, turned(account.objects), turned(account.rows))
    same_plan, _, _ = planned(other_stack, other)

    assert as_json(Result("plan", same_plan)) == as_json(Result("plan", plan))
    assert [(step.id, set(step.needs)) for step in same_plan.steps] == [(s.id, set(s.needs)) for s in plan.steps]


@SETTINGS
@given(worlds())
def test_deltas_applied_to_live_give_desired(here: tuple[Stack, Account]) -> None:
    stack, account = here
    plan, claims, _ = planned(stack, account)

    for change in plan.changes:
        if change.action in (Action.UPDATE, Action.MOVE, Action.ADOPT, Action.REPLACE):
            live = claims.live[change.address]
            for name, want in stack.resources[change.address].fields.items():
                spec = KINDS[change.kind].specs[name]
                if not (spec.identity or spec.source):
                    assert _applied(spec, change, live, claims, want)


def _applied(spec: Field, change: Change, live: Live, claims: Claims, want: Any) -> bool:
    """Whether a live field is as it shall be once the deltas of it are made good."""
    have = copy.deepcopy(live.fields.get(spec.name))
    deltas = [delta for delta in change.deltas if delta.path.partition(".")[0].partition("[")[0] == spec.name]
    if spec.ref:
        have = addresses_of(spec.ref, have, claims.addresses)
        after = deltas[0].after if deltas else have
        plain = [item.removesuffix(" (new)") for item in (after if spec.many else [after])]
        return plain == sorted(want) if spec.many else plain == [want]
    have = canonical(spec, have)
    for delta in deltas:
        have = _put(have, delta.path.removeprefix(spec.name), delta.after)
    return same(spec, have, want)


def _put(value: Any, path: str, after: Any) -> Any:
    """The value with what stands at a path put in: `.key`, `[0].name`, or all of it."""
    if not path:
        return after
    if path.startswith("["):
        number, _, rest = path[1:].partition("]")
        value[int(number)] = _put(value[int(number)], rest, after)
        return value
    key, dot, rest = path[1:].partition(".")
    key, bracket, inner = key.partition("[")
    value = dict(value or {})
    value[key] = _put(value.get(key), (bracket + inner) + (dot + rest), after) if (bracket or dot) else after
    return {key: item for key, item in value.items() if item is not None}


@SETTINGS
@given(worlds())
def test_a_plan_is_sound(here: tuple[Stack, Account]) -> None:
    stack, account = here
    plan, _, _ = planned(stack, account)
    ids = {step.id for step in plan.steps}

    assert len(ids) == len(plan.steps)
    assert [step.id for step in plan.steps if not set(step.needs) <= ids] == []
    assert [change.address for change in plan.changes if change.action is Action.UPDATE and not change.deltas] == []
    stepped = {address for step in plan.steps for address in step.addresses}
    going = {change.id for change in plan.changes if change.action in (Action.DELETE, Action.REPLACE)}
    along = {c.address for c in plan.changes if c.action is Action.DELETE and c.parent_id in going}
    assert {change.address for change in plan.changes} <= stepped | along


@SETTINGS
@given(worlds())
def test_nothing_foreign_is_deleted_or_written_to(here: tuple[Stack, Account]) -> None:
    stack, account = here
    before = {key: live for key, live in account.objects.items() if live.id.startswith("their-")}
    plan, claims, difference = planned(stack, account)

    assert [step.id for step in plan.steps if getattr(step, "object_id", "").startswith("their-")] == []
    if not any(change.facts.get("foreign") for change in plan.changes):  # those are refused
        account.walk(plan, claims, difference)
        assert {key: account.objects.get(key) for key in before} == before


@SETTINGS
@given(
    worlds(),
    st.lists(st.sampled_from(["assets/*", "indexes/i", "*/x", "*/b", "entity_collections"]), max_size=2),
    st.booleans(),
)
def test_a_part_of_a_plan_can_be_applied_and_then_the_rest(
    here: tuple[Stack, Account], patterns: list[str], leave: bool
) -> None:
    stack, account = here
    targeting = Targeting(exclude=tuple(patterns)) if leave else Targeting(target=tuple(patterns))
    plan, claims, difference = planned(stack, account, targeting)
    asked = {
        address for address, c in difference.changes.items() if c.action is Action.DELETE and targeting.has(address)
    }
    assert {change.address for change in plan.changes if change.action is Action.DELETE} <= asked
    ids = {step.id for step in plan.steps}
    assert [step.id for step in plan.steps if not set(step.needs) <= ids] == []

    account.walk(plan, claims, difference)
    rest, claims, difference = planned(stack, account)
    account.walk(rest, claims, difference)

    assert planned(stack, account)[0].changes == ()


@st.composite
def renamed(draw: st.DrawFn) -> tuple[Stack, Account]:
    """Indexes before and after: each may keep its name, have another's, come, go, or be made anew; all have content."""
    asset = Resource("assets/x", "Asset", {"content": "x"})
    kept = draw(st.sampled_from(["abcde", "abcde", "cde"]))

    def stack(keys: str, names: list[str], models_of: Callable[[], Any]) -> Stack:
        found = {asset.address: asset}
        for key, name in zip(keys, names, strict=False):
            index = f"indexes/{key}"
            found[index] = Resource(index, "Index", {"name": name, "models": models_of()})
            found[f"{index}/assets/x"] = Resource(f"{index}/assets/x", "IndexedAsset", {"asset": asset.address})
        return stack_with(found)

    usual, other = [{"name": "m", "options": ["visual"]}], [{"name": "m", "options": ["audio"]}]
    then = stack("abcd", list("abcd"), lambda: usual)
    now = stack(kept, draw(st.permutations("abcdef")), lambda: draw(st.sampled_from([usual] * 5 + [other])))
    objects = {(live.kind, live.id): live for live in (live_of(r, then) for r in then.resources.values())}
    rows = [
        Recorded(a, r.kind, live_of(r, then).id, r.fields, live_of(r, then).parent_id)
        for a, r in then.resources.items()
    ]
    return now, Account(now, objects, {(row.address, row.id): row for row in rows})


@settings(SETTINGS, max_examples=300)
@given(renamed(), st.lists(st.integers(0, 8), max_size=3), st.booleans())
def test_names_change_hands_in_one_apply_and_wherever_it_is_interrupted_the_next_goes_on(
    here: tuple[Stack, Account], stops: list[int], lost: bool
) -> None:
    stack, account = here
    for most in (*stops, None):
        plan, claims, difference = planned(stack, account)
        assert plan.drift == ()
        account.walk(plan, claims, difference, most=most)

    assert planned(stack, account)[0].changes == ()
    indexes = {live.fields["name"]: live.id for live in account.objects.values() if live.kind == "Index"}
    assert indexes.keys() == {r.fields["name"] for r in stack.resources.values() if r.kind == "Index"}
    if lost:
        account.rows = {}
        assert planned(stack, account)[0].changes == ()


def test_a_snapshot_that_is_empty_makes_everything_and_deletes_nothing() -> None:
    declared = {"assets/a": Resource("assets/a", "Asset", {"url": "https://example.com/a", "content": "a"})}
    account = Account(stack_with(declared), {}, {})

    plan, _, _ = planned(stack_with(declared), account)

    assert [change.action for change in plan.changes] == [Action.CREATE]
    assert isinstance(snapshot_of([]), Snapshot)
