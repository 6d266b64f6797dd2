"""What a plan takes before it runs: requests, bytes, minutes, money, and which quota would not do. Pure.

Writes are exact: they are those of the plan's steps (the chunks of large files are told apart). Polls, waiting and
money are expectations. What is not known (the length of a file that nobody has looked into, the price of a model) is
counted and said, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from math import ceil

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model import (
    MAKING,
    Action,
    Change,
    Charge,
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
from reconciler.plan.charges import Work, charge, works
from reconciler.plan.prices import INDEX_MINUTE, Prices
from reconciler.provider import Traits
from reconciler.tariff import Measure, Quota, Rate, Takes, Tariff

__all__ = ["Means", "estimated"]

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Means:
    """What is known beside the plan: of files, and of how apply will go about it."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """address → bytes, of the files to be sent"""
    chunk_requests: int = 0
    """Expected besides the writes, for files that are sent in chunks."""
    durations: Mapping[str, float] = field(default_factory=dict)
    """address → seconds, of files that were looked into"""
    results: Mapping[str, str] = field(default_factory=dict)
    """kind of what is made of something else and kept in a store → its section"""
    traits: Mapping[str, Traits] = field(default_factory=dict)
    """kind → how the API behaves towards its objects"""
    poll_s: float | None = None
    """First pause between looks, if whoever runs this has chosen one."""
    follows: int = 0
    """Writes of the stages that come after the steps: what was made beside something takes its place."""
    rate_per_s: float | None = None
    """Requests that the API allows now, if it has said so."""


def estimated(
    plan: Plan, stack: Stack, claims: Claims, snapshot: Snapshot, tariff: Tariff, means: Means
) -> tuple[Estimate, list[Problem]]:
    """The estimate, a warning for each quota that would not do, and an error for each result whose media is longer or
    shorter than its model takes.

    What `prices:` and `guards: {plan: …}` say has passed `prices.problems`.
    """
    one = _Weighing(plan, stack, claims, snapshot, tariff, means)
    wrong = [stack.problem(address, text, *path) for address, path, text in one.misfits()]
    return one.all(), [*wrong, *(Problem("", 0, 0, "", text, "warning") for text in one.shortfalls())]


class _Weighing:
    def __init__(
        self, plan: Plan, stack: Stack, claims: Claims, snapshot: Snapshot, tariff: Tariff, means: Means
    ) -> None:
        self.plan, self.stack, self.claims, self.snapshot = plan, stack, claims, snapshot
        self.tariff, self.means = tariff, means
        self.changes = {change.address: change for change in plan.changes}
        self.prices = Prices(stack.prices, tariff)
        self.billed = [change for change in plan.changes if self._is_billed(change)]
        self.seconds = {change.address: self._seconds(change) for change in self.billed}
        made = [change for change in plan.changes if change.kind in means.results and change.action in MAKING]
        takes = {change.address: self._takes(change) for change in made}
        named = ((address, it.media) for address, it in takes.items() if it.media is not None)
        self.works = works(made, takes, {address: self._length(media) for address, media in named}, snapshot)
        self.paid = [it for it in self.works if not it.free]
        self.read = [it for it in self.works if not it.copied]
        self.made = {it.change.address for it in self.paid}
        self.seconds |= {it.change.address: it.seen_s for it in self.paid if it.takes.media is not None}

    def all(self) -> Estimate:
        writes = sum(step.writes for step in self.plan.steps if not self._is_local(step)) + self.means.follows
        polls = self._polls()
        reads = sum(it.takes.requests for it in self.read)
        known = [seconds for it in self.billed if (seconds := self.seconds[it.address]) is not None]
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
            derived_objects=len(self.paid),
            derived_minutes=round(sum(it.seen_s or 0.0 for it in self.paid) / 60, 2),
            derived_objects_of_unknown_length=sum(it.unknown_length for it in self.paid),
            derived_free=len(self.works) - len(self.paid),
            derived_requests=reads,
            derived_by_row=sum(it.takes.by_row for it in self.read),
            derived_updates=self._results(Action.UPDATE, Action.MOVE),
            derived_removals=self._results(Action.DELETE),
            cost=self._cost(),
            seconds_at_rate_limit=self._limited_s(writes + polls + self.means.chunk_requests + reads),
            seconds_per_request=self._per_request_s(),
        )

    # Rate limits

    def _limited_s(self, requests: int) -> float | None:
        """How long it takes at least: by what the API has said in this run, and by the plan of the account."""
        rate = self.means.rate_per_s
        found = [requests / rate] if rate else []
        # What fits into the first window need not wait for another.
        found += [(ceil(much / one.most) - 1) * one.window_s for one, much in self._rated(requests) if much > one.most]
        return round(max(found), 1) if found else None

    def _per_request_s(self) -> float | None:
        """How long each request more has to wait, by the slowest of what is known."""
        rate = self.means.rate_per_s
        found = [1 / rate] if rate else []
        found += [one.window_s / one.most for one, _ in self._rated() if one.measure is Measure.REQUESTS]
        return round(max(found), 2) if found else None

    def _rated(self, requests: int = 0) -> Iterator[tuple[Rate, float]]:
        """What is limited by the account's plan, and how much of it there will be."""
        for rate in self.tariff.rates.get(str(self.stack.guards.get("plan")), ()):
            made = [it for it in self.plan.changes if it.kind in rate.kinds and it.action in MAKING]
            made = [it for it in made if it.kind not in self.means.results or it.address in self.seconds]
            if rate.measure is Measure.REQUESTS:
                yield rate, requests
            elif rate.measure is Measure.MINUTES:
                yield rate, sum((self.seconds.get(change.address) or 0.0) / 60 for change in made)
            else:
                yield rate, len(made)

    # Minutes and money

    def _is_billed(self, change: Change) -> bool:
        metered = self.tariff.metered
        return metered is not None and change.kind == metered.kind and change.action in MAKING

    def _seconds(self, change: Change) -> float | None:
        """How long the media of one object is; None when nobody knows yet."""
        assert self.tariff.metered is not None
        return self._length(str(change.fields.get(self.tariff.metered.media)))

    def _takes(self, change: Change) -> Takes:
        """What a result takes, as far as the provider says."""
        says = self.tariff.results.get(change.kind)
        return says(change.fields) if says else Takes()

    def _results(self, *actions: Action) -> int:
        return sum(change.kind in self.means.results and change.action in actions for change in self.plan.changes)

    def misfits(self) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """(address, field, why) of each result whose media is known to be longer or shorter than its model takes."""
        for work in self.paid:
            if (text := _misfit(work)) and work.change.address in self.stack.resources:
                fields = work.change.fields
                yield work.change.address, ("window",) if fields.get("window") else (), text

    def _is_local(self, step: Step) -> bool:
        """Whether nothing is sent for it: it comes by use, or is between us and the store. Of results only making one
        changes something on the platform."""
        if isinstance(step, Create) and self.means.traits[step.kind].by_use:
            return True
        if step.kind not in self.means.results:
            return False
        return not (isinstance(step, Create) and step.address in self.made)

    def _length(self, media: str) -> float | None:
        """Of the media at an address, as far as it is known."""
        if (seconds := self.means.durations.get(media)) is not None:
            return seconds
        remade = self.changes.get(media)
        if remade is not None and remade.action in MAKING:
            return None
        return _duration(self.claims.live.get(media))

    def _charges(self) -> Iterator[Charge]:
        if self.billed:
            yield self._indexing()
        for kind, section in self.means.results.items():
            if group := [it for it in self.works if it.change.kind == kind and not it.free]:
                yield charge(section, group, self.prices)

    def _cost(self) -> Cost | None:
        """The sum of what is paid; None when nothing is."""
        charges = tuple(replace(it, amount=round(it.amount, 2), at_most=round(it.at_most, 2)) for it in self._charges())
        if not charges:
            return None
        return Cost(
            amount=round(sum(it.amount for it in charges), 2),
            currency=self.prices.currency,
            as_of=min(filter(None, (it.as_of for it in charges)), default=None),
            source="; ".join(dict.fromkeys(it.source for it in charges if it.source)),
            objects_without_price=sum(it.objects_without_price for it in charges),
            at_most=round(sum(it.at_most for it in charges), 2),
            charges=charges,
        )

    def _indexing(self) -> Charge:
        """Minutes, once for each model of the index."""
        price = self.prices.of(INDEX_MINUTE)
        amount, unpriced, unknown = 0.0, 0, set[str]()
        for change in self.billed:
            found = [price.of(model) for model in self._models(change)]
            known, seconds = [it for it in found if it is not None], self.seconds[change.address]
            priced = bool(known) and len(known) == len(found)
            unknown |= set() if priced else {INDEX_MINUTE}
            if seconds is None or not priced:
                unpriced += 1
            else:
                amount += seconds / 60 * sum(known)
        return Charge(
            what="indexing",
            objects=len(self.billed),
            amount=amount,
            objects_without_price=unpriced,
            unknown=tuple(unknown),
            as_of=price.as_of,
            source=price.source,
        )

    def _models(self, change: Change) -> list[str]:
        """Those of the object's parent."""
        assert self.tariff.metered is not None
        parent = parent_of(change.address) or ""
        live, resource = self.claims.live.get(parent), self.stack.resources.get(parent)
        fields = {**(live.fields if live else {}), **(resource.fields if resource else {})}
        return [model["name"] for model in fields.get(self.tariff.metered.models) or ()]

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
        made = [change for change in self.plan.changes if change.kind == quota.kind and change.action in MAKING]
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
        if shared := sum(it.seen_s or 0.0 for it in self.paid if it.change.kind in quota.also):
            groups[""] = groups.get("", 0.0) + shared / 60
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
    kinds = " and ".join((quota.kind, *quota.also))
    return f"at least {count:.4g} {kinds} {unit}{place} after this, the {plan} plan allows {quota.most:g}"


def _beyond(rate: Rate, much: float, plan: str) -> str:
    unit = "minutes of media" if rate.measure is Measure.MINUTES else " and ".join(rate.kinds) + " objects"
    return (
        f"at least {much:.4g} {unit} would be sent, the {plan} plan takes {rate.most:g} a day; "
        "what is beyond is refused until the next day, and the next apply goes on"
    )


def _misfit(work: Work) -> str:
    """Why a model does not take it; "" when it does, or when its length is not known."""
    takes, seen_s, whole_s = work.takes, work.seen_s, work.whole_s
    if whole_s is not None and whole_s > takes.whole_most_s:
        return f"{takes.media} lasts {_span(whole_s)}, and may last {_span(takes.whole_most_s)} at most ({takes.model})"
    if seen_s is not None and seen_s > takes.most_s:
        much = f"{_span(seen_s)} of {takes.media} would be seen"
        most = f"{_span(takes.most_s)} at most ({takes.model})"
        return f"{much}, {most}; say which part with `window: {{from: …, to: …}}`"
    if seen_s is not None and seen_s < takes.least_s:
        much = f"{_span(seen_s)} of {takes.media} would be seen"
        return f"{much}, and {_span(takes.least_s)} must be at least ({takes.model})"
    return ""


def _span(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 600 else f"{seconds / 3600:.2f} h".replace(".00 h", " h")


def _duration(live: Live | None) -> float | None:
    seconds = live.facts.get("duration") if live else None
    return float(seconds) if isinstance(seconds, int | float) else None
