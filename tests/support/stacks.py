"""Two versions of one stack: from nothing to V1 and on to V2 every kind is made, changed, replaced, moved, deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

V1: Mapping[str, str | bytes] = {
    "stays.mp4": b"stays",
    "changes.mp4": b"one",
    "face.jpg": b"face one",
    "goes.mp4": b"goes",
    "same.mp4": b"same bytes under another key",
    "stack.yaml": """\
stack: crash
provider: twelvelabs
assets:
  stays: {file: stays.mp4, metadata: {count: 1, gone: soon}}
  changes: {file: changes.mp4, metadata: {kept: true}}
  face: {file: face.jpg}
  goes: {file: goes.mp4}
  old-name: {file: same.mp4}
indexes:
  first:
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets:
      stays: {metadata: {rating: 1}}
      changes: {}
  remodelled:
    models: [{name: marengo3.0, options: [visual]}]
    assets: {stays: {}}
  dropped:
    models: [{name: marengo3.0}]
    assets: {goes: {}}
entity_collections:
  people:
    description: version one
    entities:
      ann: {assets: [face], metadata: {team: red}}
      bob: {assets: [face, old-name]}
      leaves: {assets: [face]}
""",
}

V2: Mapping[str, str | bytes] = {
    "changes.mp4": b"two, and longer",
    "face.jpg": b"face two",
    "large.mp4": bytes(range(200)),
    "stack.yaml": """\
stack: crash
provider: twelvelabs
assets:
  stays: {file: stays.mp4, metadata: {count: 2}}
  changes: {file: changes.mp4, metadata: {kept: true}}
  face: {file: face.jpg}
  new-name: {file: same.mp4}
  added: {url: "https://example.com/added.mp4"}
  large: {file: large.mp4, metadata: {size: large}}
indexes:
  first:
    name: renamed
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets:
      stays: {metadata: {rating: 2}}
      changes: {}
      added: {}
      large: {}
  remodelled:
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets: {stays: {}}
  fresh:
    models: [{name: marengo3.0}]
    assets: {added: {metadata: {x: 1}}}
entity_collections:
  people:
    description: version two
    entities:
      ann: {assets: [face], metadata: {team: blue}}
      bob: {assets: [new-name]}
      cat: {assets: [face]}
      dan: {assets: [face, new-name], metadata: {team: red}}
      eve: {assets: [new-name]}
  things:
    entities:
      ball: {name: The ball, assets: [face]}
""",
}

Account = Counter[tuple[str, str]]

IN_V1: Account = Counter(
    {
        ("asset", "stays.mp4"): 1,
        ("asset", "changes.mp4"): 1,
        ("asset", "face.jpg"): 1,
        ("asset", "goes.mp4"): 1,
        ("asset", "same.mp4"): 1,
        ("index", "first"): 1,
        ("index", "remodelled"): 1,
        ("index", "dropped"): 1,
        ("indexed_asset", "stays.mp4"): 2,
        ("indexed_asset", "changes.mp4"): 1,
        ("indexed_asset", "goes.mp4"): 1,
        ("entity_collection", "people"): 1,
        ("entity", "ann"): 1,
        ("entity", "bob"): 1,
        ("entity", "leaves"): 1,
    }
)

IN_V2: Account = Counter(
    {
        ("asset", "stays.mp4"): 1,
        ("asset", "changes.mp4"): 1,
        ("asset", "face.jpg"): 1,
        ("asset", "same.mp4"): 1,
        ("asset", "added.mp4"): 1,
        ("asset", "large.mp4"): 1,
        ("index", "renamed"): 1,
        ("index", "remodelled"): 1,
        ("index", "fresh"): 1,
        ("indexed_asset", "stays.mp4"): 2,
        ("indexed_asset", "changes.mp4"): 1,
        ("indexed_asset", "added.mp4"): 2,
        ("indexed_asset", "large.mp4"): 1,
        ("entity_collection", "people"): 1,
        ("entity_collection", "things"): 1,
        ("entity", "ann"): 1,
        ("entity", "bob"): 1,
        ("entity", "cat"): 1,
        ("entity", "dan"): 1,
        ("entity", "eve"): 1,
        ("entity", "The ball"): 1,
    }
)

STRANGERS: Mapping[str, str | bytes] = {
    "stays.mp4": b"stays",
    "face.jpg": b"face one",
    "stack.yaml": """\
stack: strangers
provider: twelvelabs
assets:
  stays: {file: stays.mp4}
  face: {file: face.jpg}
indexes:
  theirs: {models: [{name: marengo3.0}], assets: {stays: {}}}
entity_collections:
  people: {entities: {ann: {assets: [face]}}}
""",
}
"""Another stack in the same account, with the same keys and file names."""

OF_STRANGERS: Account = Counter(
    {
        ("asset", "stays.mp4"): 1,
        ("asset", "face.jpg"): 1,
        ("index", "theirs"): 1,
        ("indexed_asset", "stays.mp4"): 1,
        ("entity_collection", "people"): 1,
        ("entity", "ann"): 1,
    }
)


def many(count: int) -> dict[str, str | bytes]:
    """A stack of `count` assets, all indexed, and as many entities."""
    files: dict[str, str | bytes] = {f"media/{n}.mp4": f"bytes of {n}" for n in range(count)}
    lines = ["stack: many", "provider: twelvelabs", "assets:"]
    lines += [f"  a{n}: {{file: media/{n}.mp4}}" for n in range(count)]
    lines += ["indexes:", "  one:", "    models: [{name: marengo3.0}]", "    assets:"]
    lines += [f"      a{n}: {{}}" for n in range(count)]
    lines += ["entity_collections:", "  all:", "    entities:"]
    lines += [f"      e{n}: {{assets: [a{n}]}}" for n in range(count)]
    return files | {"stack.yaml": "\n".join(lines) + "\n"}


TWO_MATCHES = """\
stack: s
provider: twelvelabs
assets:
  final: {url: "https://example.com/one/match.mp4"}
  semi: {url: "https://example.com/two/match.mp4"}
"""
"""The head of a stack of two assets whose file names are the same: results tell them apart by their content."""
