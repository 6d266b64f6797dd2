"""The estimate in sentences, the same in every format for people."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model import Cost, Estimate

__all__ = ["cost_lines", "effort_lines", "size"]


def cost_lines(estimate: Estimate) -> list[str]:
    """What is worth saying unasked: bytes to send, minutes to index, money. [] when it costs nothing."""
    return [*_uploads(estimate), *_minutes(estimate), *_derived(estimate)]


def effort_lines(estimate: Estimate) -> Iterator[str]:
    """What it takes in requests and time."""
    looks = f", and about {estimate.polls} looks until all is ready" if estimate.polls else ""
    reads = estimate.reads_spent
    spent = f"{_count(reads, 'request')} {'was' if reads == 1 else 'were'} sent to plan"
    yield f"{_count(estimate.writes, 'write')} to send{looks}; {spent}."
    if seconds := estimate.seconds_at_rate_limit:
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
        yield f"{_count(estimate.uploads, 'file')} to upload: {size(estimate.upload_bytes)}{chunks}."


def _minutes(estimate: Estimate) -> Iterator[str]:
    objects, unknown = estimate.index_objects, estimate.index_objects_of_unknown_length
    if not objects:
        return
    if objects == unknown:
        yield f"{_count(objects, 'object')} to index, of unknown length: what that costs is not known."
        return
    but = f", and {unknown} of unknown length" if unknown else ""
    yield f"{estimate.index_minutes:g} minutes of media to index{but}{_money(estimate.cost)}."


def _derived(estimate: Estimate) -> Iterator[str]:
    objects, unknown = estimate.derived_objects, estimate.derived_objects_of_unknown_length
    if not objects:
        return
    if objects == unknown:
        yield f"{_count(objects, 'result')} to make of media of unknown length: what that costs is not known."
        return
    but = f", and {unknown} of unknown length" if unknown else ""
    minutes = f"{estimate.derived_minutes:g} minutes of media{but}"
    yield f"{_count(objects, 'result')} to make, of {minutes}; the price is not known."


def _money(cost: Cost | None) -> str:
    if cost is None:
        return ""
    if not cost.amount and cost.objects_without_price:
        return "; the price is not known"
    least = "at least" if cost.objects_without_price else "about"
    when = f"of {cost.as_of}, {cost.source}" if cost.as_of else cost.source
    return f": {least} {cost.amount:.2f} {cost.currency} (prices: {when})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
