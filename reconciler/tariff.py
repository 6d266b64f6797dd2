"""What an account costs and may hold: data of a provider, with a date and a source, for estimates before an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Measure", "Metered", "Quota", "Rate", "Tariff"]


@dataclass(frozen=True, slots=True)
class Metered:
    """Media that is billed by the minute when an object of a kind is made of it, once for each model of its parent."""

    kind: str
    media: str
    """The field that refers to what has a duration."""
    models: str
    """The field of the parent that lists models by `name`."""
    per_minute: Mapping[str, float]
    """By model; of others the price is not known."""
    currency: str
    as_of: str
    source: str


class Measure(StrEnum):
    """What a quota counts."""

    OBJECTS = "objects"
    MINUTES = "minutes"
    AT_ONCE = "at once"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a kind an account of some plan may hold, in all or under each parent."""

    kind: str
    measure: Measure
    most: float
    per_parent: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of some kinds, all together, an account of some plan may make in a window of time."""

    kinds: tuple[str, ...]
    measure: Measure
    most: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Tariff:
    """All of it. A stack names its account's plan with `guards: {plan: NAME}`, and other prices with `prices:`."""

    metered: Metered | None = None
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """By plan."""
    rates: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)
    """By plan."""
