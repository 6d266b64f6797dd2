"""How much TwelveLabs takes in a minute, an hour, a day: the published table of November 2026, by plan and family.

The table says that the second tier doubles most and the third doubles again; here they double all. The emulator has a
table of its own, and a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from reconciler.frozen import dataclass
from reconciler.providers.twelvelabs.pace import MEDIA, TOKENS
from reconciler.tariff import Limit, Measure, Rate

__all__ = ["RATES", "Family", "limits_of", "rates_of"]

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Family:
    """What one family of endpoints may be asked for, of the whole account together."""

    requests_a_minute: int
    requests_a_day: int
    media_minutes_an_hour: int | None = None
    media_minutes_a_day: int | None = None
    tokens_a_minute: int | None = None
    tokens_a_day: int | None = None

    def times(self, factor: int) -> Family:
        """Of a tier that takes so many times as much."""
        return Family(**{name: most and most * factor for name, most in asdict(self).items()})


FIRST: Mapping[str, Family] = {
    "index": Family(60, 3000, 600, 3000),
    "search": Family(600, 3000),
    "analyze": Family(60, 1000, 600, 3000, 30_000, 500_000),
    "embed": Family(600, 3000),
    "embed-media": Family(25, 3000, 600, 3000),
}
"""`index` is uploading and indexing together; `embed` is of text and images, `embed-media` of sound and video."""

RATES: Mapping[str, Mapping[str, Family]] = {
    "free": FIRST,
    "developer-1": FIRST,
    "developer-2": {name: family.times(2) for name, family in FIRST.items()},
    "developer-3": {name: family.times(4) for name, family in FIRST.items()},
}

ROWS: Mapping[str, str] = {
    "index": "index",
    "search": "search",
    "analyze": "analyze",
    "embed text": "embed",
    "embed image": "embed",
    "embed audio": "embed-media",
    "embed video": "embed-media",
}
"""bucket (see `pace.bucket`) → its row of the table. Whether texts and images share one number is not said."""


def limits_of(plan: str) -> Mapping[str, tuple[Limit, ...]]:
    """What requests of a plan's account are kept to, by bucket."""
    table = RATES[plan]
    return {
        bucket: (
            Limit("requests", table[row].requests_a_minute, MINUTE_S),
            Limit("requests", table[row].requests_a_day, DAY_S),
            *(
                Limit(MEDIA, minutes * MINUTE_SECONDS, window_s)
                for minutes, window_s in (
                    (table[row].media_minutes_an_hour, HOUR_S),
                    (table[row].media_minutes_a_day, DAY_S),
                )
                if minutes
            ),
            *(
                Limit(TOKENS, most, window_s)
                for most, window_s in ((table[row].tokens_a_minute, MINUTE_S), (table[row].tokens_a_day, DAY_S))
                if most
            ),
        )
        for bucket, row in ROWS.items()
    }


def rates_of(plan: str) -> tuple[Rate, ...]:
    """What of a plan's table an apply can come up against: uploads and indexed assets, and the media behind these."""
    family = RATES[plan]["index"]
    minutes = ((family.media_minutes_an_hour, HOUR_S), (family.media_minutes_a_day, DAY_S))
    return (
        Rate(("Asset", "IndexedAsset"), Measure.OBJECTS, family.requests_a_minute, MINUTE_S),
        Rate(("Asset", "IndexedAsset"), Measure.OBJECTS, family.requests_a_day, DAY_S),
        *(Rate(("IndexedAsset",), Measure.MINUTES, most, window_s) for most, window_s in minutes if most),
        *_of_results("MediaAnalysis", RATES[plan]["analyze"]),
        *_of_results("Embedding", RATES[plan]["embed-media"]),
    )


def _of_results(kind: str, family: Family) -> Iterator[Rate]:
    """What tasks that make results of media can come up against."""
    yield Rate((kind,), Measure.OBJECTS, family.requests_a_minute, MINUTE_S)
    yield Rate((kind,), Measure.OBJECTS, family.requests_a_day, DAY_S)
    for most, window_s in ((family.media_minutes_an_hour, HOUR_S), (family.media_minutes_a_day, DAY_S)):
        if most:
            yield Rate((kind,), Measure.MINUTES, most, window_s)
