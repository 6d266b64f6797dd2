"""Mixpeek, the API of November 2024: assets come out of indexing tasks, and collections are names that assets have.

Sources: the vendor's guide on storing embeddings, its documentation of that month and its Python client of 7 November
2024. The API has no versions; four weeks later most of these paths were called otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.kinds import Kinds
from reconciler.provider import Access, Driver, Hands, Provider
from reconciler.providers.mixpeek.assets import MediaAsset, MediaAssets
from reconciler.providers.mixpeek.collections import MediaCollection, MediaCollections
from reconciler.providers.mixpeek.features import MediaFeatures, MediaFeaturesSets
from reconciler.tariff import Limit, Measure, Rate, Takes, Tariff

__all__ = ["KINDS", "MediaAsset", "MediaCollection", "MediaFeatures", "Mixpeek"]

MINUTE_S = 60.0
BUCKET = "account"
PLANS = {"free": 10, "pro": 60}
"""Requests a minute, all together; of some calls the larger plan takes more (documentation of November 2024)."""

KINDS = Kinds([MediaCollection, MediaAsset, MediaFeatures])


def _takes(fields: Mapping[str, Any]) -> Takes:
    """A request for the asset, and one for each vector: there is one at least, else nothing is kept of it."""
    vectors = fields.get("model") is not None
    return Takes(read=True, requests=2 if vectors else 1, by_row=vectors)


class Mixpeek(Provider):
    """The provider."""

    name = "mixpeek"
    kinds = KINDS
    access = Access(
        base_url="https://api.mixpeek.com",
        headers=lambda key: {"Authorization": f"Bearer {key}"},
        key_variables=("MIXPEEK_API_KEY",),
        url_variables=("MIXPEEK_BASE_URL",),
        bucket=lambda method, path, sent: BUCKET,
        window_s=MINUTE_S,
    )
    tariff = Tariff(
        results={"MediaFeatures": _takes},
        quotas=dict.fromkeys(PLANS, ()),
        rates={plan: (Rate((), Measure.REQUESTS, most, MINUTE_S),) for plan, most in PLANS.items()},
        limits={plan: {BUCKET: (Limit("requests", most, MINUTE_S),)} for plan, most in PLANS.items()},
    )

    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        """One a kind."""
        return {it.kind.__name__: it(hands) for it in (MediaCollections, MediaAssets, MediaFeaturesSets)}

    def emulator(self, db: Path | None = None) -> Any:
        """The one that comes along."""
        from reconciler.emulator.mixpeek import app  # an extra: who does without it need not have it

        return app(db)
