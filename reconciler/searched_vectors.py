"""Searching vectors that a stack keeps: the question becomes a vector of the same model, and the nearest are found.

What is searched is what is kept under an entry of results, such as `embeddings/clips`: the sets of all its inputs. The
vector of a question is one request; the same question is asked once in a run.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from reconciler.errors import ReconcilerError, StoreError
from reconciler.frozen import dataclass
from reconciler.model import Asked, Stack
from reconciler.provider import Clip, Image, Question, Search, Space, entries_of
from reconciler.redact import plain
from reconciler.results import Made, Rows
from reconciler.results.nearest import Vectors
from reconciler.results.shelf import Shelf

__all__ = ["Nearby", "SearchedVectors"]

_Key: TypeAlias = tuple[Space, str, tuple[Image, ...]]


@dataclass(frozen=True, slots=True)
class Nearby:
    """A question to the vectors of an entry."""

    entry: str
    space: Space
    question: Question


@dataclass(frozen=True, slots=True)
class _Opened:
    vectors: Vectors
    dim: int
    id: str
    """Of just these vectors."""
    lacking: tuple[str, ...]
    """Names of what is declared and not kept."""


class SearchedVectors:
    """Those of one stack. ReconcilerError says what is wrong, before anything is paid for."""

    def __init__(self, stack: Stack, search: Search, shelf: Shelf | None) -> None:
        self._stack, self._search, self._shelf = stack, search, shelf
        self.entries: Mapping[str, Sequence[str]] = entries_of(stack.resources, search.vectors)
        """What can be searched."""
        self._opened: dict[str, _Opened] = {}
        self._opening = asyncio.Lock()
        self._asked: dict[_Key, Sequence[float]] = {}
        self._asking: defaultdict[_Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    # What is asked

    def question(self, entry: str, asked: Asked, question: Question) -> Nearby:
        """What is asked of an entry. `question` has the text and the images as the API takes them."""
        space = self.space(entry)
        if words := [word for word, said in _of_an_api(asked).items() if said]:
            raise ReconcilerError(f"{words[0]}: vectors are compared by nothing but their nearness; leave it out")
        if len(asked.images) > space.most_images or (asked.images and asked.text and not space.with_text):
            raise ReconcilerError(f"{entry}: {_too_much(space)}")
        return Nearby(entry, space, question)

    def space(self, entry: str) -> Space:
        """Where the vectors of an entry are."""
        try:
            return self._search.space(self._stack.resources[self.entries[entry][0]].fields)
        except ValueError as error:
            raise ReconcilerError(f"{plain(entry)} cannot be searched: {error}") from error

    def input_of(self, address: str) -> str:
        """The address of what a set was made of; its own, when it was made of words or is not declared."""
        resource = self._stack.resources.get(address)
        if resource is None:
            return ""
        kind = self._search.vectors
        refs = [resource.fields.get(ref.name) for ref in kind.refs() if not ref.many] if kind else []
        return next((it for it in refs if isinstance(it, str)), address)

    # What is kept

    async def id_of(self, entry: str) -> str:
        """What is the same for the same vectors only."""
        return (await self._open(entry)).id

    async def lacking(self, entry: str) -> Sequence[str]:
        """Names of what is declared and not kept."""
        return (await self._open(entry)).lacking

    async def clips(self, nearby: Nearby) -> list[Clip]:
        """All clips, the nearest first."""
        opened = await self._open(nearby.entry)
        wanted, has = nearby.question.options, opened.vectors.options
        if wanted and not set(wanted) & set(has):
            there = ", ".join(has) or "none of any"
            raise ReconcilerError(f"{nearby.entry} keeps no vectors of {', '.join(wanted)}; there are: {there}")
        vector = await self._vector(nearby.space, nearby.question)
        if len(vector) != opened.dim:
            raise ReconcilerError(
                f"{nearby.entry}: {nearby.space.model} made {len(vector)} numbers of the question, and the vectors "
                f"that are kept have {opened.dim}; they cannot be compared"
            )
        found = await asyncio.to_thread(lambda: list(opened.vectors.nearest(vector, wanted)))
        return [Clip(near.address, near.start, near.end, rank, near.text) for rank, near in enumerate(found, 1)]

    async def _vector(self, space: Space, question: Question) -> Sequence[float]:
        # Not by what is left out of it: the same words with other options have the same vector.
        key = space, question.text, question.images
        async with self._asking[key]:
            if key not in self._asked:
                self._asked[key] = await self._search.vector(space, question)
            return self._asked[key]

    async def _open(self, entry: str) -> _Opened:
        async with self._opening:
            if entry not in self._opened:
                self._opened[entry] = await self._read(entry)
            return self._opened[entry]

    async def _read(self, entry: str) -> _Opened:
        if self._shelf is None:
            raise StoreError("there is no store for results here")
        await self._shelf.known_by_what_is_kept()
        made, dim = self._usable(entry, await self._shelf.sets())
        rows: dict[str, Rows] = {}
        for one in made:
            if (found := await self._shelf.read(one)) is None:
                raise StoreError(f"{one.address} was replaced while it was read; run this again")
            rows[one.address] = found
        digest = hashlib.sha256("\n".join(sorted(f"{one.address} {one.digest}" for one in made)).encode())
        lacking = (address.rpartition("/")[2] for address in self.entries[entry] if address not in rows)
        return _Opened(Vectors(rows), dim, digest.hexdigest()[:24], tuple(lacking))

    def _usable(self, entry: str, sets: Mapping[str, Made]) -> tuple[list[Made], int]:
        """The sets of an entry, which a question can be compared with, and how long their vectors are. What is kept and
        not declared any more is found as well by who reads the store, if it is of the same model."""
        resources, space = self._stack.resources, self.space(entry)
        model = resources[self.entries[entry][0]].fields.get("model")
        kept = [made for address, made in sets.items() if address.startswith(f"{entry}/") and made.dim and made.rows]
        declared = [made for made in kept if made.address in resources]
        for made in declared:
            if made.model and made.model != model:
                what = f"was made by {plain(made.model)}, and {plain(str(model))} is declared"
                raise ReconcilerError(f"{made.address} {what}: they cannot be compared; run `reconciler apply` first")
            if space.dim not in (None, made.dim):
                what = f"has vectors of {made.dim} numbers, and {space.model} makes {space.dim}"
                raise ReconcilerError(f"{made.address} {what}: they cannot be compared; make it again")
        if len(dims := {made.dim for made in declared if made.dim}) > 1:
            raise ReconcilerError(f"{entry} keeps vectors of {' and '.join(map(str, sorted(dims)))} numbers")
        if not dims:
            raise ReconcilerError(f"nothing of {entry} is kept yet: run `reconciler apply` first")
        dim = dims.pop()
        return [made for made in kept if made.dim == dim and made.model in ("", model)], dim


def _too_much(space: Space) -> str:
    """Why a question of that many images, or with a text beside them, has no vector there."""
    if not space.with_text:
        return f"{space.model} makes a vector of a text or of an image here, not of both"
    return f"{space.model} makes one vector of {space.most_images} images at most"


def _of_an_api(asked: Asked) -> dict[str, bool]:
    return {"filter": bool(asked.filter), "operator": asked.every_option, "spoken": bool(asked.spoken)}
