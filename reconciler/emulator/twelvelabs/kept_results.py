"""Results of a search that fill more than one page: kept for a quarter of an hour, opened page by page with a token."""

from __future__ import annotations

import re
from typing import Any

from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall

__all__ = ["LIFETIME_S", "Expired", "Unknown", "keep", "opened", "token"]

LIFETIME_S = 900.0
FORGOTTEN_S = 24 * 3600.0
TOKEN = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})")


class Unknown(Exception):
    """No such token was ever given out, or it is long gone."""


class Expired(Exception):
    """The token was good once."""


def keep(call: ApiCall, kind: str, doc: dict[str, Any], *, parent: Obj) -> Obj:
    """Keep what is in `doc`; what nobody can open any more goes at this occasion."""
    # A search leaves its result behind; without this a long test would keep every one of them.
    old = Selection(kind, parent=None, where=(("created_at < ?", (call.store.now() - FORGOTTEN_S,)),))
    for forgotten in call.store.select(old):
        call.store.delete(forgotten)
    return call.store.insert(kind, doc, parent=parent.seq, id=call.store.token(call.store.next(), 32))


def token(kept: Obj, page: int) -> str:
    """The vendor counts pages from nought here."""
    return f"{kept.id}-{page - 1}"


def opened(call: ApiCall, kind: str, sent: str) -> tuple[Obj, int]:
    """What the token leads to, and which page of it."""
    found = TOKEN.fullmatch(sent)
    kept = call.store.get(kind, found[1]) if found else None
    if found is None or kept is None:
        raise Unknown
    if kept.created_at + LIFETIME_S < call.store.now():
        raise Expired
    return kept, int(found[2]) + 1
