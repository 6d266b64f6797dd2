"""Rows as nearly all are: of what the stack declares in their place, of an object that lives and never failed.

What is declared was checked when it was read, so of such a row only its id and its fields are new; and what they say as
it is declared is held once. Any other row is read with all care (`rows`), which also says what is odd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from reconciler.decoding import decoded
from reconciler.model import Recorded, Resource
from reconciler.state.rows import mapping_of, placed, recorded_from
from reconciler.values import held
from reconciler.wire import LONGEST_ID

__all__ = ["UsualRows"]

NO_FACTS: Final[Mapping[str, Any]] = {}
"""Held once: nobody changes what is recorded."""
USUAL: Final = (0, 0, 0, "{}")
"""Neither protected nor deposed, no failures, no facts."""
ID: Final = re.compile(rf"[!-.0-~]{{1,{LONGEST_ID}}}")
"""`wire.ANY_ID`, and no slash: it becomes part of a request's path."""
NOTHING: Final = object()

_careful = partial(mapping_of, "fields")


class UsualRows:
    """Makes what is recorded of rows; `places` has the sections of each kind, if those are known."""

    def __init__(self, declared: Mapping[str, Resource], places: Mapping[str, str] | None) -> None:
        self._declared = declared
        self._places = places
        self._lived_in: dict[tuple[str, str | None], str | None] = {}
        """(kind, id of what others live in) as rows had them that were read with care → the id, held once."""

    def __call__(self, row: Any) -> Recorded:
        """What was last applied at an address; Damaged when the row is not as we write it."""
        address, kind, id, fields, parent_id, protect, deposed, failures, facts = row
        like = self._declared.get(address)
        if (
            like is not None
            and like.kind == kind
            and (kind, parent_id) in self._lived_in
            and (protect, deposed, failures, facts) == USUAL
            and type(id) is str
            and ID.fullmatch(id)
            and type(fields) is str
        ):
            parent = self._lived_in[kind, parent_id]
            return Recorded(like.address, like.kind, id, _fields(fields, like.fields), parent, facts=NO_FACTS)
        made = recorded_from(row, self._declared)
        if self._places is not None:
            made = placed(made, self._places)
        self._lived_in[made.kind, made.parent_id] = made.parent_id
        return made


def _fields(text: str, like: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a text says: what is declared itself, wherever it says the same."""
    found = decoded(text, _careful)
    if type(found) is not dict:
        return mapping_of("fields", text)
    alike = len(found) == len(like)
    for name, value in found.items():
        other = like.get(name, NOTHING)
        if (value == other and type(other) is str) if type(value) is str else held(value, other) is other:
            found[name] = other
        else:
            alike = False
    return like if alike else found
