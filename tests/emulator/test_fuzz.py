"""Whatever is sent to whichever route: an answer that the vendor could have given, never a crash, never a 500."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator.core.endpoints import Route
from reconciler.emulator.twelvelabs import VENDOR, app
from reconciler.emulator.twelvelabs.families import FAMILIES
from tests.emulator.conftest import InProcess
from tests.emulator.steps import NOBODY, collection, entity, index, indexed, ready_asset

ROUTES = [((family.api or VENDOR.api).prefix, route) for family in FAMILIES for route in family.routes]
TYPES = ["application/json", "multipart/form-data", "multipart/form-data; boundary=b", "text/plain; charset=nope", ""]
IDS = ["nonsense", NOBODY, "%00", "..", "%2e%2e%2f", "é", "%ff", "a" * 5000, "'; DROP TABLE objects; --", "*"]
WORDS = st.sampled_from(
    [
        "page", "page_limit", "asset_ids", "asset_types", "filename", "force", "sort_by", "sort_option", "status",
        "duration[gte]", "created_at", "user_metadata[a]", "model_family", "signature", "embedding_option", "x", "\0",
    ]
)  # fmt: skip
TEXT = st.text(max_size=20) | st.sampled_from(
    ["1", "0", "-1", "9" * 400, "1e400", "nan", "true", "ready", "\0", "%", "2026-13-01", "²"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    [
        "name", "description", "asset_ids", "metadata", "user_metadata", "index_name", "models", "addons", "entities",
        "asset_id", "enable_video_stream", "filename", "type", "total_size", "start", "count", "completed_chunks",
    ]
)  # fmt: skip
BROKEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"a": NaN}',
    b'{"name": "\\ud800"}',
    b"[" * 100_000,
    b"1" * 5000,
]
PARTS = st.sampled_from(["method", "file", "url", "filename", "enable_hls", "user_metadata", "x"])


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[InProcess, dict[str, str]]]:
    """An account in which every path parameter has something to lead to."""
    api = InProcess(app(chunk_size=1000))
    asset, catalog, players = ready_asset(api, "face.jpg"), index(api), collection(api)
    session = api("POST", "/assets/multipart-uploads", json={"filename": "a.mp4", "type": "video", "total_size": 2500})
    yield (
        api,
        {
            "asset_id": asset,
            "index_id": catalog,
            "indexed_asset_id": indexed(api, catalog, ready_asset(api)),
            "entity_collection_id": players,
            "entity_id": entity(api, players, "LeBron", [asset]),
            "upload_id": session.json()["upload_id"],
            "chunk": "1",
        },
    )
    api.close()


def check(api: InProcess, method: str, path: str, **more: Any) -> None:
    """The answer is whole: a status below 500, JSON with a code if it is an error, and nothing else by accident."""
    reply = api(method, f"http://emulator{path}", **more)
    assert reply.status_code < 500, (method, path, reply.text)
    if reply.status_code >= 400 and reply.content:
        assert set(reply.json()) in ({"code", "message"}, {"error"}, {"error_code", "message"})
    if reply.status_code == 204:
        assert reply.content == b""


def filled(prefix: str, route: Route, ids: dict[str, str]) -> str:
    return prefix + re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], NOBODY), route.path)


def names(value: tuple[str, Route]) -> str:
    return f"{value[1].method} {value[1].path}"


each_route = pytest.mark.parametrize("where", ROUTES, ids=names)
relaxed = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@each_route
def test_any_json_body(where: tuple[str, Route], world: tuple[InProcess, dict[str, str]]) -> None:
    api, ids = world
    prefix, route = where
    path = filled(prefix, route, ids)
    if route.method == "DELETE" and route.body == "none":
        return

    @relaxed
    @given(st.dictionaries(FIELDS, VALUES, max_size=6) | VALUES)
    def run(body: Any) -> None:
        raw = json.dumps(body).encode()
        check(api, route.method, path, content=raw, headers=JSON)

    run()


@each_route
def test_broken_bodies_of_any_type(where: tuple[str, Route], world: tuple[InProcess, dict[str, str]]) -> None:
    api, ids = world
    prefix, route = where
    if route.method == "DELETE" and route.body == "none":
        return
    for body in BROKEN:
        for content_type in TYPES:
            check(api, route.method, filled(prefix, route, ids), content=body, headers={"content-type": content_type})


@each_route
def test_any_query(where: tuple[str, Route], world: tuple[InProcess, dict[str, str]]) -> None:
    api, ids = world
    prefix, route = where
    path = filled(prefix, route, {name: value for name, value in ids.items() if route.method == "GET"})

    @relaxed
    @given(st.lists(st.tuples(WORDS, TEXT), max_size=4))
    def run(query: list[tuple[str, str]]) -> None:
        check(api, route.method, path, params=[(name, value) for name, value in query if _sendable(name + value)])

    run()


@each_route
def test_unknown_ids_and_path_tricks(where: tuple[str, Route], world: tuple[InProcess, dict[str, str]]) -> None:
    api, ids = world
    prefix, route = where
    parameters = re.findall(r"\{(\w+)\}", route.path)
    for trick in IDS:
        for name in parameters:
            check(api, route.method, filled(prefix, route, {**ids, name: trick}), content=b"{}", headers=JSON)
    for tail in ("/", "//", "/../..", "%2f", "/%00", ";x=1", "?%%%=%"):
        check(api, "GET", filled(prefix, route, ids) + tail)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "HEAD", "CONNECT", "PROPFIND"])
def test_methods_that_nobody_has(method: str, world: tuple[InProcess, dict[str, str]]) -> None:
    api, ids = world
    for prefix, route in ROUTES:
        assert api(method, f"http://emulator{filled(prefix, route, ids)}").status_code == 405


@relaxed
@given(
    st.lists(st.tuples(PARTS, TEXT | st.sampled_from(["direct", "url", "https://a.org/b.mp4", "{}"])), max_size=5),
    st.lists(st.tuples(PARTS, st.text(max_size=9), st.binary(max_size=30)), max_size=2),
)
def test_any_form(fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]]) -> None:
    api = InProcess(app())
    data: dict[str, Any] = {name: value for name, value in fields if _sendable(value)}
    sent = [(name, (filename, content)) for name, filename, content in files if _sendable(filename)]
    check(api, "POST", "/v1.3/assets", data=data, files=sent or {"x": b""})
    api.close()
    api.emulator.close()


@pytest.mark.parametrize(
    "path", ["", "/", "/requests?limit=x", "/requests?limit=-1", "/objects?kind=%00", "/faults", "/clock", "/options"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_steering_never_crashes(method: str, path: str) -> None:
    api = InProcess(app())
    for body in BROKEN:
        reply = api(method, f"http://emulator/_emulator{path}", content=body)
        assert reply.status_code in (200, 400, 404)
    api.close()
    api.emulator.close()


JSON = {"content-type": "application/json"}


def _sendable(text: str) -> bool:
    """Whether a client could put it on the wire at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
