"""How small, large or long a value may be, said so that pydantic understands it, and without importing pydantic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["Bounds", "ForPydantic"]


class ForPydantic:
    """Markers that say the same as some of pydantic's, which they become when a model is made: pydantic goes through
    what says of itself that it is a group of annotations."""

    __is_annotated_types_grouped_metadata__ = True


@dataclass(frozen=True, slots=True)
class Bounds(ForPydantic):
    """How small, large or long a value may be, and what a text looks like."""

    ge: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __iter__(self) -> Iterator[Any]:
        """As annotations of pydantic."""
        from pydantic import Field

        said: Any = Field(
            ge=self.ge,
            le=self.le,
            lt=self.lt,
            min_length=self.min_length,
            max_length=self.max_length,
            pattern=self.pattern,
        )
        yield from said.metadata
