"""Results in a directory below that of the stack: vectors as Parquet, texts as JSON, one file a set.

A file is called by its address, below its stack: `results/sports/embeddings/clips/final.parquet`. It is replaced under
its own name, so that whoever opens it once reads one set. Files that were named by their digest would be gone under the
hands of who is about to read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO

from reconciler.errors import Problem, StoreError
from reconciler.results import parquet, texts
from reconciler.results.contract import FORMAT, Opening, Store, refuse_another
from reconciler.results.folder import Folder, below, written_name
from reconciler.results.naming import Naming
from reconciler.results.remembered import Remembered
from reconciler.results.rows import Made, Rows

__all__ = ["Directory"]

_VECTORS, _TEXTS = ".parquet", ".json"
DAMAGES = (KeyError, TypeError, ValueError, AttributeError, NotImplementedError, MemoryError, OSError)
"""What reading a file can raise of which only the manifest was looked at."""


class Directory(Store):
    """A directory of results."""

    mixes = False

    def __init__(self, opening: Opening) -> None:
        self.shown = opening.shown
        self._naming = opening.naming
        self._folder = Folder(opening.root, below(opening.root, opening.url))

    def prepare(self, dims: Mapping[str, int | None], *, make: bool = True) -> Sequence[Problem]:
        """The directory is made with its first file; what is in the way is a package, or a link."""
        try:
            if any(dim is not None for dim in dims.values()):
                parquet.schema(1, self._naming)
            if make:
                with self._said("keep"), self._folder.directory(make=True):
                    self._folder.sweep()
        except StoreError as error:
            return [Problem("", 0, 0, "", str(error))]
        return []

    def in_the_way(self, stack: str, address: str) -> Sequence[Problem]:
        """A file under the set's own name that is none of ours."""
        try:
            for dim in (1, None):
                self._refuse_foreign(_words(stack, address, dim))
        except StoreError as error:
            return [Problem("", 0, 0, address, str(error))]
        return []

    def list(self, stack: str) -> Sequence[Made]:
        """By the footers, of files that are not as they were when they were last seen."""
        found = []
        with self._said("read"), Remembered(self._folder.path / written_name(stack)) as seen:
            for words, entry in self._folder.files([written_name(stack)]):
                if entry.name.endswith((_VECTORS, _TEXTS)):
                    made = self._ours(words, seen.manifest(words, entry, self._manifest))
                    if made and made.stack == stack:
                        found.append(made)
        return found

    def replace(self, made: Made, rows: Rows, *, taken_from: str = "") -> Made:
        """One file, which takes the place of the one before it."""
        words = _words(made.stack, made.address, rows.dim)
        other = _words(made.stack, made.address, 1 if rows.dim is None else None)
        self._refuse_foreign(words)
        before = [self._ours(place, self._manifest(place)) for place in (words, other)]
        for there in filter(None, before):
            refuse_another(self.shown, made.stack, made.address, there.stack_id, made.stack_id, taken_from)
        kept = {"format": FORMAT, "columns": dict(self._naming.given), **asdict(made)}
        with self._said("write"), self._folder.replacing(words) as file:
            if rows.dim is None:
                texts.write(file, rows, self._naming, kept)
            else:
                parquet.write(file, rows, self._naming, kept)
        if before[1] is not None:
            self._folder.remove(other)
        return made

    def delete(self, stack: str, address: str, stack_id: str = "") -> None:
        """Remove the file."""
        for dim in (1, None):
            words = _words(stack, address, dim)
            if there := self._ours(words, self._manifest(words)):
                refuse_another(self.shown, stack, address, there.stack_id, stack_id)
                with self._said("write"):
                    self._folder.remove(words)

    def read(self, stack: str, address: str) -> Rows | None:
        """Of one opening of the file: it is the same set to its end."""
        for dim in (1, None):
            words = _words(stack, address, dim)
            with self._opened(words) as file:
                if file is None or (made := self._ours(words, kept := _footer(words, file))) is None:
                    continue
                file.seek(0)
                naming = Naming(kept.get("columns") or {})
                try:
                    return parquet.read(file, made.dim, naming) if dim else texts.read(file, naming)
                except DAMAGES as error:
                    place = self._folder.path.joinpath(*words)
                    raise StoreError(f"{place} is damaged: delete it, and it is made again ({error!r:.100})") from error
        return None

    def place(self, made: Made) -> Mapping[str, str]:
        """The file."""
        return {"path": str(self._folder.path.joinpath(*_words(made.stack, made.address, made.dim)))}

    def foreign(self) -> int:
        """Files that look like results and are none."""
        with self._said("read"):
            files = [words for words, _ in self._folder.files() if words[-1].endswith((_VECTORS, _TEXTS))]
            return sum(self._ours(words, self._manifest(words)) is None for words in files)

    def _manifest(self, words: Sequence[str]) -> Any:
        with self._opened(words) as file:
            return None if file is None else _footer(words, file)

    @contextmanager
    def _opened(self, words: Sequence[str]) -> Iterator[BinaryIO | None]:
        file = self._folder.open(words)
        if file is None:
            yield None
            return
        with self._said("read"), file:
            yield file

    def _ours(self, words: Sequence[str], kept: Any) -> Made | None:
        """What a file's manifest says, if the file is where that belongs: a copy of it is somebody else's."""
        if not isinstance(kept, Mapping):
            return None
        if kept.get("format") != FORMAT:
            raise StoreError(f"{self._folder.path.joinpath(*words)} was made by a newer version: install that one")
        made = Made.from_json(kept)
        return made if made and _words(made.stack, made.address, made.dim) == tuple(words) else None

    def _refuse_foreign(self, words: Sequence[str]) -> None:
        with self._opened(words) as file:
            if file is not None and self._ours(words, _footer(words, file)) is None:
                place = self._folder.path.joinpath(*words)
                raise StoreError(f"{place} is in the way and not ours: move it, or keep results elsewhere")

    @contextmanager
    def _said(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot {doing} results in {self.shown}: {error.strerror or error}") from error


def _words(stack: str, address: str, dim: int | None) -> tuple[str, ...]:
    *places, name = map(written_name, (stack, *address.split("/")))
    return (*places, name + (_TEXTS if dim is None else _VECTORS))


def _footer(words: Sequence[str], file: BinaryIO) -> Any:
    return texts.footer(file) if words[-1].endswith(_TEXTS) else parquet.footer(file)
