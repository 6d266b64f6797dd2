"""What TwelveLabs costs and allows, as far as it could be found out; none of it is the vendor's word.

Figures of 2026 from third parties, who compare prices of such services: check them against your own invoice, and
write what you pay under `prices:` in the stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.providers.twelvelabs.limits import WAYS
from reconciler.providers.twelvelabs.rates import limits_of, rates_of
from reconciler.tariff import Measure, Metered, Price, Quota, Takes, Tariff, Use

__all__ = ["TARIFF"]

HOUR_MINUTES = 60
DEVELOPER = (
    Quota("IndexedAsset", Measure.OBJECTS, 100_000, per_parent=True),
    Quota("IndexedAsset", Measure.MINUTES, 10_000 * HOUR_MINUTES, per_parent=True),
    Quota("IndexedAsset", Measure.AT_ONCE, 25),
)
TIERS = {"free": "free", "developer": "developer-1"} | {f"developer-{tier}": f"developer-{tier}" for tier in (1, 2, 3)}
"""The plans that a stack can name, and which row of the table of rates each has; accounts begin in the first tier."""

ANSWER_TOKENS, SEGMENT_TOKENS = 4096, 32768
"""How long an answer may be when nothing is said, by a prompt and of segments."""
MORE_DEFINITIONS = "each definition of segments beyond the first costs more, by a factor that is not published"


def _third(amount: float) -> Price:
    return Price(amount, as_of="2026-06", source="third parties, not the vendor")


def _window(fields: Mapping[str, Any]) -> tuple[float, float | None]:
    window = fields.get("window") or {}
    last = window.get("to")
    return float(window.get("from") or 0.0), None if last is None else float(last)


def _embedding(fields: Mapping[str, Any]) -> Takes:
    """Vectors of an index are there; texts and images are counted; of sound and video it is the minutes."""
    model, media = str(fields.get("model", "")), fields.get("media") or "video"
    if fields.get("indexed"):
        return Takes(read=True)
    images = len(fields.get("images") or ()) + bool(fields.get("image")) + (media == "image")
    counts = {"embed_1k_images": images, "embed_1k_texts": int(bool(fields.get("text")))}
    if any(counts.values()):
        return Takes(tuple(Use(word, count / 1000) for word, count in counts.items() if count), model)
    length = WAYS["v1" if fields.get("api") == "v1" else "v2"]
    return Takes(
        (Use("embed_minute" if media == "video" else "embed_audio_minute"),),
        model,
        media=str(fields.get("of")),
        window_s=_window(fields),
        least_s=length.least_s,
        whole_most_s=length.most_s,
    )


def _analysis(fields: Mapping[str, Any]) -> Takes:
    """The minutes that are seen, and what is written, of which only the most is known."""
    segments, length = fields.get("segments") or {}, WAYS["analyze"]
    tokens = fields.get("max_tokens") or (SEGMENT_TOKENS if segments else ANSWER_TOKENS)
    return Takes(
        (Use("analyze_minute"), Use("analyze_1k_tokens", tokens / 1000, at_most=True)),
        str(fields.get("model", "")),
        media=str(fields.get("of")),
        window_s=_window(fields),
        least_s=length.least_s,
        most_s=length.most_s,
        whole_most_s=length.whole_most_s,
        note=MORE_DEFINITIONS if len(segments) > 1 else "",
    )


TARIFF = Tariff(
    metered=Metered(
        kind="IndexedAsset",
        media="asset",
        models="models",
        per_minute={"marengo3.0": 0.042},
        currency="USD",
        as_of="2026-01",
        source="third parties, not the vendor",
    ),
    quotas={
        "free": (
            Quota("EntityCollection", Measure.OBJECTS, 1),
            Quota("Entity", Measure.OBJECTS, 15),
            Quota("IndexedAsset", Measure.MINUTES, 600, also=("MediaAnalysis",)),
            Quota("IndexedAsset", Measure.OBJECTS, 100, per_parent=True),
            Quota("IndexedAsset", Measure.AT_ONCE, 5),
        ),
        **{plan: DEVELOPER for plan in TIERS if plan != "free"},
    },
    rates={plan: rates_of(row) for plan, row in TIERS.items()},
    limits={plan: limits_of(row) for plan, row in TIERS.items()},
    prices={
        "embed_minute": Price(),  # of video: published nowhere
        "embed_audio_minute": _third(0.0083),
        "embed_1k_images": _third(0.10),
        "embed_1k_texts": _third(0.07),
        "analyze_minute": _third(0.0292),
        "analyze_1k_tokens": _third(0.0075),
        "search_1k": _third(4.0),
    },
    results={"Embedding": _embedding, "MediaAnalysis": _analysis},
)
"""The free plan's minutes are counted for good: deleting gives none of them back."""
