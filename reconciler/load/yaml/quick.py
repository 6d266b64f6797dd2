"""The YAML that most stacks are written in, read at a third of what events cost: block mappings and lists, a key or an
item a line, with plain or quoted texts and flow collections that end on their line, and comments.

It takes a text only if every character of it was understood in that sense, and then gives exactly what the careful
reader gives. Of whatever is odd (tabs, escapes, texts over several lines, anchors, tags, keys that are there twice,
scalars that readers disagree about, a wrong indentation) it says nothing, and the careful reader has the word.

Lines are taken apart by one regular expression, flow collections by another. Both end in what takes all the rest where
nothing else fits: so nothing is passed over, and no text is looked through more than a few times.
"""

from __future__ import annotations

import re
from sys import intern
from typing import Any, Final

from reconciler.load.yaml.scalars import STARTS, WORDS, Surprise, plain

__all__ = ["quick", "quick_place"]

MOST_NESTED: Final = 40
"""Levels; the careful reader takes more."""
MOST_ABOVE: Final = 2_000
"""Characters in which a setting is looked for."""
LONGEST_KEY: Final = 200
"""YAML has a bound of 1,024."""
MOST_KNOWN: Final = 5_000
"""Plain scalars that are remembered: texts of which each is another would only take memory."""
SURELY_EXACT: Final = 15
"""So many digits are a number for every reader."""
PIECE: Final = 16_384
"""Characters whose lines are taken apart at once: lines of a whole text would take more memory than what they say."""

_ODD = "[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
"""What YAML does not take, or takes for the end of a line; tabs are refused for where they may stand."""
_ODD_IN_ASCII = re.compile(r"[^\n -~]")

# Characters are told by those that are left out: sets that reach beyond 256 take milliseconds to compile.
_QUOTED = r""""[^"\\\n]*+"|'[^'\n]*+'"""
_KEY = rf"[^\0-/:-@\[-^`{{-\x7f][^\0-,/:-@\[-^`{{-\x7f]*+|{_QUOTED}"
"""Letters, digits, `_`, whatever is not ASCII; and `.` and `-` after the first."""
_FIRST = r"(?:[^\0- !\"#%&'*,:>?@\[\]`{|}\x7f-]|-(?=[A-Za-z0-9._]))"
"""How a plain scalar begins: with nothing that means something to YAML."""
_PLAIN = rf"{_FIRST}[^:#\n]*+(?:(?::(?=[^ :#\n])|(?<! )#)[^:#\n]*+)*+"
"""In a block: a colon is one of the text where a character follows, and so is a hash where one goes before."""
_INNER = rf"{_FIRST}[^:#,?\[\]{{}}\n]*+(?:(?::(?=[A-Za-z0-9/_])|(?<! )#)[^:#,?\[\]{{}}\n]*+)*+"
"""In a flow collection."""

_LINES = re.compile(
    rf"(?m)^( *)(- +)?(?:({_KEY}):(?: +|$))?(?:({_PLAIN})|([{{\[][^\n]*[}}\]])|({_QUOTED}))? *(?:(?<![^ \n])#.*)?$|(.+)"
).findall
"""(indentation, dash, key, plain, flow, quoted, odd) of each line; all but the first are empty where there is nothing
but a comment. What is taken for the text of a flow collection is taken apart by the next one, to its last character."""
_TOKENS = re.compile(
    rf"(?:({_KEY}): +)?(?:(?:({_INNER})|({_QUOTED}))([ \]}}]*)(?:, *|$)|([{{\[] *(?:[\]}}][ \]}}]*(?:, *|$))?))|.+"
).findall
"""(key, plain, quoted, ends of collections after it, begin of one and ends with it) of each value of a flow collection;
all empty for what is odd."""
_ITEM = r"[A-Za-z0-9_][^:#,?\[\]{}\"'\n]*+"
_PAIRS = re.compile(rf"({_KEY}): +(?:({_INNER})|({_QUOTED})|\[({_ITEM}(?:, {_ITEM})*+)\])(?:, *| *\}}$)|.+").findall
"""(key, plain, quoted, items) of each value of a mapping that holds texts and lists of plain ones, as nearly all do;
all empty for what is odd."""


class _NotPlain(Exception):
    """The careful reader is to look at it."""


class _Keys(dict[str, str]):
    """Keys as they are written → as they are held: the same few words are keys of a hundred thousand mappings."""

    def __missing__(self, written: str) -> str:
        key = written
        if not 0 < len(written) <= LONGEST_KEY:
            raise _NotPlain
        if written[0] in "\"'":
            key = written[1:-1]
        elif written in WORDS or written[0] in STARTS:
            value = plain(written)
            # `x` and `y` are booleans of YAML 1.1, and hardly a reader follows it there: see the careful one.
            if type(value) is not str and not (type(value) is Surprise and len(written) == 1):
                raise _NotPlain
        self[written] = key = intern(key)
        return key


class _Scalars(dict[str, Any]):
    """Plain scalars → their values."""

    def __missing__(self, written: str) -> Any:
        value: Any = written
        if written[0] in "123456789" and len(written) <= SURELY_EXACT and written.isdigit() and written.isascii():
            value = int(written)
        elif written[0] in STARTS or written in WORDS or written[-1] == " ":
            value = plain(written.rstrip(" "))
            if type(value) is Surprise:
                raise _NotPlain
        if len(self) >= MOST_KNOWN:
            self.clear()
        self[written] = value
        return value


def quick(text: str) -> dict[str, Any] | None:
    """The mapping in a text, or None when the careful reader is to look at it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _ODD_IN_ASCII.search(text) if text.isascii() else re.search(_ODD, text):
        return None
    try:
        return _Blocks().read(text, 4 if text.startswith("---\n") else 0) or None
    except _NotPlain:
        return None


def quick_place(text: str, word: str, *, on_key: bool) -> tuple[int, int] | None:
    """Line and column, from 1, of a key of the outermost mapping that has a scalar on its line, or of that scalar; None
    where finding it takes more than a look at the lines above, as above the settings of a stack are none."""
    found = re.search(rf"(?m)^{re.escape(word)}: (?=[^ \n])[^\n]*$", text[:MOST_ABOVE])
    if found is None:
        return None
    value = (quick(text[: found.end()]) or {}).get(word)
    if value is None or isinstance(value, (dict, list)):
        return None
    return text.count("\n", 0, found.start()) + 1, 1 if on_key else len(word) + 3


class _Blocks:
    """Puts lines together by their indentation."""

    def __init__(self) -> None:
        self.box: Any = {}
        """The mapping or list that the lines are of now."""
        self.indent = 0
        self.open: str | None = None
        """The key of it that has no value yet: what is below it, or nothing."""
        self.outer: list[tuple[int, Any]] = []
        """(indentation, box) of what it lies in."""
        self.keys, self.scalars = _Keys(), _Scalars()

    def read(self, text: str, start: int) -> Any:
        """What the lines from a character on hold."""
        top, keys, scalars = self.box, self.keys, self.scalars
        box, indent, is_open = top, 0, False
        while start < len(text):
            end = text.find("\n", start + PIECE)
            end = len(text) if end < 0 else end
            for spaces, dash, key, it, flow, quoted, odd in _LINES(text, start, end):
                if is_open or dash or len(spaces) != indent or type(box) is list:
                    if not (dash or key or it or flow or quoted or odd):
                        continue  # nothing but a comment
                    box, indent = self._box_of(len(spaces), dash, key)
                value = scalars[it] if it else quoted[1:-1] if quoted else self._flow(flow) if flow else None
                if key:
                    if (name := keys[key]) in box:
                        raise _NotPlain
                    box[name] = value
                    if is_open := value is None and not it:
                        self.open = name
                elif dash and (it or flow or quoted):
                    box.append(value)
                    is_open = False
                elif dash or it or flow or quoted or odd:
                    raise _NotPlain
            start = end + 1
        return top

    def _box_of(self, at: int, dash: str, key: str) -> tuple[Any, int]:
        """The mapping or list that a line is of, and its indentation."""
        if self.open is not None and (at > self.indent or (dash and at == self.indent and type(self.box) is dict)):
            inner: Any = [] if dash else {}
            self.box[self.open] = inner
            self._enter(inner, at)
        else:
            self._leave(at, is_item=bool(dash))
        self.open = None
        if dash and key:
            # `- key: value`: a mapping whose other keys stand below this one.
            item: dict[str, Any] = {}
            self.box.append(item)
            self._enter(item, at + len(dash))
        return self.box, self.indent

    def _enter(self, inner: Any, indent: int) -> None:
        if len(self.outer) >= MOST_NESTED:
            raise _NotPlain
        self.outer.append((self.indent, self.box))
        self.box, self.indent = inner, indent

    def _leave(self, at: int, *, is_item: bool) -> None:
        while at < self.indent:
            self.indent, self.box = self.outer.pop()
        # A list may stand right below its key, at the same indentation: it ends where a line is no item.
        if at == self.indent and not is_item and type(self.box) is list:
            self.indent, self.box = self.outer.pop()
        if at != self.indent or is_item is not (type(self.box) is list):
            raise _NotPlain

    def _flow(self, text: str) -> Any:
        """The value of a flow collection."""
        if text == "{}":
            return {}
        if text[0] == "{" and (flat := self._flat(text)):
            return flat
        return self._nested(text)

    def _flat(self, text: str) -> dict[str, Any] | None:
        """The mapping, if it is as nearly all are."""
        keys, scalars = self.keys, self.scalars
        pairs = _PAIRS(text, 1)
        try:
            found = {
                keys[key]: scalars[it]
                if it
                else quoted[1:-1]
                if quoted
                else [scalars[item] for item in items.split(", ")]
                for key, it, quoted, items in pairs
            }
        except _NotPlain:
            return None  # perhaps of what it nests alone
        return found if len(found) == len(pairs) else None

    def _nested(self, text: str) -> Any:
        """The value of any flow collection."""
        keys, scalars = self.keys, self.scalars
        top: list[Any] = []
        box: Any = top
        named = False
        outer: list[Any] = []
        for key, it, quoted, ends, begin in _TOKENS(text):
            value = scalars[it] if it else quoted[1:-1] if quoted else _begun(begin)
            if named:
                if (name := keys[key]) in box:
                    raise _NotPlain
                box[name] = value
            elif key:
                raise _NotPlain
            else:
                box.append(value)
            if begin:
                outer.append(box)
                box, named = value, begin[0] == "{"
            if ends or begin:
                box = _ended(ends or begin[1:], box, outer)
                named = type(box) is dict
        if outer or len(top) != 1:
            raise _NotPlain
        return top[0]


def _begun(sign: str) -> Any:
    if not sign:
        raise _NotPlain
    return {} if sign[0] == "{" else []


def _ended(signs: str, box: Any, outer: list[Any]) -> Any:
    """The collection that goes on after the ends of some."""
    for sign in signs:
        if sign in "]}":
            if not outer or (sign == "}") is not (type(box) is dict):
                raise _NotPlain
            box = outer.pop()
    if len(outer) > MOST_NESTED:
        raise _NotPlain
    return box
