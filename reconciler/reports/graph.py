"""What a stack declares, and what refers to what, as a graph: Mermaid for Markdown, dot for Graphviz.

An arrow points to what something needs: dotted to what it lives in, plain to what it refers to, thick to the result of
which it is given a value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.model import Resource, Stack, by_kind, key_of, parent_of
from reconciler.redact import plain

__all__ = ["FORMATS", "Edge", "graph", "needs_of"]

Edge = tuple[str, str, str]
"""From, to, and how: `in`, `ref` or `value`."""
FEW = 50
"""Of more addresses than this a picture is not looked at but searched."""
ARROWS: Mapping[str, tuple[str, str]] = {
    "in": ("-.->", " [style=dotted]"),
    "ref": ("-->", ""),
    "value": ("==>", " [style=bold]"),
}
"""How → in Mermaid, in dot."""


def graph(stack: Stack, kinds: Kinds, form: str) -> str:
    """The graph of the declared resources, the same for the same stack whatever the order of its files and keys."""
    resources = dict(sorted(stack.resources.items(), key=lambda item: item[0].split("/")))
    edges = [edge for resource in resources.values() for edge in _edges(kinds[resource.kind], resource)]
    return "\n".join(FORMATS[form](stack.name, resources, edges))


def needs_of(stack: Stack, kinds: Kinds, most: int = FEW) -> tuple[tuple[str, ...], tuple[Edge, ...]]:
    """(all addresses, what each needs) of a stack of which a picture can be looked at; nothing of a larger one."""
    if len(stack.resources) > most:
        return (), ()
    resources = dict(sorted(stack.resources.items(), key=lambda item: item[0].split("/")))
    edges = (edge for resource in resources.values() for edge in _edges(kinds[resource.kind], resource))
    return tuple(resources), tuple(edge for edge in edges if edge[1] in resources)


def _edges(kind: type[Kind], resource: Resource) -> Iterator[Edge]:
    if parent := parent_of(resource.address):
        yield resource.address, parent, "in"
    for field in kind.refs():
        yield from ((resource.address, address, "ref") for address in sorted(field.named_in(resource.fields)))
    of = {resource.fields[name][key].address for name, key in resource.laters}
    yield from ((resource.address, address, "value") for address in sorted(of))


def _mermaid(name: str, resources: Mapping[str, Resource], edges: Sequence[Edge]) -> Iterator[str]:
    ids = {address: f"n{number}" for number, address in enumerate(resources)}
    yield "flowchart LR"
    for kind, group in by_kind(resources.values()).items():
        yield f"  subgraph {kind}"
        for resource in group:
            text = _in_mermaid(_label(resource))
            yield f'    {ids[resource.address]}["{text}"]' + (":::external" if resource.external else "")
        yield "  end"
    for source, target, how in edges:
        yield f"  {ids[source]} {ARROWS[how][0]} {ids[target]}"
    if any(resource.external for resource in resources.values()):
        yield "  classDef external stroke-dasharray: 4 3"


def _dot(name: str, resources: Mapping[str, Resource], edges: Sequence[Edge]) -> Iterator[str]:
    yield f"digraph {_quoted(name)} {{"
    yield "  rankdir=LR"
    yield "  node [shape=box]"
    for kind, group in by_kind(resources.values()).items():
        yield f"  subgraph cluster_{kind} {{"
        yield f"    label={_quoted(kind)}"
        for resource in group:
            style = ", style=dashed" if resource.external else ""
            yield f"    {_quoted(resource.address)} [label={_quoted(_label(resource))}{style}]"
        yield "  }"
    for source, target, how in edges:
        yield f"  {_quoted(source)} -> {_quoted(target)}{ARROWS[how][1]}"
    yield "}"


def _quoted(text: str) -> str:
    return json.dumps(plain(text), ensure_ascii=False)


def _in_mermaid(text: str) -> str:
    """What would end the label, or be Markdown, HTML or an entity in it, as an entity."""
    return "".join(f"#{ord(char)};" if char in '"#<>&`' else char for char in text)


def _label(resource: Resource) -> str:
    """What is read in the box: the key, after that of what it lives in."""
    parent = parent_of(resource.address)
    return plain(f"{key_of(parent)} / {key_of(resource.address)}" if parent else key_of(resource.address))


FORMATS: Mapping[str, Callable[[str, Mapping[str, Resource], Sequence[Edge]], Iterator[str]]] = {
    "mermaid": _mermaid,
    "dot": _dot,
}
