"""Whether a check is good enough: by floors, and by what it was before. Pure.

Floors and allowed losses are judged by the mean itself. Where there are queries enough to tell a loss from noise, a
loss must also be sure: the interval of the differences, query by query, lies below zero. A baseline is what was
recorded, and is never lowered by a worse run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from reconciler.checks.scores import LEVEL, Scores, interval
from reconciler.checks.words import counted
from reconciler.frozen import dataclass
from reconciler.model import Floor

__all__ = ["Baseline", "Verdict", "judge"]

SURE_FROM: Final = 50
"""From so many queries on a loss must be sure, unless the check says otherwise."""
FEW: Final = 20
"""With fewer queries noise cannot be told from a loss."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was recorded of a check: measure → query's digest → value. The digest is that of all that a query asks and
    expects, so a changed query is compared with nothing."""

    values: Mapping[str, Mapping[str, float]]
    at: str
    """When it was recorded, RFC 3339."""
    of: str = ""
    """The id of what was searched then."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a check passes, and all that is to be said of it."""

    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """measure → 95 % interval of its mean."""

    @property
    def passes(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


def judge(
    scores: Scores,
    floors: Mapping[str, Floor],
    baseline: Baseline | None = None,
    *,
    sure: float | None = None,
    digests: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict on some scores. `sure` is how sure a loss must be, from 0 to 1 (0: the mean decides alone); None: as
    the number of queries allows. `digests` of queries tell which of the baseline's are meant; without them the
    names do."""
    names = digests or {query: query for query in next(iter(scores.by_query.values()), {})}
    count = len(names)
    sure = (LEVEL if count >= SURE_FROM else 0.0) if sure is None else sure
    failures: list[str] = []
    warnings: list[str] = []
    if 0 < count < FEW:
        warnings.append(
            f"{counted(count)} {'is' if count == 1 else 'are'} few: chance cannot be told from a loss below {FEW}"
        )
    for measure, floor in floors.items():
        into = warnings if floor.warn else failures
        mean = scores.mean[measure]
        if floor.least is not None and mean < floor.least:
            into.append(f"{measure} is {mean:.3f}, below the floor of {floor.least:g}")
        if floor.allow is not None and baseline is not None:
            into.extend(_lost(measure, floor.allow, scores, baseline, names, sure))
    known = [query for query, digest in names.items() if baseline and _knows(baseline, digest)]
    if baseline is not None and len(known) < count and any(it.allow is not None for it in floors.values()):
        verb = "is" if count - len(known) == 1 else "are"
        warnings.append(
            f"{count - len(known)} of {counted(count)} {verb} not in the baseline, and {verb} compared with nothing"
        )
    intervals = {measure: interval(list(each.values())) for measure, each in scores.by_query.items() if each}
    return Verdict(tuple(failures), tuple(warnings), intervals)


def _knows(baseline: Baseline, digest: str) -> bool:
    return any(digest in each for each in baseline.values.values())


def _lost(
    measure: str, allow: float, scores: Scores, baseline: Baseline, names: Mapping[str, str], sure: float
) -> Sequence[str]:
    """What was lost of one measure since the baseline, over the queries that both have."""
    before = baseline.values.get(measure, {})
    pairs = [(before[digest], scores.by_query[measure][query]) for query, digest in names.items() if digest in before]
    if not pairs:
        return ()
    was, now = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    # Means of the same values can differ in their last bit, by the order in which they are added up.
    if was - now <= allow + 1e-9:
        return ()
    if sure > 0 and interval([new - old for old, new in pairs], sure)[1] >= 0:
        return ()
    return (f"{measure} is {now:.3f} and was {was:.3f} ({baseline.at[:10]}): it may lose {allow:g}",)
