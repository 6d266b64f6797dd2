"""A plan as a file: complete in itself, without secrets, and a promise that apply keeps or refuses.

The file is the plan's JSON (`reports.json`) with what it rests on beside it: where it was made and for which account,
the values of variables, a digest of the stack's files, all fields and steps. Its digest finds an edit by accident. Its
seal is a digest that only who has the account's key can make: without it nothing that the file says is believed or
opened, so a forged one can neither ask for more nor lead to another file. `show` needs no key, and cannot check it.
Values from the environment stand in it as `{"$env": template}` and are resolved when the plan is applied.

Apply plans anew, under the lock, and runs only when what it would do is what was saved: `check` says what moved. So
there is one way to a write, and what a reviewer has read is what runs. A change of the saved plan that is no longer
needed because an earlier apply of it did it is passed over: that is how an interrupted apply goes on. So is a
value that was known after apply, and is known by now.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.diff import NOTE
from reconciler.errors import Invalid, Problem, StalePlan
from reconciler.later import Later
from reconciler.model import Action, Basis, Change, ChangedBy, Plan, Wait
from reconciler.plan.codec import Wrong, changes_json, made, plan_from, saved_json, steps_json
from reconciler.reports.json import dumps
from reconciler.version import __version__

__all__ = ["Saved", "account_of", "check", "moved", "read", "render", "sealing_key"]

SAVED_VERSION = "1.2"
"""`format_version` of saved plans. 1.2: each step has the fields of its class, and no others."""
OLDEST_MINOR = 2
"""Steps of older minor versions are of another shape."""
NOT_COMPARED = ("reason", "facts")
"""Keys of a change that are for people, or that change by themselves."""
LEAVING = (Action.DELETE, Action.FORGET)


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan file that was read and found whole. Its digest names it."""

    plan: Plan
    origin: Basis
    digest: str
    seal: str
    tool_version: str
    name: str

    def believed(self, key: bytes, account: str) -> None:
        """Raises StalePlan unless it was made, as it is, by somebody with this account's key."""
        if self.origin.account != account:
            where = account.partition("#")[0]
            what = f"the plan is for another account or key than the one at {where}; plan again"
            raise StalePlan([f"{self.name}: {what}"])
        if not hmac.compare_digest(self.seal.encode(errors="replace"), _seal(key, self.digest).encode()):
            what = "it was changed after it was made, or was not made with this account's key; plan again"
            raise StalePlan([f"{self.name}: {what}"])

    def stack_path(self, file: Path) -> Path:
        """Where the stack is: beside the plan as it was, else where it was from the working directory."""
        beside = Path(file.parent / self.origin.from_here)
        return beside if self.origin.from_here and beside.exists() else Path(self.origin.path)


def account_of(base_url: str, key: str) -> str:
    """A name for an account from which its key cannot be found: a plan is for one base URL and one key."""
    digest = hashlib.sha256(f"reconciler account\n{base_url}\n{key}".encode()).hexdigest()
    return f"{base_url}#{digest[:16]}"


def sealing_key(base_url: str, key: str) -> bytes:
    """What seals plans for an account; the account's key cannot be found from it."""
    return hashlib.sha256(f"reconciler seal of plans\n{base_url}\n{key}".encode(errors="surrogatepass")).digest()


def render(plan: Plan, origin: Basis, key: bytes) -> str:
    """The text of the file."""
    made_of = {"tool_version": __version__, "origin": asdict(origin)}
    # As it comes back from the file: what JSON has no word for (tuples, secrets) must not be in the digest.
    document = json.loads(dumps({"format_version": SAVED_VERSION, **saved_json(plan), **made_of}))
    digest = _digest(document)
    return dumps({**document, "digest": digest, "seal": _seal(key, digest)}) + "\n"


def read(text: str, name: str) -> Saved:
    """The plan in a file's text. Invalid when it is no plan; StalePlan when it is not one to apply any more."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
        version = str(document["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(name, "is not a saved plan; make one with `reconciler plan -o FILE`") from error
    major, _, minor = version.partition(".")
    other = StalePlan([f"{name}: a plan of format {cut(version)}; this version reads {SAVED_VERSION}; plan again"])
    if major != SAVED_VERSION.partition(".")[0]:
        raise other
    if "digest" not in document:
        what = "is a plan as shown by `--format json`, which cannot be applied; save one with `reconciler plan -o FILE`"
        raise _invalid(name, what)
    # After the question before: a plan that was shown has a version too, and that it cannot be applied says more.
    if not minor.isdecimal() or int(minor) < OLDEST_MINOR:
        raise other
    digest, seal = document.pop("digest"), document.pop("seal", None)
    if seal is None:
        raise StalePlan([f"{name}: it was made by an earlier version, which did not seal plans; plan again"])
    try:
        if digest != _digest(document):
            raise StalePlan([f"{name}: it was changed after it was made; plan again"])
        plan, origin = plan_from(document), made(Basis, document.get("origin"), "origin")
        tool = made(str, document.get("tool_version"), "tool_version")
    except (Wrong, ValueError, RecursionError) as error:
        raise _invalid(name, f"is not a whole plan ({error}); plan again") from error
    return Saved(plan, origin, digest, str(seal), tool, name)


def _invalid(name: str, what: str) -> Invalid:
    return Invalid([Problem(name, 0, 0, "", what)])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a valid number of JSON")


def cut(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:20]}…"


def check(saved: Saved, fresh: Plan, origin: Basis, *, by_others: Collection[str] = ()) -> tuple[str, ...]:
    """Addresses of the saved plan that need nothing any more, when the fresh plan is else the same. Raises StalePlan.

    `by_others` are addresses that are as desired though no apply of ours has made them so: they moved.
    """
    if moved := [*_elsewhere(saved, fresh, origin)]:
        raise StalePlan(moved)
    if not fresh.changes:
        return tuple(change.address for change in saved.plan.changes)
    done: list[str] = []
    begun: list[str] = []
    moved = [*_moved(saved.plan, fresh, by_others, done, begun)]
    if not moved and not done and not begun and _writes(saved.plan) != _writes(fresh):
        moved = ["the same changes would now be made by other steps"]
    if moved:
        raise StalePlan([f"{line}; plan again" for line in moved])
    return tuple(done)


def _elsewhere(saved: Saved, fresh: Plan, origin: Basis) -> Iterator[str]:
    """Why the plan is not for this stack, this account, this version."""
    made = saved.tool_version
    if made != __version__:
        yield f"the plan was made by reconciler {made}, this is {__version__}; plan again"
    if (saved.plan.stack, saved.plan.provider) != (fresh.stack, fresh.provider):
        yield f"the plan is for the stack {saved.plan.stack!r} ({saved.plan.provider}), not for {fresh.stack!r}"
    elif saved.origin.account != origin.account:
        yield f"the plan is for another account or key than the one at {origin.account.partition('#')[0]}"
    elif saved.origin.stack_digest != origin.stack_digest:
        yield "the stack's files or the values of its variables changed since the plan was made; plan again"


def moved(shown: Plan, fresh: Plan) -> list[str]:
    """What is not any more as it was when a plan was shown, a line for each address."""
    done: list[str] = []
    begun: list[str] = []
    lines = [*_moved(shown, fresh, (), done, begun)]
    return [*lines, *(f"{address}: somebody else made it so since the plan" for address in (*done, *begun))]


def _moved(
    planned_on: Plan, fresh: Plan, by_others: Collection[str], done: list[str], begun: list[str]
) -> Iterator[str]:
    """Each address at which the world is not as planned on; fills `done`, and `begun` with those of which only values
    that were not known are left to write."""
    now = {change.address: change for change in fresh.changes}
    for change in planned_on.changes:
        address, later = change.address, _laters(change)
        if address not in now:
            if address in by_others:
                yield f"{address}: somebody else made it so since the plan"
            else:
                done.append(address)
        elif _lacks_values_only(change, now[address], later):
            begun.append(address)
        elif planned_on.fingerprints.get(address) != fresh.fingerprints.get(address):
            yield f"{address}: it was changed in the account since the plan"
        elif _is_readdressed(change, now[address]):
            continue
        elif now[address].action is not change.action:
            yield f"{address}: planned was {change.action.value}, needed is now {now[address].action.value}"
        elif _compared(_but(now[address], later)) != _compared(_but(change, later)):
            yield f"{address}: what would be changed is not what was planned"
    planned = {change.address for change in planned_on.changes}
    for address in sorted(now.keys() - planned):
        yield f"{address}: {now[address].action.value} is needed now ({now[address].reason}), which was not planned"


def _is_readdressed(planned: Change, now: Change) -> bool:
    """Whether of a move no more is done than that it is recorded: an apply does that first, for all of its moves."""
    if (planned.action, now.action) != (Action.MOVE, Action.UPDATE):
        return False
    before, after = ({delta.path for delta in change.deltas} | {"stamp"} for change in (planned, now))
    was, is_ = _compared(planned), _compared(now)
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


def _compared(change: Change) -> Any:
    (found,) = _plain(changes_json([change]))
    return {key: value for key, value in found.items() if key not in NOT_COMPARED}


def _writes(plan: Plan) -> dict[str, Any]:
    """What is sent, by step; how far things are on their way, and so what is waited for, may differ."""
    steps = [replace(step, needs=()) for step in plan.steps if not isinstance(step, Wait)]
    return {step["id"]: step for step in _plain(steps_json(steps))}


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _seal(key: bytes, digest: str) -> str:
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()
