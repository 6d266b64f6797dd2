"""More of what a JSON body can hold than `wire` reads: numbers, choices, and objects inside of objects."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.wire import Fields, SentForm, parse_json

__all__ = ["Body", "body", "form_number", "number"]

ENDLESS = 1e9


class Body(Fields):
    """A JSON object whose parts may be objects too; each part complains with its whole path."""

    def number(self, name: str, *, least: float = -ENDLESS, most: float = ENDLESS) -> float | None:
        """A number within bounds, or None; a flag is none."""
        value = self._get(name, required=False)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._wrong(name, _range(least, most))
        return float(value)

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """An integer within bounds, or None."""
        return self.integer(name, least=least, most=most) if self._get(name, required=False) is not None else None

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of some words."""
        return default if self._get(name, required=False) is None else self.one_of(name, allowed)

    def choices(self, name: str, allowed: Collection[str], default: Collection[str]) -> list[str]:
        """A list without repeats; nothing sent, or an empty list, is the default."""
        found = list(dict.fromkeys(self.texts(name, required=False)))
        if not set(found) <= set(allowed):
            raise self._wrong(name, f"among {', '.join(allowed)}")
        return found or list(default)

    def section(self, name: str) -> Body:
        """A required object inside."""
        return Body(self._get(name, required=True), where=self._path(name))

    def maybe_section(self, name: str) -> Body | None:
        """An object inside, if there is one."""
        return None if self._get(name, required=False) is None else self.section(name)

    def sections(self, name: str, *, most: int, least: int = 0) -> list[Body]:
        """A list of objects."""
        if self._get(name, required=bool(least)) is None:
            return []
        return [Body(item.raw, where=item.where) for item in self.objects(name, least=least, most=most)]

    def anything(self, name: str) -> Any:
        """Whatever it is: a schema, say."""
        return self._get(name, required=False)


def body(call: ApiCall) -> Body:
    """The body of a request, whose parts may be objects."""
    return Body(parse_json(call.raw()))


def form_number(form: SentForm, name: str, *, least: float = 0.0, most: float = ENDLESS) -> float | None:
    """A number that came as text."""
    text = form.maybe_text(name)
    return None if text is None else number(text, name, least=least, most=most)


def number(text: str, name: str, *, least: float = 0.0, most: float = ENDLESS) -> float:
    """A number that came as text, within bounds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise invalid(f"The {name} parameter must be {_range(least, most)}.")
    return value


def _range(least: float, most: float) -> str:
    if (least, most) == (-ENDLESS, ENDLESS):
        return "a number"
    return f"a number from {least:g}" + ("" if most == ENDLESS else f" to {most:g}")
