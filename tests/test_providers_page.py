"""docs/providers.md: every block on it is run."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from reconciler.http import Http
from reconciler.model import Stamp
from reconciler.provider import Done, Want, names
from reconciler.provider.registry import made_of
from tests.conformance.account import kept
from tests.support.commandline import CHECKOUT, reconciler
from tests.support.running import NoTime, drivers_of

PAGE = (CHECKOUT / "docs/providers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def block(language: str) -> str:
    (found,) = (text for word, text in BLOCKS if word == language)
    return str(found)


def test_each_block_has_a_test_here() -> None:
    assert [word for word, _ in BLOCKS] == ["yaml", "python"]


def test_the_table_has_every_provider() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == names()


def test_the_stack_is_applied_and_then_in_step(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "stack.yaml").write_text(block("yaml"), encoding="utf-8")

    applied = reconciler("apply", "--emulator", "--auto-approve", cwd=tmp_path)

    assert applied.code == 0, applied.out + applied.err
    assert reconciler("plan", "--emulator", "--detailed-exitcode", cwd=tmp_path).code == 0


def notebook(request: httpx.Request) -> httpx.Response:
    """The API that the page tells of."""
    if request.method == "POST":
        NOTES.append({"id": f"n{len(NOTES)}", **json.loads(request.content)})
        return httpx.Response(201, json=NOTES[-1])
    return httpx.Response(200, json={"items": NOTES, "next": None})


NOTES: list[dict[str, Any]] = []


def test_the_provider_of_an_afternoon_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("notebook_provider")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block("python"), "docs/providers.md", "exec"), module.__dict__)
    chosen = made_of("notebook", module.Notebook)

    async def go() -> None:
        headers = chosen.access.headers("key")
        async with Http(
            "http://notes/v1", headers=headers, transport=httpx.MockTransport(notebook), clock=NoTime()
        ) as it:
            notes = drivers_of(chosen, it)["Note"]
            stamp = Stamp("s", "notes/a", None, "0123456789abcdef")
            made = await notes.start(Want("notes/a", {"title": "a", "labels": {"x": "y"}}, None, stamp), kept)
            assert isinstance(made, Done)
            (live,) = (await notes.page(None)).objects
            assert (live.id, live.fields, live.stamp) == (made.id, {"title": "a", "labels": {"x": "y"}}, stamp)

    asyncio.run(go())
