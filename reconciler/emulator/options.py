"""What can be set about an emulator: all of it here, so that the constructor and `/_emulator/options` say the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args, get_origin, get_type_hints

__all__ = ["OLDEST", "Options", "Speed", "Vintage"]

Speed = Literal["instant", "real"]
Vintage = Literal["2026-07", "sdk-1.3.6"]
OLDEST: Vintage = "2026-07"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in bytes, times in seconds; `None` for a limit means that it is off."""

    vintage: Vintage = OLDEST
    """Which contract to follow where the two known ones differ (defaults of HLS and thumbnails, models on offer,
    statuses, the transcription of an asset)."""
    reads: Mapping[str, int] = field(default_factory=dict)
    """Reads that see a status before it moves on, by `kind.status` or `status`; instant speed only."""
    default_reads: int = 1
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
    free_plan: bool = False
    """Indexes expire after 90 days."""
    sample_collection: bool = False
    """Begin with the entity collection that a new account is given."""
    max_indexing: int | None = None
    max_collections: int | None = None
    max_entities: int | None = None
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    """Rate limits by bucket; a bucket that is not named has none. See `limits.BUCKETS`."""
    requests_per_day: Mapping[str, int] = field(default_factory=dict)
    """The same by the day. The headers of an answer are those of the minute, where both are set."""
    retry_after: bool = True
    """Whether a 429 of the rate limiter says how long to wait."""

    transcripts: str | None = None
    """A folder with what is said in a file, as `<filename>.json`: a list of `{start, end, value}`."""

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

    def as_json(self) -> dict[str, object]:
        return {
            f.name: dict(value) if isinstance(value := getattr(self, f.name), Mapping) else value
            for f in dataclasses.fields(self)
        }


def _fits(value: object, hint: object) -> bool:
    """Whether a JSON value is of the type that an option wants; a number is never a flag."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is not None and isinstance(value, Mapping):
        return get_origin(hint) is Mapping and all(_fits(v, get_args(hint)[1]) for v in value.values())
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and value >= 0
    if hint is int or int in get_args(hint):
        return (isinstance(value, int) and value >= 0) or (value is None and type(None) in get_args(hint))
    if str in get_args(hint):
        return value is None or isinstance(value, str)
    return False
