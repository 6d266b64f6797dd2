"""What needs what, as a picture: boxes in columns, what is needed left of what needs it. Only of small stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from math import ceil

from reconciler.frozen import dataclass
from reconciler.model import Change
from reconciler.redact import plain
from reconciler.reports.graph import Edge
from reconciler.reports.values import cut

__all__ = ["Picture", "picture"]

LONGEST = 36
"""Characters of an address in a box; the list under the picture has all of it."""
LETTER, PAD = 7.3, 12
"""How wide a letter is, and what a box has beside its letters."""
HIGH, DOWN, ACROSS = 26, 10, 70
"""How high a box is, and how far from the next one below and beside."""
SWEEPS = 4
"""So often columns are sorted by where their neighbours are."""
WORDS = {"in": "lives in", "ref": "refers to", "value": "is given a value of"}


@dataclass(frozen=True, slots=True)
class Box:
    """One address."""

    x: int
    y: int
    width: int
    text: str
    action: str
    """`same` when nothing happens to it."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what needs something to that."""

    path: str
    head: str
    how: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, and the same in words."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    words: tuple[tuple[str, str, str], ...]


def picture(addresses: Sequence[str], edges: Sequence[Edge], changes: Sequence[Change]) -> Picture | None:
    """The picture; None where nothing needs anything, or each the other."""
    columns = _columns(addresses, edges)
    if len(columns) < 2:
        return None
    happens = {change.address: change for change in changes}
    boxes: dict[str, Box] = {}
    x = 0
    tallest = max(map(len, columns)) * (HIGH + DOWN) - DOWN
    for column in columns:
        texts = {address: _text(address, happens.get(address)) for address in column}
        width = ceil(max(map(len, texts.values())) * LETTER) + PAD
        top = (tallest - len(column) * (HIGH + DOWN) + DOWN) // 2
        for number, address in enumerate(column):
            change = happens.get(address)
            action = change.action.value if change else "same"
            boxes[address] = Box(x, top + number * (HIGH + DOWN), width, texts[address], action)
        x += width + ACROSS
    arrows = tuple(_arrow(boxes[source], boxes[target], how) for source, target, how in edges)
    words = tuple((plain(source), WORDS[how], plain(target)) for source, target, how in edges)
    return Picture(x - ACROSS, tallest, tuple(boxes.values()), arrows, words)


def _columns(addresses: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """What needs nothing first; each as far left as what it needs allows."""
    needs: dict[str, set[str]] = {address: set() for address in addresses}
    for source, target, _ in edges:
        needs[source].add(target)
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError:
        return []
    depth: dict[str, int] = {}
    for address in order:
        depth[address] = max((depth[it] + 1 for it in needs[address]), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for address in addresses:
        columns[depth[address]].append(address)
    return _untangled(columns, edges)


def _untangled(columns: list[list[str]], edges: Iterable[Edge]) -> list[list[str]]:
    """Each column in the order of the middle of its neighbours: fewer arrows cross."""
    beside: dict[str, list[str]] = {address: [] for column in columns for address in column}
    for source, target, _ in edges:
        beside[source].append(target)
        beside[target].append(source)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 else reversed(columns):
            at = _heights(columns)
            column.sort(key=lambda it: (_middle([at[other] for other in beside[it]], at[it]), at[it]))
    return columns


def _heights(columns: Iterable[Sequence[str]]) -> Mapping[str, float]:
    return {it: (number + 0.5) / len(column) for column in columns for number, it in enumerate(column)}


def _middle(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _text(address: str, change: Change | None) -> str:
    return plain(cut(f"{change.action.symbol} {address}" if change else address, LONGEST))


def _arrow(source: Box, target: Box, how: str) -> Arrow:
    """From the left side of one to the right side of the other."""
    x, y = source.x, source.y + HIGH // 2
    to_x, to_y = target.x + target.width + 7, target.y + HIGH // 2
    half = max((x - to_x) // 2, 20)
    return Arrow(f"M{x} {y}C{x - half} {y} {to_x + half} {to_y} {to_x} {to_y}", f"M{to_x - 7} {to_y}l8 -4v8z", how)
