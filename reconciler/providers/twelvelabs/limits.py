"""What TwelveLabs takes: sizes of files, and of media what the models can be shown.

Sources, as of November 2026: https://docs.twelvelabs.io/api-reference/upload-content (assets, multipart uploads) and
https://docs.twelvelabs.io/docs/concepts/models (video and image requirements). Where the pages disagree the stricter
figure stands here: what is refused before anything is sent costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.errors import ErrorCodes
from reconciler.frozen import dataclass

__all__ = ["CODES", "FRAMES", "ID_FORM", "IMAGE_CODECS", "LENGTHS", "SIZES", "WAYS", "Frames", "Length", "Sizes"]

MB, GB = 10**6, 10**9

ID_FORM = re.compile(r"[0-9A-Za-z_-]{16,64}")
"""24 hexadecimal digits, or a prefix and a UUID, in all samples; nothing promises it, so this is wider."""


CODES = ErrorCodes(
    gone=frozenset({"resource_not_exist", "resource_not_exists"}),
    no_family=frozenset({"endpoint_not_exists"}),
    unreadable=frozenset({"read_not_allowed"}),
    taken=frozenset({"index_name_already_exists", "entity_collection_name_already_exists"}),
    full=frozenset({"usage_limit_exceeded"}),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Most bytes of a file: sent as one form, sent in chunks."""

    form: int
    chunks: int


SIZES: Mapping[str, Sizes] = {
    "video": Sizes(form=200 * MB, chunks=10 * GB),
    "audio": Sizes(form=200 * MB, chunks=10 * GB),
    "image": Sizes(form=32 * MB, chunks=32 * MB),
}
"""By the kind of file. By URL the platform takes 4 GB; what is behind a URL is not known here."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What a video's picture may be, in pixels: either side may be the width."""

    least_side: int = 360
    most_long_side: int = 5184
    most_short_side: int = 2160
    most_aspect: float = 2.4


FRAMES = Frames()


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds that a model takes."""

    least_s: float
    most_s: float
    whole_most_s: float = 4 * 3600.0
    """How long the media may be of which so much is seen."""


LENGTHS: Mapping[str, Length] = {
    "marengo": Length(4.0, 4 * 3600.0),
    "pegasus": Length(4.0, 2 * 3600.0),
}
"""By what a model's name begins with."""

WAYS: Mapping[str, Length] = {
    "v2": Length(4.0, 4 * 3600.0),
    "v1": Length(4.0, 2 * 3600.0),
    "analyze": Length(4.0, 2 * 3600.0),
}
"""By how results are made: tasks of embeddings of either version of the API, and of analyses. Of four hours an analysis
may be shown two by its window (SDK 1.3.6)."""

IMAGE_CODECS = frozenset({"mjpeg", "png"})
"""What an entity can be shown by: JPEG and PNG."""

LEAST_SIDE = 128
"""Pixels that a picture must have on either side for a vector to be made of it."""
