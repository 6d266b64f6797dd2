"""Who a stack is beyond its name: its random id, the account that it is of, and the names that it had before."""

from __future__ import annotations

from reconciler.frozen import dataclass

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A stack as its state knows it."""

    id: str
    """Random, made at the first write: it tells this stack from another of the same name."""
    account: str | None = None
    """See `planfile.account_of`; None until something was applied."""
    place: str | None = None
    """The file that names it, or "." for a directory: a stack of another name there is this one renamed."""
    former: tuple[str, ...] = ()
    """Names that the stack had before it was renamed, the latest last."""
    rebuild: bool = False
    """Whether there may be more of ours than is recorded: true until a run has ended whole."""
