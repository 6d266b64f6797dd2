"""Whether a state belongs to the account that was read: an id that it recorded is nowhere else. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.frozen import dataclass
from reconciler.model import Recorded, Snapshot

__all__ = ["Belonging", "belonging"]


@dataclass(frozen=True, slots=True)
class Belonging:
    """What of the recorded is in the account, and what is to be said of it."""

    recorded: int = 0
    here: int = 0
    refusal: str = ""
    note: str = ""
    known: bool = True
    """Whether the state says that this is its account."""


def belonging(
    noted: str | None, account: str, recorded: Sequence[Recorded], unfinished: int, snapshot: Snapshot
) -> Belonging:
    """`noted` is the account in the state, `account` the one that was read; `unfinished` operations are known to it.

    Another key, or another address, is the same account when most of what is recorded is there.
    """
    rows = [row for row in recorded if not row.deposed]
    here = sum(snapshot.get(row.kind, row.id) is not None for row in rows)
    found = Belonging(len(rows), here, known=noted == account)
    # A state of an older version names no account, and one that knows nothing has nothing to lose.
    if not noted or not account or noted == account or not (rows or unfinished):
        return found
    # Ids are random, so another account has none of them; some may have been deleted by hand.
    if here * 2 > len(rows):
        note = f"this is another key or address than the state knows ({_shown(noted)}), and {here} of {len(rows)} "
        return Belonging(len(rows), here, note=f"{note}recorded objects are here: the same account; apply notes it")
    what = (
        f"{here} of {len(rows)} recorded objects are here" if rows else "its interrupted operations are not known here"
    )
    return Belonging(
        len(rows),
        here,
        refusal=f"the state is of another account ({_shown(noted)}) than this one ({_shown(account)}), and {what}: "
        "use the state of this account (--state), or the key of that one. If it is the same account, say so with "
        "`reconciler state accept`",
        known=False,
    )


def _shown(account: str) -> str:
    """Its address, and enough of the digest to tell two keys apart."""
    address, _, digest = account.rpartition("#")
    return f"{address}, key #{digest[:6]}" if address else account
