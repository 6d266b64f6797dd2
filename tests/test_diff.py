"""Differences beyond the cases of tests/cases/plan: what is sent, what is recorded, and values of every type."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.diff.fields import field_deltas
from reconciler.model import Action, ChangedBy, Recorded, Update
from reconciler.ownership import row_from
from reconciler.providers.twelvelabs import KINDS, Asset, Entity, Index
from reconciler.values import same
from tests.support.planning import world

FACES = {"f": {"file": "f.jpg"}, "g": {"file": "g.jpg"}}


def entity(**fields: Any) -> dict[str, Any]:
    return {"assets": FACES, "entity_collections": {"c": {"entities": {"e": {"assets": ["f"], **fields}}}}}


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (5, 5.0, True),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        (False, None, False),
        ("", None, True),
        ([], None, True),
        ({}, None, True),
        ("5", 5, False),
        (["a", "b"], ["b", "a"], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
    ],
    ids=str,
)
def test_values_mean_the_same_or_not(left: Any, right: Any, equal: bool) -> None:
    metadata = Asset.specs["metadata"]

    assert same(metadata, left, right) is equal
    assert same(metadata, right, left) is equal


def test_models_are_a_set_with_defaults() -> None:
    models = Index.specs["models"]

    assert same(models, [{"name": "a"}, {"name": "b"}], [{"name": "b", "options": ["audio", "visual"]}, {"name": "a"}])
    assert not same(models, [{"name": "a"}], [{"name": "a", "options": ["visual"]}])


def test_a_delta_says_what_was_recorded() -> None:
    (delta,) = field_deltas(Entity.specs["description"], "one", "two", "three", known=True)

    assert (delta.before, delta.after, delta.recorded, delta.source) == ("three", "two", "one", ChangedBy.BOTH)


def test_what_was_never_recorded_is_no_drift() -> None:
    (delta,) = field_deltas(Entity.specs["description"], None, "two", "three", known=False)

    assert delta.source is ChangedBy.PENDING


def test_an_ignored_key_is_sent_back_as_it_is_when_the_map_goes_whole() -> None:
    here = world(
        {
            "applied": entity(metadata={"team": "red", "score": 1}, ignore=["metadata.score", "metadata.by_hand"]),
            "live": {"entity_collections/c/entities/e": {"metadata": {"team": "blue", "score": 17, "by_hand": True}}},
        }
    )

    (step, *_) = here.plan().steps

    assert isinstance(step, Update)
    assert step.fields == {"metadata": {"team": "red", "score": 17, "by_hand": True}}


def test_of_a_merged_map_only_what_changes_is_sent() -> None:
    here = world(
        {
            "applied": {"assets": {"a": {"file": "a.mp4", "metadata": {"kept": 1, "changed": 1, "gone": 1}}}},
            "stack": {"assets": {"a": {"file": "a.mp4", "metadata": {"kept": 1, "changed": 2, "a.b": 3}}}},
        }
    )

    (step,) = here.plan().steps

    assert isinstance(step, Update)
    assert step.fields == {"metadata": {"changed": 2, "gone": None, "a.b": 3}}


def test_a_row_that_is_behind_is_refreshed_though_nothing_changes() -> None:
    here = world(
        {
            "applied": entity(description="two"),
            "recorded": {"entity_collections/c/entities/e": {"description": "one"}},
        }
    )

    difference = here.difference()

    assert difference.changes == {}
    assert difference.refreshed["entity_collections/c/entities/e"].fields["description"] == "two"


def test_a_moved_reference_is_read_under_its_new_address_but_recorded_anew() -> None:
    here = world(
        {
            "applied": entity(),
            "stack": {
                "assets": {"face": {"file": "f.jpg"}, "g": {"file": "g.jpg"}},
                "entity_collections": {"c": {"entities": {"e": {"assets": ["face"]}}}},
            },
        }
    )

    difference = here.difference()

    assert {address: change.action for address, change in difference.changes.items()} == {"assets/face": Action.MOVE}
    assert difference.drift == []
    assert difference.refreshed["entity_collections/c/entities/e"].fields["assets"] == ["assets/face"]


def test_what_is_rebuilt_from_the_account_is_what_was_recorded() -> None:
    here = world({"applied": entity(metadata={"x": 1}, description="who")})
    claims = here.claims()
    recorded = {row.address: row for row in here.recorded}

    for address, live in claims.live.items():
        rebuilt = row_from(KINDS[live.kind], address, live, claims)
        declared = {name: rebuilt.fields.get(name) for name in recorded[address].fields if name != "file"}
        expected = {name: value for name, value in recorded[address].fields.items() if name != "file"}
        assert declared == expected
        assert isinstance(rebuilt, Recorded)
        assert (rebuilt.id, rebuilt.parent_id) == (recorded[address].id, recorded[address].parent_id)


def test_the_old_row_of_a_resource_that_means_another_object_now_is_left_over() -> None:
    here = world(
        {
            "applied": {"entity_collections": {"c": {"name": "players"}}},
            "foreign": [{"kind": "EntityCollection", "id": "better", "name": "players"}],
            "stack": {"entity_collections": {"c": {"name": "players", "id": "better"}}},
        }
    )

    changes = here.difference().changes

    assert {address: change.action for address, change in changes.items()} == {
        "entity_collections/c": Action.ADOPT,
        "entity_collections/c@id-c": Action.DELETE,
    }
