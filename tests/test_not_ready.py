"""An asset that is not ready yet when something is made of it: waited for, in whichever way the API has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.options import Early
from tests.support.running import Bench

FACES = {f"face-{number}.jpg": b"face %d" % number for number in range(3)}
ASSETS = "".join(f"  face-{number}: {{file: face-{number}.jpg}}\n" for number in range(3))
ENTITIES = "".join(f"      e{number}: {{assets: [face-{number}]}}\n" for number in range(3))
STACK = f"""
stack: early
provider: twelvelabs
assets:
  film: {{file: film.mp4}}
{ASSETS}
indexes:
  i:
    models: [{{name: marengo3.0}}]
    assets: {{film: {{}}}}
entity_collections:
  people:
    entities:
"""
MANY, ONE = STACK + ENTITIES, STACK + "      e0: {assets: [face-0, face-1]}\n"
MADE_OF = {"entities": "/entity-collections/*/entities", "indexed assets": "/indexes/*/indexed-assets"}
EARLY = {"code": "anything", "message": "The asset 6a00 is still being processed."}


def bench(tmp_path: Path, stack: str, **options: Any) -> Bench:
    made = Bench(tmp_path, app(**options))
    made.write({"stack.yaml": stack, "film.mp4": b"film", **FACES})
    return made


@pytest.mark.parametrize("way", get_args(Early))
@pytest.mark.parametrize("stack", [ONE, MANY], ids=["one", "many"])
def test_images_may_be_usable_at_once_or_later(tmp_path: Path, way: str, stack: str) -> None:
    here = bench(tmp_path, stack, early_images=way)

    assert not here.apply().failed
    assert not here.survey().plan.changes


@pytest.mark.parametrize("status", [400, 404, 409])
@pytest.mark.parametrize("what", MADE_OF)
def test_what_comes_too_early_is_sent_again_and_made_once(tmp_path: Path, what: str, status: int) -> None:
    here = bench(tmp_path, ONE)
    rule = {"fault": "status", "method": "POST", "path": MADE_OF[what], "status": status, "body": EARLY, "count": 3}
    here.emulator.add_fault(rule)

    assert not here.apply().failed
    assert here.emulator.journal.by_route[f"POST {ROUTES[what]}"] == 4
    assert not here.survey().plan.changes


ROUTES = {
    "entities": "/entity-collections/{entity_collection_id}/entities",
    "indexed assets": "/indexes/{index_id}/indexed-assets",
}


def test_of_many_only_those_are_sent_again_that_came_too_early(tmp_path: Path) -> None:
    here = bench(tmp_path, MANY)
    errors = [{"entity_index": n, "entity_name": f"e{n}", "error_reason": EARLY["message"]} for n in range(3)]
    body = {"success_count": 0, "failed_count": 3, "entities": [], "errors": errors}
    bulk = {"fault": "status", "method": "POST", "path": f"{MADE_OF['entities']}/bulk", "status": 201, "body": body}
    here.emulator.add_fault({**bulk, "count": 2})

    assert not here.apply().failed
    assert here.names("entity") == ["e0", "e1", "e2"]
    assert not here.survey().plan.changes


def test_what_never_gets_ready_is_given_up_and_said(tmp_path: Path) -> None:
    here = bench(tmp_path, ONE)
    here.emulator.add_fault(
        {"fault": "status", "method": "POST", "path": MADE_OF["entities"], "status": 400, "body": EARLY}
    )

    report = here.apply()

    (failed,) = (outcome for outcome in report.outcomes if outcome.result == "failed")
    assert (failed.address, "being processed" in failed.message) == ("entity_collections/people/entities/e0", True)
    here.emulator.clear_faults()
    assert not here.apply().failed
    assert here.names("entity") == ["e0"]
