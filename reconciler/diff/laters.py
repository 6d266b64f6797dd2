"""Values that are known after apply: which of them are known by now, and which the plan will make known. Pure.

A value is known if the result that says it stands, and is not made anew by this plan. It is kept where it was applied,
with a note of the result that it is from: so a plan opens no result, and only what was made by somebody else, or is not
recorded any more, has to be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.diff.decide import Attempts, Decider
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.later import Later
from reconciler.model import MAKING, Change, Live, Resource, Stack, parent_of
from reconciler.ownership import Claims

__all__ = ["KnownValues", "filled", "known", "resolved", "without_laters"]

NOTE = "$values"
"""Beside the fields of a row: path of a value → (address, pointer, id of the result) that it is from."""


@dataclass(frozen=True, slots=True)
class KnownValues:
    """What is known of the values of a stack."""

    values: Mapping[Later, Any] = field(default_factory=dict)
    """As they were recorded."""
    unread: Mapping[Later, Live] = field(default_factory=dict)
    """Values of results that stand, to be read there."""
    standing: Mapping[str, Live] = field(default_factory=dict)
    """address → the result that values are from, of those that stay as they are"""


def known(stack: Stack, kinds: Kinds, claims: Claims, attempts: Attempts) -> KnownValues:
    """Which values are known, and which have to be read."""
    wanted = [(resource, path, later) for resource in _given(stack) for path, later in _laters(resource)]
    remade = _remade(stack, kinds, claims, attempts, {later.address for _, _, later in wanted})
    addresses = {later.address for _, _, later in wanted} - remade
    standing = {a: live for a in addresses if (live := claims.live.get(a)) and live.in_flight is None}
    values: dict[Later, Any] = {}
    unread: dict[Later, Live] = {}
    for resource, (name, key), later in wanted:
        if (live := standing.get(later.address)) is None:
            continue
        row = claims.rows.get(resource.address)
        said = row.fields.get(NOTE, {}).get(f"{name}.{key}") if row else None
        if row and said == _note(later, live.id) and key in (row.fields.get(name) or {}):
            values[later] = row.fields[name][key]
        else:
            unread[later] = live
    return KnownValues(values, {later: live for later, live in unread.items() if later not in values}, standing)


def resolved(stack: Stack, claims: Claims, known: KnownValues, read: Mapping[Later, Any]) -> Stack:
    """The stack with the values that are known in their places. What a result does not say stays as it is."""
    values = {**known.values, **read}
    resources = dict(stack.resources)
    for resource in _given(stack):
        live = claims.live.get(resource.address)
        found = {path: (later, values[later]) for path, later in _laters(resource) if later in values}
        said = {path: (value, known.standing[later.address].id) for path, (later, value) in found.items()}
        silent = [path for path, (value, _) in said.items() if value is None]
        resource = filled(resource, {path: it for path, it in said.items() if path not in silent})
        resources[resource.address] = _as_it_is(resource, silent, live)
    return replace(stack, resources=resources)


def filled(resource: Resource, values: Mapping[tuple[str, str], tuple[Any, str]]) -> Resource:
    """A resource with values in their places, by field and key, and a note of the results (their ids) they are from."""
    fields = dict(resource.fields)
    for (name, key), (value, id) in values.items():
        fields[NOTE] = {**fields.get(NOTE, {}), f"{name}.{key}": _note(fields[name][key], id)}
        fields[name] = {**fields[name], key: value}
    return replace(resource, fields=fields, laters=tuple(path for path in resource.laters if path not in values))


def _as_it_is(resource: Resource, paths: Collection[tuple[str, str]], live: Live | None) -> Resource:
    """A resource that declares these as the object has them, or not at all."""
    fields = dict(resource.fields)
    for name, key in paths:
        there = (live.fields.get(name) or {}) if live else {}
        fields[name] = {it: value for it, value in fields[name].items() if it != key}
        if key in there:
            fields[name][key] = there[key]
    return replace(resource, fields=fields, laters=tuple(path for path in resource.laters if path not in paths))


def without_laters(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they can be recorded: each value that is not known as it was before, or not at all."""
    found = dict(fields)
    for name, value in fields.items():
        if isinstance(value, Mapping) and any(isinstance(item, Later) for item in value.values()):
            was = before.get(name) or {}
            later = {key for key, item in value.items() if isinstance(item, Later)}
            found[name] = {key: item for key, item in value.items() if key not in later} | {
                key: was[key] for key in later if key in was
            }
            old = {path: note for path, note in before.get(NOTE, {}).items() if path.removeprefix(f"{name}.") in later}
            if old:
                found[NOTE] = {**found.get(NOTE, {}), **old}
    return found


def _note(later: Later, id: str) -> list[str]:
    return [later.address, later.pointer, id]


def _given(stack: Stack) -> Iterator[Resource]:
    return (resource for resource in stack.resources.values() if resource.laters and not resource.external)


def _laters(resource: Resource) -> Iterator[tuple[tuple[str, str], Later]]:
    for name, key in resource.laters:
        yield (name, key), resource.fields[name][key]


def _remade(stack: Stack, kinds: Kinds, claims: Claims, attempts: Attempts, addresses: Iterable[str]) -> set[str]:
    """Those of the results that a plan makes, or makes anew: that hangs on what they are made of, and nothing else."""
    todo, seen = list(addresses), set[str]()
    while todo:
        address = todo.pop()
        if address in seen or (resource := stack.resources.get(address)) is None:
            continue
        seen.add(address)
        todo += [parent] if (parent := parent_of(address)) else []
        for ref in kinds[resource.kind].refs():
            todo += ref.named_in(resource.fields)
    changes: dict[str, Change] = {}
    for kind in kinds:
        decider = Decider(stack, kind, claims, changes, attempts)
        for address in sorted(seen):
            resource = stack.resources[address]
            if resource.kind == kind.__name__ and (change := decider.change(address, resource)):
                changes[address] = change
    return {address for address, change in changes.items() if change.action in MAKING}
