"""Where in a YAML text a value stands: the text is parsed once more, with positions, when somebody asks."""

from __future__ import annotations

from typing import Any, Final

import yaml

__all__ = ["LOADER", "Path", "Positions"]

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a value."""

LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)
"""Only its events and nodes are used: nothing is constructed by PyYAML."""


class Positions:
    """The positions of one text, found through its node tree; lines and columns count from 1."""

    def __init__(self, text: str) -> None:
        try:
            self._root = yaml.compose(text, Loader=LOADER)
        except (yaml.YAMLError, RecursionError):
            self._root = None
        self._maps: dict[int, dict[str, tuple[Any, Any]]] = {}

    def find(self, path: Path, *, on_key: bool = False) -> tuple[int, int]:
        """The value at the path, or its key; for what is not there the nearest that is: the key of what lacks it."""
        node, key = self._root, None
        for word in path:
            step = self._step(node, word)
            if step is None:
                on_key = True
                break
            key, node = step
        mark = key.start_mark if key is not None and (on_key or _starts_late(key, node)) else _start(node)
        return (mark.line + 1, mark.column + 1) if mark else (0, 0)

    def _step(self, node: Any, word: str | int) -> tuple[Any, Any] | None:
        """(key, value) nodes of one item; a list's item is its own key."""
        if isinstance(node, yaml.SequenceNode):
            inside = isinstance(word, int) and 0 <= word < len(node.value)
            return (node.value[word], node.value[word]) if inside else None
        if not isinstance(node, yaml.MappingNode):
            return None
        # Kept, because a mapping of a hundred thousand names may be asked for each of them.
        pairs = self._maps.get(id(node))
        if pairs is None:
            pairs = {}
            for key, value in node.value:
                pairs.setdefault(key.value if isinstance(key, yaml.ScalarNode) else "", (key, value))
            self._maps[id(node)] = pairs
        return pairs.get(str(word))


def _start(node: Any) -> Any:
    return node.start_mark if node is not None else None


def _starts_late(key: Any, value: Any) -> bool:
    """A block under its key, or nothing at all: the key is where people look."""
    if isinstance(value, yaml.ScalarNode):
        return not value.value and not value.style
    return bool(value.start_mark.line > key.start_mark.line and not value.flow_style)
