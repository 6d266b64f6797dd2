"""What a right stack loads as. What a wrong one says is in `cases/bad`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.model import Secret, Stack

Loading = Callable[..., Stack]

HEAD = "stack: archive\nprovider: twelvelabs\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Loading:
    """Writes files into a directory and loads it."""

    def write_and_load(files: Mapping[str, str] | str, **options: Any) -> Stack:
        for name, text in ({"stack.yaml": HEAD + files} if isinstance(files, str) else files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return load(tmp_path, **{"environ": {}, "display": Path(), **options})

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
