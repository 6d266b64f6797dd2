"""What of a plan fits into a comment: filled greedily, from the most to the least important, and what is left out is
counted. There is no size at which all of it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import IntEnum

from reconciler.frozen import dataclass
from reconciler.model import Action, Change
from reconciler.reports.groups import Group, grouped

__all__ = ["FittedPart", "Level", "fields_left_out", "filled", "left_out_of", "part_of"]


class Level(IntEnum):
    """How much of a change is told."""

    NOTHING = 0
    ADDRESS = 1
    FIELDS = 2


Render = Callable[[Group, Level], Sequence[str]]

PASSES: Sequence[tuple[Level, tuple[Action, ...]]] = (
    (Level.ADDRESS, (Action.DELETE, Action.REPLACE)),
    (Level.FIELDS, (Action.REPLACE, Action.DELETE)),
    (Level.FIELDS, (Action.UPDATE,)),
    (Level.FIELDS, (Action.MOVE, Action.ADOPT, Action.FORGET, Action.HOLD)),
    (Level.ADDRESS, (Action.MOVE, Action.ADOPT, Action.FORGET, Action.HOLD)),
    (Level.ADDRESS, (Action.UPDATE,)),
    (Level.ADDRESS, (Action.CREATE,)),
    (Level.FIELDS, (Action.CREATE,)),
)
"""What is filled in before what. Whoever reads a comment must see first what is lost, then what is overwritten."""


@dataclass(slots=True)
class FittedPart:
    """Some changes, in the order in which they are shown, and how much of each is."""

    groups: Sequence[Group]
    render: Render
    told: dict[str, Level] = field(default_factory=dict)
    _lines: dict[tuple[str, Level], Sequence[str]] = field(default_factory=dict)

    def level(self, group: Group) -> Level:
        """How much of it is told."""
        return self.told.get(group.first.address, Level.NOTHING)

    def at(self, group: Group, level: Level) -> Sequence[str]:
        """How a group reads when so much of it is told."""
        if level is Level.NOTHING:
            return ()
        key = (group.first.address, level)
        if key not in self._lines:
            self._lines[key] = self.render(group, level)
        return self._lines[key]

    def lines(self) -> list[str]:
        """What is told."""
        return [line for group in self.groups for line in self.at(group, self.level(group))]


def part_of(changes: Sequence[Change], render: Render) -> FittedPart:
    """Of these changes, nothing told as yet."""
    return FittedPart(grouped(changes), render)


def filled(parts: Sequence[FittedPart], room: int) -> int:
    """Tell as much of the parts as so many characters hold; how many are left."""
    for part in parts:
        part.told.clear()
    for level, actions in PASSES:
        for part in parts:
            room = _pass(part, level, actions, room)
    return room


def _pass(part: FittedPart, level: Level, actions: tuple[Action, ...], room: int) -> int:
    for group in part.groups:
        now = part.level(group)
        if group.first.action not in actions or now >= level:
            continue
        more = _size(part.at(group, level)) - _size(part.at(group, now))
        if more <= room:
            part.told[group.first.address] = level
            room -= more
    return room


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def left_out_of(parts: Sequence[FittedPart], words: Callable[[Action], str]) -> Iterator[str]:
    """For each action of which not all is told: exactly how much is."""
    counts: dict[Action, list[int]] = {}
    for part in parts:
        for group in part.groups:
            counts.setdefault(group.first.action, [0, 0, 0])[part.level(group)] += len(group.changes)
    for action in Action:
        nothing, address, fields = counts.get(action, (0, 0, 0))
        if nothing or address:
            whole = nothing + address + fields
            yield f"{fields} of {whole} {words(action)} shown whole, {address} by address, {nothing} not at all"


def fields_left_out(parts: Sequence[FittedPart]) -> Mapping[str, int]:
    """`Asset: metadata.title, metadata.note` → of how many changes these fields are not shown."""
    found: dict[str, int] = {}
    for part in parts:
        for group in part.groups:
            if part.level(group) < Level.FIELDS and group.first.action is Action.UPDATE:
                paths = ", ".join(delta.path for delta in group.first.deltas)
                name = f"{group.first.kind}: {paths}"
                found[name] = found.get(name, 0) + len(group.changes)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
