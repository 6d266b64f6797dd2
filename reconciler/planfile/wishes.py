"""What a stack wishes, as digests: they are the same however it is written, and differ when it means something else.

A plan file keeps them for what it changes. What is no longer needed by the time it is applied was done by an earlier
apply of it, or is no longer wished for: only the wish tells which. They are made with the account's key, for a secret
has a part in them that nobody may try out who has the file alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from reconciler.kinds import Kinds
from reconciler.model import Action, Plan, Replacing, Resource, Stack
from reconciler.ownership import declared_address
from reconciler.redact import mask
from reconciler.values import canonical

__all__ = ["digest", "gates_of", "of_all", "of_each", "of_stack", "steadied"]

NOTHING = ""
"""In place of a digest: nothing is declared there."""


def of_each(stack: Stack, kinds: Kinds, plan: Plan, key: bytes, *, destroy: bool) -> dict[str, str]:
    """address → a digest of all that is declared of what the plan changes. Who destroys wishes for nothing."""
    declared = {} if destroy else stack.resources
    return {it.address: _of(declared.get(declared_address(it.address)), kinds, key) for it in plan.changes}


def gates_of(stack: Stack, plan: Plan, key: bytes) -> dict[str, str]:
    """address → a digest of how it is replaced, for all that the plan replaces."""
    resources = (stack.resources.get(it.address) for it in plan.changes if it.action is Action.REPLACE)
    return {it.address: digest(_gate(stack, it.replacing), key) for it in resources if it}


def _gate(stack: Stack, replacing: Replacing) -> dict[str, Any]:
    checks = [asdict(stack.checks[name]) for name in replacing.checks if name in stack.checks]
    return {"beside": replacing.beside, "hold_s": replacing.hold_s, "checks": checks}


def of_all(stack: Stack, key: bytes) -> str:
    """A digest of what is said once for all objects and stands in no change: whether they carry our stamp, and where
    results are kept."""
    return digest({"stamps": stack.stamps, "results": stack.results}, key)


def of_stack(stack: Stack, kinds: Kinds, key: bytes) -> str:
    """A digest of all that is declared: where it is the same, the same is wished for."""
    resources = {address: _said(it, kinds) for address, it in stack.resources.items()}
    of_all = {name: getattr(stack, name) for name in ("name", "provider", "stamps", "results", "moved", "removed")}
    return digest({**of_all, "resources": resources}, key)


def steadied(kinds: Kinds, kind: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a kind in the form in which what means the same is the same."""
    specs = kinds[kind].specs
    return {name: canonical(specs[name], value) if name in specs else value for name, value in declared.items()}


def _of(resource: Resource | None, kinds: Kinds, key: bytes) -> str:
    return NOTHING if resource is None else digest(_said(resource, kinds), key)


def _said(resource: Resource, kinds: Kinds) -> dict[str, Any]:
    said = {it.name: getattr(resource, it.name) for it in fields(resource)}
    said["replacing"] = asdict(resource.replacing)
    return {**said, "fields": steadied(kinds, resource.kind, resource.fields)}


def digest(said: Mapping[str, Any], key: bytes) -> str:
    """One that only who has the key can make; secrets have a part in it."""
    text = json.dumps(mask(said, keep=True), sort_keys=True)
    return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]
