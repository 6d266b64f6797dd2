"""What a store is: five calls, and what each must keep to. Read this to write one.

A store keeps *sets*: the rows of one result, under a stack and an address. Of each set there is a row of a
**manifest**, which a plan reads; vectors are read by nobody but who asks for them. Stores are synchronous and are
called by one thread at a time; what their library raises comes out as a StoreError, without anything secret.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from reconciler.errors import Problem, StoreError
from reconciler.frozen import dataclass
from reconciler.results.naming import Naming
from reconciler.results.rows import Made, Rows

__all__ = ["FORMAT", "Opening", "Store", "of_another", "refuse_another"]

FORMAT = 1
"""Of what is kept. A store that a newer version wrote is refused."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a store is opened with: where it is, below which directory, and the names in it."""

    url: str = field(repr=False)
    shown: str
    """The same without anything secret: what messages call the store."""
    root: Path
    """The stack's directory. Nothing is kept in a directory outside of it."""
    table: str
    """What tables and collections are called, before model and dimension."""
    naming: Naming
    without_secrets: Callable[[str], str]
    """For what a library says of the URL."""


class Store(Protocol):
    """Where results are kept. Whoever derives from it has `close`."""

    shown: str
    mixes: bool = True
    """Whether two stacks of one name can keep sets here side by side: not where the name is part of a path."""

    @abstractmethod
    def prepare(self, dims: Mapping[str, int | None], *, make: bool = True) -> Sequence[Problem]:
        """Model → dimension (None for texts) of what shall be kept: whether it can be, and if so what is missing is
        made. Others may be doing the same, or writing, at this moment.

        What is in the way (another shape, somebody else's table, no such server) is said, and then nothing is made or
        changed. `make=False` only looks.
        """

    def sweep(self, stack: str) -> None:
        """Put in order what a killed run of a stack has left: nobody else writes sets of that name now."""
        return

    def in_the_way(self, stack: str, address: str) -> Sequence[Problem]:
        """What of somebody else's is where a set would have to be; nothing where sets are rows beside others'."""
        return []

    @abstractmethod
    def list(self, stack: str) -> Iterable[Made]:
        """All sets of a stack of this name, whatever its id, by the manifest alone. A store that is not there yet has
        none."""

    @abstractmethod
    def replace(self, made: Made, rows: Rows, *, taken_from: str = "") -> Made:
        """Keep a set, instead of what was under its address before: whole for every reader of the manifest, or not at
        all, and on disk when it returns. The same again changes nothing.

        A set of another stack of the name is refused (`refuse_another`) and stays, unless it is agreed that it is
        `taken_from` the stack of this id. Gives the row of the manifest: its digest is that of the rows as `read` gives
        them back, which is another one where a store normalises vectors.
        """

    @abstractmethod
    def delete(self, stack: str, address: str, stack_id: str = "") -> None:
        """Remove a set; one that is not there is fine, and one of another stack of the name is refused."""

    @abstractmethod
    def read(self, stack: str, address: str) -> Rows | None:
        """A set as it is now: what the digest in the manifest is of, unless somebody changed it."""

    @abstractmethod
    def foreign(self) -> int:
        """How many rows, or files, here belong to no set of any stack. They are never touched."""

    def place(self, made: Made) -> Mapping[str, str]:
        """Where a set is, for programs that read it: a path, a table, without anything secret."""
        return {"url": self.shown}

    def close(self) -> None:
        """Let go of it; again is fine."""
        return


def refuse_another(where: str, stack: str, address: str, there: str | None, *ours: str) -> None:
    """Raise StoreError if what is at an address has the id of a stack that is none of ours. A name is no proof; what
    has no id was kept by an older version, and the name is all that there is."""
    if there and there not in ours:
        raise StoreError(of_another(where, stack, address, there))


def of_another(where: str, stack: str, address: str, id: str) -> str:
    """That a set is another stack's, and what to do."""
    return (
        f"{where}: what is kept at {address} is of another stack called {stack} (its id is {id}); rename one of the "
        "two, or keep the results of one elsewhere; nothing was touched"
    )
