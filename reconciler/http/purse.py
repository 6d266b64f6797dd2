"""What a process may send of what an account may: asked for a few requests at a time, of whoever keeps the budget.

A limit is known because the stack says which plan the account has, because an answer told it, or because an earlier run
noted it. Of a bucket without one nothing is asked. A keeper that cannot be had is no reason to stop: the budget is then
that of this process alone, and it is said once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from reconciler.http.budget import REQUESTS, ROUNDED_S, Ask, Bucket, Granted, LimitTold, LotUsed, decide
from reconciler.http.pace import Clock
from reconciler.tariff import SPANS, Limit

__all__ = ["Keeper", "KeeperLost", "Lot", "OwnKeeper", "Purse"]

T = TypeVar("T")
ONE: Mapping[str, int] = {REQUESTS: 1}
LONGEST_WAIT_S = 120.0
"""What would wait longer is sent: it is for the API to say that a day's budget is used up, and until when."""
MOST_AT_A_TIME = 64
FIRST = 8
"""So many requests leave of a bucket of which nothing is known until one is answered: that may tell a limit."""
NOT_SHARED = "the account's budget is not shared with other runs from here on"


class KeeperLost(Exception):
    """What keeps the budget cannot be read or written; the text says why, for people."""


class Keeper(Protocol):
    """Who decides for all processes, one after the other."""

    far: bool
    """Whether it takes time to ask: then it is asked in a thread."""

    def known(self) -> Collection[str]:
        """The buckets that have a limit, as far as anybody knows."""

    def ask(self, bucket: str, ask: Ask) -> Granted:
        """Decide, and keep what was decided. Raises KeeperLost."""

    def close(self) -> None:
        """Let go of what was opened."""


class OwnKeeper:
    """Of one process, in memory."""

    far = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def known(self) -> Collection[str]:
        """All that were asked for."""
        return self._buckets.keys()

    def ask(self, bucket: str, ask: Ask) -> Granted:
        """By the clock of this process."""
        self._buckets[bucket], granted = decide(self._buckets.get(bucket, Bucket()), ask, self._clock.now())
        return granted

    def close(self) -> None:
        """Nothing was opened."""


class Lot:
    """Requests that may be sent until a moment: how many are left and on their way, of how many the keeper knows that
    they were answered, and when the last answer came."""

    __slots__ = ("answered", "flying", "granted", "id", "last", "left", "reported", "until", "wasted")

    def __init__(self, id: str, granted: int, until: float, answered: asyncio.Event | None = None) -> None:
        self.answered = answered
        """To be told of the first answer, where somebody waits for it."""
        self.id, self.granted, self.until, self.left = id, granted, until, granted
        self.flying = self.reported = 0
        self.wasted, self.last = False, 0.0

    def report(self, now: float, *, all_of_it: bool) -> LotUsed:
        """What the keeper does not know of it. What came too late to be used is given back."""
        given_back = self.left if all_of_it or now >= self.until else 0
        of, used = self.granted - self.reported, self.granted - self.left - self.flying - self.reported
        self.wasted |= given_back > 0
        self.reported += used
        self.granted -= given_back
        self.left -= given_back
        return LotUsed(self.id, of, used, max(now - self.last, 0.0) if used else 0.0, self.left + self.flying)


class _Pocket:
    """What is known and had of one bucket.

    `unasked` is what leaves as long as there is no limit; `begun` says whether the keeper knows of it. `batch` is how
    many are asked for, if fewer than that wait: the more, the faster they are used up.
    """

    __slots__ = ("answered", "batch", "begun", "limited", "lots", "spans", "told", "turn", "unasked", "waiting")

    def __init__(self) -> None:
        self.limited = self.begun = False
        self.answered = asyncio.Event()
        self.unasked = Lot("", 0, float("inf"), self.answered)
        self.lots: list[Lot] = []
        self.told: tuple[float, LimitTold] | None = None
        self.spans: dict[int, _Span] = {}
        self.waiting, self.batch = 0, 1
        self.turn = asyncio.Lock()

    @property
    def left_unasked(self) -> int:
        """How many requests count that nobody was asked for: those on their way, and those that the API has counted."""
        counted = self.told[1].limit.most - self.told[1].left if self.told else 0
        return self.unasked.flying + min(self.unasked.granted - self.unasked.flying, counted)

    def ready(self, now: float) -> Lot | None:
        """One that something is left of."""
        return next((it for it in self.lots if it.left and now < it.until), None)

    def reports(self, now: float, *, all_of_it: bool = False) -> tuple[LotUsed, ...]:
        """What the keeper does not know of the lots; those of which nothing is open are forgotten."""
        told = tuple(it.report(now, all_of_it=all_of_it) for it in self.lots)
        for lot in self.lots:
            if not (lot.left or lot.flying):
                self.batch = max(self.batch // 2, 1) if lot.wasted else min(self.batch * 2, MOST_AT_A_TIME)
        self.lots = [it for it in self.lots if it.left or it.flying]
        return told


class _Span:
    """How long a window can be, from when it was seen to begin anew: the API tells the end of one, and no length."""

    __slots__ = ("least_s", "most_s", "reset")

    def __init__(self) -> None:
        self.least_s, self.most_s, self.reset = 0.0, float("inf"), 0.0

    def see(self, ends_in_s: float, reset: float) -> float:
        """The length, as far as it is known now."""
        self.least_s = max(self.least_s, ends_in_s - ROUNDED_S)
        if 0 < self.reset < reset:
            self.most_s = min(self.most_s, reset - self.reset + 1)
        self.reset = max(self.reset, reset)
        usual = [it for it in SPANS if self.least_s <= it]
        if self.sure:
            return max((it for it in usual if it <= self.most_s), default=self.most_s)
        return min((it for it in usual if it > 1), default=self.least_s)

    @property
    def sure(self) -> bool:
        """Whether it was seen to end and to begin."""
        return self.most_s < float("inf")


class Purse:
    """What this process may send, by bucket. `limits` is what the stack declares; `tell` hears of waiting, with seconds
    and reason; `note` what is worth saying otherwise."""

    def __init__(
        self,
        keeper: Keeper,
        clock: Clock,
        stack: str,
        *,
        limits: Mapping[str, tuple[Limit, ...]] | None = None,
        tell: Callable[[float, str], None] = lambda seconds, why: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.asked = 0
        """How often the keeper was asked for anything."""
        self._keeper, self._clock, self._stack, self._limits = keeper, clock, stack, limits or {}
        self._tell, self._note = tell, note
        self._process = secrets.token_hex(6)
        self._number = 0
        self._pockets = defaultdict[str, _Pocket](_Pocket)
        self._looked = asyncio.Lock()
        self._known: Collection[str] | None = None

    def counts(self, what: str) -> bool:
        """Whether any limit counts this."""
        return any(limit.counts == what for limits in self._limits.values() for limit in limits)

    async def turn(self, bucket: str, *, look: bool = True, uses: Mapping[str, int] | None = None) -> Lot:
        """Wait until such a request may be sent: before the lot's `until`, else it must be asked for again. To be given
        to `over` when its answer is there. `look`: whether it is worth to ask the keeper if it has a limit; else one is
        only heard of from the API. `uses`: what it uses up beside being one, of which only what has a limit counts."""
        one = self._pockets[bucket]
        if look and self._known is None:
            await self._look()
        while look and one.unasked.flying >= FIRST and not one.answered.is_set() and not self._is_limited(bucket, one):
            await one.answered.wait()
        if not self._is_limited(bucket, one):
            one.unasked.flying += 1
            one.unasked.granted += 1
            return one.unasked
        one.limited = True
        each = {**ONE, **{it: much for it, much in uses.items() if self.counts(it)}} if uses else ONE
        one.waiting += 1
        try:
            lot = await self._lot(bucket, one, each)
        finally:
            one.waiting -= 1
        lot.left -= 1
        lot.flying += 1
        return lot

    def _is_limited(self, bucket: str, one: _Pocket) -> bool:
        return one.limited or bucket in self._limits or bucket in (self._known or ())

    def over(self, lot: Lot, *, sent: bool = True) -> None:
        """The answer to a request is there, or will not come; or it was not `sent` in time."""
        if lot.answered is not None:
            lot.answered.set()
        lot.flying -= 1
        lot.left += not sent
        lot.last = self._clock.now()

    def learn(self, bucket: str, most: int, left: int, ends_in_s: float, reset: float) -> None:
        """What an answer said of a limit."""
        one = self._pockets[bucket]
        window_s = one.spans.setdefault(most, _Span()).see(ends_in_s, reset)
        limit = Limit(REQUESTS, most, window_s)
        one.limited = True
        one.told = self._clock.now(), LimitTold(limit, left, ends_in_s, 0.0, one.spans[most].sure)

    def asks_first(self, bucket: str) -> bool:
        """Whether the keeper is asked, and told what was learnt, before one more such request may be sent."""
        one = self._pockets[bucket]
        return one.limited and one.ready(self._clock.now()) is None

    async def close(self) -> None:
        """Give back what was not used, say what was learnt, and let go of the keeper."""
        for bucket, one in self._pockets.items():
            if one.lots or one.told:
                await self._ask(bucket, one, 0, ONE, all_of_it=True)
        self._keeper.close()

    async def _look(self) -> None:
        """Ask once what is known."""
        async with self._looked:
            if self._known is None:
                self._known = await self._of_keeper(lambda: self._keeper.known())

    async def _lot(self, bucket: str, one: _Pocket, each: Mapping[str, int]) -> Lot:
        """What is left of a lot, or a new one. Only one of those who wait asks, for all."""
        plain = each == ONE
        if plain and one.waiting == 1 and (lot := one.ready(self._clock.now())):
            return lot
        async with one.turn:
            since = self._clock.now()
            while True:
                if plain and (lot := one.ready(self._clock.now())):
                    return lot
                many = max(one.waiting, one.batch) if plain else 1
                at_any_rate = self._clock.now() - since >= LONGEST_WAIT_S
                granted = await self._ask(bucket, one, many, each, at_any_rate=at_any_rate)
                if granted.amount:
                    return one.lots[-1]
                if granted.wait_s > LONGEST_WAIT_S:
                    since = float("-inf")
                    continue
                self._tell(granted.wait_s, _why(bucket, granted))
                await self._clock.sleep(granted.ask_again_s)

    async def _ask(
        self,
        bucket: str,
        one: _Pocket,
        want: int,
        each: Mapping[str, int],
        *,
        all_of_it: bool = False,
        at_any_rate: bool = False,
    ) -> Granted:
        """Ask the keeper, tell it what is known by now, and put into the pocket what it grants."""
        now, at = self._clock.now(), one.told
        self._number += 1
        told = at and replace(at[1], ago_s=now - at[0])
        ask = Ask(
            self._stack,
            self._process,
            want,
            f"{self._process}:{self._number}",
            each,
            self._limits.get(bucket, ()),
            told,
            one.reports(now, all_of_it=all_of_it),
            0 if one.begun else one.left_unasked,
            at_any_rate,
        )
        granted = await self._of_keeper(lambda: self._keeper.ask(bucket, ask))
        one.begun = True
        one.told = None if one.told is at else one.told
        if granted.amount:
            one.lots.append(Lot(ask.id, granted.amount, self._clock.now() + granted.for_s))
        return granted

    async def _of_keeper(self, call: Callable[[], T]) -> T:
        """What the keeper says; when it is lost, what one of our own says."""
        self.asked += 1
        keeper = self._keeper
        try:
            return await asyncio.to_thread(call) if keeper.far else call()
        except KeeperLost as error:
            if self._keeper is keeper:
                self._keeper = OwnKeeper(self._clock)
                keeper.close()
                self._note(f"{NOT_SHARED}: {error}")
            return call()


def _why(bucket: str, granted: Granted) -> str:
    """What is waited for, for people."""
    if granted.others:
        return f"another stack uses the account's budget for {bucket}"
    return f"the account's budget for {bucket} is used up{f' ({granted.limit})' if granted.limit else ''}"
