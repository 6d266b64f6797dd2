"""How many writes are under way at once: as many as may be, and fewer of what the API is not ready to take more of.

Two things are learnt of each kind, from refusals. How many *requests* it takes side by side: halved when one is refused
for being too many (429) or brings no whole answer, and one more for each round of successes. And how many *objects* it
works on at a time, the free plan of some APIs only a handful: what is beyond waits until one of ours is ready, and now
and then one more is tried. What one kind is refused slows no other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import field

from reconciler.apply.futures import tell_future
from reconciler.errors import AtLimit, NotYet, RateLimited, Unclear
from reconciler.frozen import dataclass

__all__ = ["Places", "Stopped"]

FIRST = 8
"""So many writes of a kind are under way at once before anything is known."""


class Stopped(Exception):
    """The run was asked to stop before this was sent."""


@dataclass(slots=True)
class _Lane:
    """What is known of one kind."""

    side_by_side: float
    """How many requests may be under way."""
    starting: bool = True
    """Nothing was refused yet: each success makes room for one more."""
    sent: int = 0
    """How many requests are under way."""
    rounds: int = 0
    """How often it was halved: requests that were under way together are refused together."""
    working: set[str] = field(default_factory=set)
    """Ids of ours that were made and are not ready."""
    at_a_time: int | None = None
    """How many objects the API works on, as far as it has refused more."""
    ready: int = 0
    """How many became ready since that was changed."""
    futile: int = 0
    """How many were refused, because the API works on all that it may, since one was not or one became ready."""
    next_try: int = 0
    """After how many one more is tried."""
    queue: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def has_room(self) -> bool:
        """Whether one more may leave, as far as this kind goes."""
        if self.at_a_time is not None and self.sent + len(self.working) >= max(self.at_a_time, 1):
            return False
        return self.sent < int(self.side_by_side)


class Places:
    """Places for requests that write, `most` in all. `tell` is given a kind, how many of it go on at once, and why."""

    def __init__(self, most: int, tell: Callable[[str, int, str], None] = lambda kind, count, why: None) -> None:
        self._most, self._tell = most, tell
        self._lanes: dict[str, _Lane] = {}
        self._taken = 0
        self._closed = False
        self.on_room: Callable[[], None] = lambda: None
        """Called when something has changed for who is not let in."""

    def _lane(self, kind: str) -> _Lane:
        if kind not in self._lanes:
            self._lanes[kind] = _Lane(min(self._most, FIRST))
        return self._lanes[kind]

    def is_held(self, kind: str) -> bool:
        """Whether others of this kind wait for it, and not for a place: then no more of it need be begun."""
        return self._taken < self._most and bool(self._lane(kind).queue)

    @property
    def held(self) -> int:
        """How many wait so: what else can be done has their places."""
        return sum(len(lane.queue) for lane in self._lanes.values()) if self._taken < self._most else 0

    def close(self) -> None:
        """Nothing more is sent: whoever waits hears `Stopped`."""
        self._closed = True
        for lane in self._lanes.values():
            while lane.queue:
                tell_future(lane.queue.popleft(), Stopped())

    @asynccontextmanager
    async def place(self, kind: str) -> AsyncIterator[None]:
        """A place, as soon as there is one; what is raised in the block is learnt from. Raises Stopped."""
        lane = self._lane(kind)
        await self._enter(lane)
        began = lane.rounds
        try:
            yield
        except (RateLimited, Unclear) as error:
            if began == lane.rounds and not _is_about_itself(error):
                self._narrow(kind, lane, str(error))
            raise
        else:
            lane.futile = 0
            if lane.side_by_side < self._most:
                lane.side_by_side += 1 if lane.starting else 1 / lane.side_by_side
        finally:
            lane.sent -= 1
            self._taken -= 1
            self._let_in()

    async def _enter(self, lane: _Lane) -> None:
        if self._closed:
            raise Stopped
        if self._taken < self._most and lane.has_room and not lane.queue:
            lane.sent += 1
            self._taken += 1
            return
        lane.queue.append(place := asyncio.get_running_loop().create_future())
        try:
            await place  # whoever lets in has counted it
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                lane.sent -= 1
                self._taken -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Give places that are free to who waits, kind by kind, so that none of them waits for all of another."""
        waiting = deque(lane for lane in self._lanes.values() if lane.queue)
        while waiting and self._taken < self._most:
            lane = waiting.popleft()
            while lane.queue and lane.queue[0].done():  # cancelled
                lane.queue.popleft()
            if lane.queue and lane.has_room:
                lane.sent += 1
                self._taken += 1
                tell_future(lane.queue.popleft())
                waiting.append(lane)
        self.on_room()

    def _narrow(self, kind: str, lane: _Lane, why: str) -> None:
        """One request was too many, or came to nothing."""
        was, lane.side_by_side = int(lane.side_by_side), max(lane.side_by_side / 2, 1.0)
        lane.starting = False
        lane.rounds += 1
        if int(lane.side_by_side) < was:
            self._tell(kind, int(lane.side_by_side), why)

    # Objects that the API works on

    def made(self, kind: str, id: str) -> None:
        """The API works on an object of ours."""
        lane = self._lane(kind)
        lane.working.add(id)
        if lane.at_a_time is not None:  # of those that were sent together the first refusal may be heard first
            lane.at_a_time = max(lane.at_a_time, len(lane.working))

    def ended(self, kind: str, id: str) -> None:
        """It does so no more, or nobody waits for it any more."""
        lane = self._lane(kind)
        if id not in lane.working:
            return
        lane.working.remove(id)
        lane.futile = 0
        if lane.at_a_time is not None:
            lane.ready += 1
            if lane.ready >= lane.next_try:  # a refusal more is what it costs to learn that there is more room
                lane.at_a_time, lane.ready = lane.at_a_time + 1, 0
            self._let_in()

    def is_crowded(self, kind: str, error: AtLimit) -> bool:
        """Whether a refusal may be for what of ours the API works on, or for what was sent with it: then it is to be
        sent again, when there is a place. Else the account has no more room, and nothing mends that."""
        lane = self._lane(kind)
        lane.futile += 1
        # Two that are refused in turn would each take the other for what is being worked on, for ever.
        if not lane.working and (not lane.sent or lane.futile > self._most):
            return False
        was, lane.at_a_time = lane.at_a_time, len(lane.working)
        if was is None or lane.at_a_time < was:
            lane.next_try = max(2 * lane.next_try, lane.at_a_time, 1)
        lane.ready = 0
        if was is None:
            self._tell(kind, max(lane.at_a_time, 1), str(error))
        return True


def _is_about_itself(error: RateLimited | Unclear) -> bool:
    """Whether a refusal says nothing of what is sent side by side: it came too early, or a budget is spent."""
    return isinstance(error, NotYet) or (isinstance(error, RateLimited) and error.resumes is not None)
