"""What results take that a plan makes: which cost nothing, what a model sees for the others, what is paid. Pure.

A result costs nothing when its rows are there to be had: of the same content and options elsewhere in the stack, or in
the same plan, in a task that the platform still keeps (the fact `fetched`), or in an index. What is not known is
counted and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.diff import FETCHED
from reconciler.frozen import dataclass
from reconciler.model import Change, Charge, Snapshot
from reconciler.plan.once import copies
from reconciler.plan.prices import Prices
from reconciler.tariff import Takes, Use

__all__ = ["Work", "charge", "works"]


@dataclass(frozen=True, slots=True)
class Work:
    """One result that is to be had, and what that takes."""

    change: Change
    takes: Takes
    free: bool
    copied: bool = False
    """Whether its rows are elsewhere in the stack, so that no request is needed for them."""
    whole_s: float | None = None
    """How long its media is; None when nobody knows yet, or it has none."""

    @property
    def seen_s(self) -> float | None:
        """How much of its media a model sees."""
        if self.takes.media is None:
            return None
        first, last = self.takes.window_s
        if self.whole_s is None:
            return None if last is None else last - first
        return max(min(self.whole_s, self.whole_s if last is None else last) - first, 0.0)

    @property
    def unknown_length(self) -> bool:
        """Whether it is not known how much of its media a model sees."""
        return not self.free and self.takes.media is not None and self.seen_s is None


def works(
    changes: Sequence[Change], takes: Mapping[str, Takes], lengths_s: Mapping[str, float | None], snapshot: Snapshot
) -> list[Work]:
    """What the changes make; `takes` and `lengths_s` say, by address, what each takes and how long its media is."""
    there: dict[str, set[str]] = {}
    for kind in {change.kind for change in changes}:
        for live in snapshot.by_kind.get(kind, {}).values():
            if live.stamp and live.stamp.content:
                there.setdefault(f"{kind} {live.stamp.content}", set()).add(live.stamp.key)
    found, copied = [], copies(changes, "made_of")
    for change in changes:
        same = there.get(f"{change.kind} {change.fields.get('made_of')}", set()) - {change.address}
        has = bool(same) or change.address in copied
        free = bool(has or change.facts.get(FETCHED) or takes[change.address].read)
        found.append(Work(change, takes[change.address], free, has, lengths_s.get(change.address)))
    return found


def charge(what: str, group: Iterable[Work], prices: Prices) -> Charge:
    """What is paid for some of the same kind."""
    done = Charge(what)
    for work in group:
        done = _with(done, work, prices)
    return done


def _with(done: Charge, work: Work, prices: Prices) -> Charge:
    amount, at_most, unknown = 0.0, 0.0, []
    for use in work.takes.uses:
        price = prices.of(use.price)
        per = price.of(work.takes.model)
        much = _much(use, work)
        if per is None:
            unknown.append(use.price)
        elif much is not None and use.at_most:
            at_most += much * per
        elif much is not None:
            amount += much * per
        if per is not None:
            done = replace(done, as_of=_older(done.as_of, price.as_of), source=_also(done.source, price.source))
    lacking = bool(unknown) or work.unknown_length or not work.takes.uses
    note = done.note or work.takes.note
    return replace(
        done,
        objects=done.objects + 1,
        amount=done.amount + amount,
        at_most=done.at_most + at_most,
        objects_without_price=done.objects_without_price + lacking,
        unknown=tuple(dict.fromkeys((*done.unknown, *unknown))),
        note=note,
    )


def _much(use: Use, work: Work) -> float | None:
    if use.amount is not None:
        return use.amount
    return None if (seen_s := work.seen_s) is None else seen_s / 60


def _older(one: str | None, other: str | None) -> str | None:
    return min(filter(None, (one, other)), default=None)


def _also(one: str, other: str) -> str:
    return one if other in one else other if not one else f"{one}; {other}"
