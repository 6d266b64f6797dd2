"""A provider that is no part of this package: installed by pip, found by its entry point, and all commands know it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.provider import registry
from reconciler.schema import stack_schema
from tests.support.commandline import CHECKOUT, Said, reconciler
from tests.support.library import TOKEN, ServedLibrary, installed, served_library

STACK = CHECKOUT / "examples" / "own-provider" / "stack"
AGREED = ("--auto-approve", "--allow-replace", "*", "--allow-deletes")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("site"))


@pytest.fixture(autouse=True)
def found(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(package))
    registry.provider.cache_clear()
    yield
    registry.provider.cache_clear()


@pytest.fixture
def library() -> Iterator[ServedLibrary]:
    with served_library() as library:
        yield library


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STACK, tmp_path / "stack"))


@pytest.fixture
def run(stack: Path, library: ServedLibrary) -> Callable[..., Said]:
    def run(command: str, *more: str | Path) -> Said:
        where = () if command == "export" else (stack,)
        return reconciler(command, *where, "--endpoint", library.url, *more, env={"LIBRARY_TOKEN": TOKEN})

    return run


def change(stack: Path, old: str, new: str) -> None:
    file = stack / "stack.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_it_is_known_by_its_name(stack: Path) -> None:
    assert registry.names() == ("twelvelabs", "mixpeek", "library")
    assert "Book.isbn" in reconciler("explain", "book.isbn", "--provider", "library").out
    assert reconciler("validate", stack).out.startswith("reading-room is valid: ")
    assert "titel" in reconciler("validate", write(stack, "title: Typee", "titel: Typee")).err


def write(stack: Path, old: str, new: str) -> Path:
    change(stack, old, new)
    return stack


def test_its_schema_takes_its_stack(stack: Path) -> None:
    import yaml

    document: Any = yaml.safe_load((stack / "stack.yaml").read_text())

    assert list(Draft202012Validator(stack_schema("library")).iter_errors(document)) == []
    document["shelves"]["sea"]["books"]["typee"]["pages"] = 5
    assert list(Draft202012Validator(stack_schema("library")).iter_errors(document)) != []


def test_plan_apply_plan(run: Callable[..., Said], library: ServedLibrary) -> None:
    planned = run("plan")
    assert planned.code == 0, planned.err
    assert planned.last_line == "Plan: 7 to create, 0 to update, 0 to replace, 0 to delete."

    applied = run("apply", *AGREED)

    assert applied.code == 0, applied.out + applied.err
    assert library.names("books") == ["Moby-Dick", "The Scarlet Letter", "Typee"]
    moby = library.one("books", "Moby-Dick")
    assert moby["notes"]["reconciler_key"] == "shelves/sea/books/moby-dick"
    assert moby["authors"] == [library.one("authors", "Herman Melville")["uid"]]
    assert run("plan", "--detailed-exitcode").code == 0


def test_each_kind_of_change_is_made_and_nothing_else(
    run: Callable[..., Said], library: ServedLibrary, stack: Path
) -> None:
    assert run("apply", *AGREED).code == 0
    before = {it["uid"] for it in library.store.objects.values()}
    change(stack, "topic: whales", "topic: the sea")  # in place
    change(stack, "978-0-14-043488-0", "978-0-00-000000-0")  # another book
    change(stack, "authors: [hawthorne]", "authors: [hawthorne, melville]")  # a member more
    change(stack, 'notes: {born: "1819"}', 'notes: {died: "1891"}')  # one key goes, one comes
    change(stack, "      moby-dick:", "      the-whale:")  # the same object by another key
    change(stack, "        title: Moby-Dick\n", "        title: Moby-Dick\n        notes: {}\n")
    (stack / "more.yaml").write_text(
        "removed: []\nmoved: [{from: X, to: Y}]\n".replace(
            "{from: X, to: Y}", "{from: shelves/sea/books/moby-dick, to: shelves/sea/books/the-whale}"
        )
    )

    applied = run("apply", *AGREED)

    assert applied.code == 0, applied.out + applied.err
    assert run("plan", "--detailed-exitcode").code == 0
    assert library.one("shelves", "sea")["topic"] == "the sea"
    assert len(library.one("books", "The Scarlet Letter")["authors"]) == 2
    assert library.one("authors", "Herman Melville")["notes"].get("died") == "1891"
    assert "born" not in library.one("authors", "Herman Melville")["notes"]
    made = {it["uid"] for it in library.store.objects.values()} - before
    assert made == {library.one("books", "Typee")["uid"]}
    assert library.names("books") == ["Moby-Dick", "The Scarlet Letter", "Typee"]


def test_what_was_changed_outside_git_is_told_and_mended(run: Callable[..., Said], library: ServedLibrary) -> None:
    assert run("apply", *AGREED).code == 0
    library.one("books", "Typee")["keywords"] = ["islands"]
    library.one("shelves", "sea")["topic"] = "ships"

    drifted = run("drift", "--format", "json")

    assert drifted.code == 2
    found = {(it["address"], delta["path"]) for it in json.loads(drifted.out)["drift"] for delta in it["deltas"]}
    assert ("shelves/sea", "topic") in found
    assert run("apply", *AGREED).code == 0
    assert library.one("shelves", "sea")["topic"] == "whales"


def test_an_account_is_exported_and_planning_that_changes_nothing(
    run: Callable[..., Said], library: ServedLibrary, tmp_path: Path
) -> None:
    assert run("apply", *AGREED).code == 0
    out = tmp_path / "exported"

    exported = run("export", "--provider", "library", "--out", out)

    assert exported.code == 0, exported.err
    online = ("--endpoint", library.url)
    planned = reconciler("plan", out, *online, "--detailed-exitcode", env={"LIBRARY_TOKEN": TOKEN})
    assert planned.code == 0, planned.out + planned.err


def test_a_deleted_state_is_found_again_by_stamps_and_names(
    run: Callable[..., Said], library: ServedLibrary, stack: Path
) -> None:
    assert run("apply", *AGREED).code == 0
    shutil.rmtree(stack / ".reconciler")
    before = dict(library.store.objects)

    applied = run("apply", *AGREED, "--adopt")

    assert applied.code == 0, applied.out + applied.err
    assert library.store.objects == before
    assert run("plan", "--detailed-exitcode").code == 0


def test_what_it_made_is_destroyed_and_nothing_of_others(run: Callable[..., Said], library: ServedLibrary) -> None:
    library.store.make("authors", {"name": "Somebody else"})
    assert run("apply", *AGREED).code == 0

    destroyed = run("destroy", "--auto-approve")

    assert destroyed.code == 0, destroyed.out + destroyed.err
    assert library.names("authors") == ["Somebody else"]
    assert library.names("books") == library.names("shelves") == []


def test_whoever_loses_an_author_is_told_before_it_goes(
    run: Callable[..., Said], library: ServedLibrary, stack: Path
) -> None:
    assert run("apply", *AGREED).code == 0
    shelf = library.store.make("shelves", {"name": "of others"})
    author = library.one("authors", "Nathaniel Hawthorne")["uid"]
    library.store.make("books", {"title": "Twice-Told Tales", "authors": [author]}, shelf["uid"])
    change(stack, "  hawthorne:\n    name: Nathaniel Hawthorne\n", "")
    change(stack, "        authors: [hawthorne]\n", "")

    planned = run("plan")

    assert "Twice-Told Tales" in planned.out


def test_a_key_is_asked_for_by_the_name_that_the_provider_says(stack: Path) -> None:
    said = reconciler("plan", stack)

    assert said.code == 5
    assert "LIBRARY_TOKEN" in said.err


def test_its_own_emulator_is_what_it_is_tried_on(stack: Path) -> None:
    def run(command: str, *more: str) -> Said:
        return reconciler(command, stack, "--emulator", *more)

    assert run("plan").last_line == "Plan: 7 to create, 0 to update, 0 to replace, 0 to delete."
    applied = run("apply", *AGREED)
    assert applied.code == 0, applied.out + applied.err
    assert run("plan", "--detailed-exitcode").code == 0
    assert run("drift").code == 0
