"""What an account costs and may hold: data of a provider, with a date and a source, for estimates before an apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["Limit", "Measure", "Metered", "Price", "Quota", "Rate", "Takes", "Tariff", "Use", "dated"]

SPANS: Mapping[float, str] = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}


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
    REQUESTS = "requests"
    """Of a rate: all that is sent, whatever it is for."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a kind an account of some plan may hold, in all or under each parent."""

    kind: str
    measure: Measure
    most: float
    per_parent: bool = False
    also: tuple[str, ...] = ()
    """Kinds of results whose media counts too."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of some kinds, all together, an account of some plan may make in a window of time."""

    kinds: tuple[str, ...]
    measure: Measure
    most: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Limit:
    """How much all requests of one bucket may use up together in a window of time, whoever of an account sends them."""

    counts: str
    """What is used up: `requests`, or what a provider calls it, in whole units."""
    most: int
    window_s: float

    def __str__(self) -> str:
        return f"{self.most} {self.counts} {SPANS.get(self.window_s, f'in {self.window_s:g} s')}"


@dataclass(frozen=True, slots=True)
class Price:
    """What is paid for one of something: all models, or by model. Neither: nobody has published it."""

    amount: float | None = None
    by_model: Mapping[str, float] = field(default_factory=dict)
    as_of: str | None = None
    source: str = ""

    def of(self, model: str) -> float | None:
        """With a model; None when it is not known."""
        return self.by_model.get(model, self.amount)


@dataclass(frozen=True, slots=True)
class Use:
    """Some of what a result takes that has a price."""

    price: str
    """Its word, in `Tariff.prices` and under `prices:` of a stack."""
    amount: float | None = None
    """How much of it; None: the minutes of its media that a model sees."""
    at_most: bool = False
    """Whether that is a bound, and not what it will be."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What the making of one result takes."""

    uses: tuple[Use, ...] = ()
    model: str = ""
    read: bool = False
    """Whether it is only read, for it is there already: nothing is paid."""
    requests: int = 0
    """How many requests read it at least."""
    by_row: bool = False
    """Whether each row is a request of its own: how many there are is known when they are read."""
    media: str | None = None
    """The address of what has a length; None where nothing has."""
    window_s: tuple[float, float | None] = (0.0, None)
    """From which second to which a model sees it; None: its end."""
    least_s: float = 0.0
    most_s: float = float("inf")
    """How much of it a model may be shown."""
    whole_most_s: float = float("inf")
    """How long it may be, however little of it is shown."""
    note: str = ""
    """Why it may cost more than can be said."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """All of it. A stack names its account's plan with `guards: {plan: NAME}`, and other prices with `prices:`."""

    metered: Metered | None = None
    currency: str = "USD"
    prices: Mapping[str, Price] = field(default_factory=dict)
    """What results take, by a word that stands under `prices:` too."""
    results: Mapping[str, Callable[[Mapping[str, Any]], Takes]] = field(default_factory=dict)
    """kind of results → what one of these fields takes"""
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """By plan."""
    rates: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)
    """By plan."""
    limits: Mapping[str, Mapping[str, tuple[Limit, ...]]] = field(default_factory=dict)
    """By plan, and by bucket as `Access.bucket` names it: what all runs of an account keep to."""


def dated(as_of: str | None, source: str) -> str:
    """Whence a price is, as every report says it."""
    return f"of {as_of}, {source}" if as_of else source
