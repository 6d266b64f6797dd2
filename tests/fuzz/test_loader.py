"""The loader, on whatever a pull request may hold: a stack, or Invalid with places, and no secret in either's words.

Four ways to a hostile stack: bytes of a whole one damaged; its values exchanged for odd ones, so that it stays YAML;
words strung together; and files, links and directories where something else is expected.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from reconciler.errors import Invalid, ReconcilerError
from reconciler.load import load
from tests.fuzz import bounded, damaged, inputs
from tests.support.files import lay_out

SECRET = "s3cr3t-hush"
STACK = b"""\
stack: archive
provider: twelvelabs
variables: {season: {default: 2024}, tags: {default: [a, b]}}
include: [parts/*.yaml]
ignore: [metadata.rating]
allow_models: [marengo4.0]
metadata_schema:
  $defs: {tag: {pattern: "^[a-z]+$"}}
  properties: {season: {type: integer, minimum: 1900}, tag: {$ref: "#/$defs/tag"}, token: {minLength: 3}}
assets:
  final: {url: "https://example.com/${season}.mp4", metadata: {season: "${season}", token: "${env.HUSH}"}}
  clips: {files: "media/*.mp4", metadata_from: sidecar, metadata: {tag: nba}}
  shot: {file: media/a.mp4, ignore: [metadata.rating], protect: true}
  known: {id: abc, external: true}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual, audio]}]
    metadata_schema: schema.json
    assets: {final: {metadata: {rating: 9.3}}, clips: {}}
entity_collections:
  players:
    entities_from:
      file: roster.csv
      key: slug
      fields: {name: full, assets: photos, metadata.number: {column: number, type: integer}}
    entities: {lebron: &l {name: LeBron, assets: [final]}, other: *l}
  others: {entities_from: others.jsonl}
moved: [{from: assets/old, to: assets/final}]
removed: [assets/gone, "assets/2019-*"]
guards: {max_deletes: 5}
prices: {currency: EUR}
"""
FILES = {
    "stack.yaml": STACK,
    "parts/more.yaml": b"assets: {more: {url: 'https://example.com/${season}', metadata: {tag: x}}}\n",
    "roster.csv": b'slug,full,photos,number\nlbj,LeBron James,final;shot,23\nmj,"Jordan, Michael",final,45\n',
    "others.jsonl": b'{"key": "a", "assets": ["final"], "metadata": {"x": 1.5}}\n{"key": "b", "assets": ["shot"]}\n',
    "schema.json": b'{"type": "object", "properties": {"rating": {"maximum": 10, "anyOf": [{"type": "number"}]}}}\n',
    "media/a.mp4": b"media",
    "media/a.yaml": b"{league: nba, season: 2024}\n",
    "media/b.mp4": b"media",
    "media/b.json": b'{"league": "nba", "season": 2024}\n',
}
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "x",
        "no",
        "${season}",
        "${tags}",
        "${env.HUSH}",
        "${env.TWELVELABS_API_KEY}",
    ),
    *(
        "${",
        "$${x}",
        "${x}",
        "../x",
        "/etc/passwd",
        ".git/config",
        "media",
        "media/a.mp4",
        "link",
        "assets/final",
        "a/b",
    ),
    *("**/*", "*", "[", "^(a+)+$", "a" * 500, "\u202e", "::error::x", "\x1b[31m", "2024-01-01", "1.10", "\u00e9"),
    *([], {}, [[]], [{}], {"": 1}, {"$env": "${env.HUSH}"}, {"$ref": "#"}, {"x": {"y": []}}, ["a", "a"], [None]),
    *({"file": "roster.csv"}, {"from": "x", "to": "y"}, {"default": {}}, {"name": "m"}, {"allOf": [{"$ref": "#"}]}),
    *({"enum": []}, {"pattern": "("}, {"not": {"const": "${env.HUSH}"}}, {"minLength": -1}, {"maxLength": "x"}),
)
KEYS = (
    *(
        "assets",
        "metadata",
        "files",
        "file",
        "url",
        "id",
        "external",
        "metadata_from",
        "metadata_schema",
        "models",
        "name",
    ),
    *(
        "entities",
        "entities_from",
        "include",
        "moved",
        "removed",
        "stack",
        "variables",
        "$ref",
        "$id",
        "enum",
        "type",
        "x",
    ),
    *(
        "properties",
        "patternProperties",
        "unevaluatedProperties",
        "dependentSchemas",
        "contains",
        "uniqueItems",
        "if",
        "env",
    ),
)
WORDS = (
    *(
        "stack: s\n",
        "provider: twelvelabs\n",
        "assets:\n",
        "  a: ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ": ",
        "- ",
        "\n",
        "? ",
        ">",
        "|",
    ),
    *(
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "---\n",
        "%YAML 1.1\n",
        "...\n",
        "null",
        "yes",
        "1_0",
        "0x1",
        "'",
        '"',
        "\t",
        "\0",
        "#",
    ),
    *(
        "metadata: ",
        "${season}",
        "${env.HUSH}",
        "${",
        "include: [",
        "'*.yaml'",
        "url: https://x",
        "file: media/a.mp4",
        "id: ",
    ),
)


def bytes_damaged(random: Random) -> dict[str, bytes]:
    broken = {random.choice(list(FILES)) for _ in range(2)}
    return {name: damaged(data, random) if name in broken else data for name, data in FILES.items()}


def values_exchanged(random: Random) -> dict[str, bytes]:
    name = random.choice(["stack.yaml", "stack.yaml", "stack.yaml", "schema.json", "others.jsonl", "media/b.json"])
    lines = FILES[name].decode().splitlines() if name.endswith("l") and "json" in name else [FILES[name].decode()]
    changed = []
    for line in lines:
        value = yaml.safe_load(line)
        for _ in range(random.choice((1, 1, 2, 5))):
            exchanged(value, random)
        changed.append(json.dumps(value))
    return {**FILES, name: "\n".join(changed).encode()}


def exchanged(value: Any, random: Random) -> None:
    """One place in the value holds something else, or is called something else."""
    places: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    todo = [value]
    while todo:
        inner = todo.pop()
        if isinstance(inner, (dict, list)) and id(inner) not in seen:
            seen.add(id(inner))
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            places += [(inner, key) for key in keys]
            todo += [inner[key] for key in keys]
    if not places:
        return
    box, key = random.choice(places)
    if isinstance(box, dict) and random.random() < 0.3:
        box[random.choice(KEYS)] = box.pop(key) if random.random() < 0.5 else deepcopy(random.choice(VALUES))
    else:
        box[key] = deepcopy(random.choice(VALUES))


def words_strung(random: Random) -> dict[str, bytes]:
    text = "".join(random.choices(WORDS, k=random.randint(1, 40)))
    return {**FILES, random.choice(["stack.yaml", "parts/more.yaml", "media/a.yaml"]): text.encode()}


def things_in_the_way(random: Random) -> dict[str, bytes]:
    return dict(FILES)


def put_in_the_way(directory: Path, random: Random) -> None:
    """A link, a directory, a FIFO, or nothing, where a file is expected."""
    path = directory / random.choice(list(FILES))
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    match random.randrange(7):
        case 0:
            path.mkdir()
        case 1:
            os.mkfifo(path)
        case 2:
            path.symlink_to(random.choice(["/etc/passwd", "/dev/zero", "../outside", "/proc/self/environ"]))
        case 3:
            path.symlink_to(path.name)
        case 4:
            (directory / ".git").mkdir(exist_ok=True)
            (directory / ".git/config").write_text(SECRET)
            path.symlink_to(os.path.relpath(directory / ".git/config", path.parent))
        case 5:
            path.symlink_to(os.path.relpath(directory / random.choice(list(FILES)), path.parent))
        case _:
            path.with_name("\udcff.yaml" if path.suffix == ".yaml" else "\udcff.mp4").write_bytes(b"")


def laid_out(files: dict[str, bytes], directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    lay_out(directory, files)


WAYS: dict[str, Callable[[Random], dict[str, bytes]]] = {
    "damaged": bytes_damaged,
    "exchanged": values_exchanged,
    "words": words_strung,
    "in-the-way": things_in_the_way,
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_stack_holds_it_is_loaded_or_refused_with_words(way: str, tmp_path: Path) -> None:
    loaded = 0
    for random, seed in inputs(f"loader-{way}", 60):
        laid_out(WAYS[way](random), tmp_path / "stack")
        if way == "in-the-way":
            put_in_the_way(tmp_path / "stack", random)
        with bounded(seed):
            said = outcome(tmp_path / "stack")
            loaded += said == ""
            assert SECRET not in said
            assert all(len(line) < 2_000 for line in said.splitlines())
            said.encode("utf-8", "strict" if way != "in-the-way" else "surrogateescape")
    assert loaded or "FUZZ_ONLY" in os.environ or way == "words"


def outcome(directory: Path) -> str:
    """What is said of a stack; "" if it was loaded."""
    try:
        load(directory, environ={"HUSH": SECRET, "TWELVELABS_API_KEY": SECRET}, allow_env=["*"], display=Path())
    except (Invalid, ReconcilerError) as error:
        return str(error) or "nothing"
    return ""
