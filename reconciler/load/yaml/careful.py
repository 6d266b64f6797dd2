"""Any YAML text → plain Python values, every doubt refused: duplicate keys, tags, merge keys, aliases that explode,
several documents, and scalars that YAML readers disagree about.

Built on libyaml's events, because that is the fastest that PyYAML has and because what is refused is ours to say.
Values carry no positions; `positions` finds them again when something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any, Final

import yaml
from yaml import events

from reconciler.load.wording import a, cut
from reconciler.load.yaml.nodes import LOADER
from reconciler.load.yaml.positions import Path, Positions
from reconciler.load.yaml.reader import MOST_DEPTH, Doc, Fault, Slot
from reconciler.load.yaml.scalars import STARTS, WORDS, Surprise, plain

__all__ = ["read_carefully"]

MOST_ALIASED: Final = 100_000
"""Values that the aliases of one file may stand for, nested ones counted."""
MOST_ALIASED_CHARS: Final = 16 * 1024 * 1024
"""The same in characters."""


def read_carefully(text: str, doc: Doc) -> None:
    """Fill `doc` with what the text holds."""
    loader = LOADER(text) if "\0" not in text else None
    if loader is None:
        _stop(
            doc, Fault(text.count("\n", 0, text.index("\0")) + 1, 1, (), "holds a zero byte, so it is not valid YAML")
        )
        return
    try:
        _Builder(doc, text, loader.get_event).run()
    except yaml.MarkedYAMLError as error:
        _stop(doc, _syntax(error, text))
    except yaml.reader.ReaderError as error:
        _stop(doc, _unreadable(error, text))
    except _Enough as enough:
        _stop(doc, enough.fault)
    finally:
        loader.dispose()


def _stop(doc: Doc, fault: Fault) -> None:
    doc.faults.append(fault)
    doc.whole = False


class _Enough(Exception):
    """Reading on makes no sense."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.summary)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark, begin = error.problem_mark or error.context_mark, error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    began = f" that begins at {begin.line + 1}:{begin.column + 1}" if begin and mark and begin.line != mark.line else ""
    context = f"{error.context}{began}, " if error.context else ""
    what = f"{context}{error.problem or 'cannot be read'}"
    lines = text.splitlines()
    return Fault(line, column, (), f"not YAML: {what}{_hint(what, lines[line - 1] if 0 < line <= len(lines) else '')}")


def _hint(what: str, line: str) -> str:
    """What most often is behind a syntax error."""
    if "\t" in line[: len(line) - len(line.lstrip())] or ("cannot start any token" in what and "\t" in line):
        return "; indent with spaces, not with tabs"
    if "${" in line and "{" in line:
        return '; put the value in quotes: "${…}"'
    if "mapping values are not allowed" in what:
        return "; put a text that holds `: ` in quotes"
    if "cannot start any token" in what:
        return "; put the text in quotes"
    return ""


def _unreadable(error: yaml.reader.ReaderError, text: str) -> Fault:
    position = min(max(error.position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    return Fault(text.count("\n", 0, position) + 1, position - start + 1, (), f"not YAML: {error.reason}")


At = tuple[Any, str | int] | None
"""A path as a chain from its end: (the outer chain, key); spelled out only for a fault."""


class _Builder:
    """Makes values of the events of one text. What is usual comes first in each method: they run for every value."""

    def __init__(self, doc: Doc, text: str, next_event: Callable[[], Any]) -> None:
        self.doc = doc
        self.text = text
        self.next = next_event
        self.count = 0
        self.chars = 0
        self.aliased = self.aliased_chars = 0
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.marks: Positions | None = None

    def run(self) -> None:
        """Fill `doc`."""
        self.next()  # the start of the stream
        if type(self.next()) is events.StreamEndEvent:
            return
        self.doc.value = self._value(self.next(), None, None, None, 0)
        self.next()  # the end of the document
        event = self.next()
        if type(event) is not events.StreamEndEvent:
            raise _Enough(_fault(event, None, "a second document begins here; put each into a file of its own"))

    def _value(self, event: Any, box: Any, key: Any, at: At, depth: int) -> Any:
        """The value that begins with the event and is to be `box[key]`; `at` is its own path."""
        kind = type(event)
        self.count += 1
        if kind is events.AliasEvent:
            return self._alias(event, box, key, at)
        before, chars = self.count, self.chars
        if event.tag is not None:
            self._refuse(
                event,
                at,
                f"the tag {cut(event.tag.replace('tag:yaml.org,2002:', '!!'))} is not used here; leave it out",
            )
        if kind is events.ScalarEvent:
            value = self._scalar(event, box, key, at)
        elif depth >= MOST_DEPTH:
            raise _Enough(_fault(event, at, f"is nested deeper than {MOST_DEPTH} levels"))
        elif kind is events.MappingStartEvent:
            value = self._mapping(at, depth + 1)
        else:
            value = self._sequence(at, depth + 1)
        if event.anchor is not None:
            self._anchor(event, at, value, (self.count - before + 1, self.chars - chars))
        return value

    def _scalar(self, event: Any, box: Any, key: Any, at: At) -> Any:
        text = event.value
        self.chars += len(text)
        if "${" in text:
            self._slot(event, box, key, at)
        if event.style or event.tag is not None or not (text in WORDS or text[0] in STARTS):
            return text
        value = plain(text)
        if isinstance(value, Surprise):
            self._refuse(event, at, str(value))
            return text
        return value

    def _mapping(self, at: At, depth: int) -> dict[str, Any]:
        box: dict[str, Any] = {}
        next_event = self.next
        while True:
            event = next_event()
            if type(event) is not events.ScalarEvent:
                if type(event) is events.MappingEndEvent:
                    return box
                self._refuse(event, (at, ""), "a key must be a string; if it is one, put it in quotes")
                self._value(event, None, None, at, depth)
                self._value(next_event(), None, None, at, depth)
                continue
            # The same few words are keys of a hundred thousand mappings: kept once.
            key = intern(event.value)
            self.chars += len(key)
            usual = event.style or not (key in WORDS or key[0] in STARTS)
            if not usual or event.tag is not None or event.anchor is not None:
                self._check_key(event, at, key)
            # YAML readers differ in which of the two counts, so neither does.
            if key in box:
                self._twice(event, at, key)
                self._value(next_event(), None, None, (at, key), depth)
            else:
                box[key] = self._value(next_event(), box, key, (at, key), depth)

    def _sequence(self, at: At, depth: int) -> list[Any]:
        box: list[Any] = []
        while True:
            event = self.next()
            if type(event) is events.SequenceEndEvent:
                return box
            index = len(box)
            box.append(self._value(event, box, index, (at, index), depth))

    def _check_key(self, event: Any, at: At, key: str) -> None:
        """Keys are strings for every reader, or refused."""
        value = plain(key) if event.tag is None and event.anchor is None else None
        if event.tag is not None or event.anchor is not None:
            summary = f"the key {cut(key)} has a tag or an anchor; leave it out"
        elif key == "<<":
            self._refuse(event, at, "merge keys (`<<`) are not used here; write the fields out, or use a variable")
            return
        elif isinstance(value, Surprise):
            if len(key) == 1:
                return  # `x` and `y`: YAML 1.1 has them as booleans, but hardly a reader follows it there
            summary = value.of_key()
        elif isinstance(value, str):
            return
        else:
            what = "empty" if not key else f"{a(value)} and no string"
            summary = f'the key is {what}; put it in quotes: "{key}"'
        self.doc.faults.append(_fault(event, (at, key), summary, on_key=True))

    def _twice(self, event: Any, at: At, key: str) -> None:
        self.marks = self.marks or Positions(self.text)
        line, column = self.marks.find((*_path(at), key), on_key=True)
        first = f"; first at {line}:{column}" if line else ""
        summary = f'the key "{cut(key)}" is there twice{first}'
        self.doc.faults.append(_fault(event, (at, key), summary, on_key=True))

    def _anchor(self, event: Any, at: At, value: Any, size: tuple[int, int]) -> None:
        if event.anchor in self.anchors:
            self._refuse(event, at, f"the anchor &{cut(event.anchor)} is there twice; give each a name of its own")
        self.anchors[event.anchor] = (value, *size)

    def _alias(self, event: Any, box: Any, key: Any, at: At) -> Any:
        if event.anchor not in self.anchors:
            self._refuse(event, at, f"the alias *{cut(event.anchor)} has no anchor before it")
            return ""
        value, size, chars = self.anchors[event.anchor]
        # Counted before it is used: ten lines of aliases of aliases stand for billions of values.
        self.count += size - 1
        self.chars += chars
        self.aliased += size
        self.aliased_chars += chars
        if self.aliased > MOST_ALIASED:
            raise _Enough(_fault(event, at, f"the aliases of this file stand for more than {MOST_ALIASED} values"))
        if self.aliased_chars > MOST_ALIASED_CHARS:
            most = f"{MOST_ALIASED_CHARS // 2**20} MB of text"
            raise _Enough(_fault(event, at, f"the aliases of this file stand for more than {most}"))
        if isinstance(value, str) and "${" in value:
            self._slot(event, box, key, at)
        return value

    def _slot(self, event: Any, box: Any, key: Any, at: At) -> None:
        """Remember a string that variables go into; one in a place that is dropped matters no more."""
        if box is not None:
            mark = event.start_mark
            self.doc.slots.append(Slot(box, key, mark.line + 1, mark.column + 1, _path(at)))

    def _refuse(self, event: Any, at: At, summary: str) -> None:
        self.doc.faults.append(_fault(event, at, summary))


def _fault(event: Any, at: At, summary: str, *, on_key: bool = False) -> Fault:
    mark = event.start_mark
    return Fault(mark.line + 1, mark.column + 1, _path(at), summary, on_key)


def _path(at: At) -> Path:
    words: list[str | int] = []
    while at is not None:
        at, word = at
        words.append(word)
    return tuple(reversed(words))
