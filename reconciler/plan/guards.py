"""What a plan must not do without consent. Pure: it says what it refuses and which flag would allow it.

Defaults are safe and stand in one table; the stack's `guards:` overrides them. `protect` counts also when the block is
gone from YAML, because the mark is recorded: taking it away is an apply of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any

from reconciler.errors import Problem, first_few
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.lazily import difflib
from reconciler.model import Action, Change, Plan, Stack
from reconciler.ownership import Belonging, declared_address

__all__ = ["DEFAULTS", "Consent", "all_gone", "problems", "refusals"]

DEFAULTS: Mapping[str, float] = {
    "max_deletes": 10,
    "max_delete_share": 0.3,
    "max_replaces": 10,
    "max_index_minutes": 6_000,
    "max_derived_minutes": 6_000,
    "max_upload_bytes": 1_000_000_000_000,
    "max_cost": 250,
}
"""What one plan may do unasked: 100 hours to index, as many to make results of, a terabyte to send, money in the
currency of the price table.
`max_delete_share` counts from 10 owned objects on: of three, one is a third."""

NO_LIMITS = ("plan",)
"""Keys of `guards:` that are no limits of a plan: the account's plan, for its quotas."""

SHARE_FROM = 10
GONE_FROM = 3
"""So many recorded objects that are all gone are more than somebody's doing by hand."""
NAMED = 5
"""So many addresses are listed of what trips a limit."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What whoever runs this has agreed to."""

    adopt: bool = False
    replace: frozenset[str] = field(default_factory=frozenset)
    """Patterns of addresses that may be replaced though that costs an index."""
    deletes: bool = False
    """Any number of deletes and replaces."""
    empty: bool = False
    """A stack that declares nothing may delete everything: `destroy`."""
    foreign: frozenset[str] = field(default_factory=frozenset)
    """Patterns of addresses that may go though somebody else's objects are in them."""
    recreate: bool = False
    """Make everything anew when nothing of what is recorded is there."""
    retry_failed: bool = False
    """Pay once more for what has failed twice as it is declared."""
    cost: bool = False
    """Any number of minutes, bytes and money."""


def problems(stack: Stack) -> list[Problem]:
    """What is wrong with `guards:`, each with what to do; [] when it can be used."""
    return [Problem(*stack.where("guards", name), "guards", text) for name, text in _wrong(stack.guards)]


def _wrong(guards: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = (*DEFAULTS, *NO_LIMITS)
    for name, value in guards.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(known)}"
            yield name, f'unknown guard "{name}"{hint}'
        elif name in NO_LIMITS:
            continue
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield name, f"{name}: expected a number, got {_told(value)}"
        elif value < 0 or value != value:
            yield name, f"{name}: expected 0 or more, got {value}"
        elif name == "max_delete_share" and value > 1:
            yield name, f"{name}: expected a share between 0 and 1, got {value}; 30 % is 0.3"


def _told(value: Any) -> str:
    words = {str: f'"{value}"', bool: str(value).lower(), type(None): "nothing"}
    return words.get(type(value), "a mapping" if isinstance(value, Mapping) else "a list")


def refusals(
    plan: Plan,
    stack: Stack,
    kinds: Kinds,
    owned: int,
    consent: Consent,
    unproven: Mapping[str, str] | None = None,
) -> list[str]:
    """Everything that trips a guard, a line each; [] when the plan may run.

    `owned` objects were ours before. `unproven` are addresses whose objects carry our name under another stack's id.
    """
    limits = {**DEFAULTS, **stack.guards}
    return [
        *_unproven(plan, stack, unproven or {}, consent),
        *_protected(plan),
        *_adoptions(plan, stack, consent),
        *_replacements(plan, stack, kinds, consent),
        *_with_foreign(plan, consent),
        *_losers(plan, consent),
        *_never_made(plan, consent),
        *_emptied(plan, stack, owned, consent),
        *_too_many(plan, limits, owned, consent),
        *_too_much(plan, limits, consent),
    ]


def all_gone(belongs: Belonging, consent: Consent) -> Iterator[str]:
    """Nothing that was recorded is there: an emptied account, or not the account of this state. One or two objects are
    deleted by hand now and then, and are simply made again."""
    if belongs.recorded < GONE_FROM or belongs.here or consent.recreate or (consent.empty and belongs.known):
        return
    yield (
        f"none of the {belongs.recorded} recorded objects is in this account; is it the right key and state? "
        "To make them all anew, agree with --allow-recreate"
    )


def _protected(plan: Plan) -> Iterator[str]:
    # No consent is asked: a flag that takes the mark off would be in every script ("protect: stops a replace, whatever
    # else is agreed to").
    for change in plan.changes:
        if change.protect and change.action in (Action.DELETE, Action.REPLACE):
            yield (
                f"{change.address} is protected and would be {change.action.value}d ({change.reason}); "
                "set `protect: false` and apply that first"
            )


def _adoptions(plan: Plan, stack: Stack, consent: Consent) -> Iterator[str]:
    for change in plan.changes:
        if change.action is not Action.ADOPT or consent.adopt:
            continue
        resource = stack.resources.get(change.address)
        if resource is None or resource.id is None:
            yield (
                f"{change.address}: {change.kind} {change.id} has its name and is unmanaged; "
                f"adopt it with --adopt or `id: {change.id}`, or choose another name"
            )


def _replacements(plan: Plan, stack: Stack, kinds: Kinds, consent: Consent) -> Iterator[str]:
    for change in plan.changes:
        if change.action is not Action.REPLACE or not _takes_others_along(change, kinds):
            continue
        resource = stack.resources.get(change.address)
        if not _agreed(change, consent.replace) and not (resource and resource.replace):
            below = sum(declared_address(it.address).startswith(change.address + "/") for it in plan.changes)
            yield (
                f"{change.address} would be replaced ({change.reason}), and {below} objects in it made anew; "
                f"agree with --allow-replace {change.address} or `replace: allow`"
            )


def _takes_others_along(change: Change, kinds: Kinds) -> bool:
    """Whether all that lives in it has to be made again."""
    # What is replaced because its parent is needs no consent of its own: it was given, or refused, for the parent.
    return "parent" not in change.replace_paths and bool(kinds.children(kinds[change.kind]))


def _agreed(change: Change, patterns: frozenset[str]) -> bool:
    # What was replaced at an address goes with what was agreed to for that.
    address = change.address.partition("@")[0]
    return any(fnmatchcase(change.address, it) or fnmatchcase(address, it) for it in patterns)


def _with_foreign(plan: Plan, consent: Consent) -> Iterator[str]:
    """Containers that go with somebody else's objects in them."""
    for change in plan.changes:
        foreign, unseen = change.facts.get("foreign", ()), change.facts.get("unseen", 0)
        if not (foreign or unseen) or _agreed(change, consent.foreign):
            continue
        count = len(foreign) or unseen
        who = ", ".join(foreign[:NAMED]) + (" …" if len(foreign) > NAMED else "") if foreign else "not looked at"
        yield (
            f"{change.address} would be {change.action.value}d with {count} {_objects(count)} in it that "
            f"{'is' if count == 1 else 'are'} not of this stack ({who}); move them away, "
            f"or agree with --allow-foreign {change.address}"
        )


def _losers(plan: Plan, consent: Consent) -> Iterator[str]:
    """What would be taken out of other objects without a word."""
    for change in plan.changes:
        losers = change.facts.get("losers", ())
        if not (losers or change.facts.get("unknown_users")) or _agreed(change, consent.foreign):
            continue
        count = len(losers)
        who = ", ".join(losers[:NAMED]) + (" …" if count > NAMED else "")
        what = f"{count} {_objects(count)} would lose it: {who}" if count else "this key may not look who uses it"
        yield (
            f"{change.address} would be {change.action.value}d, and {what}; take it out there first, "
            f"or agree with --allow-foreign {change.address}"
        )


def _unproven(plan: Plan, stack: Stack, unproven: Mapping[str, str], consent: Consent) -> Iterator[str]:
    """Objects of a stack of our name: of this one before its state was lost, or of somebody else's."""
    if not unproven or not plan.changes or consent.adopt:
        return
    ids = " and ".join(sorted(set(unproven.values())))
    if stack.id:
        what = f"and this one's is {stack.id}. Choose another name for one of the two, or adopt it with --adopt"
    else:
        what = (
            "of which this state knows nothing. If its state was lost, go on with --adopt, or `reconciler state "
            "rebuild` first; if it is somebody else's, choose another name for this one"
        )
    yield f"{_some(sorted(unproven))}: found by the stamp of a stack {stack.name!r} with the id {ids}, {what}"


def _never_made(plan: Plan, consent: Consent) -> Iterator[str]:
    """What only a stamp says to be ours is not lost by that alone."""
    changes = [change for change in plan.changes if change.facts.get("never_made")]
    goes = [change.address for change in changes if change.action is Action.DELETE]
    if goes and not consent.deletes:
        yield (
            f"{_some(goes)}: {'carries' if len(goes) == 1 else 'carry'} this stack's name, but this state never made "
            f"{'it' if len(goes) == 1 else 'them'}. If the state was lost, delete with --allow-deletes, or "
            "`reconciler state rebuild` first; if another stack has this name, choose another one"
        )
    taken = [change for change in changes if change.action is not Action.DELETE]
    if taken and not consent.adopt:
        words = ", ".join(sorted({WORDS[change.action] for change in taken}))
        yield (
            f"{_some([change.address for change in taken])}: would be {words}, and only a stamp says that this stack "
            "made what is there; agree with --adopt, or `reconciler state rebuild` first"
        )


WORDS = {Action.REPLACE: "replaced", Action.MOVE: "moved", Action.FORGET: "let go"}


def _emptied(plan: Plan, stack: Stack, owned: int, consent: Consent) -> Iterator[str]:
    declared = any(not resource.external for resource in stack.resources.values())
    if not declared and owned and plan.count(Action.DELETE) and not consent.empty:
        yield (
            f"the stack declares nothing, and all {owned} objects of it would be deleted; "
            "was a file emptied or moved? To delete everything use `reconciler destroy`"
        )


def _too_many(plan: Plan, limits: Mapping[str, Any], owned: int, consent: Consent) -> Iterator[str]:
    if consent.deletes or consent.empty:
        return
    deletes, replaces = _unprompted(plan, Action.DELETE), _unprompted(plan, Action.REPLACE)
    if len(deletes) > limits["max_deletes"]:
        yield f"{_too(len(deletes), 'delete', limits['max_deletes'])}: {_some(deletes)}; {ALLOW_DELETES}"
    elif owned >= SHARE_FROM and len(deletes) > limits["max_delete_share"] * owned:
        share = 100 * len(deletes) / owned
        yield (
            f"{len(deletes)} of {owned} objects ({share:.0f} %) would be deleted, at most "
            f"{100 * limits['max_delete_share']:g} % (guards.max_delete_share): {_some(deletes)}; {ALLOW_DELETES}"
        )
    if len(replaces) > limits["max_replaces"]:
        yield f"{_too(len(replaces), 'replace', limits['max_replaces'])}: {_some(replaces)}; {ALLOW_DELETES}"


def _too(count: int, what: str, most: float) -> str:
    return f"{count} {what}{'s' * (count != 1)}, at most {most:g} (guards.max_{what}s)"


ALLOW_DELETES = "agree with --allow-deletes"


def _unprompted(plan: Plan, action: Action) -> list[str]:
    """Addresses that have this action for their own sake: not for their parent's, nor to end what was begun."""
    return [
        change.address
        for change in plan.changes
        if change.action is action
        and "parent" not in change.replace_paths
        and ("@" not in change.address or change.facts.get("displaced"))
    ]


def _some(addresses: list[str]) -> str:
    return first_few(addresses, NAMED)


def _too_much(plan: Plan, limits: Mapping[str, Any], consent: Consent) -> Iterator[str]:
    """Minutes, bytes and money by the estimate; what it does not know counts as nothing."""
    if consent.cost:
        return
    estimate = plan.estimate
    for name, value, unit in (
        ("index_minutes", estimate.index_minutes, "minutes to index"),
        ("derived_minutes", estimate.derived_minutes, "minutes to make results of"),
        ("upload_bytes", estimate.upload_bytes, "bytes to upload"),
        ("cost", estimate.cost.amount + estimate.cost.at_most if estimate.cost else 0, "to pay"),
    ):
        if value > (most := limits[f"max_{name}"]):
            yield f"{_number(value)} {unit}, at most {_number(most)} (guards.max_{name}); agree with --allow-cost"


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _objects(count: int) -> str:
    return "object" if count == 1 else "objects"
