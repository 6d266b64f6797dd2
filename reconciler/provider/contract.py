"""What a provider declares and what its drivers do; see the package for how to write one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from reconciler.kind import Field, Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Operation, Recorded, Resource, Signature
from reconciler.provider.searching import Search
from reconciler.provider.values import Access, Cursor, Finding, Hands, Keep, Lost, Page, Patch, Progress, Traits, Want
from reconciler.tariff import Tariff

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["Driver", "Drivers", "Provider"]


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

    async def changed(self, parent_id: str | None, cursor: Cursor | None = None) -> Page:
        """As `page`, what was changed last first where the traits say that this can be asked; else the newest first."""
        return await self.page(parent_id, cursor, newest=True)

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

    async def text(self, id: str, address: str) -> str | None:
        """What a result says, if it is one text; asked of kinds that have a `form`, when a value of it is declared
        elsewhere. None when it is not there."""
        return None

    # Making: sent once, found again by its signature, gone on with by its handle

    def signature(self, want: Want) -> Signature:
        """How the object can be told from all that were there before, should the answer be lost: by its stamp, its
        natural key, or what it is called and how long it is."""
        kind, fields = self.kind, want.fields
        marked, title = kind.field_with(lambda field: field.stamped), kind.field_with(lambda field: field.title)
        natural: dict[str, Any] = {name: fields.get(name) for name in kind.natural_key}
        has_bytes = bool(kind.identity_name)  # only what is told by its bytes is told by a name and a length
        called = self.name_of(fields) if has_bytes else None
        weak = not natural and want.stamp is None and title is not None and bool(called)
        if weak and title is not None:
            natural = {title.name: called}
        return Signature(
            parent_id=want.parent_id,
            natural=natural,
            stamp=want.stamp if marked else None,
            listed=marked is not None and not marked.detail,
            size=self.size_of(fields) if has_bytes else None,
            weak=weak,
        )

    def turn(self, fields: Mapping[str, Any]) -> str:
        """Which creates wait for one another, where the traits say that some do (`in_turn`, `at_once`): those of whose
        fields this says the same. References in them may be addresses still."""
        return ""

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

    async def again(self, rows: Sequence[Recorded]) -> Mapping[str, Progress]:
        """id → what can still be had of objects that were made, and are gone or changed: Exists if the API has it yet,
        so that the next create of the same needs no other; Lost if it has not. Asked for kinds that are stored."""
        return {}

    async def otherwise(self, rows: Mapping[str, Recorded]) -> Mapping[str, Progress]:
        """identity → whether it can be read out of what was made otherwise (`Derived.otherwise`): Exists, so that its
        create needs nothing else. What is left out is made. Asked for kinds that are stored."""
        return {}

    def doubt(self, address: str) -> str:
        """Why a create whose answer was lost, and of which the last look told nothing, may be there all the same; ""
        where the look proves that it is not."""
        return ""

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
        """The file name that an object of these fields will show; asked of kinds with an IDENTITY."""
        return None

    def size_of(self, fields: Mapping[str, Any]) -> int | None:
        """How many bytes of ours an object of these fields will have; asked of kinds with an IDENTITY."""
        return None

    def chunk_requests(self, fields: Mapping[str, Any], size_bytes: int) -> int:
        """How many requests are expected besides the create until all bytes of a file are there."""
        return 0


class Provider(Protocol):
    """One vendor's API. An instance knows no account and holds nothing: it is made once and asked by many."""

    name: ClassVar[str]
    """The word in YAML (`provider:`), that of the entry point too."""
    kinds: ClassVar[Kinds]
    access: ClassVar[Access]
    tariff: ClassVar[Tariff] = Tariff()
    searches: ClassVar[type[Search] | None] = None
    """How the account is searched; None where the API cannot be, or nobody has said how."""

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


OF_A_DRIVER = ("kind", "traits", *(name for name in vars(Driver) if not name.startswith("_")))


def _told(kind: str, driver: Driver) -> str:
    return f"the driver for {kind}, {type(driver).__name__},"


class Drivers(Mapping[str, Driver]):
    """All drivers of one account, by the kind's name: what the stages are given that read or write it.

    Raises TypeError when the provider has no driver for one of its kinds, or one that is none.
    """

    def __init__(self, provider: Provider, hands: Hands) -> None:
        self.provider, self.hands = provider, hands
        hands.http.codes, hands.http.bucket_of = provider.access.codes, provider.access.bucket
        hands.http.window_s = provider.access.window_s
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
