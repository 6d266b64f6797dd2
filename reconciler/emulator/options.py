"""What can be set about an emulator: all of it here, so that the constructor and `/_emulator/options` say the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["NEWEST", "VINTAGES", "Options", "Plan", "Speed", "Vintage"]

Speed = Literal["instant", "real"]
Vintage = Literal["2024-11", "2026-07", "newest"]
VINTAGES: tuple[Vintage, ...] = get_args(Vintage)
"""From the oldest to the newest: what one of them brought, the later ones have unless they say otherwise."""
NEWEST: Vintage = "newest"
Plan = Literal["free", "developer-1", "developer-2", "developer-3"]
Early = Literal["accepted", "ready", "refused"]
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in bytes, times in seconds; `None` for a limit means that it is off."""

    vintage: Vintage = NEWEST
    """Which state of the API to follow: endpoints, models, fields, defaults. docs/emulator.md has a table of them."""
    reads: Mapping[str, int] = field(default_factory=dict)
    """Reads that see a status before it moves on, by `kind.status` or `status`; instant speed only."""
    default_reads: int = 1
    """The same for the first and the last status of a walk; those between are passed over unless `reads` has them."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long a status lasts, by `kind.status` or `status`; real speed only."""
    default_seconds: float = 2.0
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
    plan: Plan | None = None
    """Whose rate limits and quotas hold (`rates.PLANS`, `rates.QUOTAS`); without one there are none. Of the free plan,
    indexes expire after 90 days."""
    denied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Families of endpoints that a key may not use, by key or `*`: they answer 404 `endpoint_not_exists`."""
    sample_collection: bool = False
    """Begin with the entity collection that a new account is given."""
    unique_collections: bool = False
    """Whether an entity collection needs a name of its own, as an example of the vendor's says that it does. Off by
    default, for no answer was recorded, and a client must live with two of one name as well."""
    max_indexing: int | None = None
    max_collections: int | None = None
    max_entities: int | None = None
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    """Rate limits by bucket, beside those of the plan; a bucket that is not named has none. See `rates.BUCKETS`."""
    requests_per_day: Mapping[str, int] = field(default_factory=dict)
    """The same by the day. The headers of an answer are those of the minute, where both are set."""
    retry_after: bool = True
    """Whether a 429 of the rate limiter says how long to wait."""

    transcripts: str | None = None
    """A folder with what is said in a file, as `<filename>.json`: a list of `{start, end, value}`. Not over HTTP."""

    def changed(self, values: Mapping[str, object]) -> Options:
        """These options with `values` laid over; raises ValueError with every name or type that is wrong."""
        hints = get_type_hints(Options)
        wrong = [f"unknown option {name!r}" for name in values if name not in hints]
        wrong += [
            f"option {name!r}: {value!r} is not {hints[name]}"
            for name, value in values.items()
            if name in hints and not _fits(value, hints[name])
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]

    def since(self, vintage: Vintage) -> bool:
        """Whether what came with `vintage` is there already."""
        return VINTAGES.index(self.vintage) >= VINTAGES.index(vintage)

    def as_json(self) -> dict[str, object]:
        return {
            f.name: dict(value) if isinstance(value := getattr(self, f.name), Mapping) else value
            for f in dataclasses.fields(self)
        }


def _fits(value: object, hint: object) -> bool:
    """Whether a JSON value is of the type that an option wants; a number is never a flag."""
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if get_origin(hint) is Sequence:
        return isinstance(value, list | tuple) and all(_fits(each, get_args(hint)[0]) for each in value)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is not None and isinstance(value, Mapping):
        return get_origin(hint) is Mapping and all(_fits(v, get_args(hint)[1]) for v in value.values())
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and value >= 0
    if hint is int:
        return isinstance(value, int) and value >= 0
    return isinstance(value, hint) if isinstance(hint, type) else False
