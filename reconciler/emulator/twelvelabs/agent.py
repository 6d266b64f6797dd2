"""What an agent says of a knowledge store: which of its items the question is about, each with a mark that cites it.

No agent has thought: items are ranked as a search ranks them, and the text is put together from what is known of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.core.store import Obj
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.corpus import candidates
from reconciler.emulator.twelvelabs.ranking import Likeness, Piece, rank, words_asked
from reconciler.emulator.twelvelabs.schema_values import KnownFacts, encoded, value_for

__all__ = ["Citation", "Speech", "say"]

MOST_CITED = 3
SYNTHETIC = "This text is synthetic: it is put together from the names and the metadata of the items."


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark in the text, and what it stands for: a span of a video, an image, or a collection of items."""

    start: int
    end: int
    """Of the mark's last letter: the vendor counts it in."""
    cited: Obj
    clip: Piece | None = None

    def as_json(self) -> dict[str, Any]:
        """Names that do not apply are absent, but for the last three, which are null."""
        shown: dict[str, Any] = {"start_index": self.start, "end_index": self.end, "title": self.cited.name}
        nowhere = {"thumbnail_url": None, "hls_url": None}
        if not self.cited.type:
            return {"type": "collection_citation", **shown, **nowhere, "collection_id": self.cited.id}
        shown["item_id"] = self.cited.id
        shown["thumbnail_url"] = f"https://media.emulator.invalid/{self.cited.id}/thumbnail"
        if self.cited.type == "image":
            return {"type": "image_citation", **shown, "hls_url": None}
        shown["hls_url"] = f"https://media.emulator.invalid/{self.cited.id}/hls"
        span = {"start_sec": self.clip.start, "end_sec": self.clip.end} if self.clip else {}
        return {"type": "video_citation", **shown, **span}


@dataclass(frozen=True, slots=True)
class Speech:
    """The answer, and the step that led to it."""

    text: str
    citations: tuple[Citation, ...]
    searched: str
    found: str


def say(
    call: ApiCall, items: Sequence[Obj], collections: Sequence[Obj], question: str, *, schema: Any = None
) -> Speech:
    """An answer to the question; as JSON that fits `schema`, if there is one, and then it cites nothing."""
    clips = _best(call, items, question)
    searched = json.dumps({"query": question}, ensure_ascii=False)
    found = json.dumps([clip_item.id for clip_item, _ in clips])
    if schema is not None:
        known = _known(clips, question)
        text = encoded(value_for(schema, known, name="text.format.schema"))
        return Speech(text, (), searched, found)
    pieces, citations, length = [], [], 0
    cited: list[tuple[Obj, Piece | None]] = [*((each, None) for each in collections), *clips]
    for number, (obj, clip) in enumerate(cited, 1):
        mark, sentence = f"[{number}]", _sentence(obj, clip)
        # The mark stands behind the sentence and a space; offsets count letters, as the SDK says.
        start = length + len(sentence) + 1
        citations.append(Citation(start, start + len(mark) - 1, obj, clip))
        pieces.append(f"{sentence} {mark}. ")
        length += len(pieces[-1])
    nothing = "" if cited else "There is nothing ready here to speak of. "
    return Speech(f"{''.join(pieces)}{nothing}You asked: {question} {SYNTHETIC}", tuple(citations), searched, found)


def _best(call: ApiCall, items: Sequence[Obj], question: str) -> list[tuple[Obj, Piece]]:
    """The best clip of each of the best items."""
    ranked = rank(candidates(call, items, (), "metadata"), Likeness(words_asked(question), always=True))
    by_seq = {item.seq: item for item in items}
    first: dict[int, Piece] = {}
    for clip in ranked:
        # Ranked already: the first of each item is its best.
        first.setdefault(clip.seq, clip)
    return [(by_seq[seq], clip) for seq, clip in list(first.items())[:MOST_CITED]]


def _sentence(obj: Obj, clip: Piece | None) -> str:
    if clip is None:
        return f"The collection {obj.name} was meant"
    if obj.type == "image":
        return f"{obj.name} is an image"
    return f"{obj.name} was looked at from {clip.start:g} to {clip.end:g} seconds"


def _known(clips: Sequence[tuple[Obj, Piece]], question: str) -> KnownFacts:
    names = [item.name.rsplit(".", 1)[0].replace("_", " ") for item, _ in clips] or ["Untitled"]
    start, end = (clips[0][1].start, clips[0][1].end) if clips else (0.0, 0.0)
    content = clips[0][0].doc["media"]["sha256"] if clips else ""
    keywords = tuple(words_asked(" ".join(names)))[:5] or ("video",)
    return KnownFacts(names[0], f"{', '.join(names)}. You asked: {question}", keywords, start, end, content)
