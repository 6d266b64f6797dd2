"""Entity collections and entities."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import NOBODY, collection, entity, error, ready_asset, rows, upload, wait


def test_a_collection_is_created_changed_listed_and_deleted(api: Api) -> None:
    reply = api("POST", "/entity-collections", json={"name": "players", "description": "Everyone"})

    assert reply.status_code == 201
    created = reply.json()
    path = f"/entity-collections/{created['_id']}"
    assert set(created) == {"_id", "name", "description", "created_at", "updated_at"}
    assert api("GET", path).json() == created
    assert rows(api, "/entity-collections") == [created]
    changed = api("PATCH", path, json={"description": "The roster"}).json()
    assert (changed["name"], changed["description"]) == ("players", "The roster")
    assert changed["updated_at"] > changed["created_at"]
    assert api("DELETE", path).status_code == 204
    assert error(api("GET", path)) == (400, "resource_not_exist")


def test_two_collections_may_have_one_name(inside: Api) -> None:
    ids = [collection(inside, "same"), collection(inside, "same")]

    assert [row["_id"] for row in rows(inside, "/entity-collections", name="same")] == ids[::-1]


def test_sorts_of_the_collections(inside: Api) -> None:
    beta, alpha = collection(inside, "beta"), collection(inside, "alpha")
    inside("PATCH", f"/entity-collections/{beta}", json={"description": "later"})

    def ids(**params: str) -> list[str]:
        return [row["_id"] for row in rows(inside, "/entity-collections", **params)]

    assert ids() == [alpha, beta]
    assert ids(sort_by="name", sort_option="asc") == [alpha, beta]
    assert ids(sort_by="updated_at") == [beta, alpha]
    assert ids(sort_by="name") == [beta, alpha]
    assert error(inside("GET", "/entity-collections?sort_by=size")) == (400, "parameter_invalid")


def test_an_entity_is_processed_and_then_ready(api: Api) -> None:
    face, players = ready_asset(api, "face.jpg"), collection(api)
    body = {"name": "LeBron", "asset_ids": [face], "description": "forward", "metadata": {"team": "Lakers", "no": 23}}

    reply = api("POST", f"/entity-collections/{players}/entities", json=body)

    assert reply.status_code == 201
    created = reply.json()
    assert {name: created[name] for name in (*body, "entity_collection_id", "status")} == {
        **body,
        "entity_collection_id": players,
        "status": "processing",
    }
    assert wait(api, f"/entity-collections/{players}/entities/{created['_id']}")["status"] == "ready"
    assert rows(api, f"/entity-collections/{players}/entities", status="ready")[0]["metadata"] == body["metadata"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": None}, "parameter_not_provided"),
        ({"name": ""}, "parameter_invalid"),
        ({"asset_ids": None}, "parameter_not_provided"),
        ({"asset_ids": []}, "parameter_invalid"),
        ({"asset_ids": "one"}, "parameter_invalid"),
        ({"asset_ids": [NOBODY]}, "resource_not_exist"),
        ({"asset_ids": ["nonsense"]}, "parameter_invalid"),
        ({"metadata": {"a": {"b": 1}}}, "parameter_invalid"),
        ({"metadata": {"a": ["x"]}}, "parameter_invalid"),
        ({"metadata": [1]}, "parameter_invalid"),
        ({"age": 39}, "parameter_unknown"),
    ],
)
def test_an_entity_that_is_wrong_is_refused(inside: Api, change: dict[str, Any], code: str) -> None:
    face, players = ready_asset(inside, "face.jpg"), collection(inside)
    path = f"/entity-collections/{players}/entities"

    assert error(inside("POST", path, json={"name": "LeBron", "asset_ids": [face], **change})) == (400, code)
    assert rows(inside, path) == []


def test_an_asset_must_be_ready_to_show_an_entity(inside: Api) -> None:
    inside.emulator.set_options({"early_images": "refused"})
    raw, players = upload(inside, "face.jpg"), collection(inside)
    body = {"name": "LeBron", "asset_ids": [raw]}

    refused = inside("POST", f"/entity-collections/{players}/entities", json=body)

    assert (error(refused), "being processed" in refused.text) == ((400, "parameter_invalid"), True)


def test_bulk_makes_what_it_can_and_tells_the_rest_by_place(api: Api) -> None:
    face, players = ready_asset(api, "face.jpg"), collection(api)
    wanted = [
        {"name": "One", "asset_ids": [face]},
        {"name": "Two", "asset_ids": [NOBODY]},
        {"asset_ids": [face]},
        {"name": "Four", "asset_ids": [face], "metadata": {"n": 4}},
    ]

    reply = api("POST", f"/entity-collections/{players}/entities/bulk", json={"entities": wanted})

    assert reply.status_code == 201
    told = reply.json()
    assert (told["success_count"], told["failed_count"]) == (2, 2)
    assert [set(row) for row in told["entities"]] == [{"_id", "name", "status"}] * 2
    assert [(row["entity_index"], row["entity_name"]) for row in told["errors"]] == [(1, "Two"), (2, "")]
    assert all(row["error_reason"] for row in told["errors"])
    assert [row["name"] for row in rows(api, f"/entity-collections/{players}/entities")] == ["Four", "One"]


def test_bulk_that_fails_as_a_whole_is_created_all_the_same(inside: Api) -> None:
    path = f"/entity-collections/{collection(inside)}/entities/bulk"

    reply = inside("POST", path, json={"entities": [{"name": "x"}]})

    assert (reply.status_code, reply.json()["success_count"]) == (201, 0)
    assert error(inside("POST", path, json={"entities": []})) == (400, "parameter_invalid")
    assert error(inside("POST", path, json={"entities": ["x"]})) == (400, "parameter_invalid")


def test_update_replaces_metadata_as_a_whole_and_leaves_the_assets(api: Api) -> None:
    face, players = ready_asset(api, "face.jpg"), collection(api)
    lebron = entity(api, players, "LeBron", [face], metadata={"a": 1, "b": 2}, description="forward")
    path = f"/entity-collections/{players}/entities/{lebron}"

    changed = api("PATCH", path, json={"metadata": {"b": 3, "c": ""}})

    assert changed.status_code == 200
    assert (changed.json()["metadata"], changed.json()["description"]) == ({"b": 3}, "forward")
    assert api("PATCH", path, json={"name": "James"}).json()["metadata"] == {"b": 3}
    assert api("PATCH", path, json={"metadata": {}}).json()["metadata"] == {}
    assert error(api("PATCH", path, json={"asset_ids": [face]})) == (400, "parameter_unknown")
    assert api("GET", path).json()["asset_ids"] == [face]


def test_assets_are_added_and_removed_but_never_the_last(api: Api) -> None:
    one, two, players = ready_asset(api, "1.jpg"), ready_asset(api, "2.jpg"), collection(api)
    lebron = entity(api, players, "LeBron", [one])
    path = f"/entity-collections/{players}/entities/{lebron}"
    wait(api, path)

    added = api("POST", f"{path}/assets", json={"asset_ids": [two, one, two]})

    assert (added.status_code, added.json()["asset_ids"], added.json()["status"]) == (200, [one, two], "processing")
    assert wait(api, path)["status"] == "ready"
    assert api("POST", f"{path}/assets", json={"asset_ids": [one]}).json()["status"] == "ready"
    assert error(api("DELETE", f"{path}/assets", json={"asset_ids": [one, two]})) == (400, "parameter_invalid")
    removed = api("DELETE", f"{path}/assets", json={"asset_ids": [one]})
    assert (removed.status_code, removed.json()["asset_ids"]) == (200, [two])
    assert error(api("DELETE", f"{path}/assets", json={"asset_ids": [two]})) == (400, "parameter_invalid")
    assert error(api("DELETE", f"{path}/assets", json={"asset_ids": [one]})) == (400, "parameter_invalid")
    assert rows(api, f"/assets/{one}/entities") == []


def test_deleting_goes_down_and_never_touches_assets(inside: Api) -> None:
    face, players = ready_asset(inside, "face.jpg"), collection(inside)
    first, second = entity(inside, players, "A", [face]), entity(inside, players, "B", [face])

    assert inside("DELETE", f"/entity-collections/{players}/entities/{first}").status_code == 204
    assert [row["_id"] for row in rows(inside, f"/assets/{face}/entities")] == [second]
    assert inside("DELETE", f"/entity-collections/{players}").status_code == 204
    assert rows(inside, f"/assets/{face}/entities") == []
    assert inside("GET", f"/assets/{face}").status_code == 200


def test_an_entity_belongs_to_its_collection(inside: Api) -> None:
    face, here, there = ready_asset(inside, "face.jpg"), collection(inside, "here"), collection(inside, "there")
    lebron = entity(inside, here, "LeBron", [face])

    assert error(inside("GET", f"/entity-collections/{there}/entities/{lebron}")) == (400, "resource_not_exist")


def test_filters_and_sorts_of_the_entities(inside: Api) -> None:
    face, players = ready_asset(inside, "face.jpg"), collection(inside)
    beta, alpha = entity(inside, players, "beta", [face]), entity(inside, players, "alpha", [face])
    path = f"/entity-collections/{players}/entities"
    wait(inside, f"{path}/{beta}")

    def ids(**params: str) -> list[str]:
        return [row["_id"] for row in rows(inside, path, **params)]

    assert ids(status="processing") == [alpha]
    assert ids(name="beta") == [beta]
    assert ids(sort_by="name", sort_option="asc") == [alpha, beta]
    assert error(inside("GET", f"{path}?status=failed")) == (400, "parameter_invalid")


def test_a_new_account_has_a_sample_collection_that_counts() -> None:
    free = InProcess(app(sample_collection=True, max_collections=1, max_entities=1))
    sample = rows(free, "/entity-collections")[0]["_id"]

    assert error(free("POST", "/entity-collections", json={"name": "mine"})) == (400, "usage_limit_exceeded")
    face = ready_asset(free, "face.jpg")
    entity(free, sample, "One", [face])
    body = {"name": "Two", "asset_ids": [face]}
    assert error(free("POST", f"/entity-collections/{sample}/entities", json=body)) == (400, "usage_limit_exceeded")
    free.close()


def test_names_of_collections_may_have_to_be_their_own(inside: Api) -> None:
    inside.emulator.set_options({"unique_collections": True})
    players, coaches = collection(inside, "players"), collection(inside, "coaches")
    taken = (409, "entity_collection_name_already_exists")

    assert error(inside("POST", "/entity-collections", json={"name": "players"})) == taken
    assert error(inside("PATCH", f"/entity-collections/{coaches}", json={"name": "players"})) == taken
    assert inside("PATCH", f"/entity-collections/{players}", json={"name": "players"}).status_code == 200
    inside.emulator.set_options({"unique_collections": False})
    assert collection(inside, "players") != players
