"""What can be set about this vendor's emulator, beside what can be set about any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from reconciler.emulator.core.options import CoreOptions

__all__ = ["VINTAGES", "MixpeekOptions", "PlanName", "Vintage"]

Vintage = Literal["2024-10", "2024-11"]
VINTAGES: tuple[Vintage, ...] = get_args(Vintage)
PlanName = Literal["free", "pro"]


@dataclass(frozen=True, slots=True)
class MixpeekOptions(CoreOptions):
    """Most of what is here is what no source says: a client has to live with either."""

    VINTAGES: ClassVar[tuple[str, ...]] = VINTAGES

    vintage: Vintage = "2024-11"
    plan: PlanName | None = None
    """Whose rate limits hold (`rates.PLANS`); without one there are none."""
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    """Limits by bucket, beside those of the plan; see `rates.BUCKETS`."""
    retry_after: bool = False
    """Whether a 429 says how long to wait: nothing that was published says that it does."""
    listed_early: bool = True
    """Whether an asset is in lists as soon as its indexing was asked for, or only when that is over."""
    only_http: bool = False
    """Refuse addresses that are not http(s), as the contract has it; the vendor's own guide sends `video.mp4`."""
    dimensions: int = 1408
    """Of a vector of `multimodal-v1`: one page says so, another says otherwise."""
