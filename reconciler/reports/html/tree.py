"""Changes as a tree: what lives in something stands under it, with counts, and what is the same is one block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from urllib.parse import quote

from reconciler.errors import first_few
from reconciler.frozen import dataclass
from reconciler.model import Action, Change, ChangedBy, Outcome, parent_of
from reconciler.redact import plain
from reconciler.reports.groups import Group, grouped
from reconciler.reports.html.rows import Cells, Column, cells_of, columns_of
from reconciler.reports.losses import foreign_in, length
from reconciler.reports.result import Result, Spot
from reconciler.reports.view import is_destructive

__all__ = ["DRIFTED", "Block", "Branch", "Viewing", "tree"]

PARENT = "parent"
"""What a replacement is for when nothing of the object itself changed but what it lives in."""
PREVIEWED = 80
"""Characters of values that fit into the line of a folded block."""
FEW_NAMES = 4
DRIFTED: Mapping[Action, str] = {Action.UPDATE: "changed", Action.DELETE: "gone"}
"""What was done by somebody else, in a word."""


@dataclass(frozen=True, slots=True)
class PlacedChange:
    """One address: where it is declared, which object it is, and what an apply came to."""

    address: str
    where: str = ""
    url: str = ""
    """Of that line, where a code host shows it."""
    id: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One change, or many that are the same."""

    symbol: str
    action: str
    """Its class: how it is coloured."""
    choice: str
    """By which chip it is shown: its action, or that it drifted; on a page of drift, how."""
    word: str
    title: str
    kind: str
    reason: str
    says: tuple[str, ...]
    """What is to be known of it: why it is no small thing."""
    message: str
    preview: str
    """What changes, in a line, for as long as it is folded."""
    places: tuple[PlacedChange, ...]
    columns: tuple[Column, ...]
    rows: tuple[Cells, ...]
    marks: tuple[str, ...]
    """What it can be filtered by, besides its action and its kind."""
    destroys: bool
    branches: list[Branch] = field(default_factory=list)
    """What lives in it and changes too."""


@dataclass(frozen=True, slots=True)
class Branch:
    """All that changes of one section: `assets`, or `assets` of an index."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many changes."""
        return sum(len(block.places) for block in self.blocks)

    @property
    def destroys(self) -> bool:
        """Whether an object of it goes: then it is not folded away."""
        return any(block.destroys for block in self.blocks)

    @property
    def tally(self) -> list[tuple[str, str, int]]:
        """(class, word, how many) of each action."""
        found: dict[tuple[str, str], int] = {}
        for block in self.blocks:
            found[block.action, block.word] = found.get((block.action, block.word), 0) + len(block.places)
        return [(action, word, count) for (action, word), count in found.items()]


@dataclass(frozen=True, slots=True)
class Viewing:
    """How blocks are to look. `drift` is what drift was found by, or '' for a plan."""

    result: Result
    whole: bool = False
    drift: str = ""


def tree(changes: Sequence[Change], view: Viewing) -> list[Branch]:
    """The branches of the first level, in the order of the changes."""
    outcomes = _outcomes(view)
    undone = frozenset(address for address, outcome in outcomes.items() if outcome.result != "done")
    trunk: list[Branch] = []
    branches: dict[str, Branch] = {}
    blocks: dict[str, Block] = {}
    for group in grouped(changes, alone=undone):
        block = _block(group, view, outcomes)
        address = group.first.address
        section = address.rsplit("/", 1)[0]
        if section not in branches:
            above = blocks.get(parent_of(address) or "")
            title = section.rsplit("/", 1)[1] if above else section
            branches[section] = Branch(plain(title))
            (above.branches if above else trunk).append(branches[section])
        branches[section].blocks.append(block)
        if len(group.changes) == 1:
            blocks[address] = block
    return trunk


def _outcomes(view: Viewing) -> Mapping[str, Outcome]:
    report = None if view.drift else view.result.report
    return {it.address: it for it in report.outcomes} if report else {}


def _block(group: Group, view: Viewing, outcomes: Mapping[str, Outcome]) -> Block:
    change = group.first
    columns = columns_of(change, view.drift)
    outcome = outcomes.get(change.address)
    rows = tuple(cells_of(change, columns, whole=view.whole, drift=bool(view.drift)))
    word = DRIFTED.get(change.action, change.action.value) if view.drift else change.action.value
    action = "drifted" if view.drift else word
    return Block(
        symbol=change.action.symbol,
        action=action,
        choice=word if view.result.kind == "drift" else action,
        word=word,
        title=plain(group.title),
        kind=plain(change.kind),
        reason="" if change.reason == "new" else plain(change.reason),
        says=tuple(map(plain, _says(change))),
        message=plain(outcome.message) if outcome else "",
        preview=_preview(rows),
        places=tuple(_place(it, view.result, outcomes) for it in group.changes),
        columns=columns,
        rows=rows,
        marks=tuple(_marks(change, view, outcome)),
        destroys=is_destructive(change) and not view.drift,
    )


def _place(change: Change, result: Result, outcomes: Mapping[str, Outcome]) -> PlacedChange:
    outcome = outcomes.get(change.address)
    spot = result.spots.get(change.address)
    id = (outcome.id if outcome else None) or change.id or ""
    url = _url(spot, result.sources) if spot else ""
    return PlacedChange(plain(change.address), _where(spot), url, plain(id), outcome.result if outcome else "")


def _where(spot: Spot | None) -> str:
    if spot is None:
        return ""
    return plain(f"{spot.file}:{spot.line}" if spot.line else spot.file)


def _url(spot: Spot, sources: str) -> str:
    """Of that line; '' where nobody says where files are, or it is no page."""
    if not sources.startswith(("https://", "http://")):
        return ""
    return f"{plain(sources)}{quote(spot.file)}{f'#L{spot.line}' if spot.line else ''}"


def _preview(rows: Sequence[Cells]) -> str:
    """One field with its values, of more their names."""
    if not rows:
        return ""
    if len(rows) == 1:
        values = " → ".join("".join(text for text, _ in pieces) for _, pieces in rows[0].values)
        if len(values) <= PREVIEWED:
            return f"{rows[0].path}: {values}"
    return first_few([row.path for row in rows], FEW_NAMES)


def _says(change: Change) -> Iterator[str]:
    if change.previous_address:
        yield f"it was {change.previous_address}"
    if video := length(change):
        yield f"{video} of video"
    if foreign := foreign_in(change):
        yield foreign


def _marks(change: Change, view: Viewing, outcome: Outcome | None) -> Iterator[str]:
    sources = {delta.source for delta in change.deltas}
    if not view.drift and ChangedBy.BOTH in sources:
        yield "in git and outside git"
    elif not view.drift and ChangedBy.DRIFT in sources:
        yield "mends drift"
    if {*change.replace_paths} - {PARENT}:
        yield "forces replacement"
    if change.facts.get("foreign"):
        yield "holds objects of others"
    if outcome:
        yield outcome.result
