"""The live account as a stack: files as a person would lay them out, and a state that knows their objects.

Nothing in the account is changed, so nothing in it is marked as ours. What is exported names its object by `id:`, and
is recorded in the new stack's state as it stands in the files: planning the export changes nothing. Where objects do
not carry the new stack's stamp the stack says `stamps: false`; whoever takes that line out sees in the next plan which
objects would be marked.

An object of another stack is exported as `external: true`: it can be referred to, and stays that stack's. What failed,
or what cannot be said in YAML, is left out or ignored, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diff import diff
from reconciler.export.names import slug
from reconciler.export.pick import Declared, pick
from reconciler.export.write import SCHEMAS, files_of
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import Recorded, Snapshot, Stack
from reconciler.ownership import claim
from reconciler.provider import Drivers
from reconciler.refresh import Wanted, refresh

__all__ = ["SCHEMAS", "Declared", "Exported", "read_account", "rows_of", "slug"]


@dataclass(frozen=True, slots=True)
class Exported:
    """`files` are name → text; `notes` say what is not in them."""

    files: dict[str, str]
    notes: tuple[str, ...]
    snapshot: Snapshot
    counts: dict[str, int]


async def read_account(drivers: Drivers, new: Stack, targets: Sequence[str] = ()) -> Exported:
    """Read everything and say it in YAML, as the stack `new`, which declares nothing yet."""
    wanted = Wanted(resources={}, recorded=(), stacks=(new.name,), everything=True)
    snapshot = await refresh(drivers, wanted)
    kinds = drivers.kinds
    picked = pick(new.name, kinds, snapshot, targets)
    counts = {kind.__name__: sum(it.live.kind == kind.__name__ for it in picked.declared) for kind in kinds}
    return Exported(files_of(new, kinds, picked), picked.notes, snapshot, counts)


def rows_of(stack: Stack, kinds: Kinds, snapshot: Snapshot) -> tuple[list[Recorded], list[str]]:
    """What the state is to know of an exported stack as it was loaded; and what a plan of it would change even so."""
    claims = claim(stack, kinds, (), snapshot)
    rows = [
        Recorded(address, live.kind, live.id, stack.resources[address].fields, live.parent_id)
        for address, live in claims.live.items()
        if not stack.resources[address].external
    ]
    after = claim(stack, kinds, rows, snapshot)
    wrong = [f"{address}: {text}" for address, text in (*claims.problems, *after.problems)]
    left = diff(stack, kinds, after).changes
    return rows, [*wrong, *(f"{address}: {change.reason}" for address, change in left.items())]
