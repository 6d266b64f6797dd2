"""What there is of results: sets in a store, as its manifest has them. Nothing of it asks the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.errors import NotFound, StoreError
from reconciler.kind import Derived, Field
from reconciler.model import Live, Stamp
from reconciler.provider import Cursor, Driver, Hands, Page, Patch, Progress, Want

if TYPE_CHECKING:
    from reconciler.results import Made
    from reconciler.results.shelf import Shelf

__all__ = ["KeptSets", "now", "source_of", "store_for"]

INTO = "into"
SEPARATOR = ","
"""Between the ids of the inputs of what is made of several."""


class KeptSets(Driver):
    """The part of a driver that reads what is kept, moves it and removes it. Raises StoreError for what is wrong with
    the store."""

    kind: type[Derived]

    def __init__(self, hands: Hands) -> None:
        self.hands, self.http = hands, hands.http
        self._kept: dict[str, str] = {}
        """id → when it was made, of all sets that this run has seen: also of those that are replaced by now"""

    @property
    def shelf(self) -> Shelf:
        """Where the results of this stack are kept."""
        if self.hands.results is None:
            raise StoreError("there is no store for results here")
        return self.hands.results

    # Reading: the manifest

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """All sets of this kind, by the manifest; as this run knows it, when only the newest are asked for."""
        sets = await self.shelf.sets(anew=not newest)
        self._kept |= {made.task: made.made_at for made in sets.values()}
        of_others = {made.task: made for made in await self.shelf.others() if self._is_mine(made)}
        lives = [await self._live(made) for made in {**of_others, **await self._mine()}.values()]
        return Page(tuple(lives), total=len(lives))

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """One set, by the manifest."""
        made = await self._set(id)
        return None if made is None else await self._live(made)

    async def text(self, id: str, address: str) -> str | None:
        """The text of a set of one row."""
        made = (await self.shelf.sets()).get(address)
        if made is None or made.task != id:  # it was made under another address
            made = await self._set(id)
        rows = None if made is None else await self.shelf.read(made)
        texts = [record.get("text") for record in rows.records()] if rows is not None else []
        return texts[0] if len(texts) == 1 and isinstance(texts[0], str) else None

    async def _mine(self) -> dict[str, Made]:
        """id → set, of this kind. Of one that a killed run was moving there are two: the older one is meant, and it is
        moved once more."""
        found: dict[str, Made] = {}
        for made in (await self.shelf.sets()).values():
            if self._is_mine(made):
                other = found.get(made.task)
                found[made.task] = made if other is None or made.made_at < other.made_at else other
        return found

    def _is_mine(self, made: Made) -> bool:
        return made.address.partition("/")[0] == self.kind.section

    async def _live(self, made: Made) -> Live:
        ids = made.source.split(SEPARATOR)
        inputs: dict[str, Any] = {ref.name: ids if ref.many else made.source for ref in self.kind.refs()}
        if len(self.shelf.stores) > 1:
            inputs[INTO] = await self.shelf.into(made)
        facts = {
            "rows": made.rows,
            "dim": made.dim,
            "digest": made.digest,
            "made_at": made.made_at,
            "model": made.model,
        }
        stamp = Stamp(made.stack, made.address, made.identity, made.stack_id or None)
        return Live(self.kind.__name__, made.task, inputs, stamp=stamp, facts=facts)

    async def _set(self, id: str) -> Made | None:
        if (made := (await self._mine()).get(id)) is not None:
            return made
        return next((made for made in await self.shelf.others() if made.task == id and self._is_mine(made)), None)

    # Writing: the store alone

    async def update(self, patch: Patch) -> None:
        """Of the same content: another address, another id of the same input, another store. Nothing is made."""
        made = await self._set(patch.id)
        if made is None:
            raise NotFound(f"no result {patch.id} is kept")
        address = patch.stamp.key if patch.stamp else made.address
        source = source_of(self.kind, patch.fields) or made.source
        here = (await self.shelf.place(made)).get("store", store_for({}))
        into = str(patch.fields.get(INTO) or here)
        wanted, there = (self.shelf.stack, address, source, into), (made.stack, made.address, made.source, here)
        if wanted == there and self.shelf.is_ours(made):
            await self.shelf.only_at(made)
        else:
            await self.shelf.copy(made, address, source, made.task, now(), into, agreed=True)
        await self._remove(made.task, but=(self.shelf.stack, address))

    async def delete(self, id: str, parent_id: str | None) -> None:
        """Out of the store; what another has taken the place of is gone already."""
        if await self._set(id) is not None:
            await self._remove(id)

    async def _remove(self, task: str, *, but: tuple[str, str] = ("", "")) -> None:
        """All that is kept of a task, but for what is at one address: a killed run may have left two. What a set has
        taken the place of and is left in another store goes with it."""
        places = await self.shelf.places()
        gone = {(it.stack, it.address, made.stack_id) for it, made in places.items() if made.task == task}
        for place, made in places.items():
            if (place.stack, place.address, made.stack_id) in gone and place[1:] != but:
                await self.shelf.remove(place)

    # What results have none of

    async def users(self, field: Field, id: str, cursor: Cursor | None = None) -> Page:
        """Nobody loses one without a word."""
        return Page(())

    async def start_many(self, parent_id: str | None, wants: Sequence[Want]) -> list[Progress]:
        """Tasks are begun one by one."""
        raise TypeError(f"{self.kind.__name__} is not made in bulk")

    async def link(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """They have no members."""
        raise TypeError(f"{self.kind.__name__} has no members")

    async def unlink(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """They have no members."""
        raise TypeError(f"{self.kind.__name__} has no members")

    async def unstamp(self, live: Live) -> None:
        """They are nobody's but the stack's."""
        raise TypeError(f"{self.kind.__name__} is not let go of")


def store_for(fields: Mapping[str, Any]) -> str:
    """The name of the store in which something is to be kept."""
    from reconciler.results.shelf import DEFAULT  # by who keeps something: most stacks keep no results

    return str(fields.get(INTO) or DEFAULT)


def now() -> str:
    """The time, as manifests write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def source_of(kind: type[Derived], fields: Mapping[str, Any]) -> str:
    """The ids of the inputs, as manifests write them; "" when nothing is said of any."""
    return SEPARATOR.join(id for ref in kind.refs() for id in ref.named_in(fields))
