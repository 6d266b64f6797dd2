"""What TwelveLabs costs and allows, as far as it could be found out; none of it is the vendor's word.

Figures of 2026 from third parties, who compare prices of such services: check them against your own invoice, and
write what you pay under `prices:` in the stack.
"""

from __future__ import annotations

from reconciler.providers.twelvelabs.rates import rates_of
from reconciler.tariff import Measure, Metered, Quota, Tariff

__all__ = ["TARIFF"]

HOUR_MINUTES = 60
DEVELOPER = (
    Quota("IndexedAsset", Measure.OBJECTS, 100_000, per_parent=True),
    Quota("IndexedAsset", Measure.MINUTES, 10_000 * HOUR_MINUTES, per_parent=True),
    Quota("IndexedAsset", Measure.AT_ONCE, 25),
)
TIERS = {"free": "free", "developer": "developer-1"} | {f"developer-{tier}": f"developer-{tier}" for tier in (1, 2, 3)}
"""The plans that a stack can name, and which row of the table of rates each has; accounts begin in the first tier."""

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
            Quota("IndexedAsset", Measure.MINUTES, 600),
            Quota("IndexedAsset", Measure.OBJECTS, 100, per_parent=True),
            Quota("IndexedAsset", Measure.AT_ONCE, 5),
        ),
        **{plan: DEVELOPER for plan in TIERS if plan != "free"},
    },
    rates={plan: rates_of(row) for plan, row in TIERS.items()},
)
"""The free plan's minutes are counted for good: deleting gives none of them back."""
