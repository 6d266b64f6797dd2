"""Every spec and every example, through the command line, on the emulator: what is shipped works and settles."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from reconciler.emulator import transport
from reconciler.emulator.core.media import examine
from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.limits import check_indexable
from tests.support.commandline import CHECKOUT, Said, reconciler

IN_SYNC = "No changes. {} is in sync."


@dataclass(frozen=True)
class Shipped:
    """A stack as it is shipped: a folder, or one file in it, and what has to be given to it."""

    path: str
    name: str
    creates: int
    env: Mapping[str, str] = field(default_factory=dict)


SHIPPED = [
    Shipped("specs/small-archive", "small-archive", creates=10),
    Shipped("specs/two-index-library", "two-index-library", creates=13),
    Shipped("specs/roster", "roster", creates=14),
    Shipped("specs/film-features", "film-features", creates=7),
    Shipped("examples/mixpeek-features", "guide", creates=3),
    Shipped("examples/quickstart", "quickstart", creates=13),
    Shipped("examples/variables", "season-dev", creates=3, env={"RECONCILER_VAR_CHECKED_BY": "ines"}),
    Shipped("examples/embeddings-to-parquet", "vectors", creates=7),
    Shipped("examples/embeddings-to-pgvector", "game-vectors", creates=6),
    Shipped("examples/topics-as-metadata", "topics", creates=7),
    Shipped("examples/search-checks", "search-checks", creates=7),
    Shipped("examples/many-files", "many-files", creates=6),
    Shipped("examples/rename-and-move/before.yaml", "rename-and-move", creates=6),
    Shipped("examples/rename-and-move/after.yaml", "rename-and-move", creates=6),
]
ELSEWHERE = {"examples/adopt-existing", "examples/ci", "examples/own-provider", "examples/watch"}
"""Have tests of their own: below, in test_docs, in test_own_provider, in test_watch."""


class Checkout:
    """A copy of a shipped stack. Account and state are beside it, so that several copies can share them."""

    def __init__(self, shipped: Shipped, directory: Path, account: Path) -> None:
        source = CHECKOUT / shipped.path
        self.shipped, self.directory, self.account = shipped, directory, account
        folder, self.file = (source, "") if source.is_dir() else (source.parent, source.name)
        shutil.copytree(folder, directory, ignore=shutil.ignore_patterns(".reconciler"))
        account.mkdir(exist_ok=True)

    def run(self, command: str, *more: str) -> Said:
        """One command on it."""
        where = [f"--emulator={self.account / 'emulator.db'}", f"--state=sqlite:///{self.account / 'state.db'}"]
        path = self.directory / self.file
        return reconciler(command, path, *where, *more, env=self.shipped.env)

    def apply(self) -> None:
        """Apply, and insist that it went well."""
        said = self.run("apply", "--auto-approve")
        assert said.code == 0, said


@pytest.fixture(params=SHIPPED, ids=lambda shipped: shipped.path)
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    return Checkout(request.param, tmp_path / "checkout", tmp_path / "account")


def in_sync(checkout: Checkout) -> str:
    return IN_SYNC.format(checkout.shipped.name)


def test_every_spec_and_example_is_tested() -> None:
    folders = [folder for top in ("specs", "examples") for folder in (CHECKOUT / top).iterdir() if folder.is_dir()]
    there = {folder.relative_to(CHECKOUT).as_posix() for folder in folders}

    tested = {shipped.path.removesuffix("/before.yaml").removesuffix("/after.yaml") for shipped in SHIPPED}
    assert there == tested | ELSEWHERE


def test_it_is_valid(checkout: Checkout) -> None:
    said = reconciler("validate", checkout.directory / checkout.file, env=checkout.shipped.env)

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{checkout.shipped.name} is valid: ")


def test_after_apply_the_plan_is_empty_and_nothing_has_drifted(checkout: Checkout) -> None:
    first = checkout.run("plan")
    assert first.last_line == f"Plan: {checkout.shipped.creates} to create, 0 to update, 0 to replace, 0 to delete."

    checkout.apply()

    again = checkout.run("plan", "--detailed-exitcode")
    assert (again.code, again.out.strip()) == (0, in_sync(checkout))
    assert checkout.run("drift").code == 0


def test_a_second_checkout_with_the_same_state_has_nothing_to_do(checkout: Checkout, tmp_path: Path) -> None:
    checkout.apply()

    second = Checkout(checkout.shipped, tmp_path / "second", checkout.account)

    assert second.run("plan").last_line == in_sync(checkout)


def test_without_its_state_it_finds_everything_again(checkout: Checkout) -> None:
    checkout.apply()
    (checkout.account / "state.db").unlink()

    assert checkout.run("plan").last_line == in_sync(checkout)


def test_the_order_of_files_and_keys_changes_nothing(checkout: Checkout) -> None:
    checkout.apply()

    for number, file in enumerate(sorted(checkout.directory.rglob("*.yaml"), reverse=True)):
        turn_around(file, f"{number}-{file.name}" if not checkout.file else file.name)

    assert checkout.run("plan").last_line == in_sync(checkout)


def turn_around(file: Path, name: str) -> None:
    """The same YAML, last key first, maybe under another name."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.unlink()
    file.with_name(name).write_text(yaml.safe_dump(reverse(content), sort_keys=False), encoding="utf-8")


def reverse(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reverse(value[key]) for key in reversed(value)}
    return [reverse(item) for item in value] if isinstance(value, list) else value


def test_destroy_leaves_nothing(checkout: Checkout) -> None:
    checkout.apply()

    assert checkout.run("destroy", "--auto-approve").code == 0

    assert checkout.run("plan").last_line.startswith(f"Plan: {checkout.shipped.creates} to create, 0 to update")


def test_moved_keys_cost_nothing(tmp_path: Path) -> None:
    before, after = (next(s for s in SHIPPED if s.path.endswith(name)) for name in ("before.yaml", "after.yaml"))
    checkout = Checkout(before, tmp_path / "checkout", tmp_path / "account")
    checkout.apply()
    ids = ids_of(checkout)

    checkout.file = "after.yaml"
    plan = checkout.run("plan", "--format=json").json
    checkout.apply()

    assert {change["action"] for change in plan["changes"]} == {"move"}
    assert {change["address"] for change in plan["changes"]} >= {"assets/semifinal", "indexes/games"}
    assert ids_of(checkout) == ids
    assert checkout.run("plan").last_line == in_sync(checkout)
    assert checkout.shipped.name == after.name


def ids_of(checkout: Checkout) -> set[str]:
    """What is recorded, whatever it is called."""
    said = reconciler(
        "state", "list", checkout.directory / checkout.file, f"--state=sqlite:///{checkout.account / 'state.db'}"
    )
    return {line.split()[1] for line in said.out.splitlines()}


def test_variables_keep_their_types_and_hide_what_is_secret(tmp_path: Path) -> None:
    shipped = next(shipped for shipped in SHIPPED if shipped.path == "examples/variables")
    checkout = Checkout(shipped, tmp_path / "checkout", tmp_path / "account")

    var_file = f"--var-file={checkout.directory / 'seasons/2025.yaml'}"
    said = checkout.run("plan", "--format=json", var_file, "--var=league=southern")

    (asset,) = (change for change in said.json["changes"] if change["address"] == "assets/final")
    fields = {delta["path"]: delta["after"] for delta in asset["deltas"]}
    assert fields["url"] == "https://media.example.com/2025/final.mp4"
    assert fields["metadata"] == {
        "season": 2025,
        "archived": False,
        "teams": ["Harbour", "Lake"],
        "title": "Final 2025, southern league",
        "checked_by": {"$env": "${env.RECONCILER_VAR_CHECKED_BY}"},
        "price": "${5}",
    }
    assert "ines" not in said.out + said.err


def test_adopting_makes_nothing_twice(tmp_path: Path) -> None:
    given = filled_by_hand(tmp_path / "emulator.db", (CHECKOUT / "examples/quickstart/media/final.mp4").read_bytes())
    shutil.copytree(CHECKOUT / "examples/adopt-existing", tmp_path / "checkout")
    options = [f"--var={name}={value}" for name, value in given.items()]
    options += [str(tmp_path / "checkout"), f"--emulator={tmp_path / 'emulator.db'}"]

    refused = reconciler("plan", *options)
    assert refused.code == 3
    assert "--adopt" in refused.err

    plan = reconciler("plan", "--adopt", "--format=json", *options).json
    assert {(change["action"], change["address"]) for change in plan["changes"]} == {
        ("adopt", "assets/final"),
        ("adopt", "indexes/games"),
        ("adopt", "indexes/games/assets/final"),
        ("adopt", "entity_collections/players"),
        ("create", "assets/semifinal"),
        ("create", "indexes/games/assets/semifinal"),
        ("create", "entity_collections/players/entities/park"),
    }

    assert reconciler("apply", "--adopt", "--auto-approve", *options).code == 0
    assert reconciler("plan", *options).last_line == IN_SYNC.format("adopt-existing")
    assert reconciler("drift", *options).code == 0


def filled_by_hand(account: Path, video: bytes) -> dict[str, str]:
    """What people made before there was a stack; the ids that the stack wants."""

    async def fill() -> dict[str, str]:
        emulator = app(account)
        client = httpx.AsyncClient(
            base_url="http://emulator/v1.3", headers={"x-api-key": "any"}, transport=transport(emulator)
        )

        async def make(path: str, **content: Any) -> str:
            answer = (await client.post(path, **content)).raise_for_status()
            return str(answer.json()["_id"])

        async with client:
            final = await make("/assets", data={"method": "direct"}, files={"file": ("f.mp4", video)})
            portrait = await make("/assets", data={"method": "url", "url": "https://example.com/park.jpg"})
            for id in (final, portrait):
                while (await client.get(f"/assets/{id}")).json()["status"] != "ready":
                    pass
            models = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
            games = await make("/indexes", json={"index_name": "games", "models": models})
            await make(f"/indexes/{games}/indexed-assets", json={"asset_id": final})
            await make("/entity-collections", json={"name": "players"})
        emulator.close()
        return {"final_id": final, "portrait_id": portrait}

    return asyncio.run(fill())


SPECS = sorted(path.name for path in (CHECKOUT / "specs").iterdir())


@pytest.mark.parametrize("name", SPECS)
def test_init_makes_a_stack_that_works_and_that_editors_understand(name: str, tmp_path: Path) -> None:
    made = reconciler("init", "here", f"--spec={name}", cwd=tmp_path)

    assert made.code == 0
    assert made.last_line == "Try it offline: reconciler plan here --emulator"
    assert reconciler("plan", "here", "--emulator", cwd=tmp_path).last_line.startswith("Plan: ")
    for file in (tmp_path / "here").rglob("*.yaml"):
        header = file.read_text(encoding="utf-8").splitlines()[0]
        schema = file.parent / header.removeprefix("# yaml-language-server: $schema=")
        provider = "mixpeek" if name == "film-features" else "twelvelabs"
        assert schema.read_bytes() == (CHECKOUT / f"schemas/{provider}.json").read_bytes()


def test_init_takes_a_stack_of_the_provider_that_is_named(tmp_path: Path) -> None:
    made = reconciler("init", "here", "--provider", "mixpeek", cwd=tmp_path)
    unknown = reconciler("init", "there", "--provider", "nobody", cwd=tmp_path)

    assert made.code == 0
    assert "provider: mixpeek\n" in (tmp_path / "here/films.yaml").read_text()
    assert reconciler("plan", "here", "--emulator", cwd=tmp_path).last_line.startswith("Plan: 7 to create")
    assert (unknown.code, "there is no spec of 'nobody'" in unknown.err) == (1, True)


def test_init_lists_what_there_is_in_a_line_each() -> None:
    lines = reconciler("init", "--list").out.splitlines()

    assert [line.split()[0] for line in lines] == SPECS
    assert all(len(line.split()) > 5 for line in lines)


@pytest.mark.parametrize("name", ["stack.yaml", "other.yml", "media/opening.mp4", ".schemas/twelvelabs.json"])
def test_init_overwrites_nothing_and_joins_no_other_stack(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine", encoding="utf-8")

    said = reconciler("init", tmp_path)

    assert said.code == 1
    assert f"{name} is there already" in said.err
    assert [file.read_text() for file in tmp_path.rglob("*") if file.is_file()] == ["mine"]


@pytest.mark.parametrize("name", ["stack.yaml", "media", "media/opening.mp4", ".schemas"])
def test_init_writes_nothing_through_a_link(name: str, tmp_path: Path) -> None:
    (tmp_path / "here/media").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    if name == "media":
        (tmp_path / "here/media").rmdir()
    (tmp_path / "here" / name).symlink_to(tmp_path / "outside" / ("" if "." not in name else "file"))

    said = reconciler("init", tmp_path / "here")

    assert (said.code, "is there already" in said.err) == (1, True)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    ("directory", "name"),
    [("archive-2024", "archive-2024"), ("Sommer Fest!", "Sommer-Fest"), ("été", "ete"), (".hidden", "hidden")],
)
def test_init_names_the_stack_after_its_directory(directory: str, name: str, tmp_path: Path) -> None:
    for spec in SPECS:
        (tmp_path / spec).mkdir()
        said = reconciler("init", directory, f"--spec={spec}", cwd=tmp_path / spec)

        assert said.code == 0
        assert reconciler("validate", directory, cwd=tmp_path / spec).out.startswith(f"{name} is valid: ")


@pytest.mark.parametrize("command", ["init here", "init here/media/below", "schema --write here"])
def test_what_cannot_be_written_is_said(command: str, tmp_path: Path) -> None:
    # A file where a directory is wanted, and the other way round: root may write into any directory.
    (tmp_path / "here/event.json").mkdir(parents=True)
    (tmp_path / "here/media").write_text("", encoding="utf-8")

    said = reconciler(*command.split(), cwd=tmp_path)

    assert said.code == 1
    assert "cannot be written" in said.err


MEDIA = sorted(
    file
    for top in ("specs", "examples")
    for file in (CHECKOUT / top).rglob("media/*")
    if ".reconciler" not in file.parts
)


def test_media_are_small() -> None:
    assert sum(file.stat().st_size for file in MEDIA) < 600_000


@pytest.mark.parametrize("file", MEDIA, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_media_are_legal_for_an_index(file: Path) -> None:
    with file.open("rb") as opened:
        media = examine(opened, file.name)

    assert media.measured
    check_indexable(media.as_json())
    assert min(media.width or 400, media.height or 400) >= 360


@pytest.mark.slow
def test_media_are_made_by_the_script_and_the_same_each_time(tmp_path: Path) -> None:
    script = CHECKOUT / "examples/quickstart/make_media.py"
    for name in ("first", "second"):
        subprocess.run([sys.executable, script, tmp_path / name], check=True)

    first, second = ({file.name: file.read_bytes() for file in (tmp_path / n).iterdir()} for n in ("first", "second"))

    assert first == second
    assert first.keys() == {file.name for file in (CHECKOUT / "examples/quickstart/media").iterdir()}
