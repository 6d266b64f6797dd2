"""Assets: media files in the account, sent from disk as a form or in chunks, or fetched by the platform from a URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from reconciler.identity import formerly, of_url
from reconciler.kind import CREATE_ONLY, FILE, IDENTITY, MERGE, SOURCE, STAMPED, TITLE, Bounds, Kind, Read, Wire, fresh
from reconciler.lazily import asyncio
from reconciler.model import Live, Operation, Status
from reconciler.provider import Hands, Keep, Order, Page, Progress, Traits, Want
from reconciler.providers.twelvelabs.api import TwelveLabsCollection
from reconciler.providers.twelvelabs.files import AssetFiles, kind_of_file, moment, open_since
from reconciler.providers.twelvelabs.limits import SIZES, Sizes
from reconciler.providers.twelvelabs.metadata import Name, TaggedMetadata
from reconciler.providers.twelvelabs.pace import MEDIA, MediaLengths
from reconciler.redact import Secret

__all__ = ["Asset", "Assets"]

USUAL_CHUNK_BYTES, REPORTED_AT_ONCE = 5 << 20, 50
SAME_MOMENT_S = 5.0
"""One request makes an upload and its asset; their clocks are the server's."""


class Asset(Kind, section="assets"):
    """A media file in the account: a video, an audio file or an image, from disk or from a URL."""

    file: Annotated[str | None, SOURCE, FILE] = None
    """Path of the file, relative to the stack; its bytes are the asset's identity."""
    url: Annotated[str | None, SOURCE, Bounds(pattern=r"^https?://\S+$")] = None
    """Address of a raw media file that the platform fetches by itself; without `sha256` the URL is the identity."""
    sha256: Annotated[str | None, SOURCE, Bounds(pattern=r"^[0-9a-f]{64}$")] = None
    """Pins the bytes of a `url`, wherever it leads: they are the identity, as those of a `file` are."""
    content: Annotated[str | None, IDENTITY] = None
    """What the bytes are."""
    filename: Annotated[Name | None, CREATE_ONLY, TITLE] = None
    """Name that the account shows; the file's own when left out."""
    hls: Annotated[bool, CREATE_ONLY, Wire("enable_hls"), Read(lambda raw: raw.get("hls") is not None)] = False
    """Whether the platform makes an HLS stream of it."""
    thumbnail: Annotated[
        bool, CREATE_ONLY, Wire("enable_thumbnail"), Read(lambda raw: raw.get("thumbnail") is not None)
    ] = False
    """Whether the platform makes a thumbnail of it."""
    metadata: Annotated[TaggedMetadata, MERGE, STAMPED, Wire("user_metadata")] = fresh(dict)
    """Your own facts about it: strings, numbers, booleans and lists of strings."""

    @classmethod
    def identity(cls, fields: Mapping[str, Any], of: Callable[[str], str]) -> str | None:
        """The bytes of a file; of an address the pinned hash, else where it leads, whoever may fetch it."""
        if "url" in fields and "file" not in fields:
            return of_url(fields["url"], fields.get("sha256"))
        return super().identity(fields, of)

    @classmethod
    def identities_before(cls, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Of an address: with its signature, and with the hash that pins it, in one digest."""
        url = fields.get("url")
        return (formerly(url, fields.get("sha256")),) if isinstance(url, str) else ()

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """Bytes from one place, no more and no less."""
        if "file" in declared and "url" in declared:
            return "has both `file` and `url`; keep one"
        if "file" not in declared and "url" not in declared:
            return "needs `file: PATH` or `url: https://…`"
        return (
            "`sha256` pins what a `url` serves; a `file` is hashed anyway"
            if {"file", "sha256"} <= set(declared)
            else None
        )


class Assets(TwelveLabsCollection):
    """How they are read and made. Lists have no order that can be chosen: the newest come first."""

    kind = Asset
    path = "/assets"
    change = "PATCH {path}/user-metadata"
    traits = Traits(typical_wait_s=15.0, order=Order.NEWEST, poll_by_id=True)
    oldest_first = newest_first = changed_first = {}  # noqa: RUF012 - constants
    changed_word = ""

    def __init__(self, hands: Hands, sizes: Mapping[str, Sizes] = SIZES, lengths: MediaLengths | None = None) -> None:
        super().__init__(hands)
        self.sizes = sizes
        self._lengths = lengths or MediaLengths()
        self._files = AssetFiles(self.http, hands.sending, sizes)

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """And how long it is, for whoever counts the minutes of an account."""
        facts = super().facts(raw, where)
        if self.http.purse is not None and self.http.purse.counts(MEDIA):
            self._lengths.seen(raw.get("_id"), facts.get("duration"))
        return facts

    async def poll(self, ids: Collection[str], parent_id: str | None) -> dict[str, Live]:
        """They can be asked for by id, a page of them at once, and pages side by side."""
        todo, size = list(ids), self.traits.page_size
        some = [todo[start : start + size] for start in range(0, len(todo), size)]
        pages = [await self._of(some[0])] if len(some) == 1 else await asyncio.gather(*map(self._of, some))
        wanted = set(todo)
        return {live.id: live for page in pages for live in page.objects if live.id in wanted}

    async def _of(self, ids: Sequence[str]) -> Page:
        return await self.page_at(self.path, None, None, {"asset_ids": ids})

    async def start(self, want: Want, keep: Keep) -> Progress:
        """From disk, as a form or in chunks, or by its URL; metadata is a string of JSON in forms."""
        body = self.body(want.fields, want.stamp)
        if "file" in want.fields:
            return await self._files.start(want, body)
        if "user_metadata" in body:
            body["user_metadata"] = json.dumps(body["user_metadata"])
        form = {"method": "url", "url": want.fields["url"], **body}
        return self.made(f"POST {self.path}", await self.http.request("POST", self.path, form=form))

    async def finish(self, want: Want, operation: Operation, keep: Keep) -> Progress:
        """Send the chunks that are missing."""
        return await self._files.finish(want, operation, self.body(want.fields, want.stamp), keep)

    async def look(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        """A request each: what the API lists of uploads names neither asset nor file."""
        found = await asyncio.gather(*(self._files.look(operation) for operation in operations))
        return {operation.op: progress for operation, progress in zip(operations, found, strict=True)}

    # Bytes

    def name_of(self, fields: Mapping[str, Any]) -> str | None:
        """As it is given, or the last step of its path or address."""
        if given := fields.get("filename"):
            return given if isinstance(given, str) else str(given)
        url = fields.get("url", "")
        name = PurePosixPath(fields.get("file") or urlsplit(url).path).name
        return Secret(name, url.template) if isinstance(url, Secret) else name

    def size_of(self, fields: Mapping[str, Any]) -> int | None:
        """Of a file here; what is behind an address is not known."""
        if "file" not in fields:
            return None
        try:
            size: int = (self.hands.root / fields["file"]).stat().st_size
        except OSError:
            return None  # gone since it was hashed: told when it is to be sent
        return size

    def chunk_requests(self, fields: Mapping[str, Any], size_bytes: int) -> int:
        """A PUT for each chunk, and what reports them. The server chooses how large they are."""
        if size_bytes <= self.sizes[kind_of_file(fields["file"])].form:
            return 0
        chunks = -(-size_bytes // USUAL_CHUNK_BYTES)
        return chunks + -(-chunks // REPORTED_AT_ONCE)

    # What was begun

    def is_partial(self, live: Live) -> bool:
        """`processing` is also what an asset is called whose chunks have not all come."""
        return live.status is Status.PENDING and live.facts.get("method") == "multipart"

    async def unfinished(self, lives: Sequence[Live]) -> frozenset[str]:
        """An open upload names neither asset nor file: those that were begun at the same moment belong together."""
        begun = await open_since(self.http) if lives else []
        return frozenset(
            live.id
            for live in lives
            if (made := moment(live.facts.get("created_at")))
            and any(abs((made - when).total_seconds()) <= SAME_MOMENT_S for when in begun)
        )
