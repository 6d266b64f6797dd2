"""One file to the emulator and what can happen to it on the way; nothing of the engine is involved."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator, Exchange, transport
from reconciler.emulator.twelvelabs import app
from reconciler.errors import ApiError, MediaError, NotUploaded, Unclear
from reconciler.files import Files, Sending, Upload
from reconciler.http import Http
from reconciler.model import Operation, Signature
from reconciler.provider import Done, Exists, Lost, Progress, Want
from reconciler.providers.twelvelabs.files import AssetFiles
from reconciler.providers.twelvelabs.limits import Sizes
from tests.support.files import write
from tests.support.running import NoTime

CHUNK = 1000
FILM = bytes(range(251)) * 50  # 12550 bytes: thirteen chunks
SIZES = {kind: Sizes(form=3 * CHUNK, chunks=10**6) for kind in ("video", "audio", "image")}
BODY = {"enable_hls": False, "enable_thumbnail": True, "user_metadata": {"n": 1, "reconciler_stack": "s"}}
PUTS, REPORTS = "PUT /_storage/{upload_id}/{chunk}", "POST /assets/multipart-uploads/{upload_id}"
URLS, SESSIONS = "POST /assets/multipart-uploads/{upload_id}/presigned-urls", "POST /assets/multipart-uploads"


@dataclass
class Kept:
    """What is kept between runs, in memory; `history` has every state of it."""

    operation: Operation | None = None
    history: list[Upload] = field(default_factory=list)

    async def keep(self, progress: Progress) -> None:
        if isinstance(progress, Exists) and self.operation is not None:
            handle = {**(self.operation.handle or {}), **progress.handle}
            self.operation = replace(self.operation, id=progress.id, handle=handle)
            self.history.append(Upload.of(self.operation))


async def create(
    kept: Kept, files: AssetFiles, address: str, fields: Mapping[str, Any], body: Mapping[str, Any]
) -> Done:
    """What the engine does with a create, without what it looks for and writes."""
    want = Want(address, fields)
    mine = kept if kept.operation is None or kept.operation.address == address else Kept()

    async def begun() -> Progress:
        content = hashlib.sha256((files.sending.files.root / fields["file"]).read_bytes()).hexdigest()
        identity = fields.get("content") or content
        mine.operation = Operation("op", "run", address, "Asset", "create", Signature(), identity=identity)
        return await files.start(want, body)

    old = mine.operation
    progress = Exists(old.id, old.handle or {}) if old and old.id else await begun()
    while not isinstance(progress, Done):
        assert mine.operation is not None
        if isinstance(progress, Lost):
            await files.http.request("DELETE", f"/assets/{mine.operation.id}")
            progress = await begun()
        if isinstance(progress, Exists):
            await mine.keep(progress)
            progress = await files.finish(want, mine.operation, body, mine.keep)
    return progress


class Recording(httpx.AsyncBaseTransport):
    """Passes requests on, and remembers their headers."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner, self.seen = inner, list[httpx.Request]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return await self.inner.handle_async_request(request)


@dataclass
class Studio:
    """A directory with one file, an account, and what is kept between runs."""

    directory: Path
    emulator: Emulator
    kept: Kept = field(default_factory=Kept)
    told: list[tuple[str, int, int]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    clock: NoTime = field(default_factory=NoTime)

    def send(self, name: str = "film.mp4", *, content: str | None = None, **options: Any) -> Done:
        """One run that sends the file."""
        return self.run(
            lambda files: create(self.kept, files, "assets/a", {"file": name, "content": content}, BODY), **options
        )

    def run(self, call: Callable[[AssetFiles], Awaitable[Done]], **options: Any) -> Done:
        async def go() -> Done:
            recording = Recording(transport(self.emulator))
            sending = Sending(Files(self.directory), clock=self.clock, **options)
            sending.begin(lambda *what: self.told.append(what))
            key = {"x-api-key": "secret"}
            async with Http("http://emulator/v1.3", headers=key, transport=recording, clock=self.clock) as http:
                try:
                    return await call(AssetFiles(http, sending, SIZES))
                finally:
                    self.requests += recording.seen

        return asyncio.run(go())

    def count(self, route: str, *, status: int = 200) -> int:
        entries = self.emulator.journal.entries
        return sum(entry.route == route and entry.status == status for entry in entries)

    def object(self, made: Done) -> dict[str, Any]:
        found = self.emulator.store.get("asset", made.id)
        assert found is not None
        return {**found.doc, **found.doc["media"], "name": found.name, "status": found.status}

    def assets(self) -> int:
        return int(self.emulator.store.db.execute("SELECT count(*) FROM objects WHERE kind = 'asset'").fetchone()[0])


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    write(tmp_path / "film.mp4", FILM)
    return Studio(tmp_path, app(chunk_size=CHUNK, initial_urls=2))


def fault(studio: Studio, fault: str, **rule: Any) -> None:
    studio.emulator.add_fault({"fault": fault, **rule})


STORAGE = {"method": "PUT", "path": "/_storage/**"}


@pytest.mark.parametrize("size", [1, 3 * CHUNK, 3 * CHUNK + 1, 4 * CHUNK, 12 * CHUNK + 550])
def test_every_byte_arrives(studio: Studio, size: int) -> None:
    write(studio.directory / "film.mp4", FILM[:size])

    made = studio.send()

    there = studio.object(made)
    assert (there["sha256"], there["size"]) == (hashlib.sha256(FILM[:size]).hexdigest(), size)
    assert there["method"] == ("direct" if size <= 3 * CHUNK else "multipart")
    assert (there["name"], there["hls"], there["thumbnail"]) == ("film.mp4", False, True)
    assert there["user_metadata"] == BODY["user_metadata"]


def test_the_key_stays_at_the_api_and_the_servers_headers_go_to_storage(studio: Studio) -> None:
    studio.send()

    to_storage = [request for request in studio.requests if "/_storage/" in request.url.path]
    assert len(to_storage) == 13
    assert not any("x-api-key" in request.headers for request in to_storage)
    assert {request.headers["content-type"] for request in to_storage} == {"application/octet-stream"}
    assert not any("transfer-encoding" in request.headers for request in to_storage)  # storages want a length
    assert all("x-api-key" in r.headers for r in studio.requests if r not in to_storage)


def test_urls_come_in_batches_and_proofs_go_in_batches(studio: Studio) -> None:
    write(studio.directory / "film.mp4", FILM * 10)  # 126 chunks

    studio.send(parallelism=4)

    assert studio.count(PUTS) == 126
    assert studio.count(URLS) == 3  # 2 came with the session, then 50, 50, 24
    assert studio.count(REPORTS) <= 4


def test_what_arrived_is_known_after_each_chunk_and_the_session_before_the_first(studio: Studio) -> None:
    studio.send(parallelism=1)

    assert [len(upload.proofs) for upload in studio.kept.history] == list(range(14))
    assert (studio.kept.history[0].path, studio.kept.history[0].size_bytes) == ("film.mp4", len(FILM))


def test_progress_is_told_in_bytes_and_ends_with_all_of_them(studio: Studio) -> None:
    fault(studio, "status", **STORAGE, status=500, count=2)

    studio.send(parallelism=1)

    done = [done for _, done, _ in studio.told]
    assert (done[0], done[-1], min(done), max(done)) == (0, len(FILM), 0, len(FILM))
    assert {(address, total) for address, _, total in studio.told} == {("assets/a", len(FILM))}


@pytest.mark.parametrize(
    "trouble",
    [
        {"fault": "status", "status": 503, "count": 4},
        {"fault": "rate_limit", "retry_after": 7, "count": 4},
        {"fault": "drop_before", "count": 4},
        {"fault": "drop_after", "count": 4},
        {"fault": "url_expired", "count": 4},
        {"fault": "status", "status": 200, "count": 3},
    ],
    ids=["500", "429", "dropped", "answer lost", "URL expired", "no ETag"],
)
def test_a_chunk_that_fails_is_sent_again_by_a_fresh_url(studio: Studio, trouble: dict[str, Any]) -> None:
    fault(studio, **trouble, **STORAGE)

    made = studio.send()

    assert studio.object(made)["sha256"] == hashlib.sha256(FILM).hexdigest()
    used = [str(request.url) for request in studio.requests if "/_storage/" in request.url.path]
    assert len(used) == len(set(used)) == 13 + trouble["count"]
    assert studio.assets() == 1


def test_urls_that_are_nearly_an_hour_old_are_not_used(studio: Studio) -> None:
    def an_hour_passes(exchange: Exchange) -> None:
        if exchange.route == PUTS:
            studio.clock.slept_s += 3500
            studio.emulator.clock.advance(3500)

    studio.emulator.journal.listen(an_hour_passes)

    studio.send(parallelism=1)

    assert (studio.count(PUTS), studio.count(PUTS, status=403)) == (13, 0)


def test_a_chunk_that_never_gets_through_leaves_the_rest_for_the_next_run(studio: Studio) -> None:
    fault(studio, "status", method="PUT", path="/_storage/*/9", status=500)

    with pytest.raises(NotUploaded, match=r"chunk 9 did not get through in 6 tries.* chunks are there and kept"):
        studio.send(parallelism=2)
    there = len(studio.kept.history[-1].proofs)
    assert 8 <= there < 13
    studio.emulator.clear_faults()
    studio.emulator.journal.clear()
    made = studio.send()

    assert (studio.count(PUTS), studio.count(SESSIONS, status=201)) == (13 - there, 0)
    assert studio.object(made)["sha256"] == hashlib.sha256(FILM).hexdigest()


def interrupted(studio: Studio, after: int) -> Upload:
    """A run that was stopped when so many chunks had arrived; what it has kept."""

    async def go(files: AssetFiles) -> Done:
        def stop(exchange: Exchange) -> None:
            if studio.count(PUTS) >= after:
                files.sending.stop()

        silence = studio.emulator.journal.listen(stop)
        try:
            return await create(studio.kept, files, "assets/a", {"file": "film.mp4"}, BODY)
        finally:
            silence()

    with pytest.raises(NotUploaded, match="it was stopped"):
        studio.run(go, parallelism=1)
    studio.emulator.journal.clear()
    return studio.kept.history[-1]


def test_a_stopped_upload_goes_on_where_it_was_though_its_urls_are_old(studio: Studio) -> None:
    begun = interrupted(studio, after=5)
    studio.emulator.clock.advance(3 * 3600)

    made = studio.send()

    assert (made.id, studio.count(PUTS)) == (begun.object_id, 8)
    assert studio.object(made)["sha256"] == hashlib.sha256(FILM).hexdigest()
    assert studio.object(made)["user_metadata"] == BODY["user_metadata"]


def test_metadata_that_changed_meanwhile_is_what_the_asset_gets(studio: Studio) -> None:
    interrupted(studio, after=5)
    newer = {**BODY, "user_metadata": {"n": 2}}

    made = studio.run(lambda files: create(studio.kept, files, "assets/a", {"file": "film.mp4"}, newer))

    assert studio.object(made)["user_metadata"] == {"n": 2}


def test_a_session_that_expired_is_replaced_and_leaves_nothing_behind(studio: Studio) -> None:
    begun = interrupted(studio, after=5)
    studio.emulator.clock.advance(25 * 3600)

    made = studio.send()

    assert made.id != begun.object_id
    assert (studio.count(PUTS), studio.assets(), len(studio.kept.history[-1].proofs)) == (13, 1, begun.total_chunks)


def test_a_proof_that_the_api_does_not_know_is_no_dead_end(studio: Studio) -> None:
    begun = interrupted(studio, after=5)
    assert studio.kept.operation is not None
    studio.kept.operation = replace(studio.kept.operation, handle={**begun.handle(), "chunk:1": "0" * 32})

    made = studio.send()

    assert studio.object(made)["sha256"] == hashlib.sha256(FILM).hexdigest()
    assert studio.assets() == 1


def test_other_bytes_under_the_same_name_begin_anew_and_are_never_mixed(studio: Studio) -> None:
    begun = interrupted(studio, after=5)
    other = FILM[::-1]
    write(studio.directory / "film.mp4", other, mtime_ns=1)

    made = studio.send()

    assert made.id != begun.object_id
    assert (studio.object(made)["sha256"], studio.assets()) == (hashlib.sha256(other).hexdigest(), 1)


def test_a_file_that_changed_since_it_was_planned_is_not_sent_at_all(studio: Studio) -> None:
    with pytest.raises(MediaError, match="changed since it was planned"):
        studio.send(content="0" * 64)

    assert studio.requests == []


@pytest.mark.parametrize("size", [2 * CHUNK, len(FILM)], ids=["form", "chunks"])
def test_a_file_that_changes_while_it_is_sent_becomes_no_asset(studio: Studio, size: int) -> None:
    path = write(studio.directory / "film.mp4", FILM[:size])

    def change(address: str, done: int, total: int) -> None:
        if done == 0 or total == size:
            write(path, b"!" * size, mtime_ns=1)

    async def go(files: AssetFiles) -> Done:
        seen = await files.sending.files.still("film.mp4", None)
        files.sending.begin(change)
        if size < 3 * CHUNK:
            path.write_bytes(b"!" * size)
            return await files._as_form("assets/a", "film.mp4", seen, BODY)
        return await create(studio.kept, files, "assets/a", {"file": "film.mp4"}, BODY)

    with pytest.raises(MediaError, match=r"film.mp4: changed (while it was being sent|since it was planned)"):
        studio.run(go, parallelism=1)

    assert studio.emulator.store.db.execute("SELECT count(*) FROM objects WHERE status = 'ready'").fetchone() == (0,)
    assert studio.count(REPORTS) == 0
    assert studio.count("POST /assets", status=201) == 0


def test_a_session_whose_answer_is_lost_is_unclear(studio: Studio) -> None:
    fault(studio, "drop_after", method="POST", path="/assets/multipart-uploads", count=1)

    with pytest.raises(Unclear):
        studio.send()

    assert studio.kept.history == []


def test_a_report_whose_answer_is_lost_is_repeated(studio: Studio) -> None:
    fault(studio, "drop_after", method="POST", path="/assets/multipart-uploads/*", count=1)

    assert studio.object(studio.send())["sha256"] == hashlib.sha256(FILM).hexdigest()


def test_all_uploads_together_stay_within_the_parallelism(studio: Studio) -> None:
    under_way, most = 0, 0
    names = [f"{number}.mp4" for number in range(4)]
    for name in names:
        write(studio.directory / name, FILM + name.encode())
    inner = Recording.handle_async_request

    async def counted(self: Recording, request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        storing = "/_storage/" in request.url.path
        under_way += storing
        most = max(most, under_way)
        await asyncio.sleep(0)
        try:
            return await inner(self, request)
        finally:
            under_way -= storing

    async def go(files: AssetFiles) -> Done:
        await asyncio.gather(*(create(studio.kept, files, f"assets/{name}", {"file": name}, BODY) for name in names))
        return Done("")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recording, "handle_async_request", counted)
        studio.run(go, parallelism=3)

    assert most == 3
    assert studio.assets() == 4


@pytest.mark.parametrize("broken", [{}, {"upload_id": "u"}, [], "nonsense"], ids=str)
def test_a_session_that_cannot_be_read_is_unclear(studio: Studio, broken: Any) -> None:
    fault(studio, "status", method="POST", path="/assets/multipart-uploads", status=201, body=broken, count=1)

    with pytest.raises(ApiError):
        studio.send()


@pytest.mark.parametrize("size", [2 * CHUNK, len(FILM)], ids=["form", "chunks"])
@pytest.mark.parametrize("when", ["before", "while"])
def test_an_edit_that_leaves_no_trace_is_found_by_hashing_what_is_sent(
    studio: Studio, size: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(studio.directory / "film.mp4", FILM[:size])
    asyncio.run(Files(studio.directory).still("film.mp4", None))
    monkeypatch.setattr("reconciler.files.Hashed.is_still", lambda *_: True)
    content = hashlib.sha256(FILM[:size]).hexdigest()

    async def go(files: AssetFiles) -> Done:
        def edit(address: str, done: int, total: int) -> None:
            if done:
                path.write_bytes(FILM[: size - 1] + b"!")

        files.sending.begin(edit if when == "while" else lambda *_: None)
        return await create(studio.kept, files, "assets/a", {"file": "film.mp4", "content": content}, BODY)

    if when == "before":
        path.write_bytes(FILM[: size - 1] + b"!")
    monkeypatch.setattr("reconciler.files.Bandwidth.piece_bytes", 100)
    with pytest.raises(MediaError, match="changed"):
        studio.run(go)
    assert studio.assets() == (size == len(FILM))  # begun, and never whole
    assert studio.count(REPORTS) == 0

    made = studio.send(content=hashlib.sha256(path.read_bytes()).hexdigest())  # what was remembered is not believed
    assert studio.object(made)["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_interrupted_upload_goes_on_only_with_the_bytes_that_it_began_with(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(address: str, done: int, total: int) -> None:
        if done >= 4 * CHUNK:
            raise NotUploaded("enough")

    async def part(files: AssetFiles) -> Done:
        files.sending.begin(stop)
        return await create(studio.kept, files, "assets/a", {"file": "film.mp4"}, BODY)

    with pytest.raises(NotUploaded):
        studio.run(part, parallelism=1)
    monkeypatch.setattr("reconciler.files.Hashed.is_still", lambda *_: True)
    (studio.directory / "film.mp4").write_bytes(b"!" + FILM[1:])
    before = studio.count(PUTS)

    with pytest.raises(MediaError, match="changed since it was planned; nothing more of it was sent"):
        studio.send(content=hashlib.sha256(FILM).hexdigest())

    assert studio.count(PUTS) == before
    made = studio.send()
    assert studio.object(made)["sha256"] == hashlib.sha256(b"!" + FILM[1:]).hexdigest()


@dataclass
class Lying(httpx.AsyncBaseTransport):
    """Answers one request with something else, after it was done."""

    inner: httpx.AsyncBaseTransport
    path: str
    change: Callable[[Any], Any]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.method != "POST" or not request.url.path.endswith(self.path):
            return response
        return httpx.Response(response.status_code, json=self.change(json.loads(await response.aread())))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda told: [], "a list came where an object is due"),
        (lambda told: told | {"upload_id": None}, "upload_id: null"),
        (lambda told: told | {"upload_id": "../../indexes"}, "upload_id: a text that is not a valid id"),
        (lambda told: told | {"asset_id": ["x"]}, "asset_id: a list"),
        (lambda told: told | {"chunk_size": 0}, "chunk_size: a number that is not a whole one of at least 1"),
        (lambda told: told | {"chunk_size": "5"}, "chunk_size: a text"),
        (lambda told: told | {"total_chunks": 1}, f"total_chunks: {len(FILM)} bytes are not 1 chunks of {CHUNK}"),
        (lambda told: told | {"total_chunks": 10**12}, "total_chunks: "),
        (lambda told: told | {"upload_urls": {"a": 1}}, "upload_urls: an object"),
        (lambda told: told | {"upload_urls": [5]}, "upload_urls[0]: a number"),
        (lambda told: told | {"upload_urls": [{"chunk_index": "x", "url": "http://x"}]}, "upload_urls[0].chunk_index"),
        (lambda told: told | {"upload_urls": [{"chunk_index": 1}]}, "upload_urls[0].url: null"),
        (lambda told: told | {"upload_headers": {"Host": "elsewhere.example"}}, "upload_headers: Host is not"),
        (lambda told: told | {"upload_headers": {"x": "a\r\nb: c"}}, "upload_headers: a header that cannot be sent"),
        (lambda told: told | {"upload_headers": {"x": 5}}, "upload_headers: a number"),
    ],
)
def test_a_session_that_is_none_is_not_begun(studio: Studio, change: Callable[[Any], Any], place: str) -> None:
    async def go() -> None:
        lying = Lying(transport(studio.emulator), "/assets/multipart-uploads", change)
        sending = Sending(Files(studio.directory), clock=studio.clock)
        sending.begin(lambda *what: None)
        async with Http(
            "http://emulator/v1.3", headers={"x-api-key": "k"}, transport=lying, clock=studio.clock
        ) as http:
            files = AssetFiles(http, sending, SIZES)
            await create(studio.kept, files, "assets/a", {"file": "film.mp4", "content": None}, BODY)

    with pytest.raises(Unclear, match=r"^POST /assets/multipart-uploads: the answer is not what it must be") as raised:
        asyncio.run(go())
    assert place in str(raised.value)
    assert studio.kept.history == []
