"""Which clips answer a query, and in what order: by words and nothing else. Same question, same answer."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.core.synthetic import segments

__all__ = ["Candidate", "Likeness", "Piece", "rank", "texts_in", "words", "words_asked"]

MOST_CLIPS = 3
"""Of a video that matches as a whole; every clip in which a word is spoken comes besides."""
LINKED = 10.0
"""What it is worth that a video shows an entity that was asked for: more than any few words."""
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be by can do does find for from has have how i in is it me my of on or show that the "
        "their there they this to was what when where which who with you",
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be found. `texts` is all that is known about it; `spoken` what is said in it, and when."""

    seq: int
    content: str
    duration: float
    texts: tuple[str, ...]
    spoken: Sequence[dict[str, Any]] = ()
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Likeness:
    """What was asked. `content` is that of the pictures that came with it."""

    words: Sequence[str]
    options: Collection[str] = ("visual",)
    every_option: bool = False
    semantic: bool = True
    content: str = ""
    always: bool = False
    """Whether something is found even if no word is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One answer."""

    seq: int
    start: float
    end: float
    score: float
    transcription: str = ""
    matched: tuple[str, ...] = ()
    """The options by which it was found."""


@dataclass(slots=True)
class _Known:
    """A candidate with its words."""

    candidate: Candidate
    words: frozenset[str]
    spoken: list[tuple[float, float, str, frozenset[str]]] = field(default_factory=list)


def words(text: str) -> list[str]:
    """The words of a text without case, accents and plural; `LeBron_Dunks.mp4` is `lebron`, `dunk`, `mp4`."""
    plain = text.lower()
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text).casefold()
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [_stem(word) for word in re.findall(r"[^\W_]+", plain)]


def words_asked(text: str) -> list[str]:
    """What matters of a question; if nothing does, all of it."""
    found = list(dict.fromkeys(words(text)))
    return [word for word in found if word not in STOP_WORDS] or found


def texts_in(value: object) -> Iterator[str]:
    """Every text, number and key of some metadata."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def rank(candidates: Iterable[Candidate], question: Likeness) -> list[Piece]:
    """The clips that match, best first; of equal ones that of the newest video, from its start.

    If none does, and `always`, any: the vendor ranks everything by likeness, and always finds something.
    """
    known = [_know(candidate) for candidate in candidates]
    weights = _weights(known, question.words)
    found = [clip for one in known for clip in _clips(one, question, weights)]
    if not found and (question.always or question.content):
        found = [clip for one in known for clip in _alike(one.candidate, question)]
    return sorted(found, key=lambda clip: (-clip.score, -clip.seq, clip.start))


def _know(candidate: Candidate) -> _Known:
    found = frozenset(word for text in candidate.texts for word in words(text))
    spoken = [(s["start"], s["end"], s["value"], frozenset(words(s["value"]))) for s in candidate.spoken]
    return _Known(candidate, found, spoken)


def _weights(known: Sequence[_Known], asked: Sequence[str]) -> dict[str, float]:
    """A word that few candidates have says more than one that all have."""
    seen: Counter[str] = Counter()
    for one in known:
        everything = one.words.union(*(span[3] for span in one.spoken))
        seen.update(word for word in asked if word in everything)
    return {word: math.log(1 + len(known) / (seen[word] or 1)) for word in asked}


def _clips(one: _Known, question: Likeness, weights: dict[str, float]) -> Iterator[Piece]:
    whole = sum(weights[word] for word in question.words if word in one.words) + LINKED * one.candidate.linked
    whole_options = {option: whole for option in question.options if option != "transcription" and whole}
    quiet: list[Piece] = []
    for start, end, text, heard in _spans(one):
        scores = dict(whole_options)
        if "transcription" in question.options and (said := _said(heard, question, weights)):
            scores["transcription"] = said
        if not scores or (question.every_option and len(scores) < len(set(question.options))):
            continue
        score = sum(scores.values()) + _chance(one.candidate.content, question.words, start) / 1000
        clip = Piece(one.candidate.seq, start, end, score, text, tuple(scores))
        if "transcription" in scores:
            yield clip
        else:
            quiet.append(clip)
    yield from sorted(quiet, key=lambda clip: -clip.score)[:MOST_CLIPS]


def _spans(one: _Known) -> Iterator[tuple[float, float, str, frozenset[str]]]:
    """Spans of six seconds with what is said in them; a sentence belongs where it begins."""
    nothing: frozenset[str] = frozenset()
    spoken = sorted(one.spoken, key=lambda span: span[0])
    for start, end in segments(0.0, one.candidate.duration):
        within = [span for span in spoken if start <= span[0] < end]
        yield start, end, " ".join(span[2] for span in within), nothing.union(*(span[3] for span in within))


def _said(heard: frozenset[str], question: Likeness, weights: dict[str, float]) -> float:
    """Lexical is the word itself; semantic stands in for meaning with words that begin alike."""
    score = 0.0
    for word in question.words:
        if word in heard:
            score += weights[word]
        elif question.semantic and len(word) >= 4 and any(other.startswith(word[:4]) for other in heard):
            score += weights[word] / 2
    return score


def _alike(candidate: Candidate, question: Likeness) -> Iterator[Piece]:
    """An order that follows from two contents: what is found by a question of which no word is known."""
    asked = [question.content] if question.content else question.words
    for start, end in list(segments(0.0, candidate.duration))[:MOST_CLIPS]:
        yield Piece(candidate.seq, start, end, _chance(candidate.content, asked, start), "", tuple(question.options))


def _chance(content: str, asked: Sequence[str], start: float) -> float:
    noise = hashlib.sha256(f"{content}|{' '.join(asked)}|{start:g}".encode()).digest()
    return int.from_bytes(noise[:6]) / 2**48


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
