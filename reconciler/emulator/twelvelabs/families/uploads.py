"""Multipart uploads: sessions, presigned URLs on the emulator itself, chunks, and the asset at the end."""

from __future__ import annotations

import hashlib
import tempfile
from typing import Any, Literal
from urllib.parse import urlencode

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import Api, EndpointFamily, Reply, Route
from reconciler.emulator.core.media import examine, imagine, kind_of, mime_of
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import ApiCall, page_info, where
from reconciler.emulator.twelvelabs.families import assets
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.wire import Fields

__all__ = ["FAMILY", "STORAGE"]

KIND = "upload"
TYPES = ("video", "audio", "image")
MOST_URLS = 50
URL_S, SESSION_S = 3600.0, 24 * 3600.0
IN_MEMORY = 8 * 1024 * 1024
TABLES = """
CREATE TABLE IF NOT EXISTS chunks(
  upload INTEGER NOT NULL, position INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
  arrived REAL NOT NULL, reported REAL, data BLOB NOT NULL, PRIMARY KEY(upload, position));
CREATE TABLE IF NOT EXISTS presigned(
  token TEXT PRIMARY KEY, upload INTEGER NOT NULL, position INTEGER NOT NULL, expires REAL NOT NULL,
  used INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""

# -- state


def _begin(call: ApiCall, asset: Obj, total_size: int) -> Obj:
    """A session for an asset that waits for its bytes."""
    chunk_size = call.options.chunk_size
    doc = {
        "asset_id": asset.id,
        "filename": asset.name,
        "total_size": total_size,
        "chunk_size": chunk_size,
        "total_chunks": -(-total_size // chunk_size),
        "fate": call.fate,
    }
    return call.store.insert(KIND, doc, name=asset.name, status="active")


def _urls(call: ApiCall, upload: Obj, start: int, count: int) -> list[dict[str, Any]]:
    """Fresh single-use URLs for chunks from `start`, as many as there are."""
    expires, found = call.store.now() + URL_S, []
    for position in range(start, min(start + count, upload.doc["total_chunks"] + 1)):
        token = call.store.token(call.store.next(), 40)
        call.store.db.execute(
            "INSERT INTO presigned(token, upload, position, expires) VALUES (?, ?, ?, ?)",
            (token, upload.seq, position, expires),
        )
        url = f"{call.base_url}/_storage/{upload.id}/{position}?{urlencode({'signature': token})}"
        found.append({"chunk_index": position, "url": url, "expires_at": rfc3339(expires)})
    return found


def _status(call: ApiCall, upload: Obj) -> str:
    """A session that has not become `completed` in a day is expired, for good."""
    late = upload.status == "active" and call.store.now() >= upload.created_at + SESSION_S
    return "expired" if late else upload.status


def _accept(call: ApiCall, upload: Obj, fields: Fields) -> bool:
    """Take one reported chunk; False if it had been reported already. Raises what is wrong with it."""
    position = fields.integer("chunk_index", least=1, most=upload.doc["total_chunks"])
    proof, size = fields.text("proof").strip('"'), fields.integer("chunk_size", least=1, most=2**40)
    fields.one_of("proof_type", ("etag",))
    fields.done()
    row = call.store.db.execute(
        "SELECT size, etag, reported FROM chunks WHERE upload = ? AND position = ?", (upload.seq, position)
    ).fetchone()
    if row is None:
        raise invalid(f"Chunk {position} was never received.")
    # The proof is the ETag that storage answered with: who reports without having sent is told so.
    if row[1] != proof:
        raise invalid(f"The proof of chunk {position} is not the ETag of what was received.")
    if size != row[0] or size != _chunk_size(upload, position):
        raise invalid(f"Chunk {position} must have {_chunk_size(upload, position)} bytes, and {row[0]} were received.")
    # Reported twice is counted once: the answer tells duplicates apart, so a client may repeat a report.
    if row[2] is not None:
        return False
    call.store.db.execute(
        "UPDATE chunks SET reported = ? WHERE upload = ? AND position = ?", (call.store.now(), upload.seq, position)
    )
    return True


def _chunk_size(upload: Obj, position: int) -> int:
    """Every chunk is full but the last."""
    doc = upload.doc
    before = doc["chunk_size"] * (position - 1)
    return int(min(doc["chunk_size"], doc["total_size"] - before))


def _reported(call: ApiCall, upload: Obj, what: Literal["count(*)", "coalesce(sum(size), 0)"] = "count(*)") -> int:
    """How many chunks have been reported, or how many bytes."""
    query = f"SELECT {what} FROM chunks WHERE upload = ? AND reported IS NOT NULL"  # noqa: S608
    return int(call.store.db.execute(query, (upload.seq,)).fetchone()[0])


def _finish(call: ApiCall, upload: Obj) -> None:
    """Put the file together, look at it, let the asset be processed; the bytes are not kept."""
    asset = call.store.get("asset", upload.doc["asset_id"])
    chunks = call.store.db.execute("SELECT data FROM chunks WHERE upload = ? ORDER BY position", (upload.seq,))
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        for (data,) in chunks:
            file.write(data)
        media = examine(file, upload.doc["filename"])  # type: ignore[arg-type]
    # A finished file is its hash and header; keeping gigabytes would be the end of an in-memory account.
    call.store.db.execute("UPDATE chunks SET data = x'' WHERE upload = ?", (upload.seq,))
    call.store.update(upload, status="completed", updated_at=call.store.moment())
    if asset is not None:
        kind, fate = kind_of(media.mime), upload.doc["fate"] or assets.fate_of(media)
        doc = {**asset.doc, "media": media.as_json()}
        call.store.update(asset, fate=fate, type=kind, reads=0, since=call.store.now(), doc=doc)


# -- wire


def _summary(call: ApiCall, upload: Obj) -> dict[str, Any]:
    """A row of the list: enough to see it, not enough to resume it."""
    doc = upload.doc
    return {
        "upload_id": upload.id,
        "status": _status(call, upload),
        "total_size": doc["total_size"],
        "chunk_size": doc["chunk_size"],
        "total_chunks": doc["total_chunks"],
        "created_at": rfc3339(upload.created_at),
        "expires_at": rfc3339(upload.created_at + SESSION_S),
    }


def _chunks(call: ApiCall, upload: Obj, first: int, limit: int) -> list[dict[str, Any]]:
    """One page of chunks, whether or not they have arrived."""
    rows = call.store.db.execute(
        "SELECT position, arrived, reported FROM chunks WHERE upload = ? AND position BETWEEN ? AND ?",
        (upload.seq, first, first + limit - 1),
    )
    arrived = {row[0]: (row[1], row[2]) for row in rows}
    last = min(first + limit - 1, upload.doc["total_chunks"])
    return [_chunk(position, arrived.get(position), upload.created_at) for position in range(first, last + 1)]


def _chunk(position: int, row: tuple[float, float | None] | None, created: float) -> dict[str, Any]:
    arrived, reported = row or (created, None)
    done = reported is not None
    return {
        "index": position,
        "status": "completed" if done else "pending",
        "uploaded_at": rfc3339(arrived) if row else None,
        "updated_at": rfc3339(reported if reported is not None else arrived),
    }


# -- routes


def create(call: ApiCall) -> Reply:
    fields = call.json()
    filename, kind = fields.text("filename"), fields.one_of("type", TYPES)
    most = call.options.max_image_bytes if kind == "image" else call.options.max_multipart_bytes
    total_size = fields.integer("total_size", least=1, most=most)
    hls = fields.flag("enable_hls", default=False)
    thumbnail = fields.flag("enable_thumbnail", default=False)
    values = metadata.replaced(metadata.checked(fields.mapping("user_metadata") or {}))
    fields.done()
    asset = assets.new(
        call,
        imagine("", mime_of(filename), total_size),
        method="multipart",
        filename=filename,
        hls=hls,
        thumbnail=thumbnail,
        user_metadata=values,
        fate="held",
    )
    upload = _begin(call, asset, total_size)
    shown = _summary(call, upload)
    return Reply(
        201,
        {
            "upload_id": upload.id,
            "asset_id": asset.id,
            "upload_urls": _urls(call, upload, 1, call.options.initial_urls),
            "upload_headers": {"Content-Type": "application/octet-stream"},
            **{name: shown[name] for name in ("chunk_size", "total_chunks", "expires_at")},
        },
    )


def incomplete(call: ApiCall) -> Reply:
    chosen = Selection(KIND, where=where(("status <> 'completed'", ())))
    return call.page(chosen, lambda obj: _summary(call, obj))


def more_urls(call: ApiCall) -> Reply:
    upload, fields = _active(call), call.json()
    start = fields.integer("start", least=1, most=upload.doc["total_chunks"])
    count = fields.integer("count", least=1, most=MOST_URLS)
    fields.done()
    urls = _urls(call, upload, start, count)
    return Reply(
        200,
        {
            "upload_id": upload.id,
            "start_index": start,
            "count": len(urls),
            "upload_urls": urls,
            "generated_at": rfc3339(call.store.now()),
            "expires_at": rfc3339(call.store.now() + URL_S),
        },
    )


def report(call: ApiCall) -> Reply:
    upload, fields = _upload(call), call.json()
    chunks = fields.objects("completed_chunks")
    fields.done()
    if _status(call, upload) == "expired":
        raise invalid("The upload session has expired.")
    taken = [_accept(call, upload, chunk) for chunk in chunks]
    total = _reported(call, upload)
    if total == upload.doc["total_chunks"] and upload.status == "active":
        _finish(call, upload)
    answer = {
        "asset_id": upload.doc["asset_id"],
        "processed_chunks": taken.count(True),
        "duplicate_chunks": taken.count(False),
        "total_completed": total,
    }
    if total == upload.doc["total_chunks"]:
        answer["url"] = f"https://media.emulator.invalid/{upload.doc['asset_id']}"
    return Reply(200, answer)


def status(call: ApiCall) -> Reply:
    upload = _upload(call)
    page, limit = call.query.page()
    call.query.done()
    total, done = upload.doc["total_chunks"], _reported(call, upload)
    return Reply(
        200,
        {
            "upload_id": upload.id,
            "status": _status(call, upload),
            "uploaded_chunks": _chunks(call, upload, (page - 1) * limit + 1, limit),
            "chunks_completed": done,
            "chunks_failed": 0,
            "chunks_pending": total - done,
            "page_info": page_info(page, limit, total),
            "total_size": upload.doc["total_size"],
            "uploaded_size": _reported(call, upload, "coalesce(sum(size), 0)"),
            "created_at": rfc3339(upload.created_at),
            "updated_at": rfc3339(upload.updated_at),
        },
    )


def put_chunk(call: ApiCall) -> Reply:
    """The storage's side: no key, a signature; answers with an ETag, refuses what is used, late or not signed."""
    token, now = call.query.text("signature") or "", call.store.now()
    row = call.store.db.execute(
        "SELECT upload, position, expires, used FROM presigned WHERE token = ?", (token,)
    ).fetchone()
    upload = call.store.get(KIND, call.path["upload_id"])
    if row is None or upload is None or (row[0], str(row[1])) != (upload.seq, call.path["chunk"]):
        raise ApiProblem(403, "signature_does_not_match", "The signature is not for this chunk.")
    if row[3] or now >= row[2] or call.fate == "expired" or _status(call, upload) != "active":
        raise ApiProblem(403, "request_expired", "The URL was used, or is too old.")
    data = call.raw()
    # As S3 does for a part: clients send it back as it came, quotes and all.
    etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    call.store.db.execute("UPDATE presigned SET used = 1 WHERE token = ?", (token,))
    call.store.db.execute(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, NULL, ?) ON CONFLICT DO UPDATE SET "
        "size = excluded.size, etag = excluded.etag, arrived = excluded.arrived, reported = NULL, data = excluded.data",
        (upload.seq, row[1], len(data), etag, now, data),
    )
    return Reply(200, headers={"ETag": f'"{etag}"'})


def _upload(call: ApiCall) -> Obj:
    try:
        return call.find(KIND, call.path["upload_id"], status=404)
    except ApiProblem as problem:
        # The contract has no body for this 404.
        problem.envelope = "empty" if problem.status == 404 else None
        raise


def _active(call: ApiCall) -> Obj:
    upload = _upload(call)
    if _status(call, upload) != "active":
        raise invalid(f"The upload session is {_status(call, upload)}.")
    return upload


MANY = "/assets/multipart-uploads"
ONE = f"{MANY}/{{upload_id}}"
STORAGE = Api("", None)
FAMILY = EndpointFamily(
    name="multipart uploads",
    since="2026-07",
    tables=TABLES,
    routes=(
        Route("POST", MANY, create, body="json"),
        Route("GET", MANY, incomplete),
        Route("GET", ONE, status),
        Route("POST", ONE, report, body="json"),
        Route("POST", f"{ONE}/presigned-urls", more_urls, body="json"),
    ),
)
STORAGE_FAMILY = EndpointFamily(
    name="storage", api=STORAGE, routes=(Route("PUT", "/_storage/{upload_id}/{chunk}", put_chunk, body="raw"),)
)
