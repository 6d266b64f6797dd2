"""`docs/performance.md`, where each command of these benchmarks writes its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["line", "table", "written"]

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def line(cells: Sequence[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(map(line, [heads, ["---"] * len(heads), *rows]))


def written(mark: str, text: str) -> None:
    """Put it between the comments of this mark, in the place of what stood there."""
    begin, end = f"<!-- {mark} -->\n", "<!-- end -->"
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    assert found, f"{PAGE.name} has no place for {mark}"
    PAGE.write_text(f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
