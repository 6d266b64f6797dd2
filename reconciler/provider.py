"""The contract of a provider: what one declares, and what its drivers do. Read this to write one.

A provider is a class of one vendor's API: its kinds (what can be declared), its access (where it is, what proves who we
are), its tariff, and for each kind a driver, which reads and writes objects of that kind. A driver decides nothing and
keeps nothing: what to read, what to send and what a lost answer means is decided by whoever calls it. `rest.Collection`
is a driver of any API that is collections of JSON objects; most providers say only paths and names on top of it.

Classes here are protocols with bodies: whoever derives from them has the defaults, and cannot be made without the
methods that have none. Errors are those of `reconciler.errors`: what the API says is an ApiError (NotFound, Rejected,
Conflict, Forbidden, Unauthorised, RateLimited …), and Unclear means that a write may have happened or not. The `Http`
of `Hands` raises all of them by itself; a driver adds Unclear for an answer that it cannot read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from reconciler.errors import ErrorCodes
from reconciler.kind import Field, Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Operation, Resource, Signature, Stamp
from reconciler.tariff import Tariff

if TYPE_CHECKING:
    from reconciler.files import Sending
    from reconciler.http import Clock, Http

__all__ = [
    "Access",
    "AfterUnclear",
    "Cursor",
    "Done",
    "Driver",
    "Drivers",
    "Exists",
    "ExistsWhen",
    "Failed",
    "Finding",
    "Hands",
    "Keep",
    "Lost",
    "Page",
    "Patch",
    "Progress",
    "Provider",
    "Running",
    "Traits",
    "Want",
    "kinds_of",
    "made_of",
    "names",
    "provider",
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


@dataclass(frozen=True, slots=True)
class Traits:
    """How the API behaves towards objects of one kind: what is true of it, not what to do about it."""

    newest_first: bool = True
    """Whether `page(newest=True)` gives the newest first. Else whoever looks for what is new reads the list whole."""
    page_size: int = 50
    """Most objects in a page."""
    poll_s: float = 1.0
    """Pause before the second look at what is not ready; it grows to `poll_max_s` from look to look."""
    poll_max_s: float = 15.0
    typical_wait_s: float = 0.0
    """How long a new object usually takes to become ready, apart from the length of its media."""
    wait_per_media_s: float = 0.0
    """Seconds more for each second of media."""
    after_unclear: AfterUnclear = AfterUnclear.LOOK
    exists: ExistsWhen = ExistsWhen.STARTED
    kept_for_s: float | None = None
    """How long the server knows a task; None: as long as its object."""

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


class Driver(Protocol):
    """Reads and writes the objects of one kind.

    Ids are the API's; `parent_id` is that of what the object lives in, None where the kind lives in nothing.
    """

    kind: type[Kind]
    traits: Traits

    # Reading

    @abstractmethod
    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """A page of all objects, the first without a cursor, as large as the API gives it. In an order in which what is
        made meanwhile lands on the last page, if the API has one; `newest` wants the newest first."""

    @abstractmethod
    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """One object with all its fields; None when it is provably not there."""

    async def poll(self, ids: Collection[str], parent_id: str | None) -> Mapping[str, Live]:
        """How these objects stand, by id, with as few requests as the API allows: the newest pages until all are seen.
        What is not to be seen is left out."""
        missing, found, cursor = set(ids), dict[str, Live](), None
        while missing:
            page = await self.page(parent_id, cursor, newest=True)
            found |= {live.id: live for live in page.objects if live.id in missing}
            missing -= found.keys()
            if not page.after:
                break
            cursor = page.after[0]
        return found

    async def users(self, field: Field, id: str, cursor: Cursor | None = None) -> Page:
        """A page of the objects of this kind that refer to `id` by the field: asked for only where its `Ref` is `cut`,
        before what it names is deleted."""
        raise NotImplementedError(f"{self.kind.__name__}.{field.name} is cut, and nobody says who refers to {id}")

    # Making: sent once, found again by its signature, gone on with by its handle

    def signature(self, want: Want) -> Signature:
        """How the object can be told from all that were there before, should the answer be lost: by its stamp, its
        natural key, or what it is called and how long it is."""
        kind, fields = self.kind, want.fields
        marked, title = kind.field_with(lambda field: field.stamped), kind.field_with(lambda field: field.title)
        natural: dict[str, Any] = {name: fields.get(name) for name in kind.natural_key}
        called = self.name_of(fields)
        weak = not natural and want.stamp is None and title is not None and bool(called)
        if weak and title is not None:
            natural = {title.name: called}
        return Signature(
            parent_id=want.parent_id,
            natural=natural,
            stamp=want.stamp if marked else None,
            listed=marked is not None and not marked.detail,
            size=self.size_of(fields),
            weak=weak,
        )

    @abstractmethod
    async def start(self, want: Want, keep: Keep) -> Progress:
        """Make one object: sent once, never repeated here. Raises Unclear when it cannot know what became of it.

        What takes more than this request is Running or Exists; its handle is kept before anything else is done.
        """

    async def finish(self, want: Want, operation: Operation, keep: Keep) -> Progress:
        """Do what is left of our part, after Exists: in this run, or in a later one that knows only the handle. Lost
        when that is not possible any more; the object is then deleted and another one begun."""
        return Lost(f"{self.kind.__name__} objects are made in one request")

    async def look(self, operations: Sequence[Operation]) -> Mapping[str, Progress]:
        """What became of these, by `op`, with as few requests as the API allows. For objects that exist only when a
        task of the server has FINISHED, also those without a handle, whose answer was lost: Running if the task can be
        told by the signature. What is not to be seen is left out."""
        return {}

    def is_partial(self, live: Live) -> bool:
        """Whether this is, or may be, something that whoever was making it has not finished."""
        return False

    async def unfinished(self, lives: Sequence[Live]) -> frozenset[str]:
        """Ids of those among partial objects that nobody can finish, when nothing is known of how they were begun."""
        return frozenset()

    async def start_many(self, parent_id: str | None, wants: Sequence[Want]) -> list[Progress]:
        """Make many of one parent in one call, for kinds with `bulk`: as many answers, in the order of `wants`, each
        Done or Failed. Their natural keys are distinct."""
        raise NotImplementedError(f"{self.kind.__name__} objects cannot be made in bulk")

    # Writing

    @abstractmethod
    async def update(self, patch: Patch) -> None:
        """Send what changed."""

    @abstractmethod
    async def delete(self, id: str, parent_id: str | None) -> None:
        """Delete one object; one that is already gone is a success."""

    async def link(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """Add members to a set, for fields with `Members`. Repeating it changes nothing."""
        raise NotImplementedError(f"{self.kind.__name__}.{field.name} has no calls that add members")

    async def unlink(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """Take members out of a set. The caller sees to it that enough stay."""
        raise NotImplementedError(f"{self.kind.__name__}.{field.name} has no calls that take members out")

    async def unstamp(self, live: Live) -> None:
        """Take our marks off an object that is no longer ours to manage, as it was just read; the rest stays. For
        kinds with a STAMPED field."""
        raise NotImplementedError(f"{self.kind.__name__} objects have no place for marks")

    # Of kinds that have bytes

    def name_of(self, fields: Mapping[str, Any]) -> str | None:
        """The file name that an object of these fields will show."""
        return None

    def size_of(self, fields: Mapping[str, Any]) -> int | None:
        """How many bytes of ours an object of these fields will have."""
        return None

    def chunk_requests(self, fields: Mapping[str, Any], size_bytes: int) -> int:
        """How many requests are expected besides the create until all bytes of a file are there."""
        return 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a declared field that is worth saying before anything is sent; an `error` stops the run."""

    address: str
    field: str
    text: str
    severity: str = "error"


class Provider(Protocol):
    """One vendor's API. An instance knows no account and holds nothing: it is made once and asked by many."""

    name: ClassVar[str]
    """The word in YAML (`provider:`), that of the entry point too."""
    kinds: ClassVar[Kinds]
    access: ClassVar[Access]
    tariff: ClassVar[Tariff] = Tariff()

    @abstractmethod
    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        """A driver for each kind, by the kind's name: of one account, for one run."""

    def emulator(self, db: Path | None = None) -> Any:
        """A fake of the API as an ASGI application, kept in the file `db` or in memory: what `--emulator` talks to.
        None where there is none."""
        return None

    async def inspect(self, hands: Hands, resources: Mapping[str, Resource], making: Collection[str]) -> list[Finding]:
        """What the API would say of what is declared and shall be made, as far as it can be known beforehand."""
        return []

    async def lengths(
        self, hands: Hands, resources: Mapping[str, Resource], making: Collection[str]
    ) -> Mapping[str, float]:
        """address → seconds, of media that shall be made and can be looked into here."""
        return {}


BUILT_IN = {
    "twelvelabs": "reconciler.providers.twelvelabs:TwelveLabs",
}
"""name → where its class is; imported when used."""
GROUP = "reconciler.providers"
"""The group of entry points by which packages of others bring theirs."""


def names() -> tuple[str, ...]:
    """All providers that can be named in a stack."""
    return tuple(dict.fromkeys((*BUILT_IN, *(point.name for point in entry_points(group=GROUP)))))


@cache
def provider(name: str) -> Provider:
    """The provider of that name. Raises KeyError for an unknown name, TypeError for what is no provider."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return made_of(name, getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP, name=name):
        return made_of(name, point.load())
    raise KeyError(name)


def kinds_of(name: str) -> Kinds:
    """Its kinds: parents first, what is referred to before what refers to it."""
    return provider(name).kinds


def made_of(name: str, given: Any) -> Provider:
    """The provider that a registered class makes. Raises TypeError, in words for who wrote it, when it lacks something:
    mypy sees that too, but nobody has to use it."""
    where = f"the provider {name}"
    if not isinstance(given, type):
        raise TypeError(f"{where} is {given!r}, which is not a class")
    for member, due in DECLARED.items():
        if not hasattr(given, member):
            raise TypeError(f"{where}: {given.__name__} does not declare {member!r} ({due.__name__})")
        if not isinstance(value := getattr(given, member), due):
            raise TypeError(f"{where}: {given.__name__}.{member} is {value!r}, and must be of {due.__name__}")
    if missing := [it for it in METHODS if not callable(getattr(given, it, None))]:
        raise TypeError(f"{where}: {given.__name__} has no method {' and '.join(missing)}; derive it from Provider")
    if (own := getattr(given, "name", "")) != name:
        raise TypeError(f"{where}: {given.__name__} calls itself {own!r}")
    if abstract := sorted(getattr(given, "__abstractmethods__", ())):
        raise TypeError(f"{where}: {given.__name__} does not say what {' and '.join(abstract)} does")
    made: Provider = given()
    return made


DECLARED: Mapping[str, type] = {"name": str, "kinds": Kinds, "access": Access, "tariff": Tariff}
METHODS = ("drivers", "emulator", "inspect", "lengths")
OF_A_DRIVER = ("kind", "traits", *(name for name in vars(Driver) if not name.startswith("_")))


def _told(kind: str, driver: Driver) -> str:
    return f"the driver for {kind}, {type(driver).__name__},"


class Drivers(Mapping[str, Driver]):
    """All drivers of one account, by the kind's name: what the stages are given that read or write it.

    Raises TypeError when the provider has no driver for one of its kinds, or one that is none.
    """

    def __init__(self, provider: Provider, hands: Hands) -> None:
        self.provider, self.hands = provider, hands
        hands.http.codes = provider.access.codes
        given = provider.drivers(hands)
        for kind in provider.kinds:
            name = kind.__name__
            if (driver := given.get(name)) is None:
                raise TypeError(f"the provider {provider.name} has no driver for {name}")
            if missing := [member for member in OF_A_DRIVER if not hasattr(driver, member)]:
                lacking = " and ".join(missing)
                raise TypeError(
                    f"the driver for {name}, {type(driver).__name__}, has no {lacking}; derive it from Driver"
                )
            if driver.kind is not kind:
                raise TypeError(f"the driver for {name}, {type(driver).__name__}, is of another kind: {driver.kind!r}")
        self._by_kind = {kind.__name__: given[kind.__name__] for kind in provider.kinds}

    def __getitem__(self, kind: str) -> Driver:
        return self._by_kind[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_kind)

    def __len__(self) -> int:
        return len(self._by_kind)

    @property
    def kinds(self) -> Kinds:
        """What can be declared."""
        return self.provider.kinds

    @property
    def http(self) -> Http:
        """The one transport of this account: it counts what is sent."""
        return self.hands.http
