"""Collections: names under which assets are indexed. Nobody makes one; it is there as long as an asset has the name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from reconciler import rest
from reconciler.kind import CREATE_ONLY, FROM_KEY, Bounds, Kind, Wire
from reconciler.model import Live
from reconciler.provider import Cursor, Done, Hands, Keep, Page, Progress, Traits, Want
from reconciler.wire import below, whole

__all__ = ["ENVELOPE", "MediaCollection", "MediaCollections"]

ENVELOPE = rest.Envelope(
    rows="results", total="pagination.total", limit="pagination.page_size", pages="pagination.total_pages"
)
PAGE_SIZE = 100
"""As large as pages of searches may be; of lists no limit is told."""
NAME = re.compile(r"[^\x00-\x1f\x7f/]{1,200}")
"""What others have called a collection: no more than that it is one step of an address."""


class MediaCollection(
    Kind,
    section="collections",
    natural_key=("name",),
    asynchronous=False,
    cascades=True,
    label=("collection", "collections"),
    counts="count",
):
    """A name that assets have in common: it comes with the first of them, and goes with the last."""

    name: Annotated[str, CREATE_ONLY, FROM_KEY, Wire("collection_id"), Bounds(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = ""
    """Its name in the account: letters, digits, dots, dashes, underscores; the key when left out."""


class MediaCollections(rest.Collection):
    """They are read as the account lists them. Nothing is sent to make one."""

    kind = MediaCollection
    path = "/collections"
    change = ""
    envelope = ENVELOPE
    id_word, id_form = "collection_id", NAME
    traits = Traits(newest_first=False, page_size=PAGE_SIZE, by_use=True)

    def __init__(self, hands: Hands) -> None:
        super().__init__(hands)
        self._used: set[str] = set()
        """Names that this run has begun to use: no list shows them before something is indexed."""
        self._gone: set[str] = set()

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """Those that the account lists; and, after the last of them, those that are used from now on."""
        page = await super().page(parent_id, cursor, newest=newest)
        seen = {live.id for live in page.objects}
        self._used -= seen
        if page.after or not self._used or (isinstance(cursor, int) and cursor > 1):
            return page
        more = tuple(self._named(name) for name in sorted(self._used))
        total = None if page.total is None else page.total + len(more)
        return Page((*page.objects, *more), total, page.after, page.limit)

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """A name needs nobody's leave: one that no asset has is free to be used, which is all that it has to be."""
        return None if id in self._gone else self._named(id)

    def _named(self, name: str) -> Live:
        return Live(self.kind.__name__, name, {"name": name})

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """How many assets have the name, where the list says it."""
        count = raw.get("count")
        return {} if count is None else {"count": whole(count, below(where, "count"))}

    async def start(self, want: Want, keep: Keep) -> Progress:
        """No request: it comes with the first asset."""
        name = str(want.fields["name"])
        self._used.add(name)
        self._gone.discard(name)
        return Done(name)

    async def delete(self, id: str, parent_id: str | None) -> None:
        """With all that has the name; one that nothing has is gone already."""
        self._used.discard(id)
        await super().delete(id, parent_id)
        self._gone.add(id)
