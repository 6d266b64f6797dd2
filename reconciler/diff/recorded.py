"""What is to be recorded of objects that are as declared: with a change of theirs, or without any. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.diff.laters import without_laters
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.model import Change, Live, Recorded, Resource, Stack, Status, ignores
from reconciler.ownership import Claims

__all__ = ["applied", "refreshed"]


def refreshed(
    kinds: Kinds, stack: Stack, claims: Claims, changes: Mapping[str, Change]
) -> Iterator[tuple[str, Recorded]]:
    """Declared, there, nothing to do: what is recorded must say so too (adopted by stamp, or mended by hand)."""
    for address, resource in stack.resources.items():
        if address in claims.unchanged:
            continue
        live = claims.live.get(address)
        if live is None or address in changes or resource.external:
            continue
        kind, old = kinds[resource.kind], claims.rows.get(address)
        fields = applied(kind, resource, old, live)
        # Counted on only for the same object: a new one begins at nought.
        same = old if old and old.id == live.id else None
        failures = same.failures if same and live.status is Status.FAILED else 0
        # What others have changed since is not what we made: what was noted of that stays.
        facts = same.facts if same and same.facts else kind.to_note(live.facts)
        # Compared part by part: nearly all are as they were, and no row has to be made to see that.
        said = (resource.kind, live.id, fields, live.parent_id, resource.protect, False, failures, facts)
        if old is None or said != _said(old) or old.address != address:
            yield address, Recorded(address, *said)


def _said(row: Recorded) -> tuple[Any, ...]:
    """All that a row says of its address."""
    return row.kind, row.id, row.fields, row.parent_id, row.protect, row.deposed, row.failures, row.facts


def applied(kind: type[Kind], resource: Resource, row: Recorded | None, live: Live | None) -> Mapping[str, Any]:
    """What is to be recorded of an object that is as declared now. What is ignored was not applied: it stays as it was
    recorded before, or is as it was found; and so does what is not known yet."""
    if not resource.ignore and not resource.laters:
        return resource.fields
    before = row.fields if row and (live is None or row.id == live.id) else live.fields if live else {}
    if resource.laters:
        resource = replace(resource, fields=without_laters(resource.fields, before))
    fields: dict[str, Any] = {}
    for name, value in resource.fields.items():
        field, was = kind.specs.get(name), before.get(name)
        # A live reference is an id, and what is recorded must be an address.
        usable = was is not None and (before is not (live.fields if live else None) or not (field and field.ref))
        if ignores(resource.ignore, name):
            fields |= {name: was} if usable else {}
        elif isinstance(value, Mapping):
            old = was if isinstance(was, Mapping) else {}
            sent = {key: item for key, item in value.items() if not ignores(resource.ignore, f"{name}.{key}")}
            kept = {key: item for key, item in old.items() if ignores(resource.ignore, f"{name}.{key}")}
            fields[name] = {**kept, **sent}
        else:
            fields[name] = value
    return fields
