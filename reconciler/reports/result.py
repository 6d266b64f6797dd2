"""What a run has to say, once: every format shows this value, and none knows more than another.

It is made of the plan (of a drift or an error: of one that changes nothing) and of what stands beside it. Paths in it
are from the root of the sources, as a code host names them, wherever the command was run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.model import Action, Change, Estimate, Plan, Report
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.state import RunRow

__all__ = ["Result", "Spot", "agreed", "reason_of"]

REASONS = {3: "refused", 4: "locked", 5: "unauthorised", 6: "stale"}
"""exit code → why there is no result, in a word."""
FLAGS = {
    "adopt": "--adopt",
    "replace": "--allow-replace",
    "deletes": "--allow-deletes",
    "foreign": "--allow-foreign",
    "recreate": "--allow-recreate",
    "retry_failed": "--retry-failed",
    "cost": "--allow-cost",
    "empty": "--destroy",
}
"""What can be agreed to, and how."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in YAML; line and column count from 1, and 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One run, of whatever kind: `plan`, `drift`, `apply` or `error`."""

    kind: str
    plan: Plan
    path: str = ""
    """Of the stack."""
    home: Spot | None = None
    """Where whatever has no place of its own is shown: the first lines of the stack."""
    spots: Mapping[str, Spot] = field(default_factory=dict)
    """address → where it is declared; what is no longer declared has none."""
    refusals: tuple[str, ...] = ()
    """What the guards say against it: nothing is done as long as they say anything."""
    consents: tuple[str, ...] = ()
    """What was agreed to, as flags."""
    baseline: str = "recorded"
    """What live was compared with to find drift: `recorded`, or `declared` where nothing is recorded."""
    compared: tuple[str, ...] = ()
    """Addresses of which something was compared."""
    objects: tuple[tuple[str, str, str], ...] = ()
    """(kind, id, name) of what is not of this stack, when it was asked for."""
    report: Report | None = None
    """How an apply went."""
    reason: str = ""
    """Why there is no result, in a word."""
    version: str = __version__
    account: str = ""
    """Which host it is an account of."""
    at: datetime | None = None
    """When the account was looked at."""
    sources: str = ""
    """Where a code host shows the files of this commit: what a path is put behind. '' where nobody said."""
    commit: str = ""
    addresses: tuple[str, ...] = ()
    """All that is declared, of a small stack; what needs what of it is in `needs`: (from, to, how)."""
    needs: tuple[tuple[str, str, str], ...] = ()
    runs: tuple[RunRow, ...] = ()
    """The last runs that the state knows, the last one first."""
    checks: tuple[Checked, ...] = ()
    """How the checks of the stack went after an apply."""

    @property
    def stack(self) -> str:
        """Its name; '' when not even that could be read."""
        return self.plan.stack

    @property
    def provider(self) -> str:
        """Whose account it is."""
        return self.plan.provider

    @property
    def changes(self) -> tuple[Change, ...]:
        """What would be done, or was."""
        return self.plan.changes

    @property
    def drift(self) -> tuple[Change, ...]:
        """What was changed outside git."""
        return self.plan.drift

    @property
    def estimate(self) -> Estimate:
        """What it takes."""
        return self.plan.estimate

    @property
    def diagnostics(self) -> tuple[Problem, ...]:
        """What is wrong, or worth saying."""
        return self.plan.diagnostics

    def spot(self, address: str) -> Spot | None:
        """Where an address is declared, or else the nearest thing to it."""
        return self.spots.get(address) or self.home

    def by_kind(self) -> dict[str, dict[Action, int]]:
        """kind → action → how many changes."""
        found: dict[str, dict[Action, int]] = {}
        for change in self.changes:
            counts = found.setdefault(change.kind, {})
            counts[change.action] = counts.get(change.action, 0) + 1
        return dict(sorted(found.items()))


def agreed(consent: Mapping[str, Any]) -> tuple[str, ...]:
    """What was agreed to, as the flags that say it; of a name that nobody knows, the name."""
    said: list[str] = []
    for name, value in consent.items():
        flag = FLAGS.get(name, name)
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            said += [flag] if value else []
        else:
            said += [f"{flag} {pattern}" for pattern in sorted(map(str, value))]
    return tuple(said)


def reason_of(error: BaseException) -> str:
    """Why there is no result, in a word: `invalid`, `refused`, `locked`, `unauthorised`, `stale` or `error`."""
    if isinstance(error, Invalid):
        return "invalid"
    return REASONS.get(getattr(error, "exit_code", 1), "error")
