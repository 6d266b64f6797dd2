"""What the limits of an account leave to each stack: what was taken in which window, and whose turn it is.

Nothing in here knows a clock, a file or a database: `decide` takes what is kept of a bucket, what somebody asks for and
what time it is, and gives what is to be kept from now on and what was granted. Whoever keeps it sees to it that one
decision follows another.

A unit is taken before a request leaves and counts from the moment at which its answer came, for as long as the window
is long. The API has counted the request by then, so in no window, wherever it begins, does it count more than the
limit. What a dead process had taken runs out by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from math import ceil

from reconciler.frozen import dataclass
from reconciler.tariff import Limit

__all__ = [
    "REQUESTS",
    "ROUNDED_S",
    "Ask",
    "Bucket",
    "Granted",
    "LimitTold",
    "LotUsed",
    "Take",
    "Window",
    "Wish",
    "decide",
    "shares",
]

REQUESTS = "requests"
RESERVED_S, LATE_S = 5.0, 2.0
"""How long what was granted may be used, and how long after that a request of a dead process may still arrive: at most,
and of a short window a quarter."""
ASKS_AGAIN_S = 5.0
"""Who waits asks again after this at the latest: others may have given something back."""
ROUNDED_S = 2.0
"""Servers tell times in whole seconds: how long a window lasts is so much less, at most."""
SLOTS = 64
"""What was used is kept in so many parts of a window, and not request by request."""
OTHERS = ""
"""The stack of what is used by somebody who shares no budget with us."""


@dataclass(frozen=True, slots=True)
class Take:
    """Some of a window that is used, or may be. `id`: of a lot of which it is not known yet what became of it."""

    stack: str
    amount: int
    ends: float
    """When it counts no more."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process waits for, in all its units."""

    stack: str
    process: str
    units: Mapping[str, int]
    since: float
    ends: float


@dataclass(frozen=True, slots=True)
class LotUsed:
    """What became of a lot, as far as nobody was told yet: of so many requests so many were answered, the last one so
    long ago, and so many may still be sent or answered. The others are given back."""

    id: str
    of: int
    used: int
    ago_s: float
    open: int = 0


@dataclass(frozen=True, slots=True)
class LimitTold:
    """What the API said of a limit with an answer that came so long ago."""

    limit: Limit
    left: int
    ends_in_s: float
    ago_s: float
    sure: bool = True
    """Whether the length of the window was seen, and is no guess."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A process wants to send `want` requests, each of which uses up `each`; and what it knows by now."""

    stack: str
    process: str
    want: int
    id: str
    """What the lot shall be called: by the process, `:`, a number."""
    each: Mapping[str, int] = field(default_factory=lambda: {REQUESTS: 1})
    limits: tuple[Limit, ...] = ()
    """As the stack declares them."""
    told: LimitTold | None = None
    lots_used: tuple[LotUsed, ...] = ()
    unasked: int = 0
    """How many requests left before any limit was known, as far as they can count yet."""
    at_any_rate: bool = False
    """Whether one is sent whatever is decided: it waited so long that the API itself is to say no."""


@dataclass(frozen=True, slots=True)
class Granted:
    """How many may be sent within `for_s` seconds. When none: after how long to ask again, and when that will help."""

    amount: int
    for_s: float = 0.0
    ask_again_s: float = 0.0
    wait_s: float = 0.0
    others: bool = False
    """Whether other stacks use some of what is short."""
    limit: Limit | None = None
    """What is short."""


@dataclass(frozen=True, slots=True)
class Window:
    """One limit, and all that counts towards it."""

    limit: Limit
    takes: tuple[Take, ...] = ()
    told: bool = False
    """Whether the API itself has said it: then what a stack declares changes nothing."""
    sure: bool = False
    """Whether somebody has seen how long it is."""

    @property
    def for_s(self) -> float:
        """How long what is granted of it may be used."""
        return min(RESERVED_S, self.limit.window_s / 4)

    @property
    def slot_s(self) -> float:
        """How exactly it is kept when something was used."""
        return (1.0 if self.told and not self.sure else self.limit.window_s) / SLOTS

    def lasts(self, now: float) -> float:
        """Until when something counts that is granted now and may be used by a process that then dies."""
        return now + self.for_s + min(LATE_S, self.limit.window_s / 4) + self.limit.window_s

    def at(self, now: float) -> Window:
        """Without what counts no more. A clock that was set back makes nothing last longer than if it was taken now."""
        last = self.lasts(now)
        takes = (it if it.ends <= last else replace(it, ends=last) for it in self.takes if it.ends > now)
        return replace(self, takes=tuple(takes))

    def used(self) -> Counter[str]:
        """By stack."""
        used = Counter[str]()
        for it in self.takes:
            used[it.stack] += it.amount
        return used

    def free(self) -> int:
        """What nobody has taken; below nothing when the limit was lowered."""
        return self.limit.most - sum(it.amount for it in self.takes)

    def allows(self, stack: str, wishes: Sequence[Wish]) -> int:
        """How much a stack may take of it now: no more than is free, and no more than its share."""
        used, counts = self.used(), self.limit.counts
        others = used.pop(OTHERS, 0)
        claims = Counter(used)
        for wish in wishes:
            claims[wish.stack] += wish.units.get(counts, 0)
        turn = [wish.stack for wish in sorted(wishes, key=lambda it: (it.since, it.stack))]
        share = shares(max(self.limit.most - others, 0), claims, turn).get(stack, 0)
        return max(min(share - used[stack], self.free()), 0)

    def with_take(self, stack: str, amount: int, now: float, id: str) -> Window:
        """With a lot more."""
        return replace(self, takes=(*self.takes, Take(stack, amount, self.lasts(now), id))) if amount else self

    def accounted(self, lots_used: Mapping[str, LotUsed], now: float) -> Window:
        """With what became of lots: what was not used is free again; what has no answer yet counts from now."""
        used, kept = Counter[tuple[str, float]](), []
        for it in self.takes:
            if it.id and (done := lots_used.get(it.id)) is not None:
                ends = min(now - done.ago_s + self.limit.window_s, self.lasts(now))
                used[it.stack, ceil(ends / self.slot_s) * self.slot_s] += ceil(it.amount * done.used / done.of)
                if done.open:
                    kept.append(replace(it, amount=ceil(it.amount * done.open / done.of), ends=self.lasts(now)))
            elif it.id:
                kept.append(it)
            else:
                used[it.stack, it.ends] += it.amount
        past = tuple(Take(stack, amount, ends) for (stack, ends), amount in sorted(used.items()) if amount)
        return replace(self, takes=(*kept, *past))

    def seen(self, told: LimitTold, limit: Limit, now: float) -> Window:
        """With what others use of it who share no budget with us: as much as the API has counted and we have not. As
        long as its length is a guess, what was counted by then counts until the end that the API told."""
        then = now - told.ago_s
        ends = then + min(told.ends_in_s, limit.window_s)
        ours = tuple(it for it in self.takes if it.stack != OTHERS)
        more = limit.most - told.left - sum(it.amount for it in ours)
        if not told.sure:
            counted = then + self.limit.window_s + self.slot_s
            ours = tuple(it if it.id or it.ends > counted else replace(it, ends=min(it.ends, ends)) for it in ours)
        theirs = (Take(OTHERS, more, ends),) if more > 0 and ends > now else ()
        return Window(limit, (*ours, *theirs), told=True, sure=told.sure)


@dataclass(frozen=True, slots=True)
class Bucket:
    """All that is kept of what an API limits together."""

    windows: tuple[Window, ...] = ()
    wishes: tuple[Wish, ...] = ()

    def at(self, now: float) -> Bucket:
        """As it is at a time."""
        latest = now + 2 * ASKS_AGAIN_S
        wishes = tuple(it for it in self.wishes if now < it.ends <= latest)
        return Bucket(tuple(it.at(now) for it in self.windows), wishes)

    def allows(self, ask: Ask) -> tuple[int, Window | None]:
        """How many such requests may be sent, and the window that allows no more than that."""
        found, short = ask.want, None
        for window in self.windows:
            each = min(ask.each.get(window.limit.counts, 0), window.limit.most)
            if each and (many := self._many(window, ask.stack, each)) < found:
                found, short = many, window
        return found, short

    def _many(self, window: Window, stack: str, each: int) -> int:
        """What uses more than is left of a share is let through by what is left of it, if it is free: else it never
        would be."""
        much = window.allows(stack, self.wishes)
        return much // each or int(0 < much < each <= window.free())

    def opens(self, ask: Ask, now: float) -> float:
        """When one more may be sent, if nobody takes anything until then."""
        ends = sorted({it.ends for window in self.windows for it in window.takes if it.ends > now})
        at = bisect_left(ends, True, key=lambda moment: self._without(moment).allows(ask)[0] > 0)
        return ends[at] if at < len(ends) else now + ASKS_AGAIN_S

    def _without(self, moment: float) -> Bucket:
        """With all wishes, and without what counts no more then."""
        return Bucket(
            tuple(replace(it, takes=tuple(one for one in it.takes if one.ends > moment)) for it in self.windows),
            self.wishes,
        )

    def is_for(self, ask: Ask) -> bool:
        """Whether nobody but this process takes or wants any of it."""
        ours = f"{ask.process}:"
        takes = (it for one in self.windows for it in one.takes)
        mine = all(it.id.startswith(ours) if it.id else it.stack == ask.stack for it in takes)
        return mine and all(it.process == ask.process for it in self.wishes)


def shares(most: int, claims: Mapping[str, int], turn: Sequence[str] = ()) -> dict[str, int]:
    """Who gets how much of something of which there may not be enough: nobody more than is claimed, all others the
    same, and what does not divide goes to those who come first in `turn`."""
    given, left = dict.fromkeys(claims, 0), most
    place = {stack: number for number, stack in reversed(list(enumerate(turn)))}
    want = sorted(claims, key=lambda stack: (place.get(stack, len(turn)), stack))
    while want:
        each, over = divmod(left, len(want))
        content = [stack for stack in want if claims[stack] <= each]
        if not content:
            return given | {stack: each + (number < over) for number, stack in enumerate(want)}
        for stack in content:
            given[stack] = claims[stack]
            left -= claims[stack]
        want = [stack for stack in want if stack not in content]
    return given


def decide(bucket: Bucket, ask: Ask, now: float) -> tuple[Bucket, Granted]:
    """What is kept of a bucket from now on, and what the asking process gets of it."""
    bucket = _informed(bucket.at(now), ask, now)
    before = next((it for it in bucket.wishes if it.process == ask.process), None)
    rest = tuple(it for it in bucket.wishes if it.process != ask.process)
    bucket = replace(bucket, wishes=(*rest, *_wish(ask, ask.want, before.since if before else now, now)))
    many, short = bucket.allows(ask)
    if many or not ask.want or ask.at_any_rate:
        many = min(many, _lot(bucket, ask)) or int(ask.at_any_rate)
        windows = tuple(it.with_take(ask.stack, many * _of(ask, it), now, ask.id) for it in bucket.windows)
        for_s = min((it.for_s for it in windows), default=RESERVED_S)
        return Bucket(windows, (*rest, *_wish(ask, ask.want - many, now, now))), Granted(many, for_s)
    opens = bucket.opens(ask, now)
    stacks = {it.stack for it in rest} | ({it.stack for it in short.takes} if short else set())
    others = bool(stacks - {ask.stack})
    limit = short.limit if short else None
    return bucket, Granted(0, 0.0, min(opens - now, ASKS_AGAIN_S), opens - now, others, limit)


def _wish(ask: Ask, many: int, since: float, now: float) -> tuple[Wish, ...]:
    """What a process still waits for. Who does not ask again in time has given it up."""
    units = {counts: amount * many for counts, amount in ask.each.items()}
    return (Wish(ask.stack, ask.process, units, since, now + 2 * ASKS_AGAIN_S),) if many > 0 else ()


def _of(ask: Ask, window: Window) -> int:
    return min(ask.each.get(window.limit.counts, 0), window.limit.most)


def _lot(bucket: Bucket, ask: Ask) -> int:
    """How many are granted at a time: an eighth of what is free, so that all who come next find something; half of it
    to one who is alone."""
    part = 2 if bucket.is_for(ask) else 8
    free = (window.free() // (part * each) for window in bucket.windows if (each := _of(ask, window)))
    return max(min(free, default=ask.want), 1)


def _informed(bucket: Bucket, ask: Ask, now: float) -> Bucket:
    """With what the asking process knows: limits, what the API said, and what became of what it had been granted."""
    lots_used = {it.id: it for it in ask.lots_used}
    windows = tuple(it.accounted(lots_used, now) for it in bucket.windows)
    for limit in ask.limits:
        windows = _declared(windows, limit)
    if ask.told is not None:
        windows = _told(windows, ask.told, now)
    if ask.unasked:
        windows = tuple(it.with_take(ask.stack, ask.unasked, now, f"{ask.process}:0") for it in windows)
        windows = windows if ask.told is None else _told(windows, ask.told, now)  # which had taken them for others'
    return replace(bucket, windows=windows)


def _declared(windows: tuple[Window, ...], limit: Limit) -> tuple[Window, ...]:
    """With a limit that a stack declares, unless the API has said another one."""
    same = [it for it in windows if (it.limit.counts, it.limit.window_s) == (limit.counts, limit.window_s)]
    if not same:
        return (*windows, Window(limit))
    return tuple(replace(it, limit=limit) if it in same and not it.told else it for it in windows)


def _told(windows: tuple[Window, ...], told: LimitTold, now: float) -> tuple[Window, ...]:
    """With what the API has said: of what it counts it tells one window. It can only have been seen to be shorter than
    something, so of two lengths the shorter one is right, unless it is told that more of it is left."""
    limit = told.limit
    before = next((it for it in windows if it.told and it.limit.counts == limit.counts), None)
    if before is not None and before.sure and before.limit.most == limit.most:
        longer = not told.sure or limit.window_s >= before.limit.window_s
        if longer and told.ends_in_s - ROUNDED_S <= before.limit.window_s:
            limit, told = before.limit, replace(told, sure=True)
    same = next(
        (it for it in windows if (it.limit.counts, it.limit.window_s) == (limit.counts, limit.window_s)), before
    )
    window = (same or Window(limit)).seen(told, limit, now)
    return (*(it for it in windows if it not in (same, before)), window)
