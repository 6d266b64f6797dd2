"""Bytes and URLs become identities: what each asset of a stack is, filled in as its `content`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler import identity
from reconciler.errors import Invalid
from reconciler.files import Files
from reconciler.model import Resource, Snapshot, Stack

__all__ = ["as_now", "identified"]


async def identified(stack: Stack, files: Files) -> Stack:
    """The stack with the identity of every file and URL filled in as `content`. Invalid names all unreadable files."""
    with_file = {a: str(it.fields["file"]) for a, it in stack.resources.items() if "file" in it.fields}
    found, wrong = await files.hashed(with_file.values())
    if wrong:
        raise Invalid(
            [
                stack.problem(address, f"{name}: {wrong[name]}", "file")
                for address, name in with_file.items()
                if name in wrong
            ]
        )
    by_file = {name: hashed.sha256 for name, hashed in found.items()}
    return replace(stack, resources={a: _identified(resource, by_file) for a, resource in stack.resources.items()})


def _identified(resource: Resource, by_file: Mapping[str, str]) -> Resource:
    fields = resource.fields
    if "file" in fields:
        return replace(resource, fields={**fields, "content": by_file[fields["file"]]})
    if "url" in fields:
        return replace(resource, fields={**fields, "content": identity.of_url(fields["url"], fields.get("sha256"))})
    return resource


def as_now(stack: Stack, snapshot: Snapshot) -> Snapshot:
    """Stamps that say what the bytes of a declared URL are as older versions did, read as they would be written now."""
    urls = [it.fields for it in stack.resources.values() if "url" in it.fields]
    now = {identity.formerly(it["url"], it.get("sha256")): str(it["content"]) for it in urls}
    by_kind = {kind: dict(lives) for kind, lives in snapshot.by_kind.items()} if now else {}
    for lives in by_kind.values():
        for id, live in lives.items():
            if live.stamp and (new := now.get(live.stamp.content or "")):
                lives[id] = replace(live, stamp=replace(live.stamp, content=new))
    return replace(snapshot, by_kind=by_kind) if now else snapshot
