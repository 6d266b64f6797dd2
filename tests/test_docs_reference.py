"""The reference and the site: nothing that can be typed or written is missing from them, and no link leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from reconciler.cli import COMMANDS
from reconciler.cli import cli as group
from reconciler.load.grammar.settings import WORDS
from reconciler.load.grammar.shapes import OPTIONS, shapes_of
from reconciler.provider import kinds_of
from tests.support.commandline import CHECKOUT

REFERENCE = CHECKOUT / "docs/reference"
TROUBLE = (CHECKOUT / "docs/troubleshooting.md").read_text(encoding="utf-8")


def module(name: str) -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(CHECKOUT / f"docs/{name}.py")))


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_reference_is_not_stale() -> None:
    there = {file.name: file.read_text(encoding="utf-8") for file in REFERENCE.glob("*.md")}

    assert there == module("reference").pages(), "run `make docs`"


def commands(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    inner = command.commands.items() if isinstance(command, click.Group) else ()
    return [(name, command), *(pair for word, it in inner for pair in commands(it, f"{name} {word}"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_option_stands_in_the_reference(name: str) -> None:
    told = page("cli.md")
    top = group.get_command(click.Context(group), name)
    assert top is not None

    for words, command in commands(top, name):
        _, found, rest = told.partition(f"# {words}\n")
        assert found, words
        part = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
        options = [it for it in command.params if isinstance(it, click.Option) and not it.hidden]
        named = [word for option in options for word in option.opts if word.startswith("--")]
        assert [word for word in named if word not in part] == [], words


def test_each_key_of_the_grammar_stands_in_the_reference() -> None:
    grammar, kinds = page("grammar.md"), page("kinds.md")

    assert [word for word in (*WORDS, *OPTIONS) if not re.search(rf"^##+ {word}$", grammar, flags=re.MULTILINE)] == []
    for provider in ("twelvelabs", "mixpeek"):
        for top in shapes_of(kinds_of(provider)).values():
            for shape in (top, *top.children.values()):
                _, found, rest = kinds.partition(f"### {shape.kind.__name__}\n")
                part = rest.partition("\n### ")[0]
                missing = [word for word in shape.words() if f"| `{word}`" not in part and word not in OPTIONS]
                assert found and missing == []


MESSAGES = re.findall(r"^\| (`+ ?.+? ?`+) \|", TROUBLE.partition("## By message")[2], flags=re.MULTILINE)
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "reconciler").rglob("*.py"))


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_that_is_explained_is_one_that_is_said(message: str) -> None:
    said = re.sub(r"^`+ ?| ?`+$", "", message)
    parts = [part.strip('"` $') for part in re.split(r"…|\$\{|\}", said)]

    assert [part for part in parts if part and part not in SOURCE] == []


def test_each_exit_code_is_explained() -> None:
    told = re.findall(r"^\| (\d+) \|", TROUBLE, flags=re.MULTILINE)

    assert {"0", *told} == set(re.findall(r"^\| (\d+) \|", page("exit-codes.md"), flags=re.MULTILINE))


def test_each_page_has_its_place_in_the_navigation() -> None:
    site, docs = module("site"), CHECKOUT / "docs"

    placed = re.findall(r"'([\w./-]+\.md)'", str(site.navigation(docs)))
    assert sorted(placed) == sorted(str(file.relative_to(docs)) for file in docs.rglob("*.md"))


def test_a_link_that_leads_nowhere_and_a_font_from_elsewhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h2 id="here">A</h2><a href="b.html#there">1</a><a href="#here">2</a><a href="b.html#no">3</a>'
        '<a href="c.html">4</a><a href="https://example.com/">5</a>'
        '<link rel="stylesheet" href="https://fonts.example.com/x.css">',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h2 id="there">B</h2>', encoding="utf-8")

    assert sorted(module("site").problems(tmp_path)) == [
        "a.html: b.html#no leads nowhere",
        "a.html: c.html leads nowhere",
        "a.html: fetches https://fonts.example.com/x.css",
    ]


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="`make docs-site` builds it and looks at it")
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    made = module("site").build(tmp_path / "docs")

    assert (made / "index.html").is_file() and (made / "how-to/rename.html").is_file()
    assert "fonts.googleapis" not in (made / "index.html").read_text(encoding="utf-8")
