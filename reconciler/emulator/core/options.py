"""What can be set about any emulator; a vendor adds its own. The constructor and `/_emulator/options` say the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

__all__ = ["CoreOptions", "Speed"]

Speed = Literal["instant", "real"]


@dataclass(frozen=True, slots=True)
class CoreOptions:
    """Sizes in bytes, times in seconds; `None` for a limit means that it is off."""

    VINTAGES: ClassVar[tuple[str, ...]] = ("newest",)
    """From the oldest to the newest: what one of them brought, the later ones have unless they say otherwise."""

    vintage: str = "newest"
    """Which state of the API to follow: endpoints, models, fields, defaults. docs/emulator.md has a table of them."""
    reads: Mapping[str, int] = field(default_factory=dict)
    """Reads that see a status before it moves on, by `kind.status` or `status`; instant speed only."""
    default_reads: int = 1
    """The same for the first and the last status of a walk; those between are passed over unless `reads` has them."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long a status lasts, by `kind.status` or `status`; real speed only."""
    default_seconds: float = 2.0
    denied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Families of endpoints that a key may not use, by key or `*`: they answer as if they did not exist."""
    transcripts: str | None = None
    """A folder with what is said in a file, as `<filename>.json`: a list of `{start, end, value}`. Not over HTTP."""

    def changed(self, values: Mapping[str, object]) -> Self:
        """These options with `values` laid over; raises ValueError with every name or type that is wrong."""
        hints = get_type_hints(type(self))
        settable = {each.name for each in dataclasses.fields(self)}
        wrong = [f"unknown option {name!r}" for name in values if name not in settable]
        wrong += [
            f"option {name!r}: {value!r} is not {hints[name]}"
            for name, value in values.items()
            if name in settable and not _fits(value, hints[name])
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]

    def since(self, vintage: str) -> bool:
        """Whether what came with `vintage` is there already; what names none was there from the beginning."""
        return not vintage or self.VINTAGES.index(self.vintage) >= self.VINTAGES.index(vintage)

    @property
    def is_newest(self) -> bool:
        """Whether nothing came after the vintage that is followed."""
        return self.vintage == self.VINTAGES[-1]

    def as_json(self) -> dict[str, object]:
        """All of them, as `/_emulator/options` shows them."""
        return {
            f.name: dict(value) if isinstance(value := getattr(self, f.name), Mapping) else value
            for f in dataclasses.fields(self)
        }


def _fits(value: object, hint: object) -> bool:
    """Whether a JSON value is of the type that an option wants; a number is never a flag."""
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if get_origin(hint) is Sequence:
        return isinstance(value, list | tuple) and all(_fits(each, get_args(hint)[0]) for each in value)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is not None and isinstance(value, Mapping):
        return get_origin(hint) is Mapping and all(_fits(v, get_args(hint)[1]) for v in value.values())
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and value >= 0
    if hint is int:
        return isinstance(value, int) and value >= 0
    return isinstance(value, hint) if isinstance(hint, type) else False
