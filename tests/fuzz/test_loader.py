"""The loader, on whatever a pull request may hold: Invalid with places and without secrets, or a stack."""

from __future__ import annotations

from pathlib import Path
from random import Random

from reconciler.errors import Invalid
from reconciler.load import load
from tests.fuzz import bounded, damaged, inputs

SECRET = "s3cr3t-hush"
STACK = b"""\
stack: archive
provider: twelvelabs
variables: {season: {default: 2024}, tags: {default: [a, b]}}
include: [parts/*.yaml]
metadata_schema: {properties: {season: {type: integer, minimum: 1900}, tag: {pattern: "^[a-z]+$"}}}
assets:
  final: {url: "https://example.com/${season}.mp4", metadata: {season: "${season}", token: "${env.HUSH}"}}
  clips: {files: "media/*.mp4", metadata_from: sidecar}
  shot: {file: media/a.mp4, ignore: [metadata.rating], protect: true}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets: {final: {metadata: {rating: 9.3}}, clips: {}}
entity_collections:
  players:
    entities_from:
      file: roster.csv
      key: slug
      fields: {name: full, assets: photos, metadata.no: {column: no, type: integer}}
    entities: {lebron: &l {name: LeBron, assets: [final]}, other: *l}
moved: [{from: assets/old, to: assets/final}]
removed: [assets/gone]
guards: {max_deletes: 5}
"""
FILES = {
    "stack.yaml": STACK,
    "parts/more.yaml": b"assets: {more: {url: 'https://example.com/${season}', metadata_from: x.csv}}\n",
    "roster.csv": b'slug,full,photos,no\nlbj,LeBron James,final;shot,23\nmj,"Jordan, Michael",final,45\n',
    "media/a.mp4": b"media",
    "media/a.yaml": b"{league: nba, season: 2024}\n",
}


def laid_out(random: Random, directory: Path) -> None:
    """The files with one or two of them damaged."""
    broken = {random.choice(list(FILES)) for _ in range(2)}
    for name, data in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(damaged(data, random) if name in broken else data)


def test_whatever_a_stack_holds_it_is_loaded_or_refused_with_words(tmp_path: Path) -> None:
    for random, seed in inputs("loader", 150):
        laid_out(random, tmp_path)
        with bounded(seed):
            try:
                load(tmp_path, environ={"HUSH": SECRET}, allow_env=["HUSH"], display=Path())
            except Invalid as error:
                assert SECRET not in str(error)
