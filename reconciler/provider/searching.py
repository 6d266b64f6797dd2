"""How an API is searched: a question, and pages of what was found. Pure values, and the protocol of who asks.

Who derives from `Search` says which kind a hit is of; what holds those is what is searched. All clips come in the order
of the API, best first: what one API calls a score and another leaves out is nobody's business here.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Final, Protocol

from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.model import Asked, Resource
from reconciler.provider.values import Hands

__all__ = ["MENTION", "Clip", "Found", "Image", "Question", "Search", "Space", "entries_of"]

MENTION: Final = re.compile(r"<@([^<>/@]+)/([^<>/@]+)>")
"""How a text names something of a stack, as `<@players/lebron>`: what it lives in, and its key."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a question: at a URL, or its bytes with the name of their file."""

    url: str = ""
    name: str = ""
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of what `container_id` holds. Mentions in the text have the API's ids by now."""

    container_id: str
    text: str = ""
    images: tuple[Image, ...] = ()
    options: tuple[str, ...] = ()
    """What of the media is searched (pictures, sound, speech); all that can be, when empty."""
    every_option: bool = False
    """Whether a clip must fit by each of the options, not by one of them."""
    spoken: tuple[str, ...] = ()
    """How speech is compared: `lexical`, `semantic`; both, when empty."""
    filter: Mapping[str, Any] = field(default_factory=dict)
    grouped: bool = False
    """Whether clips come grouped by what they are of."""
    with_metadata: bool = False
    page_size: int = 10
    besides: Mapping[str, str] = field(default_factory=dict)
    """By the API's own words (`Search.besides`)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Some seconds of one object."""

    id: str
    """The object's, of the kind that is found."""
    start: float
    end: float
    rank: int | None = None
    text: str = ""
    """What is said in it, if the API tells."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found. Grouped, each row has all clips of one object; else one."""

    rows: tuple[tuple[Clip, ...], ...]
    total: int | None = None
    """How many rows there are in all, if the API says."""
    next: str = ""
    """The token of the next page, which is not billed again; "" for the last."""


@dataclass(frozen=True, slots=True)
class Space:
    """What vectors can be compared with each other: those that one model makes, asked in one way."""

    model: str
    way: str = ""
    """A word of the provider's, for the part of its API that makes them."""
    dim: int | None = None
    """How long they are; None where nobody knows."""
    options: tuple[str, ...] = ()
    """Of what of the media there are some."""
    most_images: int = 1
    with_text: bool = True
    """Whether a text and images together make one vector."""


class Search(Protocol):
    """Asks one API. Errors are those of `Http`."""

    kind: ClassVar[type[Kind]]
    """What a hit is of: its parent is what is searched."""
    mentions: ClassVar[type[Kind] | None] = None
    """What a text can name as `<@ID>`."""
    options: ClassVar[tuple[str, ...]]
    """What of the media can be searched."""
    filters: ClassVar[tuple[str, ...]] = ()
    """What the API knows of each object by itself, and can be filtered by beside its metadata."""
    besides: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What else a question can say, by the API's own words → what each takes; a number, where it is empty. Older
    versions of an API have some that newer ones refuse."""
    price: ClassVar[str] = ""
    """The word of the provider's tariff for a thousand questions."""
    most_images: ClassVar[int] = 0
    """In one question."""
    most_in_page: ClassVar[int]

    @abstractmethod
    def __init__(self, hands: Hands) -> None:
        """Of one account, for one run."""

    @classmethod
    def searchable(cls, container: Mapping[str, Any]) -> tuple[str, ...]:
        """Which of the options can be searched in what is declared so: what is asked for when nothing is said."""
        return cls.options

    @classmethod
    def mentioned(cls, found: re.Match[str]) -> str:
        """The address of what a MENTION names; "" where texts can name nothing."""
        if cls.mentions is None or cls.mentions.parent is None:
            return ""
        return f"{cls.mentions.parent.section}/{found[1]}/{cls.mentions.section}/{found[2]}"

    def url_of(self, declared: Mapping[str, Any]) -> str:
        """Where the picture of what is declared so can be had by the API itself; "" where only we have it."""
        return ""

    # Of vectors that are kept in a store

    vectors: ClassVar[type[Kind] | None] = None
    """What has sets of vectors with which a question can be compared; None where a question has no vector."""

    @classmethod
    def space(cls, declared: Mapping[str, Any]) -> Space:
        """Where the vectors of what is declared so are. ValueError says why no question can be compared with them."""
        raise ValueError("its vectors can be compared with no question")

    @classmethod
    def prices_of(cls, asked: Asked) -> Mapping[str, float]:
        """word of the provider's tariff → how much of that the vector of a question takes."""
        return {}

    async def vector(self, space: Space, question: Question) -> Sequence[float]:
        """The vector of a question: one request."""
        raise NotImplementedError(f"{type(self).__name__} makes no vectors")

    # Of what the API searches

    @abstractmethod
    async def ask(self, question: Question) -> Found:
        """The first page."""

    @abstractmethod
    async def more(self, token: str, question: Question) -> Found:
        """The page of a token, for the question that it was given for."""


def entries_of(resources: Mapping[str, Resource], kind: type[Kind] | None) -> dict[str, list[str]]:
    """Entry → the addresses of its sets: `embeddings/clips` → `embeddings/clips/final` and others."""
    found: dict[str, list[str]] = {}
    for address, resource in resources.items():
        entry, _, name = address.rpartition("/")
        if kind is not None and resource.kind == kind.__name__ and entry.count("/") == 1 and name:
            found.setdefault(entry, []).append(address)
    return found
