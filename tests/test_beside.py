"""An index that is replaced beside the old one: which one serves, what a red check does, what is kept and for how long.

Driven by the command line over a socket, as in CI. The emulator is made to forget words: that is a worse index.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import CheckScore, Recorded
from reconciler.state import State
from tests.support.searched import searched
from tests.support.served import Place, place

URL = "https://media.example.com"
NAMES = ("lebron_dunks", "final_goal", "press_talk")
GATED = "{how: beside, checks: [goals]}"
HELD = "{how: beside, checks: [goals], hold: 24h}"
NEW = "[visual, audio]"
NEXT = "catalog~next-*"
AGREED = ("--allow-deletes",)


def stack(options: str = "[visual]", how: str = GATED, *, goal: str = "goal") -> dict[str, str]:
    """Three films in an index whose models look at these options, and two queries of it."""
    return {"stack.yaml": searched("films", NAMES, options, how, url=URL, goal=goal)}


@pytest.fixture
def films(tmp_path: Path) -> Iterator[Place]:
    """All of it made, and the baseline recorded."""
    with place(tmp_path) as made:
        made.write(stack())
        assert made.apply().code == 0
        assert made.run("check").code == 0
        yield made


def state_of(films: Place) -> State:
    return State.open(f"sqlite:///{films.directory / '.reconciler' / 'state.db'}", "films")


def rows(films: Place) -> list[Recorded]:
    with closing(state_of(films)) as state:
        return state.recorded()


def baseline(films: Place) -> list[CheckScore]:
    with closing(state_of(films)) as state:
        return state.baselines()


def recorded(films: Place) -> dict[str, str]:
    """The id of each address; what was replaced has none any more."""
    return {row.address: row.id for row in rows(films) if not row.deposed}


def indexes(films: Place) -> dict[str, str]:
    """id of each index of the account by its name; a name stands once."""
    found = [(str(it["index_name"]), str(it["_id"])) for it in films.objects("/indexes")]
    assert len(dict(found)) == len(found), found
    return dict(found)


def inside(films: Place, index: str) -> Counter[str]:
    """What is indexed, by the film; as often as it is."""
    name_of = {id: address.rpartition("/")[2] for address, id in recorded(films).items()}
    return Counter(name_of[str(it["asset_id"])] for it in films.objects(f"/indexes/{index}/indexed-assets"))


def worse(films: Place, *names: str) -> None:
    """Indexes of these names forget the words that are asked for. Both are answered by the same film then: one of the
    two is wrong. None: no index forgets anything."""
    films.served.emulator.set_options({"forgotten": {name: ["dunks", "goal", "final"] for name in names}})


def writes_of(films: Place) -> Counter[str]:
    """What was made so far, by kind."""
    return Counter(it.rpartition("/")[2] for it in films.writes() if it.startswith("POST") and "search" not in it)


def in_step(films: Place) -> None:
    said = films.run("plan", "--detailed-exitcode")
    assert said.code == 0, said


def change_of(films: Place, address: str = "indexes/catalog") -> dict[str, Any]:
    found: list[dict[str, Any]] = films.run("plan", "--format", "json", "--allow-replace", "*").json["changes"]
    return next(it for it in found if it["address"] == address)


def test_the_old_one_serves_until_the_new_one_is_whole_and_green(films: Place) -> None:
    old, before = indexes(films)["catalog"], writes_of(films)
    films.write(stack(NEW))

    said = films.apply(*AGREED)

    assert said.code == 0, said
    there = indexes(films)
    assert set(there) == {"catalog"}
    assert there["catalog"] == recorded(films)["indexes/catalog"] != old
    assert inside(films, there["catalog"]) == Counter(NAMES)
    assert writes_of(films) - before == Counter({"indexes": 1, "indexed-assets": len(NAMES)})
    assert films.offline("output", "indexes/catalog").out.strip() == there["catalog"]
    in_step(films)


def test_the_old_one_goes_in_the_same_run_when_reads_lag_behind_writes(films: Place) -> None:
    films.write(stack(NEW))
    films.served.emulator.add_fault({"fault": "lag", "method": "GET", "path": "/indexes", "reads": 3})

    said = films.apply(*AGREED)

    assert said.code == 0, said
    films.served.emulator.clear_faults()
    assert indexes(films) == {"catalog": recorded(films)["indexes/catalog"]}
    in_step(films)


def test_a_worse_one_is_caught_and_the_old_one_serves_on(films: Place) -> None:
    before, baseline_before = recorded(films), baseline(films)
    films.write(stack(NEW))
    worse(films, NEXT)

    said = films.apply(*AGREED)

    assert said.code == 8, said
    assert "checks/goals failed" in said.out + said.err, said
    assert "serves on" in said.out + said.err, said
    old, (new,) = before["indexes/catalog"], set(indexes(films)) - {"catalog"}
    assert indexes(films)["catalog"] == old
    assert {a: i for a, i in recorded(films).items() if "~next-" not in a} == before
    assert films.offline("output", "indexes/catalog").out.strip() == old
    assert inside(films, indexes(films)[new]) == Counter(NAMES)
    assert baseline(films) == baseline_before
    assert not [row for row in rows(films) if row.deposed]


def test_a_plan_says_where_a_replacement_stands(films: Place) -> None:
    films.write(stack(NEW))
    fresh = change_of(films)
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8

    waiting = change_of(films)

    assert fresh["action"] == waiting["action"] == "replace"
    assert "checks/goals" in fresh["reason"], fresh["reason"]
    assert "3" in waiting["reason"], waiting["reason"]
    assert films.run("plan", "--detailed-exitcode", "--allow-replace", "*").code == 2


def test_another_baseline_lets_the_next_apply_go_on_and_nothing_is_indexed_again(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    new = indexes(films).keys() - {"catalog"}
    made = writes_of(films)
    ids = {indexes(films)[name] for name in new}
    worse(films, "catalog", NEXT)
    assert films.run("check", "--record").code in (0, 8)

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert set(indexes(films).values()) == ids
    assert set(indexes(films)) == {"catalog"}
    assert writes_of(films) == made
    in_step(films)


def test_a_mended_query_lets_the_next_apply_go_on(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    made = writes_of(films)
    films.write(stack(NEW, goal="final_goal.mp4"))
    worse(films)

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert set(indexes(films)) == {"catalog"}
    assert writes_of(films) == made
    in_step(films)


def test_a_better_one_is_promoted_and_the_baseline_is_not_lowered(films: Place) -> None:
    worse(films, "catalog")
    films.run("check", "--record")
    low = baseline(films)
    films.write(stack(NEW))

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert set(indexes(films)) == {"catalog"}
    assert baseline(films) == low


def test_without_a_baseline_the_old_one_is_asked_first(films: Place) -> None:
    with closing(state_of(films)) as state:
        state._store.connection.exec_driver_sql("DELETE FROM reconciler_checks")
        state._store.connection.commit()
    films.write(stack(NEW))
    worse(films, NEXT)
    old = indexes(films)["catalog"]

    said = films.apply(*AGREED)

    assert said.code == 8, said
    assert {row.values["recall"] for row in baseline(films)} == {1.0}
    assert indexes(films)["catalog"] == old


def test_what_is_not_wanted_any_more_is_removed_under_the_guards(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    old, (next_name,) = indexes(films)["catalog"], set(indexes(films)) - {"catalog"}
    films.write(stack())  # as it was

    refused = films.apply()
    assert refused.code == 3, refused
    assert set(indexes(films)) == {"catalog", next_name}

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert indexes(films) == {"catalog": old}
    assert inside(films, old) == Counter(NAMES)
    in_step(films)


def test_a_further_change_of_the_models_makes_another_one_and_the_first_goes(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    (first,) = set(indexes(films)) - {"catalog"}
    films.write(stack("[audio]"))
    worse(films)
    text = (films.directory / "stack.yaml").read_text().replace("options: [visual]\n", "options: [audio]\n")
    films.write({"stack.yaml": text})

    said = films.apply(*AGREED)

    there = indexes(films)
    assert first not in there
    assert said.code in (0, 8), said
    if said.code == 0:
        assert set(there) == {"catalog"}
        in_step(films)


def test_the_old_one_is_kept_for_as_long_as_is_said(films: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old = indexes(films)["catalog"]
    films.write(stack(NEW, HELD))
    assert films.apply(*AGREED).code == 0
    there = indexes(films)
    new = there.pop("catalog")
    assert list(there.values()) == [old]
    assert recorded(films)["indexes/catalog"] == new
    in_step(films)
    assert films.apply(*AGREED).code == 0
    assert old in indexes(films).values()

    real = State.now
    monkeypatch.setattr(State, "now", lambda self: later(real(self)))
    asked = films.run("plan", "--detailed-exitcode")
    assert asked.code == 2, asked
    # To go was agreed to with the replacement.
    assert films.apply().code == 0
    assert indexes(films) == {"catalog": new}
    in_step(films)


def later(at: datetime) -> datetime:
    return at + timedelta(hours=25)


def test_a_stack_without_its_state_finds_what_was_made_and_indexes_nothing_twice(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    there, made = indexes(films), writes_of(films)
    shutil.rmtree(films.directory / ".reconciler")
    worse(films)

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert writes_of(films) == made
    (new,) = (id for name, id in there.items() if name != "catalog")
    assert indexes(films) == {"catalog": new}
    in_step(films)


def test_an_index_of_others_under_the_working_name_is_not_touched(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    (name,) = set(indexes(films)) - {"catalog"}
    films.write(stack())
    assert films.apply(*AGREED).code == 0
    models = [{"model_name": "marengo3.0", "model_options": ["visual"]}]
    made = films.api.post("/indexes", json={"index_name": name, "models": models})
    theirs = str(made.json()["_id"])
    films.write(stack(NEW))
    worse(films)

    said = films.run("apply", "--auto-approve", "--allow-replace", "*", *AGREED)

    assert said.code not in (0, 8), said
    assert name in said.out + said.err, said
    assert indexes(films)[name] == theirs
    assert indexes(films).keys() == {"catalog", name}


def test_what_else_changes_of_it_is_told_with_the_replacement_and_done(films: Place) -> None:
    """A new name beside new models: the old one has it at once, the new one when it takes the place."""
    text = stack(NEW)["stack.yaml"].replace("  catalog:\n", "  catalog:\n    name: reels\n")
    films.write({"stack.yaml": text})

    told = films.run("plan", "--format", "json", "--allow-replace", "*").json["changes"]

    mine = [it for it in told if it["address"] == "indexes/catalog"]
    assert [it["action"] for it in mine] == ["replace"]
    assert {"name", "models"} <= {delta["path"] for delta in mine[0]["deltas"]}
    assert films.apply(*AGREED, "--allow-replace", "*").code == 0
    assert indexes(films).keys() == {"reels"}
    assert films.run("plan", "--detailed-exitcode").code == 0


def test_aside_is_the_way_it_was(films: Place) -> None:
    films.write(stack(NEW, "{how: aside}"))
    assert films.apply(*AGREED).code == 0
    assert set(indexes(films)) == {"catalog"}
    renamed = [it for it in films.writes() if it.startswith("PUT /indexes/")]
    assert len(renamed) == 1
    in_step(films)


def test_results_that_read_the_index_read_the_new_one_when_it_has_the_place(films: Place) -> None:
    pytest.importorskip("pyarrow")
    more = "embeddings:\n  there: {of: indexes/catalog, options: [visual]}\n"
    text = stack()["stack.yaml"] + more
    films.write({"stack.yaml": text})
    assert films.apply(*AGREED).code == 0
    before = {a: i for a, i in recorded(films).items() if a.startswith("embeddings/")}
    assert before
    films.write({"stack.yaml": stack(NEW)["stack.yaml"] + more})
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    assert {a: i for a, i in recorded(films).items() if a.startswith("embeddings/")} == before
    worse(films)

    said = films.apply(*AGREED)

    assert said.code == 0, said
    assert set(indexes(films)) == {"catalog"}
    in_step(films)


def test_an_old_one_in_which_something_of_others_is_keeps_until_somebody_agrees(films: Place) -> None:
    old = indexes(films)["catalog"]
    theirs = films.api.post("/assets", data={"method": "url", "url": f"{URL}/theirs.mp4"}).json()["_id"]
    while films.api.get(f"/assets/{theirs}").json()["status"] != "ready":
        pass
    put = films.api.post(f"/indexes/{old}/indexed-assets", json={"asset_id": theirs})
    assert put.status_code < 300, put.text
    films.write(stack(NEW))

    said = films.apply(*AGREED)

    assert said.code == 3, said
    assert indexes(films) == {"catalog": old}
    assert films.apply(*AGREED, "--allow-foreign", "*").code == 0
    assert set(indexes(films)) == {"catalog"}


def test_two_are_replaced_at_once_and_a_red_one_keeps_no_green_one_back(films: Place) -> None:
    second = """\
  other:
    models: [{name: marengo3.0, options: OPTIONS}]
    assets: {press_talk: {}}
checks:
"""

    def both(options: str) -> dict[str, str]:
        text = stack(options)["stack.yaml"]
        return {"stack.yaml": text.replace("\nchecks:\n", "\n" + second.replace("OPTIONS", options), 1)}

    films.write(both("[visual]"))
    assert films.apply(*AGREED).code == 0
    before = indexes(films)
    films.write(both(NEW))
    worse(films, NEXT)

    said = films.apply(*AGREED)

    assert said.code == 8, said
    there = indexes(films)
    assert there["catalog"] == before["catalog"]
    assert there["other"] != before["other"]
    assert len(there) == 3
    worse(films)
    assert films.apply(*AGREED).code == 0
    assert set(indexes(films)) == {"catalog", "other"}
    in_step(films)


def test_a_saved_plan_carries_all_of_it(films: Place) -> None:
    old = indexes(films)["catalog"]
    films.write(stack(NEW))
    saved = films.run("plan", "-o", "plan.json", "--allow-replace", "*")
    assert saved.code == 0, saved

    said = films.run("apply", "plan.json", "--auto-approve")

    assert said.code == 0, said
    assert set(indexes(films)) == {"catalog"}
    assert indexes(films)["catalog"] != old
    in_step(films)


def test_a_saved_plan_is_stale_when_a_check_that_gates_it_asks_something_else(films: Place) -> None:
    films.write(stack(NEW))
    assert films.run("plan", "-o", "plan.json", "--allow-replace", "*").code == 0
    before = films.writes()
    films.write(stack(NEW, goal="final goal"))

    said = films.run("apply", "plan.json", "--auto-approve")

    assert said.code == 6, said
    assert "indexes/catalog: how it is replaced, or a check that it has to pass, is not as it was" in said.err
    assert films.writes() == before


def test_what_changes_meanwhile_is_done_to_both_and_what_is_new_is_made_in_the_new_one(films: Place) -> None:
    films.write(stack(NEW))
    worse(films, NEXT)
    assert films.apply(*AGREED).code == 8
    old, (new,) = indexes(films)["catalog"], set(indexes(films)) - {"catalog"}
    made = writes_of(films)
    text = (
        stack(NEW)["stack.yaml"]
        .replace("of: press_talk", "of: talks")
        .replace("assets:\n", f'assets:\n  more: {{url: "{URL}/more.mp4"}}\n', 1)
    )
    films.write({"stack.yaml": text.replace("    assets: {", "    assets: {more: {}, ")})

    assert films.apply(*AGREED).code == 8

    assert writes_of(films) - made == Counter({"assets": 1, "indexed-assets": 1})
    assert inside(films, old) == Counter(NAMES)
    assert inside(films, indexes(films)[new]) == Counter([*NAMES, "more"])
    assert [metadata(films, id, "press_talk")["of"] for id in (old, indexes(films)[new])] == ["talks", "talks"]
    worse(films)
    assert films.apply(*AGREED).code == 0
    assert set(indexes(films)) == {"catalog"}
    in_step(films)


def metadata(films: Place, index: str, name: str) -> dict[str, Any]:
    asset = recorded(films)[f"assets/{name}"]
    (id,) = (it["_id"] for it in films.objects(f"/indexes/{index}/indexed-assets") if it["asset_id"] == asset)
    found: dict[str, Any] = films.api.get(f"/indexes/{index}/indexed-assets/{id}").json()["user_metadata"]
    return found
