"""Export: the account as a stack that a person would write, and that a plan finds nothing to do for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Emulator, transport
from reconciler.emulator.twelvelabs import app
from reconciler.kind import Known
from reconciler.load import load
from reconciler.providers.twelvelabs import Model
from tests.support.commandline import reconciler
from tests.support.served import Place

STACK = """
stack: sports
provider: twelvelabs
assets:
  final: {file: final.mp4, metadata: {season: 2024, tags: [nba, live]}}
  face: {file: face.jpg}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual]}]
    addons: [thumbnail]
    assets:
      final: {metadata: {rating: 9.5}}
entity_collections:
  players:
    description: Everyone
    entities:
      lebron: {name: LeBron James, assets: [face], metadata: {team: Lakers}}
"""
IN_SYNC = "No changes. exported is in sync."


@pytest.fixture
def here(here: Place) -> Place:
    here.write({"stack/stack.yaml": STACK, "stack/final.mp4": b"f" * 50, "stack/face.jpg": b"j" * 40})
    return here


def by_hand(here: Place) -> None:
    """An account that somebody filled by clicking."""
    plain = {"method": "direct", "enable_hls": "false", "enable_thumbnail": "false"}
    asset = here.api.post("/assets", data=plain, files={"file": ("Final Game.mp4", b"f" * 50)}).json()
    face = here.api.post("/assets", data=plain, files={"file": ("LeBron (1).jpg", b"j" * 50)}).json()
    for made in (asset, face):
        here.api.get(f"/assets/{made['_id']}")
        here.api.get(f"/assets/{made['_id']}")
    here.api.patch(f"/assets/{asset['_id']}/user-metadata", json={"user_metadata": {"${price}": "${5}", "no": "yes"}})
    models = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
    index = here.api.post("/indexes", json={"index_name": "Games 2024", "models": models}).json()
    here.api.post(f"/indexes/{index['_id']}/indexed-assets", json={"asset_id": asset["_id"]})
    for name in ("Players", "Players"):
        collection = here.api.post("/entity-collections", json={"name": name, "description": "2024"}).json()
        for _ in range(2):
            body = {"name": "LeBron James", "asset_ids": [face["_id"]], "metadata": {"number": 23}}
            here.api.post(f"/entity-collections/{collection['_id']}/entities", json=body)


def test_an_account_made_by_hand_is_laid_out_as_a_person_would(here: Place) -> None:
    by_hand(here)

    said = here.run("export")

    assert (said.code, said.out) == (
        0,
        "Exported 2 assets, 2 entity collections, 4 entities, 1 index, 1 indexed asset into exported.\n",
    )
    out = here.directory / "exported"
    assert sorted(path.name for path in out.iterdir()) == [
        ".reconciler",
        ".schemas",
        "assets.yaml",
        "entity_collections.yaml",
        "indexes.yaml",
        "stack.yaml",
    ]
    ids = {id for kind in ("/assets", "/indexes") for id in (item["_id"] for item in here.objects(kind))}
    text = (out / "assets.yaml").read_text()
    for id in ids:
        text = text.replace(id, "ID")
    assert text == (
        "# yaml-language-server: $schema=.schemas/twelvelabs.json\n"
        "assets:\n"
        "  final-game:\n"
        '    id: "ID"\n'
        "    filename: Final Game.mp4\n"
        '    metadata: {"${price}": "$${5}", "no": "yes"}\n'
        "\n"
        "  lebron-1:\n"
        '    id: "ID"\n'
        '    filename: "LeBron (1).jpg"\n'
    )
    stack = load(out, environ={})
    assert list(stack.resources) == [
        "assets/final-game",
        "assets/lebron-1",
        "entity_collections/players",
        "entity_collections/players/entities/lebron-james",
        "entity_collections/players/entities/lebron-james-2",
        "entity_collections/players-2",
        "entity_collections/players-2/entities/lebron-james",
        "entity_collections/players-2/entities/lebron-james-2",
        "indexes/games-2024",
        "indexes/games-2024/assets/final-game",
    ]
    assert stack.resources["entity_collections/players/entities/lebron-james"].fields["assets"] == ["assets/lebron-1"]


def test_planning_an_export_changes_nothing_and_neither_did_the_export(here: Place) -> None:
    by_hand(here)
    before = here.writes()

    here.run("export")

    assert here.writes() == before
    plan = here.run("plan", "exported", "--detailed-exitcode")
    assert (plan.code, plan.last_line) == (0, IN_SYNC)
    assert here.run("drift", "exported").code == 0
    assert here.apply("exported").code == 0
    assert here.writes() == before


def test_stamps_come_when_the_line_is_taken_out(here: Place) -> None:
    by_hand(here)
    here.run("export")
    file = here.directory / "exported/stack.yaml"
    assert "stamps: false" in file.read_text()

    file.write_text(file.read_text().replace("stamps: false\n", ""))

    assert here.run("plan", "exported").last_line == "Plan: 0 to create, 6 to update, 0 to replace, 0 to delete."
    assert here.apply("exported").code == 0
    assert here.run("plan", "exported").last_line == IN_SYNC
    assert {asset["user_metadata"]["reconciler_stack"] for asset in here.objects("/assets")} == {"exported"}


def test_what_another_stack_manages_is_external(here: Place) -> None:
    here.apply("stack")

    here.run("export")

    stack = load(here.directory / "exported", environ={})
    assert all(resource.external for resource in stack.resources.values())
    assert len(stack.resources) == 6
    assert here.run("plan", "exported").last_line == IN_SYNC
    assert here.run("plan", "stack").last_line == "No changes. sports is in sync."


def test_a_stack_whose_files_are_lost_comes_back_under_its_own_addresses(here: Place) -> None:
    here.apply("stack")

    here.run("export", "--out", "again", "--name", "sports")

    stack = load(here.directory / "again", environ={})
    assert set(stack.resources) == {
        "assets/final",
        "assets/face",
        "indexes/catalog",
        "indexes/catalog/assets/final",
        "entity_collections/players",
        "entity_collections/players/entities/lebron",
    }
    assert "stamps: false" not in (here.directory / "again/stack.yaml").read_text()
    assert here.run("plan", "again").last_line == "No changes. sports is in sync."


def test_a_part_brings_what_it_needs_as_external(here: Place) -> None:
    by_hand(here)

    said = here.run("export", "--target", "indexes/*")

    assert said.code == 0
    stack = load(here.directory / "exported", environ={})
    assert {address: resource.external for address, resource in stack.resources.items()} == {
        "assets/final-game": True,
        "indexes/games-2024": False,
        "indexes/games-2024/assets/final-game": False,
    }
    assert here.run("plan", "exported").last_line == IN_SYNC


def test_a_target_that_matches_nothing_is_an_error(here: Place) -> None:
    by_hand(here)

    said = here.run("export", "--target", "indices/*")

    assert (said.code, "there is nothing of that name in the account" in said.err) == (1, True)
    assert not (here.directory / "exported").exists()


def test_nothing_is_overwritten(here: Place) -> None:
    here.write({"exported/mine.yaml": "x"})

    said = here.run("export")

    assert (said.code, "exported is not empty" in said.err) == (1, True)
    assert [path.name for path in (here.directory / "exported").iterdir()] == ["mine.yaml"]


def test_an_empty_account_is_an_empty_stack(here: Place) -> None:
    said = here.run("export")

    assert (said.code, said.out) == (0, "Exported nothing into exported.\n")
    assert here.run("plan", "exported").last_line == IN_SYNC


def test_models_that_are_newer_than_our_list_are_listed_in_the_stack(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(here)
    only_older = replace(Model.parts["name"], known=Known(frozenset({"marengo2.7"}), as_of="2024-01"))
    monkeypatch.setitem(Model.parts, "name", only_older)

    said = here.run("export")
    plan = here.run("plan", "exported")

    assert said.code == 0
    assert "allow_models: [marengo3.0]" in (here.directory / "exported/stack.yaml").read_text()
    assert plan.last_line == IN_SYNC


def test_what_failed_is_left_out_and_said(here: Place) -> None:
    here.api.post("/assets", files={"method": (None, "direct"), "file": ("notes.xyz", b"what is this")})
    (asset,) = here.objects("/assets")
    (asset,) = here.objects("/assets")

    said = here.run("export")

    assert asset["status"] == "failed"
    assert said.err == f"left out: Asset {asset['_id']}: it failed\n"
    assert here.run("plan", "exported").last_line == IN_SYNC


def test_it_works_on_the_built_in_emulator(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack/stack.yaml").write_text(STACK)
    (tmp_path / "stack/final.mp4").write_bytes(b"f" * 50)
    (tmp_path / "stack/face.jpg").write_bytes(b"j" * 40)
    account = "--emulator=account.db"
    reconciler("apply", "stack", "--auto-approve", account, "--state=sqlite:///first.db", cwd=tmp_path)

    assert reconciler("export", "--out", "out", "--name", "sports", account, cwd=tmp_path).code == 0

    assert reconciler("plan", "out", account, cwd=tmp_path).last_line == "No changes. sports is in sync."


# Whatever is in an account

texts = st.text(min_size=1, max_size=12)
values = st.one_of(
    texts, st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
metadata = st.dictionaries(texts, values, max_size=4)
names = st.lists(texts, min_size=1, max_size=3)


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "assets": draw(st.lists(st.tuples(texts, metadata), min_size=1, max_size=3)),
        "indexes": draw(st.lists(texts, max_size=2, unique=True)),
        "entities": draw(st.lists(st.tuples(texts, texts, metadata), max_size=3)),
    }


async def fill(emulator: Emulator, account: dict[str, Any]) -> None:
    """Make it all by plain requests; what the API refuses is not in the account."""
    async with httpx.AsyncClient(
        base_url="http://emulator/v1.3", headers={"x-api-key": "k"}, transport=transport(emulator)
    ) as api:
        assets = []
        for name, data in account["assets"]:
            form = {"method": (None, "url"), "url": (None, "https://x.example/a.jpg"), "filename": (None, name)}
            made = await api.post("/assets", files=form)
            if made.status_code == 201:
                id = made.json()["_id"]
                assets.append(id)
                await api.get("/assets")
                await api.get("/assets")
                await api.patch(f"/assets/{id}/user-metadata", json={"user_metadata": data})
        for name in account["indexes"]:
            models = [{"model_name": "marengo3.0", "model_options": ["audio"]}]
            made = await api.post("/indexes", json={"index_name": name, "models": models})
            if made.status_code == 201 and assets:
                await api.post(f"/indexes/{made.json()['_id']}/indexed-assets", json={"asset_id": assets[0]})
        for collection, name, data in account["entities"]:
            made = await api.post("/entity-collections", json={"name": collection})
            if made.status_code == 201 and assets:
                body = {"name": name, "asset_ids": assets[:2], "metadata": data}
                await api.post(f"/entity-collections/{made.json()['_id']}/entities", json=body)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(account=accounts())
def test_planning_the_export_of_any_account_changes_nothing(
    account: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("any")
    emulator = app(directory / "account.db")
    asyncio.run(fill(emulator, account))
    writes = emulator.journal.total
    emulator.close()

    said = reconciler("export", "--out", "out", "--emulator=account.db", cwd=directory)
    plan = reconciler("plan", "out", "--emulator=account.db", "--detailed-exitcode", cwd=directory)

    assert writes and said.code == 0, said.err
    assert "planning will change" not in said.err
    assert (plan.code, plan.last_line) == (0, "No changes. out is in sync."), plan.out
    for file in (directory / "out").glob("*.yaml"):
        yaml.safe_load(file.read_text(encoding="utf-8"))
