"""What makes the emulator one vendor's: a value that `core` is given, and knows nothing of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from reconciler.emulator.core.endpoints import Api, Arrival, EndpointFamily
from reconciler.emulator.core.options import CoreOptions
from reconciler.emulator.core.problems import ApiProblem

__all__ = ["RequestLimiter", "Unserved", "Vendor"]

Unserved = Literal["no endpoint", "wrong method", "bad key", "wrong type", "broken form"]
"""Why a request never comes to a handler; each vendor has its own status and words for it."""


class RequestLimiter(Protocol):
    """Counts what an account asks for, and refuses what is beyond its plan by raising the vendor's 429."""

    def take(self, account: str, bucket: str | None, options: Any, envelope: str) -> dict[str, str]:
        """Count a request; the headers that say what is left. `envelope` is that of the 429."""

    def spend(self, account: str, family: str, unit: str, amount: float, options: Any) -> None:
        """Take some of what the plan has for a family."""

    def clear(self) -> None:
        """Count from nought."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's API as far as `core` must know it."""

    name: str
    api: Api
    """Where a client finds it: the surface of every family that names none."""
    families: tuple[EndpointFamily, ...]
    options: CoreOptions
    """What holds if nothing is set; of the vendor's own class."""
    arrival: Callable[..., Arrival]
    """Makes the vendor's own kind of request from the fields of an `Arrival`."""
    unserved: Callable[[Unserved, str], ApiProblem]
    """The answer to a request that comes to no handler; with what was wrong about it."""
    envelope: Callable[[ApiProblem, str], object]
    """The body of a problem, in its own envelope or in this one of the route."""
    limiter: Callable[[Callable[[], float]], RequestLimiter]
    """Made with what tells the time."""
    whole_numbers: bool = False
    """Whether a number that is whole goes out without a point, whatever its type is."""
