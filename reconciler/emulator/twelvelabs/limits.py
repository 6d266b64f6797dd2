"""How long and how large: what can be indexed."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.media import kind_of
from reconciler.emulator.core.problems import ApiProblem

__all__ = ["check_indexable"]

SHORTEST_S, LONGEST_S = 4.0, 4 * 3600.0
LEAST_SIDE, MOST_WIDTH, MOST_HEIGHT, MOST_ASPECT = 360, 5184, 2160, 2.4


def check_indexable(media: dict[str, Any]) -> None:
    """Whether a Marengo index takes the file. Only what was read from its own header is held against it."""
    # A length that we made up is no reason to refuse a file.
    if not media["measured"]:
        return
    duration = media["duration"]
    if duration is not None and duration < SHORTEST_S:
        raise ApiProblem(400, "video_duration_too_short", f"It must last {SHORTEST_S:g} s at least, not {duration:g}.")
    if duration is not None and duration > LONGEST_S:
        raise ApiProblem(400, "video_duration_too_long", f"It must last {LONGEST_S:g} s at most, not {duration:g}.")
    if kind_of(media["mime"]) == "video" and media["width"] and media["height"]:
        _check_frame(media["width"], media["height"])


def _check_frame(width: int, height: int) -> None:
    long, short = max(width, height), min(width, height)
    if short < LEAST_SIDE:
        raise ApiProblem(400, "video_resolution_too_low", f"{width}x{height} is below {LEAST_SIDE}x{LEAST_SIDE}.")
    if long > MOST_WIDTH or short > MOST_HEIGHT:
        raise ApiProblem(400, "video_resolution_too_high", f"{width}x{height} is above {MOST_WIDTH}x{MOST_HEIGHT}.")
    if long / short > MOST_ASPECT:
        raise ApiProblem(400, "video_resolution_invalid_aspect_ratio", f"{width}:{height} is beyond {MOST_ASPECT}:1.")
