"""What `checks:` declares is read as it is meant; what is wrong with it stands in `cases/bad/checks.yaml`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.model import Asked, Check, CheckQuery, Expectation, Fit, Floor, Match, Stack
from reconciler.schema import stack_schema

HEAD = """\
stack: films
provider: twelvelabs
assets:
  final: {url: "https://m.example.com/final.mp4"}
  semi: {url: "https://m.example.com/semi.mp4"}
  kit: {url: "https://m.example.com/kit.png"}
entity_collections:
  players: {entities: {lebron: {assets: [kit]}}}
indexes:
  catalog: {models: [{name: marengo3.0}], assets: {final: {}, half: {asset: semi}}}
"""
CHECKS = """\
checks:
  goals:
    in: indexes/catalog
    k: 5
    options: [visual, audio]
    filter: {season: 2024}
    floors: {recall: 0.9, mrr: 0.7}
    allow: {recall: 0.05, ndcg: 0.1}
    warn: [mrr]
    sure: 0.9
    match: {iou: 0.5}
    queries:
      late-goal: {text: goal in the last minutes, expect: [{asset: final, from: 5340, to: 5400}]}
      lebron:
        {text: "<@players/lebron> dunks", options: [audio], operator: and, expect: [final, {asset: semi, grade: 2}]}
      kit: {image: kit, filter: {season: 2025}, expect: [assets/semi]}
"""


def loaded(tmp_path: Path, text: str, **more: str) -> Stack:
    for name, content in {"stack.yaml": text, **{f"{key}.yaml": value for key, value in more.items()}}.items():
        (tmp_path / name).write_text(content)
    return load(tmp_path, environ={})


def test_all_of_a_check_is_written_out_in_its_queries(tmp_path: Path) -> None:
    stack = loaded(tmp_path, HEAD + CHECKS)
    both, season = ("visual", "audio"), {"season": 2024}
    queries = {
        "late-goal": CheckQuery(
            name="late-goal",
            expect=(Expectation("final", 5340, 5400),),
            text="goal in the last minutes",
            options=both,
            filter=season,
        ),
        "lebron": CheckQuery(
            name="lebron",
            expect=(Expectation("final"), Expectation("half", grade=2)),
            text="<@players/lebron> dunks",
            options=("audio",),
            every_option=True,
            filter=season,
        ),
        "kit": CheckQuery(
            name="kit", expect=(Expectation("half"),), images=("assets/kit",), options=both, filter={"season": 2025}
        ),
    }
    floors = {"recall": Floor(0.9, 0.05), "mrr": Floor(0.7, warn=True), "ndcg": Floor(allow=0.1)}
    assert stack.checks == {
        "goals": Check(
            "checks/goals",
            "indexes/catalog",
            queries,
            Asked(options=both, filter=season),
            k=5,
            floors=floors,
            match=Match(Fit.IOU, 0.5),
            sure=0.9,
        )
    }
    assert stack.where("checks", "goals")[1:] == (12, 3)


def test_checks_add_up_over_files_and_are_no_resources(tmp_path: Path) -> None:
    more = "checks: {other: {in: indexes/catalog, queries: {a: {text: x, expect: [final]}}}}\n"
    stack = loaded(tmp_path, HEAD + CHECKS, more=more)
    assert list(stack.checks) == ["other", "goals"]
    assert not [address for address in stack.resources if address.startswith("checks")]
    assert Path(stack.where("checks", "other")[0]).name == "more.yaml"


def test_a_variable_may_stand_in_a_query_and_no_secret(tmp_path: Path) -> None:
    query = 'queries: {a: {text: "${what}", expect: [final]}}'
    text = f"variables: {{what: {{default: a goal}}}}\nchecks: {{x: {{in: indexes/catalog, {query}}}}}\n"
    assert loaded(tmp_path, HEAD + text).checks["x"].queries["a"].text == "a goal"


def test_the_editor_takes_what_is_read_and_refuses_what_is_not() -> None:
    schema = json.loads(json.dumps(stack_schema("twelvelabs")))
    jsonschema.validate(yaml.safe_load(HEAD + CHECKS), schema)
    for wrong in ("k: 5", "sure: 0.9", "match: {iou: 0.5}"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(HEAD + CHECKS.replace(wrong, f"{wrong[:2]}: no")), schema)


def test_names_are_not_asked_for_where_a_file_could_not_be_read(tmp_path: Path) -> None:
    checks = "checks: {x: {in: indexes/other, queries: {a: {text: x, expect: [final]}}}}\n"
    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, HEAD + checks, more="indexes: [\n")
    assert [problem.file.rpartition("/")[2] for problem in caught.value.problems] == ["more.yaml"]


FILTERED = "checks: {x: {in: indexes/catalog, filter: {%s: 1}, queries: {a: {text: x, expect: [final]}}}}\n"
WITH_SEASON = HEAD.replace("final: {}, half", "final: {metadata: {season: 2024}}, half")
ONLY_SEASON = HEAD.replace(
    "catalog: {models", "catalog: {metadata_schema: {properties: {season: {}}, additionalProperties: false}, models"
)


@pytest.mark.parametrize(
    ("head", "key", "told"),
    [
        (WITH_SEASON, "seson", 'nothing in indexes/catalog has "seson"; did you mean "season"'),
        (HEAD, "durration", 'nothing in indexes/catalog has "durration"; did you mean "duration"'),
        (ONLY_SEASON, "league", 'has "league"; there are duration, filename, height, id, season, size, width'),
    ],
)
def test_a_filter_by_what_nothing_has_is_told_where_it_stands(tmp_path: Path, head: str, key: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, head + FILTERED % key)
    (problem,) = caught.value.problems
    assert told in problem.summary and (problem.line, problem.column) == (11, 44)


@pytest.mark.parametrize(("head", "key"), [(HEAD, "league"), (WITH_SEASON, "season"), (ONLY_SEASON, "duration")])
def test_a_filter_by_what_may_be_there_is_taken(tmp_path: Path, head: str, key: str) -> None:
    assert loaded(tmp_path, head + FILTERED % key).checks["x"].queries["a"].filter == {key: 1}
