"""What a right stack loads as. What a wrong one says is in `cases/bad`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Invalid
from reconciler.load import Environment, expand, load
from reconciler.model import Stack
from reconciler.redact import Secret
from tests.support.files import lay_out

Loading = Callable[..., Stack]

HEAD = "stack: archive\nprovider: twelvelabs\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Loading:
    """Writes files into a directory and loads it."""

    def write_and_load(files: Mapping[str, str] | str, **options: Any) -> Stack:
        lay_out(tmp_path, {"stack.yaml": HEAD + files} if isinstance(files, str) else files)
        return load(tmp_path, **{"environ": {}, "allow_env": ["T*"], "display": Path(), **options})

    return write_and_load


EXAMPLE = """\
variables:
  season: {default: 2024}
assets:
  final:
    file: media/final.mp4
    metadata: {season: "${season}", league: nba}
  lebron-1: {file: ./media//lebron-1.jpg}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual, audio]}]
    addons: [thumbnail]
    protect: true
    assets:
      final: {metadata: {rating: 9.3}}
entity_collections:
  players:
    description: Everyone on the roster
    entities:
      lebron: {name: LeBron James, assets: [lebron-1], metadata: {team: Lakers}}
"""
MEDIA = {"media/final.mp4": "video", "media/lebron-1.jpg": "image"}


def test_a_stack_is_its_resources_by_address_in_file_order(loaded: Loading) -> None:
    stack = loaded({"stack.yaml": HEAD + EXAMPLE, **MEDIA})

    assert (stack.name, stack.provider, stack.files) == ("archive", "twelvelabs", ("stack.yaml",))
    assert {address: (resource.kind, resource.fields) for address, resource in stack.resources.items()} == {
        "assets/final": ("Asset", {"file": "media/final.mp4", "metadata": {"season": 2024, "league": "nba"}}),
        "assets/lebron-1": ("Asset", {"file": "media/lebron-1.jpg"}),
        "indexes/catalog": (
            "Index",
            {
                "name": "catalog",
                "models": [{"name": "marengo3.0", "options": ["visual", "audio"]}],
                "addons": ["thumbnail"],
            },
        ),
        "indexes/catalog/assets/final": ("IndexedAsset", {"asset": "assets/final", "metadata": {"rating": 9.3}}),
        "entity_collections/players": (
            "EntityCollection",
            {"name": "players", "description": "Everyone on the roster"},
        ),
        "entity_collections/players/entities/lebron": (
            "Entity",
            {"name": "LeBron James", "assets": ["assets/lebron-1"], "metadata": {"team": "Lakers"}},
        ),
    }
    assert list(stack.resources)[:3] == ["assets/final", "assets/lebron-1", "indexes/catalog"]
    assert [resource.address for resource in stack.resources.values() if resource.protect] == ["indexes/catalog"]


def test_a_position_is_found_when_it_is_asked_for(loaded: Loading) -> None:
    stack = loaded({"stack.yaml": HEAD + EXAMPLE, **MEDIA})

    assert stack.where("indexes/catalog/assets/final", "metadata", "rating") == ("stack.yaml", 16, 34)
    assert stack.where("indexes/catalog", "models", 0, "options", 1) == ("stack.yaml", 12, 51)
    assert stack.where("assets/final") == ("stack.yaml", 6, 3)
    assert stack.where("assets/final", "url") == ("stack.yaml", 6, 3)
    assert stack.where("assets/none") == ("stack.yaml", 0, 0)


def test_a_value_that_is_one_variable_keeps_its_type(loaded: Loading) -> None:
    declared = "variables: {tags: {default: [a, b]}, n: {default: 7}, b: {default: true}, s: {default: x}}\n"
    metadata = '{tags: "${tags}", n: "${n}", text: "${s}-${n}-${b}", literal: "$${n}"}'
    stack = loaded(f"{declared}assets: {{a: {{url: 'http://x', metadata: {metadata}}}}}")

    assert stack.resources["assets/a"].fields["metadata"] == {
        "tags": ["a", "b"],
        "n": 7,
        "text": "x-7-true",
        "literal": "${n}",
    }


def test_an_argument_goes_before_a_file_and_a_file_before_a_default(loaded: Loading, tmp_path: Path) -> None:
    (tmp_path / "values").write_text("b: file\nc: file\nd: 5\n")
    declared = "variables: {a: {default: d}, b: {default: d}, c: {default: d}, d: {}, e: {default: '1'}, f: {}}\n"
    metadata = '{a: "${a}", b: "${b}", c: "${c}", d: "${d}", e: "${e}", f: "${f}"}'
    stack = loaded(
        f"{declared}assets: {{a: {{url: 'http://x', metadata: {metadata}}}}}",
        variables={"c": "argument", "e": "2", "f": "2"},
        var_file=tmp_path / "values",
    )

    assert stack.resources["assets/a"].fields["metadata"] == {
        "a": "d",
        "b": "file",
        "c": "argument",
        "d": 5,
        "e": "2",
        "f": 2,
    }


def test_a_value_from_the_environment_is_a_secret(loaded: Loading) -> None:
    text = "variables: {v: {default: 1}}\nassets: {a: {url: 'http://x?${v}&$${&t=${env.TOKEN}'}}"
    url = loaded(text, environ={"TOKEN": "hush"}).resources["assets/a"].fields["url"]

    assert isinstance(url, Secret)
    assert (url, url.template) == ("http://x?1&${&t=hush", "http://x?1&$${&t=${env.TOKEN}")


def test_a_secret_is_never_in_a_message(loaded: Loading) -> None:
    text = """\
assets:
  a: {url: "${env.TOKEN}", hls: "${env.TOKEN}", file: "${env.TOKEN}", id: "${env.TOKEN}"}
indexes:
  b: {models: "${env.TOKEN}", addons: ["${env.TOKEN}"], assets: {a: {asset: "${env.TOKEN}"}}}
"""
    with pytest.raises(Invalid) as caught:
        loaded(text, environ={"TOKEN": "thumbnai"})

    assert "thumbnai" not in str(caught.value).replace('"thumbnail"', "").replace("expected thumbnail", "")
    assert "${env.TOKEN}" in str(caught.value)


def test_what_the_environment_gives_is_found_again_by_its_template() -> None:
    assert expand("a $${b} ${env.TOKEN}", Environment({"TOKEN": "hush"}, ["TOKEN"])) == "a ${b} hush"
    with pytest.raises(KeyError, match="has no"):
        expand("${env.TOKEN}", Environment({}, ["TOKEN"]))
    with pytest.raises(KeyError, match="--allow-env TOKEN"):
        expand("${env.TOKEN}", Environment({"TOKEN": "hush"}))


def test_files_of_the_directory_add_up_and_others_are_passed_over(loaded: Loading) -> None:
    stack = loaded(
        {
            "b.yml": "assets: {b: {url: 'http://b'}}",
            "a.yaml": HEAD + "assets: {a: {url: 'http://a'}}",
            "c.yaml": "# nothing yet\n",
            ".hidden.yaml": "[",
            "notes.txt": "[",
            "below/d.yaml": "[",
            "folder.yaml/e": "[",
        }
    )

    assert (list(stack.resources), stack.files) == (["assets/a", "assets/b"], ("a.yaml", "b.yml", "c.yaml"))


def test_included_files_come_last_each_once_and_sorted(loaded: Loading) -> None:
    stack = loaded(
        {
            "stack.yaml": HEAD + "variables: {v: {default: x}}\ninclude: ['**/*.yaml', parts/c.yml]\n",
            "parts/c.yml": "assets: {c: {url: 'http://${v}'}}",
            "parts/deep/a.yaml": "assets: {a: {url: 'http://a'}}",
            "parts/.hidden/b.yaml": "[",
            "parts/b.yaml": "assets: {b: {url: 'http://b'}}",
        }
    )

    assert stack.files == ("stack.yaml", "parts/b.yaml", "parts/c.yml", "parts/deep/a.yaml")
    assert stack.resources["assets/c"].fields["url"] == "http://x"
    assert stack.where("assets/a", "url") == ("parts/deep/a.yaml", 1, 19)


def test_one_file_is_a_stack_too_and_its_directory_bounds_it(loaded: Loading, tmp_path: Path) -> None:
    loaded({"one.yaml": HEAD + "assets: {a: {file: a.mp4}}", "a.mp4": ""})
    (tmp_path / "two.yaml").write_text("[")

    stack = load(tmp_path / "one.yaml", environ={}, display=Path("here/one.yaml"))

    assert (stack.root, stack.files) == (tmp_path, ("here/one.yaml",))
    assert stack.where("assets/a", "file") == ("here/one.yaml", 3, 20)


def test_a_link_that_stays_inside_is_followed(loaded: Loading, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.mp4").touch()
    (tmp_path / "media").symlink_to("data")
    (tmp_path / "b.mp4").symlink_to("media/a.mp4")

    stack = loaded("assets: {a: {file: media/a.mp4}, b: {file: b.mp4}}")

    assert [resource.fields["file"] for resource in stack.resources.values()] == ["media/a.mp4", "b.mp4"]


def test_the_options_of_every_resource(loaded: Loading) -> None:
    stack = loaded("""\
assets:
  a: {url: 'http://a', protect: true, ignore: [metadata.rating, filename], replace: allow}
  b: {id: b1}
  c: {id: c1, external: true}
  d: {url: 'http://d', protect: false, external: false}
indexes:
  catalog: {external: true, assets: {b: {}}}
entity_collections:
  players: {entities: {lebron: {external: true}, jordan: {id: j1}}}
""")

    def options(address: str) -> dict[str, Any]:
        resource = stack.resources[address]
        every = {name: getattr(resource, name) for name in ("protect", "ignore", "replace", "id", "external")}
        return {name: value for name, value in every.items() if value}

    assert {address: options(address) for address in stack.resources} == {
        "assets/a": {"protect": True, "ignore": ("metadata.rating", "filename"), "replace": True},
        "assets/b": {"id": "b1"},
        "assets/c": {"id": "c1", "external": True},
        "assets/d": {},
        "indexes/catalog": {"external": True},
        "indexes/catalog/assets/b": {},
        "entity_collections/players": {},
        "entity_collections/players/entities/lebron": {"external": True},
        "entity_collections/players/entities/jordan": {"id": "j1"},
    }


def test_what_a_stack_says_besides_resources(loaded: Loading) -> None:
    stack = loaded("""\
guards: {deletes: 3}
prices: {index_minute: 0.05}
stamps: false
assets: {new: {url: 'http://a'}}
moved: [{from: assets/old, to: assets/new}]
removed: [indexes/gone, indexes/gone/assets/x, 'assets/2019-*']
ignore: [metadata.rating]
""")

    assert (stack.guards, stack.prices, stack.stamps) == ({"deletes": 3}, {"index_minute": 0.05}, False)
    assert (stack.moved, stack.removed) == (
        (("assets/old", "assets/new"),),
        ("indexes/gone", "indexes/gone/assets/x", "assets/2019-*"),
    )
    assert stack.where("removed", "indexes/gone/assets/x") == ("stack.yaml", 8, 25)
    assert stack.where("guards", "deletes") == ("stack.yaml", 3, 19)


def test_what_is_ignored_is_said_of_a_resource_or_of_the_whole_stack_with_globs(loaded: Loading) -> None:
    stack = loaded("""\
ignore: [metadata.rating, 'desc*']
assets: {a: {url: 'http://a', ignore: ['meta*.v*', '*name', metadata.rating]}, b: {url: 'http://b'}}
indexes: {i: {models: [{name: marengo3.0}]}}
entity_collections: {c: {ignore: [name]}}
""")

    assert {address: resource.ignore for address, resource in stack.resources.items()} == {
        "assets/a": ("metadata.rating", "metadata.v*", "filename"),
        "assets/b": ("metadata.rating",),
        "indexes/i": (),
        "entity_collections/c": ("description", "name"),
    }


def test_an_alias_stands_for_its_value_without_being_shared(loaded: Loading) -> None:
    stack = loaded("""\
variables: {v: {default: x}}
assets: {a: {url: 'http://a', metadata: &m {team: "${v}", tags: &t [a, b]}}, b: {url: 'http://b', metadata: *m}}
entity_collections: {one: &c {description: d}, two: *c}
""")

    assert stack.resources["assets/b"].fields["metadata"] == {"team": "x", "tags": ["a", "b"]}
    assert [stack.resources[f"entity_collections/{key}"].fields["name"] for key in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("null", None), ("~", None), ("true", True), ("False", False), ("0", 0), ("-12", -12), ("+3", 3)],
        *[
            ("9007199254740991", 9007199254740991),
            ("1.0", 1.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("2.", 2.0),
            ("1.5e3", 1500.0),
            ("1e-05", 1e-05),
        ],
        *[("1080p", "1080p"), ("2024-finals", "2024-finals"), ("1.2.3", "1.2.3"), ("12:60", "12:60"), ("0x", "0x")],
        *[("nope", "nope"), ("yesterday", "yesterday"), ("-", "-"), ("_1", "_1"), ("0o8", "0o8"), (".x", ".x")],
    ],
    ids=lambda value: repr(value),
)
def test_plain_scalars_are_those_of_yaml_1_2(loaded: Loading, text: str, value: Any) -> None:
    stack = loaded(f"guards: {{a: [{text}]}}" if text != "-" else 'guards: {a: ["-"]}')

    assert stack.guards["a"] == [value]
    assert type(stack.guards["a"][0]) is type(value)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("2024", 2024),
        ("1.5", 1.5),
        ("true", True),
        ("yes", "yes"),
        ("010", "010"),
        ("1.10", "1.10"),
        ("9007199254740993", "9007199254740993"),
        ('"7"', "7"),
        ("", ""),
        ("a b", "a b"),
    ],
)
def test_an_argument_is_a_number_or_a_boolean_only_if_plainly_so(loaded: Loading, argument: str, value: Any) -> None:
    stack = loaded("variables: {v: {}}\nguards: {a: '${v}'}", variables={"v": argument})

    assert stack.guards["a"] == value


def test_a_variable_that_is_a_list_takes_json(loaded: Loading) -> None:
    stack = loaded("variables: {v: {default: [a]}}\nguards: {a: '${v}'}", variables={"v": '["b", 1]'})

    assert stack.guards["a"] == ["b", 1]


def test_a_secret_is_hidden_in_messages_of_others_as_well(loaded: Loading) -> None:
    text = "metadata_schema: {not: {required: [x]}}\nassets: {a: {url: 'http://a', metadata: {x: '${env.T}'}}}"
    with pytest.raises(Invalid) as caught:
        loaded(text, environ={"T": "a'b\nc\"d"})

    assert "{'x': '${env.T}'}" in str(caught.value)
