"""What is sent is announced first: each write has its intent on disk, and who has lost the stack sends nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.emulator import Exchange
from reconciler.errors import StateError
from reconciler.model import Action
from reconciler.plan.codec import steps_json
from reconciler.state import State
from tests.support.postgres import postgres, postgres_url
from tests.support.running import AGREED, Bench, Killed, done
from tests.support.stacks import V1, V2

__all__ = ["postgres", "postgres_url"]

VERBS = {
    "POST": {"create", "link"},  # a bulk call is many creates
    "PUT": {"update", "rename"},
    "PATCH": {"update", "forget"},
    "DELETE": {"delete", "unlink"},
}
LET_GO = (
    str(V1["stack.yaml"]).replace("  goes: {file: goes.mp4}\n", "").replace("assets: {goes: {}}", "assets: {}")
    + "removed: [assets/goes, indexes/dropped/assets/goes]\n"
)
ALSO_FOREIGN = replace(AGREED, foreign=frozenset({"*"}))
TWO = "stack: s\nprovider: twelvelabs\nassets:\n  a: {url: 'https://example.com/a.mp4'}\n  b: {url: 'https://example.com/b.mp4'}\n"
ONE = TWO.rpartition("  b:")[0]


def die(bench: Bench, method: str, route: str) -> None:
    """A run that is gone as soon as the server has done such a request."""

    def listener(exchange: Exchange) -> None:
        if exchange.method == method and exchange.route.endswith(route):
            raise Killed

    silence = bench.emulator.journal.listen(listener)
    with pytest.raises(Killed):
        bench.apply()
    silence()


def bytes_of_state(bench: Bench) -> bytes:
    return b"".join(path.read_bytes() for path in (bench.directory / ".reconciler").glob("state.db*"))


def test_every_write_of_every_sort_has_its_intent_on_disk_before_it_is_sent(bench: Bench) -> None:
    """Made, changed, replaced, renamed, linked, unlinked, deleted, let go, and all of it destroyed."""
    silent: list[str] = []
    seen: set[str] = set()

    def listener(exchange: Exchange) -> None:
        if exchange.method == "GET":
            return
        with closing(sqlite3.connect(bench.directory / ".reconciler" / "state.db")) as db:
            opened = db.execute("SELECT verb, signature FROM reconciler_operations").fetchall()
        fitting = {verb for verb, signature in opened if _about(verb, json.loads(signature), exchange)}
        seen.update(fitting)
        if not fitting & VERBS[exchange.method]:
            silent.append(f"{exchange.method} {exchange.path}")

    bench.emulator.journal.listen(listener)

    for files in (V1, V2, V1, {"stack.yaml": LET_GO}):
        bench.write(files)
        done(bench, ALSO_FOREIGN)
    done(bench, ALSO_FOREIGN, destroy=True)

    assert silent == []
    assert seen == set().union(*VERBS.values())


def _about(verb: str, sought: dict[str, object], exchange: Exchange) -> bool:
    """Whether an intent may be the one of a request: a delete says which object."""
    return verb not in ("delete", "forget") or str(sought["id"]) in exchange.path


@pytest.mark.parametrize("verb", ["delete", "forget"])
def test_a_run_that_has_lost_the_stack_to_another_takes_nothing_away(
    bench: Bench, tmp_path: Path, postgres_url: str, verb: str
) -> None:
    """It is held up between its last look and its delete; meanwhile the stack is unlocked, and b declared again."""
    bench.state_url = postgres_url
    bench.write({"s.yaml": TWO})
    done(bench, ALSO_FOREIGN)
    bench.write({"s.yaml": ONE + ("removed: [assets/b]\n" if verb == "forget" else "")})

    def unlocked(exchange: Exchange) -> None:
        if exchange.route == "GET /assets/{asset_id}":
            other = State.open(postgres_url, "s")
            other.unlock()
            other.close()

    silence = bench.emulator.journal.listen(unlocked)
    with pytest.raises(StateError):
        bench.apply()
    silence()

    assert bench.names("asset") == ["a.mp4", "b.mp4"]
    bench.write({"s.yaml": TWO})
    assert bench.survey().plan.changes == ()


def test_what_a_run_deleted_before_it_died_is_gone_though_lists_still_show_it(bench: Bench) -> None:
    bench.write({"s.yaml": TWO})
    done(bench, ALSO_FOREIGN)
    bench.write({"s.yaml": ONE})
    bench.emulator.add_fault({"fault": "lag", "method": "GET", "path": "/assets", "reads": 4})
    die(bench, "DELETE", "/assets/{asset_id}")

    bench.write({"s.yaml": TWO})
    assert [(c.address, c.action) for c in bench.survey().plan.changes] == [("assets/b", Action.CREATE)]
    done(bench, ALSO_FOREIGN)

    bench.emulator.clear_faults()
    assert bench.names("asset") == ["a.mp4", "b.mp4"]
    assert bench.survey().plan.changes == ()


NAMED = """\
stack: s
provider: twelvelabs
indexes: {i: {name: "${env.RECONCILER_VAR_NAME}", models: [{name: marengo3.0}]}}
entity_collections: {c: {name: "${env.RECONCILER_VAR_NAME}"}}
"""


@pytest.mark.parametrize("now", ["name-of-yesterday", "rotated-meanwhile"])
@pytest.mark.parametrize("route", ["/indexes", "/entity-collections"])
def test_what_is_named_by_the_environment_is_known_again_after_a_kill(bench: Bench, route: str, now: str) -> None:
    bench.environ = {"RECONCILER_VAR_NAME": "name-of-yesterday"}
    bench.write({"s.yaml": NAMED})
    die(bench, "POST", route)
    assert b"name-of-yesterday" not in bytes_of_state(bench)

    bench.environ = {"RECONCILER_VAR_NAME": now}
    report = bench.apply()

    assert not report.failed
    assert (bench.names("index"), bench.names("entity_collection")) == ([now], [now])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/${env.RECONCILER_VAR_PART}",
        "https://example.com/${env.RECONCILER_VAR_PART}.mp4",
        "${env.RECONCILER_VAR_URL}",
    ],
)
def test_without_stamps_a_name_out_of_a_secret_url_is_in_no_byte_of_the_state_and_is_found(
    bench: Bench, url: str
) -> None:
    bench.environ = {
        "RECONCILER_VAR_PART": "S3cr3t-Name",
        "RECONCILER_VAR_URL": "https://example.com/S3cr3t-Name.mp4?sig=S3cr3t-Name-too",
    }
    bench.write({"s.yaml": f'stack: s\nprovider: twelvelabs\nstamps: false\nassets: {{a: {{url: "{url}"}}}}\n'})

    die(bench, "POST", "/assets")
    assert b"S3cr3t" not in bytes_of_state(bench)
    done(bench, ALSO_FOREIGN)

    assert b"S3cr3t" not in bytes_of_state(bench)
    assert len(bench.names("asset")) == 1


@pytest.mark.parametrize("route", ["PUT /indexes/{index_id}", "POST /indexes", "DELETE /indexes/{index_id}"])
def test_the_name_of_what_is_deposed_is_as_secret_as_it_was(bench: Bench, route: str) -> None:
    bench.environ = {"RECONCILER_VAR_NAME": "S3cr3t-Name"}
    bench.write({"s.yaml": NAMED})
    done(bench, ALSO_FOREIGN)
    bench.write({"s.yaml": NAMED.replace("{name: marengo3.0}", "{name: marengo3.0, options: [visual]}")})

    die(bench, *route.split(" ", 1))
    survey = bench.survey()
    assert survey.plan.drift == ()
    assert "S3cr3t" not in json.dumps(steps_json(survey.plan.steps))
    assert b"S3cr3t" not in bytes_of_state(bench)
    done(bench, ALSO_FOREIGN)

    assert bench.names("index") == ["S3cr3t-Name"]
    assert b"S3cr3t" not in bytes_of_state(bench)
