"""The catalogue of a provider's kinds: sorted by itself, asked by name.

A kind stands after the kind that it lives in and after all kinds that it refers to, and otherwise in the order of its
words in YAML. So whoever goes through a catalogue has what a kind needs before the kind, whatever order the provider
wrote them down in.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import overload

from reconciler.kind import Kind

__all__ = ["Kinds"]


class Kinds(Sequence[type[Kind]]):
    """The kinds of one provider.

    Raises TypeError for two kinds of one name, for a parent or a reference that is not in the catalogue, and for kinds
    that need each other in a circle.
    """

    def __init__(self, kinds: Iterable[type[Kind]]) -> None:
        given = list(kinds)
        by_name = {kind.__name__: kind for kind in given}
        if len(by_name) < len(given):
            twice = sorted({kind.__name__ for kind in given if by_name[kind.__name__] is not kind})
            raise TypeError(f"several kinds have one name: {', '.join(twice)}")
        needs = {kind: set(_needs(kind, by_name)) for kind in given}
        self._sorted = tuple(_sorted(needs))
        self.by_name: Mapping[str, type[Kind]] = {kind.__name__: kind for kind in self._sorted}

    @overload
    def __getitem__(self, which: str | int) -> type[Kind]: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[type[Kind], ...]: ...
    def __getitem__(self, which: str | int | slice) -> type[Kind] | tuple[type[Kind], ...]:
        """By name; KeyError for one that there is not. By place, as in any sequence."""
        return self.by_name[which] if isinstance(which, str) else self._sorted[which]

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[type[Kind]]:
        return iter(self._sorted)

    @cached_property
    def roots(self) -> tuple[type[Kind], ...]:
        """Those that live in no other."""
        return tuple(kind for kind in self if kind.parent is None)

    def children(self, kind: type[Kind]) -> tuple[type[Kind], ...]:
        """Those that live in this one."""
        return self._children.get(kind, ())

    @cached_property
    def _children(self) -> Mapping[type[Kind], tuple[type[Kind], ...]]:
        found: dict[type[Kind], tuple[type[Kind], ...]] = {}
        for kind in self:
            if kind.parent is not None:
                found[kind.parent] = (*found.get(kind.parent, ()), kind)
        return found


def _needs(kind: type[Kind], by_name: Mapping[str, type[Kind]]) -> Iterator[type[Kind]]:
    """The kinds without which this one makes no sense."""
    if kind.parent is not None:
        if by_name.get(kind.parent.__name__) is not kind.parent:
            raise TypeError(f"{kind.__name__} lives in {kind.parent.__name__}, which is not in the catalogue")
        yield kind.parent
    for field in kind.refs():
        target = by_name.get(field.ref or "")
        if target is None:
            raise TypeError(f"{kind.__name__}.{field.name} refers to {field.ref}, which is not in the catalogue")
        if target is not kind:  # one of a kind may refer to another of it
            yield target


def _sorted(needs: Mapping[type[Kind], set[type[Kind]]]) -> Iterator[type[Kind]]:
    """What is needed first, and else by the words in YAML."""
    order = TopologicalSorter(needs)
    try:
        order.prepare()
    except CycleError as error:
        circle = " → ".join(kind.__name__ for kind in error.args[1])
        raise TypeError(f"kinds need each other in a circle: {circle}") from error
    ready: list[tuple[tuple[str, ...], str, type[Kind]]] = []
    while order.is_active():
        for kind in order.get_ready():
            heapq.heappush(ready, (kind.section_path(), kind.__name__, kind))
        *_, kind = heapq.heappop(ready)
        yield kind
        order.done(kind)
