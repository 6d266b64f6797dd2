"""Resources that files and tables stand for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.load import load
from reconciler.model import Stack
from tests.support.files import lay_out
from tests.support.loading import Loading, problems_of

HEAD = "stack: archive\nprovider: twelvelabs\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Loading:
    """Writes files into a directory and loads it."""

    def write_and_load(text: str, files: Mapping[str, str | bytes], environ: Mapping[str, str] | None = None) -> Stack:
        lay_out(tmp_path, {"stack.yaml": HEAD + text, **files})
        return load(tmp_path, environ=environ or {}, allow_env=["*"], display=Path())

    return write_and_load


CLIPS = {
    "media/final.mp4": "",
    "media/2024/Été 1.mp4": "",
    "media/2024/日本.mp4": "",
    "media/.hidden.mp4": "",
    "media/a.txt": "",
}


def test_one_entry_stands_for_all_files_that_its_pattern_finds(loaded: Loading) -> None:
    stack = loaded("assets: {clips: {files: media/**/*.mp4, protect: true, metadata: {league: nba}}}", CLIPS)

    assert {address: resource.fields for address, resource in stack.resources.items()} == {
        "assets/clips.2024.Ete-1.mp4": {"file": "media/2024/Été 1.mp4", "metadata": {"league": "nba"}},
        "assets/clips.2024.u65e5u672c.mp4": {"file": "media/2024/日本.mp4", "metadata": {"league": "nba"}},
        "assets/clips.final.mp4": {"file": "media/final.mp4", "metadata": {"league": "nba"}},
    }
    assert all(resource.protect for resource in stack.resources.values())
    assert stack.where("assets/clips.final.mp4", "metadata", "league") == ("stack.yaml", 3, 75)


def test_a_file_more_changes_no_other_address(loaded: Loading) -> None:
    text = "assets: {clips: {files: [media/*/*.mp4, media/*.mp4]}}"
    before = set(loaded(text, CLIPS).resources)

    after = set(loaded(text, {"media/2024/0.mp4": "", "media/a.mp4": ""}).resources)

    assert after - before == {"assets/clips.2024.0.mp4", "assets/clips.a.mp4"} and before < after


def test_the_name_of_a_group_stands_for_all_of_it(loaded: Loading) -> None:
    text = """\
indexes:
  catalog:
    models: [{name: marengo3.0}]
    assets: {clips: {metadata: {rating: 1}}, more: {asset: faces}}
assets: {clips: {files: clips/*}, faces: {files: faces/*}, one: {file: one.jpg}}
entity_collections: {c: {entities: {e: {assets: [one, faces]}, f: {assets: [assets/faces.1.jpg]}}}}
"""
    stack = loaded(text, {"clips/a.mp4": "", "clips/b.mp4": "", "faces/1.jpg": "", "faces/2.jpg": "", "one.jpg": ""})

    indexed = {
        address.removeprefix("indexes/catalog/assets/"): resource.fields
        for address, resource in stack.resources.items()
        if resource.kind == "IndexedAsset"
    }
    assert indexed == {
        "clips.a.mp4": {"asset": "assets/clips.a.mp4", "metadata": {"rating": 1}},
        "clips.b.mp4": {"asset": "assets/clips.b.mp4", "metadata": {"rating": 1}},
        "faces.1.jpg": {"asset": "assets/faces.1.jpg"},
        "faces.2.jpg": {"asset": "assets/faces.2.jpg"},
    }
    assert stack.resources["entity_collections/c/entities/e"].fields["assets"] == [
        "assets/one",
        "assets/faces.1.jpg",
        "assets/faces.2.jpg",
    ]
    assert stack.where("indexes/catalog/assets/clips.b.mp4", "metadata", "rating") == ("stack.yaml", 6, 41)


def test_what_is_wrong_with_a_group_is_said_once(loaded: Loading) -> None:
    text = """\
assets:
  clips: {files: media/**/*.mp4, hls: 1, url: http://x, id: abc}
  none: {files: [media/*.wav, ../*.mp4, 7]}
  same: {files: twins/*}
  clips.final.mp4: {url: 'http://x'}
  clips: {}
indexes: {i: {models: [{name: marengo3.0}], files: x, assets: {clips: {stream: 1}, clips.final.mp4: {}, clip: {}}}}
"""
    assert problems_of(loaded, text, {**CLIPS, "twins/a b": "", "twins/a-b": ""}) == [
        "stack.yaml:4:39: assets/clips: hls: expected true or false, got the number 1",
        "stack.yaml:4:42: assets/clips: url: cannot stand beside `files:`; it is not the same for all",
        "stack.yaml:4:57: assets/clips: id: cannot stand beside `files:`; it is not the same for all",
        'stack.yaml:5:18: assets/none: files: "media/*.wav" finds no file; correct it, or take the entry out',
        'stack.yaml:5:31: assets/none: files: "../*.mp4" leads out of the directory of the stack;'
        " move the file into it",
        "stack.yaml:5:41: assets/none: files: expected a pattern such as media/**/*.mp4, got the number 7",
        'stack.yaml:6:17: assets/same: files: "twins/a-b" and "twins/a b" would both be assets/same.a-b;'
        " rename one of them",
        "stack.yaml:7:3: assets/clips.final.mp4: is declared twice; first at stack.yaml:4:3",
        'stack.yaml:8:3: assets/clips: the key "clips" is there twice; first at 4:3',
        'stack.yaml:9:45: indexes/i: unknown field "files"',
        "stack.yaml:9:80: indexes/i/assets/clips: stream: expected true or false, got the number 1",
        "stack.yaml:9:84: indexes/i/assets/clips.final.mp4: is declared twice; first at stack.yaml:9:64",
        'stack.yaml:9:105: indexes/i/assets/clip: asset: there is no assets/clip; did you mean "clips"?',
    ]


def test_metadata_stands_in_a_file_beside_each_file(loaded: Loading) -> None:
    stack = loaded(
        """\
assets:
  clips: {files: media/*, metadata_from: sidecar, metadata: {league: nba, season: 2023}}
  one: {file: one.mp4, metadata_from: sidecar}
""",
        {
            "media/a.mp4": "",
            "media/a.mp4.yaml": "season: 2024\nmvp: James\n",
            "media/b.mp4": "",
            "media/b.json": '{"tags": ["x", "${y}"]}',
            "media/c.mp4": "",
            "one.mp4": "",
            "one.yml": "a: 1\n",
        }
        | {"one.yml": ""},
    )

    assert [resource.fields.get("metadata") for resource in stack.resources.values()] == [
        {"league": "nba", "season": 2024, "mvp": "James"},
        {"league": "nba", "season": 2023, "tags": ["x", "${y}"]},
        {"league": "nba", "season": 2023},
        {},
    ]
    assert stack.where("assets/clips.a.mp4", "metadata", "mvp") == ("media/a.mp4.yaml", 2, 6)
    assert stack.where("assets/clips.a.mp4", "metadata", "league") == ("stack.yaml", 4, 70)


def test_what_is_wrong_in_a_side_file_is_said_there(loaded: Loading) -> None:
    files = {f"media/{name}.mp4": "" for name in "abcdef"}
    sides = {
        "media/a.mp4.yaml": "day: 2024-01-01\nx: {y: 1}\n",
        "media/b.json": '{"x": null,\n "x": 1}',
        "media/c.json": '{"x": NaN',
        "media/d.yaml": "- a\n",
        "media/e.yaml": "a: 1",
        "media/e.mp4.json": "{}",
        "media/f.json": '{"a": null}',
    }
    assert problems_of(loaded, "assets: {m: {files: media/*, metadata_from: sidecar}}", {**files, **sides}) == [
        'media/a.mp4.yaml:1:6: `2024-01-01` is a date to some YAML readers; write "2024-01-01" if the text is meant',
        "media/a.mp4.yaml:2:4: assets/m.a.mp4: metadata.x: a nested map cannot be stored; write it as a string of JSON",
        "media/b.json:1:1: not JSON: a key is there twice",
        "media/c.json:1:1: not JSON: NaN is not a valid number",
        "media/d.yaml:1:1: expected a mapping of metadata, got a list",
        "media/f.json:1:7: assets/m.f.mp4: metadata.a: null cannot be stored; leave the key out to remove it",
        "stack.yaml:3:45: assets/m.e.mp4: metadata_from: media/e.mp4 has both media/e.mp4.json and media/e.yaml;"
        " keep one",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("\ufeffpath,team,rating\nmedia/a.mp4,Lakers,9.5\n./media/b.mp4,,7\n", "t.csv"),
        ("path\tteam\trating\nmedia/a.mp4\tLakers\t9.5\nmedia/b.mp4\t\t7\n", "t.tsv"),
        (
            '{"path": "media/a.mp4", "team": "Lakers", "rating": "9.5"}\n\n'
            '{"path": "media/b.mp4", "team": null, "rating": "7"}\n',
            "t.jsonl",
        ),
    ],
    ids=["csv", "tsv", "jsonl"],
)
def test_metadata_stands_in_a_table_by_path(loaded: Loading, table: str, said: str) -> None:
    stack = loaded(
        f"assets: {{m: {{files: media/*, metadata_from: {said}, metadata: {{team: none}}}}}}",
        {"media/a.mp4": "", "media/b.mp4": "", "media/c.mp4": "", said: table},
    )

    assert [resource.fields["metadata"] for resource in stack.resources.values()] == [
        {"team": "Lakers", "rating": "9.5"},
        {"team": "none", "rating": "7"},
        {"team": "none"},
    ]
    assert stack.where("assets/m.b.mp4", "metadata", "rating") == (said, 3, 1)


def test_columns_become_keys_of_the_types_that_are_asked_for(loaded: Loading) -> None:
    text = """\
assets:
  m:
    files: media/*
    metadata_from:
      file: t.csv
      key: where
      fields:
        rating: {type: number}
        live: {column: is_live, type: boolean}
        tags: {column: words, type: list}
        name: title
"""
    table = 'where,rating,is_live,words,title,other\nmedia/a.mp4,9.5,TRUE,"x; y;",010,z\n'

    stack = loaded(text, {"media/a.mp4": "", "t.csv": table})

    assert stack.resources["assets/m.a.mp4"].fields["metadata"] == {
        "rating": 9.5,
        "live": True,
        "tags": ["x", "y"],
        "name": "010",
    }


ROSTER = """\
slug,name,photos,team,number
lebron,LeBron James,one; two,Lakers,23
Bronny James Jr.,"Bronny
James",two,,9
"""
BY_COLUMNS = """\
assets: {one: {url: 'http://1'}, two: {url: 'http://2'}}
entity_collections:
  players:
    entities: {coach: {assets: [one]}}
    entities_from:
      file: roster.csv
      key: slug
      fields: {name: name, assets: photos, metadata.team: team, metadata.number: {column: number, type: integer}}
"""


def test_entities_come_from_a_roster(loaded: Loading) -> None:
    stack = loaded(BY_COLUMNS, {"roster.csv": ROSTER})
    prefix = "entity_collections/players/entities/"

    assert {
        address.removeprefix(prefix): resource.fields
        for address, resource in stack.resources.items()
        if address.startswith(prefix)
    } == {
        "coach": {"name": "coach", "assets": ["assets/one"]},
        "lebron": {
            "name": "LeBron James",
            "assets": ["assets/one", "assets/two"],
            "metadata": {"team": "Lakers", "number": 23},
        },
        "Bronny-James-Jr.": {"name": "Bronny\nJames", "assets": ["assets/two"], "metadata": {"number": 9}},
    }
    assert stack.where(f"{prefix}Bronny-James-Jr.", "name") == ("roster.csv", 3, 1)


def test_columns_that_are_named_as_fields_need_no_mapping(loaded: Loading) -> None:
    rows = [
        '{"key": "lebron", "assets": ["one"], "metadata.number": 23, "metadata.active": true, "protect": true}',
        '{"key": "jordan", "id": "j1"}',
    ]
    stack = loaded(
        "assets: {one: {url: 'http://1'}}\nentity_collections: {players: {entities_from: roster.jsonl}}",
        {"roster.jsonl": "\n".join(rows)},
    )
    lebron, jordan = (stack.resources[f"entity_collections/players/entities/{key}"] for key in ("lebron", "jordan"))

    assert lebron.fields == {"name": "lebron", "assets": ["assets/one"], "metadata": {"number": 23, "active": True}}
    assert (lebron.protect, jordan.id) == (True, "j1")


def test_each_row_has_its_position_in_what_is_wrong(loaded: Loading) -> None:
    table = """\
slug,name,photos,team,number
lebron,LeBron James,on,Lakers,23
a,A,one,,twelve
a,B,one,,1
!,C,one,,2
coach,D,one,,3
e,E,,,4
f,F,one
g,G,one;assets/one,,007
"""
    assert problems_of(loaded, BY_COLUMNS, {"roster.csv": table}) == [
        "roster.csv:2:1: entity_collections/players/entities/lebron: assets: there is no assets/on;"
        ' did you mean "one"?',
        'roster.csv:3:1: entity_collections/players/entities/a: metadata.number: expected a whole number, got "twelve"',
        "roster.csv:4:1: entity_collections/players/entities/a: is there twice; first at roster.csv:3:1",
        'roster.csv:5:1: slug: the string "!" cannot be made a name; use letters and digits',
        "roster.csv:7:1: entity_collections/players/entities/e: needs `assets`",
        "roster.csv:8:1: has 3 cells, and the first line names 5 columns",
        "roster.csv:9:1: entity_collections/players/entities/g: assets: names assets/one twice; keep one",
        'roster.csv:9:1: entity_collections/players/entities/g: metadata.number: expected a whole number, got "007"',
        "stack.yaml:6:16: entity_collections/players/entities/coach: is declared twice; first at roster.csv:6:1",
    ]


TABLES: list[tuple[str, dict[str, str | bytes], list[str]]] = [
    (
        "roster.csv",
        {"roster.csv": "key,nme,metadata.,team\nx,a,b,c\n"},
        [
            'roster.csv:1:1: unknown field "metadata."; did you mean "metadata"?',
            'roster.csv:1:1: unknown field "nme"; did you mean "name"?',
            'roster.csv:1:1: unknown field "team"',
            "roster.csv:2:1: entity_collections/p/entities/x: needs `assets`",
        ],
    ),
    (
        "roster.csv",
        {"roster.csv": "slug,name\nx,a\n"},
        ['stack.yaml:3:41: entity_collections/p: roster.csv has no column "key"'],
    ),
    (
        "{file: roster.csv, key: slg, fields: {name: nme, assets: 7}, colums: 1}",
        {"roster.csv": "slug,name\nx,a\n"},
        [
            'stack.yaml:3:41: entity_collections/p: roster.csv has no column "nme"; did you mean "name"?',
            'stack.yaml:3:41: entity_collections/p: roster.csv has no column "slg"; did you mean "slug"?',
            "stack.yaml:3:98: entity_collections/p: fields.assets: expected a column, or"
            " {column: COLUMN, type: text|integer|number|boolean|list}, got the number 7",
            'stack.yaml:3:102: entity_collections/p: unknown field "colums"',
        ],
    ),
    ("roster.xlsx", {}, ['stack.yaml:3:41: entity_collections/p: "roster.xlsx" is not a table; name a file that ends in'
                         " .csv, .tsv or .jsonl"]),
    ("7", {}, ["stack.yaml:3:41: entity_collections/p: expected a path, or"
               " {file: PATH, key: COLUMN, fields: {FIELD: COLUMN}}, got the number 7"]),
    ("rostr.csv", {"roster.csv": ""}, ['stack.yaml:3:41: entity_collections/p: "rostr.csv" does not exist;'
                                       ' did you mean "roster.csv"?']),
    ("../r.csv", {}, ['stack.yaml:3:41: entity_collections/p: "../r.csv" leads out of the directory of the stack;'
                      " move the file into it"]),
    ("r.csv", {"r.csv": b"key\n\xff"}, ["r.csv:2:1: is not UTF-8; save the file as UTF-8"]),
    ("r.csv", {"r.csv": 'key,name\nx,"a'}, ["r.csv:2:1: not CSV: unexpected end of data"]),
    ("r.csv", {"r.csv": "key,key\n"}, ["r.csv:1:1: each column needs a name of its own in the first line"]),
    (
        "r.jsonl",
        {"r.jsonl": '{"key": "a"}\n[]\n{"key": }\n{"key": "b", "key": "c"}\n{"key": true}\n{"key": Infinity}\n'},
        [
            "r.jsonl:1:1: entity_collections/p/entities/a: needs `assets`",
            "r.jsonl:2:1: expected an object on each line, got a list",
            "r.jsonl:3:9: not JSON: Expecting value",
            "r.jsonl:4:1: not JSON: a key is there twice",
            "r.jsonl:5:1: key: true cannot be made a name; use letters and digits",
            "r.jsonl:6:1: not JSON: Infinity is not a valid number",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "files", "expected"), TABLES, ids=lambda value: str(value)[:40])
def test_what_is_wrong_with_a_table(
    loaded: Loading, said: str, files: dict[str, str | bytes], expected: list[str]
) -> None:
    assert problems_of(loaded, f"entity_collections: {{p: {{entities_from: {said}}}}}", files) == expected


def test_a_table_of_metadata_names_files_that_exist_and_each_once(loaded: Loading) -> None:
    files: dict[str, Any] = {
        "media/a.mp4": "",
        "b.mp4": "",
        "t.csv": "path,x\nmedia/b.mp4,1\nb.mp4,1\nmedia/a.mp4,1\n./media/a.mp4,2\n",
    }

    assert problems_of(
        loaded,
        "assets: {m: {files: media/*, metadata_from: t.csv}, n: {url: 'http://n', metadata_from: sidecar}}",
        files,
    ) == [
        "stack.yaml:3:74: assets/n: metadata_from: needs `file:` or `files:`",
        't.csv:2:1: path: "media/b.mp4" does not exist; did you mean "media/a.mp4"?',
        't.csv:5:1: "media/a.mp4" is there twice; first at t.csv:4:1',
    ]


def test_names_and_values_that_cannot_be_written_down_are_refused(loaded: Loading, tmp_path: Path) -> None:
    table = '{"key": "a", "name": "\\ud83d"}\n{"key": "b", "name": "\\ud83d\\ude00", "id": "b"}\n'
    text = (
        "entity_collections: {c: {entities_from: r.jsonl}}\nassets: {m: {files: media/*}}\nguards: {a: '${env.HALF}'}"
    )
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / os.fsdecode(b"a\xff.mp4")).touch()

    assert problems_of(loaded, text, {"r.jsonl": table}, {"HALF": "\udcff"}) == [
        "r.jsonl:1:1: not JSON: half of a character",
        "stack.yaml:4:21: assets/m: files: \"media/*\" holds 'media/a\\udcff.mp4', a name that is not UTF-8; rename it",
        'stack.yaml:5:13: "HALF" in the environment is not UTF-8',
    ]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5E999"])
def test_a_number_beyond_json_in_a_side_file_is_refused_where_it_stands(loaded: Loading, number: str) -> None:
    text = "assets: {m: {files: media/*, metadata_from: sidecar}}"

    assert problems_of(loaded, text, {"media/a.mp4": "", "media/a.json": f'{{"n": {number}}}'}) == [
        "media/a.json:1:7: assets/m.a.mp4: metadata.n: a number that JSON cannot hold; quote it"
    ]


@pytest.mark.parametrize("word", ["files: '*'", "metadata_from: sidecar"])
def test_what_makes_assets_of_files_is_an_unknown_field_of_other_kinds(loaded: Loading, word: str) -> None:
    text = f"assets: {{a: {{url: 'http://a'}}}}\nentity_collections: {{c: {{entities_from: r.csv, {word}}}}}"

    (said,) = problems_of(loaded, text, {"r.csv": "key,assets\nk,a\n"})

    assert f'unknown field "{word.partition(":")[0]}"' in said
