"""What a plan takes, as figures to be seen at a glance. What is not known is called unknown, and never nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model import Cost, Estimate
from reconciler.reports.estimate import size
from reconciler.reports.values import count_of

__all__ = ["Figure", "figures"]

UNKNOWN = "unknown"

Figure = tuple[str, str, str]
"""What it is of, the figure, what more is to be said of it."""


def figures(estimate: Estimate) -> Iterator[Figure]:
    """Writes, upload, media, results, money, time."""
    looks = f"about {estimate.polls} looks until all is ready" if estimate.polls else ""
    yield "writes to send", str(estimate.writes), looks
    if estimate.uploads:
        yield "to upload", size(estimate.upload_bytes), count_of(estimate.uploads, "file")
    if estimate.index_objects:
        yield (
            "to index",
            *_minutes(estimate.index_minutes, estimate.index_objects, estimate.index_objects_of_unknown_length),
        )
    if estimate.derived_objects:
        unknown = estimate.derived_objects_of_unknown_length
        yield "media to be seen for results", *_minutes(estimate.derived_minutes, estimate.derived_objects, unknown)
    yield "money", *_money(estimate)
    seconds = estimate.seconds_at_rate_limit
    yield "at the API's rate", UNKNOWN if seconds is None else f"{seconds:.0f} s", "at least" if seconds else ""


def _minutes(minutes: float, objects: int, unknown: int) -> tuple[str, str]:
    told = count_of(objects, "object")
    if objects == unknown:
        return UNKNOWN, f"{told} of unknown length"
    return f"{'≥ ' if unknown else ''}{minutes:g} min", f"{told}, {unknown} of unknown length" if unknown else told


def _money(estimate: Estimate) -> tuple[str, str]:
    """The sum, as far as it is known. Nothing to index and nothing to make costs nothing."""
    cost = estimate.cost
    if not estimate.index_objects and not estimate.derived_objects:
        return "none", "nothing is indexed or made"
    if cost is None:
        return UNKNOWN, "no price is known"
    if not (cost.amount or cost.at_most) and _lacking(cost):
        return UNKNOWN, f"no length or no price of {count_of(_lacking(cost), 'object')}"
    most = f"at most {cost.at_most:.2f} more; " if cost.at_most else ""
    lacking = f"without {count_of(_lacking(cost), 'object')}; " if _lacking(cost) else ""
    least = "≥ " if lacking else "≈ "
    when = f"prices of {cost.as_of}" if cost.as_of else f"prices: {cost.source}"
    return f"{least}{cost.amount:.2f} {cost.currency}", f"{lacking}{most}{when}"


def _lacking(cost: Cost) -> int:
    """Of how many objects the money is not known."""
    return max(cost.objects_without_price, sum(it.objects_without_price for it in cost.charges))
