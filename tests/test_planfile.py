"""Saved plans: complete, without secrets, applied as they are or refused with the names of what moved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.planfile import _digest
from reconciler.schema import schemas
from tests.support.served import Place, place

STACK = """
stack: sports
provider: twelvelabs
variables:
  season: {default: 2024}
assets:
  final: {file: media/final.mp4, metadata: {season: "${season}", league: nba}}
  face: {file: media/face.jpg}
indexes:
  catalog:
    models: [{name: marengo3.0}]
    assets:
      final: {}
entity_collections:
  players:
    description: Everyone on the roster
    entities:
      lebron: {name: LeBron James, assets: [face]}
      luka: {assets: [face]}
"""
MEDIA = {"media/final.mp4": b"f" * 50, "media/face.jpg": b"j" * 40}


@pytest.fixture
def here(here: Place) -> Place:
    here.write({"stack/stack.yaml": STACK, **{f"stack/{name}": data for name, data in MEDIA.items()}})
    return here


def changed(here: Place, old: str, new: str) -> None:
    """Edit the stack as somebody would in git."""
    file = here.directory / "stack/stack.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def league(here: Place, value: str) -> None:
    """Edit the account outside git."""
    (final,) = (asset for asset in here.objects("/assets") if asset["filename"] == "final.mp4")
    here.api.patch(f"/assets/{final['_id']}/user-metadata", json={"user_metadata": {"league": value}})


def test_a_saved_plan_does_what_apply_would_have_done(here: Place) -> None:
    assert here.run("plan", "stack", "-o", "plan.json").code == 0

    said = here.run("apply", "plan.json")

    assert (said.code, said.last_line) == (0, "Applied: 7 objects, 6 writes.")
    assert here.run("plan", "stack").last_line == "No changes. sports is in sync."


def test_applying_it_again_changes_nothing_and_says_so(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    here.run("apply", "plan.json")
    before = here.writes()

    again = here.run("apply", "plan.json")
    as_json = here.run("apply", "plan.json", "--format", "json")

    assert (again.code, again.out) == (0, "Nothing to do: sports is as this plan makes it.\n")
    assert (as_json.code, as_json.json["result"], as_json.json["writes"]) == (0, "done", 0)
    jsonschema.validate(as_json.json, schemas()["report.json"])
    assert here.writes() == before


def test_show_says_what_plan_said(here: Place) -> None:
    said = here.run("plan", "stack", "-o", "plan.json")
    shown = here.offline("show", "plan.json")

    assert (shown.code, shown.out) == (0, said.out)
    planned = here.run("plan", "stack", "--format", "json").json
    for change in planned["changes"]:
        assert change.pop("where")["file"] == "stack/stack.yaml"  # a plan file does not say where, only what
    assert here.offline("show", "plan.json", "--format", "json").json | {"estimate": {}} == planned | {"estimate": {}}


def test_the_file_is_as_its_schema_says(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")

    document = json.loads((here.directory / "plan.json").read_text())

    jsonschema.validate(document, schemas()["plan.json"])
    assert {"steps", "origin", "digest", "tool_version"} <= document.keys()


def test_a_foreign_edit_of_what_it_touches_stops_it(here: Place) -> None:
    here.apply("stack")
    changed(here, "league: nba", "league: wnba")
    changed(here, "Everyone on the roster", "All of them")
    here.run("plan", "stack", "-o", "plan.json")
    league(here, "aba")
    before = here.writes()

    said = here.run("apply", "plan.json")

    assert said.code == 6
    assert "assets/final: it was changed in the account since the plan" in said.err
    assert "players" not in said.err
    assert here.writes() == before


def test_an_edit_of_an_undeclared_field_of_what_it_touches_stops_it_too(here: Place) -> None:
    here.apply("stack")
    changed(here, "    description: Everyone on the roster\n", "    name: The players\n")
    here.run("plan", "stack", "-o", "plan.json")
    (players,) = here.objects("/entity-collections")
    here.api.patch(f"/entity-collections/{players['_id']}", json={"description": "mine"})
    before = here.writes()

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)
    assert "entity_collections/players: it was changed" in said.err


def test_what_became_necessary_meanwhile_stops_it(here: Place) -> None:
    here.apply("stack")
    changed(here, "Everyone on the roster", "All of them")
    here.run("plan", "stack", "-o", "plan.json")
    league(here, "aba")
    before = here.writes()

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)
    assert "assets/final: update is needed now (changed outside git), which was not planned" in said.err


def test_what_somebody_else_made_so_counts_as_moved(here: Place) -> None:
    here.apply("stack")
    changed(here, "league: nba", "league: wnba")
    changed(here, "Everyone on the roster", "All of them")
    here.run("plan", "stack", "-o", "plan.json")
    league(here, "wnba")

    said = here.run("apply", "plan.json")

    assert said.code == 6
    assert "assets/final: somebody else made it so since the plan" in said.err


def test_an_edit_of_the_stack_stops_it(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    changed(here, "league: nba", "league: wnba")

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, [])
    assert 'metadata to {league: "wnba", season: 2024}, planned was {league: "nba", season: 2024}' in said.err


def test_another_file_under_the_same_name_stops_it(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    here.write({"stack/media/final.mp4": b"another film"})

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, [])
    assert "assets/final: what would be changed is not what was planned" in said.err


def test_an_interrupted_apply_of_it_goes_on(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    here.served.emulator.add_fault({"fault": "status", "status": 400, "method": "POST", "path": "/indexes", "count": 1})
    first = here.run("apply", "plan.json")
    assert first.code == 7

    second = here.run("apply", "plan.json")

    assert second.code == 0
    assert "Going on with the plan: 5 of its changes are done already." in second.err
    assert here.run("plan", "stack").last_line == "No changes. sports is in sync."
    assert sum(line == "POST /assets" for line in here.writes()) == 2


def test_it_can_be_applied_from_elsewhere(here: Place) -> None:
    here.write({"out/.keep": ""})
    here.run("plan", "stack", "-o", "out/plan.json")
    moved = here.directory / "checkout"
    moved.mkdir()
    for name in ("stack", "out"):
        shutil.move(here.directory / name, moved / name)

    assert here.run("apply", "checkout/out/plan.json").code == 0


def test_variables_stand_in_it(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json", "--var", "season=2025")

    assert here.run("apply", "plan.json").code == 0
    assert here.run("plan", "stack", "--var", "season=2025").last_line == "No changes. sports is in sync."
    refused = here.run("apply", "plan.json", "--var", "season=2026")
    assert (refused.code, "--var is settled by the saved plan" in refused.err) == (1, True)


def test_consent_stands_in_it(here: Place) -> None:
    here.apply("stack")
    changed(here, "[{name: marengo3.0}]", "[{name: marengo3.0, options: [visual]}]")
    assert here.run("plan", "stack", "-o", "plan.json").code == 3
    assert not (here.directory / "plan.json").exists()

    assert here.run("plan", "stack", "-o", "plan.json", "--allow-replace", "indexes/*").code == 0
    assert here.run("apply", "plan.json").code == 0


def test_a_plan_of_a_part_does_that_part(here: Place) -> None:
    said = here.run("plan", "stack", "-o", "plan.json", "--target", "assets/final")
    assert said.last_line == "Plan: 1 to create, 0 to update, 0 to replace, 0 to delete."
    assert "6 more outside of what was chosen." in here.offline("show", "plan.json", "--format", "markdown").out

    assert here.run("apply", "plan.json").code == 0

    assert [asset["filename"] for asset in here.objects("/assets")] == ["final.mp4"]
    assert here.run("apply", "plan.json").out == "Nothing to do: sports is as this plan makes it.\n"


def test_a_plan_to_destroy_destroys(here: Place) -> None:
    here.apply("stack")
    here.run("plan", "stack", "--destroy", "-o", "plan.json")

    assert here.run("apply", "plan.json").code == 0
    assert here.objects("/assets") == here.objects("/indexes") == []


def edited(document: dict[str, Any]) -> None:
    document["changes"][0]["fields"]["metadata"] = {"mine": True}


def of_a_later_format(document: dict[str, Any]) -> None:
    document["format_version"] = "2.0"


@pytest.mark.parametrize(
    ("edit", "says"),
    [(edited, "it was changed after it was made"), (of_a_later_format, "a plan of format 2.0")],
)
def test_a_file_that_is_not_as_it_was_made_is_refused(
    here: Place, edit: Callable[[dict[str, Any]], None], says: str
) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    file = here.directory / "plan.json"
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))

    for said in (here.run("apply", "plan.json"), here.offline("show", "plan.json")):
        assert (said.code, here.writes()) == (6, [])
        assert says in said.err


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"format_version": "1.0"}'])
def test_what_is_no_plan_is_an_error(here: Place, text: str) -> None:
    here.write({"plan.json": text})

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (1, [])
    assert "reconciler plan -o FILE" in said.err


def test_a_plan_shown_as_json_is_not_one_to_apply(here: Place) -> None:
    here.write({"plan.json": here.run("plan", "stack", "--format", "json").out})

    said = here.run("apply", "plan.json")

    assert (said.code, "cannot be applied" in said.err) == (1, True)


def test_a_plan_for_another_key_is_refused(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")

    said = here.run("apply", "plan.json", env={"TWELVELABS_API_KEY": "another"})

    assert (said.code, here.writes()) == (6, [])
    assert "another account or key" in said.err


def test_a_plan_for_another_account_is_refused(here: Place, tmp_path: Path) -> None:
    here.run("plan", "stack", "-o", "plan.json")

    with place(tmp_path) as other:
        said = other.run("apply", "plan.json")

        assert (said.code, other.writes()) == (6, [])


def test_a_plan_of_another_stack_is_refused(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    changed(here, "stack: sports", "stack: music")

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, [])
    assert "for the stack 'sports' (twelvelabs), not for 'music'" in said.err


def test_secrets_are_not_in_it_and_come_from_the_environment_when_it_is_applied(here: Place) -> None:
    changed(here, "league: nba", 'league: nba, token: "${env.RECONCILER_VAR_TOKEN}"')
    here.run("plan", "stack", "-o", "plan.json", env={"RECONCILER_VAR_TOKEN": "s3cret-value"})
    assert "s3cret" not in (here.directory / "plan.json").read_text()

    said = here.run("apply", "plan.json", env={"RECONCILER_VAR_TOKEN": "s3cret-value"})

    assert said.code == 0
    assert [asset["user_metadata"].get("token") for asset in here.objects("/assets")].count("s3cret-value") == 1


def test_a_secret_that_leaves_the_stack_is_not_shown_either(here: Place) -> None:
    changed(here, "league: nba", 'league: nba, token: "${env.RECONCILER_VAR_TOKEN}"')
    here.apply("stack", env={"RECONCILER_VAR_TOKEN": "s3cret-value"})
    changed(here, ', token: "${env.RECONCILER_VAR_TOKEN}"', "")

    said = here.run("plan", "stack", "-o", "plan.json", env={"RECONCILER_VAR_TOKEN": "s3cret-value"})
    as_json = here.run("plan", "stack", "--format", "json", env={"RECONCILER_VAR_TOKEN": "s3cret-value"})

    assert (said.code, "metadata.token" in said.out) == (0, True)
    assert "s3cret" not in as_json.out
    assert "s3cret" not in (here.directory / "plan.json").read_text()
    assert "s3cret" not in said.out


def test_a_stack_that_was_emptied_by_mistake_is_refused(here: Place) -> None:
    here.apply("stack")
    here.write({"stack/stack.yaml": "stack: sports\nprovider: twelvelabs\n"})
    before = here.writes()

    for said in (here.run("plan", "stack", "-o", "plan.json"), here.apply("stack")):
        assert (said.code, here.writes()) == (3, before)
        assert "the stack declares nothing" in said.err
    assert not (here.directory / "plan.json").exists()


def resealed(file: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit a plan as somebody would who knows how digests are made, and has no key."""
    document = json.loads(file.read_text())
    digest = document.pop("digest")
    seal = document.pop("seal")
    assert digest == _digest(document)
    edit(document)
    file.write_text(json.dumps({**document, "digest": _digest(document), "seal": seal}))


def to_destroy(document: dict[str, Any]) -> None:
    document["origin"]["options"] = {"destroy": True}


def agreeing(document: dict[str, Any]) -> None:
    document["origin"]["consent"] |= {"deletes": True, "adopt": True, "empty": True}


def from_elsewhere(document: dict[str, Any]) -> None:
    document["origin"] |= {"path": "/etc/passwd", "from_here": "", "values": {"x": 1}}


@pytest.mark.parametrize("edit", [to_destroy, agreeing, from_elsewhere])
def test_a_forged_plan_is_refused_whatever_its_digest(here: Place, edit: Callable[[dict[str, Any]], None]) -> None:
    here.apply("stack")
    changed(here, "league: nba", "league: wnba")
    here.run("plan", "stack", "-o", "plan.json")
    resealed(here.directory / "plan.json", edit)
    before = here.writes()

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)
    assert "was not made with this account's key" in said.err
    assert "root:" not in said.err + said.out


def test_a_plan_to_destroy_made_with_another_key_is_not_passed_off_as_the_one_that_was_read(here: Place) -> None:
    here.apply("stack")
    changed(here, "league: nba", "league: wnba")
    here.run("plan", "stack", "-o", "plan.json")
    account = json.loads((here.directory / "plan.json").read_text())["origin"]["account"]
    here.run("plan", "stack", "--destroy", "-o", "plan.json", env={"TWELVELABS_API_KEY": "another"})
    resealed(here.directory / "plan.json", lambda document: document["origin"].update(account=account))
    before = here.writes()

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)


def test_it_needs_no_file_of_variables_and_reads_none(here: Place) -> None:
    here.write({"vars/prod.yaml": 'season: "2031"\n', "out/.keep": ""})
    here.run("plan", "stack", "--var-file", "vars/prod.yaml", "-o", "out/plan.json")
    (here.directory / "vars/prod.yaml").unlink()

    assert here.run("apply", "out/plan.json").code == 0
    (final,) = (asset for asset in here.objects("/assets") if asset["filename"] == "final.mp4")
    assert final["user_metadata"]["season"] == "2031"


def test_a_plan_of_an_earlier_version_is_to_be_made_again(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    file = here.directory / "plan.json"
    document = json.loads(file.read_text())
    del document["seal"]
    file.write_text(json.dumps(document))

    said = here.run("apply", "plan.json")

    assert (said.code, "plan again" in said.err) == (6, True)


def test_a_plan_file_of_the_version_before_is_to_be_made_again(here: Place) -> None:
    """The file was made by commit 5400bbf, whose steps were of another shape."""
    here.write({"plan.json": (Path(__file__).parent / "cases" / "planfile" / "format-1.1.json").read_text()})

    for said in (here.run("apply", "plan.json"), here.offline("show", "plan.json")):
        assert (said.code, here.writes()) == (6, [])
        assert "a plan of format 1.1; this version reads 1.3; plan again" in said.err
