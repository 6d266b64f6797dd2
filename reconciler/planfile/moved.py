"""Whether a plan that was shown or saved is still the plan, and what moved if it is not. Pure.

What is compared is what would be done, and never how a stack is written. A change of the saved plan that is no longer
needed because an earlier apply of it did it is passed over: that is how an interrupted apply goes on. So is a value
that was known after apply, and is known by now. Both count only as long as the same is wished for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.diff import NOTE
from reconciler.errors import StalePlan
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.later import Later
from reconciler.model import (
    Action,
    Basis,
    BulkCreate,
    Change,
    ChangedBy,
    Create,
    Fill,
    Plan,
    Rename,
    Step,
    Update,
    Wait,
)
from reconciler.plan.codec import changes_json, steps_json
from reconciler.planfile import Saved
from reconciler.planfile.wishes import steadied
from reconciler.redact import plain
from reconciler.reports.values import cut, shown
from reconciler.version import __version__

__all__ = ["check", "moved"]

NOT_COMPARED = ("reason", "facts")
"""Keys of a change that are for people, or that change by themselves."""
LEAVING = (Action.DELETE, Action.FORGET, Action.HOLD)
MOST_TOLD = 3
"""So many fields or steps that differ are told of one address, and how many more there are."""
LONGEST = 60
"""Characters of a value that is told."""


@dataclass(slots=True)
class _Compared:
    """What came of holding one plan against another."""

    moved: list[str] = field(default_factory=list)
    """What is not as it was, a line for each address."""
    done: list[str] = field(default_factory=list)
    """Addresses that need nothing any more."""
    begun: list[str] = field(default_factory=list)
    """Those of which only values that were not known are left to write."""


def check(saved: Saved, fresh: Plan, here: Basis, kinds: Kinds, *, by_others: Collection[str] = ()) -> tuple[str, ...]:
    """Addresses of the saved plan that need nothing any more, when the fresh plan is else the same. Raises StalePlan.

    `here` has the wishes of now. `by_others` are addresses that are as desired though no apply of ours has made them
    so: they moved.
    """
    if lines := [*_elsewhere(saved, fresh, here)]:
        raise StalePlan(lines)
    gated = [it.address for it in fresh.changes if saved.origin.gates.get(it.address) != here.gates.get(it.address)]
    if gated:
        why = "how it is replaced, or a check that it has to pass, is not as it was when this was planned; plan again"
        raise StalePlan([f"{address}: {why}" for address in gated])
    wishes = saved.origin.declared
    otherwise = {address for address in wishes if here.declared.get(address) != wishes[address]}
    found = _held(saved.plan, fresh, kinds, by_others if fresh.changes else (), otherwise)
    lines = found.moved
    if not lines and (found.done or found.begun):
        # What is left says nothing of what is not needed any more: that the same is wished for does.
        lines = [f"{it}: it is not declared as it was when this was planned" for it in sorted(otherwise)]
    elif not lines:
        lines = [*_other_steps(saved.plan, fresh, kinds)]
    if lines:
        raise StalePlan([f"{line}; plan again" for line in lines])
    return tuple(found.done)


def _elsewhere(saved: Saved, fresh: Plan, here: Basis) -> Iterator[str]:
    """Why the plan is not for this stack, this account, this version."""
    made = saved.tool_version
    if made != __version__:
        yield f"the plan was made by reconciler {made}, this is {__version__}; plan again"
    if (saved.plan.stack, saved.plan.provider) != (fresh.stack, fresh.provider):
        yield f"the plan is for the stack {saved.plan.stack!r} ({saved.plan.provider}), not for {fresh.stack!r}"
    elif saved.origin.account != here.account:
        yield f"the plan is for another account or key than the one at {here.account.partition('#')[0]}"
    elif saved.origin.settings != here.settings:
        yield "`stamps:` or `results:` of the stack are not as they were when the plan was made; plan again"


def moved(shown: Plan, fresh: Plan, kinds: Kinds) -> list[str]:
    """What is not any more as it was when a plan was shown, a line for each address."""
    found = _held(shown, fresh, kinds)
    return [*found.moved, *(f"{it}: somebody else made it so since the plan" for it in (*found.done, *found.begun))]


def _held(
    planned_on: Plan, fresh: Plan, kinds: Kinds, by_others: Collection[str] = (), otherwise: Collection[str] = ()
) -> _Compared:
    """Each address at which the world is not as planned on."""
    found = _Compared()
    now = {change.address: change for change in fresh.changes}
    for change in planned_on.changes:
        address = change.address
        later = set() if address in otherwise else _laters(change)
        if address in now and _lacks_values_only(change, now[address], later):
            found.begun.append(address)
        elif address in now:
            same_object = planned_on.fingerprints.get(address) == fresh.fingerprints.get(address)
            what = _differs(change, now[address], later, kinds) if same_object else CHANGED_THERE
            found.moved += [f"{address}: {what}"] if what else []
        elif address in fresh.stuck:
            found.moved.append(f"{address}: {fresh.stuck[address]}")
        elif address in by_others:
            found.moved.append(f"{address}: somebody else made it so since the plan")
        else:
            found.done.append(address)
    for address in sorted(now.keys() - {change.address for change in planned_on.changes}):
        what = f"{now[address].action.value} is needed now ({now[address].reason}), which was not planned"
        found.moved.append(f"{address}: {what}")
    return found


CHANGED_THERE = "it was changed in the account since the plan"


def _differs(planned: Change, now: Change, later: Collection[tuple[str, str]], kinds: Kinds) -> str:
    """How what would be done with one object is not what was planned; "" when it is."""
    if _is_readdressed(planned, now, kinds):
        return ""
    if now.action is not planned.action:
        return f"planned was {planned.action.value}, needed is now {now.action.value}"
    now, planned = _but(now, later), _but(planned, later)
    was, is_ = _compared(planned, kinds), _compared(now, kinds)
    if was == is_:
        return ""
    told = [*_told(planned, now)] or [f"{name}, as it is declared" for name in _unlike(was["fields"], is_["fields"])]
    what = "what would be changed is not what was planned"
    return f"{what}: {_some(told, '; ')}" if told else what


def _told(planned: Change, now: Change) -> Iterator[str]:
    """Each field that would be changed otherwise."""
    before, after = ({delta.path: delta for delta in it.deltas} for it in (planned, now))
    for path in sorted(before.keys() | after.keys()):
        was, is_ = before.get(path), after.get(path)
        if was is None and is_ is not None:
            yield f"{plain(path)} too, to {_value(is_.after)}"
        elif is_ is None:
            yield f"{plain(path)} no longer"
        elif was is not None and _plain(shown(was.after)) != _plain(shown(is_.after)):
            yield f"{plain(path)} to {_value(is_.after)}, planned was {_value(was.after)}"


def _value(value: Any) -> str:
    return cut(shown(value), LONGEST)


def _unlike(was: Mapping[str, Any], is_: Mapping[str, Any]) -> list[str]:
    return [plain(name) for name in sorted(was.keys() | is_.keys()) if was.get(name) != is_.get(name)]


def _some(words: list[str], between: str) -> str:
    more = len(words) - MOST_TOLD
    return between.join(words[:MOST_TOLD]) + (f"{between}and {more} more" if more > 0 else "")


def _is_readdressed(planned: Change, now: Change, kinds: Kinds) -> bool:
    """Whether of a move no more is done than that it is recorded: an apply does that first, for all of its moves."""
    if (planned.action, now.action) != (Action.MOVE, Action.UPDATE):
        return False
    before, after = ({delta.path for delta in change.deltas} | {"stamp"} for change in (planned, now))
    was, is_ = _compared(planned, kinds), _compared(now, kinds)
    return before == after and all(was[key] == is_[key] for key in ("id", "fields", "parent_id"))


def _laters(change: Change) -> set[tuple[str, str]]:
    """(field, key) of each value that was known after apply when this was planned."""
    maps = ((name, value) for name, value in change.fields.items() if isinstance(value, Mapping))
    return {(name, key) for name, value in maps for key, item in value.items() if isinstance(item, Later)}


def _lacks_values_only(planned: Change, now: Change, values: Collection[tuple[str, str]]) -> bool:
    """Whether all else of it is done as it was planned, and nobody else has touched what is left: values that were not
    known are written last, so an apply that is cut leaves them."""
    later = {f"{name}.{key}" for name, key in values}
    left = {delta.path for delta in now.deltas}
    ours = all(delta.source is ChangedBy.PENDING for delta in now.deltas)
    return now.action is Action.UPDATE and planned.action not in LEAVING and bool(left) and left <= later and ours


def _but(change: Change, paths: Collection[tuple[str, str]]) -> Change:
    """A change without these values, whether they are known by now or not."""
    if not paths:
        return change
    named = {f"{name}.{key}" for name, key in paths}
    fields = {name: _without(name, value, paths) for name, value in change.fields.items()}
    if NOTE in fields:
        fields[NOTE] = {path: note for path, note in fields[NOTE].items() if path not in named}
    deltas = (it for it in change.deltas if it.path not in named)
    return replace(
        change,
        fields={name: value for name, value in fields.items() if name != NOTE or value},
        deltas=tuple(replace(it, after=_without(it.path, it.after, paths)) for it in deltas),
    )


def _without(name: str, value: Any, paths: Collection[tuple[str, str]]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: item for key, item in value.items() if (name, key) not in paths}


def _compared(change: Change, kinds: Kinds) -> Any:
    deltas = tuple(sorted(change.deltas, key=lambda delta: delta.path))
    fields = {} if change.action in LEAVING else steadied(kinds, change.kind, change.fields)
    change = replace(change, deltas=deltas, fields=fields)
    (found,) = _plain(changes_json([change]))
    return {key: value for key, value in found.items() if key not in NOT_COMPARED}


def _other_steps(planned: Plan, fresh: Plan, kinds: Kinds) -> Iterator[str]:
    was, is_ = _writes(planned, kinds), _writes(fresh, kinds)
    if unlike := [step for step in (was | is_) if was.get(step) != is_.get(step)]:
        yield f"the same changes would now be made by other steps ({_some(unlike, ', ')})"


def _writes(plan: Plan, kinds: Kinds) -> dict[str, Any]:
    """What is sent, by step; how far things are on their way, and so what is waited for, may differ."""
    steps = [_steadied(replace(step, needs=()), kinds) for step in plan.steps if not isinstance(step, Wait)]
    return {step["id"]: step for step in _plain(steps_json(steps))}


def _steadied(step: Step, kinds: Kinds) -> Step:
    match step:
        case BulkCreate(creates=creates, kind=kind):
            return replace(step, creates={address: steadied(kinds, kind, it) for address, it in creates.items()})
        case Create(kind=kind) | Update(kind=kind) | Fill(kind=kind) | Rename(kind=kind):
            return replace(step, fields=steadied(kinds, kind, step.fields))
    return step


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))
