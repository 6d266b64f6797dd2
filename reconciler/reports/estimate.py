"""The estimate in sentences, the same in every format for people."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model import Charge, Cost, Estimate
from reconciler.reports.values import count_of
from reconciler.tariff import dated

__all__ = ["cost_lines", "effort_lines", "size"]

INDEXING = "indexing"
"""The charge that is told with the minutes to index."""


def cost_lines(estimate: Estimate) -> list[str]:
    """What is worth saying unasked: bytes, minutes, results, money. [] when it costs nothing."""
    return [*_uploads(estimate), *_minutes(estimate), *_derived(estimate), *_rows(estimate)]


def effort_lines(estimate: Estimate) -> Iterator[str]:
    """What it takes in requests and time."""
    looks = f", and about {estimate.polls} looks until all is ready" if estimate.polls else ""
    reads = estimate.reads_spent
    spent = f"{count_of(reads, 'request')} {'was' if reads == 1 else 'were'} sent to plan"
    yield f"{count_of(estimate.writes, 'write')} to send{looks}; {spent}."
    if (seconds := estimate.seconds_at_rate_limit) and not estimate.derived_by_row:
        yield f"About {seconds:.0f} s at the rate that the API allows now."


def size(size_bytes: int) -> str:
    """Bytes as people say them: `740 B`, `1.2 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    number, units = size_bytes / 1000, iter(("kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while number >= 1000:
        number, unit = number / 1000, next(units)
    return f"{number:.1f} {unit}"


def _uploads(estimate: Estimate) -> Iterator[str]:
    if estimate.uploads:
        chunks = f", in about {estimate.chunk_requests} chunks" if estimate.chunk_requests else ""
        yield f"{count_of(estimate.uploads, 'file')} to upload: {size(estimate.upload_bytes)}{chunks}."


def _minutes(estimate: Estimate) -> Iterator[str]:
    objects, unknown = estimate.index_objects, estimate.index_objects_of_unknown_length
    if not objects:
        return
    if objects == unknown:
        yield f"{count_of(objects, 'object')} to index, of unknown length: what that costs is not known."
        return
    but = f", and {unknown} of unknown length" if unknown else ""
    yield f"{estimate.index_minutes:g} minutes of media to index{but}{_money(estimate.cost)}."


def _derived(estimate: Estimate) -> Iterator[str]:
    """One line of what happens to results, and of what that costs."""
    parts = [f"{_to_make(estimate)}"] if estimate.derived_objects else []
    counts = ((estimate.derived_free, "fetch"), (estimate.derived_updates, "update"))
    parts += [f"{count} to {word}" for count, word in (*counts, (estimate.derived_removals, "remove")) if count]
    if parts:
        charges = estimate.cost.charges if estimate.cost else ()
        told = [_charge(it, estimate.cost) for it in charges if estimate.cost and it.what != INDEXING]
        yield f"Derived: {'; '.join((', '.join(parts), *told))}."


def _rows(estimate: Estimate) -> Iterator[str]:
    """What reading takes where each row is a request: a bound, for nobody knows how many rows there are."""
    if not estimate.derived_by_row:
        return
    requests, per_request_s = estimate.derived_requests, estimate.seconds_per_request
    yield f"At least {count_of(requests, 'request')} to fetch: one for each row, known when they are read."
    least_s = estimate.seconds_at_rate_limit
    least = f"at least {least_s:.0f} s, and " if least_s else ""
    if per_request_s:
        yield f"At the rate that the API allows this takes {least}{per_request_s:g} s for each row more."


def _to_make(estimate: Estimate) -> str:
    unknown = estimate.derived_objects_of_unknown_length
    media = [f"{estimate.derived_minutes:g} min of media"] if estimate.derived_minutes else []
    media += [f"{unknown} of unknown length"] if unknown else []
    return f"{estimate.derived_objects} to make" + (f" ({', '.join(media)})" if media else "")


def _charge(charge: Charge, cost: Cost) -> str:
    known, lacking = charge.amount or charge.at_most, charge.objects_without_price
    words = ", ".join(f"{word}: …" for word in charge.unknown)
    say = f"; `prices: {{{words}}}` says it" if words else ""
    if not known:
        return f"{charge.what}: the price is not known{say}"
    sign = "≥" if lacking or charge.note else "≈"
    most = f" + at most {charge.at_most:.2f} {cost.currency} of output" if charge.at_most else ""
    when = dated(charge.as_of, charge.source)
    note = f"; {charge.note}" if charge.note else ""
    return f"{charge.what} {sign} {charge.amount:.2f} {cost.currency}{most} (prices: {when}{say}{note})"


def _money(cost: Cost | None) -> str:
    if cost is None:
        return ""
    whole = Charge(INDEXING, 0, cost.amount, 0.0, cost.objects_without_price, (), cost.as_of, cost.source)
    # A plan that an earlier version saved says only what all costs, which is indexing.
    charge = next((it for it in cost.charges if it.what == INDEXING), whole)
    if not charge.amount and charge.objects_without_price:
        return "; the price is not known"
    least = "at least" if charge.objects_without_price else "about"
    when = dated(charge.as_of, charge.source)
    return f": {least} {charge.amount:.2f} {cost.currency} (prices: {when})"
