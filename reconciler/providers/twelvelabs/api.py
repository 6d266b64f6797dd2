"""What all kinds of TwelveLabs have in common on the wire: pages, ids, order, facts.

Where vintages of the API differ, the newest is sent and the older ones are tolerated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from reconciler.provider import Keep, Order, Progress, Traits, Want
from reconciler.providers.twelvelabs.limits import ID_FORM
from reconciler.providers.twelvelabs.patience import patience
from reconciler.rest import Collection, Envelope
from reconciler.wire import MOST_NUMBER, below, mapping, moment_text, number, text

__all__ = ["ENVELOPE", "TwelveLabsCollection"]

ENVELOPE = Envelope(
    rows="data", total="page_info.total_results", limit="page_info.limit_per_page", pages="page_info.total_page"
)
MEASURES = ("duration", "size", "video_count", "total_duration")
USUAL = 40
"""Characters of a word that is not looked at twice."""


def _measure(value: Any, where: str, name: str) -> float:
    usual = type(value) is int and 0 <= value <= MOST_NUMBER
    return value if usual else number(value, below(where, name))


def _word(value: Any, where: str, name: str) -> str:
    usual = type(value) is str and len(value) < USUAL and value.isprintable()
    return value if usual else moment_text(value, below(where, name))


READ: tuple[tuple[str, Callable[[Any, str, str], Any]], ...] = (
    *((name, _measure) for name in MEASURES),
    ("created_at", _word),
    ("method", lambda value, where, name: intern(_word(value, where, name))),
)


class TwelveLabsCollection(Collection):
    """Objects of one kind, as this API lists and makes them."""

    envelope = ENVELOPE
    size_word = "page_limit"
    oldest_first = {"sort_by": "created_at", "sort_option": "asc"}  # noqa: RUF012 - constants
    newest_first = {"sort_by": "created_at", "sort_option": "desc"}  # noqa: RUF012
    changed_first = {"sort_by": "updated_at", "sort_option": "desc"}  # noqa: RUF012
    changed_word = "updated_at"
    traits = Traits(order=Order.OLDEST, tells_changes=True)
    id_word = "_id"
    id_form = ID_FORM
    all_flags = True  # their defaults differ by vintage

    async def start(self, want: Want, keep: Keep) -> Progress:
        """Something that it refers to may not be ready yet: such a refusal comes too early, and nothing was made."""
        with patience():
            return await super().start(want, keep)

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """Measures stand in the object, or in its `system_metadata`, as the vintage has it."""
        inner, facts = raw.get("system_metadata"), dict[str, Any]()
        system = None if inner is None else mapping(inner, below(where, "system_metadata"))
        for name, read in READ:
            if name in raw:
                value = raw[name]
            elif system is not None:
                value = system.get(name)
            else:
                continue
            if value is not None:
                facts[name] = read(value, where, name)
        error = raw.get("error")
        if isinstance(error, Mapping) and error.get("message") is not None:
            facts["error"] = text(error["message"], below(where, "error.message"))
        return facts
