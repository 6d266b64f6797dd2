"""When to look next at what is not ready: learnt from how long those took that are. Pure.

The first look at an object comes when the quickest of those before it may have become ready, and looks are close from
then on until the slowest of them was: so none is looked at for nothing, or seen much later than it became ready. Of
what nobody knows anything yet looks begin at once, with pauses that grow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field

from reconciler.frozen import dataclass
from reconciler.provider import Traits

__all__ = ["Cadence"]

CLOSE = 0.1
"""Of what they take is how far apart looks are that are to see the end of it."""
QUICKEST_S = 0.2
"""Closer no looks come, however quick a kind is."""
EARLY = 0.8
"""Of the age at which the quickest was seen to be ready, where it is not known closer: when one is looked at first."""
REMEMBERED = 32
GROWTH = 1.5


@dataclass(slots=True)
class _Awaited:
    since_s: float
    next_s: float
    pause_s: float
    looked_s: float
    """When a look last showed that it is not ready; when it was made, before any."""


@dataclass(slots=True)
class _Took:
    """What those of one kind took that became ready."""

    not_before: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """How old each was when a look showed it not ready."""
    at_most: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """How old when one showed it ready."""

    def first_s(self) -> float:
        """How old one is to be when it is looked at first. What that shows, either way, brings the next one closer."""
        earliest_s, quickest_s = min(self.not_before), min(self.at_most)
        return max((earliest_s + quickest_s) / 2, EARLY * quickest_s)


class Cadence:
    """All objects that are waited for; moments are seconds of the run's clock. `chosen` is the first pause that
    somebody asked for. One that does not learn has each looked at from the beginning."""

    def __init__(self, chosen: float | None, *, learns: bool = True) -> None:
        self._chosen, self._learns = chosen, learns
        self._objects: dict[tuple[str, str], _Awaited] = {}
        self._known: dict[str, _Took] = {}

    def apart_s(self, kind: str, traits: Traits) -> float:
        """How far apart looks at a kind are at the least."""
        known = self._known.get(kind)
        if self._chosen is not None or known is None:
            return traits.pause_s(self._chosen)
        # As near to the end of it as that is worth a request.
        return min(max(CLOSE * max(known.at_most), QUICKEST_S), traits.poll_s)

    def began(self, kind: str, id: str, now_s: float) -> float:
        """It is waited for from now on; when it is to be looked at first."""
        known = self._known.get(kind)
        first_s = known.first_s() if known and self._chosen != 0 else 0.0
        self._objects[kind, id] = _Awaited(now_s, now_s + first_s, 0.0, now_s)
        return now_s + first_s

    def ended(self, kind: str, id: str) -> None:
        """It is waited for no longer."""
        self._objects.pop((kind, id), None)

    def looked(self, kind: str, id: str, now_s: float, traits: Traits, *, ready: bool) -> None:
        """What a look has shown of it."""
        if (it := self._objects.get((kind, id))) is None:
            return
        age_s = now_s - it.since_s
        if ready:
            if not self._learns:
                return
            those = self._known.setdefault(kind, _Took())
            those.not_before.append(it.looked_s - it.since_s)
            those.at_most.append(age_s)
            return
        it.looked_s = now_s
        least_s, known = self.apart_s(kind, traits), self._known.get(kind)
        if now_s < it.next_s - least_s / 2:  # seen by the way, in a list that was looked at for another
            return
        usual = known is not None and age_s < max(known.at_most)
        it.pause_s = least_s if usual else max(min(it.pause_s * GROWTH, traits.poll_max_s), least_s)
        it.next_s = now_s + it.pause_s
        if known is not None and self._chosen != 0:  # it was looked at before anything was known of its kind
            it.next_s = max(it.next_s, it.since_s + known.first_s())

    def due(self, kind: str, ids: list[str], now_s: float, traits: Traits) -> list[str]:
        """Those of a list that are to be looked at; with any of them, all that will be in a moment."""
        soon_s = now_s + self.apart_s(kind, traits) / 2
        next_s = {id: self._objects[kind, id].next_s for id in ids if (kind, id) in self._objects}
        if not any(at <= now_s for at in next_s.values()):
            return []
        return [id for id, at in next_s.items() if at <= soon_s]

    def next_s(self) -> float | None:
        """When the first is due; None when nothing is waited for."""
        return min((it.next_s for it in self._objects.values()), default=None)
