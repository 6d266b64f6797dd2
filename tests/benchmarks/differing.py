"""`python -m tests.benchmarks.differing [ASSETS [COLLECTIONS [ENTITIES]]]`: requests of plans by what differs.

One account in which others keep so many assets, and so many entities in each of so many collections; a stack has two
assets and two entities in each of those collections. What others do between two plans is done by hand here, and how
many requests the plan of what differs takes is counted, and written into the page.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.emulator.core.store import Obj
from reconciler.model import ReadMode
from tests.benchmarks.page import line, table, written
from tests.support.others import Account, begun_in, copied

ASSETS, COLLECTIONS, ENTITIES = 50_000, 100, 499
HEADS = ("plan", "requests", "beyond one a list")


def _deleted(account: Account, kind: str, many: int) -> None:
    """What others delete of their own, far apart."""
    theirs = [it for it in account.all(kind) if it.name.startswith("other-")]
    for it in theirs[len(theirs) // (2 * many) :: max(len(theirs) // many, 1)][:many]:
        account.drop(it)


def _entity_of_ours(account: Account, number: int) -> Obj:
    return account.named("entity", "e", account.named("entity_collection", f"c{number}"))


def _deeds(account: Account, more: int) -> dict[str, Callable[[], object]]:
    return {
        "nothing has changed": lambda: None,
        "others changed an entity": lambda: account.change(account.all("entity")[-7], description="by hand"),
        "others deleted one of their assets": lambda: _deleted(account, "asset", 1),
        "others deleted four more": lambda: _deleted(account, "asset", 4),
        f"and {more:,} more": lambda: _deleted(account, "asset", more),
        "others deleted entities of theirs in three collections": lambda: _deleted(account, "entity", 3),
        "an entity of the stack was changed by hand: it is read, with what it refers to and is in": (
            lambda: account.change(_entity_of_ours(account, 0), asset_ids=[account.named("asset", "b.mp4").id])
        ),
        "and another one deleted: that is found, and its list read whole before it is made again": (
            lambda: account.drop(_entity_of_ours(account, 1))
        ),
    }


def measured(assets: int, collections: int, entities: int) -> list[tuple[str, ...]]:
    """The rows of the table."""
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        begun = begun_in(Path(name) / "begun", entities, assets=assets, indexes=0, groups=collections)
        with copied(begun, Path(name) / "copy") as account:
            lists = 2 + collections
            whole = account.plan(ReadMode.FULL).snapshot.requests
            rows.append(("everything read whole", f"{whole:,}", ""))
            for said, do in _deeds(account, assets // 50).items():
                do()
                planning = account.plan()
                assert planning.plan.refresh.mode == "delta", planning.plan.refresh
                assert bool(planning.plan.changes) is ("of the stack" in said or "another one" in said), said
                rows.append((said, f"{planning.snapshot.requests:,}", str(planning.snapshot.requests - lists)))
                print(line(rows[-1]), flush=True)
    return rows


def main(sizes: Sequence[int]) -> None:
    """Count, print, and write the page anew."""
    assets, collections, entities = (*sizes, *(ASSETS, COLLECTIONS, ENTITIES)[len(sizes) :])
    rows = measured(assets, collections, entities)
    many = assets + 2 + collections * (entities + 3)
    declared = 2 + 3 * collections
    said = f"An account of {many:,} objects in {2 + collections:,} lists, of which the stack declares {declared:,}."
    written("differing", f"{said}\n\n{table(HEADS, rows)}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
