"""Checks and searches of vectors that are kept: by nearest neighbours, over stores of every kind that is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.results import Made, Rows, open_store
from reconciler.results.nearest import Vectors
from tests.support.postgres import postgres, postgres_url
from tests.support.served import Place, place

pytest.importorskip("pyarrow")
pytest.importorskip("numpy")
__all__ = ["postgres", "postgres_url"]

URL = "https://media.example.com"
FILMS = f"""\
stack: films
provider: twelvelabs
assets:
  final: {{url: "{URL}/final.mp4"}}
  semi: {{url: "{URL}/semi.mp4"}}
  kit: {{url: "{URL}/kit.jpg"}}
  crest: {{url: "{URL}/crest.png"}}
indexes:
  catalog: {{models: [{{name: marengo3.0}}], assets: {{final: {{}}, half: {{asset: semi}}}}}}
"""
EMBEDDINGS = """\
embeddings:
  clips: {of: [final, semi], model: marengo3.0, options: [visual, audio], type: [separate, fused]}
  scenes: {of: indexes/catalog}
  things:
    model: marengo3.0
    of:
      goal: {text: a goal is scored}
      kit: {image: kit}
      both: {text: worn by a fan, image: crest}
      several: {text: "<@k> beside <@c>", images: {k: kit, c: crest}}
"""
CHECKS = """\
checks:
  things:
    in: embeddings/things
    k: 1
    floors: {recall: 0.9}
    allow: {recall: 0.1}
    queries:
      goal: {text: a goal is scored, expect: [goal]}
      kit: {image: kit, expect: [kit]}
      both: {text: worn by a fan, image: assets/crest, expect: [embeddings/things/both]}
"""
STACK = FILMS + EMBEDDINGS + CHECKS
AT = STACK[: STACK.index("in: embeddings/things")].count("\n") + 1


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("vectors")) as made:
        made.write({"stack.yaml": STACK})
        said = made.apply()
        assert said.code == 0, said
        yield made


@pytest.fixture(autouse=True)
def as_it_was(films: Place) -> Iterator[None]:
    yield
    films.write({"stack.yaml": STACK})
    for name in ("checks.yaml", "more.yaml"):
        (films.directory / name).unlink(missing_ok=True)


def asked(films: Place) -> int:
    """Vectors that were made at once so far."""
    return sum(it in ("POST /embed-v2", "POST /embed") for it in films.writes())


def test_what_is_like_a_text_an_image_or_both_is_found_with_a_request_each(films: Place) -> None:
    before = asked(films)
    said = films.run("check")
    assert said.code == 0, said
    assert "checks/things  passed  (3 queries of embeddings/things, first 1 hits)" in said.out
    assert "found 1 of 1; both" in said.out
    assert asked(films) - before == 3
    assert "Checks: 3 queries ≈ 0.0003 USD" in said.err


@contextmanager
def kept_otherwise(films: Place, address: str, rows: Rows, model: str = "") -> Iterator[None]:
    """A set that is another than the one that was applied, for a while: somebody has written into the store."""
    with closing(open_store("results", root=films.directory)) as store:
        old, made = store.read("films", address), next(it for it in store.list("films") if it.address == address)
        assert old is not None
        other = replace(made, digest=rows.digest, rows=len(rows), dim=rows.dim, model=model or made.model)
        store.replace(other, rows)
        try:
            yield
        finally:
            store.replace(made, old)


def rows_of(films: Place, address: str) -> Rows:
    with closing(open_store("results", root=films.directory)) as store:
        found = store.read("films", address)
    assert found is not None
    return found


def test_a_worse_set_of_vectors_is_caught_and_known_for_somebody_elses_doing(films: Place) -> None:
    assert films.run("check").code == 0
    kit, goal = rows_of(films, "embeddings/things/kit"), rows_of(films, "embeddings/things/goal")
    other = Rows(kit.cells, goal.vectors, kit.dim)  # the picture has the vector of something else

    with kept_otherwise(films, "embeddings/things/kit", other):
        said = films.run("check", "--format", "json")

    assert said.code == 8, said
    (check,) = said.json["checks"]
    assert "below the floor of 0.9" in check["failures"][0] and check["not_by_this_stack"] is True
    assert [query["name"] for query in check["queries"] if query["missed"]] == ["kit"]
    assert films.run("check").code == 0


def test_clips_come_with_the_asset_and_its_times_once_each_and_become_a_check(films: Place) -> None:
    said = films.run("search", "embeddings/clips", "a goal", "--limit", "50", "--format", "json")
    assert said.code == 0, said
    clips = [row[0] for row in said.json]
    assert {clip["address"] for clip in clips} == {"assets/final", "assets/semi"}
    spans = [(clip["id"], clip["start"], clip["end"]) for clip in clips]
    assert len(set(spans)) == len(spans) and all(end - start <= 6 for _, start, end in spans)
    assert [clip["rank"] for clip in clips] == list(range(1, len(clips) + 1))

    best = clips[0]
    name, at = best["address"].removeprefix("assets/"), f"{best['start']:g}-{best['end']:g}"
    first = "queries: {first: {text: a goal, expect: [" + name + "]}}"
    films.write({"checks.yaml": "checks: {late: {in: embeddings/clips, floors: {mrr: 1}, " + first + "}}\n"})
    added = films.run("search", "embeddings/clips", "a goal", "--expect", f"{name}@{at}", "--add-to", "late")
    assert added.code == 0, added
    assert f"{name}  {int(best['start'] // 60)}:" in added.out

    before = asked(films)
    assert films.run("check", "late").code == 0
    assert asked(films) - before == 1  # both ask the same: once


def test_what_an_index_has_embedded_is_searched_by_the_names_that_assets_have_there(films: Place) -> None:
    said = films.run("search", "embeddings/scenes", "--image", "kit", "--group", "--format", "json")
    assert said.code == 0, said
    assert {row[0]["address"] for row in said.json} == {"indexes/catalog/assets/final", "indexes/catalog/assets/half"}
    assert all(len({clip["id"] for clip in row}) == 1 for row in said.json)
    films.write(
        {"checks.yaml": "checks: {c: {in: embeddings/scenes, queries: {a: {text: x, expect: [semi, half]}}}}\n"}
    )
    queries = load(films.directory, environ={}).checks["c"].queries
    assert [it.asset for it in queries["a"].expect] == ["half", "half"]


def test_vectors_that_cannot_be_compared_are_told_where_the_check_stands_and_nothing_is_asked(films: Place) -> None:
    before = asked(films)
    short = Rows.of([{"stack": "films", "address": "embeddings/things/kit", "vector": [0.5] * 8}], 8)
    place_of = f"stack.yaml:{AT}:5: checks/things: in: embeddings/things/kit"

    with kept_otherwise(films, "embeddings/things/kit", short):
        said = films.run("check")
    assert said.code == 1
    assert f"{place_of} has vectors of 8 numbers, and marengo3.0 makes 512" in said.err

    with kept_otherwise(films, "embeddings/things/kit", rows_of(films, "embeddings/things/kit"), model="marengo2.7"):
        said = films.run("check")
    assert f"{place_of} was made by marengo2.7, and marengo3.0 is declared" in said.err
    assert asked(films) == before


def test_what_is_not_kept_yet_says_so(films: Place) -> None:
    films.write({"more.yaml": "embeddings: {new: {of: final, model: marengo3.0}}\n"})
    said = films.run("search", "embeddings/new", "a goal")
    assert said.code == 1 and "nothing of embeddings/new is kept yet: run `reconciler apply` first" in said.err


BAD = {
    "in: embeddings/thing": 'AT:9: checks/things: in: there is no embeddings/thing.*did you mean "embeddings/things"',
    "in: embeddings/things/kit": "embeddings/things/kit is searched with all of embeddings/things; name that",
    "in: analyses/topics": "analyses/topics has no vectors that a text or an image can be compared with",
    "in: embeddings/old": "image: embeddings/old can be compared with a text or with an image, not with both",
    "in: embeddings/clips, options: [transcription]": "the vectors of embeddings/clips cannot search transcription",
    "in: embeddings/things, filter: {season: 2024}": "filter: vectors are compared by nothing but their nearness",
    "in: embeddings/things, spoken: [lexical]": "spoken: vectors are compared by nothing but their nearness",
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_searched_is_told_offline_where_it_stands(tmp_path: Path, what: str) -> None:
    more = "analyses: {topics: {of: final, model: pegasus1.5, prompt: what is it}}\n"
    old = "  old: {of: final, model: Marengo-retrieval-2.7, api: v1, options: [visual-text]}\n"
    text = FILMS + EMBEDDINGS + old + more + CHECKS
    at = text[: text.index("in: embeddings/things")].count("\n") + 1
    (tmp_path / "stack.yaml").write_text(text.replace("in: embeddings/things", what.replace(", ", "\n    "), 1))
    with pytest.raises(Invalid, match=BAD[what].replace("AT", str(at))) as caught:
        load(tmp_path, environ={})
    assert all(problem.line >= at for problem in caught.value.problems)


def test_an_entry_that_is_wrong_itself_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        STACK.replace("things:\n    model: marengo3.0\n", "things:\n    model: marengo3\n", 1)
    )
    with pytest.raises(Invalid) as caught:
        load(tmp_path, environ={})
    assert {problem.address.partition("/")[0] for problem in caught.value.problems} == {"embeddings"}


RECORDS = [
    {"option": option, "scope": "clip", "start_sec": start, "end_sec": start + 6.0, "vector": vector}
    for option, start, vector in (
        ("visual", 0.0, [1.0, 0.0, 0.0]),
        ("audio", 0.0, [0.0, 0.0, 1.0]),
        ("visual", 6.0, [0.8, 0.6, 0.0]),
        ("audio", 6.0, [0.0, 0.9, 0.1]),
    )
]
WHOLE = {"option": "visual", "scope": "asset", "start_sec": 0.0, "end_sec": 12.0, "vector": [0.0, 1.0, 0.0]}


@pytest.mark.parametrize("kind", ["files", "lancedb", "qdrant-edge", "pgvector"])
def test_every_store_finds_the_same_and_a_clip_is_as_near_as_its_nearest_vector(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    urls = {"files": "results", "lancedb": "lancedb:lance/", "qdrant-edge": "qdrant-edge:points/"}
    pytest.importorskip({"lancedb": "lancedb", "qdrant-edge": "qdrant_edge"}.get(kind, "pyarrow"))
    url = urls.get(kind) or request.getfixturevalue("postgres_url")
    sets = {}
    with closing(open_store(url, root=tmp_path)) as store:
        assert not store.prepare({"m": 3})
        for name in ("a", "b"):
            address = f"embeddings/clips/{name}"
            records = [{"stack": "s", "address": address, "model": "m", **it} for it in (*RECORDS, WHOLE)]
            rows = Rows.of(records[: 2 if name == "b" else None], 3)
            store.replace(
                Made(stack="s", address=address, identity=name, digest=rows.digest, rows=len(rows), dim=3, model="m"),
                rows,
            )
            found = store.read("s", address)
            assert found is not None
            sets[address] = found
    vectors = Vectors(sets)

    def near(vector: list[float], *options: str) -> list[str]:
        return [f"{it.address[-1]}{it.start:g}" for it in vectors.nearest(vector, options)]

    assert near([2.0, 0.1, 0.0]) == ["a0", "b0", "a6"]  # of equal ones by address; the whole asset is no clip
    assert near([0.0, 1.0, 0.0]) == ["a6", "a0", "b0"]
    assert near([0.0, 0.0, 3.0], "audio") == ["a0", "b0", "a6"]
    assert near([0.0, 0.0, 3.0], "visual")[0] == "a0" and near([1.0, 0.0, 0.0], "transcription") == []
    assert vectors.options == ["audio", "visual"]
