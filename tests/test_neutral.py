"""Text of pull requests and accounts, planted wherever there can be any, does nothing where it is printed: no escape
reaches a terminal, no line of it stands alone, no runner takes it for a command, and Markdown keeps it in code."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.support.commandline import Said
from tests.support.served import Place

LINE = "No changes. s is in sync."
COMMANDS = "::error::pwned ##[add-mask]y ##vso[task.complete]"
NASTY = f"x\n{LINE}\n{COMMANDS}\x1b]0;title\x07\x9b2J\u202e\u200b\r<!-- @team `` # [a](b)"


def neutral(said: Said, lines: int = 0) -> None:
    """Nothing in it acts; `lines` are there that say what ours say."""
    for text in (said.out, said.err):
        assert all(line.isprintable() for line in text.split("\n")), repr(text)
        assert not re.search(r"(?m)^\s*::|##\w*\[", text), text
    assert said.out.count(f"\n{LINE}") + said.out.startswith(LINE) <= lines
    assert "Traceback" not in said.err


def in_fences(text: str) -> None:
    """Of Markdown nothing planted stands outside of code."""
    fence, outside = "", []
    for line in text.split("\n"):
        if found := re.match("`{3,}", line):
            fence = "" if fence else found[0]
        elif not fence:
            outside.append(re.sub(r"(`+)[^`].*?\1", "", line))
    assert not any(word in line for line in outside for word in ("pwned", "@team", "<!--", "[a](b)")), outside


def every_report(here: Place) -> None:
    for form in ("text", "json", "markdown", "html"):
        said = here.run("plan", "-v", "--format", form)
        neutral(said)
        if form == "markdown":
            in_fences(said.out)
    for form in ("text", "json", "markdown", "html", "junit", "sarif"):
        said = here.run("drift", "--unmanaged", "--format", form)
        neutral(said)
        if form == "markdown":
            in_fences(said.out)


def test_nothing_that_a_stack_holds_acts_where_it_is_printed(here: Place) -> None:
    stack = {
        "stack": "s",
        "provider": "twelvelabs",
        "assets": {
            "a": {"url": "https://x.example.com/a.mp4", "filename": NASTY, "metadata": {NASTY: NASTY, "x": [NASTY]}}
        },
        "indexes": {"i": {"name": NASTY, "models": [{"name": "marengo3.0"}]}},
        "entity_collections": {"c": {"name": NASTY, "description": NASTY, "entities": {"e": {"name": NASTY}}}},
    }
    here.write({"s.yaml": yaml.safe_dump(stack)})
    every_report(here)
    neutral(here.offline("graph"))
    neutral(here.run("plan", "-o", "plan.json"))
    neutral(here.offline("show", "plan.json"))
    neutral(here.run("apply", "--auto-approve", "-v"))
    neutral(here.offline("state", "list"))
    neutral(here.offline("state", "show", "assets/a"))


@pytest.mark.parametrize(
    "wrong",
    [
        {NASTY: 1},
        {"assets": {NASTY: {"file": "x"}}},
        {"assets": {"a": {NASTY: "x"}}},
        {"assets": {"a": {"file": NASTY}}},
        {"assets": {"a": {"url": NASTY}}},
        {"assets": {"a": {"files": NASTY, "metadata_from": NASTY}}},
        {"indexes": {"i": {"models": [{"name": NASTY}]}}},
        {"indexes": {"i": {"models": NASTY}}},
        {"entity_collections": {"c": {"entities": {"e": {"assets": [NASTY]}}}}},
        {"moved": [{"from": NASTY, "to": NASTY}]},
        {"removed": [NASTY]},
        {"guards": {NASTY: 1}},
        {"prices": {"currency": NASTY}, "assets": {"a": {"url": "https://x/a"}}},
        {"prices": {NASTY: 1}},
        {"variables": {NASTY: {}}},
        {"include": [NASTY]},
        {
            "metadata_schema": {"properties": {"x": {"enum": [NASTY]}}},
            "assets": {"a": {"url": "https://x/a", "metadata": {"x": NASTY}}},
        },
        {"stack": NASTY},
        {"provider": NASTY},
    ],
    ids=str,
)
def test_nothing_that_is_wrong_acts_in_what_says_so(here: Place, wrong: dict[str, object]) -> None:
    here.write({"s.yaml": yaml.safe_dump({"stack": "s", "provider": "twelvelabs", **wrong})})

    for form in ("text", "json", "markdown"):
        said = here.run("plan", "--format", form)
        neutral(said)
        if form == "markdown":
            in_fences(said.out)


def test_nothing_that_an_account_holds_acts_where_it_is_printed(here: Place) -> None:
    here.write({"s.yaml": 'stack: s\nprovider: twelvelabs\nassets: {a: {url: "https://x.example.com/a.mp4"}}\n'})
    here.apply()
    (asset,) = here.objects("/assets")
    here.api.patch(f"/assets/{asset['_id']}/user-metadata", json={"user_metadata": {NASTY: "v"}})
    here.api.post("/entity-collections", json={"name": NASTY, "description": NASTY})
    stamps = {"reconciler_stack": "s", "reconciler_key": f"assets/{NASTY}", NASTY: NASTY}
    made = here.api.post(
        "/assets", files={"method": (None, "url"), "url": (None, "https://x.example.com/z.mp4")}
    ).json()
    here.api.patch(f"/assets/{made['_id']}/user-metadata", json={"user_metadata": stamps})
    every_report(here)
    (here.directory / ".reconciler" / "state.db").unlink()
    every_report(here)
    neutral(here.run("apply", "--auto-approve"))
    neutral(here.run("export", "--out", "exported"))
    neutral(here.run("state", "rebuild"))
