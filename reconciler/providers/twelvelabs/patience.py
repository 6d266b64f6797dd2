"""What TwelveLabs refuses only because it came too early: an asset that is not ready yet is made use of.

A listing may call an asset ready before all of the platform knows it, and an asset that is looked up instead of made is
not waited for. Clients have seen such refusals; their words are known, neither their status nor their code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.errors import Conflict, NotYet, Rejected

__all__ = ["again_s", "patience"]

EARLY = "being processed"
PAUSE_S = 15.0
"""Assets take seconds to minutes."""


def again_s(refusal: str) -> float | None:
    """How long to wait before what was refused so is sent again; None when that would not help."""
    return PAUSE_S if EARLY in refusal else None


@contextmanager
def patience() -> Iterator[None]:
    """Turns a refusal that time mends into a NotYet: nothing was made, so it may be sent again."""
    try:
        yield
    except (Rejected, Conflict) as error:
        if pause_s := again_s(str(error)):
            raise NotYet(str(error), status=error.status, code=error.code, retry_after_s=pause_s) from error
        raise
