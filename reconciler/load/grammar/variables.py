"""`${name}` and `${env.NAME}` in strings: what they stand for, and putting it in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.grammar.documents import Document, parsed
from reconciler.load.grammar.environment import Environment, FromEnvironment, Unreadable
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut, did_you_mean, is_text, shown
from reconciler.load.yaml.scalars import from_text
from reconciler.redact import Secret

__all__ = ["Filling", "Scope", "declared", "expand", "fill_defaults", "from_file", "given", "values_in"]

MOST_FILLED: Final = 64 * 1024 * 1024
"""Characters that the texts with variables of a stack may come to."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ALONE = re.compile(r"\$\{([^}]*)\}")
_PIECE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")


@dataclass(frozen=True, slots=True)
class Scope:
    """What names stand for. `wrong` are declared, but something is wrong with them that was said already.

    `closed` says that a name which is not there is wrong: false when a part of the stack could not be read.
    """

    values: Mapping[str, Any]
    environment: Environment
    wrong: Collection[str] = ()
    closed: bool = True
    hint: Callable[[str, Iterable[str]], str] = did_you_mean


class Unresolved(Exception):
    """A `${…}` that stands for nothing; the text says why."""


class TooLong(Unresolved):
    """Values that are too long in all."""

    def __init__(self) -> None:
        super().__init__(f"the variables of this stack stand for more than {MOST_FILLED // 2**20} MB of text")


Declared = dict[str, tuple[Place, Mapping[str, Any]]]
"""name → (where, what is said of it)"""


def declared(documents: Iterable[Document], problems: Problems) -> Declared:
    """The variables that the stack declares."""
    found: Declared = {}
    for document in documents:
        section = document.top.get("variables")
        for name, about in section.items() if isinstance(section, dict) else ():
            place = Place(document.source, ("variables", name), on_key=True)
            if name in found:
                problems.add(place, f'the variable "{cut(name)}" is declared twice; first at {found[name][0]}')
            elif not _NAME.fullmatch(name) or name == "env":
                rule = "begin with a letter or `_` and go on with letters, digits, `_` and `-`; `env` is taken"
                problems.add(place, f'"{cut(name)}" cannot name a variable; {rule}')
            else:
                found[name] = (place, _declaration(about, place, problems))
    return found


def _declaration(about: Any, place: Place, problems: Problems) -> Mapping[str, Any]:
    """What is said of one variable; of a wrong one only that it is there."""
    name = place.path[1]
    if not isinstance(about, Mapping):
        what = "is empty; write `{}`" if about is None else f"expected a mapping; write `{{default: {shown(about)}}}`"
        problems.add(place, f"variables.{name}: {what}")
        return {"wrong": True}
    wrong = len(problems)
    for key in about:
        if key not in ("default", "description"):
            hint = problems.hint(key, ("default", "description"))
            inner = Place(place.source, (*place.path, key), on_key=True)
            problems.add(inner, f'variables.{name}: unknown field "{cut(key)}"{hint}')
    if "default" in about and about["default"] is None:
        inner = Place(place.source, (*place.path, "default"))
        problems.add(inner, f"variables.{name}: default: is empty; leave it out, or give a value")
    return about if len(problems) == wrong else {"wrong": True}


def given(
    known: Declared,
    arguments: Mapping[str, str],
    file: tuple[TextFile, Mapping[str, Any]] | None,
    problems: Problems,
    *,
    closed: bool,
) -> dict[str, Any]:
    """The value of each variable: of `arguments` (--var), else of the file (--var-file), else its default."""
    values = {name: about["default"] for name, (_, about) in known.items() if about.get("default") is not None}
    take = _Taker(known, values, problems, closed)
    for name, value in (file[1] if file else {}).items():
        take(name, value, Place(file[0] if file else None, (name,), on_key=True), "")
    for name, text in arguments.items():
        typed = _typed(text, known[name][1].get("default")) if name in known else text
        take(name, typed, Place(None), f"--var {name}")
    for name, (place, about) in known.items():
        if name not in values and not about.get("wrong"):
            problems.add(
                place,
                f"variables.{name}: has no value; give --var {name}=VALUE, name it in --var-file, or write a default",
            )
    return values


@dataclass(frozen=True, slots=True)
class _Taker:
    """Puts given values into `values`, or says why not."""

    known: Declared
    values: dict[str, Any]
    problems: Problems
    closed: bool

    def __call__(self, name: str, value: Any, place: Place, address: str) -> None:
        if name not in self.known:
            if self.closed:
                hint = self.problems.hint(name, self.known) or "; declare it under `variables:`"
                self.problems.add(place, f'unknown variable "{cut(name)}"{hint}', address=address)
        elif isinstance(value, str) and not is_text(value):
            self.problems.add(place, f'the variable "{name}" is given a value that is not UTF-8', address=address)
        elif value is None:
            self.problems.add(place, f'the variable "{name}" is given no value', address=address)
        elif isinstance(self.known[name][1].get("default"), (list, dict)) and not isinstance(value, (list, dict)):
            what = "takes a list or a mapping, as its default is; in an argument, write JSON"
            self.problems.add(place, f'the variable "{name}" {what}', address=address)
        else:
            self.values[name] = value


def _typed(text: str, default: Any) -> Any:
    """An argument as a value; a variable whose default is a string stays a string."""
    # A season that is "2023" by default does not become a number by `--var season=2024`.
    if isinstance(default, str):
        return text
    if isinstance(default, (list, dict)):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return from_text(text)


def from_file(path: Path | Mapping[str, Any], problems: Problems) -> tuple[TextFile, Mapping[str, Any]]:
    """What --var-file holds. It may be anywhere: whoever runs this names it, not the stack.
    A saved plan has in it what was there."""
    if isinstance(path, Mapping):
        return TextFile("the plan's variables"), path
    try:
        source = TextFile(str(path), "", path.read_bytes(), path.read_bytes)
    except OSError as error:
        source = TextFile(str(path))
        problems.add(Place(source), f"cannot be read: {error.strerror}", address="")
    doc = parsed(source, problems)
    document = Document(source, {"variables": doc.value}, doc.slots)
    for slot in doc.slots:
        slot.path = ("variables", *slot.path)
    fill_defaults(document, problems)
    return source, doc.value


def values_in(path: Path) -> dict[str, Any]:
    """What --var-file holds, when nothing is wrong with it."""
    return dict(from_file(path, Problems())[1])


class Filling:
    """Puts values into the strings of files, each in its place.

    What the same text stands for is worked out once: aliases may repeat it a hundred thousand times.
    """

    def __init__(self, scope: Scope, problems: Problems) -> None:
        self._scope = scope
        self._problems = problems
        self._known: dict[str, tuple[Any, int]] = {}
        self._left = MOST_FILLED

    def fill(self, document: Document) -> None:
        """One file."""
        for slot in document.slots:
            # Done by `fill_defaults`, when no variable had a value yet.
            if slot.path[:1] == ("variables",):
                continue
            try:
                slot.holder[slot.key] = self._value(slot.holder[slot.key])
            except Unresolved as error:
                if isinstance(error, TooLong):
                    self._left = -1
                place = Place(document.source, slot.path, line=slot.line, column=slot.column)
                if str(error):
                    self._problems.add(place, str(error))
                self._problems.mute(place)

    def _value(self, text: str) -> Any:
        if self._left < 0:
            raise Unresolved  # which was said
        if text not in self._known:
            value = resolved(text, self._scope, self._left)
            self._known[text] = value, _size(value)
        value, size = self._known[text]
        self._left -= size
        if self._left < 0:
            raise TooLong
        return value


def _size(value: Any) -> int:
    """Characters of a value, about; each item of a list counts as some more, because each is looked at."""
    if isinstance(value, str):
        return len(value)
    items = len(value) if isinstance(value, (list, dict)) else 0
    return len(json.dumps(value, default=str)) + 32 * items


def fill_defaults(document: Document, problems: Problems) -> None:
    """The same for what variables are declared with, where a name would stand for nothing yet."""
    for slot in document.slots:
        if slot.path[:1] != ("variables",):
            continue
        text = slot.holder[slot.key]
        if "${" in text.replace("$${", ""):
            place = Place(document.source, slot.path, line=slot.line, column=slot.column)
            what = "the value of a variable cannot refer to others; write `$${` if the characters are meant"
            problems.add(place, what, address="")
        slot.holder[slot.key] = text.replace("$${", "${")


def resolved(text: str, scope: Scope, most: int = MOST_FILLED) -> Any:
    """The text with its variables put in; raises Unresolved, also if it would be longer than `most`.

    A text that is one variable takes the variable's type.
    """
    if alone := _ALONE.fullmatch(text):
        value = _stands_for(alone.group(1), scope)
        return Secret(value, text) if isinstance(value, FromEnvironment) else value
    parts: list[str] = []
    template: list[str] = []
    secret, end = False, 0
    for match in _PIECE.finditer(text):
        before = text[end : match.start()]
        value, shown, is_secret = _piece(match, scope)
        parts += (before, value)
        template += (before, shown)
        secret, end = secret or is_secret, match.end()
        most -= len(before) + len(value)
        if most < 0:
            raise TooLong
    value = "".join((*parts, text[end:]))
    return Secret(value, "".join((*template, text[end:]))) if secret else value


def _piece(match: re.Match[str], scope: Scope) -> tuple[str, str, bool]:
    """One `${…}` inside a longer text: (its text, its text in a secret's template, whether it is a secret)."""
    if match.group() == "$${":
        return "${", "$${", False
    if not match.group(2):
        raise Unresolved("`${` has no `}`; write `$${` if the characters are meant")
    value = _stands_for(match.group(1), scope)
    if isinstance(value, FromEnvironment):
        return value, match.group(), True
    if isinstance(value, (list, dict)):
        raise Unresolved(f"`{match.group()}` is {a(value)}; it can only stand alone, not in a longer text")
    # Escaped in the template, which later runs resolve again: what only looks like a variable stays a text.
    text = value if isinstance(value, str) else json.dumps(value)
    return text, text.replace("${", "$${"), False


def _stands_for(name: str, scope: Scope) -> Any:
    if name.startswith("env."):
        try:
            return scope.environment.read(name[4:])
        except Unreadable as error:
            raise Unresolved(str(error)) from None
    if name in scope.values:
        return scope.values[name]
    # Something was said of it, or it may stand in a file that could not be read: nothing is said twice.
    if name in scope.wrong or not scope.closed:
        raise Unresolved
    if not _NAME.fullmatch(name):
        raise Unresolved(f"`${{{cut(name)}}}` is not a variable; write `$${{` if the characters are meant")
    hint = scope.hint(name, scope.values)
    raise Unresolved(f'unknown variable "{cut(name)}"{hint or "; declare it under `variables:`"}')


def expand(template: str, environment: Environment) -> str:
    """The text of a `Secret`'s template; raises KeyError for what may not be read, or is not there."""
    try:
        return str(resolved(template, Scope({}, environment)))
    except Unresolved as error:
        raise KeyError(str(error)) from None
