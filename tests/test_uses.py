"""Deleting an asset takes it out of other people's entities without a word: so it is said, and refused, before."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import click
import pytest

from reconciler.engine import Session
from reconciler.errors import Refused
from reconciler.reports.html import as_html
from reconciler.reports.markdown import as_markdown
from reconciler.reports.result import Result
from reconciler.reports.text import as_text
from tests.support.running import AGREED, Bench

TWO = "stack: s\nprovider: twelvelabs\nassets:\n  a: {file: a.jpg}\n  b: {file: b.jpg}\n"
ENTITY = "entity_collections: {c: {entities: {e: {assets: [a, b], metadata: {n: 1}}}}}\n"


def body(*assets: str, **more: Any) -> dict[str, Any]:
    return {"name": "LeBron", "asset_ids": list(assets), **more}


class Neighbours:
    """A stack of ours, and what others have made in the account beside it."""

    def __init__(self, directory: Path, text: str) -> None:
        self.bench = Bench(directory)
        self.write(text)
        assert not self.bench.apply().failed
        live = self.bench.survey().claims.live
        self.ids = {address: object_.id for address, object_ in live.items()}

    def write(self, text: str, **bytes_: str) -> None:
        files = {"a.jpg": "a", "b.jpg": "b"} | {f"{name}.jpg": content for name, content in bytes_.items()}
        self.bench.write({"stack.yaml": text, **files})

    def send(self, method: str, path: str, json: Any) -> Any:
        async def call(session: Session) -> Any:
            return await session.drivers.http.request(method, path, json=json)

        return self.bench.run(call)

    def entity(self, *assets: str, **more: Any) -> str:
        """Somebody else's, in a collection of theirs."""
        collection = self.send("POST", "/entity-collections", {"name": "theirs", "description": ""})["_id"]
        return str(self.send("POST", f"/entity-collections/{collection}/entities", body(*assets, **more))["_id"])

    def refused(self, **consent: Any) -> list[str]:
        with pytest.raises(Refused) as error:
            self.bench.apply(**consent)
        return list(error.value.reasons)


@pytest.mark.parametrize("change", ["deleted", "replaced", "destroyed"])
def test_an_asset_that_somebody_elses_entity_shows_stays_and_the_plan_says_whose_it_is(
    tmp_path: Path, change: str
) -> None:
    here = Neighbours(tmp_path, TWO)
    entity = here.entity(here.ids["assets/a"], metadata={"reconciler_stack": "other", "reconciler_key": "x"})
    here.write(TWO.replace("  a: {file: a.jpg}\n", "") if change == "deleted" else TWO)
    if change == "replaced":
        here.write(TWO, a="other bytes")
    destroy = change == "destroyed"

    reasons = here.refused(destroy=destroy)

    word = "replaced" if change == "replaced" else "deleted"
    assert reasons == [
        f"assets/a would be {word}, and 1 object would lose it: Entity {entity} 'LeBron' (of the stack 'other'); "
        "take it out there first, or agree with --allow-foreign assets/a"
    ]
    result = Result("plan", here.bench.survey(destroy=destroy).plan)
    for shown in (click.unstyle(as_text(result)), as_markdown(result), as_html(result)):
        said = " ".join(unescape(shown).split())
        assert f"assets/a: 1 object loses it without a word when it goes: Entity {entity} 'LeBron'" in said
    assert not here.bench.apply(_agreed(), destroy=destroy).failed


def _agreed() -> Any:
    from dataclasses import replace

    return replace(AGREED, foreign=frozenset({"assets/*"}))


def test_an_entity_of_ours_that_keeps_what_we_ignore_loses_nothing_without_consent(tmp_path: Path) -> None:
    here = Neighbours(tmp_path, TWO + ENTITY)
    kept = ENTITY.replace("assets: [a, b]", "assets: [b], ignore: [assets]")
    here.write(TWO.replace("  a: {file: a.jpg}\n", "") + kept.replace("n: 1", "n: 2"))

    (reason,) = here.refused()

    assert "Entity" in reason
    assert "(entity_collections/c/entities/e)" in reason


def test_what_lets_go_of_it_in_the_same_plan_is_no_obstacle(tmp_path: Path) -> None:
    here = Neighbours(tmp_path, TWO + ENTITY)
    here.write(TWO.replace("  a: {file: a.jpg}\n", "") + ENTITY.replace("[a, b]", "[b]"), b="other bytes")

    assert not here.bench.apply().failed
    assert here.bench.survey().plan.changes == ()


@pytest.mark.parametrize(
    ("assets", "collections", "most"),
    [(1, 5, 1), (3, 5, 3), (40, 0, 1), (40, 5, 6), (10, 60, 12)],
    ids=["one", "few", "nobody else", "fewer lists than assets", "fewer assets than lists"],
)
def test_who_uses_what_goes_is_found_with_as_few_requests_as_there_are(
    tmp_path: Path, assets: int, collections: int, most: int
) -> None:
    bench = Bench(tmp_path)
    lines = [f"  a{n}: {{url: 'https://example.com/{n}.jpg'}}" for n in range(assets + 1)]
    bench.write({"stack.yaml": "\n".join(["stack: s", "provider: twelvelabs", "assets:", *lines]) + "\n"})
    assert not bench.apply().failed

    async def theirs(session: Session) -> None:
        for n in range(collections):
            await session.drivers.http.request("POST", "/entity-collections", json={"name": f"c{n}"})

    bench.run(theirs)
    bench.survey()
    before = bench.emulator.journal.total
    bench.survey()
    in_sync = bench.emulator.journal.total - before
    bench.write({"stack.yaml": "\n".join(["stack: s", "provider: twelvelabs", "assets:", *lines[:1]]) + "\n"})

    plan = bench.survey().plan

    assert len(plan.changes) == assets
    spent = bench.emulator.journal.total - before - 2 * in_sync
    assert spent <= most
    assert plan.estimate.reads_spent == in_sync + spent


def test_a_key_that_may_not_look_needs_consent(tmp_path: Path) -> None:
    here = Neighbours(tmp_path, TWO)
    here.write(TWO.replace("  a: {file: a.jpg}\n", ""))
    no = {"code": "read_not_allowed", "message": "no"}
    here.bench.emulator.add_fault({"fault": "status", "path": "/**/entities", "status": 403, "body": no})

    (reason,) = here.refused()

    assert "this key may not look who uses it" in reason
    assert not here.bench.apply(_agreed()).failed
