"""What can be written under `checks:`: its words, what each takes, and what is wrong with that where it stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from reconciler.checks import MEASURES
from reconciler.checks.words import EXPECT_WORDS, FITS, MEMBER, MOST_HITS, OF_A_CHECK, OF_A_QUERY
from reconciler.load.grammar.declarations import NAME
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut, one_of, shown
from reconciler.load.yaml.positions import Path
from reconciler.redact import holds_secret

__all__ = ["WrittenCheck"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(it, str) and it for it in value)


_TAKES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "in": (lambda value: isinstance(value, str), "the address of what is searched, such as indexes/NAME"),
    "k": (lambda value: _is_whole(value) and 1 <= value <= MOST_HITS, f"a whole number from 1 to {MOST_HITS}"),
    "options": (_is_texts, "a list of names"),
    "operator": (lambda value: value in ("or", "and"), "or, or and"),
    "spoken": (lambda value: _is_texts(value) and {*value} <= {"lexical", "semantic"}, "a list of lexical, semantic"),
    "filter": (lambda value: isinstance(value, dict) and bool(value), "a mapping of metadata to its values"),
    "floors": (lambda value: isinstance(value, dict), f"a mapping of {one_of(MEASURES)} to numbers from 0 to 1"),
    "allow": (lambda value: isinstance(value, dict), f"a mapping of {one_of(MEASURES)} to numbers from 0 to 1"),
    "warn": (lambda value: isinstance(value, bool | list), "true, or a list of measures"),
    "sure": (lambda value: _is_number(value) and 0 <= value < 1, "a number from 0, and below 1, such as 0.95"),
    "match": (lambda value: isinstance(value, dict), "{covered: 0.5} or {iou: 0.5}"),
    "queries": (lambda value: isinstance(value, dict) and bool(value), "a mapping of names to queries"),
    "text": (lambda value: isinstance(value, str) and bool(value.strip()), "a text"),
    "image": (lambda value: isinstance(value, str) and bool(value), "a name, or a URL"),
    "images": (_is_texts, "a list of names, or URLs"),
    "expect": (lambda value: isinstance(value, list) and bool(value), "a list of what should be found"),
    MEMBER: (lambda value: isinstance(value, str) and bool(value), "a name"),
    "from": (lambda value: _is_number(value) and value >= 0, "seconds, from 0"),
    "to": (lambda value: _is_number(value) and value >= 0, "seconds, from 0"),
    "grade": (lambda value: _is_whole(value) and 1 <= value <= MOST_HITS, "a whole number from 1"),
}


class WrittenCheck:
    """One check as it is written; what of it is wrong is said, and left out of what it gives."""

    def __init__(self, name: str, source: TextFile, problems: Problems) -> None:
        self.name, self.address = name, f"checks/{name}"
        self._source, self._problems = source, problems

    def say(self, path: Path, summary: str, *, on_key: bool = False) -> None:
        """Something is wrong at a path below it."""
        where = Place(self._source, ("checks", self.name, *path), on_key=on_key or not path)
        self._problems.add(where, summary, address=self.address)

    def hint(self, word: str, known: Collection[str]) -> str:
        """What was meant, perhaps."""
        return self._problems.hint(word, known)

    def read(self, raw: Any) -> dict[str, Any] | None:
        """All of it that can be used; None when nothing can."""
        if not NAME.fullmatch(self.name):
            self.say((), f'"{cut(self.name)}" is not a valid name')
            return None
        if not isinstance(raw, dict):
            self.say((), f"takes fields, not {a(raw)}")
            return None
        if holds_secret(raw):
            self.say((), "cannot come from the environment; it is shown in reports")
            return None
        said = self._words((), raw, OF_A_CHECK)
        for word in ("in", "queries"):
            if word not in raw:
                self.say((), f"lacks `{word}:`, {_TAKES[word][1]}")
        for word in ("floors", "allow"):
            said[word] = self._measures(word, said.get(word, {}))
        said["warn"] = self._warned(said.get("warn", False))
        said["match"] = self._match(said.get("match"))
        queries = said.get("queries", {})
        said["queries"] = {name: self._query(name, query) for name, query in queries.items()}
        return said

    def _words(self, path: Path, raw: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """What is said by words that there are, of what each takes."""
        found = {}
        for word, value in raw.items():
            below = (*path, word)
            if word not in known:
                self.say(below, f'unknown word "{cut(word)}"{self.hint(word, known)}', on_key=True)
                continue
            fits, words = _TAKES[word]
            if fits(value):
                found[word] = value
            elif value in (None, "", [], {}):
                self.say(below, f"{word}: is empty; expected {words}", on_key=True)
            else:
                self.say(below, f"{word}: expected {words}, got {a(value)}")
        return found

    def _measures(self, word: str, said: Mapping[str, Any]) -> dict[str, float]:
        for name, value in said.items():
            if name not in MEASURES:
                hint = self.hint(name, MEASURES) or f"; there are {', '.join(MEASURES)}"
                self.say((word, name), f'{word}: unknown measure "{cut(name)}"{hint}', on_key=True)
            elif not _is_share(value):
                self.say((word, name), f"{word}.{name}: expected a number from 0 to 1, got {a(value)}")
        return {name: float(value) for name, value in said.items() if name in MEASURES and _is_share(value)}

    def _warned(self, said: bool | list[Any]) -> Collection[str]:
        if isinstance(said, bool):
            return MEASURES if said else ()
        for index, name in enumerate(said):
            if name not in MEASURES:
                self.say(("warn", index), f"warn: unknown measure {shown(name)}; there are {', '.join(MEASURES)}")
        return [name for name in said if name in MEASURES]

    def _match(self, said: Mapping[str, Any] | None) -> tuple[str, float] | None:
        if said is None:
            return None
        if len(said) == 1 and next(iter(said)) in FITS:
            ((fit, least),) = said.items()
            if _is_share(least) and least > 0:
                return fit, float(least)
            self.say(("match", fit), f"match.{fit}: expected a share above 0, up to 1, got {a(least)}")
        else:
            self.say(("match",), "match: takes one of {covered: 0.5} and {iou: 0.5}")
        return None

    def _query(self, name: str, raw: Any) -> dict[str, Any]:
        path: Path = ("queries", name)
        if not NAME.fullmatch(name):
            self.say(path, f'"{cut(name)}" is not a valid name', on_key=True)
            return {}
        if not isinstance(raw, dict):
            self.say(path, f"takes fields, not {a(raw)}", on_key=raw is None)
            return {}
        said = self._words(path, raw, OF_A_QUERY)
        if not raw.keys() & {"text", "image", "images"}:
            self.say(path, "asks nothing; give it a `text:`, an `image:`, or both", on_key=True)
        if {"image", "images"} <= raw.keys():
            self.say((*path, "images"), "has both `image` and `images`; keep one", on_key=True)
        if "expect" not in raw:
            self.say(path, "lacks `expect:`, a list of what should be found", on_key=True)
        expect = enumerate(said.get("expect", ()))
        return {**said, "expect": [(index, it) for index, one in expect for it in self._expected(path, index, one)]}

    def _expected(self, path: Path, index: int, raw: Any) -> Iterator[dict[str, Any]]:
        below = (*path, "expect", index)
        if isinstance(raw, str) and raw:
            yield {MEMBER: raw}
        elif not isinstance(raw, dict):
            self.say(below, f"expect: expected a name, or {{{MEMBER}: …, from: …, to: …}}, got {a(raw)}")
        else:
            said = self._words(below, raw, EXPECT_WORDS)
            start, end = said.get("from"), said.get("to")
            if MEMBER not in raw:
                self.say(below, f"expect: lacks `{MEMBER}:`, the name of it")
            if start is not None and end is not None and start >= end:
                self.say((*below, "to"), f"to: {end:g} is not after {start:g}, from where it is expected")
            elif MEMBER in said:
                yield said
