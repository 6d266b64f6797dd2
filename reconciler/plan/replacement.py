"""How an object makes room for the one that replaces it, or for another one that takes its name. Pure.

There are three ways, and none is chosen by taste:

- **made first, deleted last**: the new one is made while the old one still serves; the old one goes when all that used
  it uses the new one. Nobody who searches meanwhile finds less than before. This is the way wherever it is possible.
- **renamed first**: where a name is unique and can be changed, the old one gives its name up before the new one is
  made, and still goes last ("replace: an index is renamed, made anew, filled, and only then the old one goes").
- **goes first**: where what is unique cannot be changed either, the API would take old and new for the same (the same
  asset in the same index), and there is a gap ("replace: where the API would take old and new for the same, the old
  one goes first").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto

from reconciler.model import Action, Change, Delete, Rename, Step, StepId
from reconciler.ownership import deposed_name
from reconciler.plan.names import can_rename
from reconciler.plan.needs import Needs, at, present

__all__ = ["Way", "deleted", "renamed", "replaced", "way_of"]

Makes = Callable[[Change, tuple[StepId, ...]], Iterator[Step]]
"""The steps that make the object of a change, after those steps."""


class Way(Enum):
    """How a replacement is done."""

    MADE_FIRST = auto()
    RENAMED_FIRST = auto()
    GOES_FIRST = auto()


def way_of(change: Change, needs: Needs) -> Way:
    """The way of one replacement."""
    kind = needs.kinds[change.kind]
    # What goes with its parent goes when the parent does: no delete of its own could be sent before.
    if needs.goes_first(change) and not needs.parent_goes(change):
        return Way.GOES_FIRST
    return Way.RENAMED_FIRST if kind.unique and kind.natural_key and can_rename(kind) else Way.MADE_FIRST


def replaced(change: Change, needs: Needs, make: Makes) -> Iterator[Step]:
    """The steps of a replacement: `make` gives those of the new object."""
    match way_of(change, needs):
        case Way.GOES_FIRST:
            old = _delete(change, needs, ())
            yield old
            yield from make(change, (old.id,))
            return
        case Way.RENAMED_FIRST:
            renames = list(renamed(change, needs))
        case Way.MADE_FIRST:
            renames = []
    yield from renames
    yield from make(change, tuple(step.id for step in renames))
    # A store replaces a result when the new one is whole: there is no old one that would have to go.
    if not needs.parent_goes(change) and not needs.takes_its_place(change):
        yield _delete(change, needs, needs.to_drop(change))


def deleted(change: Change, needs: Needs) -> Iterator[Step]:
    """The steps by which an object goes for good: none of its own when the API deletes it together with its parent."""
    if needs.parent_goes(change):
        return
    renames = list(renamed(change, needs)) if needs.is_renamed_to_go(change) else []
    yield from renames
    yield _delete(change, needs, (*needs.to_drop(change), *(step.id for step in renames)))


def renamed(change: Change, needs: Needs) -> Iterator[Rename]:
    """Rename an object to where nobody is in its way, unless an interrupted run has done it: the name is made of the
    object's id, so the next plan knows it again ("rename: a circle that was interrupted is gone on with")."""
    name = needs.kinds[change.kind].natural_key[0]
    live = needs.snapshot.get(change.kind, change.id)
    now = change.fields.get(name) or (live.fields.get(name) if live else None)
    deposed = deposed_name(now if isinstance(now, str) else str(now), change.id or "")
    if live is None or live.fields.get(name) != deposed:
        yield Rename(*at(change), {name: deposed})


def _delete(change: Change, needs: Needs, after: tuple[StepId, ...]) -> Delete:
    """The delete of an old object; what lives in it and goes as well is taken along where the API does that."""
    inside = needs.inside.get((change.kind, change.id or ""), ()) if needs.kinds[change.kind].cascades else ()
    along = tuple(child.address for child in inside if child.action is Action.DELETE)
    return Delete(*at(change), along, deposed=change.action is Action.REPLACE, needs=present(*after))
