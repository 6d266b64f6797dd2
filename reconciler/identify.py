"""What is declared gets its identity: files are hashed, and each kind says what makes its objects the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.errors import Invalid
from reconciler.files import Files
from reconciler.kinds import Kinds
from reconciler.model import Resource, Snapshot, Stack

__all__ = ["as_now", "identified"]


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
    return replace(stack, resources={a: _identified(it, kinds, hashes) for a, it in stack.resources.items()})


def _identified(resource: Resource, kinds: Kinds, hashes: Mapping[str, str]) -> Resource:
    kind = kinds[resource.kind]
    if not kind.identity_name:
        return resource
    identity = kind.identity(resource.fields, hashes.__getitem__)
    return replace(resource, fields={**resource.fields, kind.identity_name: identity}) if identity else resource


def as_now(stack: Stack, kinds: Kinds, snapshot: Snapshot) -> Snapshot:
    """Stamps that say what is declared is as older versions wrote it, read as they would be written now."""
    # Else a new version would take every object of an older one for another, and replace it.
    now: dict[str, dict[str, str]] = {}
    for resource in stack.resources.values():
        kind = kinds[resource.kind]
        for old in kind.identities_before(resource.fields) if kind.identity_name else ():
            now.setdefault(resource.kind, {})[old] = str(resource.fields[kind.identity_name])
    if not now:
        return snapshot
    by_kind = {kind: dict(lives) for kind, lives in snapshot.by_kind.items()}
    for name, new in now.items():
        for id, live in by_kind.get(name, {}).items():
            if live.stamp and live.stamp.content in new:
                by_kind[name][id] = replace(live, stamp=replace(live.stamp, content=new[live.stamp.content]))
    return replace(snapshot, by_kind=by_kind)
