"""The YAML files of one stack, read: its own, and what they include."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import YAML_SUFFIXES, Outside, Root, TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.reader import Doc, Slot, read

__all__ = ["Document", "Documents"]


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its mapping at the top, and the strings in it that variables go into."""

    source: TextFile
    top: Mapping[str, Any]
    slots: list[Slot]
    included: bool = False


class Documents(list[Document]):
    """All that could be read, in order. `closed` says that nothing is missing: what is not there, is not declared."""

    def __init__(
        self, path: Path, display: Path, problems: Problems, instead: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__()
        self.closed = True
        self._problems = problems
        self._display = display
        # What ends in .yaml and is not there is a file that is missing, not a directory without YAML.
        self._alone = path.is_file() or (path.suffix in YAML_SUFFIXES and not path.is_dir())
        try:
            top, shown = (path.parent, display.parent) if self._alone else (path, display)
            self.root = Root(top, shown, instead)
        except OSError as error:
            what = f"cannot be read: {error.strerror}; is the current directory gone? give the PATH in full"
            raise Invalid([Problem(str(display), 0, 0, "", what)]) from error
        for relative in [path.name] if self._alone else self._own():
            self._add(relative, included=False)

    @property
    def top(self) -> Place:
        """What to blame for what is missing: the one file, or the directory."""
        source = TextFile(str(self._display))
        return Place(source, line=1, column=1) if self._alone else Place(source)

    def _own(self) -> list[str]:
        """Names in the directory; nothing can be said of a stack without one."""
        try:
            names = self.root.own_files()
        except OSError as error:
            raise Invalid([Problem(str(self._display), 0, 0, "", f"cannot be read: {error.strerror}")]) from error
        except Outside as error:
            raise Invalid([Problem(str(self._display), 0, 0, "", str(error))]) from error
        if not names:
            what = "holds no *.yaml or *.yml; name a directory that does, or a file"
            raise Invalid([Problem(str(self._display), 0, 0, "", what)])
        return names

    def _add(self, relative: str, *, included: bool) -> None:
        try:
            source = self.root.read(relative)
        except Outside as error:
            source = TextFile(self.root.name(relative), relative)
            self._problems.add(Place(source), str(error), address="")
            self.closed = False
            return
        doc = parsed(source, self._problems)
        self.closed = self.closed and doc.whole
        self.append(Document(source, doc.value, doc.slots if doc.whole else [], included))

    def include(self, fill: Callable[[Document], None]) -> None:
        """Add the files that the patterns under `include:` find, each once, sorted; `fill` puts variables into them."""
        found: set[str] = set()
        for document in self:
            patterns = document.top.get("include")
            for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
                try:
                    found.update(self._matches(pattern))
                except Outside as error:
                    self._problems.add(Place(document.source, ("include", index)), f"include: {error}", address="")
                    self.closed = False
        own = len(self)
        # A pattern may find the files that are read anyway; each counts once.
        for relative in sorted(found - {document.source.relative for document in self}):
            self._add(relative, included=True)
        for document in self[own:]:
            fill(document)

    def _matches(self, pattern: Any) -> list[str]:
        if type(pattern) is not str:
            raise Outside(f"expected a pattern such as parts/*.yaml, got {a(pattern)}")
        try:
            names = [name for name in self.root.glob(pattern) if name.endswith(YAML_SUFFIXES)]
        except Outside as error:
            raise Outside(f'"{cut(pattern)}" {error}') from None
        if not names:
            raise Outside(f'"{cut(pattern)}" finds no *.yaml or *.yml; correct it, or take it out')
        return names


def parsed(
    source: TextFile, problems: Problems, *, what: str = "keys such as `stack:` and `provider:` at the top"
) -> Doc:
    """The mapping in a file, empty if it holds nothing; what is wrong in it goes to the problems."""
    doc = read(source.data or b"")
    for fault in doc.faults:
        place = Place(source, fault.path, line=fault.line, column=fault.column)
        problems.add(place, fault.summary)
        if not fault.on_key:
            problems.mute(place)
    if doc.whole and doc.value is not None and not isinstance(doc.value, dict):
        problems.add(Place(source, line=1, column=1), f"expected {what}, got {a(doc.value)}", address="")
        doc.whole = False
    doc.value = doc.value if doc.whole and doc.value else {}
    return doc
