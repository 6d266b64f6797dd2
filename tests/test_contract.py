"""The vendor's contract: what of it is served, and whether the check that every test runs under would see a breach."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Exchange
from reconciler.emulator.core.request_log import RequestLog
from reconciler.emulator.twelvelabs import app
from tests.contracts import watch
from tests.contracts.contract import Contract, Violation
from tests.contracts.derive import served, written
from tests.contracts.types import Notes, Types, kind
from tests.contracts.watch import WATCH, Watch
from tests.emulator.conftest import InProcess
from tests.support.commandline import CHECKOUT

LOST = """\
import httpx
import pytest
from reconciler.emulator import transport
from reconciler.emulator.twelvelabs import app
from reconciler.emulator.core.request_log import RequestLog

async def ask(emulator):
    async with httpx.AsyncClient(base_url="http://emulator/v1.3", transport=transport(emulator)) as client:
        await client.get("/indexes", headers={"x-api-key": "any"})

@pytest.fixture(scope="module")
def late():
    import asyncio
    yield
    emulator = app()
    emulator.journal = RequestLog()
    asyncio.run(ask(emulator))

def test_one(late): ...
def test_two(): ...
"""
"""Its exchange is no test's: it comes when the module ends."""
VINTAGE = "2026-07"
INDEX = {"_id": "1", "index_name": "a", "models": [{"model_name": "marengo3.0", "model_options": ["visual"]}]}


@pytest.fixture(scope="module")
def contract() -> Contract:
    """One of our own, whose counts do not mix with those of the run."""
    return Contract.read()


def exchange(route: str, status: int | None, answer: Any = None, sent: Any = None, **more: Any) -> Exchange:
    """One as the journal would tell it, from our engine."""
    method, path = route.split()
    known = Exchange(
        number=1,
        method=method,
        path=path,
        query="",
        route=route,
        status=status,
        client="reconciler/1",
        request_type="application/json",
        request_body=json.dumps(sent).encode(),
        response_body=b"" if answer is None else json.dumps(answer).encode(),
    )
    return replace(known, **more)


def found(contract: Contract, given: Exchange, vintage: str = VINTAGE) -> list[tuple[str, str]]:
    return [(each.at, each.found) for each in contract.judge(given, vintage)]


def test_each_operation_of_the_emulator_is_in_the_contract_or_said_to_be_beyond_it(contract: Contract) -> None:
    assert served() == set(contract.facts["operations"]) | set(contract.beyond)
    assert not set(contract.facts["operations"]) & set(contract.beyond)


def test_each_operation_of_the_contract_is_served_or_said_not_to_be_with_a_reason(contract: Contract) -> None:
    assert set(contract.facts["not served"]) == set(contract.not_served)
    assert all(contract.not_served.values())
    assert all(contract.beyond.values())
    assert all(divergence.reason for divergence in contract.divergences)


def test_each_divergence_is_of_an_operation_that_there_is(contract: Contract) -> None:
    for divergence in contract.divergences:
        anywhere = replace(divergence, at="*", found="*", vintage="*")
        assert any(anywhere.covers(name, "", "", VINTAGE) for name in contract.operations), str(divergence)


def test_the_checks_of_every_operation_can_be_made(contract: Contract) -> None:
    for name in contract.operations:
        assert contract._operation(name).answers


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (INDEX, []),
        ({**INDEX, "index_name": 5}, [("200.index_name", "integer")]),
        ({**INDEX, "video_count": True}, [("200.video_count", "boolean")]),
        ({**INDEX, "models": {}}, [("200.models", "object")]),
        (
            {**INDEX, "models": [{"model_name": "x", "model_options": [1]}]},
            [("200.models[].model_options[]", "integer")],
        ),
        ({**INDEX, "nmae": "a"}, [("200.nmae", "unknown")]),
        ([], [("200", "list")]),
        ("", [("200", "string")]),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_seen(contract: Contract, answer: Any, wrong: Any) -> None:
    assert found(contract, exchange("GET /indexes/{index_id}", 200, answer)) == wrong


def test_a_status_that_is_not_in_the_contract_is_seen(contract: Contract) -> None:
    assert found(contract, exchange("GET /indexes/{index_id}", 402, {})) == [("402", "status")]
    assert found(contract, exchange("GET /indexes/{index_id}", 202, INDEX)) == [("202", "status")]


def test_a_body_where_there_is_none_and_none_where_there_is_one_are_seen(contract: Contract) -> None:
    assert found(contract, exchange("DELETE /indexes/{index_id}", 204, {})) == [("204", "body")]
    assert found(contract, exchange("GET /indexes/{index_id}", 200)) == [("200", "empty")]
    assert found(contract, exchange("DELETE /indexes/{index_id}", 204)) == []


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"index_name": "a", "models": []}, []),
        ({"models": []}, [("json.index_name", "missing")]),
        ({"index_name": "a", "models": [{"model_name": "x"}]}, [("json.models[].model_options", "missing")]),
        ({"index_name": None, "models": [], "name": "a"}, [("json.index_name", "null"), ("json.name", "unknown")]),
    ],
)
def test_a_request_of_ours_that_is_not_as_it_should_be_is_seen(contract: Contract, sent: Any, wrong: Any) -> None:
    assert found(contract, exchange("POST /indexes", 201, {"_id": "1"}, sent)) == wrong


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ([["method", "url"], ["url", "https://a.org/b.mp4"], ["enable_hls", "true"], ["user_metadata", "{}"]], []),
        ([["method", "direct"], ["file", {"filename": "a.mp4"}]], []),
        ([["url", "https://a.org/b.mp4"]], [("form.method", "missing")]),
        ([["method", "post"]], [("form.method", "=post")]),
        ([["method", "url"], ["user_metadata", "a=b"]], [("form.user_metadata", "no json")]),
        ([["method", "url"], ["enable_hls", "True"]], [("form.enable_hls", "no boolean")]),
        ([["method", "direct"], ["file", "text"]], [("form.file", "text")]),
        ([["method", "url"], ["hls", "true"]], [("form.hls", "unknown")]),
    ],
)
def test_a_form_of_ours_that_is_not_as_it_should_be_is_seen(contract: Contract, fields: Any, wrong: Any) -> None:
    sent = exchange("POST /assets", 201, {"_id": "1"}, fields, request_type="multipart/form-data")
    assert found(contract, sent) == wrong


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("page=2&page_limit=50&status=ready&status=failed&duration[gte]=1.5&user_metadata[a]=b", []),
        ("page=two", [("query.page", "no integer")]),
        ("status=done", [("query.status", "=done")]),
        ("duration[lt]=1", [("query.duration[lt]", "unknown")]),
        ("cat=x", [("query.cat", "unknown")]),
    ],
)
def test_a_query_of_ours_that_is_not_as_it_should_be_is_seen(contract: Contract, query: str, wrong: Any) -> None:
    sent = exchange("GET /indexes/{index_id}/indexed-assets", 200, {"data": []}, query=query)
    assert found(contract, sent) == wrong


def test_we_ask_for_nothing_that_the_contract_does_not_have(contract: Contract) -> None:
    asked = [("request", "not in the contract")]

    assert found(contract, replace(exchange("GET /nowhere", 404, {}), route="GET (no route)")) == asked
    assert found(contract, exchange("PUT /indexes/{index_id}/videos/{video_id}", 204)) == asked


def test_others_are_allowed_what_is_listed_and_we_are_not(contract: Contract) -> None:
    given = exchange("POST /indexes", 201, {"_id": "1"}, {"index_name": "a", "models": [], "addons": None})

    assert found(contract, given) == [("json.addons", "null")]
    assert found(contract, replace(given, client="python-httpx/1")) == []


def test_what_was_refused_need_not_be_right_unless_it_is_ours(contract: Contract) -> None:
    given = exchange("POST /indexes", 400, {"code": "a", "message": "b"}, {})

    assert found(contract, replace(given, client="twelvelabs/1")) == []
    assert len(found(contract, given)) == 2


def test_what_a_fault_made_of_an_answer_is_not_held_against_anyone(contract: Contract) -> None:
    route = "GET /indexes/{index_id}"

    assert found(contract, exchange(route, 503, faults=("status",))) == []
    assert found(contract, exchange(route, None, faults=("drop_before",))) == []
    assert found(contract, exchange(route, 200, {"x": 1}, faults=("delay", "cut"))) == [("200.x", "unknown")]


def test_a_divergence_of_one_contract_does_not_hold_for_the_other(contract: Contract) -> None:
    row = {"_id": "1", "status": "validating"}
    given = exchange("GET /indexes/{index_id}/indexed-assets", 200, {"data": [row]})

    assert found(contract, given, "newest") == []
    assert found(contract, given) == [("200.data[].status", "=validating")]


def test_each_line_of_a_stream_is_looked_at(contract: Contract) -> None:
    lines = b'{"event_type": "stream_start"}\n{"event_type": "text_generation", "text": 5}\n'
    given = exchange("POST /analyze", 200, sent={}, response_body=lines, client="twelvelabs/1")

    assert found(contract, given) == [("200.text", "integer")]


def test_types_say_what_is_wrong() -> None:
    check = Types({"Pair": {"a*": "?=x|y", "b": {"null or": ["time"]}}}).check({"one of": ["Pair", ["integer"]]}, "it")

    def wrong(value: Any) -> Notes:
        notes: Notes = []
        check(value, notes)
        return notes

    assert wrong({"a": None, "b": None}) == wrong({"a": "x", "b": ["2026-01-01T00:00:00Z"]}) == wrong([1]) == []
    assert wrong({"a": "z"}) == [("it.a", "=z")]
    assert wrong({"a": "x", "b": ["today"]}) == [("it.b[]", "no time")]
    assert wrong([1.5]) == [("it[]", "number")]
    values: list[Any] = [None, {}, [], 1, 1.0, True, ""]
    assert [kind(value) for value in values] == [
        "null", "object", "list", "integer", "number", "boolean", "string",
    ]  # fmt: skip


@pytest.fixture
def unseen() -> Iterator[None]:
    """What a test does wrong on purpose is not that test's fault."""
    yield
    WATCH.violations.clear()


def test_every_emulator_is_watched(unseen: None) -> None:
    api = InProcess(app())
    before = sum(WATCH.clients.values())

    api("GET", "/indexes", headers={"user-agent": "reconciler/test"}, params={"nme": "a"})

    assert sum(WATCH.clients.values()) == before + 1
    assert set(WATCH.violations) == {Violation("GET /indexes", "query.nme", "unknown")}
    api.close()
    api.emulator.close()


@pytest.fixture
def unheld() -> Iterator[None]:
    """What a test lets go by on purpose is not that test's fault."""
    before = WATCH.unheld
    yield
    WATCH.unheld = before


def test_an_exchange_that_is_held_against_nothing_is_counted(unheld: None) -> None:
    before = WATCH.unheld
    emulator = app()
    api = InProcess(emulator)
    api("GET", "/indexes")
    held = WATCH.unheld

    emulator.journal = RequestLog()
    api("GET", "/indexes")

    assert (held, WATCH.unheld) == (before, before + 1)
    api.close()
    emulator.close()


def test_who_falls_silent_silences_nobody_else(unheld: None) -> None:
    before = WATCH.unheld
    seen: list[Exchange] = []
    emulator = app()
    api = InProcess(emulator)
    silence = emulator.journal.listen(seen.append)
    api("GET", "/indexes")

    silence()
    silence()
    api("GET", "/indexes")

    assert (len(seen), WATCH.unheld) == (1, before)
    api.close()
    emulator.close()


def test_every_test_is_under_the_watch(request: pytest.FixtureRequest) -> None:
    """What `tests/conftest.py` imports is what pytest calls."""
    hooks = request.config.pluginmanager.hook

    assert "contract_holds" in request.fixturenames
    for name in ("pytest_sessionfinish", "pytest_terminal_summary"):
        assert getattr(watch, name) in [each.function for each in getattr(hooks, name).get_hookimpls()]


def test_a_run_in_which_an_exchange_was_held_against_nothing_fails(unheld: None, tmp_path: Path) -> None:
    """As a session of one file, in a process of its own."""
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(LOST)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]

    said = subprocess.run(run, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)

    assert "2 passed" in said.stdout, said.stdout + said.stderr
    assert "contract: 1 exchanges were held against nothing" in said.stdout
    assert said.returncode == pytest.ExitCode.TESTS_FAILED


def test_a_divergence_that_nobody_needed_is_told() -> None:
    watch = Watch()
    some, *others = watch.idle()

    watch.merge({"used": {0: 3}, "clients": {"reconciler": 2}, "unheld": 0, "cost_ns": 5})

    assert len(others) == len(watch.contract.divergences) - 1
    assert watch.idle() == others
    assert some.endswith(": 204: status")


def test_facts_are_derived_without_prose() -> None:
    """By a document of three operations, of which the emulator has two."""
    note = {"description": "A name.", "example": "Ann", "default": "x", "maxLength": 9}
    name = {"type": "string", **note}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/One"}}}, "description": "Yes."}
    one = {"type": "object", "properties": {"name": name, "when": {"type": ["string", "null"]}}, "required": ["name"]}
    page = {"in": "query", "name": "page", "schema": {"type": "integer", **note}, "description": "Which."}
    document = {
        "paths": {
            "/indexes/{index-id}": {"get": {"summary": "Get it", "responses": {"200": answer}}},
            "/indexes": {"get": {"parameters": [page], "responses": {"200": answer, "204": {"description": "No."}}}},
            "/elsewhere": {"post": {"responses": {}}},
        },
        "components": {"schemas": {"One": one}},
    }

    facts = json.loads(written(document))

    assert facts == {
        "types": {"One": {"name*": "string", "when": "?string"}},
        "operations": {
            "GET /indexes": {"query": {"page": "integer"}, "answers": {"200": "One", "204": None}},
            "GET /indexes/{index_id}": {"answers": {"200": "One"}},
        },
        "not served": ["POST /elsewhere"],
    }
