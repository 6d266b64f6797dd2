"""The words of the pipeline as values: frozen, slotted, without behaviour that decides anything.

YAML gives `Resource`s (desired), the API gives `Live` objects, state gives `Recorded` rows; comparing them gives
`Change`s made of `Delta`s, ordering them gives a `Plan` of `Step`s, and walking it gives `Outcome`s in a `Report`.

Field values are JSON values under our field names. A reference is an address in `Resource` and `Recorded`,
and an id in `Live`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reconciler.redact import Secret, mask, unmask

__all__ = [
    "Action",
    "Change",
    "Delta",
    "Event",
    "Intent",
    "Live",
    "Outcome",
    "Plan",
    "Recorded",
    "Report",
    "Resource",
    "Secret",
    "Snapshot",
    "Source",
    "Stack",
    "Stamp",
    "Status",
    "Step",
    "Upload",
    "Verb",
    "Where",
    "ignores",
    "key_of",
    "mask",
    "parent_of",
    "unmask",
]


def parent_of(address: str) -> str | None:
    """The address of what this one lives in: `indexes/catalog` for `indexes/catalog/assets/final`, else None."""
    parts = address.rsplit("/", 2)
    return parts[0] if len(parts) == 3 else None


def key_of(address: str) -> str:
    """The last word of an address: the logical name."""
    return address.rsplit("/", 1)[1]


class Action(Enum):
    """What a plan does to one address; the value is its word in JSON, `symbol` its mark in text."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    MOVE = "move"
    ADOPT = "adopt"
    FORGET = "forget"

    @property
    def symbol(self) -> str:
        """The mark that reviewers know from Terraform."""
        return _SYMBOLS[self]


_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.MOVE: ">",
    Action.ADOPT: "<=",
    Action.FORGET: "x",
}


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


def ignores(ignore: Iterable[str], path: str) -> bool:
    """Whether differences at a path are left alone: `metadata` is all of a field, `metadata.video` is that key of it
    and not `video.codec`, and `metadata.v*` all keys that fit."""
    field = re.split(r"[.\[]", path, maxsplit=1)[0]
    return any(said in (field, path) or ("." in said and fnmatchcase(path, said)) for said in ignore)


Where = Callable[..., tuple[str, int, int]]
"""(address, *path within it) → file as the user would type it, line, column: found only when asked."""


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
    varies: bool = False
    """Whether its name depends on variables: another name is another stack then, and no rename."""
    id: str | None = None
    """Its random id, as the state knows it: no YAML says it, the session fills it in."""
    former: tuple[str, ...] = ()
    """Names that it had before, as the state knows them."""
    files: tuple[str, ...] = ()
    digest: str = ""
    """sha256 over the names and bytes of its files and the values of its variables."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Our marks in an object's metadata: whose it is, which address, and what its bytes are (assets)."""

    stack: str
    key: str
    content: str | None = None
    stack_id: str | None = None
    """Tells two stacks of one name apart; None in marks of older versions."""


class Status(StrEnum):
    """Where an object stands in its life, whatever words its API has for it."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the API has it. `detailed` says whether the fields that lists leave out were read."""

    kind: str
    id: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    status: Status = Status.READY
    stamp: Stamp | None = None
    detailed: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the server knows and nobody declares: seconds of duration, size in bytes, created_at."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read of an account in one run; each list in it was proven whole."""

    by_kind: Mapping[str, Mapping[str, Live]] = field(default_factory=dict)
    """kind → id → object"""
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """kind → ids of the parents whose children were listed: elsewhere, absent means unknown."""
    requests: int = 0

    def get(self, kind: str, id: str | None) -> Live | None:
        """The object, or None when the account has none such."""
        return self.by_kind.get(kind, {}).get(id) if id else None

    @property
    def ids(self) -> frozenset[str]:
        """Of all objects."""
        return frozenset(id for objects in self.by_kind.values() for id in objects)

    def stack_ids(self, stack: str) -> frozenset[str]:
        """The ids in the stamps of a stack of this name: of several stacks, if there are several of the name."""
        stamps = (live.stamp for objects in self.by_kind.values() for live in objects.values() if live.stamp)
        return frozenset(stamp.stack_id for stamp in stamps if stamp.stack == stack and stamp.stack_id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What we last applied at an address. `deposed`: the old object of a replacement, still to be deleted."""

    address: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    protect: bool = False
    deposed: bool = False
    failures: int = 0
    """How often in a row what is here was made and ended as failed."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A line of the journal: what we are about to send, durable before it is sent, and how to find it afterwards."""

    op: str
    run: str
    address: str
    kind: str
    verb: str
    digest: str
    look_for: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in flight: all that another process needs to go on with it.

    `content` is the sha256 of the bytes; `path`, `size_bytes` and `mtime_ns` tell whether the file is still the one
    that was begun. `proofs` maps the index of a stored chunk (from 1) to its ETag. `expires_at` is RFC 3339.
    """

    upload_id: str
    asset_id: str
    address: str
    content: str
    path: str
    size_bytes: int
    mtime_ns: int
    chunk_size: int
    total_chunks: int
    headers: Mapping[str, str]
    proofs: Mapping[int, str]
    expires_at: str


class Source(StrEnum):
    """Who changed a field: git (pending), somebody else (drift), or both at once."""

    PENDING = "pending"
    DRIFT = "drift"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Delta:
    """One field of one address, before (live) and after (desired); None on either side means that it is not there."""

    path: str
    before: Any
    after: Any
    source: Source = Source.PENDING
    recorded: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one address, and why. The reason is for people; nothing is decided by it."""

    address: str
    kind: str
    action: Action
    reason: str
    deltas: tuple[Delta, ...] = ()
    replace_paths: tuple[str, ...] = ()
    id: str | None = None
    previous_address: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What it is to be: the declared fields of a create, update or replace (references as addresses)."""
    parent_id: str | None = None
    """Of the live object: where deletes and updates find it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False


class Verb(StrEnum):
    """What one step does."""

    CREATE = "create"
    BULK = "bulk"
    WAIT = "wait"
    UPDATE = "update"
    ASIDE = "aside"
    LINK = "link"
    UNLINK = "unlink"
    DELETE = "delete"
    RECORD = "record"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that apply does; it starts when all that it `needs` is done.

    `addresses` has one element but for a bulk create. `fields` is what is sent: the whole of a create, the changed
    fields of an update, the added or removed references of a link or unlink. `id` is the object of a write to
    something that exists. `writes` is how many requests that change something it sends.
    """

    id: str
    verb: Verb
    kind: str
    addresses: tuple[str, ...]
    needs: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    object_id: str | None = None
    parent_id: str | None = None
    writes: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What apply would do: complete in itself."""

    stack: str
    provider: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Change, ...] = ()
    estimate: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    diagnostics: tuple[Any, ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    """How many foreign objects of each kind were seen."""
    containers: frozenset[str] = frozenset()
    """Kinds that other kinds live in."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """address → why: what has failed again and again, and is not made anew by itself."""
    left_out: int = 0
    """How many changes are not in it, because only a part was asked for."""

    def count(self, action: Action) -> int:
        """How many changes have this action."""
        return sum(change.action is action for change in self.changes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one address fared: `done`, `begun` (a part of it was done, the next run does the rest), `failed` or
    `skipped`, with what to know about it. `wrote`: something of it was done, whatever came then."""

    address: str
    action: Action
    result: str
    message: str = ""
    wrote: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How an apply went."""

    run: str
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False
    requests: int = 0
    writes: int = 0
    failure_code: int = 1
    """The exit code of a failure before which nothing was done."""

    @property
    def failed(self) -> bool:
        """Whether anything was not done to its end."""
        return any(outcome.result != "done" for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 all done · 130 interrupted · 7 something was done, not all · else what the failure means."""
        if self.interrupted:
            return 130
        if not self.failed:
            return 0
        return 7 if any(outcome.wrote for outcome in self.outcomes) else self.failure_code


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an address; `kind` is start, done, failed, skipped, waiting, upload or pause.

    waiting: `done` of the `total` objects that were waited for are ready. upload: `done` of `total` bytes were sent.
    pause: nothing goes on for `total` seconds, because the API asks for it; `message` says why.
    """

    kind: str
    address: str
    verb: str = ""
    message: str = ""
    done: int = 0
    total: int = 0
