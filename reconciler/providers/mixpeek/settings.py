"""What is looked for in an asset: the vendor's settings of extractors, under names for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from reconciler.kind import Bounds, Part, Wire
from reconciler.wire import part_to_wire

__all__ = ["ImageSettings", "JsonAnswer", "TextSettings", "VideoPass", "written_out"]

Embedder = Literal["multimodal-v1"]
Words = Annotated[str, Bounds(min_length=1)]


class JsonAnswer(Part):
    """JSON that a model makes up."""

    shape: Annotated[dict[str, Any] | None, Wire("response_shape")] = None
    """What it shall be like."""
    prompt: Words | None = None
    """What is asked of the model."""


class WordsOf(Part):
    """A model that puts into words what it sees or hears; without `model` the platform chooses."""

    model: Annotated[str | None, Wire("model_id")] = None
    """Its name, as `video-descriptor-v1`."""
    prompt: Words | None = None
    """What is asked of it."""
    output: Annotated[JsonAnswer | None, Wire("json_output")] = None
    """Its answer as JSON."""


class Description(WordsOf):
    """A model that describes what is to be seen."""

    max_length: Annotated[int, Bounds(ge=1)] | None = None
    """Most letters of a description."""


class Detector(Part):
    """A model that finds things of one kind."""

    model: Annotated[str | None, Wire("model_id")] = None
    """Its name, as `face-detector-v1`."""
    confidence: Annotated[float | None, Wire("confidence_threshold"), Bounds(ge=0, le=1)] = None
    """How sure it must be, from 0 to 1."""


class Detection(Part):
    """What is looked for in pictures."""

    faces: Detector | None = None
    """Faces."""
    logos: Detector | None = None
    """Logos."""


class VideoPass(Part):
    """One pass over a video, piece by piece."""

    every: Annotated[int | None, Wire("interval_sec"), Bounds(ge=5, lt=120)] = None
    """Seconds of a piece, from 5 to 119."""
    embed: Embedder | None = None
    """The model that makes a vector of each piece."""
    read: WordsOf | None = None
    """What is written in it."""
    transcribe: WordsOf | None = None
    """What is said in it."""
    describe: Description | None = None
    """What is to be seen in it."""
    detect: Detection | None = None
    """Faces and logos."""
    output: Annotated[JsonAnswer | None, Wire("json_output")] = None
    """JSON that is made of all of it."""


class ImageSettings(Part):
    """What is looked for in an image."""

    embed: Embedder | None = None
    """The model that makes a vector of it."""
    read: WordsOf | None = None
    """What is written in it."""
    describe: Description | None = None
    """What is to be seen in it."""
    detect: Detection | None = None
    """Faces and logos."""
    output: Annotated[JsonAnswer | None, Wire("json_output")] = None
    """JSON that is made of all of it."""


class TextSettings(Part):
    """What is made of a text."""

    embed: Embedder | None = None
    """The model that makes a vector of it."""
    fulltext: Literal["splade-v3"] | None = None
    """The model that makes it searchable by words."""
    output: Annotated[JsonAnswer | None, Wire("json_output")] = None
    """JSON that is made of it."""


NAMED_ALONE = frozenset({"embed", "fulltext"})
"""What the API wants as an object, and says nothing but a model's name."""


def written_out(part: type[Part], value: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the API wants them, what is not said left out: what two stacks mean by the same is the same then."""
    sent = part_to_wire(part, value)
    return {word: {"model_id": said} if word in NAMED_ALONE else said for word, said in sent.items()}
