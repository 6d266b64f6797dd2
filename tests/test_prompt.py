"""A prompt is a window: what was changed while somebody thought about the plan is seen before anything is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.served import Place

BEFORE = """\
stack: s
provider: twelvelabs
assets: {i: {file: i.jpg}}
indexes: {one: {models: [{name: marengo3.0}]}}
entity_collections: {t: {entities: {ann: {assets: [i], metadata: {team: Lakers}}}}}
"""
AFTER = BEFORE.replace("Lakers", "Bulls").replace("indexes: {one", "indexes: {two") + "# and one goes\n"


@pytest.fixture
def here(here: Place) -> Place:
    here.write({"s.yaml": BEFORE, "i.jpg": "bytes"})
    assert here.apply().code == 0
    here.write({"s.yaml": AFTER.replace("{two: {models", "{two: {name: second, models")})
    return here


def ann(here: Place) -> str:
    (collection,) = here.objects("/entity-collections")
    (entity,) = here.objects(f"/entity-collections/{collection['_id']}/entities")
    return f"/entity-collections/{collection['_id']}/entities/{entity['_id']}"


def note(here: Place) -> None:
    here.api.patch(ann(here), json={"metadata": {"team": "Lakers", "note": "by a colleague"}}).raise_for_status()


def gone(here: Place) -> None:
    here.api.delete(ann(here)).raise_for_status()


def done_already(here: Place) -> None:
    metadata = here.api.get(ann(here)).json()["metadata"] | {"team": "Bulls"}
    here.api.patch(ann(here), json={"metadata": metadata}).raise_for_status()


def name_taken(here: Place) -> None:
    models = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
    here.api.post("/indexes", json={"index_name": "second", "models": models}).raise_for_status()


def name_taken_for_good(here: Place) -> None:
    models = [{"model_name": "marengo3.0", "model_options": ["visual"]}]
    here.api.post("/indexes", json={"index_name": "second", "models": models}).raise_for_status()


def other_bytes(here: Place) -> None:
    here.write({"i.jpg": "other bytes"})


THINGS = [note, gone, done_already, name_taken, name_taken_for_good, other_bytes]


@pytest.mark.parametrize("meanwhile", THINGS, ids=lambda it: it.__name__)
def test_what_moved_while_the_prompt_was_open_is_named_and_nothing_is_sent(
    here: Place, meanwhile: Callable[[Place], None]
) -> None:
    sent: list[str] = []

    def answer() -> str:
        meanwhile(here)
        sent.extend(here.writes())
        return "y"

    said = here.run("apply", "--adopt", "--allow-deletes", answer=answer)

    assert said.code == 6, said
    assert "since the plan" in said.err or "not planned" in said.err
    assert here.writes() == sent


def test_what_has_nothing_to_do_with_the_plan_may_move(here: Place) -> None:
    def answer() -> str:
        here.api.post("/entity-collections", json={"name": "theirs"}).raise_for_status()
        return "y"

    said = here.run("apply", "--allow-deletes", answer=answer)

    assert said.code == 0, said
    assert here.run("plan", "--detailed-exitcode").code == 0


def test_whoever_says_no_is_not_asked_why(here: Place) -> None:
    sent = here.writes()

    said = here.run("apply", "--allow-deletes", answer=lambda: "n")

    assert said.code == 1
    assert said.last_line.endswith("Nothing was done.")
    assert here.writes() == sent


def test_an_import_looks_again_too(here: Place) -> None:
    models = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
    id = here.api.post("/indexes", json={"index_name": "theirs", "models": models}).json()["_id"]

    def answer() -> str:
        here.api.put(f"/indexes/{id}", json={"index_name": "renamed meanwhile"}).raise_for_status()
        return "y"

    said = here.run("import", "indexes/two", id, answer=answer)

    assert said.code == 6, said
    assert "indexes/two: it was changed in the account since the plan" in said.err


def test_the_prompt_says_where_and_how_much(here: Place) -> None:
    said = here.run("apply", "--allow-deletes", answer=lambda: "n")

    *_, where, question = said.out.rstrip("\n").split("\n")[-2:]
    assert f"s (twelvelabs, {here.served.url}, key #" in where
    assert where.endswith(": 1 to create, 1 to update, 1 to delete.")
    assert question.startswith("Do this? [y/N]: ")


@pytest.mark.parametrize(("typed", "code"), [("y", 1), ("", 1), ("S", 1), ("s", 0)])
def test_who_destroys_everything_types_the_name_of_the_stack(here: Place, typed: str, code: int) -> None:
    before = here.writes()

    said = here.run("destroy", "--allow-deletes", answer=lambda: typed)

    assert said.code == code, said
    assert ": 4 to delete. All that it has would be gone: 4 objects." in said.out
    assert (here.writes() == before) is (code != 0)


def test_a_plan_that_deletes_all_asks_for_it_too(here: Place) -> None:
    here.write({"s.yaml": "stack: s\nprovider: twelvelabs\nentity_collections: {new: {}}\n"})

    said = here.run("apply", "--allow-deletes", answer=lambda: "y")

    assert (said.code, "The name of the stack, to do it" in said.out) == (1, True), said


def test_a_part_of_it_is_asked_for_as_any_plan(here: Place) -> None:
    said = here.run("destroy", "--target", "indexes/*", "--allow-deletes", answer=lambda: "y")

    assert (said.code, "Do this? [y/N]" in said.out) == (0, True), said


def test_an_apply_ends_with_what_it_made_and_the_ids_that_others_need(here: Place) -> None:
    said = here.run("apply", "--allow-deletes", answer=lambda: "y")

    (index,) = here.objects("/indexes")
    made, id, last = said.out.rstrip("\n").split("\n")[-3:]
    assert made.startswith("Created 1 index, updated 1 entity, deleted 1 index")
    assert id.split() == ["indexes/two", index["_id"]]
    assert last == "Applied: 3 objects, 3 writes."
