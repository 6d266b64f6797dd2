"""Whose is it: two stacks of one name, lost states, other accounts, renamed stacks, duplicates; by the command line.

Each is tried as people would: directories with stacks, accounts that are served, and only what is said is agreed to.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Operation, Signature
from reconciler.ownership import deposed_name
from reconciler.planfile import account_of
from reconciler.state import Open, State
from tests.support.commandline import Said, reconciler
from tests.support.served import KEY, Place, place

HEAD = "stack: archive\nprovider: twelvelabs\n"
X = 'assets: {x: {url: "https://x.example.com/x.mp4"}}\n'
Y = 'assets: {y: {url: "https://x.example.com/y.mp4"}}\n'
BOTH = 'assets: {x: {url: "https://x.example.com/x.mp4"}, y: {url: "https://x.example.com/y.mp4"}}\n'
PEOPLE = "entity_collections: {people: {entities: {ann: {assets: [x]}}}}\n"
INDEX = "indexes: {main: {models: [{name: marengo3.0}], assets: {x: {}}}}\n"


def bare(here: Place, command: str, *args: str | Path, **env: str) -> Said:
    """A command to which nothing is agreed."""
    more = ["--auto-approve"] if command in ("apply", "destroy") else []
    said = here.run(command, *more, *args, env=env)
    return replace(said, out=said.out + " ".join(said.out.split()))  # long lines are broken for reading


def documents(here: Place) -> dict[str, Any]:
    """All that is in the account."""
    rows = here.served.emulator.store.db.execute("SELECT id, doc FROM objects").fetchall()
    return {id: json.loads(doc) for id, doc in rows}


def lose(here: Place, directory: str) -> None:
    shutil.rmtree(here.directory / directory / ".reconciler")


# -- two stacks of one name


def test_a_second_stack_of_the_same_name_deletes_nothing_of_the_first(here: Place) -> None:
    here.write({"a/s.yaml": HEAD + X, "b/s.yaml": HEAD + Y})
    assert bare(here, "apply", "a").code == 0
    before = documents(here)

    said = bare(here, "apply", "b")

    assert said.code == 3
    assert "assets/x: carries this stack's name, but this state never made it" in said.err
    assert documents(here) == before
    assert bare(here, "destroy", "b").code == 3
    assert documents(here) == before


@pytest.mark.parametrize("edit", ["metadata", "content", "addition", "removed", "key"])
def test_a_second_stack_changes_nothing_that_only_a_stamp_says_to_be_its_own(here: Place, edit: str) -> None:
    here.write({"a/s.yaml": HEAD + BOTH + PEOPLE + INDEX})
    edited = {
        "metadata": (HEAD + BOTH + PEOPLE + INDEX).replace('x.mp4"}', 'x.mp4", metadata: {k: 1}}'),
        "content": (HEAD + BOTH + PEOPLE + INDEX).replace("/x.mp4", "/z.mp4"),
        "addition": HEAD + BOTH.replace("{x:", '{z: {url: "https://x.example.com/z.mp4"}, x:') + PEOPLE + INDEX,
        "removed": HEAD + X + PEOPLE + INDEX + "removed: [assets/y]\n",
        "key": (HEAD + BOTH + PEOPLE + INDEX).replace("y: {url", "w: {url"),
    }
    here.write({"b/s.yaml": edited[edit]})
    assert bare(here, "apply", "a").code == 0
    before = documents(here)

    for command in ("plan", "apply"):
        said = bare(here, command, "b")
        assert said.code == 3, said
    assert documents(here) == before


def test_what_was_found_and_is_as_declared_needs_no_consent_and_is_not_taken(here: Place) -> None:
    here.write({"a/s.yaml": HEAD + X, "b/s.yaml": HEAD + X})
    assert bare(here, "apply", "a").code == 0

    said = bare(here, "apply", "b")

    assert (said.code, "No changes. archive is in sync." in said.out) == (0, True)
    assert "1 object is found by the stamp of a stack 'archive' with the id" in said.out
    here.write({"b/s.yaml": HEAD + Y})
    assert bare(here, "apply", "b").code == 3
    assert bare(here, "plan", "a", "--detailed-exitcode").code == 0


def test_with_an_id_of_its_own_a_stack_leaves_its_namesake_alone_and_says_so(here: Place) -> None:
    here.write({"a/s.yaml": HEAD + X, "b/s.yaml": HEAD + Y})
    assert bare(here, "apply", "b").code == 0
    here.write({"b/s.yaml": HEAD.replace("archive", "later") + Y})  # two that know nothing of each other
    shutil.copytree(here.directory / "b/.reconciler", here.directory / "kept")
    lose(here, "b")
    for object in documents(here):
        here.api.delete(f"/assets/{object}")
    assert bare(here, "apply", "a").code == 0
    before = documents(here)
    shutil.copytree(here.directory / "kept", here.directory / "b/.reconciler")
    here.write({"b/s.yaml": HEAD + Y})

    said = bare(here, "apply", "b")

    assert said.code == 0, said
    assert "1 object is of another stack 'archive', or of another state of this one" in said.out
    assert before.items() <= documents(here).items()
    here.write({"b/s.yaml": HEAD + BOTH})
    assert "found by the stamp of a stack 'archive' with the id" in bare(here, "plan", "b").err


# -- a state that was lost


@pytest.mark.parametrize("way", ["adopt", "rebuild"])
def test_a_lost_state_goes_on_under_the_id_that_the_objects_carry(here: Place, way: str) -> None:
    here.write({"a/s.yaml": HEAD + BOTH + PEOPLE + INDEX})
    assert bare(here, "apply", "a").code == 0
    ids = {doc["user_metadata"]["reconciler_id"] for doc in documents(here).values() if doc.get("user_metadata")}
    lose(here, "a")
    here.write({"a/s.yaml": HEAD + X.replace("}}", ", metadata: {k: 1}}}") + PEOPLE})

    assert bare(here, "plan", "a").code == 3
    agreed = ["--adopt", "--allow-deletes"]
    if way == "rebuild":
        assert here.run("state", "rebuild", "a").code == 0
        agreed = []
    said = bare(here, "apply", "a", *agreed)

    assert said.code == 0, said
    assert bare(here, "plan", "a", "--detailed-exitcode").code == 0
    kept = [doc for doc in documents(here).values() if doc.get("user_metadata")]
    assert {doc["user_metadata"]["reconciler_id"] for doc in kept} == ids
    assert len(ids) == 1
    assert not here.objects("/indexes")


@pytest.mark.parametrize("cut", ["fault", "target"])
def test_a_run_without_a_state_that_does_not_end_whole_forgets_nothing(here: Place, cut: str) -> None:
    here.write({"a/s.yaml": HEAD + BOTH + PEOPLE + INDEX})
    assert bare(here, "apply", "a").code == 0
    lose(here, "a")
    here.write({"a/s.yaml": HEAD + BOTH})
    if cut == "fault":
        here.served.emulator.add_fault({"fault": "status", "status": 400, "method": "DELETE", "path": "/**"})
        assert bare(here, "apply", "a", "--adopt", "--allow-deletes").code != 0
        here.served.emulator.clear_faults()
    else:
        assert bare(here, "apply", "a", "--adopt", "--target", "assets/x").code == 0

    assert bare(here, "plan", "a").code == 3
    said = bare(here, "plan", "a", "--allow-deletes")

    assert "4 to delete" in said.out
    assert bare(here, "apply", "a", "--allow-deletes").code == 0
    assert len(documents(here)) == 2
    assert bare(here, "plan", "a", "--detailed-exitcode").code == 0


def test_a_replacement_that_was_cut_short_before_the_state_was_lost_comes_to_its_end(here: Place) -> None:
    here.write({"a/s.yaml": HEAD + X + INDEX})
    assert bare(here, "apply", "a").code == 0
    here.write({"a/s.yaml": HEAD + X.replace("/x.mp4", "/new.mp4") + INDEX})
    here.served.emulator.add_fault({"fault": "status", "status": 400, "method": "DELETE", "path": "/**"})
    assert bare(here, "apply", "a").code != 0
    here.served.emulator.clear_faults()
    lose(here, "a")

    said = bare(here, "apply", "a", "--adopt", "--allow-deletes")

    assert said.code == 0, said
    assert bare(here, "plan", "a", "--detailed-exitcode").code == 0
    (asset,) = here.objects("/assets")
    (index,) = here.objects("/indexes")
    (inside,) = here.objects(f"/indexes/{index['_id']}/indexed-assets")
    assert inside["asset_id"] == asset["_id"]


def test_what_only_its_name_says_to_be_left_of_a_replacement_is_told_and_not_touched(here: Place) -> None:
    here.write({"a/s.yaml": HEAD + X + INDEX})
    assert bare(here, "apply", "a").code == 0
    (ours,) = here.objects("/indexes")
    models = [{"model_name": "marengo3.0", "model_options": ["visual"]}]
    id = here.api.post("/indexes", json={"index_name": "by hand", "models": models}).json()["_id"]
    assert "delete it by hand" not in bare(here, "plan", "a").out
    here.api.put(f"/indexes/{id}", json={"index_name": deposed_name(ours["index_name"], id)})

    said = bare(here, "plan", "a")

    assert f"Index {id} has the name that is given to what is replaced here" in said.out, said
    assert "No changes." in said.out


# -- accounts


@contextmanager
def two_accounts(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    with place(tmp_path, seed=1) as one, place(tmp_path, seed=2) as other:
        yield one, other


STACKED = HEAD + X + INDEX.replace("assets: {x", "protect: true, assets: {x") + PEOPLE


def test_a_state_is_not_used_on_another_account(tmp_path: Path) -> None:
    with two_accounts(tmp_path) as (one, other):
        one.write({"s.yaml": STACKED})
        assert bare(one, "apply").code == 0
        before = documents(one)

        for command in ("plan", "apply", "drift", "destroy"):
            said = bare(other, command)
            assert said.code == 3, said
            assert "the state is of another account" in said.err
            assert "reconciler state accept" in said.err
        assert other.run("state", "rebuild").code == 3

        assert documents(other) == {}
        assert documents(one) == before
        assert bare(one, "plan", "--detailed-exitcode").code == 0


def test_an_accepted_account_that_has_nothing_of_it_is_not_filled_without_consent(tmp_path: Path) -> None:
    with two_accounts(tmp_path) as (one, other):
        one.write({"s.yaml": STACKED})
        assert bare(one, "apply").code == 0

        said = other.run("state", "accept")
        assert (said.code, "0 of 5 recorded objects are in it" in said.out) == (0, True)
        refused = bare(other, "apply")

        assert refused.code == 3
        assert "none of the 5 recorded objects is in this account" in refused.err
        assert documents(other) == {}
        assert bare(other, "apply", "--allow-recreate").code == 0
        assert len(documents(other)) == 5


def test_a_rotated_key_is_the_same_account_and_is_said_once(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.write({"s.yaml": STACKED})
        assert bare(here, "apply").code == 0

        said = bare(here, "plan", TWELVELABS_API_KEY="another-key")
        assert (said.code, "the same account; apply notes it" in said.out) == (0, True)
        assert bare(here, "apply", TWELVELABS_API_KEY="another-key").code == 0
        assert "apply notes it" not in bare(here, "plan", TWELVELABS_API_KEY="another-key").out


BEGUN = Operation("op1", "run1", "assets/x", "Asset", "create", Signature(listed=True))


def test_what_was_only_begun_counts_as_recorded(tmp_path: Path) -> None:
    with two_accounts(tmp_path) as (one, other):
        one.write({"s.yaml": HEAD + X})
        state = State.open(f"sqlite:///{tmp_path}/.reconciler/state.db", "archive")
        state.identify(account=account_of(one.served.url, KEY))
        state.commit(Open(BEGUN))  # sent to the first account, and not concluded
        state.close()

        said = bare(other, "apply")

        assert (said.code, "its interrupted operations are not known here" in said.err) == (3, True)
        assert documents(other) == {}


def test_the_emulator_has_a_state_of_its_own(tmp_path: Path) -> None:
    with place(tmp_path, seed=1) as here:  # with the seed of `--emulator` it would make the same ids
        here.write({"s.yaml": STACKED})
        assert bare(here, "apply").code == 0
        state = f"sqlite:///{tmp_path}/.reconciler/state.db"
        env = {"RECONCILER_STATE": state, "NO_COLOR": "1"}

        for command in (("apply", "--auto-approve"), ("plan", "--detailed-exitcode")):
            assert reconciler(*command, "--emulator", cwd=tmp_path, env=env).code == 0
        mixed = reconciler("plan", "--emulator", "--state", state, cwd=tmp_path)

        assert (mixed.code, "the state is of another account" in mixed.err) == (3, True), mixed.err
        assert bare(here, "plan", "--detailed-exitcode").code == 0
        assert here.offline("state", "list").out != here.offline("state", "list", "--emulator").out


# -- names


def test_a_renamed_stack_makes_nothing_anew(here: Place) -> None:
    here.write({"s.yaml": STACKED})
    assert bare(here, "apply").code == 0
    ids = set(documents(here))
    here.write({"s.yaml": STACKED.replace("archive", "films")})

    said = bare(here, "apply")
    assert said.code == 3
    assert "reconciler state rename archive films" in said.err
    assert "4 objects" not in here.offline("state", "rename", "nothing", "films").out
    renamed = here.offline("state", "rename", "archive", "films")
    assert renamed.out == "archive is films now: 5 objects. The next apply marks them so.\n"
    assert "the stack was renamed" in bare(here, "plan").out
    assert bare(here, "apply").code == 0

    assert set(documents(here)) == ids
    assert bare(here, "plan", "--detailed-exitcode").code == 0
    stamps = {doc["user_metadata"]["reconciler_stack"] for doc in documents(here).values() if doc.get("user_metadata")}
    assert stamps == {"films"}


def test_stacks_that_are_several_on_purpose_are_no_renames(here: Place) -> None:
    here.write({"s.yaml": "stack: s-${stage}\nvariables: {stage: {default: dev}}\nprovider: twelvelabs\n" + X})
    here.write({"two/a.yaml": HEAD + X, "two/b.yaml": HEAD.replace("archive", "films") + X})

    assert bare(here, "apply").code == 0
    assert bare(here, "apply", "--var", "stage=prod").code == 0
    assert bare(here, "apply", "two/a.yaml").code == 0
    assert bare(here, "apply", "two/b.yaml").code == 0


# -- duplicates


def made_elsewhere(here: Place, key: str) -> str:
    """What a checkout with a state of its own makes of the same YAML at the same moment; gives its id."""
    marks = {"reconciler_stack": "archive", "reconciler_id": "e15e", "reconciler_key": f"assets/{key}"}
    marks["reconciler_sha256"] = documents(here)[recorded(here, f"assets/{key}")]["user_metadata"]["reconciler_sha256"]
    url = f"https://x.example.com/{key}.mp4"
    form = {"method": "url", "url": url, "user_metadata": json.dumps(marks)}
    return str(here.api.post("/assets", files={name: (None, value) for name, value in form.items()}).json()["_id"])


def recorded(here: Place, address: str) -> str:
    lines = (line.split() for line in here.offline("state", "list").out.splitlines())
    return next(words[1] for words in lines if words[0] == address)


@pytest.mark.parametrize("keep", ["recorded", "newest", "id"])
def test_what_two_checkouts_have_made_twice_is_named_and_one_command_settles_it(here: Place, keep: str) -> None:
    here.write({"s.yaml": HEAD + BOTH + PEOPLE})
    assert bare(here, "apply").code == 0
    mine, theirs = recorded(here, "assets/x"), made_elsewhere(here, "x")

    seen = bare(here, "plan", "--detailed-exitcode")
    listed = here.run("state", "duplicates").out
    assert seen.code == 0
    assert "1 object is of another stack 'archive', or of another state of this one (id e15e" in seen.out
    assert f"assets/x: 2 objects\n  {mine}  (this one is used here)" in listed
    assert f"  {theirs}, made" in listed
    assert here.run("state", "duplicates", "--keep", "nonsense").code == 3
    assert len(here.objects("/assets")) == 3

    assert here.run("state", "duplicates", "--keep", theirs if keep == "id" else keep).code == 0
    assert f"assets/x@{mine if keep != 'recorded' else theirs}" in bare(here, "plan").out
    assert bare(here, "apply").code == 0

    assert bare(here, "plan", "--detailed-exitcode").code == 0
    ids = {item["_id"] for item in here.objects("/assets")}
    assert (mine in ids, theirs in ids) == (keep == "recorded", keep != "recorded")
    assert "No address of archive has more than one object" in here.run("state", "duplicates").out


def test_in_ci_a_state_in_the_checkout_is_warned_of(here: Place) -> None:
    here.write({"s.yaml": HEAD + X})

    assert "this runs in CI with its state in the checkout" in bare(here, "plan", CI="true").out
    assert "in CI" not in bare(here, "plan").out
    assert "in CI" not in bare(here, "plan", CI="true", RECONCILER_STATE=f"sqlite:///{here.directory}/kept.db").out


# -- what stands in the place of another


@pytest.mark.parametrize("kind", ["indexes", "entity_collections"])
def test_an_object_that_was_deleted_and_made_again_by_hand_is_drift(here: Place, kind: str) -> None:
    path, declared, made = {
        "indexes": ("/indexes", "indexes: {i: {models: [{name: marengo3.0}]}}\n", INDEX_BY_HAND),
        "entity_collections": ("/entity-collections", "entity_collections: {i: {}}\n", {"name": "i"}),
    }[kind]
    here.write({"s.yaml": HEAD + declared})
    assert bare(here, "apply").code == 0
    here.api.delete(f"{path}/{here.objects(path)[0]['_id']}")
    here.api.post(path, json=made)

    said = here.run("drift")

    assert said.code == 2
    assert "it is another object now" in said.out


INDEX_BY_HAND = {
    "index_name": "i",
    "models": [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}],
}
