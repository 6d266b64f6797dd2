"""What YAML says: resources, and the stack that holds them. A reference is an address here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model.check import Check

__all__ = [
    "OUTPUT_NAME",
    "Output",
    "ReadMode",
    "ReadSettings",
    "Replacing",
    "Resource",
    "Stack",
    "Where",
    "by_kind",
    "ignores",
    "nowhere",
]


SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds_in(time: str) -> int:
    """Of a time as it is written: `24h`."""
    return int(time[:-1]) * SECONDS[time[-1]]


@dataclass(frozen=True, slots=True)
class Replacing:
    """How something that others live in is replaced, when it has to be."""

    beside: bool = True
    """Made anew beside the old one, which serves until the new one has all that it had; else the old one gives up its
    name first."""
    checks: tuple[str, ...] = ()
    """Names of the checks that the new one has to pass before it takes the old one's place."""
    hold: str = ""
    """How long the old one is kept when that is done: `24h`; "" for no time at all."""

    @property
    def hold_s(self) -> int:
        """The same in seconds."""
        return _seconds_in(self.hold) if self.hold else 0


@dataclass(frozen=True, slots=True)
class Resource:
    """What YAML says of one address: declared fields only, defaults of the kind not filled in."""

    address: str
    kind: str
    fields: Mapping[str, Any]
    protect: bool = False
    ignore: tuple[str, ...] = ()
    id: str | None = None
    external: bool = False
    replace: bool = False
    """`replace: allow`: consent to being replaced."""
    replacing: Replacing = Replacing()
    laters: tuple[tuple[str, str], ...] = ()
    """(field, key) of each value that is known after apply."""

    def having(self, fields: Mapping[str, Any]) -> Resource:
        """The same with other fields: in a fifth of what `replace` takes, for every asset is given its identity."""
        return Resource(
            self.address,
            self.kind,
            fields,
            self.protect,
            self.ignore,
            self.id,
            self.external,
            self.replace,
            self.replacing,
            self.laters,
        )


def by_kind(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """The name of each kind → its resources, in the order in which they come."""
    found: dict[str, list[Resource]] = {}
    for resource in resources:
        found.setdefault(resource.kind, []).append(resource)
    return found


OUTPUT_NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
"""What an output may be called: a shell can hold it as a variable as it is."""


@dataclass(frozen=True, slots=True)
class Output:
    """What `outputs:` gives a name to: the id of an address, or another fact of it."""

    address: str
    at: str = "id"


def ignores(ignore: Iterable[str], path: str) -> bool:
    """Whether differences at a path are left alone: `metadata` is all of a field, `metadata.video` is that key of it
    and not `video.codec`, and `metadata.v*` all keys that fit."""
    field = re.split(r"[.\[]", path, maxsplit=1)[0]
    return any(said in (field, path) or ("." in said and fnmatchcase(path, said)) for said in ignore)


Where = Callable[..., tuple[str, int, int]]
"""(address, *path within it) → file as the user would type it, line, column: found only when asked."""


class ReadMode(StrEnum):
    """How the account is read for a plan."""

    FULL = "full"
    """Every list whole."""
    DELTA = "delta"
    """What differs since it was read last; and whole what the plan would touch."""
    NONE = "none"
    """Not at all: what is recorded is taken for what is there."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What `refresh:` says: how the account is read when nobody says otherwise."""

    mode: ReadMode = ReadMode.FULL
    full_every: str = "24h"
    """How old what was read whole may be."""

    @property
    def full_every_s(self) -> int:
        """The same in seconds."""
        return _seconds_in(self.full_every)


@dataclass(frozen=True, slots=True)
class Stack:
    """A loaded stack: what its YAML declares, all variables and references resolved."""

    name: str
    provider: str
    root: Path
    """The directory that bounds the files it may read."""
    resources: Mapping[str, Resource]
    where: Where
    stamps: bool = True
    guards: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    moved: tuple[tuple[str, str], ...] = ()
    """(from, to) addresses."""
    removed: tuple[str, ...] = ()
    """Addresses to stop managing and keep."""
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Where what is made from media is kept: name of a store → `to`, `table`, `columns`; empty for the usual
    directory."""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    """What it tells programs by a name of its own."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """By name: what a search should find."""
    reading: ReadSettings | None = None
    """What `refresh:` says, if it stands there."""
    varies: bool = False
    """Whether its name depends on variables: another name is another stack then, and no rename."""
    id: str | None = None
    """Its random id, as the state knows it: no YAML says it, the session fills it in."""
    former: tuple[str, ...] = ()
    """Names that it had before, as the state knows them."""
    files: tuple[str, ...] = ()

    def problem(self, address: str, text: str, *path: str, severity: str = "error") -> Problem:
        """A problem of an address (of a field, if `path` says so), at its place in YAML if it stands there."""
        at = ("removed", address) if address in self.removed else (address, *path)
        stands = address in self.resources or at[0] == "removed"
        file, line, column = self.where(*at) if stands else ("", 0, 0)
        return Problem(file, line, column, address, text, severity)


def nowhere(*_: object) -> tuple[str, int, int]:
    """The `where` of a stack that no YAML declares."""
    return "", 0, 0
