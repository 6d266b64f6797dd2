"""Where in a YAML text a value stands: the text is parsed once more, with positions, when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.load.yaml.quick import quick_place

if TYPE_CHECKING:
    from reconciler.load.yaml.nodes import Nodes

__all__ = ["Path", "Positions"]

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a value."""


class Positions:
    """The positions of one text; lines and columns count from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes: Nodes | None = None

    def find(self, path: Path, *, on_key: bool = False) -> tuple[int, int]:
        """The value at the path, or its key; for what is not there the nearest that is: the key of what lacks it."""
        if self._nodes is None:
            # Every report asks where the stack's name is, and most need nothing of PyYAML else.
            if len(path) == 1 and (found := quick_place(self._text, str(path[0]), on_key=on_key)):
                return found
            from reconciler.load.yaml.nodes import Nodes

            self._nodes = Nodes(self._text)
        return self._nodes.find(path, on_key=on_key)
