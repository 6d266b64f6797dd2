"""Where values stand, of PyYAML: its tree of nodes, or its events up to the value that is asked for."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any, Final

import yaml

from reconciler.load.yaml.positions import Path

__all__ = ["LOADER", "Nodes"]

LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)
"""Only its events and nodes are used: nothing is constructed by PyYAML."""


class _Untagged(LOADER):  # type: ignore[misc]
    """Nodes without a guess of what type each of them is, which takes longer than all else and nobody asks for."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> None:
        """No tag."""


class Nodes:
    """The nodes of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._maps: dict[int, dict[str, tuple[Any, Any]]] = {}

    @cached_property
    def _root(self) -> Any:
        try:
            return yaml.compose(self._text, Loader=_Untagged)
        except (yaml.YAMLError, RecursionError):
            return None

    def find(self, path: Path, *, on_key: bool = False) -> tuple[int, int]:
        """The value at the path, or its key; for what is not there the nearest that is: the key of what lacks it."""
        # The settings of a stack stand before all that it declares, and every report asks where its name is.
        if len(path) == 1 and "_root" not in self.__dict__ and (pair := _at_top(self._text, path[0])):
            return _shown(*pair, on_key=on_key)
        node, key = self._root, None
        for word in path:
            step = self._step(node, word)
            if step is None:
                on_key = True
                break
            key, node = step
        return _shown(key, node, on_key=on_key)

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


def _at_top(text: str, word: str | int) -> tuple[Any, Any] | None:
    """(key, value) of a scalar of the outermost mapping, as events: read no further than to there. None for whatever is
    not as simple as that."""
    depth = 0
    key: Any = None
    with suppress(yaml.YAMLError, RecursionError):
        for event in yaml.parse(text, Loader=LOADER):
            if depth == 1 and isinstance(event, yaml.NodeEvent):
                if key is None and not isinstance(event, yaml.ScalarEvent):
                    return None  # no name
                if key is not None and key.value == word:
                    return (key, event) if isinstance(event, yaml.ScalarEvent) else None
                key = event if key is None else None
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth == 1 and not isinstance(event, yaml.MappingStartEvent):
                    return None
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    return None


def _shown(key: Any, node: Any, *, on_key: bool) -> tuple[int, int]:
    """The position of a value, or of its key if that is where people look."""
    mark = key.start_mark if key is not None and (on_key or _starts_late(key, node)) else _start(node)
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _start(node: Any) -> Any:
    return node.start_mark if node is not None else None


def _starts_late(key: Any, value: Any) -> bool:
    """A block under its key, or nothing at all: the key is where people look."""
    if isinstance(value, yaml.ScalarNode | yaml.ScalarEvent):
        return not value.value and not value.style
    return bool(value.start_mark.line > key.start_mark.line and not value.flow_style)
