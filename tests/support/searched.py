"""A stack of films in one index, which says how it is replaced, and of two queries that it has to answer."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["searched"]


def searched(
    stack: str, names: Sequence[str], options: str, how: str, *, url: str = "https://example.com", goal: str = "goal"
) -> str:
    """The YAML; the index looks at these options, the second query is `goal`."""
    return f"""\
stack: {stack}
provider: twelvelabs
assets:
{"".join(f'  {name}: {{url: "{url}/{name}.mp4"}}{chr(10)}' for name in names)}\
indexes:
  catalog:
    models: [{{name: marengo3.0, options: {options}}}]
    replace: {how}
    assets: {{{", ".join(f"{name}: {{metadata: {{of: {name}}}}}" for name in names)}}}
checks:
  goals:
    in: indexes/catalog
    k: 1
    options: [visual]
    allow: {{recall: 0.1}}
    queries:
      dunk: {{text: dunks, expect: [lebron_dunks]}}
      goal: {{text: {goal}, expect: [final_goal]}}
"""
