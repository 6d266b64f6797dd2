"""Who would silently lose something when it is deleted: looked for in the whole account, not only in what is ours.

An API may refuse to delete what is used, and then nothing has to be known. Where it cuts the references instead, a
delete changes objects of other people; so they are looked up for what a plan deletes, and only for that. There are two
ways: to ask each object who uses it, or to list what has not been listed yet; the one of fewer requests is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.errors import Forbidden, NotFound
from reconciler.frozen import dataclass
from reconciler.kind import Field, Kind
from reconciler.model import Live, Snapshot
from reconciler.provider import Drivers
from reconciler.refresh.lists import children, listing, together, whole

__all__ = ["Uses", "uses"]

FEW = 3
"""So many objects are asked one by one before it is found out how many lists there are."""


@dataclass(frozen=True, slots=True)
class Uses:
    """(kind, id) → who refers to it and would lose it; None where nobody was allowed to look."""

    users: Mapping[tuple[str, str], tuple[Live, ...] | None]


async def uses(drivers: Drivers, going: Iterable[tuple[str, str]], snapshot: Snapshot) -> Uses:
    """For objects (kind, id) that a plan deletes. Raises what the API says, but for a missing right."""
    by_kind: dict[str, set[str]] = {}
    for kind, id in going:
        by_kind.setdefault(kind, set()).add(id)
    found: dict[tuple[str, str], tuple[Live, ...] | None] = {}
    for user in drivers.kinds:
        for field in user.refs():
            if field.cut and (ids := by_kind.get(str(field.ref))):
                users = await _Search(drivers, user, field, ids, snapshot).run()
                for id, lives in users.items():
                    before = found.get((str(field.ref), id), ())
                    found[str(field.ref), id] = None if lives is None or before is None else (*before, *lives)
    return Uses(found)


class _Search:
    """The users of one kind, by one field, of some objects."""

    def __init__(self, drivers: Drivers, user: type[Kind], field: Field, ids: set[str], snapshot: Snapshot) -> None:
        self.drivers, self.user, self.field, self.ids, self.snapshot = drivers, user, field, ids, snapshot
        self.driver = drivers[user.__name__]

    async def run(self) -> dict[str, tuple[Live, ...] | None]:
        """id → its users."""
        try:
            unlisted = await self._unlisted()
        except Forbidden:  # what lives there may not be listed; perhaps the objects themselves may be asked
            unlisted = None
        if unlisted is None or len(unlisted) > len(self.ids):
            return dict(zip(self.ids, await together(map(self._asked, self.ids)), strict=True))
        lists = await together(self._listed(id) for id in unlisted)
        lives = {live.id: live for objects in lists if objects for live in objects.values()}
        return self._sorted({**self.snapshot.by_kind.get(self.user.__name__, {}), **lives}.values())

    async def _unlisted(self) -> list[str | None] | None:
        """Ids of parents whose children nobody has read yet; None when there are more than it is worth to know."""
        parent = self.user.parent
        if parent is None:
            return [] if self.user.__name__ in self.snapshot.by_kind else [None]
        parents = self.snapshot.by_kind.get(parent.__name__)
        if parents is None:
            if len(self.ids) <= FEW:
                return None
            parents = await listing(self.drivers[parent.__name__], None)
        read = self.snapshot.parents.get(self.user.__name__, frozenset())
        return [id for id in parents if id not in read]

    async def _listed(self, parent_id: str | None) -> dict[str, Live] | None:
        if parent_id is None:
            return await listing(self.driver, None)
        return await children(self.drivers, self.user, parent_id)

    async def _asked(self, id: str) -> tuple[Live, ...] | None:
        name = f"the list of who refers to {self.field.ref} {id}"
        try:
            return tuple((await whole(name, lambda cursor: self.driver.users(self.field, id, cursor))).values())
        except NotFound:
            return ()
        except Forbidden:
            return None

    def _sorted(self, lives: Iterable[Live]) -> dict[str, tuple[Live, ...] | None]:
        found: dict[str, list[Live]] = {id: [] for id in self.ids}
        for live in lives:
            value = live.fields.get(self.field.name)
            for id in (value or ()) if self.field.many else (value,):
                if id in found:
                    found[id].append(live)
        return {id: tuple(users) for id, users in found.items()}
