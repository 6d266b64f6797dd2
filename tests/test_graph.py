"""The graph of a stack: every resource, every reference, in forms that Mermaid and Graphviz read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import cli
from reconciler.providers.twelvelabs import KINDS
from reconciler.reports.graph import graph
from tests.support.planning import stack_of

STACK: dict[str, dict[str, Any]] = {
    "assets": {"final": {"file": "final.mp4"}, "face": {"file": "face.jpg"}},
    "indexes": {
        "catalog": {"models": [{"name": "marengo3.0"}], "assets": {"final": {}}},
        "shared": {"external": True, "name": "shared"},
    },
    "entity_collections": {"players": {"entities": {"lebron": {"assets": ["face"]}}}},
}
MERMAID = """\
flowchart LR
  subgraph Asset
    n0["face"]
    n1["final"]
  end
  subgraph EntityCollection
    n2["players"]
  end
  subgraph Entity
    n3["players / lebron"]
  end
  subgraph Index
    n4["catalog"]
    n6["shared"]:::external
  end
  subgraph IndexedAsset
    n5["catalog / final"]
  end
  n3 -.-> n2
  n3 --> n0
  n5 -.-> n4
  n5 --> n1
  classDef external stroke-dasharray: 4 3"""
DOT = """\
digraph "s" {
  rankdir=LR
  node [shape=box]
  subgraph cluster_Asset {
    label="Asset"
    "assets/face" [label="face"]
    "assets/final" [label="final"]
  }
  subgraph cluster_EntityCollection {
    label="EntityCollection"
    "entity_collections/players" [label="players"]
  }
  subgraph cluster_Entity {
    label="Entity"
    "entity_collections/players/entities/lebron" [label="players / lebron"]
  }
  subgraph cluster_Index {
    label="Index"
    "indexes/catalog" [label="catalog"]
    "indexes/shared" [label="shared", style=dashed]
  }
  subgraph cluster_IndexedAsset {
    label="IndexedAsset"
    "indexes/catalog/assets/final" [label="catalog / final"]
  }
  "entity_collections/players/entities/lebron" -> "entity_collections/players" [style=dotted]
  "entity_collections/players/entities/lebron" -> "assets/face"
  "indexes/catalog/assets/final" -> "indexes/catalog" [style=dotted]
  "indexes/catalog/assets/final" -> "assets/final"
}"""


@pytest.mark.parametrize(("form", "text"), [("mermaid", MERMAID), ("dot", DOT)])
def test_every_resource_and_reference_is_in_the_graph(form: str, text: str) -> None:
    assert graph(stack_of(STACK), KINDS, form) == text


@pytest.mark.parametrize(
    ("form", "arrow"),
    [("mermaid", "  n3 ==> n0"), ("dot", '  "indexes/catalog/assets/final" -> "analyses/topics/final" [style=bold]')],
)
def test_a_value_of_a_result_is_an_arrow(form: str, arrow: str) -> None:
    values = {"topic": {"from": "analyses/topics"}, "again": {"from": "analyses/topics"}}
    stack = {
        "assets": {"final": {"file": "final.mp4"}},
        "analyses": {"topics": {"of": "final", "model": "pegasus1.5", "prompt": "What?"}},
        "indexes": {"catalog": {"models": [{"name": "marengo3.0"}], "assets": {"final": {"metadata": values}}}},
    }

    lines = graph(stack_of(stack), KINDS, form).splitlines()

    assert lines.count(arrow) == 1, lines


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_the_order_of_keys_changes_nothing(form: str) -> None:
    turned = {section: dict(reversed(declared.items())) for section, declared in reversed(STACK.items())}

    assert graph(stack_of(turned), KINDS, form) == graph(stack_of(STACK), KINDS, form)


def test_the_command_needs_no_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text('stack: s\nprovider: twelvelabs\nassets: {a: {url: "https://example.com/a"}}\n')

    cli.main(["graph", str(tmp_path), "--format", "dot"], standalone_mode=False)

    assert '"assets/a" [label="a"]' in capsys.readouterr().out
