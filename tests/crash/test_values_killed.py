"""Runs in which analyses give metadata its values, killed with SIGKILL at every point: no value is wrong or missing,
and no analysis is paid for twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.results import open_store
from tests.crash.world import KEY, World, Zygote, killed_then_finished, on_time, sampled

HEAD = """\
stack: crash
provider: twelvelabs
assets:
  one: {url: "https://example.com/1/match.mp4", metadata: {topic: {from: analyses/topics, at: /topic}}}
  two: {url: "https://example.com/2/match.mp4"}
analyses:
  topics: {of: "*", model: pegasus1.5, prompt: PROMPT, response: topics.json}
indexes:
  catalog:
    models: [{name: marengo3.0}]
    assets:
      one: {metadata: {topic: {from: analyses/topics, at: /topic}, season: SEASON}}
      two: {metadata: {topic: {from: analyses/topics/one, at: /topic}, count: {from: analyses/topics, at: /count}}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["topic", "count"],
}


def files(prompt: str, season: int) -> dict[str, str]:
    text = HEAD.replace("PROMPT", json.dumps(prompt)).replace("SEASON", str(season))
    return {"stack.yaml": text, "topics.json": json.dumps(SCHEMA)}


FIRST, SECOND = files("What is it about?", 2024), files("Who is in it?", 2025)


@pytest.fixture(scope="module")
def starts(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An empty account, and one in which the first stack is applied."""
    empty, first = tmp_path_factory.mktemp("start") / "empty", tmp_path_factory.mktemp("start") / "first"
    with on_time(zygote, empty) as here:
        here.write(FIRST)
        assert here.reconcile("plan")["code"] == 0
    with on_time(zygote, first, empty) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
        assert given(here) == due(here, 2024)
    return {"empty": empty, "first": first}


def given(here: World) -> dict[str, dict[str, Any]]:
    """What the account has: the metadata of the asset and of what is indexed, without our marks."""
    with httpx.Client(base_url=here.served.url, headers={"x-api-key": KEY}, trust_env=False) as api:
        assets = api.get("/assets", params={"page_limit": 50}).json()["data"]
        (index,) = api.get("/indexes").json()["data"]
        path = f"/indexes/{index['_id']}/indexed-assets"
        inside = [api.get(f"{path}/{it['_id']}").json() for it in api.get(path).json()["data"]]
    marked = {
        f"{kind} {name}": it for kind, found in (("assets", assets), ("indexed", inside)) for name, it in named(found)
    }
    return {name: {key: it for key, it in said.items() if "reconciler" not in key} for name, said in marked.items()}


def named(found: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """By the last part of the address that our mark says."""
    said = [it.get("user_metadata") or {} for it in found]
    return [(str(it["reconciler_key"]).rpartition("/")[2], it) for it in said]


def due(here: World, season: int) -> dict[str, dict[str, Any]]:
    """What it should have: by what the store holds."""
    store = open_store("results", root=here.directory)
    says = {}
    for name in ("one", "two"):
        rows = store.read("crash", f"analyses/topics/{name}")
        assert rows is not None
        (row,) = rows.records()
        says[name] = json.loads(str(row["text"]))
    topic = says["one"]["topic"]
    return {
        "assets one": {"topic": topic},
        "assets two": {},
        "indexed one": {"topic": topic, "season": season},
        "indexed two": {"topic": topic, "count": says["two"]["count"]},
    }


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled())
@pytest.mark.parametrize(
    ("start", "text", "season", "paid"),
    [("empty", FIRST, 2024, 2), ("first", SECOND, 2025, 4)],
    ids=["given", "given anew"],
)
def test_a_run_killed_at_any_point_gives_each_value_and_pays_for_none_twice(
    zygote: Zygote,
    starts: dict[str, Path],
    tmp_path: Path,
    start: str,
    text: dict[str, str],
    season: int,
    paid: int,
    part: int,
) -> None:
    def as_due(here: World, said: str) -> None:
        assert given(here) == due(here, season), said
        assert here.steer("GET", "/objects")["counts"]["analyze_task"] == paid, said

    killed_then_finished(
        lambda name: on_time(zygote, tmp_path / name, starts[start]), text, as_due, part=part, more_than=30
    )
