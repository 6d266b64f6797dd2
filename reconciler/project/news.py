"""What of a drift is new: what nobody was told of when this was last asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.diff.drifted import drift_set
from reconciler.engine.planning import Drift
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["News", "news"]


@dataclass(frozen=True, slots=True)
class News:
    """The part that is new, how many addresses were known, since when; and which were, and are in order now."""

    drift: Drift
    known: int
    since: datetime | None
    """When this was asked before; None when it never was, and all is new."""
    gone: tuple[str, ...] = ()


def news(project: Project, drift: Drift) -> News:
    """Compare with what was noted, and note what there is. An address is new again when another path of it drifted.

    Of a part that was asked for only that part is compared and noted; the rest stays as it was known. Where nothing was
    ever applied with this state, nothing is noted: a look makes no state.
    """
    state = project.state
    before = state.known_drift()
    known = dict(before.addresses) if before else {}
    now = drift_set(drift.changes)
    looked_at = {*drift.compared, *now}
    gone = tuple(sorted(address for address in known if address in looked_at and address not in now))
    new = tuple(it for it in drift.changes if not {*now[it.address]} <= {*known.get(it.address, ())})
    if state.exists:
        state.note_drift({**{at: paths for at, paths in known.items() if at not in gone}, **now})
    return News(replace(drift, changes=new), len(now) - len(new), before.at if before else None, gone)
