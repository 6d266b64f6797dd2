"""What a run and its workers must have in common: version, stack, files, account; said by digests that tell nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.project import access
from reconciler.provider import provider
from reconciler.state.leases import SharedRun
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.model import Stack
    from reconciler.project import Project

__all__ = ["SHARED_STATE", "declaring", "differing", "shared"]

SHARED_STATE = "keep it in PostgreSQL: --state postgresql+psycopg://user@host/database, or RECONCILER_STATE"


def shared(project: Project, run: str, lease_s: float) -> SharedRun:
    """How it is here."""
    from reconciler.planfile import account_of, sealing_key, wishes

    stack, kinds = project.stack, provider(project.stack.provider).kinds
    account = access.account(stack.provider, project.options)
    key = sealing_key(*account)
    return SharedRun(
        run=run,
        version=__version__,
        declared=wishes.of_stack(stack, kinds, key),
        media=wishes.digest(_sizes(stack), key),
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


def declaring(stack: Stack) -> dict[str, str]:
    """path → an address that declares it."""
    kinds = provider(stack.provider).kinds
    return {
        path: address
        for address, resource in stack.resources.items()
        if kinds[resource.kind].identity_name
        for path in kinds[resource.kind].files_of(resource.fields).values()
    }


def _sizes(stack: Stack) -> dict[str, int]:
    """Each declared file with how large it is; all are there, or the stack would not have been loaded."""
    return {path: (stack.root / path).stat().st_size for path in declaring(stack)}
