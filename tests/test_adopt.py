"""Adopting what exists (`import`), and letting go of what is kept (`removed:`): plans like any other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.served import Place

STACK = """
stack: sports
provider: twelvelabs
indexes:
  catalog:
    models: [{name: marengo3.0}]
entity_collections:
  players:
    description: Everyone
assets:
  face: {file: face.jpg, metadata: {league: nba}}
"""
MODELS = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]


@pytest.fixture
def here(here: Place) -> Place:
    here.write({"stack.yaml": STACK, "face.jpg": b"j" * 40})
    return here


def made(here: Place, path: str, body: Mapping[str, object]) -> str:
    """The id of what somebody made by hand."""
    return str(here.api.post(path, json=body).json()["_id"])


def uploaded(here: Place) -> str:
    answer = here.api.post("/assets", files={"method": (None, "direct"), "file": ("face.jpg", b"j" * 40)})
    id = str(answer.json()["_id"])
    for _ in range(2):
        here.objects("/assets")
    return id


def adopted(here: Place, address: str, id: str) -> tuple[int, str]:
    """Exit code, and all that was said."""
    said = here.run("import", address, id, "--auto-approve")
    return said.code, said.out + said.err


def test_one_object_is_adopted_and_nothing_else_is_touched(here: Place) -> None:
    index = made(here, "/indexes", {"index_name": "catalog", "models": MODELS})
    before = here.writes()

    code, said = adopted(here, "indexes/catalog", index)

    assert (code, here.writes()) == (0, before)
    assert "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to adopt." in said
    assert here.run("plan").last_line == "Plan: 2 to create, 0 to update, 0 to replace, 0 to delete."


def test_what_differs_from_yaml_is_brought_in_line_and_marked(here: Place) -> None:
    face = uploaded(here)

    code, said = adopted(here, "assets/face", face)

    assert code == 0
    assert "metadata.league" in said
    (asset,) = here.objects("/assets")
    assert asset["user_metadata"]["league"] == "nba"
    assert (asset["user_metadata"]["reconciler_stack"], asset["_id"]) == ("sports", face)
    assert here.run("plan").last_line == "Plan: 2 to create, 0 to update, 0 to replace, 0 to delete."


def test_adopting_it_again_changes_nothing(here: Place) -> None:
    face = uploaded(here)
    adopted(here, "assets/face", face)
    before = here.writes()

    code, said = adopted(here, "assets/face", face)

    assert (code, here.writes()) == (0, before)
    assert "No changes. sports is in sync." in said


def test_without_a_terminal_it_wants_approval(here: Place) -> None:
    said = here.run("import", "assets/face", uploaded(here))

    assert (said.code, "--auto-approve" in said.err) == (1, True)


def test_an_object_of_another_stack_is_refused_by_its_name(here: Place) -> None:
    face = uploaded(here)
    stamp = {"reconciler_stack": "music", "reconciler_key": "assets/face"}
    here.api.patch(f"/assets/{face}/user-metadata", json={"user_metadata": stamp})
    before = here.writes()

    code, said = adopted(here, "assets/face", face)

    assert (code, here.writes()) == (1, before)
    assert "belongs to the stack 'music'" in said


def test_an_address_that_is_not_declared_is_an_error(here: Place) -> None:
    code, said = adopted(here, "assets/fase", uploaded(here))

    assert (code, "assets/fase: is not declared; did you mean 'assets/face'?" in said) == (1, True)


def test_an_object_of_another_kind_is_an_error(here: Place) -> None:
    code, said = adopted(here, "indexes/catalog", uploaded(here))

    assert (code, "there is no Index with id" in said) == (1, True)


def test_an_address_that_has_an_object_is_not_given_another(here: Place) -> None:
    first, second = uploaded(here), uploaded(here)
    adopted(here, "assets/face", first)

    code, said = adopted(here, "assets/face", second)

    assert (code, f"is {first} already" in said) == (1, True)


def test_an_object_that_would_have_to_be_replaced_is_refused(here: Place) -> None:
    other = [{"model_name": "marengo3.0", "model_options": ["audio"]}]
    index = made(here, "/indexes", {"index_name": "catalog", "models": other})
    before = here.writes()

    code, said = adopted(here, "indexes/catalog", index)

    assert (code, here.writes()) == (1, before)
    assert "would have to be replaced" in said


def test_what_needs_something_else_first_is_refused_and_says_what(here: Place) -> None:
    face, players = uploaded(here), made(here, "/entity-collections", {"name": "players"})
    body = {"name": "lebron", "asset_ids": [face]}
    lebron = made(here, f"/entity-collections/{players}/entities", body)
    file = here.directory / "stack.yaml"
    entities = "    entities:\n      lebron: {assets: [face]}\n"
    file.write_text(file.read_text().replace("    description: Everyone\n", entities))
    before = here.writes()

    code, said = adopted(here, "entity_collections/players/entities/lebron", lebron)

    assert (code, here.writes()) == (3, before)
    assert "entity_collections/players/entities/lebron needs assets/face first" in said


def test_a_stack_held_by_another_run_is_locked(here: Place) -> None:
    from reconciler.state import State

    state = State.open(f"sqlite:///{here.directory}/.reconciler/state.db", "sports", create=True)
    try:
        with state.lock("another run"):
            code, _ = adopted(here, "assets/face", uploaded(here))
    finally:
        state.close()

    assert code == 4


def test_what_is_removed_is_let_go_and_kept(here: Place) -> None:
    here.apply()
    file = here.directory / "stack.yaml"
    text = file.read_text()
    file.write_text(text[: text.index("assets:")] + "removed: [assets/face]\n")

    plan = here.run("plan")
    applied = here.apply()

    assert plan.last_line == "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to forget."
    assert applied.code == 0
    (asset,) = here.objects("/assets")
    assert asset["user_metadata"] == {"league": "nba"}
    assert here.run("plan").last_line == "No changes. sports is in sync."
    file.write_text(text[: text.index("assets:")])
    assert here.run("plan").last_line == "No changes. sports is in sync."
