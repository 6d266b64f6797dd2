"""README and the examples' pages: what they show is what happens."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from reconciler.cli import COMMANDS
from reconciler.cli import cli as group
from reconciler.errors import ReconcilerError
from reconciler.provider import provider
from reconciler.provider.registry import BUILT_IN
from tests.support.commandline import CHECKOUT

README = CHECKOUT / "README.md"
PAGES = [
    README,
    CHECKOUT / "ARCHITECTURE.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "SECURITY.md",
    *(it for top in ("examples", "docs") for it in sorted((CHECKOUT / top).rglob("*.md"))),
]
DECISIONS = sorted((CHECKOUT / "docs/decisions").glob("*.md"))
COMPONENT = CHECKOUT / "examples/ci/gitlab/templates/reconciler.yml"
WORKFLOWS = sorted((CHECKOUT / "examples/ci/workflows").glob("*.yml"))
RESULTS = {0, 2, 7, 8, 9, 130}
"""Exit codes that are no errors."""


def section(title: str) -> str:
    """What stands under a heading of README."""
    _, found, rest = README.read_text(encoding="utf-8").partition(f"\n## {title}\n")
    assert found, title
    return rest.partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_tables_are_not_stale() -> None:
    fields = runpy.run_path(str(CHECKOUT / "docs/fields.py"))
    texts = [page.read_text(encoding="utf-8") for page in fields["PAGES"]]

    fresh = [fields["rewritten"](text) for text in texts]

    assert texts == fresh, "run `make docs`"
    marked = [re.findall("<!-- (.*) -->", text) for text in fresh]
    assert marked == [
        ["providers", "end", "fields of twelvelabs", "end", "fields of mixpeek", "end", "common fields", "end"],
        ["make help", "end"],
        ["layers", "end", "contracts", "end"],
    ]


def test_the_readme_has_a_row_and_a_table_for_each_provider_that_comes_along() -> None:
    rows = [line for line in section("Providers").splitlines() if line.startswith("| `")][1:]

    assert [row.split("`")[1] for row in rows] == list(BUILT_IN)
    for row, name in zip(rows, BUILT_IN, strict=True):
        for kind in provider(name).kinds:
            assert f"`{'/'.join(kind.section_path())}`" in row
            assert f"| {kind.__name__} | `{'/NAME/'.join(kind.section_path())}/NAME` |" in README.read_text("utf-8")
        assert all(f"`{it}`" in row for it in provider(name).access.key_variables)
        assert all(f"`{it}`" in section("With a real account") for it in provider(name).access.url_variables)


@pytest.mark.slow
def test_the_first_stack_by_hand_goes_as_told(tmp_path: Path) -> None:
    told = section("A first stack by hand")
    (content,) = blocks(told, "yaml")
    (tmp_path / "archive.yaml").write_text(content, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    ran = subprocess.run(
        ["/bin/sh", "-e", "-c", "\n".join(blocks(told, "sh"))],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    shown = [line.strip() for block in blocks(told, "text") for line in block.splitlines()]
    assert len(shown) == 5
    assert set(shown) <= {line.strip() for line in ran.stdout.splitlines()}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), flags=re.MULTILINE)}

    def below(error: type[ReconcilerError]) -> Iterator[type[ReconcilerError]]:
        yield error
        for inner in error.__subclasses__():
            yield from below(inner)

    assert told == RESULTS | {error.exit_code for error in below(ReconcilerError)}


def lines_of(page: Path) -> list[str]:
    """The commands that a page shows."""
    lines = [line for block in blocks(page.read_text(encoding="utf-8"), "sh") for line in block.splitlines()]
    lines += re.findall(r"`(reconciler [^`]+)`", page.read_text(encoding="utf-8"))
    return [line for line in lines if line.startswith("reconciler ")]


def scripts_of(pipeline: Path) -> list[str]:
    """The commands that the jobs of a component for GitLab run, its variables standing for some path."""
    *_, jobs = yaml.safe_load_all(pipeline.read_text(encoding="utf-8"))
    lines = [line for job in jobs.values() for key in ("script", "after_script") for line in job.get(key, ())]
    return [re.sub(r'"\$[^"]*"', ".", line) for line in lines]


@pytest.mark.parametrize(
    "line",
    sorted({line for page in PAGES for line in lines_of(page)} | {*scripts_of(COMPONENT)}),
)
def test_every_command_that_is_shown_can_be_typed(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else [word for word in words if word != "&"]

    name, *arguments = words
    command = group.get_command(click.Context(group), name)

    assert name in COMMANDS
    assert command is not None
    command.make_parser(click.Context(command)).parse_args(list(arguments))


def test_nothing_is_installed_by_a_name_that_is_somebody_elses() -> None:
    """On PyPI `reconciler` is another project: what would install it runs a stranger's code beside the key."""
    by_name = re.compile(r"""(?:\binstall(?: +-\S+)*|\buvx|\buv tool run) +['"]?reconciler\b(?![-\w/])""")
    told = [CHECKOUT / "Makefile", *PAGES, *WORKFLOWS]
    for top in ("reconciler", "examples", "docs"):
        told += [file for file in (CHECKOUT / top).rglob("*") if file.suffix in {".py", ".sh", ".j2"}]

    assert by_name.search("pip install 'reconciler[media]'")
    assert by_name.search("pip install --upgrade reconciler")
    assert [file.name for file in told if by_name.search(file.read_text(encoding="utf-8"))] == []


def test_secrets_of_a_workflow_are_seen_only_by_the_step_that_needs_them() -> None:
    for workflow in WORKFLOWS:
        flow = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        for scope in (flow, *flow["jobs"].values()):
            assert "secrets." not in str(scope.get("env"))
        for step in (step for job in flow["jobs"].values() for step in job["steps"]):
            assert ("secrets." in str(step)) == step["uses"].startswith("OWNER/reconciler/.github/actions/reconciler@")


def test_the_workflows_use_the_action_by_inputs_that_it_has() -> None:
    action = yaml.safe_load((CHECKOUT / ".github/actions/reconciler/action.yml").read_text(encoding="utf-8"))
    used = {}
    for workflow in WORKFLOWS:
        (job,) = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
        (checkout, given) = (step["with"] for step in job["steps"])
        assert checkout == {"persist-credentials": False}
        assert set(given) <= set(action["inputs"])
        used[workflow.stem] = given["command"]

    assert used == {"plan": "plan", "apply": "apply", "drift": "drift"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_readme_says_in_ten_lines_what_it_is() -> None:
    intro = README.read_text(encoding="utf-8").partition("\n## ")[0]

    assert len([line for line in intro.splitlines()[1:] if line]) <= 12


@pytest.mark.parametrize(
    "page", ["ARCHITECTURE.md", "CONTRIBUTING.md", *(f"docs/decisions/{it.name}" for it in DECISIONS)]
)
def test_what_a_page_names_of_the_code_is_there(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:reconciler|tests|docs|examples)/[A-Za-z0-9_./-]*)`", text)

    assert [path for path in paths if not (CHECKOUT / path).exists()] == []
    assert paths or page.startswith("docs/")
