"""What Mixpeek found in assets, as results: read once of each, kept in a store, and read again of another asset."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from reconciler.emulator import Emulator, ServedEmulator
from reconciler.emulator.core.synthetic import vector
from reconciler.emulator.mixpeek import app
from reconciler.emulator.mixpeek.finding import content_of
from reconciler.errors import Invalid
from reconciler.model import Action
from reconciler.results import open_store
from tests.support.commandline import CHECKOUT, reconciler
from tests.support.guide import walked
from tests.support.running import Bench, done

pytest.importorskip("pyarrow")

DIM = 8
STACK = """\
stack: films
provider: mixpeek
collections:
  example:
    assets:
      car: {text: two people inside a car}
      clip: {url: "https://media.example.com/clip.mp4", video: [{every: 60, embed: multimodal-v1, describe: {}}]}
features:
  shown: {of: collections/example, model: multimodal-v1}
"""


@pytest.fixture
def films(tmp_path: Path) -> Bench:
    made = Bench(tmp_path, app(dimensions=DIM))
    made.write({"stack.yaml": STACK})
    return made


def asked(emulator: Emulator) -> dict[str, int]:
    """What was read of features since the log was cleared."""
    return {route: count for route, count in emulator.journal.by_route.items() if "features" in route}


def kept(bench: Bench) -> dict[str, int]:
    """address → rows, of all sets in the store."""
    store = open_store("results", root=bench.directory, table="results")
    return {made.address: made.rows for made in store.list("films")}


def test_four_lines_walk_from_an_address_to_named_vectors_in_a_store(films: Bench) -> None:
    done(films)

    sets = kept(films)
    assert sets.keys() == {"features/shown/car", "features/shown/clip"}
    store = open_store("results", root=films.directory, table="results")
    rows = store.read("films", "features/shown/car")
    assert rows is not None
    cells = {name: values[0] for name, values in rows.cells.items()}
    assert (cells["option"], cells["type"], cells["model"]) == ("text", "multimodal-v1", "multimodal-v1")
    assert cells["text"] == "two people inside a car"
    (asset,) = films.emulator.store.db.execute(
        "SELECT id FROM objects WHERE type = 'text' AND kind = 'asset'"
    ).fetchone()
    assert cells["asset_id"] == asset
    content = content_of({"modality": "text", "text": "two people inside a car"})
    due = struct.pack(f"<{DIM}f", *vector(f"{content}:multimodal-v1", DIM))
    assert (rows.vectors, rows.dim) == (due, DIM)
    clip = store.read("films", "features/shown/clip")
    assert clip is not None
    assert clip.cells["start_sec"][:2] == (0.0, 60.0)
    assert all(clip.cells["text"])
    films.emulator.journal.clear()

    assert films.survey().plan.changes == ()
    assert asked(films.emulator) == {}


def test_a_stack_of_four_lines_leaves_in_a_store_what_the_programs_of_the_guide_are_told(tmp_path: Path) -> None:
    """The same address in two accounts: once by the guide's own requests, once by the example that is shipped."""
    shipped = (CHECKOUT / "examples/mixpeek-features/stack.yaml").read_text()
    assert len([line for line in shipped.splitlines() if not line.startswith("#")]) == 4
    with ServedEmulator(app(dimensions=DIM)) as served:
        told = walked(served.url, "https://media.example.com/video.mp4")
    bench = Bench(tmp_path, app(dimensions=DIM))
    bench.write({"stack.yaml": shipped})

    done(bench)

    rows = open_store("results", root=tmp_path, table="results").read("guide", "features/vectors/video")
    assert rows is not None
    assert len(rows.cells["option"]) == len(told["features"]) > 1
    vectors = [value for feature in told["features"] for value in feature["vectors"]["multimodal-v1"]]
    assert rows.vectors == struct.pack(f"<{len(vectors)}f", *vectors)
    assert bench.survey().plan.changes == ()


def test_only_what_changed_is_read_again(films: Bench) -> None:
    done(films)
    films.emulator.journal.clear()
    films.write({"stack.yaml": STACK.replace("two people", "three people")})

    assert {it.address: it.action for it in films.survey().plan.changes} == {
        "collections/example/assets/car": Action.REPLACE,
        "features/shown/car": Action.REPLACE,
    }
    done(films)

    assert asked(films.emulator) == {"GET /assets/{asset_id}/features": 1, "GET /features/{feature_id}": 1}
    assert films.survey().plan.changes == ()


def test_words_alone_are_one_request_an_asset(films: Bench) -> None:
    films.write(
        {
            "stack.yaml": STACK.replace(", model: multimodal-v1}", ", modalities: [video]}").replace(
                "of: collections/example", "of: collections/example/assets/clip"
            )
        }
    )

    done(films)

    assert asked(films.emulator) == {"GET /assets/{asset_id}/features": 1}
    assert kept(films).keys() == {"features/shown/clip"}


def test_a_failed_asset_that_is_made_anew_has_its_features(films: Bench) -> None:
    films.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/index/text", "count": 1})
    report = films.apply()
    assert {it.address for it in report.outcomes if it.result != "done"} == {
        "collections/example/assets/car", "features/shown/car",
    }  # fmt: skip

    done(films)

    assert kept(films).keys() == {"features/shown/car", "features/shown/clip"}
    assert films.survey().plan.changes == ()


def test_what_was_not_looked_for_is_told(films: Bench) -> None:
    films.write({"stack.yaml": STACK.replace("embed: multimodal-v1, ", "")})

    report = films.apply()

    (told,) = (it.message for it in report.outcomes if it.result == "failed")
    assert "no vector multimodal-v1" in told


def test_sets_go_when_they_are_not_declared(films: Bench) -> None:
    done(films)
    films.write({"stack.yaml": STACK.partition("features:")[0]})

    done(films)

    assert kept(films) == {}
    assert films.survey().plan.changes == ()


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ("collections/exampel", "there is no collections/exampel"),
        ("assets/car", "there is no assets/car; declare it under `collections:`"),
        ("collections/example/assets/x*", "finds nothing under `collections:`"),
    ],
)
def test_what_is_not_there_is_said_offline(films: Bench, of: str, says: str) -> None:
    films.write({"stack.yaml": STACK.replace("of: collections/example", f"of: {of}")})

    with pytest.raises(Invalid) as caught:
        films.survey()

    assert says in str(caught.value)


def test_results_are_listed_shown_and_read_again_by_their_commands(films: Bench) -> None:
    done(films)
    with ServedEmulator(films.emulator) as served:
        online = ("--endpoint", served.url)
        env = {"MIXPEEK_API_KEY": "k"}
        listed = reconciler("results", "list", films.directory, env=env)
        shown = reconciler("results", "show", "features/shown/car", films.directory, env=env)
        films.emulator.journal.clear()
        again = reconciler("results", "refresh", "features/shown/car", "--path", films.directory, *online, env=env)

    assert "features/shown/clip" in listed.out
    assert "two people inside a car" in shown.out
    assert again.code == 0, again.out + again.err
    assert asked(films.emulator) == {"GET /assets/{asset_id}/features": 1, "GET /features/{feature_id}": 1}


def test_who_looks_for_what_the_emulator_keeps_without_it_is_told_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    assert reconciler("results", "list", tmp_path).out == "Nothing is kept for this stack.\n"
    applied = reconciler("apply", "--emulator", "--auto-approve", "--poll-interval", "0", tmp_path)
    assert applied.code == 0, applied.out + applied.err

    listed, shown = (
        reconciler("results", "list", tmp_path),
        reconciler("results", "show", "features/shown/car", tmp_path),
    )

    told = "of the real account; 2 sets are kept of the emulator's, see them with --emulator"
    assert listed.out == f"Nothing is kept for this stack {told}.\n"
    assert f"nothing is kept at features/shown/car {told}" in shown.err
    assert "features/shown/car" in reconciler("results", "list", tmp_path, "--emulator").out
