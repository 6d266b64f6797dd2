"""What is sent: the fields of an update, and which creates share a call. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.diff import without_laters
from reconciler.kind import Kind, Updating
from reconciler.later import Later
from reconciler.model import MAKING, Action, Change, Live, Stack, ignores

__all__ = ["batches", "changed_fields", "to_fill"]


def changed_fields(kind: type[Kind], change: Change, stack: Stack, live: Live) -> dict[str, Any]:
    """What an update sends: whole values, of merged maps the changed keys; our stamp goes with its map."""
    resource = stack.resources.get(change.address)
    ignored = resource.ignore if resource else ()
    fields: dict[str, Any] = {}
    for delta in change.deltas:
        name, _, key = delta.path.partition(".")
        field = kind.specs.get(name.partition("[")[0])
        if field is None or field.update not in (Updating.WHOLE, Updating.MERGE) or isinstance(delta.after, Later):
            continue
        if field.update is Updating.MERGE:
            fields.setdefault(field.name, {})[key] = delta.after
        else:
            fields[field.name] = _kept(field.name, _as_known(change, field.name, live), live, ignored)
    marked = kind.field_with(lambda field: field.stamped)
    stamps = change.action is not Action.UPDATE or any(delta.path == "stamp" for delta in change.deltas)
    if marked and stamps and stack.stamps and marked.name not in fields:
        declared = marked.name in change.fields
        whole = _as_known(change, marked.name, live) if declared else live.fields.get(marked.name) or {}
        fields[marked.name] = {} if marked.update is Updating.MERGE else _kept(marked.name, whole, live, ignored)
    return fields


def to_fill(kind: type[Kind], change: Change, stack: Stack, live: Live | None) -> dict[str, Any]:
    """What is sent when the values are known that a change waits for: of merged maps those keys, of others all, with
    the values that are known later among them."""
    resource = stack.resources.get(change.address)
    ignored, waits = resource.ignore if resource else (), dict[str, set[str]]()
    made = change.action in MAKING
    for name, key in resource.laters if resource else ():
        if made or any(delta.path == f"{name}.{key}" for delta in change.deltas):
            waits.setdefault(name, set()).add(key)
    fields: dict[str, Any] = {}
    for name, keys in waits.items():
        value = change.fields[name]
        if kind.specs[name].update is Updating.MERGE:
            fields[name] = {key: value[key] for key in sorted(keys)}
        else:
            fields[name] = _kept(name, value, live, ignored) if live and not made else value
    return fields


def _as_known(change: Change, name: str, live: Live) -> Any:
    """A value without what is not known yet: that stays as it is."""
    return without_laters({name: change.fields[name]}, live.fields)[name]


def _kept(name: str, value: Any, live: Live, ignored: Sequence[str]) -> Any:
    """The value with those keys as they are that are ignored: a map that is sent whole must not take them away."""
    if not isinstance(value, Mapping) or not ignored:
        return value
    there = live.fields.get(name) or {}
    kept = {key for key in (*there, *value) if ignores(ignored, f"{name}.{key}")}
    result = {key: item for key, item in value.items() if key not in kept}
    return result | {key: item for key, item in there.items() if key in kept}


def batches(kind: type[Kind], group: Sequence[Change]) -> Iterator[list[Change]]:
    """Batches of at most what one call takes; no natural key twice in one, for answers are matched by it."""
    assert kind.bulk, f"{kind.__name__} objects are made one by one"
    found: list[list[Change]] = []
    latest: dict[Any, int] = {}
    """natural key → the number of the last batch that it is in"""
    first = 0  # batches before this one are full
    for change in group:
        key = tuple(str(change.fields.get(name)) for name in kind.natural_key)
        number = max(first, latest.get(key, -1) + 1)
        while number < len(found) and len(found[number]) >= kind.bulk:
            number += 1
        if number == len(found):
            found.append([])
        found[number].append(change)
        latest[key] = number
        while first < len(found) and len(found[first]) >= kind.bulk:
            first += 1
    yield from found
