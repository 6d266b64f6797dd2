"""Search in what was found, by words or by an address. How it ranks is made up: words in common, and some noise."""

from __future__ import annotations

import hashlib
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj
from reconciler.emulator.mixpeek import filters
from reconciler.emulator.mixpeek.bodies import FeatureSearch, SentSearch, UrlSearch
from reconciler.emulator.mixpeek.call import MOST_IN_PAGE, USUAL_PAGE, MixpeekCall
from reconciler.emulator.mixpeek.families import features

__all__ = ["FAMILY"]

SAID = ("text", "description", "transcription")
OLDER = ("created_at", "collection_id", "metadata", "score")


def by_text(call: MixpeekCall) -> Reply:
    """What fits the words best comes first."""
    query = call.sent(FeatureSearch)
    return _ranked(call, query, query.query or "")


def by_url(call: MixpeekCall) -> Reply:
    """What is most like what is behind an address: by its hash, for nothing is fetched."""
    query = call.sent(UrlSearch)
    return _ranked(call, query, query.url)


def _ranked(call: MixpeekCall, query: SentSearch, wanted: str) -> Reply:
    rows = [{**row, "score": _score(feature, wanted)} for row, feature in features.rows_of(call, query.collection_ids)]
    rows = filters.chosen(rows, query)
    if query.sort is None:
        rows.sort(key=lambda row: -float(row["score"]))
    if query.group_by is not None:
        rows = _grouped(rows, query.group_by.field, query.group_by.max_features)
    if not call.options.is_newest:
        return Reply(200, call.page("/features/search/text", [_older(row) for row in rows]))
    size, given = call.number("page_size", USUAL_PAGE, MOST_IN_PAGE), call.params.get("offset_position", "")
    start = int(given) if given.isascii() and given.isdigit() else 0
    some = call.tweaked(list(rows[start : start + size]))
    return Reply(200, {"results": some, "pagination": features.numbered(len(rows), size, start, None)})


def _older(row: dict[str, Any]) -> dict[str, Any]:
    """A result as it was in October: a caption, and the asset was called a file."""
    caption = next((row[name] for name in SAID if row.get(name)), None)
    return {"caption": caption, "file_id": row["asset_id"], "url": None, **{name: row.get(name) for name in OLDER}}


def _grouped(rows: list[dict[str, Any]], key: str, most: int | None) -> list[dict[str, Any]]:
    """Not more than so many of each group."""
    counted: dict[str, int] = {}
    kept = []
    for row in rows:
        group = str(filters.value_at(row, key))
        counted[group] = counted.get(group, 0) + 1
        if counted[group] <= (most or 1):
            kept.append(row)
    return kept


def _score(feature: Obj, wanted: str) -> float:
    found = feature.doc["found"]
    words = set(wanted.lower().split())
    said = {word for name in SAID for word in str(found.get(name) or "").lower().split()}
    noise = hashlib.sha256(f"{found['content']}:{wanted}".encode("utf-8", "replace")).digest()[0] / 2560
    return round((len(words & said) / len(words) if words else 0.0) * 0.9 + noise, 6)


FAMILY = EndpointFamily(
    name="search",
    routes=(
        Route("POST", "/features/search/text", by_text, body="json", bucket="search text", reads=True),
        Route("POST", "/features/search/url", by_url, body="json", bucket="search url", reads=True),
    ),
)
