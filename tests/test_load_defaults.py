"""`defaults:` gives fields to all entries of a section; `metadata_schema:` may be one for each section."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.load import load
from reconciler.model import Stack
from reconciler.redact import Secret
from tests.support.files import lay_out
from tests.support.loading import Loading, problems_of

HEAD = "stack: archive\nprovider: twelvelabs\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Loading:
    """Writes files into a directory and loads it."""

    def write_and_load(text: str, files: Mapping[str, str] = {}, environ: Mapping[str, str] = {}) -> Stack:
        lay_out(tmp_path, {"stack.yaml": HEAD + text, **files})
        return load(tmp_path, environ=environ, display=Path())

    return write_and_load


STACK = """\
defaults:
  assets: {protect: true, metadata: {league: nba, season: 2024}}
  indexes: {models: [{name: marengo3.0}]}
  entity_collections/entities: {metadata: {role: player}, assets: [a]}
  embeddings: {model: marengo3.0, segments: {every: 4}}
  analyses: {prompt: What is it?, model: pegasus1.6}
assets:
  a: {url: 'http://a'}
  b: {url: 'http://b', protect: false, metadata: {season: 2025}}
  seen: {id: '5', external: true}
  clips: {files: 'media/*.mp4', metadata_from: sidecar}
indexes: {catalog: {assets: {a: {}}}}
entity_collections:
  players: {entities_from: roster.csv, entities: {ines: {assets: [b]}}}
embeddings:
  vectors: {of: [a, b], segments: {every: 6}}
analyses:
  asked: {of: a}
  written: {of: b, prompt_file: ask.md}
"""
FILES = {
    "media/one.mp4": "1",
    "media/one.mp4.yaml": "league: wnba\n",
    "roster.csv": "key,metadata.role\nmoreno,coach\npark,\n",
    "ask.md": "Who is it?\n",
}


def test_an_entry_has_what_its_section_was_given_and_says_the_rest(loaded: Loading) -> None:
    found = loaded(STACK, FILES).resources

    assert found["assets/a"].fields["metadata"] == {"league": "nba", "season": 2024}
    assert found["assets/a"].protect
    assert found["assets/b"].fields["metadata"] == {"league": "nba", "season": 2025}
    assert not found["assets/b"].protect
    assert "metadata" not in found["assets/seen"].fields and not found["assets/seen"].protect
    assert found["assets/clips.one.mp4"].fields["metadata"] == {"league": "wnba", "season": 2024}
    assert len(found["indexes/catalog"].fields["models"]) == 1
    assert found["embeddings/vectors/a"].fields["segments"] == {"every": 6}
    assert found["embeddings/vectors/b"].fields["model"] == "marengo3.0"
    assert found["analyses/asked/a"].fields["prompt"] == "What is it?"
    assert found["analyses/written/b"].fields["prompt"] == "Who is it?\n"


def test_rows_of_a_table_take_them_too(loaded: Loading) -> None:
    found = loaded(STACK, FILES).resources
    of = "entity_collections/players/entities"

    assert found[f"{of}/moreno"].fields["metadata"] == {"role": "coach"}
    assert found[f"{of}/park"].fields["metadata"] == {"role": "player"}
    assert found[f"{of}/park"].fields["assets"] == ["assets/a"]
    assert found[f"{of}/ines"].fields["assets"] == ["assets/b"]


def test_places_are_where_it_is_written(loaded: Loading) -> None:
    where = loaded(STACK, FILES).where

    assert where("assets/b", "metadata", "league") == ("stack.yaml", 4, 46)
    assert where("assets/b", "metadata", "season") == ("stack.yaml", 11, 59)
    assert where("assets/a", "protect") == ("stack.yaml", 4, 21)
    assert where("assets/a", "url") == ("stack.yaml", 10, 12)
    assert where("assets/a") == ("stack.yaml", 10, 3)
    assert where("assets/clips.one.mp4", "metadata", "league") == ("media/one.mp4.yaml", 1, 9)


def test_what_is_wrong_with_them_is_said_once_and_where_it_stands(loaded: Loading) -> None:
    wrong = """\
defaults:
  assets: {protect: sure, file: a.mp4, tags: [x], metadata: {a: {b: c}}}
  asset: {protect: true}
  indexes/assets: []
assets: {a: {url: 'http://a'}, b: {url: 'http://b'}}
"""

    assert problems_of(loaded, wrong) == [
        'stack.yaml:4:21: protect: expected true or false, got the string "sure"',
        "stack.yaml:4:27: defaults.assets: file: cannot be given for all; it is not the same for all",
        'stack.yaml:4:40: defaults.assets: unknown field "tags"',
        "stack.yaml:4:65: metadata.a: a nested map cannot be stored; write it as a string of JSON",
        'stack.yaml:5:3: defaults: there is no section "asset"; did you mean "assets"?',
        "stack.yaml:6:19: defaults.indexes/assets: expected a mapping of fields, got a list",
    ]


def test_a_secret_in_them_stays_one(loaded: Loading) -> None:
    text = "defaults: {assets: {metadata: {by: '${env.RECONCILER_VAR_BY}'}}}\nassets: {a: {url: 'http://a'}}\n"

    by = loaded(text, {}, {"RECONCILER_VAR_BY": "ines"}).resources["assets/a"].fields["metadata"]["by"]

    assert isinstance(by, Secret) and by == "ines" and by.template == "${env.RECONCILER_VAR_BY}"


def test_variables_may_stand_in_them_and_another_file_may_give_them(loaded: Loading) -> None:
    text = "variables: {year: {default: 2024}}\ninclude: [more/*.yaml]\nassets: {a: {url: 'http://a'}}\n"
    more = {"more/defaults.yaml": "defaults: {assets: {metadata: {year: '${year}'}}}\n"}

    stack = loaded(text, more)

    assert stack.resources["assets/a"].fields["metadata"] == {"year": 2024}
    assert stack.where("assets/a", "metadata", "year")[0] == "more/defaults.yaml"


BY_SECTION = """\
metadata_schema:
  assets: {required: [season]}
  entity_collections/entities: schemas/entity.json
assets:
  a: {url: 'http://a', metadata: {season: 2024}}
  b: {url: 'http://b'}
indexes: {catalog: {models: [{name: marengo3.0}], assets: {a: {}}}}
entity_collections:
  players: {entities: {ines: {assets: [a], metadata: {team: 1}}}}
"""
ENTITY = {"schemas/entity.json": json.dumps({"properties": {"team": {"type": "string"}}})}


def test_metadata_of_a_section_is_held_against_its_own_schema(loaded: Loading) -> None:
    assert problems_of(loaded, BY_SECTION, ENTITY) == [
        "stack.yaml:8:3: assets/b: metadata: needs `season` (metadata_schema at stack.yaml:4:11)",
        "stack.yaml:11:61: entity_collections/players/entities/ines: metadata.team: expected a string,"
        " got the number 1 (metadata_schema at stack.yaml:5:32)",
    ]


def test_a_section_that_there_is_not_or_that_has_no_metadata_is_complained_of(loaded: Loading) -> None:
    text = "metadata_schema: {assets: {}, assetts: {}, indexes: {}}\n"

    assert problems_of(loaded, text) == [
        'stack.yaml:3:31: metadata_schema: there is no section "assetts"; did you mean "assets"?',
        "stack.yaml:3:53: metadata_schema: what stands under `indexes:` has no metadata",
    ]
