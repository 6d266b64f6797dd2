"""What can be set about this vendor's emulator, beside what can be set about any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from reconciler.emulator.core.options import CoreOptions

__all__ = ["NEWEST", "VINTAGES", "Early", "Options", "PlanName", "Vintage"]

Vintage = Literal["2024-11", "2026-07", "newest"]
VINTAGES: tuple[Vintage, ...] = get_args(Vintage)
NEWEST: Vintage = "newest"
PlanName = Literal["free", "developer-1", "developer-2", "developer-3"]
Early = Literal["accepted", "ready", "refused"]
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options(CoreOptions):
    """Sizes in bytes, times in seconds; `None` for a limit means that it is off."""

    VINTAGES: ClassVar[tuple[str, ...]] = VINTAGES

    vintage: Vintage = NEWEST
    chunk_size: int = 5 * MIB
    initial_urls: int = 10
    max_direct_bytes: int = 200 * MIB
    max_image_bytes: int = 32 * MIB
    max_multipart_bytes: int = 10 * 1024 * MIB
    media_limits: bool = True
    """Refuse to index a file whose own header shows it too small, too long, too wide."""
    early_images: Early = "accepted"
    """An image that was just uploaded, shown to an entity: `accepted` while it is processing, `ready` at once (so says
    the answer to the upload), or `refused` until it is ready."""
    plan: PlanName | None = None
    """Whose rate limits and quotas hold (`rates.PLANS`, `rates.QUOTAS`); without one there are none. Of the free plan,
    indexes expire after 90 days."""
    sample_collection: bool = False
    """Begin with the entity collection that a new account is given."""
    unique_collections: bool = False
    """Whether an entity collection needs a name of its own, as an example of the vendor's says that it does. Off by
    default, for no answer was recorded, and a client must live with two of one name as well."""
    image_items: bool = False
    """Whether a knowledge store takes images. The contract says so; the service refused them with 422 when the vendor's
    own examples were written, and so does this since the newest vintage."""
    forgotten: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words that searches of an index know no more, by its id or a glob of its name: a worse index."""
    max_indexing: int | None = None
    max_collections: int | None = None
    max_entities: int | None = None
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    """Rate limits by bucket, beside those of the plan; a bucket that is not named has none. See `rates.BUCKETS`."""
    requests_per_day: Mapping[str, int] = field(default_factory=dict)
    """The same by the day. The headers of an answer are those of the shortest window that is set."""
    requests_per_second: Mapping[str, int] = field(default_factory=dict)
    """The same by the second, to try out in seconds what takes minutes otherwise."""
    retry_after: bool = True
    """Whether a 429 of the rate limiter says how long to wait."""
