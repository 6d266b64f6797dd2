"""What is declared gets its identity: files are hashed, and each kind says what makes its objects the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.errors import Invalid, Problem
from reconciler.files import Files
from reconciler.kind import Derived, Kind
from reconciler.kinds import Kinds
from reconciler.model import Recorded, Resource, Snapshot, Stack

__all__ = ["as_now", "identified", "otherwise"]

UNKNOWN = "has neither `file` nor `url` here, so nobody knows what its bytes are; declare one of them"


async def identified(stack: Stack, kinds: Kinds, files: Files) -> Stack:
    """The stack with the identity of each resource that has one filled in. Invalid names all unreadable files."""
    named = [
        (address, field, path)
        for address, resource in stack.resources.items()
        if kinds[resource.kind].identity_name
        for field, path in kinds[resource.kind].files_of(resource.fields).items()
    ]
    found, wrong = await files.hashed(path for _, _, path in named)
    if wrong:
        bad = [(address, field, path) for address, field, path in named if path in wrong]
        raise Invalid([stack.problem(address, f"{path}: {wrong[path]}", field) for address, field, path in bad])
    hashes = {path: hashed.sha256 for path, hashed in found.items()}
    resources = {address: _identified(it, kinds, hashes) for address, it in stack.resources.items()}
    return replace(stack, resources=_with_made_of_others(stack, resources, kinds))


def _with_made_of_others(stack: Stack, resources: dict[str, Resource], kinds: Kinds) -> dict[str, Resource]:
    """The same with what is made of others: after them, for it is what they are and how it is made."""
    unknown: list[Problem] = []
    for kind in kinds:
        if not kind.made_of_refs:
            continue
        for address, resource in resources.items():
            if resource.kind != kind.__name__:
                continue
            made_of = kind.identity(resource.fields, lambda it: _identity(resources, it, kinds))
            if made_of is None:
                inputs = " or ".join(_inputs(kind, resource))
                unknown.append(stack.problem(address, f"{inputs} {UNKNOWN}"))
            resources[address] = resource.having({**resource.fields, kind.identity_name: made_of})
    if unknown:
        raise Invalid(unknown)
    return resources


def otherwise(stack: Stack, kinds: Kinds, recorded: Iterable[Recorded]) -> dict[str, dict[str, Recorded]]:
    """kind → identity of a result that is declared → one that was made, out of which it can be read too."""
    derived = {kind.__name__: kind for kind in kinds if issubclass(kind, Derived)}
    made: dict[str, dict[str, Recorded]] = {}
    for row in recorded:
        if (kind := derived.get(row.kind)) is None or row.deposed:
            continue
        if identity := row.fields.get(kind.identity_name):
            made.setdefault(row.kind, {})[str(identity)] = row
    found: dict[str, dict[str, Recorded]] = {}
    for resource in stack.resources.values():
        if not (rows := made.get(resource.kind)):
            continue
        kind = derived[resource.kind]
        identity = str(resource.fields.get(kind.identity_name))
        if identity in rows:
            continue
        for fields in kind.otherwise(resource.fields):
            other = kind.identity(fields, lambda at: _identity(stack.resources, at, kinds))
            if other is not None and other in rows:
                found.setdefault(resource.kind, {})[identity] = rows[other]
                break
    return found


def _inputs(kind: type[Kind], resource: Resource) -> Iterator[str]:
    for ref in kind.refs():
        yield from ref.named_in(resource.fields)


def _identity(resources: Mapping[str, Resource], address: str, kinds: Kinds) -> str | None:
    """What is at an address; of what stands for something else, such as an asset in an index, what that is."""
    if (resource := resources.get(address)) is None:
        return None
    kind = kinds[resource.kind]
    if kind.identity_name:
        return resource.fields.get(kind.identity_name)
    stands_for = kind.field_with(lambda field: field.from_key and field.ref is not None)
    return _identity(resources, str(resource.fields.get(stands_for.name)), kinds) if stands_for else None


def _identified(resource: Resource, kinds: Kinds, hashes: Mapping[str, str]) -> Resource:
    kind = kinds[resource.kind]
    if not kind.identity_name or kind.made_of_refs:
        return resource
    identity = kind.identity(resource.fields, hashes.__getitem__)
    return resource.having({**resource.fields, kind.identity_name: identity}) if identity else resource


def as_now(stack: Stack, kinds: Kinds, snapshot: Snapshot) -> Snapshot:
    """Stamps that say what is declared is as older versions wrote it, read as they would be written now."""
    # Else a new version would take every object of an older one for another, and replace it.
    now: dict[str, dict[str, str]] = {}
    odd = _otherwise_stamped(stack, kinds, snapshot)
    for resource in stack.resources.values() if odd else ():
        kind = kinds[resource.kind]
        for old in kind.identities_before(resource.fields) if resource.kind in odd else ():
            now.setdefault(resource.kind, {})[old] = str(resource.fields[kind.identity_name])
    if not now:
        return snapshot
    by_kind = {kind: dict(lives) for kind, lives in snapshot.by_kind.items()}
    for name, new in now.items():
        for id, live in by_kind.get(name, {}).items():
            if live.stamp and live.stamp.content in new:
                by_kind[name][id] = replace(live, stamp=replace(live.stamp, content=new[live.stamp.content]))
    return replace(snapshot, by_kind=by_kind)


def _otherwise_stamped(stack: Stack, kinds: Kinds, snapshot: Snapshot) -> set[str]:
    """Kinds of which some object says of itself what nothing that is declared is: of most there is none, and nobody has
    to work out how older versions wrote it."""
    names = {kind.__name__: kind.identity_name for kind in kinds if kind.identity_name}
    said: dict[str, set[Any]] = {name: set() for name in names}
    for resource in stack.resources.values():
        if (name := names.get(resource.kind)) is not None:
            said[resource.kind].add(resource.fields.get(name))
    return {
        name
        for name, declared in said.items()
        if declared
        and any(it.stamp and it.stamp.content not in declared for it in snapshot.by_kind.get(name, {}).values())
    }
