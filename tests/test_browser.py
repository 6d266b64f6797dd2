"""Pages of HTML in Chromium, judged by axe-core: what a person sees and does. `make browser` installs both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Action, Change, Delta
from reconciler.reports.html import as_html
from reconciler.reports.result import Result, Spot
from tests.test_html import NASTY, all_of, children, plan_of
from tests.test_html_pages import ADDRESSES, NEEDS, run
from tests.test_reports import APPLY, DRIFTED, ERROR, PLANNED

ROOT = Path(__file__).parent.parent
MODULES = ROOT / "build" / "browser" / "node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
MOST_CPU_S = 2.0
"""Of the browser's main thread, for 3,000 changes; half of it is usual, and the clock on the wall is not asked."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None or not (MODULES / "axe-core").is_dir(),
        reason="there is no Chromium with axe-core here; `make browser` installs them where they can be had",
    ),
]

WHOLE = replace(
    PLANNED,
    runs=(run(0, "failed", create=1), run(1, None), run(2, create=4)),
    addresses=(*ADDRESSES, "assets/final"),
    needs=(*NEEDS, ("assets/final", "assets/a", "ref")),
    sources="https://host.example/blob/1/",
)


def seen(directory: Path, result: Result, **options: Any) -> Any:
    """What a browser saw of the page, and did there."""
    (look,) = looks(directory, result, options)
    return look


def looks(directory: Path, result: Result, *options: Any) -> list[Any]:
    """The same with one look for each of the options, by one browser."""
    page = directory / "page.html"
    page.write_text(as_html(result), encoding="utf-8")
    command = ["node", str(ROOT / "tests" / "browser" / "look.cjs"), str(MODULES), str(CHROMIUM), str(page)]
    environment = {**os.environ, "HOME": str(directory)}
    done = subprocess.run(
        [*command, json.dumps(options)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Any] = json.loads(done.stdout)
    return found


def many(number: int) -> Result:
    """A plan as large ones are: new, changed in three fields, replaced, gone."""
    share = number // 5
    changes = [
        *(
            Change(f"assets/new-{n}", "Asset", Action.CREATE, "new", (Delta("file", None, f"media/new-{n}.mp4"),))
            for n in range(2 * share)
        ),
        *(
            Change(
                f"assets/known-{n}",
                "Asset",
                Action.UPDATE,
                "changed in git",
                (
                    Delta("metadata.title", f"Game {n} of the season", f"Game {n} of the playoffs"),
                    Delta("metadata.note", f"old note {n}", f"new note {n}, longer"),
                    Delta("metadata.season", 2000 + n, 2001 + n),
                ),
            )
            for n in range(share)
        ),
        *children(share, Action.REPLACE),
        *(Change(f"assets/old-{n}", "Asset", Action.DELETE, "no longer declared") for n in range(share)),
    ]
    spots = {change.address: Spot("stacks/assets.yaml", n + 1, 3) for n, change in enumerate(changes)}
    return replace(plan_of(*changes), spots=spots)


PAGES = {"plan": WHOLE, "apply": APPLY, "drift": DRIFTED, "error": ERROR, "folded": many(80)}


@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_shut_out_and_nothing_runs_over_the_edge(tmp_path: Path, name: str) -> None:
    opened = [{"eval": "document.querySelectorAll('details').forEach((it) => { it.open = true; })"}]
    options = [
        {"scheme": scheme, "width": width, "axe": True, "steps": [] if name == "folded" else opened}
        for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 390))
    ]
    pages = looks(tmp_path, PAGES[name], *options)

    assert [page["violations"] for page in pages] == [[]] * len(options)
    assert all(page["passes"] > 10 for page in pages)
    assert all((page["said"], page["overflow"], len(page["asked"])) == ([], 0, 1) for page in pages)


def test_a_page_that_shuts_somebody_out_is_told(tmp_path: Path) -> None:
    dim = [{"eval": "document.querySelector('h1').style.color = '#ccc'"}]

    (told,) = seen(tmp_path, ERROR, axe=True, steps=dim)["violations"]

    assert told.startswith("color-contrast at")


def test_a_large_plan_is_there_at_once_and_can_be_filtered(tmp_path: Path) -> None:
    shown = {"eval": "document.getElementById('shown').textContent"}
    steps = [
        shown,
        {"click": 'button[value="update"]'},
        shown,
        {"eval": "[...document.querySelectorAll('.branch:not([hidden])')].every((it) => it.open)"},
        {"key": "/"},
        {"type": "playoffs known-59"},
        shown,
        {"eval": "location.hash"},
        {"eval": "[...document.querySelectorAll('.part:not([hidden]) > h2')].map((it) => it.id)"},
        {"key": "Escape"},
        {"click": "#reset"},
        shown,
    ]
    page = seen(tmp_path, many(3_000), steps=steps)

    assert page["cpu_s"] < MOST_CPU_S
    assert page["values"][0] == page["values"][-1] == "3,000 changes"
    assert page["values"][2] == "600 of 3,000 changes"
    assert page["values"][3] is True
    assert page["values"][6] == "11 of 3,000 changes"
    assert page["values"][7:9] == ["#q=playoffs+known-59&a=update", ["rest"]]
    assert page["said"] == []


def test_of_many_that_are_the_same_the_one_that_is_looked_for_is_shown(tmp_path: Path) -> None:
    same = [Change(f"assets/m-{n}", "Asset", Action.UPDATE, "why", (Delta("metadata.n", 1, 2),)) for n in range(30)]
    steps = [
        {"key": "/"},
        {"type": "m-17"},
        {"eval": "[...document.querySelectorAll('.same > li')].filter((it) => !it.hidden).map((it) => it.innerText)"},
        {"eval": "document.querySelector('.branch b').textContent"},
    ]

    page = seen(tmp_path, plan_of(*same, *children(3)), steps=steps)

    assert page["values"][2:] == [["assets/m-17"], "1 of 30"]


def test_all_can_be_done_with_keys(tmp_path: Path) -> None:
    focus = {"eval": "document.activeElement.innerText.split(' ').slice(0, 3).join(' ')"}
    opened = {"eval": "document.activeElement.parentElement.open"}
    steps = [
        {"key": "j"}, focus, {"key": "j"}, focus, {"key": "k"}, focus, opened, {"key": "Enter"}, opened,
        {"click": "#keys"}, {"eval": "document.activeElement.blur()"}, {"key": "/"},
        {"eval": "document.activeElement.id"},
    ]  # fmt: skip

    page = seen(tmp_path, plan_of(*children(3)), steps=steps)

    assert [page["values"][n] for n in (1, 3, 5)] == [f"~ update indexes/catalog/assets/a{n}" for n in (0, 1, 0)]
    assert (page["values"][6], page["values"][8], page["values"][12]) == (True, False, "")


def test_what_was_chosen_comes_back_with_the_address(tmp_path: Path) -> None:
    steps = [
        {"eval": "location.hash = '#q=a1&k=IndexedAsset'; new Promise((then) => setTimeout(then, 200))"},
        {"eval": "[document.getElementById('q').value, document.getElementById('shown').textContent]"},
        {"eval": "[...document.querySelectorAll('[aria-pressed=true]')].map((it) => it.value)"},
    ]

    page = seen(tmp_path, plan_of(*children(3), *PLANNED.changes), steps=steps)

    assert page["values"][1:] == [["a1", "1 of 18 changes"], ["", "IndexedAsset"]]


def test_without_a_script_and_on_paper_all_of_it_is_there_and_no_tool(tmp_path: Path) -> None:
    seen_by_eye = "[...document.querySelectorAll('.b > summary')].filter((it) => it.checkVisibility())"
    told = {"eval": f"{seen_by_eye}.map((it) => it.textContent).join()"}
    painted = {"eval": "getComputedStyle(document.querySelector('.b')).contentVisibility"}
    tools = {"eval": "getComputedStyle(document.getElementById('tools')).display"}
    everything = [change.address for change in PLANNED.changes if "matches" not in change.address]

    steps = [tools, told, painted]
    pages = looks(tmp_path, WHOLE, {"script": False, "steps": steps}, {"media": "print", "steps": steps})

    for page in pages:
        assert page["values"][0] == "none"
        assert [address for address in everything if address not in page["values"][1]] == []
    assert [page["values"][2] for page in pages] == ["auto", "visible"]


def test_what_others_wrote_runs_nowhere(tmp_path: Path) -> None:
    for result in all_of(NASTY):
        page = seen(tmp_path, result, steps=[{"eval": "document.images.length + document.scripts.length"}])

        assert (page["said"], page["values"], len(page["asked"])) == ([], [1], 1)
