"""What a plan takes before it runs: requests, bytes, minutes, money, and which quota would not do. Pure.

Writes are exact: they are those of the plan's steps (the chunks of large files are told apart). Polls, waiting and
money are expectations. What is not known (the length of a file that nobody has looked into, the price of a model) is
counted and said, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from reconciler.errors import Problem
from reconciler.model import (
    Action,
    Change,
    Cost,
    Create,
    Estimate,
    Live,
    Plan,
    Snapshot,
    Stack,
    Step,
    Wait,
    parent_of,
)
from reconciler.ownership import Claims
from reconciler.provider import Traits
from reconciler.tariff import Measure, Metered, Quota, Rate, Tariff

__all__ = ["Means", "estimated", "problems"]

MADE = (Action.CREATE, Action.REPLACE)
DAY_S = 86400.0
CURRENCY, INDEX_MINUTE = "currency", "index_minute"
CODE = re.compile("[A-Z]{3}")
BY_THE_STACK = "`prices:` of the stack"


@dataclass(frozen=True, slots=True)
class Means:
    """What is known beside the plan: of files, and of how apply will go about it."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """address → bytes, of the files to be sent"""
    chunk_requests: int = 0
    """Expected besides the writes, for files that are sent in chunks."""
    durations: Mapping[str, float] = field(default_factory=dict)
    """address → seconds, of files that were looked into"""
    derived: Mapping[str, str] = field(default_factory=dict)
    """kind of what is made of media, and kept in a store → the field that names the media"""
    traits: Mapping[str, Traits] = field(default_factory=dict)
    """kind → how the API behaves towards its objects"""
    poll_s: float | None = None
    """First pause between looks, if whoever runs this has chosen one."""
    rate_per_s: float | None = None
    """Requests that the API allows now, if it has said so."""


def estimated(
    plan: Plan, stack: Stack, claims: Claims, snapshot: Snapshot, tariff: Tariff, means: Means
) -> tuple[Estimate, list[Problem]]:
    """The estimate, and a warning for each quota that would not do.

    What `prices:` and `guards: {plan: …}` say has passed `problems`.
    """
    one = _Weighing(plan, stack, claims, snapshot, tariff, means)
    return one.all(), [Problem("", 0, 0, "", text, "warning") for text in one.shortfalls()]


class _Weighing:
    def __init__(
        self, plan: Plan, stack: Stack, claims: Claims, snapshot: Snapshot, tariff: Tariff, means: Means
    ) -> None:
        self.plan, self.stack, self.claims, self.snapshot = plan, stack, claims, snapshot
        self.tariff, self.means = tariff, means
        self.changes = {change.address: change for change in plan.changes}
        self.prices = _prices(stack.prices, tariff.metered)
        self.billed = [change for change in plan.changes if self._is_billed(change)]
        self.seconds = {change.address: self._seconds(change) for change in self.billed}

    def all(self) -> Estimate:
        writes = sum(step.writes for step in self.plan.steps if not self._is_local(step))
        made = [self._length_of(change, media) for change, media in self._derived()]
        lengths = [seconds for seconds in made if seconds is not None]
        polls = self._polls()
        known = [seconds for seconds in self.seconds.values() if seconds is not None]
        return Estimate(
            writes=writes,
            polls=polls,
            reads_spent=self.snapshot.requests,
            uploads=len(self.means.sizes),
            upload_bytes=sum(self.means.sizes.values()),
            chunk_requests=self.means.chunk_requests,
            index_minutes=round(sum(known) / 60, 2),
            index_objects=len(self.billed),
            index_objects_of_unknown_length=len(self.billed) - len(known),
            derived_objects=len(made),
            derived_minutes=round(sum(lengths) / 60, 2),
            derived_objects_of_unknown_length=len(made) - len(lengths),
            cost=self._cost() if self.billed else None,
            seconds_at_rate_limit=self._limited_s(writes + polls + self.means.chunk_requests),
        )

    # Rate limits

    def _limited_s(self, requests: int) -> float | None:
        """How long it takes at least: by what the API has said in this run, and by the plan of the account."""
        rate = self.means.rate_per_s
        found = [requests / rate] if rate else []
        # What fits into the first window need not wait for another.
        found += [(ceil(much / one.most) - 1) * one.window_s for one, much in self._rated() if much > one.most]
        return round(max(found), 1) if found else None

    def _rated(self) -> Iterator[tuple[Rate, float]]:
        """What is limited by the account's plan, and how much of it there will be."""
        for rate in self.tariff.rates.get(str(self.stack.guards.get("plan")), ()):
            made = [change for change in self.plan.changes if change.kind in rate.kinds and change.action in MADE]
            if rate.measure is Measure.MINUTES:
                yield rate, sum((self.seconds.get(change.address) or 0.0) / 60 for change in made)
            else:
                yield rate, len(made)

    # Minutes and money

    def _is_billed(self, change: Change) -> bool:
        metered = self.tariff.metered
        return metered is not None and change.kind == metered.kind and change.action in MADE

    def _seconds(self, change: Change) -> float | None:
        """How long the media of one object is; None when nobody knows yet."""
        assert self.tariff.metered is not None
        return self._length_of(change, self.tariff.metered.media)

    def _derived(self) -> Iterator[tuple[Change, str]]:
        """What is to be made of media, and the field that names the media."""
        for change in self.plan.changes:
            paid = change.action in MADE and not change.facts.get("fetched")
            if paid and (media := self.means.derived.get(change.kind)):
                yield change, media

    def _is_local(self, step: Step) -> bool:
        """Whether it is between us and the store: only making a result asks the platform for something."""
        return step.kind in self.means.derived and not isinstance(step, Create)

    def _length_of(self, change: Change, field: str) -> float | None:
        media = str(change.fields.get(field))
        if (seconds := self.means.durations.get(media)) is not None:
            return seconds
        remade = self.changes.get(media)
        if remade is not None and remade.action in MADE:
            return None
        return _duration(self.claims.live.get(media))

    def _cost(self) -> Cost:
        assert self.prices is not None
        amount, unpriced = 0.0, 0
        for change in self.billed:
            seconds = self.seconds[change.address]
            price = self._per_minute(change)
            if seconds is None or price is None:
                unpriced += 1
            else:
                amount += seconds / 60 * price
        return Cost(round(amount, 2), self.prices.currency, self.prices.as_of, self.prices.source, unpriced)

    def _per_minute(self, change: Change) -> float | None:
        """The price of a minute with all models of the object's parent; None when that of one is not known."""
        assert self.prices is not None
        assert self.tariff.metered is not None
        parent = parent_of(change.address) or ""
        live, resource = self.claims.live.get(parent), self.stack.resources.get(parent)
        fields = {**(live.fields if live else {}), **(resource.fields if resource else {})}
        names = [model["name"] for model in fields.get(self.tariff.metered.models) or ()]
        found = [self.prices.per_minute.get(name, self.prices.other) for name in names]
        known = [price for price in found if price is not None]
        return sum(known) if known and len(known) == len(found) else None

    # Polls

    def _polls(self) -> int:
        """Requests that see things become ready: one for each page of each list that is looked at, in each round."""
        groups: dict[tuple[str, str | None], list[str]] = {}
        for step in self.plan.steps:
            if isinstance(step, Wait):
                groups.setdefault((step.kind, parent_of(step.address)), []).append(step.address)
        return sum(
            self._rounds(kind, addresses) * ceil(len(addresses) / self.means.traits[kind].page_size)
            for (kind, _), addresses in groups.items()
        )

    def _rounds(self, kind: str, addresses: list[str]) -> int:
        """Looks until all of a list are ready, with the pauses that apply makes; two where there are no pauses."""
        longest = max((self.seconds.get(address) or 0.0 for address in addresses), default=0.0)
        traits = self.means.traits[kind]
        wait_s = traits.typical_wait_s + longest * traits.wait_per_media_s
        if not (poll_s := traits.pause_s(self.means.poll_s)):
            return 2
        looks, waited_s, pause_s = 1, 0.0, poll_s
        while waited_s < wait_s:
            waited_s += pause_s
            pause_s = min(pause_s * 1.5, traits.poll_max_s)
            looks += 1
        return looks

    # Quotas

    def shortfalls(self) -> Iterator[str]:
        """A sentence for each quota of the account's plan that would be exceeded, as far as can be known."""
        name = self.stack.guards.get("plan")
        if name is None:
            return
        for quota in self.tariff.quotas[name]:
            for where, count in self._counts(quota):
                if count > quota.most:
                    yield _shortfall(quota, where, count, name)
        for rate, much in self._rated():
            if rate.window_s >= DAY_S and much > rate.most:
                yield _beyond(rate, much, name)

    def _counts(self, quota: Quota) -> Iterator[tuple[str, float]]:
        """(where, how much there would be); what is not listed in this run is not counted."""
        made = [change for change in self.plan.changes if change.kind == quota.kind and change.action in MADE]
        if quota.measure is Measure.AT_ONCE:
            yield "", len(made)
            return
        groups = dict.fromkeys((self._group(quota, parent_of(change.address)) for change in made), 0.0)
        addresses = {id: address for (_, id), address in self.claims.addresses.items()} if quota.per_parent else {}
        for live in self._counted(quota):
            parent = self._group(quota, addresses.get(live.parent_id or "", live.parent_id))
            if parent in groups:
                groups[parent] += self._weight(quota, _duration(live))
        for change in made:
            groups[self._group(quota, parent_of(change.address))] += self._weight(
                quota, self.seconds.get(change.address)
            )
        yield from groups.items()

    def _counted(self, quota: Quota) -> Iterator[Live]:
        """What counts besides what is made: objects that stay; of minutes all, for none is given back."""
        going = {
            change.id
            for change in self.plan.changes
            if change.kind == quota.kind and change.action in (Action.DELETE, Action.REPLACE)
        }
        for live in self.snapshot.by_kind.get(quota.kind, {}).values():
            if quota.measure is Measure.MINUTES or live.id not in going:
                yield live

    def _group(self, quota: Quota, parent: str | None) -> str:
        return (parent or "") if quota.per_parent else ""

    def _weight(self, quota: Quota, seconds: float | None) -> float:
        return (seconds or 0.0) / 60 if quota.measure is Measure.MINUTES else 1.0


def _shortfall(quota: Quota, where: str, count: float, plan: str) -> str:
    place = f" in {where}" if where else ""
    if quota.measure is Measure.AT_ONCE:
        return (
            f"{count:g} {quota.kind} objects would be made side by side, the {plan} plan takes {quota.most:g} at once; "
            "the API may refuse the others until those are ready, and the next apply goes on"
        )
    unit = "minutes of media" if quota.measure is Measure.MINUTES else "objects"
    return f"at least {count:.4g} {quota.kind} {unit}{place} after this, the {plan} plan allows {quota.most:g}"


def _beyond(rate: Rate, much: float, plan: str) -> str:
    unit = "minutes of media" if rate.measure is Measure.MINUTES else " and ".join(rate.kinds) + " objects"
    return (
        f"at least {much:.4g} {unit} would be sent, the {plan} plan takes {rate.most:g} a day; "
        "what is beyond is refused until the next day, and the next apply goes on"
    )


def _duration(live: Live | None) -> float | None:
    seconds = live.facts.get("duration") if live else None
    return float(seconds) if isinstance(seconds, int | float) else None


@dataclass(frozen=True, slots=True)
class _Prices:
    per_minute: Mapping[str, float]
    other: float | None
    """Of models that are not listed."""
    currency: str
    as_of: str | None
    source: str


def _prices(given: Mapping[str, Any], metered: Metered | None) -> _Prices | None:
    """The provider's table with the stack's `prices:` laid over it."""
    if metered is None:
        return None
    minute = given.get(INDEX_MINUTE)
    if minute is None:
        currency = given.get(CURRENCY, metered.currency)
        return _Prices(metered.per_minute, None, currency, metered.as_of, metered.source)
    own = {} if isinstance(minute, int | float) else dict(minute)
    other = float(minute) if isinstance(minute, int | float) else None
    table = own if other is not None else {**metered.per_minute, **own}
    return _Prices(table, other, given.get(CURRENCY, metered.currency), None, BY_THE_STACK)


def problems(stack: Stack, tariff: Tariff) -> list[Problem]:
    """What is wrong with `prices:`, and with the plan that `guards:` names, each at its place."""
    found = [
        Problem(*stack.where("prices", *path), ".".join(("prices", *path)), text)
        for path, text in _wrong_prices(stack.prices)
    ]
    name = stack.guards.get("plan")
    if name is not None and name not in tariff.quotas:
        known = ", ".join(tariff.quotas) or "none"
        found.append(
            Problem(*stack.where("guards", "plan"), "guards.plan", f"there is no plan {name!r}; known: {known}")
        )
    return found


def _wrong_prices(given: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in given.items():
        if key == CURRENCY:
            # It stands in comments and logs: three letters hold no markup.
            if not (isinstance(value, str) and CODE.fullmatch(value)):
                yield (key,), "expected the three letters of a currency, such as USD"
        elif key != INDEX_MINUTE:
            yield (key,), f"there is no such price; known: {INDEX_MINUTE}, {CURRENCY}"
        elif isinstance(value, Mapping):
            yield from (
                ((key, model), "expected a number that is not negative")
                for model, price in value.items()
                if not _is_price(price)
            )
        elif not _is_price(value):
            yield (key,), "expected the price of a minute, or one for each model"


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
