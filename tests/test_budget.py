"""The budget of an account, as values: no window holds more than its limit, and each stack gets its share."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.http.budget import REQUESTS, Ask, Bucket, Granted, LimitTold, LotUsed, Take, Window, decide, shares
from reconciler.tariff import Limit

MINUTE = Limit(REQUESTS, 60, 60.0)
claims = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1)


@given(st.integers(0, 120), claims)
def test_shares_are_fair_whatever_the_order_in_which_they_are_claimed(most: int, wanted: dict[str, int]) -> None:
    got = shares(most, wanted)

    assert sum(got.values()) == min(most, sum(wanted.values())), "nothing is left over that somebody wants"
    assert all(got[stack] <= much for stack, much in wanted.items())
    assert all(got[stack] >= min(much, most // len(wanted)) for stack, much in wanted.items())
    unmet = [got[stack] for stack, much in wanted.items() if got[stack] < much]
    # Nobody who lacks something has less than another one got, but for what does not divide.
    assert not unmet or min(unmet) >= max(got.values()) - 1
    for order in itertools.islice(itertools.permutations(wanted), 24):
        assert shares(most, {stack: wanted[stack] for stack in order}) == got


def test_what_does_not_divide_goes_to_who_waits_longest() -> None:
    assert shares(1, {"a": 5, "b": 5}, ["b", "a"]) == {"a": 0, "b": 1}
    assert shares(5, {"a": 5, "b": 5}, ["b", "a", "b"]) == {"a": 2, "b": 3}


class Process:
    """Asks, sends what it was granted at any time that is allowed, and is answered some time later."""

    def __init__(self, stack: str, name: str) -> None:
        self.stack, self.name, self.number = stack, name, 0
        self.lots: list[tuple[str, int, list[float]]] = []
        """id, requests of which nothing was told, when their answers came or will come"""

    def ask(self, want: int, now: float) -> Ask:
        """What was answered is told, and what was not sent by then is given back."""
        self.number += 1
        told, lots = [], []
        for id, of, ends in self.lots:
            came, due = [it for it in ends if it <= now], [it for it in ends if it > now]
            told.append(LotUsed(id, of, len(came), now - max(came, default=now), len(due)))
            lots += [(id, len(due), due)] if due else []
        self.lots = lots
        return Ask(
            self.stack,
            self.name,
            want,
            f"{self.name}:{self.number}",
            limits=(MINUTE,),
            lots_used=tuple(told),
        )


@given(st.data())
def test_no_window_holds_more_than_the_limit_wherever_it_begins(data: st.DataObject) -> None:
    """Requests leave and are counted at any moment, processes die with what they had, and clocks do not matter."""
    limit = replace(MINUTE, most=data.draw(st.integers(1, 30)), window_s=data.draw(st.sampled_from([1.0, 10.0, 60.0])))
    window = Window(limit)
    bucket, now, counted = Bucket(), 0.0, list[float]()
    processes = [Process(stack, name) for stack, name in (("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"))]
    fraction = st.floats(0, 1)
    for number in range(data.draw(st.integers(5, 40))):
        process = data.draw(st.sampled_from(processes))
        if data.draw(st.integers(0, 9)) == 9:  # killed: nobody says what became of what it had
            processes[processes.index(process)] = process = Process(process.stack, f"{process.name}+{number}")
        ask = replace(process.ask(data.draw(st.integers(0, 40)), now), limits=(limit,))
        bucket, granted = decide(bucket, ask, now)
        assert granted.amount <= ask.want
        answers = []
        for _ in range(data.draw(st.integers(0, granted.amount))):
            leaves = now + data.draw(fraction) * granted.for_s
            arrives = leaves + data.draw(fraction) * min(2.0, limit.window_s / 4)
            counted.append(arrives)
            answers.append(arrives + data.draw(fraction) * 0.1)
        if granted.amount:
            process.lots.append((ask.id, granted.amount, answers))
        now += data.draw(st.sampled_from([0.0, window.for_s / 3, limit.window_s / 2, limit.window_s]))

    counted.sort()
    for first, begin in enumerate(counted):
        inside = sum(begin <= it < begin + limit.window_s for it in counted[first:])
        assert inside <= limit.most


@settings(max_examples=12)
@given(st.integers(2, 40), st.lists(st.integers(20, 40), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_each_stack_that_wants_gets_its_share_of_every_window(most: int, wants: list[int], chance: object) -> None:
    """Greedy ones ask all the time, and the first has taken all before the others came."""
    limit = Limit(REQUESTS, most, 60.0)
    stacks = [f"s{number}" for number in range(len(wants))]
    bucket, taken = Bucket(), list[tuple[float, str]]()
    sent: dict[str, list[LotUsed]] = {stack: [] for stack in stacks}
    ids, now = itertools.count(), 0.0
    while now < 260:
        there = stacks if now > 30 else stacks[:1]
        for stack in chance.sample(there, len(there)):  # type: ignore[attr-defined]
            for _ in range(40):
                ask = Ask(stack, stack, wants[stacks.index(stack)], f"{stack}:{next(ids)}", limits=(limit,))
                ask = replace(ask, lots_used=tuple(sent[stack]))
                bucket, granted = decide(bucket, ask, now)
                sent[stack] = [LotUsed(ask.id, granted.amount, granted.amount, 0.0)] if granted.amount else []
                taken += [(now, stack)] * granted.amount
                if not granted.amount:
                    break
        now += 3.0
    for begin in range(100, 190, 7):  # one window after all have come; the next is a question every three seconds later
        got = Counter(stack for at, stack in taken if begin <= at < begin + 72)
        assert min(got[stack] for stack in stacks) >= most // len(stacks)


@given(st.permutations(["a", "b", "c"]))
def test_who_asks_first_gets_no_more_than_others_who_wait_already(order: list[str]) -> None:
    full = Window(MINUTE, (Take("z", 60, 30.0),))
    bucket = Bucket((full,))
    for stack in "abc":  # all wait since the same moment
        bucket, granted = decide(bucket, Ask(stack, stack, 40, f"{stack}:0"), 25.0)
        assert (granted.amount, granted.wait_s, granted.others) == (0, 5.0, True)
    got = Counter[str]()
    number = itertools.count()
    for stack in [*order] * 30:
        want = 40 - got[stack]
        bucket, granted = decide(bucket, Ask(stack, stack, want, f"{stack}:{next(number)}"), 31.0)
        got[stack] += granted.amount
    assert got == {"a": 20, "b": 20, "c": 20}


def granted(bucket: Bucket, ask: Ask, now: float) -> Granted:
    return decide(bucket, ask, now)[1]


def test_what_others_use_who_share_no_budget_is_seen_in_what_the_api_tells() -> None:
    bucket = Bucket((Window(MINUTE, (Take("a", 10, 70.0),)),))
    bucket, first = decide(bucket, Ask("a", "1", 1, "1:9", told=LimitTold(MINUTE, 2, 30.0, 1.0)), 10.0)

    assert first.amount == 1
    used = {it.stack: (it.amount, it.ends) for it in bucket.windows[0].takes if not it.id}
    assert used == {"a": (10, 70.0), "": (48, 39.0)}
    assert granted(bucket, Ask("b", "2", 9, "2:9"), 11.0).amount == 1
    assert granted(bucket, Ask("b", "2", 9, "2:9"), 40.0).amount == 6, "that window of theirs is over"


def test_the_api_is_believed_before_a_plan_and_what_was_seen_before_a_guess() -> None:
    declared = Ask("a", "1", 1, "1:9", limits=(MINUTE, Limit(REQUESTS, 3000, 86400.0)))
    bucket, _ = decide(Bucket(), declared, 0.0)
    bucket, _ = decide(bucket, replace(declared, told=LimitTold(Limit(REQUESTS, 120, 60.0), 119, 60.0, 0.0)), 1.0)
    bucket, _ = decide(bucket, declared, 2.0)
    assert [(it.limit.most, it.limit.window_s) for it in bucket.windows] == [(3000, 86400.0), (120, 60.0)]

    second = LimitTold(Limit(REQUESTS, 120, 1.0), 119, 1.0, 0.0)
    bucket, _ = decide(bucket, Ask("a", "1", 1, "1:9", told=second), 3.0)
    bucket, _ = decide(
        bucket, Ask("a", "1", 1, "1:9", told=LimitTold(Limit(REQUESTS, 120, 60.0), 9, 1.0, 0.0, sure=False)), 3.0
    )
    assert [(it.limit.most, it.limit.window_s) for it in bucket.windows] == [(3000, 86400.0), (120, 1.0)]


def test_minutes_are_counted_beside_requests_and_what_is_longer_than_a_share_is_let_through_once() -> None:
    limits = MINUTE, Limit("minutes", 600, 3600.0)
    long = Ask("a", "1", 1, "1:1", {REQUESTS: 1, "minutes": 240}, limits)
    bucket, first = decide(Bucket(), long, 0.0)
    bucket, second = decide(bucket, replace(long, id="1:2"), 0.0)
    third = granted(bucket, replace(long, id="1:3"), 0.0)
    assert (first.amount, second.amount, third.amount) == (1, 1, 0)
    assert third.limit == limits[1]
    assert 3600 < third.wait_s < 3610
    assert granted(bucket, Ask("a", "1", 1, "1:9"), 0.0).amount == 1, "a request without media waits for none"


def test_a_clock_that_was_set_back_blocks_nobody_for_longer_than_a_window() -> None:
    bucket = Bucket((Window(MINUTE, (Take("a", 60, 1e9),)),))
    assert granted(bucket, Ask("b", "2", 1, "2:9"), 1000.0).wait_s < 70
