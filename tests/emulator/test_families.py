"""What a new family of endpoints can count on, shown with one that no vendor has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.emulator import ManualClock
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import AccountStore, Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.options import Options
from tests.emulator.conftest import InProcess

KIND = "kite"


def shown(kite: Obj) -> dict[str, Any]:
    return {"_id": kite.id, "name": kite.name, "status": kite.status}


def create(call: ApiCall) -> Reply:
    fields = call.json()
    name = fields.text("name")
    fields.done()
    started = call.walker.start(KIND)
    return Reply(
        202,
        shown(call.store.insert(KIND, {}, name=name, status=started, walking=True, fate=call.fate, make_id="kite_")),
    )


def index(call: ApiCall) -> Reply:
    return call.page(Selection(KIND), shown)


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, shown(call.look(call.find(KIND, call.path["kite_id"], status=404, prefix="kite_"))))


def fly(call: ApiCall) -> Reply:
    return Reply(200, chunks=iter([b'{"height": 1}\n', b'{"height": 2}\n']), media_type="application/x-ndjson")


def crash(call: ApiCall) -> Reply:
    call.store.insert(KIND, {}, name="never")
    raise ApiProblem(409, "crashed", "It is down.")


def first(store: AccountStore, options: Options) -> None:
    store.insert(KIND, {}, name="first", status="up")


KITES = EndpointFamily(
    name="kites",
    walks={KIND: StatusWalk(("rising", "turning"), end="up", failed="down")},
    set_up=first,
    routes=(
        Route("POST", "/kites", create, body="json", errors="nested"),
        Route("GET", "/kites", index),
        Route("GET", "/kites/{kite_id}", retrieve, errors="nested"),
        Route("POST", "/kites/{kite_id}/fly", fly, bucket="flights", limited="empty"),
        Route("POST", "/kites/{kite_id}/crash", crash, errors="search"),
    ),
)


@pytest.fixture
def kites() -> Iterator[InProcess]:
    api = InProcess(app(families=[KITES], clock=ManualClock()))
    yield api
    api.close()
    api.emulator.close()


def test_a_family_is_routes_and_walks(kites: InProcess) -> None:
    made = kites("POST", "/kites", json={"name": "red"})

    assert made.status_code == 202
    path = f"/kites/{made.json()['_id']}"
    assert [kites("GET", path).json()["status"] for _ in range(4)] == ["rising", "turning", "up", "up"]
    assert [row["name"] for row in kites("GET", "/kites").json()["data"]] == ["red", "first"]
    assert kites("GET", "/assets").status_code == 404


def test_ids_can_be_uuids_of_version_7(kites: InProcess) -> None:
    made = kites("POST", "/kites", json={"name": "red"}).json()["_id"]

    assert re.fullmatch(r"kite_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)


def test_errors_come_in_the_envelope_of_the_route(kites: InProcess) -> None:
    assert kites("POST", "/kites", json={}).json()["error"]["code"] == "parameter_not_provided"
    assert kites("GET", "/kites/kite_none").json()["error"]["code"] == "resource_not_exist"
    assert kites("GET", "/kites/none").json()["error"]["code"] == "parameter_invalid"
    assert kites("POST", "/kites/x/crash").json() == {"error_code": 409, "message": "It is down."}
    assert kites("GET", "/kites").json()["page_info"]["total_results"] == 1


def test_a_stream_goes_out_in_pieces(kites: InProcess) -> None:
    reply = kites("POST", "/kites/x/fly")

    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.text.splitlines() == ['{"height": 1}', '{"height": 2}']


def test_a_429_may_be_empty(kites: InProcess) -> None:
    kites.emulator.set_options({"requests_per_minute": {"flights": 1}})

    kites("POST", "/kites/x/fly")
    refused = kites("POST", "/kites/x/fly")

    assert (refused.status_code, refused.content) == (429, b"")


def test_faults_decide_how_what_it_makes_will_end(kites: InProcess) -> None:
    kites.emulator.add_fault({"fault": "ends_failed", "method": "POST"})
    path = f"/kites/{kites('POST', '/kites', json={'name': 'torn'}).json()['_id']}"

    assert [kites("GET", path).json()["status"] for _ in range(3)] == ["rising", "turning", "down"]
