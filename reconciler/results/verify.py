"""What is kept, held against what the state knows of it, and, if that is asked for, against its own rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from reconciler.errors import StoreError
from reconciler.frozen import dataclass
from reconciler.results.rows import Made
from reconciler.results.shelf import Shelf

__all__ = ["Astray", "KeptSet", "verified"]


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A set as the state knows it."""

    task: str
    identity: str = ""
    digest: str = ""
    """"" in a state that was written before it was noted."""


@dataclass(frozen=True, slots=True)
class Astray:
    """One thing that is not as it should be."""

    address: str
    what: str
    """`gone`, `unrecorded`, `another`, `changed`, `twice` or `unreadable`: for programs."""
    text: str


async def verified(shelf: Shelf, expected: Mapping[str, KeptSet], *, deep: bool) -> Sequence[Astray]:
    """All that differs, by address. The manifests alone are read, unless `deep` reads the rows of every set."""
    sets = await shelf.sets(anew=True)
    found = [
        Astray(address, "gone", f"nothing is kept, and the state knows it as made by task {known.task}")
        for address, known in expected.items()
        if address not in sets
    ]
    for address, made in sets.items():
        found += [Astray(address, *it) for it in _beside_the_state(made, expected.get(address))]
        found += [Astray(address, *it) async for it in _by_itself(shelf, made, deep=deep)]
    return sorted(found, key=lambda it: (it.address.split("/"), it.what))


def _beside_the_state(made: Made, known: KeptSet | None) -> list[tuple[str, str]]:
    if known is None:
        return [("unrecorded", "is kept, and the state does not know it")]
    if known.task != made.task or (known.identity and known.identity != made.identity):
        return [("another", f"is made by task {made.task}, and the state knows it as made by task {known.task}")]
    if known.digest and known.digest != made.digest:
        return [("changed", "has another digest than the state knows")]
    return []


async def _by_itself(shelf: Shelf, made: Made, *, deep: bool) -> AsyncIterator[tuple[str, str]]:
    """What is wrong with one set, whatever the state says."""
    if ", " in (names := await shelf.into(made)):
        yield "twice", f"is in more than one store ({names}); the next apply ends the move"
    if not deep:
        return
    try:
        rows = await shelf.read(made)
    except StoreError as error:
        yield "unreadable", str(error)
        return
    if rows is None or len(rows) != made.rows:
        yield "changed", f"has {0 if rows is None else len(rows)} rows, and its manifest says {made.rows}"
    elif rows.digest != made.digest:
        yield "changed", "its rows are not what its manifest says: somebody changed them"
