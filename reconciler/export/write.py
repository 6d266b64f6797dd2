"""YAML as a person would write it, in a form that every reader of YAML takes for the same. Pure: names and texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.export.pick import Declared, Picked
from reconciler.kinds import Kinds
from reconciler.model import Stack, parent_of
from reconciler.version import __version__

__all__ = ["SCHEMAS", "files_of", "scalar"]

SCHEMAS = ".schemas"
"""The directory that the header line for editors names."""
PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9])?")
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
COLUMNS = 110
NO_STAMPS = """# Nothing in the account was marked as this stack's, nor will be while this line is here: keep the state.
# Take it out, and the next plan shows which objects get the marks from which a lost state can be rebuilt.
stamps: false
"""


def files_of(stack: Stack, kinds: Kinds, picked: Picked) -> dict[str, str]:
    """name → text: the stack itself, and a file for each section that has anything in it."""
    header = f"# yaml-language-server: $schema={SCHEMAS}/{stack.provider}.json\n"
    head = f"{header}# Exported from the account by reconciler {__version__}.\n"
    main = f"{head}stack: {scalar(stack.name)}\nprovider: {stack.provider}\n"
    newer = sorted(set(_unlisted(picked.declared, kinds)))
    main += f"allow_models: {_flow(newer)}\n" if newer else ""
    files = {"stack.yaml": main if picked.marked else f"{main}\n{NO_STAMPS}"}
    children: dict[str, list[Declared]] = {}
    for it in picked.declared:
        children.setdefault(parent_of(it.address) or "", []).append(it)
    for kind in kinds.roots:
        if own := [it for it in children.get("", []) if it.live.kind == kind.__name__]:
            lines = [f"{kind.section}:"]
            for it in own:
                lines += [*_entry(it, kinds, children, 1), ""]
            files[f"{kind.section}.yaml"] = header + "\n".join(lines[:-1]) + "\n"
    return files


def _unlisted(declared: Sequence[Declared], kinds: Kinds) -> Iterator[str]:
    """Names in the account that our list of known ones lacks, so that the stack has to list them."""
    for it in declared:
        for name, value in it.fields.items():
            part = kinds[it.live.kind].specs[name].part
            for inner, field in part.parts.items() if part and isinstance(value, list) else ():
                known = field.known.names if field.known else None
                yield from (item[inner] for item in value if known is not None and item[inner] not in known)


def _entry(it: Declared, kinds: Kinds, children: Mapping[str, Sequence[Declared]], depth: int) -> Iterator[str]:
    """One resource, and what lives in it."""
    space, inner = "  " * depth, "  " * (depth + 1)
    yield f"{space}{key(it.address.rpartition('/')[2])}:"
    yield f"{inner}id: {quoted(it.live.id)}"
    if it.external:
        yield f"{inner}external: true"
    for name, value in it.fields.items():
        yield from _value(name, value, inner)
    if it.ignore:
        yield from _value("ignore", list(it.ignore), inner)
    for kind in kinds.children(kinds[it.live.kind]):
        below = [child for child in children.get(it.address, ()) if child.live.kind == kind.__name__]
        if below:
            yield f"{inner}{kind.section}:"
            for child in below:
                yield from _entry(child, kinds, children, depth + 2)


def _value(name: str, value: Any, space: str) -> Iterator[str]:
    """A field on one line if it fits, else an item a line."""
    line = f"{space}{key(name)}: {_flow(value)}"
    if len(line) <= COLUMNS or not isinstance(value, Mapping | list):
        yield line
        return
    yield f"{space}{key(name)}:"
    if isinstance(value, Mapping):
        for word, item in value.items():
            yield f"{space}  {key(word)}: {_flow(item)}"
    else:
        yield from (f"{space}  - {_flow(item)}" for item in value)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key(word)}: {_flow(item)}" for word, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A string in quotes unless no reader can take it for anything else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return quoted(value)


def key(name: str) -> str:
    """A key: nothing in it stands for a variable."""
    return name if PLAIN.fullmatch(name) and name.lower() not in WORDS else _in_quotes(name)


def quoted(value: str) -> str:
    """A string in double quotes; `${` is written so that it stays."""
    return _in_quotes(value.replace("${", "$${"))


def _in_quotes(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
