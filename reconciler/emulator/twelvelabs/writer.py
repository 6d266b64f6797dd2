"""What an analysis says. A template, filled from what is known about the video; no model has watched anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.twelvelabs.ranking import texts_in, words_asked
from reconciler.emulator.twelvelabs.schema_values import KnownFacts, encoded, stamp, value_for

__all__ = ["Definition", "Subject", "Written", "free_text", "segmented", "structured", "tokens_in"]

LETTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """What is written about, and what was asked."""

    name: str
    content: str
    start: float
    end: float
    prompt: str
    metadata: dict[str, Any]
    spoken: Sequence[dict[str, Any]] = ()

    def known(self) -> KnownFacts:
        """What there is to write about, without having watched anything."""
        title = self.name.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip() or "Untitled"
        keywords = tuple(words_asked(" ".join([self.name, *texts_in(self.metadata)])))[:5] or ("video",)
        return KnownFacts(title, self._summary(), keywords, self.start, self.end, self.content)

    def _summary(self) -> str:
        about = f"{self.name or 'A video'}, from {self.start:g} to {self.end:g} seconds."
        facts = ", ".join(f"{key}: {value}" for key, value in self.metadata.items())
        said = " ".join(span["value"] for span in self.spoken if self.start <= span["start"] < self.end)
        return " ".join(part for part in (about, f"{facts}." if facts else "", said) if part)


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind of segment to look for: its fields as schemas, and where in the video."""

    id: str
    fields: dict[str, Any]
    ranges: tuple[tuple[float, float], ...]
    is_bounded: bool = False
    """Whether the ranges were asked for, and are not all there is."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text as far as it may go."""

    text: str
    cut: bool
    tokens: int


def tokens_in(text: str) -> int:
    """Four letters each, begun ones counted: how the vendor counts is not known."""
    return -(-len(text) // LETTERS_A_TOKEN)


def free_text(subject: Subject, most: int) -> Written:
    """A text that says of itself that it is synthetic."""
    known = subject.known()
    return _limited(
        f"{known.title}\n\n{known.summary}\n\nYou asked: {subject.prompt}\n\n"
        "This text is synthetic: it is put together from the file's name, its metadata and its transcript.",
        most,
    )


def structured(subject: Subject, schema: Any, most: int) -> Written:
    """JSON that fits a schema."""
    return _limited(encoded(value_for(schema, subject.known())), most)


def segmented(subject: Subject, definitions: Sequence[Definition], length: float, form: str) -> Written:
    """Per definition, one segment of `length` seconds at the beginning of each range."""
    found: dict[str, list[dict[str, Any]]] = {}
    for definition in definitions:
        found[definition.id] = []
        for start, end in definition.ranges:
            end = min(start + length, end)
            known = KnownFacts(**{**_parts(subject.known()), "start": start, "end": end})
            values = {name: value_for(schema, known) for name, schema in definition.fields.items()}
            segment = {"start_time": stamp(start, form), "end_time": stamp(end, form), "metadata": values}
            found[definition.id].append(segment)
    text = encoded(found)
    return Written(text, False, tokens_in(text))


def _parts(known: KnownFacts) -> dict[str, Any]:
    return {name: getattr(known, name) for name in KnownFacts.__slots__}


def _limited(text: str, most: int) -> Written:
    cut = tokens_in(text) > most
    text = text[: most * LETTERS_A_TOKEN] if cut else text
    return Written(text, cut, tokens_in(text))
