"""The runs before, as a table and a small chart: when, who, what came of it, and how much each did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.frozen import dataclass
from reconciler.redact import plain
from reconciler.state import RunRow

__all__ = ["Bar", "PastRun", "bars", "past"]

WIDE, GAP, HIGH, LEAST = 22, 6, 72, 3
"""Of a bar: how wide, how far from the next, how high at most, how high when it did nothing."""
ABOVE = 16
"""Room for the number over the highest bar."""
MARKS = {"done": "", "failed": "×", "interrupted": "!", "awaited": "…"}
"""What stands under a bar, for whoever sees no colours."""
UNTOLD = "no end is noted"


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run, as words."""

    run: str
    began: str
    took: str
    who: str
    command: str
    result: str
    did: str
    requests: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One run of the chart; places are in pixels."""

    x: int
    y: int
    height: int
    result: str
    number: str
    mark: str


def past(runs: Sequence[RunRow]) -> Iterator[PastRun]:
    """The last one first, as it is given."""
    for it in runs:
        yield PastRun(
            plain(it.run),
            f"{it.started:%Y-%m-%d %H:%M:%S} UTC",
            "" if it.ended is None else _span((it.ended - it.started).total_seconds()),
            plain(f"{it.who}@{it.host}"),
            plain(it.command),
            plain(it.result or UNTOLD),
            plain(", ".join(f"{count} {word}" for word, count in it.counts.items())),
            "" if it.requests is None else f"{it.requests}, {it.writes or 0} of them writes",
        )


def bars(runs: Sequence[RunRow]) -> list[Bar]:
    """How many addresses each did something at, the last one on the right; [] where there is nothing to compare."""
    if len(runs) < 2:
        return []
    most = max(sum(it.counts.values()) for it in runs) or 1
    return [_bar(number, it, most) for number, it in enumerate(reversed(runs))]


def _bar(number: int, run: RunRow, most: int) -> Bar:
    count = sum(run.counts.values())
    height = max(round(HIGH * count / most), LEAST)
    known = run.requests is not None
    result = run.result if run.result in MARKS else "untold"
    return Bar(
        x=number * (WIDE + GAP),
        y=ABOVE + HIGH - height,
        height=height,
        result=result or "untold",
        number=str(count) if known else "?",
        mark=MARKS.get(run.result or "", "?"),
    )


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
