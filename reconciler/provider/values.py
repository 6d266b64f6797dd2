"""What provider and engine hand each other: all of it frozen, none of it knows a vendor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.errors import ErrorCodes
from reconciler.frozen import dataclass
from reconciler.model import Live, Recorded, Stamp

if TYPE_CHECKING:
    from reconciler.files import Sending
    from reconciler.http import Clock, Http
    from reconciler.results.shelf import Shelf

__all__ = [
    "Access",
    "AfterUnclear",
    "Cursor",
    "Done",
    "Exists",
    "ExistsWhen",
    "Failed",
    "Finding",
    "Hands",
    "Keep",
    "Lost",
    "Order",
    "Page",
    "Patch",
    "Progress",
    "Running",
    "Traits",
    "Want",
]


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API is, and what proves who we are.

    The variables are those of the environment, the first that is set counts. Key variables are denied to stacks.
    """

    base_url: str
    headers: Callable[[str], Mapping[str, str]]
    """The headers of every request, of a key."""
    key_variables: tuple[str, ...]
    url_variables: tuple[str, ...] = ()
    codes: ErrorCodes = field(default_factory=ErrorCodes)
    """What of its error codes decides something."""
    bucket: Callable[[str, str, Mapping[str, Any]], str] | None = None
    """What it limits together, by method, path with `*` for each id, and what is sent: see `http.pace.BucketOf`. None:
    requests of one method on one path."""
    window_s: float = 0.0
    """In windows of how many seconds it counts requests, where a refusal (429) does not tell how long to wait. What it
    refuses it has not even looked at, and the same is sent again when the window is over."""


class AfterUnclear(StrEnum):
    """What a create whose answer was lost asks for."""

    LOOK = "look"
    """Look whether it was made before it is sent again: the API would make a second one."""
    REPEAT = "repeat"
    """Send it again: the API makes no second one of the same."""


class ExistsWhen(StrEnum):
    """When a create has made an object that has an id."""

    STARTED = "started"
    FINISHED = "finished"
    """The id comes out of a task of the server."""


class Order(StrEnum):
    """In which order `page` gives a list whose pages are numbered and can be asked for one by one."""

    ANY = "any"
    """Nothing is known of it, or its pages only follow one another."""
    OLDEST = "oldest"
    """By when they were made, the oldest first: what is new comes at the end."""
    NEWEST = "newest"
    """The newest first: what is new comes at the beginning."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How the API behaves towards objects of one kind: what is true of it, not what to do about it."""

    newest_first: bool = True
    """Whether `page(newest=True)` gives the newest first. Else whoever looks for what is new reads the list whole."""
    order: Order = Order.ANY
    """With it a list that was read before need not be read whole to learn what came and what went."""
    tells_changes: bool = False
    """Whether `changed` gives what was changed last first, and each object says when (`Live.changed_at`)."""
    page_size: int = 50
    """Most objects in a page."""
    poll_s: float = 1.0
    """Pause before the second look at what is not ready; it grows to `poll_max_s` from look to look."""
    poll_max_s: float = 15.0
    poll_by_id: bool = False
    """Whether `poll` costs as much as there are ids, and not as the list is long: then it is given those alone that may
    be ready."""
    typical_wait_s: float = 0.0
    """How long a new object usually takes to become ready, apart from the length of its media."""
    wait_per_media_s: float = 0.0
    """Seconds more for each second of media."""
    at_once: int | None = None
    """How many of a kind are made at a time, those that a task of the server makes included; None: as many as there is
    room for. So a kind that is slow, or refused for a while, leaves room to others."""
    after_unclear: AfterUnclear = AfterUnclear.LOOK
    exists: ExistsWhen = ExistsWhen.STARTED
    in_turn: bool = False
    """Whether one create of a turn (`Driver.turn`) is announced only when the answer to the one before is known: an
    object, or the task that makes it, may carry nothing that tells it from another one whose answer was lost."""
    by_use: bool = False
    """Whether nothing is sent to make one: it is there as soon as something is in it."""

    def pause_s(self, chosen: float | None) -> float:
        """The first pause between looks: as whoever runs this has chosen, or as this API likes it."""
        return self.poll_s if chosen is None else chosen


@dataclass(frozen=True, slots=True)
class Hands:
    """What a driver works with."""

    http: Http
    sending: Sending
    """How files are hashed and sent in this run."""
    clock: Clock
    root: Path
    """What paths of files are relative to."""
    results: Shelf | None = None
    """Where what is made from media is kept; None where nothing such is read or made."""
    on_page: Callable[[str, int], object] = lambda kind, count: None
    """Told of each page of a list that is read in a refresh: of which kind, and of how many objects."""
    recorded: dict[str, Recorded] = field(default_factory=dict)
    """While an account is read: id → what is recorded of it. What is there alike is held once."""


@dataclass(frozen=True, slots=True)
class Want:
    """An object that is to be made. References in `fields` are ids."""

    address: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """What changes of an object: whole new values, but of a map that is merged only its changed keys, None for those
    that go. `stamp` is what it shall carry, sent if the field that carries it is in `fields`."""

    id: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    stamp: Stamp | None = None


Cursor: TypeAlias = int | str
"""Which page of a list: its number, or whatever the API calls it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    objects: tuple[Live, ...]
    total: int | None = None
    """How many objects the whole list has; None if the API does not say it. Then a list of several pages is read
    twice, and is whole when both reads show the same."""
    after: Sequence[Cursor] = ()
    """The pages that follow, as far as this one tells: where they are numbered all of them, and they are read side by
    side; else the next one."""
    limit: int = 0
    """How many objects a page holds that is not the last; 0 if the API does not say it."""


# What became of a create


@dataclass(frozen=True, slots=True)
class Running:
    """The server works on it; there is no object yet. The handle (plain JSON) is what the server knows it by."""

    handle: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""
    """How far it has come, for people."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The object is there and not made to its end: our part is missing, and the handle says how to go on."""

    id: str
    handle: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""
    """How far it has come, for people."""


@dataclass(frozen=True, slots=True)
class Done:
    """The object is there. That it becomes ready is waited for, if its kind is asynchronous."""

    id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was refused, and nothing was made."""

    why: str
    again_s: float | None = None
    """When it only came too early: how long to wait before it is sent again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """It cannot be gone on with, whatever was made of it; it is made anew."""

    why: str


Progress: TypeAlias = Running | Exists | Done | Failed | Lost
Keep: TypeAlias = Callable[[Progress], Awaitable[None]]
"""Makes a handle durable; returns when it is on disk. A driver awaits it before it goes on with what it began. A handle
grows: only what is new in it has to be told, and the names that were told before stay."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a declared field that is worth saying before anything is sent; an `error` stops the run."""

    address: str
    field: str
    text: str
    severity: str = "error"
