"""Embeddings of some media: which vectors, for which span of it. The same bytes have the same vectors anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.synthetic import segments, vector
from reconciler.emulator.twelvelabs.models import DIMENSIONS
from reconciler.emulator.twelvelabs.sources import MediaSource

__all__ = ["RETENTION_S", "EmbeddingPlan", "check_image", "check_length", "content_vector", "uncertainty"]

RETENTION_S = 7 * 24 * 3600.0
LEAST_SIDE = 128


@dataclass(frozen=True, slots=True)
class EmbeddingPlan:
    """What is to be embedded of which content; kept with a task, and carried out whenever its result is read."""

    content: str
    start: float
    end: float
    options: tuple[str, ...]
    scopes: tuple[str, ...]
    length: float = 6.0
    dynamic: bool = False
    separate: bool = True
    fused: bool = False
    dimensions: int = DIMENSIONS
    uncertain: bool = False
    shortest_s: float = 0.0
    """Clips that are shorter are left out: what is left over at the end, in the first version."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept with a task."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """As it was kept, by an older version too: what it lacks is as if nobody had asked for it."""
        return cls(**{**kept, "options": tuple(kept["options"]), "scopes": tuple(kept["scopes"])})

    def parts(self) -> Iterator[tuple[str, str, float, float, list[float]]]:
        """Option, scope, start, end and vector: clip by clip, and then of the whole."""
        names = (*(self.options if self.separate else ()), *(("fused",) if self.fused else ()))
        for name in names:
            for scope in self.scopes:
                for start, end in self._clips() if scope == "clip" else ((self.start, self.end),):
                    yield name, scope, start, end, self._vector(name, scope, start)

    def _vector(self, name: str, scope: str, start: float) -> list[float]:
        of_a_clip = f"{self.content}:{name}:{start:g}"
        return vector(of_a_clip if scope == "clip" else f"{of_a_clip}:{self.end:g}:whole", self.dimensions)

    def _clips(self) -> Iterator[tuple[float, float]]:
        if not self.dynamic:
            clips = segments(self.start, self.end, self.length)
            yield from ((start, end) for start, end in clips if end - start >= self.shortest_s)
            return
        # Scenes of our own making: each a little longer than the shortest allowed, by a hash of where it begins.
        start = self.start
        while start < self.end:
            noise = hashlib.sha256(f"{self.content}:{start:g}".encode()).digest()[0] / 64
            end = round(min(start + self.length + noise, self.end), 3)
            yield start, end
            start = end


def content_vector(parts: Sequence[str], dimensions: int = DIMENSIONS) -> list[float]:
    """Of what has no time in it: a text, a picture, several of them together."""
    return vector("+".join(parts), dimensions)


def uncertainty(found: Sequence[float]) -> list[float]:
    """How unsure each number of a vector is: made up too, from the number."""
    return [round(1.0 - abs(number), 9) for number in found]


def check_image(source: MediaSource) -> MediaSource:
    """JPEG or PNG, and not tiny where its header tells."""
    if source.media["mime"] not in ("image/jpeg", "image/png"):
        raise ApiProblem(400, "parameter_invalid", f"Images must be JPEG or PNG, not {source.media['mime'][:80]}.")
    sides = [source.media["width"], source.media["height"]]
    if source.media["measured"] and any(side is not None and side < LEAST_SIDE for side in sides):
        raise ApiProblem(400, "parameter_invalid", f"Images must be {LEAST_SIDE}x{LEAST_SIDE} pixels at least.")
    return source


def check_length(source: MediaSource, least: float, most: float) -> None:
    """The codes are those of indexed videos: no source has others for embeddings."""
    if source.duration < least:
        raise ApiProblem(
            400, "video_duration_too_short", f"It must last {least:g} s at least, not {source.duration:g}."
        )
    if source.duration > most:
        raise ApiProblem(400, "video_duration_too_long", f"It must last {most:g} s at most, not {source.duration:g}.")
