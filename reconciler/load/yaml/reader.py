"""One YAML text → plain Python values: by the quick reader where nothing in the text is odd, and by the careful one
wherever something is.

Values carry no positions; `positions` finds them again when something is to be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.yaml.positions import Path
from reconciler.load.yaml.quick import quick
from reconciler.load.yaml.texts import NotText, text_of

__all__ = ["MOST_BYTES", "MOST_DEPTH", "Doc", "Fault", "Slot", "read"]

MOST_BYTES: Final = 256 * 1024 * 1024
MOST_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """Something refused while reading: where (from 1), in which value, and what; or the key of that value is meant."""

    line: int
    column: int
    path: Path
    summary: str
    on_key: bool = False


@dataclass(slots=True)
class Slot:
    """A string with `${` in it: where it is held, so that it can be filled in, and where it was written, or no line
    where its path says that."""

    holder: Any
    key: Any
    line: int
    column: int
    path: Path


@dataclass(slots=True)
class Doc:
    """What a text holds. `whole` says whether all of it could be read."""

    value: Any = None
    faults: list[Fault] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    whole: bool = True


def read(data: bytes) -> Doc:
    """The document in the bytes; never raises for what they hold."""
    try:
        text = text_of(data)
    except NotText as error:
        return Doc(faults=[Fault(error.line, error.column, (), str(error))], whole=False)
    if (value := quick(text)) is not None:
        return Doc(value, slots=list(_slots(value, ())) if "${" in text else [])
    # Not before it is needed: PyYAML takes as long to import as a small stack to read.
    from reconciler.load.yaml.careful import read_carefully

    doc = Doc()
    read_carefully(text, doc)
    return doc


def _slots(box: Any, path: Path) -> Iterator[Slot]:
    """Strings with variables in what the quick reader gave, in the order of the text."""
    for key, value in box.items() if type(box) is dict else enumerate(box):
        if type(value) is str:
            if "${" in value:
                yield Slot(box, key, 0, 0, (*path, key))
        elif type(value) is dict or type(value) is list:
            yield from _slots(value, (*path, key))
