"""Who holds a stack, as people read it."""

from __future__ import annotations

from datetime import datetime

from reconciler.frozen import dataclass

__all__ = ["Holder", "Unlocked"]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a stack."""

    who: str
    host: str
    pid: int
    since: datetime
    command: str

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (pid {self.pid}) since {self.since:%Y-%m-%d %H:%M:%S} UTC, `{self.command}`"


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What `State.unlock` did: whose mark it cleared (None: there was none), and whether it ended a living session."""

    holder: Holder | None
    ended_session: bool
