"""What columns are called in a store: our names, or those that other programs read already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from reconciler.frozen import dataclass
from reconciler.results.rows import COLUMNS

__all__ = ["DE_FACTO", "Naming", "slug"]

DE_FACTO: Final[Mapping[str, str]] = MappingProxyType(
    {"key": "id", "asset_id": "video", "option": "embedding_option", "scope": "embedding_scope"}
)
"""The names of most scripts and integrations, for readers that were written for them."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Naming:
    """Our column → its name in the store. What is not given is called as it is."""

    given: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, column: str) -> str:
        return self.given.get(column, column)

    def wrong(self) -> list[str]:
        """What cannot be: each with what to do."""
        found = [
            f"there is no column {ours}; there are {', '.join(COLUMNS)}" for ours in self.given.keys() - set(COLUMNS)
        ]
        bad = [theirs for theirs in self.given.values() if not _NAME.fullmatch(theirs)]
        found += [f"{theirs} cannot be the name of a column: letters, digits and _ can, up to 63" for theirs in bad]
        found += [
            f"{theirs} is a name that stores use themselves"
            for theirs in self.given.values()
            if theirs.startswith("set_")
        ]
        names = [self[column].lower() for column in COLUMNS]
        twice = sorted({name for name in names if names.count(name) > 1})
        return sorted(found) + [f"two columns would be called {name}" for name in twice]


def slug(text: str) -> str:
    """A model's name as part of a table's: `marengo3.0` → `marengo3_0`."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
