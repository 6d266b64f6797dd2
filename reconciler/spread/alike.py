"""What a run and its workers must have in common: version, stack, files, account; said by digests that tell nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from reconciler.project import access
from reconciler.provider import provider
from reconciler.redact import mask
from reconciler.state.leases import SharedRun
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.kinds import Kinds
    from reconciler.model import Stack
    from reconciler.project import Project

__all__ = ["SHARED_STATE", "differing", "shared"]

SHARED_STATE = "keep it in PostgreSQL: --state postgresql+psycopg://user@host/database, or RECONCILER_STATE"


def shared(project: Project, run: str, lease_s: float) -> SharedRun:
    """How it is here."""
    from reconciler.planfile import account_of, sealing_key

    stack = project.stack
    account = access.account(stack.provider, project.options)
    key = sealing_key(*account)
    return SharedRun(
        run=run,
        version=__version__,
        declared=_digest(key, _declared(stack)),
        media=_digest(key, dict(sizes(stack, provider(stack.provider).kinds))),
        account=account_of(*account),
        lease_s=lease_s,
    )


def differing(here: SharedRun, run: SharedRun) -> list[str]:
    """What is not here as the run has it, and what to do about it."""
    if here.version != run.version:
        return [f"it has reconciler {here.version}, the run {run.version}: install the same"]
    if here.account != run.account:
        theirs, ours = (account.rpartition("#")[0] for account in (run.account, here.account))
        what = "another key" if theirs == ours else f"the API at {ours}, the run that at {theirs}"
        return [f"it has {what}: give it the address and key of the run's account in its environment"]
    wrong = [] if here.declared == run.declared else ["its stack declares other things: check out the same commit"]
    if here.media != run.media:
        wrong.append("files that it declares have other sizes: mount the same media below its stack")
    return wrong


def sizes(stack: Stack, kinds: Kinds) -> Iterator[tuple[str, int]]:
    """Each declared file with how large it is; all are there, or the stack would not have been loaded."""
    paths = {
        path
        for resource in stack.resources.values()
        if kinds[resource.kind].identity_name
        for path in kinds[resource.kind].files_of(resource.fields).values()
    }
    for path in sorted(paths):
        yield path, (stack.root / path).stat().st_size


def _declared(stack: Stack) -> dict[str, object]:
    resources = {
        address: {it.name: getattr(resource, it.name) for it in fields(resource)}
        | {"replacing": asdict(resource.replacing)}
        for address, resource in stack.resources.items()
    }
    of_all = {name: getattr(stack, name) for name in ("name", "provider", "stamps", "results", "moved", "removed")}
    return {**of_all, "resources": resources}


def _digest(key: bytes, said: object) -> str:
    text = json.dumps(mask(said, keep=True), sort_keys=True, default=str)
    return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]
