"""What holds for every family: keys, envelopes, time, walks, limits, restarts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator, Exchange, ManualClock, ServedEmulator
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import KEY, Api, InProcess
from tests.emulator.steps import MODELS, error, index, indexed, made, rows, upload


def test_a_key_is_required(api: Api) -> None:
    reply = api("GET", "/assets", headers={"x-api-key": ""})

    assert error(reply) == (401, "api_key_invalid")
    assert reply.headers["x-api-version"] == "1.3"


def test_a_key_may_have_to_be_the_right_one() -> None:
    strict = InProcess(app(key="secret"))

    assert error(strict("GET", "/assets")) == (401, "api_key_invalid")
    assert strict("GET", "/assets", headers={"x-api-key": "secret"}).status_code == 200
    strict.close()


def test_what_is_not_there_has_an_envelope_too(api: Api) -> None:
    assert error(api("GET", "/nowhere")) == (404, "endpoint_not_exists")
    wrong = api("PUT", "/indexes", json={})
    assert (error(wrong), wrong.headers["allow"]) == ((405, "method_not_allowed"), "GET, POST")


def test_ids_follow_from_the_seed() -> None:
    def ids(seed: int) -> list[str]:
        one = InProcess(app(seed=seed))
        found = [upload(one), index(one)]
        one.close()
        return found

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert all(len(found) == 24 and int(found, 16) >= 0 for found in ids(1))


def test_reads_of_a_status_can_be_counted_out() -> None:
    counted = InProcess(app(reads={"asset.processing": 2, "queued": 0}))
    asset, catalog = upload(counted), index(counted)

    seen = [counted("GET", f"/assets/{asset}").json()["status"] for _ in range(4)]

    assert seen == ["processing", "processing", "ready", "ready"]
    path = f"/indexes/{catalog}/indexed-assets/{indexed(counted, catalog, asset)}"
    assert [counted("GET", path).json()["status"] for _ in range(3)] == ["pending", "indexing", "ready"]
    counted.close()


def test_without_reads_everything_is_ready_when_it_is_first_seen() -> None:
    eager = InProcess(app(default_reads=0))

    assert eager("GET", f"/assets/{upload(eager)}").json()["status"] == "ready"
    eager.close()


def test_being_on_a_list_is_being_read(inside: Api) -> None:
    upload(inside)

    assert [rows(inside, "/assets")[0]["status"] for _ in range(2)] == ["processing", "ready"]


def test_in_real_time_only_time_moves_a_status() -> None:
    clock = ManualClock()
    slow = InProcess(app(speed="real", clock=clock, seconds={"asset.processing": 10}))
    asset, catalog = upload(slow), index(slow)

    def status() -> str:
        found: str = slow("GET", f"/assets/{asset}").json()["status"]
        return found

    assert {status() for _ in range(5)} == {"processing"}
    clock.advance(10)
    assert status() == "ready"
    member = indexed(slow, catalog, asset)
    path = f"/indexes/{catalog}/indexed-assets"
    clock.advance(5)
    assert slow("GET", f"{path}/{member}").json()["status"] == "queued"
    clock.advance(60)
    (found,) = rows(slow, path, status="ready")
    assert found["indexed_at"] == "2026-01-01T00:00:18.000Z"
    slow.close()


def test_limits_by_bucket_say_what_is_left(api: Api) -> None:
    api.emulator.set_options({"requests_per_minute": {"assets": 2}})
    sent = {"method": "url", "url": "https://a.org/b.mp4"}

    replies = [api("POST", "/assets", data=sent) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [201, 201, 429]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["1", "0", "0"]
    assert 1 <= int(replies[2].headers["retry-after"]) <= 60
    assert error(replies[2]) == (429, "too_many_requests")
    assert "x-ratelimit-limit" not in api("GET", "/assets").headers
    assert len(rows(api, "/assets")) == 2


def test_a_limit_is_over_after_a_minute() -> None:
    clock = ManualClock()
    limited = InProcess(app(clock=clock, requests_per_minute={"*": 1}, retry_after=False))

    first, second = limited("GET", "/assets"), limited("GET", "/indexes")
    clock.advance(60)
    third = limited("GET", "/indexes")

    assert [reply.status_code for reply in (first, second, third)] == [200, 429, 200]
    assert "retry-after" not in second.headers
    limited.close()


def test_a_limit_by_the_second_is_the_one_that_headers_tell() -> None:
    clock = ManualClock()
    limited = InProcess(app(clock=clock, requests_per_minute={"*": 9}, requests_per_second={"*": 1}))

    first, second = limited("GET", "/assets"), limited("GET", "/assets")
    clock.advance(1)
    third = limited("GET", "/assets")

    assert [reply.status_code for reply in (first, second, third)] == [200, 429, 200]
    assert [reply.headers["x-ratelimit-limit"] for reply in (first, second, third)] == ["1", "1", "1"]
    assert "(1req/1s)" in second.json()["message"]
    limited.close()


def test_a_limit_by_the_day_outlasts_the_minute() -> None:
    clock = ManualClock()
    limited = InProcess(app(clock=clock, requests_per_day={"assets": 2}, requests_per_minute={"assets": 1}))
    statuses = []

    for pause_s in (0, 60, 60, 86_400 - 120):
        clock.advance(pause_s)
        statuses.append(upload_status(limited))

    assert statuses == [(201, "0"), (201, "0"), (429, str(86_400 - 120)), (201, "0")]
    limited.close()


def upload_status(api: Api) -> tuple[int, str]:
    """The status, and how long to wait or how much is left."""
    reply = api("POST", "/assets", data={"method": "url", "url": "https://a.org/b.mp4"})
    return reply.status_code, reply.headers.get("retry-after") or reply.headers["x-ratelimit-remaining"]


def test_state_survives_a_restart(tmp_path: Path) -> None:
    def opened() -> InProcess:
        return InProcess(app(tmp_path / "kept" / "emulator.db", seed=3))

    def closed(api: InProcess) -> None:
        api.emulator.close()
        api.close()

    first = opened()
    asset = upload(first)
    before = first("GET", f"/assets/{asset}").json()
    closed(first)
    second = opened()
    after = second("GET", f"/assets/{asset}").json()
    another = upload(second)
    closed(second)

    assert (before["status"], after["status"]) == ("processing", "ready")
    assert after["created_at"] == before["created_at"]
    assert another != asset
    third = opened()
    listed = rows(third, "/assets")
    assert [row["_id"] for row in listed] == [another, asset]
    assert listed[0]["created_at"] > listed[1]["created_at"]
    closed(third)


def test_two_may_have_one_file_open(tmp_path: Path) -> None:
    here, there = (InProcess(app(tmp_path / "emulator.db")) for _ in range(2))

    ids = [upload(api, f"{number}.mp4") for number, api in enumerate([here, there, there, here, there])]

    assert len(set(ids)) == 5
    assert [row["_id"] for row in rows(here, "/assets")] == ids[::-1] == [row["_id"] for row in rows(there, "/assets")]
    for api in (here, there):
        api.emulator.close()
        api.close()


KILLED = """
import asyncio, os, pathlib, signal, sys
import httpx
from reconciler.emulator import transport
from reconciler.emulator.twelvelabs import app

async def main() -> None:
    emulator = app(pathlib.Path(sys.argv[1]))
    where = {"base_url": "http://emulator/v1.3", "headers": {"x-api-key": "k"}}
    async with httpx.AsyncClient(transport=transport(emulator), **where) as client:
        for number in range(5):
            reply = await client.post("/entity-collections", json={"name": str(number)})
            print(reply.json()["_id"], flush=True)
        emulator.add_fault({"fault": "drop_after", "method": "POST", "count": 1})
        try:
            await client.post("/entity-collections", json={"name": "unanswered"})
        except httpx.TransportError:
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_was_done_is_kept_even_if_the_process_is_killed(tmp_path: Path) -> None:
    db = tmp_path / "emulator.db"

    killed = subprocess.run([sys.executable, "-c", KILLED, str(db)], capture_output=True, text=True, check=False)

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = InProcess(app(db))
    kept = rows(again, "/entity-collections", sort_option="asc")
    assert [row["name"] for row in kept] == ["0", "1", "2", "3", "4", "unanswered"]
    assert [row["_id"] for row in kept[:5]] == killed.stdout.split()
    assert made(again("POST", "/entity-collections", json={"name": "next"})) not in {row["_id"] for row in kept}
    again.close()


def test_a_handler_that_refuses_leaves_nothing_behind(inside: Api) -> None:
    before = inside.emulator.store.meta("count", 0)

    inside("POST", "/indexes", json={"index_name": "a", "models": MODELS, "addons": ["sauce"]})

    assert inside.emulator.store.meta("count", 0) == before
    assert inside.emulator.store.db.execute("SELECT count(*) FROM objects").fetchone() == (0,)


def test_a_page_of_a_hundred_thousand_is_found_by_index(emulator: Emulator, inside: Api) -> None:
    """Not timed: what costs is asked of SQLite, which must neither scan the table nor sort."""
    plans: list[str] = []
    db = emulator.store.db
    index(inside)
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    rows(inside, "/assets", page=3)
    rows(inside, "/assets", asset_types="video")
    rows(inside, "/indexes", sort_by="updated_at", sort_option="asc")
    rows(inside, "/entity-collections", sort_by="name")
    db.set_trace_callback(None)
    for statement in statements:
        if statement.startswith("SELECT"):
            plans += [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]

    assert any("objects_order" in plan for plan in plans)
    assert not [plan for plan in plans if plan.startswith("SCAN") and "json_each" not in plan]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_the_body_of_an_answer_does_not_wait_until_its_head_is_confirmed() -> None:
    """By the option of the connection: that it costs 40 ms a request without it, a clock would not show for sure."""
    with ServedEmulator(app()) as served, httpx.Client(base_url=served.url, trust_env=False) as client:
        client.get("/indexes")
        (connection,) = served._server.server_state.connections
        connected = connection.transport.get_extra_info("socket")

        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_is_under_way_when_the_server_is_to_end_is_answered() -> None:
    emulator = app()
    arrived, told = threading.Event(), threading.Event()
    answers: list[int] = []

    def until_told(_: Exchange) -> None:
        arrived.set()
        told.wait(10)

    emulator.journal.listen(until_told)
    with ServedEmulator(emulator) as served:
        url = f"{served.url}/indexes"
        asking = threading.Thread(target=lambda: answers.append(httpx.get(url, headers=KEY).status_code))
        asking.start()
        assert arrived.wait(10)
        served._server.leave()
        told.set()
    asking.join()

    assert answers == [200]


def test_one_emulator_serves_many_at_once() -> None:
    with ServedEmulator(app()) as served:
        clients = [httpx.Client(base_url=served.url, headers={"x-api-key": "k"}, trust_env=False) for _ in range(4)]
        for number, client in enumerate(clients * 5):
            client.post("/entity-collections", json={"name": str(number)})
        total = clients[0].get("/entity-collections").json()["page_info"]["total_results"]
        for client in clients:
            client.close()

    assert total == 20


def test_a_listener_sees_every_exchange(inside: Api) -> None:
    seen: list[Any] = []
    inside.emulator.journal.listen(seen.append)

    upload(inside, user_metadata='{"a": 1}')
    inside("POST", "/indexes", json={"index_name": "a", "models": MODELS})

    form, body = seen
    assert (form.route, form.request_type, form.status) == ("POST /assets", "multipart/form-data", 201)
    assert b'["file", {"filename": "final.mp4"}]' in form.request_body
    assert b'"models"' in body.request_body
    assert b'"_id"' in body.response_body


def test_the_engine_is_not_imported() -> None:
    script = "import sys, reconciler.emulator as e; print([m for m in sys.modules if m.startswith('reconciler')])"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env).stdout

    names = [name.strip("' \n") for name in loaded.strip("[]\n").split(",")]
    assert {name for name in names if not name.startswith("reconciler.emulator")} == {
        "reconciler",
        "reconciler.version",
    }
    assert "uvicorn" not in loaded


@pytest.mark.parametrize("unknown", [{"colour": "red"}, {"chunk_size": -1}, {"reads": {"a": "b"}}])
def test_an_option_that_is_wrong_is_refused(unknown: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="option"):
        app(**unknown)
