"""Answers that lie in shape: each is an error that names request and place, and nothing is believed of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from reconciler.emulator import transport
from reconciler.engine import Session
from reconciler.errors import ApiError, FamilyForbidden, Forbidden, IncompleteListing, Rejected, Unclear
from reconciler.http import Http
from reconciler.model import Live
from reconciler.provider import Drivers, Page, Progress, Provider, Want
from reconciler.providers.mixpeek import Mixpeek
from reconciler.providers.twelvelabs import Asset, Entity, EntityCollection, Index, IndexedAsset, TwelveLabs
from reconciler.providers.twelvelabs.assets import Assets
from reconciler.refresh.lists import SIDE_BY_SIDE, listing
from reconciler.rest import MOST_PAGES
from tests.support.running import Bench, NoTime, drivers_of

T = TypeVar("T")
KEY = "tlk_very_secret_key"
ID, OTHER = "6a000001bbbbbbbbbbbbbbbb", "6a000002bbbbbbbbbbbbbbbb"
INFO = {"page": 1, "limit_per_page": 50, "total_page": 1, "total_results": 1}
ASSET = {"_id": ID, "status": "ready", "filename": "a.mp4", "method": "url", "duration": 60, "created_at": "2026-01-01"}
INDEX = {"_id": ID, "index_name": "i", "models": [{"model_name": "marengo3.0", "model_options": ["visual"]}]}
ENTITY = {"_id": ID, "name": "e", "asset_ids": [OTHER], "metadata": {"n": 1}, "status": "ready"}


def ask(
    answer: Any, call: Callable[[Drivers], Awaitable[T]], provider: Provider | None = None
) -> tuple[T | ApiError, list[str]]:
    """What becomes of a call that is answered so; and what was asked, as `METHOD path` on the wire."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode().partition('?')[0]}")
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    async def go() -> T | ApiError:
        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={"x-api-key": KEY}, transport=transport, clock=NoTime()) as http:
            try:
                return await call(drivers_of(provider or TwelveLabs(), http))
            except ApiError as error:
                return error

    return asyncio.run(go()), asked


async def kept(progress: Progress) -> None:
    """Nothing of these has to be kept."""


async def read(kind: str, id: str, parent_id: str | None, api: Drivers) -> Live | None:
    return await api[kind].read(id, parent_id)


async def delete(kind: str, id: str, api: Drivers) -> None:
    await api[kind].delete(id, None)


def page_of(*rows: Any, **info: Any) -> dict[str, Any]:
    return {"data": list(rows), "page_info": {**INFO, "total_results": len(rows), **info}}


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ([], "a list came where an object is due"),
        ("text", "a text came where an object is due"),
        ({"data": []}, "page_info: null came where an object is due"),
        (page_of() | {"page_info": []}, "page_info: a list"),
        (page_of() | {"data": {"a": 1}}, "data: an object came where a list is due"),
        (page_of() | {"data": "text"}, "data: a text came where a list is due"),
        (page_of(None), "data[0]: null came where an object is due"),
        (page_of(ASSET, 5), "data[1]: a number came where an object is due"),
        (page_of({**ASSET, "_id": ["x"]}), "data[0]._id: a list came where a text is due"),
        (page_of({**ASSET, "_id": {"$oid": ID}}), "data[0]._id: an object came"),
        (page_of({**ASSET, "_id": None}), "data[0]._id: null came"),
        (page_of({**ASSET, "_id": "a/b?c#d\n"}), "data[0]._id: a text that is not a valid id"),
        (page_of({**ASSET, "_id": "x" * 500}), "data[0]._id: a text that is not a valid id"),
        (page_of({**ASSET, "_id": "2026-11-27"}), "data[0]._id: a text that is not a valid id"),
        (page_of({**ASSET, "_id": ".."}), "data[0]._id: a text that is not a valid id"),
        (page_of({**ASSET, "_id": KEY}), "data[0]._id: what is secret"),
        (page_of({**ASSET, "status": ["ready"]}), "data[0].status: a list"),
        (page_of({**ASSET, "filename": 5}), "data[0].filename: a number came where a text is due"),
        (page_of({**ASSET, "user_metadata": "text"}), "data[0].user_metadata: a text came where an object is due"),
        (page_of({**ASSET, "duration": "long"}), "data[0].duration: a text"),
        (page_of({**ASSET, "duration": 1e300}), "data[0].duration: a number that is not between"),
        (page_of({**ASSET, "size": -1}), "data[0].size: a number that is not between"),
        (page_of({**ASSET, "size": True}), "data[0].size: true or false came where a number is due"),
        (page_of({**ASSET, "created_at": {"a": 1}}), "data[0].created_at: an object"),
        (page_of({**ASSET, "created_at": "\x1b]0;x"}), "data[0].created_at: a text that is not a point in time"),
        (page_of({**ASSET, "system_metadata": 5}), "data[0].system_metadata: a number"),
        (page_of({**ASSET, "error": {"message": 5}}), "data[0].error.message: a number"),
        (page_of(ASSET, total_results="1"), "page_info.total_results: a text"),
        (page_of(ASSET, total_results=1.5), "page_info.total_results: a number that is not a whole one"),
        (page_of(ASSET, total_results=-1), "page_info.total_results: a number that is not between"),
        (page_of(ASSET, total_results=None), "page_info.total_results: null"),
        (page_of(ASSET, total_page=KEY), "page_info.total_page: a text"),
        (page_of(ASSET, total_page=300_000), "1 objects in pages of 50 are 1 pages, not 300000"),
        (page_of(ASSET, total_page=0), "1 objects in pages of 50 are 1 pages, not 0"),
        (page_of(ASSET, limit_per_page=0), "page_info.limit_per_page"),
        (page_of(ASSET, limit_per_page=10**9), "more than 1000 objects in a page"),
        (
            page_of(ASSET, limit_per_page=1, total_results=MOST_PAGES + 1, total_page=MOST_PAGES + 1),
            f"more than {MOST_PAGES} pages",
        ),
        (page_of(*[ASSET] * 3, limit_per_page=2, total_page=2), "data: 3 objects in a page of 2"),
    ],
)
def test_a_page_that_is_none_is_an_error_that_names_request_and_place(answer: Any, place: str) -> None:
    raised, asked = ask(answer, lambda api: api["Asset"].page(None))

    assert type(raised) is ApiError
    assert str(raised).startswith("GET /assets: the answer is not what it must be (")
    assert place in str(raised)
    assert KEY not in str(raised)
    assert asked == ["GET /assets"]


def test_a_list_by_post_with_more_rows_than_its_page_holds_is_refused_too() -> None:
    row = {"asset_id": "a", "status": "DONE", "collection_id": "c", "metadata": {}}
    answer = {"results": [row] * 3, "pagination": {"total": 3, "page_size": 2, "total_pages": 2}}

    raised, asked = ask(answer, lambda api: api["MediaAsset"].page("c"), Mixpeek())

    assert type(raised) is ApiError
    assert "POST /assets: the answer is not what it must be (results: 3 objects in a page of 2)" in str(raised)
    assert asked == ["POST /assets"]


@pytest.mark.parametrize(
    ("kind", "raw", "place"),
    [
        (Index, {**INDEX, "models": [5]}, "models[0]: a number came where an object is due"),
        (Index, {**INDEX, "models": {"a": 1}}, "models: an object came where a list is due"),
        (Index, {**INDEX, "models": [{"model_name": ["m"]}]}, "models[0].model_name: a list"),
        (Index, {**INDEX, "models": [{"model_name": "m", "model_options": [[]]}]}, "models[0].model_options[0]"),
        (Index, {**INDEX, "index_name": {}}, "index_name: an object"),
        (Index, {**INDEX, "addons": "thumbnail"}, "addons: a text came where a list is due"),
        (Entity, {**ENTITY, "asset_ids": 5}, "asset_ids: a number came where a list is due"),
        (Entity, {**ENTITY, "asset_ids": [None]}, "asset_ids[0]: null"),
        (Entity, {**ENTITY, "metadata": ["n"]}, "metadata: a list"),
        (IndexedAsset, {"_id": ID, "asset_id": 7}, "asset_id: a number"),
        (EntityCollection, {"_id": ID, "name": "c", "description": False}, "description: true or false"),
        (Asset, {**ASSET, "_id": OTHER}, "_id: that of another object than was asked for"),
        (Asset, [ASSET], "a list came where an object is due"),
        (Asset, {"status": "ready"}, "_id: null came where a text is due"),
    ],
)
def test_an_object_that_is_none_is_an_error_that_names_request_and_place(kind: Any, raw: Any, place: str) -> None:
    parent = OTHER if kind.parent else None

    raised, asked = ask(raw, lambda api: api[kind.__name__].read(ID, parent))

    assert type(raised) is ApiError
    assert place in str(raised)
    assert str(raised).startswith(f"{asked[0]}: the answer is not what it must be (")


def test_metadata_that_is_nested_without_end_is_an_error() -> None:
    nested: Any = 1
    for _ in range(60):
        nested = {"a": [nested]}

    raised, _ = ask(page_of({**ASSET, "user_metadata": {"x": nested}}), lambda api: api["Asset"].page(None))

    assert "data[0].user_metadata: a value that is nested more than 16 deep" in str(raised)


def test_null_is_not_there_and_what_is_not_known_is_let_through() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("hls", "thumbnail", "user_metadata", "duration", "size", "error", "system_metadata")
    )
    page, _ = ask(page_of({**ASSET, **nothing, "news": [{}]}) | {"more": 1}, lambda api: api["Asset"].page(None))
    bare, _ = ask(page_of(ASSET), lambda api: api["Asset"].page(None))
    empty, _ = ask(page_of(total_page=0) | {"data": None}, lambda api: api["Asset"].page(None))

    assert not isinstance(page, ApiError) and not isinstance(bare, ApiError) and not isinstance(empty, ApiError)
    assert page.objects[0].fields == {**bare.objects[0].fields, "metadata": None}
    assert (page.objects[0].fields["hls"], page.objects[0].fields["thumbnail"]) == (False, False)
    assert (empty.objects, empty.total) == ((), 0)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    "answer",
    [{}, [], "x", 5, {"_id": None}, {"_id": ["x"]}, {"_id": "x"}, {"_id": "a/b?c#d"}, {"_id": KEY}, {"_id": "x" * 999}],
)
def test_a_create_that_is_answered_without_an_id_is_unclear(answer: Any, status: int) -> None:
    raised, asked = ask(
        httpx.Response(status, json=answer),
        lambda api: api["EntityCollection"].start(Want("", {"name": "c"}), kept),
    )

    assert type(raised) is Unclear
    assert str(raised).startswith("POST /entity-collections: the answer is not what it must be (")
    assert KEY not in str(raised)
    assert len(asked) == 1


MADE = [{"_id": ID, "name": "a"}, {"_id": OTHER, "name": "b"}]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"entities": "text"},
        {"entities": MADE[:1]},
        {"entities": [MADE[0], 5]},
        {"entities": [MADE[0], {"_id": ID, "name": "b"}]},
        {"entities": [MADE[0], {"_id": OTHER, "name": "c"}]},
        {"entities": [MADE[0], {"_id": "..", "name": "b"}]},
        {"entities": MADE, "errors": [{"entity_index": 0, "error_reason": "no"}]},
        {"entities": MADE[:1], "errors": [{"entity_index": 7, "error_reason": "no"}]},
        {"entities": MADE[:1], "errors": [{"entity_index": -1, "error_reason": "no"}]},
        {"entities": MADE[:1], "errors": [{"entity_index": "1", "error_reason": "no"}]},
        {"entities": MADE[:1], "errors": [{"entity_index": 1, "error_reason": ["no"]}]},
        {"entities": MADE[:1], "errors": {"entity_index": 1}},
    ],
)
def test_a_bulk_create_that_does_not_say_what_became_of_each_is_unclear(answer: Any) -> None:
    many = [Want("", {"name": name, "assets": [ID]}, ID) for name in "ab"]

    raised, _ = ask(answer, lambda api: api["Entity"].start_many(ID, many))

    assert type(raised) is Unclear
    assert "/entities/bulk: the answer is not what it must be (" in str(raised)


def test_an_id_is_one_step_of_a_path_whatever_stands_in_it() -> None:
    gone = httpx.Response(404)

    for id, quoted in (("a/b?c#d", "a%2Fb%3Fc%23d"), ("..%2f", "..%252f"), ("ä b", "%C3%A4%20b")):
        _, asked = ask(gone, partial(read, "IndexedAsset", id, id))
        _, deleted = ask(gone, partial(delete, "Asset", id))
        assert asked == [f"GET /indexes/{quoted}/indexed-assets/{quoted}"]
        assert deleted == [f"DELETE /assets/{quoted}"]


def test_an_id_that_the_api_does_not_take_says_how_to_forget_it() -> None:
    refused = httpx.Response(400, json={"code": "parameter_invalid", "message": "The id parameter is invalid."})

    raised, _ = ask(refused, lambda api: api["Index"].read("x", None))

    assert type(raised) is Rejected
    assert "`reconciler state rm ADDRESS` forgets it" in str(raised)


def test_pages_are_asked_for_a_few_at_a_time_and_a_short_first_one_ends_it() -> None:
    under_way, most, asked = 0, 0, 0

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        page = int(request.url.params["page"])
        rows = [{**ASSET, "_id": f"{page:024}"}] if honest else []
        return httpx.Response(200, json=page_of(*rows, total_results=300, limit_per_page=1, total_page=300))

    async def go() -> Any:
        nonlocal under_way, most

        class Watched(Assets):
            async def page(self, *args: Any, **more: Any) -> Page:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                try:
                    return await super().page(*args, **more)
                finally:
                    under_way -= 1

        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime()) as http:
            return await listing(Watched(drivers_of(TwelveLabs(), http).hands), None)

    honest = True
    assert len(asyncio.run(go())) == 300
    assert most == SIDE_BY_SIDE

    honest, asked = False, 0
    with pytest.raises(IncompleteListing, match="0 objects came of 1 in the first page"):
        asyncio.run(go())
    assert asked == 4


def test_a_create_that_is_answered_with_anothers_id_takes_nothing_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    theirs = {}
    for path, body in (
        ("/entity-collections", {"name": "theirs", "description": "d"}),
        ("/indexes", {"index_name": "theirs", "models": [{"model_name": "marengo3.0", "model_options": ["visual"]}]}),
    ):
        theirs[path] = asyncio.run(_sent(bench, path, body))

    class Lying(httpx.AsyncBaseTransport):
        inner = transport(bench.emulator)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await self.inner.handle_async_request(request)
            id = theirs.get(request.url.path.removeprefix("/v1.3"))
            return httpx.Response(201, json={"_id": id}) if request.method == "POST" and id else answer

    monkeypatch.setattr("tests.support.running.transport", lambda _: Lying())
    bench.write(
        {
            "stack.yaml": "stack: s\nprovider: twelvelabs\nindexes: {ours: {models: [{name: marengo3.0}]}}\n"
            "entity_collections: {ours: {description: d}}\n"
        }
    )

    assert not bench.apply().failed

    monkeypatch.undo()
    assert bench.survey().plan.changes == ()
    assert bench.names("index") == bench.names("entity_collection") == ["ours", "theirs"]
    bench.write({"stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {url: 'https://example.com/a.mp4'}}\n"})
    assert not bench.apply().failed
    assert bench.names("index") == bench.names("entity_collection") == ["theirs"]


async def _sent(bench: Bench, path: str, body: dict[str, Any]) -> str:
    async with httpx.AsyncClient(transport=transport(bench.emulator), base_url="http://emulator/v1.3") as client:
        return str((await client.post(path, json=body, headers={"x-api-key": "k"})).json()["_id"])


@pytest.mark.parametrize("path", ["/entity-collections", "/entity-collections/*", "/entity-collections/**"])
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(404, "endpoint_not_exists", FamilyForbidden), (403, "read_not_allowed", Forbidden), (404, "x", Rejected)],
)
def test_what_a_key_may_not_see_is_not_gone_and_not_forgotten(
    tmp_path: Path, path: str, status: int, code: str, error: type[ApiError]
) -> None:
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": "stack: s\nprovider: twelvelabs\nentity_collections: {ours: {}}\n"})
    assert not bench.apply().failed
    before = bench.run(lambda session: recorded(session))

    body = {"code": code, "message": "x"}
    bench.emulator.add_fault({"fault": "status", "path": path, "status": status, "body": body})
    try:
        assert bench.apply(destroy=True).failed
    except ApiError as raised:
        assert type(raised) is error

    assert bench.run(lambda session: recorded(session)) == before
    assert bench.names("entity_collection") == ["ours"]


async def recorded(session: Session) -> Any:
    return session.state.recorded()
