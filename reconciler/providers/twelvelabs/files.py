"""How a file becomes an asset of TwelveLabs: as a form up to a size, in chunks above it; interrupted ones go on.

The API has no way to abort a multipart upload, and what it lists of one names neither asset nor file. So all that is
needed to go on is in the operation's handle, and an asset that nobody can complete is deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from reconciler.errors import NotFound, Unclear
from reconciler.files import Chunk, Form, Hashed, Multipart, Sending, SessionLost, Slice, Upload, media_type, proof_of
from reconciler.model import Operation
from reconciler.provider import Done, Exists, Keep, Lost, Progress, Want
from reconciler.providers.twelvelabs.api import ENVELOPE
from reconciler.providers.twelvelabs.limits import ID_FORM, SIZES, Sizes
from reconciler.rest import id_in
from reconciler.wire import ANY_ID, ApiPath, Unexpected, answer_to, identifier, items, mapping, moment_text, text, whole

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["AssetFiles", "kind_of_file", "moment", "open_since"]

PATH = "/assets/multipart-uploads"
MOST_CHUNKS = 20_000
"""Of one file: ten times what 10 GB are at the usual size."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie"})
"""Headers that say where to and how it is sent."""


def kind_of_file(name: str) -> str:
    """`video`, `audio` or `image`, as the name says; `video` when it says nothing of the kind, as the SDK does."""
    kind = media_type(name).partition("/")[0]
    return kind if kind in SIZES else "video"


class AssetFiles:
    """Makes assets of files. `fields` are those of an Asset with a `file`, `body` is what any create sends of them."""

    def __init__(self, http: Http, sending: Sending, sizes: Mapping[str, Sizes] = SIZES) -> None:
        self.http, self.sending, self.sizes = http, sending, sizes
        self._first_urls: dict[str, Mapping[int, str]] = {}
        """Of an upload that this process has begun: what came with the answer is good for the first chunks."""

    async def start(self, want: Want, body: Mapping[str, Any]) -> Progress:
        """Send the file whose bytes are `fields["content"]`, or begin to. Raises MediaError before anything is sent if
        it has others by now."""
        file = want.fields["file"]
        seen = await self.sending.files.still(file, want.fields.get("content"))
        if seen.size_bytes > self.sizes[kind_of_file(file)].form:
            return await self._begin(want.address, file, seen, body)
        return await self._as_form(want.address, file, seen, body)

    async def _as_form(self, address: str, file: str, seen: Hashed, body: Mapping[str, Any]) -> Done:
        name, done = PurePosixPath(file).name, 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self.sending.on_bytes(address, done, seen.size_bytes)

        fields = {"method": "direct", "filename": name, **body}
        if "user_metadata" in fields:
            fields["user_metadata"] = json.dumps(fields["user_metadata"])
        content = Slice(self.sending.files, file, seen, bandwidth=self.sending.bandwidth, on_bytes=tell)
        form = Form(fields, name, content, field="file")
        async with self.sending.slots:
            answer = await self.http.request("POST", "/assets", content=form, headers=form.headers)
            with answer_to("POST /assets", Unclear):
                return Done(id_in(self.http, answer, "_id", ID_FORM))

    # In chunks

    async def _begin(self, address: str, file: str, seen: Hashed, body: Mapping[str, Any]) -> Exists:
        """A new session. Unclear when its answer is lost: the caller looks for what it made."""
        name = PurePosixPath(file).name
        asked = {"filename": name, **body, "type": kind_of_file(file), "total_size": seen.size_bytes}
        answer = await self.http.request("POST", PATH, json=asked)
        with answer_to(f"POST {PATH}", Unclear):
            size = whole(mapping(answer, "").get("chunk_size"), "chunk_size", least=1)
            chunks = whole(answer.get("total_chunks"), "total_chunks", least=1)
            if chunks != -(-seen.size_bytes // size):
                raise Unexpected("total_chunks", f"{seen.size_bytes} bytes are not {chunks} chunks of {size}")
            if chunks > MOST_CHUNKS:
                raise Unexpected("total_chunks", f"more than {MOST_CHUNKS} chunks")
            upload = Upload(
                upload_id=identifier(answer.get("upload_id"), "upload_id", ID_FORM),
                object_id=identifier(answer.get("asset_id"), "asset_id", ID_FORM),
                address=address,
                identity=seen.sha256,
                path=file,
                size_bytes=seen.size_bytes,
                mtime_ns=seen.mtime_ns,
                chunk_size=size,
                total_chunks=chunks,
                headers=_headers(answer.get("upload_headers")),
                proofs={},
                expires_at=moment_text(answer.get("expires_at") or "", "expires_at"),
            )
            self._first_urls[upload.upload_id] = _urls(answer)
        return Exists(upload.object_id, upload.handle())

    async def finish(self, want: Want, operation: Operation, body: Mapping[str, Any], keep: Keep) -> Progress:
        """Send what is missing. Lost when the API has given it up."""
        file, upload = want.fields["file"], Upload.of(operation)
        urls = self._first_urls.pop(upload.upload_id, None)
        seen = await self.sending.files.still(file, want.fields.get("content"))
        if upload.identity != seen.sha256:
            return Lost(f"{file}: the upload was begun with other bytes")

        async def keep_chunk(index: int, proof: str) -> None:
            await keep(Exists(upload.object_id, proof_of(index, proof)))

        multipart = Multipart(
            self,
            replace(upload, address=want.address),
            seen,
            file,
            sending=self.sending,
            keep=keep_chunk,
            urls=urls,
        )
        try:
            await multipart.go()
        except SessionLost as lost:
            return Lost(f"{file}: the API gave the upload up ({lost})")
        if urls is None:
            # Metadata may have been changed since an earlier run began it; what is create-only has not.
            path = ApiPath("/assets") / upload.object_id + "/user-metadata"
            await self.http.request("PUT", path, json={"user_metadata": body.get("user_metadata", {})})
        return Done(upload.object_id)

    async def look(self, operation: Operation) -> Progress:
        """How an upload stands that an earlier run has begun."""
        upload = Upload.of(operation)
        status = await self.status(upload.upload_id)
        if status == "completed":
            return Done(upload.object_id)
        if status != "active":
            return Lost(f"the API says that the upload is {status}")
        there = f"{len(upload.proofs)} of {upload.total_chunks} chunks are there"
        return Exists(upload.object_id, operation.handle or {}, f"an interrupted upload goes on: {there}")

    # What `Multipart` asks of an API

    async def urls(self, upload_id: str, first: int, count: int) -> Mapping[int, str]:
        """Asked for again as often as need be: each is good for one try."""
        path = ApiPath(PATH) / upload_id + "/presigned-urls"
        answer = await self.http.request("POST", path, json={"start": first, "count": count}, repeatable=True)
        with answer_to(f"POST {path}"):
            return _urls(answer)

    async def put(self, url: str, content: Slice, headers: Mapping[str, str]) -> str:
        """To storage: another host perhaps, and never with our key. Not repeated: the URL is good for one try."""
        response = await self.http.elsewhere.request(
            "PUT",
            url,
            content=content,
            headers={**headers, "Content-Length": str(content.length)},
            repeatable=False,
            expect_json=False,
        )
        etag = response.headers.get("etag", "").strip('"')
        if not ANY_ID.fullmatch(etag):
            raise Unclear("PUT of a chunk: the storage answered without a valid ETag")
        return str(etag)

    async def report(self, upload_id: str, chunks: Sequence[Chunk]) -> int:
        """Chunks count from 1; what is told twice counts once."""
        told = [
            {"chunk_index": it.index, "proof": it.proof, "proof_type": "etag", "chunk_size": it.size_bytes}
            for it in chunks
        ]
        path = ApiPath(PATH) / upload_id
        answer = await self.http.request("POST", path, json={"completed_chunks": told}, repeatable=True)
        with answer_to(f"POST {path}"):
            return whole(mapping(answer, "").get("total_completed"), "total_completed")

    async def status(self, upload_id: str) -> str:
        """`active`, `completed`, `failed`, `expired`, or `gone` when the API knows nothing of it."""
        path = ApiPath(PATH) / upload_id
        try:
            answer = await self.http.request("GET", path, query={"page_limit": 1})
        except NotFound:
            return "gone"
        with answer_to(f"GET {path}"):
            return text(mapping(answer, "").get("status"), "status")


async def open_since(http: Http) -> list[datetime]:
    """When each session that is not complete was begun: all that can be told of whose it is."""
    found: list[datetime] = []
    number, more = 1, True
    while more:
        answer = await http.request("GET", PATH, query={"page": number, "page_limit": 50})
        with answer_to(f"GET {PATH}"):
            more = bool(ENVELOPE.counts_of(answer, 50, number).after)
            rows = [mapping(row, f"data[{at}]") for at, row in enumerate(ENVELOPE.rows_of(answer))]
        found += [when for row in rows if (when := moment(row.get("created_at")))]
        number += 1
    return found


def moment(text: Any) -> datetime | None:
    """A point in time out of the API's RFC 3339."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _urls(answer: Any) -> dict[int, str]:
    urls = {}
    for at, raw in enumerate(items(mapping(answer, "").get("upload_urls"), "upload_urls")):
        where = f"upload_urls[{at}]"
        index = whole(mapping(raw, where).get("chunk_index"), f"{where}.chunk_index", least=1)
        urls[index] = text(raw.get("url"), f"{where}.url")
    return urls


def _headers(told: Any) -> dict[str, str]:
    """What storage wants to be sent with each chunk: as headers can be, and none that decides how we send."""
    headers = {} if told is None else dict(mapping(told, "upload_headers"))
    for name, value in headers.items():
        text(value, "upload_headers")
        if not (HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable() and value == value.strip()):
            raise Unexpected("upload_headers", "a header that cannot be sent")
        if name.lower() in OURS:
            raise Unexpected("upload_headers", f"{name} is not the server's to say")
    return headers
