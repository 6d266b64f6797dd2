"""What is kept of a bucket, as text: one line of JSON, and what is not one of ours is nothing that was kept."""

from __future__ import annotations

import json
from typing import Any

from reconciler.http.budget import Bucket, Take, Window, Wish
from reconciler.tariff import Limit

__all__ = ["bucket_from", "text_of"]


def text_of(bucket: Bucket) -> str:
    """The text of a bucket."""
    windows = [
        [it.limit.counts, it.limit.most, it.limit.window_s, it.told, it.sure, [_take(one) for one in it.takes]]
        for it in bucket.windows
    ]
    wishes = [[it.stack, it.process, dict(it.units), it.since, it.ends] for it in bucket.wishes]
    return json.dumps({"windows": windows, "wishes": wishes}, separators=(",", ":"))


def _take(it: Take) -> list[Any]:
    return [it.stack, it.amount, it.ends, it.id] if it.id else [it.stack, it.amount, it.ends]


def bucket_from(text: str) -> Bucket:
    """What was kept; an empty one of what cannot be read: what a budget forgets, the API still counts."""
    try:
        document = json.loads(text)
        return Bucket(tuple(map(_window, document["windows"])), tuple(map(_wish, document["wishes"])))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Bucket()


def _window(row: Any) -> Window:
    counts, most, window_s, told, sure, takes = row
    if most < 1 or not 0 < window_s < float("inf"):
        raise ValueError(row)
    limit = Limit(str(counts), int(most), float(window_s))
    return Window(limit, tuple(map(_take_from, takes)), told=bool(told), sure=bool(sure))


def _take_from(row: Any) -> Take:
    stack, amount, ends, *id = row
    return Take(str(stack), int(amount), float(ends), *map(str, id))


def _wish(row: Any) -> Wish:
    stack, process, units, since, ends = row
    return Wish(str(stack), str(process), {str(key): int(it) for key, it in units.items()}, float(since), float(ends))
