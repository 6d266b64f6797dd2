"""Searching what a stack declares: asked by addresses, answered by addresses.

Whoever asks knows names; the API knows ids. What an address is to the API is what was recorded of it, or, where nothing
was, what a look at the account finds. What is kept in a store is searched there: the API gives the question's vector
(`reconciler.searched_vectors`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.inside import read_inside
from reconciler.kinds import Kinds
from reconciler.model import Asked, Stack
from reconciler.provider import MENTION, Clip, Image, Question, Search
from reconciler.redact import plain
from reconciler.results.shelf import Shelf
from reconciler.searched_vectors import Nearby, SearchedVectors

__all__ = ["Member", "Searching"]

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one picture."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a clip is of: its address, if the stack declares it, and the name that it has there; else only its id."""

    address: str
    name: str
    id: str


class Searching:
    """One stack's account, to be asked. ReconcilerError says what is wrong with a question, before it is sent."""

    def __init__(
        self, stack: Stack, kinds: Kinds, search: Search, ids: Mapping[str, str], shelf: Shelf | None = None
    ) -> None:
        self.stack, self.kinds, self.search, self.ids = stack, kinds, search, ids
        self.kept = SearchedVectors(stack, search, shelf)
        self._names = {
            id: address for address, id in ids.items() if address in stack.resources and self._is_member(address)
        }

    def _is_member(self, address: str) -> bool:
        return self.stack.resources[address].kind == self.search.kind.__name__

    def container(self, address: str) -> str:
        """The id of what is searched."""
        parent = self.search.kind.parent
        assert parent is not None, f"{self.search.kind.__name__} objects live in what is searched"
        resource = self.stack.resources.get(address)
        if resource is None or resource.kind != parent.__name__:
            there = [it for it, given in self.stack.resources.items() if given.kind == parent.__name__]
            told = ", ".join([*there, *self.kept.entries]) or "none"
            raise ReconcilerError(f"{plain(address)} is nothing to search here; there are: {told}")
        if address not in self.ids:
            raise ReconcilerError(f"{address} is not made yet: run `reconciler apply` first")
        return self.ids[address]

    def question(
        self,
        address: str,
        asked: Asked,
        *,
        page_size: int = 10,
        container_id: str | None = None,
        grouped: bool = False,
        with_metadata: bool = False,
        besides: Mapping[str, str] | None = None,
    ) -> Question | Nearby:
        """What is sent for what is asked. `container_id` is another object than the one that was recorded, `besides`
        what else is said, in the API's own words."""
        self._fits(besides or {})
        wrong = [option for option in asked.options if option not in self.search.options]
        if wrong:
            known = ", ".join(self.search.options)
            raise ReconcilerError(f"{', '.join(map(plain, wrong))} cannot be searched; of the media can be: {known}")
        if not (asked.text.strip() or asked.images):
            raise ReconcilerError("a search needs a text or an image")
        if len(asked.images) > self.search.most_images:
            raise ReconcilerError(f"a search takes {self.search.most_images} images at most")
        if address in self.kept.entries:
            if MENTION.search(asked.text):
                raise ReconcilerError(f"{plain(asked.text)}: a vector is of words alone, and names nothing")
            if besides or with_metadata:
                what = next(iter(besides or {}), "metadata")
                raise ReconcilerError(f"{what}: vectors are compared by nothing but their nearness; leave it out")
            images = tuple(map(self.image, asked.images))
            question = Question("", asked.text, images, asked.options, grouped=grouped)
            return self.kept.question(address, asked, question)
        return Question(
            container_id=container_id or self.container(address),
            text=MENTION.sub(self._mentioned, asked.text),
            images=tuple(map(self.image, asked.images)),
            options=asked.options or self._all_options(address),
            every_option=asked.every_option,
            spoken=asked.spoken,
            filter=asked.filter,
            grouped=grouped,
            with_metadata=with_metadata,
            page_size=min(page_size, self.search.most_in_page),
            besides=besides or {},
        )

    def _fits(self, besides: Mapping[str, str]) -> None:
        """Only words that the API has, with what each takes."""
        for word, said in besides.items():
            if (takes := self.search.besides.get(word)) is None:
                known = ", ".join(self.search.besides) or "nothing"
                raise ReconcilerError(f"{plain(word)}: a search says nothing of that name; it may say: {known}")
            if said not in takes and not (takes == () and re.fullmatch(r"[0-9]+(\.[0-9]+)?", said)):
                expected = " or ".join(takes) or "a number"
                raise ReconcilerError(f"{word}: expected {expected}, got {plain(said)}")

    def _all_options(self, address: str) -> tuple[str, ...]:
        return self.search.searchable(self.stack.resources[address].fields)

    def _mentioned(self, found: re.Match[str]) -> str:
        """`<@players/lebron>` as the API has it."""
        address = self.search.mentioned(found)
        if not address:
            raise ReconcilerError(f"{plain(found[0])}: the searches of this provider name nothing")
        if address not in self.stack.resources:
            raise ReconcilerError(f"{plain(found[0])}: the stack declares no {address}")
        if address not in self.ids:
            raise ReconcilerError(f"{plain(found[0])}: {address} is not made yet: run `reconciler apply` first")
        return f"<@{self.ids[address]}>"

    def image(self, said: str) -> Image:
        """A picture by its URL, or that of something which the stack declares, by its address or its name."""
        if re.match(r"https?://", said):
            return Image(url=said)
        sections = (kind.section for kind in self.kinds if kind.field_with(lambda spec: spec.file))
        addresses = (said, *(f"{section}/{said}" for section in sections))
        resource = next((found for it in addresses if (found := self.stack.resources.get(it))), None)
        if resource is None:
            return self._file(said)
        if url := self.search.url_of(resource.fields):
            return Image(url=url)
        path = next(iter(self.kinds[resource.kind].files_of(resource.fields).values()), None)
        if path is None:
            raise ReconcilerError(f"{said} has neither a file nor a URL here, and so no picture")
        return self._bytes(said, path)

    def _file(self, said: str) -> Image:
        """A picture that is no asset: for who looks for something like it."""
        if not (self.stack.root / said).is_file():
            raise ReconcilerError(f"{plain(said)} is neither a URL nor an address of the stack, and no file in it")
        return self._bytes(said, said)

    def _bytes(self, said: str, path: str) -> Image:
        try:
            return Image(name=path.rpartition("/")[2], data=read_inside(self.stack.root, path, MOST_BYTES))
        except OSError as error:
            raise ReconcilerError(f"{plain(said)}: {path} cannot be read ({error.strerror or error})") from error

    def member(self, clip: Clip) -> Member:
        """What a clip is of."""
        if clip.id.rpartition("/")[0] in self.kept.entries:
            return Member(self.kept.input_of(clip.id), clip.id.rpartition("/")[2], clip.id)
        address = self._names.get(clip.id, "")
        return Member(address, address.rpartition("/")[2] if address else clip.id, clip.id)

    async def lacking(self, address: str, names: Iterable[str]) -> list[str]:
        """Which of these names have nothing in what is searched yet."""
        if address in self.kept.entries:
            gone = await self.kept.lacking(address)
            return [name for name in names if name in gone]
        section = self.search.kind.section
        return [name for name in names if f"{address}/{section}/{name}" not in self.ids]

    async def id_of(self, address: str) -> str:
        """What is searched, as it is now. What is kept is looked into: that it can be searched is known then."""
        return await self.kept.id_of(address) if address in self.kept.entries else self.container(address)

    async def rows(self, question: Question | Nearby, most: int) -> AsyncIterator[tuple[Clip, ...]]:
        """The first `most` rows, best first: no page is read that nobody needs."""
        if isinstance(question, Nearby):
            for row in _in_rows(await self.kept.clips(question), grouped=question.question.grouped)[:most]:
                yield row
            return
        found, given = await self.search.ask(question), 0
        while True:
            for row in found.rows:
                if given >= most:
                    return
                given += 1
                yield row
            if not found.next or given >= most:
                return
            found = await self.search.more(found.next, question)


def _in_rows(clips: Sequence[Clip], *, grouped: bool) -> list[tuple[Clip, ...]]:
    """One by one, or all of one object together, in the place of its best."""
    if not grouped:
        return [(clip,) for clip in clips]
    rows: dict[str, list[Clip]] = {}
    for clip in clips:
        rows.setdefault(clip.id, []).append(clip)
    return [tuple(row) for row in rows.values()]
