"""A provider of a package of its own, killed with SIGKILL at every point: what no driver has to do for itself.

The exactly-once part is the engine's: a driver sends, and says what it cannot know. So the harness of the provider that
comes with this package holds for one that it has never seen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.world import Place, Zygote, killed_then_finished, sampled
from tests.support.library import ServedLibrary, installed, served_library

V1 = """\
stack: crash
provider: library
authors:
  ann: {name: Ann, notes: {count: "1", gone: soon}}
  bob: {name: Bob}
  goes: {name: Goes}
shelves:
  first:
    topic: one
    books:
      stays: {isbn: "1", tags: [a, b], authors: [ann]}
      replaced: {isbn: "2", authors: [ann, goes]}
      old-key: {title: Moved, isbn: "3"}
      leaves: {isbn: "4"}
  dropped:
    books: {with-it: {isbn: "5", authors: [bob]}}
"""
V2 = """\
stack: crash
provider: library
authors:
  ann: {name: Ann, notes: {count: "2"}}
  bob: {name: Bob}
  added: {name: Added}
shelves:
  first:
    topic: two
    books:
      stays: {isbn: "1", tags: [c], authors: [bob, added]}
      replaced: {isbn: "22", authors: [ann]}
      new-key: {title: Moved, isbn: "3"}
  third:
    books: {one: {isbn: "6", authors: [added]}, two: {isbn: "7"}}
moved: [{from: shelves/first/books/old-key, to: shelves/first/books/new-key}]
"""
IN_V1 = Counter(
    [("authors", name) for name in ("Ann", "Bob", "Goes")]
    + [("shelves", name) for name in ("first", "dropped")]
    + [("books", name) for name in ("stays", "replaced", "Moved", "leaves", "with-it")]
)
IN_V2 = Counter(
    [("authors", name) for name in ("Ann", "Bob", "Added")]
    + [("shelves", name) for name in ("first", "third")]
    + [("books", name) for name in ("stays", "replaced", "Moved", "one", "two")]
)
OF_OTHERS = Counter([("authors", "Zoe"), ("shelves", "of others"), ("books", "hers")])


class Room(Place):
    """A library, and a directory with a stack of it."""

    key_variable = "LIBRARY_TOKEN"

    def __init__(self, zygote: Zygote, directory: Path, library: ServedLibrary) -> None:
        super().__init__(zygote, directory, library.url)
        self.library = library

    def account(self) -> Counter[tuple[str, str]]:
        """(kind, name) of everything in the library, as often as it is there."""
        return Counter((kind, name) for kind in ("authors", "shelves", "books") for name in self.library.names(kind))


@contextmanager
def room(zygote: Zygote, directory: Path, start: Path | None = None) -> Iterator[Room]:
    """A library with something of others in it, or one that goes on where the directory `start` stood."""
    if start:
        shutil.copytree(start, directory)
    else:
        directory.mkdir(parents=True)
    with served_library(directory / "library.json") as library:
        if not library.store.objects:
            zoe, shelf = (
                library.store.make("authors", {"name": "Zoe"}),
                library.store.make("shelves", {"name": "of others"}),
            )
            library.store.make("books", {"title": "hers", "authors": [zoe["uid"]]}, shelf["uid"])
        yield Room(zygote, directory / "stack", library)


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(installed(tmp_path_factory.mktemp("site")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def starts(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A library of others; and the same with V1 applied."""
    empty, first = tmp_path_factory.mktemp("start") / "empty", tmp_path_factory.mktemp("start") / "v1"
    with room(zygote, empty) as here:
        here.write({"stack.yaml": V1})
        assert here.reconcile("plan")["code"] == 0
    with room(zygote, first, empty) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
        assert here.account() == IN_V1 + OF_OTHERS
    return {"empty": empty, "v1": first}


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled())
@pytest.mark.parametrize(
    ("start", "text", "due"), [("empty", V1, IN_V1), ("v1", V2, IN_V2)], ids=["nothing to V1", "V1 to V2"]
)
def test_a_run_killed_at_any_point_is_finished_by_the_next(
    zygote: Zygote,
    starts: dict[str, Path],
    tmp_path: Path,
    start: str,
    text: str,
    due: Counter[tuple[str, str]],
    part: int,
) -> None:
    def as_due(here: Room, said: str) -> None:
        assert here.account() == due + OF_OTHERS, said

    killed_then_finished(
        lambda name: room(zygote, tmp_path / name, starts[start]),
        {"stack.yaml": text},
        as_due,
        part=part,
        more_than=30,
    )
