"""Changes that are the same but for their address, as one: nobody reads the same three lines 800 times.

What is destroyed is never among them: of that each address is to be read.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.frozen import dataclass
from reconciler.model import Action, Change, parent_of
from reconciler.reports.values import shown

__all__ = ["FEWEST", "Group", "grouped"]

FEWEST = 5
"""Fewer that are the same are told one by one."""
ALONE = (Action.DELETE, Action.REPLACE, Action.ADOPT, Action.MOVE)
"""Each of them says something of its own: what goes, and which object is taken over."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """One change, or many that are the same; the first stands for all."""

    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """The one that is shown."""
        return self.changes[0]

    @property
    def title(self) -> str:
        """`assets/final`, or `25 × assets/matches-*`."""
        if len(self.changes) == 1:
            return self.first.address
        addresses = [change.address for change in self.changes]
        return f"{len(addresses)} × {_common(min(addresses), max(addresses))}*"

    @property
    def examples(self) -> str:
        """Some of those that are not shown; '' for one alone."""
        if len(self.changes) == 1:
            return ""
        names = [change.address for change in self.changes[:EXAMPLES]]
        more = len(self.changes) - len(names)
        return f"{', '.join(names)}{f' and {more} more' if more else ''}"


def grouped(changes: Sequence[Change], *, each: bool = False, alone: frozenset[str] = frozenset()) -> list[Group]:
    """The changes in their order, what is the same where its first stands. `each` joins nothing; `alone` are addresses
    that are to stand for themselves."""
    if each:
        return [Group((change,)) for change in changes]
    found: dict[object, list[Change]] = {}
    for change in changes:
        single = change.action in ALONE or change.address in alone
        found.setdefault(change.address if single else _sameness(change), []).append(change)
    groups: dict[str, Group] = {}
    for same in found.values():
        parts = [tuple(same)] if len(same) >= FEWEST else [(change,) for change in same]
        groups.update((part[0].address, Group(part)) for part in parts)
    return [groups[change.address] for change in changes if change.address in groups]


def _sameness(change: Change) -> object:
    """Equal for those of which one tells all: also 1 and true differ, as they are shown."""
    deltas = tuple(
        (delta.path, shown(delta.before), shown(delta.after), delta.source, shown(delta.recorded))
        for delta in change.deltas
    )
    return (change.action, change.kind, parent_of(change.address), change.reason, change.replace_paths, deltas)


def _common(least: str, greatest: str) -> str:
    """What all between the two begin with, cut where a word of the address ends."""
    same = next((n for n, (a, b) in enumerate(zip(least, greatest, strict=False)) if a != b), len(least))
    return least[: max(least.rfind(mark, 0, same) for mark in "/-_.") + 1]
