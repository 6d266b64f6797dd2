"""JSON beside a stack: schemas, side files, lines of tables. What readers disagree about is refused, as in YAML."""

from __future__ import annotations

import json
from typing import Any, Final

from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import cut, is_text
from reconciler.load.yaml.reader import MOST_DEPTH
from reconciler.load.yaml.scalars import loses_digits
from reconciler.load.yaml.texts import NotText, text_of

__all__ = ["from_json", "json_in", "text_in"]

TOO_DEEP: Final = f"is nested deeper than {MOST_DEPTH} levels"


def text_in(source: TextFile, problems: Problems) -> str | None:
    """The text of a file; None and a problem if it is none."""
    try:
        return text_of(source.data or b"")
    except NotText as error:
        problems.add(Place(source, line=error.line, column=error.column), str(error), address="")
        return None


def json_in(source: TextFile, problems: Problems) -> tuple[bool, Any]:
    """(whether it could be read, the value) of a file of JSON; a problem if it could not."""
    text = text_in(source, problems)
    if text is None:
        return False, None
    try:
        return True, from_json(text)
    except json.JSONDecodeError as error:
        place = Place(source, line=error.lineno, column=error.colno)
        problems.add(place, f"not JSON: {error.msg}", address="")
    except ValueError as error:
        problems.add(Place(source, line=1, column=1), f"not JSON: {error}", address="")
    return False, None


def from_json(text: str) -> Any:
    """The value of a JSON text, if it is the same for every reader; raises ValueError."""
    try:
        value = json.loads(text, object_pairs_hook=_object_once, parse_constant=_no_number, parse_float=_exact)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if text.count("[") + text.count("{") > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise ValueError(TOO_DEEP)
    if "\\ud" in text.lower() and not is_text(json.dumps(value, ensure_ascii=False)):
        raise ValueError("half of a character")
    return value


def _depth(value: Any) -> int:
    """Levels of lists and mappings, counted without going down into them one by one."""
    levels, inner = 0, [value]
    while inner := [item for item in inner if isinstance(item, (list, dict))]:
        levels += 1
        inner = [item for outer in inner for item in (outer.values() if isinstance(outer, dict) else outer)]
    return levels


def _object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is there twice")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a valid number")


def _exact(text: str) -> float:
    value = float(text)
    if loses_digits(text, value):
        raise ValueError(f"`{cut(text)}` loses digits on its way; write {value!r}, or put it in quotes")
    return value
