"""An account that is filled directly is as one that was filled by requests."""

from __future__ import annotations

import time
from typing import Any

from reconciler.emulator import Emulator
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import collection, entity, index, indexed, ready_asset, rows
from tests.support.filled import NewAsset, NewEntity, filled

TIMES = ("created_at", "updated_at", "indexed_at")


def shown(api: Api) -> dict[str, Any]:
    """All that can be read, but for the times: requests have ticks of their own."""
    found: dict[str, Any] = {"assets": rows(api, "/assets"), "indexes": rows(api, "/indexes")}
    for one in found["indexes"]:
        found[one["_id"]] = rows(api, f"/indexes/{one['_id']}/indexed-assets")
    for one in rows(api, "/entity-collections"):
        found[one["_id"]] = rows(api, f"/entity-collections/{one['_id']}/entities")
    found["uses"] = [rows(api, f"/assets/{one['_id']}/indexed-assets") for one in found["assets"]]
    return {
        name: [{key: value for key, value in row.items() if key not in TIMES} for row in of] if name != "uses" else of
        for name, of in found.items()
    }


def test_it_is_what_the_routes_would_have_left() -> None:
    asked, put = InProcess(app()), InProcess(app())
    ids = [ready_asset(asked, name, content) for name, content in (("a.mp4", b"film"), ("b.jpg", b"face"))]
    catalog = index(asked)
    members = [indexed(asked, catalog, ids[0])]
    players = collection(asked)
    people = [entity(asked, players, "lebron", ids[1:], metadata={"team": "Lakers"})]
    for _ in range(3):
        expected = shown(asked)

    account = filled(
        put.emulator,
        assets=[NewAsset("a.mp4", b"film"), NewAsset("b.jpg", b"face")],
        indexes={"catalog": [0]},
        collections={"players": [NewEntity("lebron", [1], metadata={"team": "Lakers"})]},
    )

    assert (account.assets, account.indexes, account.members) == (ids, {"catalog": catalog}, {"catalog": members})
    assert (account.collections, account.entities) == ({"players": players}, {"players": people})
    assert shown(put) == expected
    for api in (asked, put):
        api.close()
        api.emulator.close()


def test_ids_and_times_go_on_from_there(inside: Api) -> None:
    filled(inside.emulator, assets=[NewAsset(f"{number}.mp4") for number in range(3)])

    later = ready_asset(inside)

    found = rows(inside, "/assets")
    assert found[0]["_id"] == later
    assert len({row["_id"] for row in found}) == 4
    assert [row["created_at"] for row in found] == sorted((row["created_at"] for row in found), reverse=True)


def test_a_hash_stands_for_bytes_that_nobody_has(emulator: Emulator, inside: Api) -> None:
    filled(emulator, assets=[NewAsset("a.mp4", sha256="ab" * 32, size=7, metadata={"season": 2024})])

    (row,) = rows(inside, "/assets")
    assert (row["size"], row["user_metadata"]) == (7, {"season": 2024})
    kept = inside("GET", f"{inside.origin}/_emulator/objects", params={"kind": "asset"}).json()["objects"]
    assert [(one["sha256"], one["size"]) for one in kept] == [("ab" * 32, 7)]


def test_twenty_thousand_take_less_than_as_many_requests_by_far() -> None:
    emulator = app()
    start = time.process_time()

    account = filled(emulator, assets=(NewAsset(f"{n}.mp4") for n in range(20_000)), indexes={"all": range(20_000)})

    assert time.process_time() - start < 10
    assert len(account.members["all"]) == 20_000
    emulator.close()
