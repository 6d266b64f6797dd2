"""Answers for programs: `output`, JSON of what only people could read, completion."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import reconciler as library
from reconciler.schema import stack_schema
from tests.support.commandline import CHECKOUT, reconciler

STACK = """
stack: told
provider: twelvelabs
outputs:
  index_id: indexes/catalog
  film: {from: indexes/catalog/assets/a}
  of_index: {from: indexes/catalog/assets/a, at: parent_id}
  words: {from: embeddings/words/greeting, at: rows}
  kept: {from: embeddings/words/greeting, at: place}
indexes:
  catalog: {models: [{name: marengo3.0, options: [visual]}], assets: {a: {}}}
assets:
  a: {url: "https://example.com/a.mp4", metadata: {season: 2024}}
embeddings:
  words: {of: {greeting: {text: "it's a start"}}, model: marengo3.0}
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack that was applied; no test changes it."""
    directory = tmp_path_factory.mktemp("told")
    (directory / "stack.yaml").write_text(STACK, encoding="utf-8")
    said = reconciler("apply", "--emulator", "--auto-approve", "--format", "json", directory)
    assert said.code == 0, said
    (directory / "report.json").write_text(said.out, encoding="utf-8")
    return directory


def written(directory: Path, text: str) -> Path:
    """A stack that was not applied."""
    (directory / "stack.yaml").write_text(text, encoding="utf-8")
    return directory


def ids(directory: Path) -> dict[str, str]:
    """address → id, as the state has it."""
    told = reconciler("state", "list", "--emulator", "--format", "json", directory).json
    return {row["address"]: row["id"] for row in told["resources"]}


def test_outputs_are_told_by_name(applied: Path) -> None:
    known = ids(applied)

    told = reconciler("output", "--emulator", "--path", applied, "--format", "json")

    outputs = told.json["outputs"]
    assert (told.code, told.json["missing"]) == (0, {})
    assert {name: outputs[name]["value"] for name in ("index_id", "film", "of_index", "words")} == {
        "index_id": known["indexes/catalog"],
        "film": known["indexes/catalog/assets/a"],
        "of_index": known["indexes/catalog"],
        "words": 1,
    }
    assert Path(outputs["kept"]["value"]).is_file()
    assert outputs["kept"]["facts"]["model"] == "marengo3.0"


def test_one_alone_is_its_value_and_nothing_else(applied: Path) -> None:
    known = ids(applied)

    for asked in ("index_id", "indexes/catalog"):
        said = reconciler("output", "--emulator", "--path", applied, asked)
        assert said.out == known["indexes/catalog"] + "\n"


def test_globs_of_addresses_will_do(applied: Path) -> None:
    said = reconciler("output", "--emulator", "--path", applied, "indexes/*")

    assert [line.split()[0] for line in said.out.splitlines()] == ["indexes/catalog", "indexes/catalog/assets/a"]


def test_a_shell_can_read_what_is_for_it(applied: Path) -> None:
    known = ids(applied)
    said = reconciler("output", "--emulator", "--path", applied, "--format", "env", "index_id", "assets/a")

    script = f'{said.out}printf "%s %s" "$index_id" "$ASSETS_A"'
    read = subprocess.run(["/bin/sh", "-eu", "-c", script], capture_output=True, text=True, check=True)

    assert read.stdout == f"{known['indexes/catalog']} {known['assets/a']}"


def test_two_addresses_that_a_shell_could_not_tell_apart_are_refused(tmp_path: Path) -> None:
    stack = written(
        tmp_path,
        'stack: s\nprovider: twelvelabs\nassets: {a.b: {url: "https://e.com/1"}, a_b: {url: "https://e.com/2"}}\n',
    )
    assert reconciler("apply", "--emulator", "--auto-approve", stack).code == 0

    said = reconciler("output", "--emulator", "--path", stack, "--format", "env")

    assert said.code == 1
    assert "assets/a.b and assets/a_b would both be ASSETS_A_B" in said.err
    assert said.out == ""


@pytest.mark.parametrize("form", ["text", "json", "env"])
def test_what_is_not_applied_is_named_and_an_error(tmp_path: Path, form: str) -> None:
    said = reconciler("output", "--emulator", "--path", written(tmp_path, STACK), "--format", form)

    assert said.code == 1
    assert "index_id: indexes/catalog is not applied yet; run `reconciler apply`" in said.err
    assert not (tmp_path / ".reconciler" / "emulator.state.db").exists()
    if form == "json":
        assert said.json["outputs"] == {}
        assert set(said.json["missing"]) == {"index_id", "film", "of_index", "words", "kept"}
    else:
        assert said.out == ""


def test_an_external_object_is_known_by_the_id_that_yaml_says(tmp_path: Path) -> None:
    external = 'stack: s\nprovider: twelvelabs\nassets: {a: {external: true, id: "0123456789abcdef01234567"}}\n'

    said = reconciler("output", "--emulator", "--path", written(tmp_path, external), "assets/a")

    assert (said.code, said.out) == (0, "0123456789abcdef01234567\n")


def test_a_name_that_nobody_knows_gets_a_hint(applied: Path) -> None:
    said = reconciler("output", "--emulator", "--path", applied, "index_di")

    assert (said.code, "there is no 'index_di'; did you mean 'index_id'?" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("entry", "place", "summary"),
    [
        ("x: assets/b", "4:6", 'there is no "assets/b"'),
        ("x: {from: assets/a, at: parent_id}", "4:27", 'at: the string "parent_id" is not known of assets/a'),
        ("x: {at: id}", "4:6", "`from:` is missing"),
        ("x: {from: assets/a, to: id}", "4:23", 'unknown word "to"'),
        ("x: [assets/a]", "4:6", "expected an address such as indexes/catalog"),
        ("a-b: assets/a", "4:3", '"a-b" is not a valid name of an output'),
        ("x: assets/many", "4:6", "assets/many stands for 2; name one of them, such as assets/many"),
        ("x: ${env.TOKEN}", "4:6", "expected an address"),
    ],
)
def test_what_is_wrong_with_an_output_is_told_at_its_place(
    tmp_path: Path, entry: str, place: str, summary: str
) -> None:
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    head = f"stack: s\nprovider: twelvelabs\noutputs:\n  {entry}\n"
    written(tmp_path, head + 'assets: {a: {url: "https://e.com/1"}, many: {files: "*.mp4"}}\n')

    said = reconciler("validate", "--allow-env", "TOKEN", tmp_path, env={"TOKEN": "assets/a"})

    assert said.code == 1
    assert f"stack.yaml:{place}: outputs: {summary}" in said.err


def test_outputs_of_several_files_add_up_and_are_each_given_once(tmp_path: Path) -> None:
    written(tmp_path, 'stack: s\nprovider: twelvelabs\noutputs: {x: assets/a}\nassets: {a: {url: "https://e.com/1"}}\n')
    (tmp_path / "z.yaml").write_text("outputs: {y: assets/a}\n")
    assert reconciler("validate", tmp_path).code == 0

    (tmp_path / "z.yaml").write_text("outputs: {x: assets/a}\n")
    assert "z.yaml:1:11: outputs: `x` is given twice" in reconciler("validate", tmp_path).err


def test_the_schema_knows_outputs() -> None:
    schema = Draft202012Validator(stack_schema("twelvelabs"))
    head = {"stack": "s", "provider": "twelvelabs"}

    assert schema.is_valid({**head, "outputs": {"a": "assets/x", "b": {"from": "assets/x", "at": "id"}}})
    assert not schema.is_valid({**head, "outputs": {"a-b": "assets/x"}})
    assert not schema.is_valid({**head, "outputs": {"a": {"at": "id"}}})


def test_from_python(applied: Path) -> None:
    project = library.open(applied, emulator=True)

    told = asyncio.run(project.outputs(["index_id"]))
    project.close()

    assert [(it.name, it.value) for it in told.found] == [("index_id", ids(applied)["indexes/catalog"])]


def test_the_report_of_an_apply_says_the_ids(applied: Path) -> None:
    outcomes = json.loads((applied / "report.json").read_text())["outcomes"]

    assert {it["address"]: it["id"] for it in outcomes} == ids(applied)


def test_state_show_as_json_has_every_field(applied: Path) -> None:
    told = reconciler("state", "show", "--emulator", "--format", "json", "assets/a", applied).json

    (row,) = told["resources"]
    assert row["fields"]["metadata"]["season"] == 2024
    assert (row["id"], row["deposed"]) == (ids(applied)["assets/a"], False)


def test_validate_as_json(applied: Path, tmp_path: Path) -> None:
    good = reconciler("validate", "--format", "json", applied).json
    assert (good["valid"], good["counts"]["Index"], good["diagnostics"]) == (True, 1, [])

    bad = reconciler("validate", "--format", "json", written(tmp_path, STACK.replace("models:", "modles:")))
    (first, *_) = bad.json["diagnostics"]
    assert (bad.code, bad.json["errored"]) == (1, True)
    assert (Path(first["file"]).name, first["line"], first["column"]) == ("stack.yaml", 11, 3)


def test_validate_as_annotations_of_a_pull_request(tmp_path: Path) -> None:
    text = "stack: s\nprovider: twelvelabs\nassets:\n" + "".join(f"  a{n}: {{ur: 'x%'}}\n" for n in range(12))
    written(tmp_path, text)

    said = reconciler("validate", "--format", "github", ".", cwd=tmp_path)

    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[0].startswith("::error file=stack.yaml,line=4,col=8::assets/a0: ")
    assert len(lines) == 10
    assert "more problems" in lines[-1]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("diff", "plan"), ("up", "apply"), ("refresh", "drift"), ("rm", "destroy"), ("ls", "state list")],
)
def test_what_other_tools_call_it_is_told_and_not_run(typed: str, meant: str) -> None:
    said = reconciler(typed)

    assert (said.code, f"there is no command {typed!r}; did you mean {meant!r}?" in said.err) == (1, True)


def test_the_version_for_programs() -> None:
    told = reconciler("version", "--json").json

    assert told["version"] == library.__version__
    assert told["providers"] == ["twelvelabs", "mixpeek"]
    assert reconciler("version").out == reconciler("--version").out


def test_colour_can_be_forced(applied: Path) -> None:
    assert "\x1b[" not in reconciler("output", "--emulator", "--path", applied, "plan").err
    forced = reconciler("validate", applied / "no-such", env={"FORCE_COLOR": "1"})
    assert forced.code == 1
    changed = reconciler("plan", "--emulator", "--destroy", applied, env={"FORCE_COLOR": "1"})
    assert "\x1b[" in changed.out
    both = reconciler("plan", "--emulator", "--destroy", applied, env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert "\x1b[" not in both.out


# -- completion


def completed(stack: Path, *words: str) -> list[str]:
    """What a shell is offered for the last of the words, by the program itself."""
    asked = {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["reconciler", *words])}
    environment = {**os.environ, **asked, "COMP_CWORD": str(len(words))}
    ran = subprocess.run(
        [Path(sys.executable).parent / "reconciler"],
        cwd=stack,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize(
    "words", [("plan", "--target", "ind"), ("state", "show", "ind"), ("import", "ind"), ("output", "ind")], ids=" ".join
)
def test_addresses_are_completed_out_of_the_yaml(applied: Path, words: tuple[str, ...]) -> None:
    offered = completed(applied, *words)

    assert {"indexes/catalog", "indexes/catalog/assets/a"} <= set(offered)
    assert all(it.startswith("ind") for it in offered)


def test_a_stack_that_is_wrong_completes_nothing_and_says_nothing(tmp_path: Path) -> None:
    assert completed(written(tmp_path, "stack: ["), "plan", "--target", "a") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    said = reconciler("completion", shell)

    assert said.code == 0
    assert f"_RECONCILER_COMPLETE={shell}_complete" in said.out
    if (program := shutil.which(shell)) is not None:
        checked = subprocess.run([program, "-n"], input=said.out, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_what_is_told_here_stands_in_the_documentation() -> None:
    text = (CHECKOUT / "docs/programs.md").read_text(encoding="utf-8")

    for word in ("outputs:", "--format env", "completion", "version --json", "FORCE_COLOR"):
        assert word in text
